/* SPDX-License-Identifier: Apache-2.0
 * Output, verdicts and buffers of the target's test programs. */
#include "target.h"

static unsigned failures;
static size_t taken;

size_t tgt_text_len(const char *text)
{
    size_t n = 0;
    while (text[n] != 0) {
        n++;
    }
    return n;
}

bool tgt_same_text(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] != 0 && a[i] == b[i]) {
        i++;
    }
    return a[i] == b[i];
}

bool tgt_starts(const char *text, const char *with)
{
    size_t i = 0;
    while (with[i] != 0 && text[i] == with[i]) {
        i++;
    }
    return with[i] == 0;
}

unsigned tgt_number(const char *text)
{
    unsigned v = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        v = v * 10u + (unsigned)(*text - '0');
    }
    return v;
}

bool tgt_same(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static void number(uint32_t v)
{
    char text[11];
    size_t i = sizeof text - 1;
    text[i] = 0;
    do {
        text[--i] = (char)('0' + v % 10u);
        v /= 10u;
    } while (v != 0);
    tgt_puts(text + i);
}

void tgt_ok(bool ok, const char *name, const char *what)
{
    if (!ok) {
        failures++;
        tgt_puts("not ");
    }
    tgt_puts("ok ");
    tgt_puts(name);
    tgt_puts(what[0] != 0 ? " " : "");
    tgt_puts(what);
    tgt_puts("\n");
}

void tgt_skip(const char *name, const char *reason, size_t needs, size_t has)
{
    tgt_puts("skip ");
    tgt_puts(name);
    tgt_puts(": ");
    tgt_puts(reason);
    if (needs != 0) {
        tgt_puts(" ");
        number((uint32_t)needs);
        tgt_puts(" bytes, there are ");
        number((uint32_t)has);
    }
    tgt_puts("\n");
}

void tgt_figure(const char *op, const char *unit, uint32_t value)
{
    tgt_puts("figure ");
    tgt_puts(op);
    tgt_puts(" ");
    tgt_puts(unit);
    tgt_puts(" ");
    number(value);
    tgt_puts("\n");
}

void tgt_digest(const char *name, pqi_cspan digest)
{
    static const char digits[] = "0123456789abcdef";
    tgt_puts("digest ");
    tgt_puts(name);
    tgt_puts(" ");
    for (size_t i = 0; i < digest.len; i++) {
        const char pair[3] = {digits[digest.ptr[i] >> 4], digits[digest.ptr[i] & 15], 0};
        tgt_puts(pair);
    }
    tgt_puts("\n");
}

unsigned tgt_failures(void)
{
    return failures;
}

void tgt_reset_arena(void)
{
    taken = 0;
}

pqi_span tgt_rest(void)
{
    pqi_span all = tgt_memory();
    return (pqi_span){all.ptr + taken, all.len - taken};
}

pqi_span tgt_take(size_t len)
{
    pqi_span rest = tgt_rest();
    if (len > rest.len || ((len + 7u) & ~(size_t)7u) > rest.len) {
        return (pqi_span){NULL, 0};
    }
    taken += (len + 7u) & ~(size_t)7u;
    return (pqi_span){rest.ptr, len};
}

/* Numerical Recipes' linear congruential generator: any fixed sequence would do. */
void tgt_fill(pqi_span out, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 1u;
    for (size_t i = 0; i < out.len; i++) {
        x = x * 1664525u + 1013904223u;
        out.ptr[i] = (uint8_t)(x >> 24);
    }
}

bool tgt_is_hex(const uint8_t digest[32], const char *hex)
{
    for (size_t i = 0; i < 64; i++) {
        const unsigned v = i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15u;
        if (hex[i] != "0123456789abcdef"[v]) {
            return false;
        }
    }
    return hex[64] == 0;
}
