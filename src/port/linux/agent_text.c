/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/agent_text.h"

#include <string.h>

/* Puts NULs behind the words; false: a quote is not closed, or a byte is no printable ASCII. */
static bool cut(pqi_agent_line *l, const char **wrong)
{
    bool quoted = false, inside = false;
    for (char *p = l->text; *p != '\0'; p++) {
        if ((*p < 0x20 && *p != '\t') || *p > 0x7e) {
            *wrong = "a byte that is no printable ASCII";
            return false;
        }
        if (!quoted && *p == '#') {
            *p = '\0';
            break;
        }
        if (!quoted && (*p == ' ' || *p == '\t')) {
            *p = '\0';
            inside = false;
            continue;
        }
        if (!inside) {
            if (l->n == PQI_AGENT_WORDS) {
                *wrong = "too many words";
                return false;
            }
            l->word[l->n++].value = p;
            inside = true;
        }
        quoted = *p == '\'' ? !quoted : quoted;
    }
    *wrong = "a quote is not closed";
    return !quoted;
}

bool pqi_agent_split(const char *line, size_t len, pqi_agent_line *out, const char **wrong)
{
    memset(out, 0, sizeof *out);
    if (len >= sizeof out->text || memchr(line, '\0', len) != NULL) {
        *wrong = "the line is too long or holds a NUL";
        return false;
    }
    memcpy(out->text, line, len);
    if (!cut(out, wrong)) {
        return false;
    }
    for (size_t i = 0; i < out->n; i++) {
        pqi_agent_word *w = &out->word[i];
        char *at = out->text + (w->value - out->text);
        char *eq = strchr(at, '=');
        char *quote = strchr(at, '\'');
        w->name = "";
        if (eq != NULL && (quote == NULL || eq < quote)) {
            *eq = '\0';
            w->name = at;
            w->value = eq + 1;
            if (at == eq) {
                *wrong = "a value without a name";
                return false;
            }
        }
    }
    return true;
}

bool pqi_agent_item(const char **rest, char *out, size_t room)
{
    const char *p = *rest;
    size_t n = 0;
    if (p == NULL || *p == '\0') {
        return false;
    }
    *rest = NULL;
    bool quoted = *p == '\'';
    p += quoted ? 1 : 0;
    for (; *p != '\0' && *p != (quoted ? '\'' : ','); p++) {
        if (n + 1 >= room || *p == '\'') {
            return false;
        }
        out[n++] = *p;
    }
    out[n] = '\0';
    if (quoted) {
        if (*p != '\'') {
            return false;
        }
        p++;
    }
    if (n == 0 || (*p != '\0' && *p != ',') || (*p == ',' && p[1] == '\0')) {
        return false;
    }
    *rest = *p == ',' ? p + 1 : p;
    return true;
}

bool pqi_agent_one(const char *value, char *out, size_t room)
{
    return pqi_agent_item(&value, out, room) && *value == '\0';
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

bool pqi_agent_number(const char *text, uint64_t max, uint64_t *out)
{
    unsigned base = 10;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    uint64_t v = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        unsigned d = (unsigned)digit(*text);
        if (d >= base || v > (max - (d < max ? d : max)) / base || (d > max)) {
            return false;
        }
        v = v * base + d;
    }
    *out = v;
    return v <= max;
}
