/* SPDX-License-Identifier: Apache-2.0
 * Leaks on purpose: tools/ct-check fails when valgrind does not report `index` and `branch`, and
 * when it reports `masked`. The volatile objects keep the leaks in every build. */
#include "ct/ct.h"
#include "ct/secret.h"

#include <string.h>

static volatile uint8_t sink;
static volatile uint8_t table[256];

static int leak_by_index(const uint8_t *secret)
{
    sink = table[*secret];
    return 0;
}

static int leak_by_branch(const uint8_t *secret)
{
    if ((*secret & 1u) != 0) {
        sink = 1;
    }
    return 0;
}

static int masked(const uint8_t *secret)
{
    const uint8_t zero[1] = {0};
    uint32_t mask = pqi_ct_eq_mask(secret, zero, 1);
    sink = (uint8_t)pqi_ct_select_u32(mask, 1, 2);
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t secret = (uint8_t)argc;
    PQI_SECRET(&secret, sizeof secret);
    if (argc == 2 && strcmp(argv[1], "index") == 0) {
        return leak_by_index(&secret);
    }
    if (argc == 2 && strcmp(argv[1], "branch") == 0) {
        return leak_by_branch(&secret);
    }
    if (argc == 2 && strcmp(argv[1], "masked") == 0) {
        return masked(&secret);
    }
    return 2;
}
