/* SPDX-License-Identifier: Apache-2.0
 * Two pairs and a hostile network, by the input: each byte pulls, delivers, repeats or changes packets,
 * passes time, sends, or lets an end lose its memory. The rig checks that what is dropped changes nothing;
 * here, that a forged packet costs no public-key operation, and that no table grows. */
#include "session/pair_rig.h"

#define OPS 16u

static pr_net base, first; /* pointers in both are to `base` */
static bool made;

static void start(void)
{
    if (!made) {
        pr_make(&base, &pr_cases[0]);
        first = base;
        made = true;
    }
    base = first;
}

typedef struct in {
    const uint8_t *p;
    size_t left;
} in;

static uint8_t next(in *i)
{
    if (i->left == 0) {
        return 0;
    }
    i->left--;
    return *i->p++;
}

/* A packet of the log with a few bytes changed, or cut: nobody made it. */
static void forge(in *i, size_t at)
{
    static uint8_t b[PR_PACKET];
    pr_packet *k = &pr_log[at];
    size_t len = k->len;
    memcpy(b, k->b, len);
    uint8_t how = next(i);
    if (how < 32) {
        len = len * how / 32;
    }
    unsigned changes = 1u + how % 3u;
    bool same = len == k->len;
    for (unsigned n = 0; n < changes && len != 0; n++) {
        size_t pos = next(i);
        pos = how & 64u ? len - 1u - pos % len : pos % len;
        uint8_t x = next(i);
        b[pos] ^= x;
    }
    same = same && memcmp(b, k->b, len) == 0;
    uint64_t ops = base.e[k->to].counts.total;
    pr_give_bytes(&base, k->from, k->to, (pqi_cspan){k->topic, k->topic_len}, (pqi_cspan){b, len});
    if (!same) {
        assert_int_equal(base.e[k->to].counts.total, ops);
        assert_int_equal(base.ev.what, PQI_PAIR_EV_DROP);
    }
}

static void step(in *i)
{
    uint8_t op = next(i);
    unsigned x = op & 1u;
    size_t at = 0;
    switch (op >> 1 & 15u) {
    case 0:
    case 1:
        pqi_pair_want(pr_pair(&base, x, 1 - x), PQI_PAIR_WHY_USER);
        break;
    case 2:
        pr_time(&base, (uint64_t)next(i) * 400u);
        break;
    case 3:
        pr_lose(&base, x);
        break;
    case 4:
        pr_reboot(&base, x);
        break;
    case 5:
        (void)pr_say(&base, x, 1 - x, "m", &at);
        break;
    case 6:
    case 7:
    case 8:
        if (base.n != 0) {
            forge(i, next(i) % base.n);
        }
        break;
    case 9:
    case 10:
        if (base.n != 0) {
            pr_give(&base, next(i) % base.n);
        }
        break;
    default: {
        size_t n = pr_pull(&base, x, 1 - x, &at);
        for (size_t k = at; k < at + n; k++) {
            pr_give(&base, k);
        }
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    start();
    in i = {data, len};
    for (unsigned n = 0; n < OPS && i.left != 0; n++) {
        step(&i);
        for (unsigned x = 0; x < 2; x++) {
            assert_true(base.e[x].table.used <= 3);
        }
    }
    return 0;
}
