/* SPDX-License-Identifier: Apache-2.0
 * Words of others that stand in a message: none of them steers the terminal. */
#include "cli.h"
#include "inspect.h"

#include <string.h>

/* Bytes of one UTF-8 character and its value; 0: malformed. Overlong forms count as malformed. */
size_t pqi_inspect_utf8(const uint8_t *s, size_t left, uint32_t *cp)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > left) {
        return 0;
    }
    *cp = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 2) {
            return 0;
        }
        *cp = *cp << 6 | (s[i] & 0x3fu);
    }
    bool surrogate = *cp >= 0xd800 && *cp <= 0xdfff;
    return *cp < least[n] || *cp > 0x10ffff || surrogate ? 0 : n;
}

/* Characters that steer a terminal or hide text: C0, DEL, C1, zero-width and direction marks, line
 * and paragraph separators, tags. */
bool pqi_inspect_harmless(uint32_t cp)
{
    bool control = cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
    bool hidden = cp == 0xad || cp == 0x61c || cp == 0xfeff || (cp >= 0x200b && cp <= 0x200f) ||
                  (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
                  (cp >= 0xfff9 && cp <= 0xfffb) || (cp >= 0xe0000 && cp <= 0xe0fff);
    return !control && !hidden;
}

void pqi_cli_plain(char *text)
{
    size_t left = strlen(text);
    while (left != 0) {
        uint32_t cp = 0;
        size_t n = pqi_inspect_utf8((const uint8_t *)text, left, &cp);
        const bool good = n != 0 && (cp == '\t' || pqi_inspect_harmless(cp));
        n = n != 0 ? n : 1;
        if (!good) {
            memset(text, '?', n);
        }
        text += n;
        left -= n;
    }
}
