/* SPDX-License-Identifier: Apache-2.0
 * One line of text: hex digits, alone or behind a topic. */
#include "inspect.h"

#include <string.h>

#define HEAD 64u /* bytes that are looked at to tell text from binary */

bool pqi_inspect_is_text(pqi_cspan head)
{
    for (size_t i = 0; i < head.len && i < HEAD && head.ptr[i] != '\n'; i++) {
        uint8_t b = head.ptr[i];
        if ((b < 0x20 && b != '\t' && b != '\r') || b == 0x7f) {
            return false;
        }
    }
    return true;
}

static int nibble(uint8_t b)
{
    if (b >= '0' && b <= '9') {
        return b - '0';
    }
    b |= 0x20;
    return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static bool is_blank(uint8_t b)
{
    return b == ' ' || b == '\t' || b == '\r';
}

static bool is_hex(pqi_cspan word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (nibble(word.ptr[i]) < 0) {
            return false;
        }
    }
    return true;
}

static pqi_cspan next_word(pqi_cspan *rest)
{
    while (rest->len > 0 && is_blank(rest->ptr[0])) {
        rest->ptr++;
        rest->len--;
    }
    pqi_cspan word = {rest->ptr, 0};
    while (word.len < rest->len && !is_blank(rest->ptr[word.len])) {
        word.len++;
    }
    rest->ptr += word.len;
    rest->len -= word.len;
    return word;
}

/* Hex in groups: every word hex of even length, none longer than the first. So "cafe 8568..." is a
 * topic and an object, "cafe 8568" is four bytes. */
static bool is_grouped(pqi_cspan line)
{
    pqi_cspan rest = line, first = next_word(&rest);
    for (pqi_cspan w = first; w.len != 0; w = next_word(&rest)) {
        if (!is_hex(w) || w.len % 2 != 0 || w.len > first.len) {
            return false;
        }
    }
    return true;
}

/* Digits to bytes over themselves; the digits are at or behind the bytes that they become. */
static size_t decode(pqi_span text)
{
    size_t n = 0;
    int high = -1;
    for (size_t i = 0; i < text.len; i++) {
        int v = nibble(text.ptr[i]);
        if (v < 0) {
            continue; /* a blank between groups */
        }
        if (high < 0) {
            high = v;
        } else {
            text.ptr[n++] = (uint8_t)(high * 16 + v);
            high = -1;
        }
    }
    return n;
}

const char *pqi_inspect_split(pqi_span line, pqi_inspect_line *out)
{
    const pqi_cspan whole = {line.ptr, line.len};
    size_t begin = 0;
    memset(out, 0, sizeof *out);
    while (line.len > 0 && (is_blank(line.ptr[line.len - 1]) || line.ptr[line.len - 1] == '\n')) {
        line.len--;
    }
    if (!is_grouped((pqi_cspan){line.ptr, line.len})) {
        for (begin = line.len; begin > 0 && !is_blank(line.ptr[begin - 1]); begin--) {
        }
        pqi_cspan last = {line.ptr + begin, line.len - begin};
        bool ends = line.len < whole.len && line.ptr[line.len] == ' ';
        if (begin == 0 && ends) {
            out->topic = last; /* a topic, and an empty payload behind its space */
            return NULL;
        }
        if (!is_hex(last)) {
            return "is neither one of our objects, nor hex, nor a topic and hex";
        }
        if (last.len % 2 != 0) {
            return "has an odd number of hex digits";
        }
        out->topic = (pqi_cspan){line.ptr, begin != 0 ? begin - 1 : 0};
    }
    out->bytes.ptr = line.ptr + begin;
    out->bytes.len = decode((pqi_span){line.ptr + begin, line.len - begin});
    return NULL;
}
