/* SPDX-License-Identifier: Apache-2.0
 * Data-independent work: the same operation on different secrets must take the same number of
 * instructions. Not seen: instructions made conditional (Thumb-2 IT), which count whether they are
 * carried out or not, and instructions whose cycles depend on their operands. */
#include "target.h"

void tgt_check_constant(const tgt_same_work *w, void *arg)
{
    uint32_t first = 0;
    bool same = true;
    for (unsigned i = 0; i < w->n; i++) {
        w->prepare(arg, i);
        const uint32_t n = tgt_run(w->op, arg).instructions;
        first = i == 0 ? n : first;
        if (n != first) {
            same = false;
        }
    }
    if (!w->leaks && !same) {
        for (unsigned i = 0; i < w->n; i++) {
            w->prepare(arg, i);
            tgt_figure(w->name, "varies", tgt_run(w->op, arg).instructions);
        }
    }
    tgt_ok(same != w->leaks && first != 0, "constant", w->name);
}

/* ---- controls ----------------------------------------------------------------------------- */

typedef struct control {
    uint8_t secret[16], guess[16];
    volatile uint32_t sink;
} control;

static void vary_secret(void *arg, unsigned i)
{
    control *c = arg;
    tgt_fill((pqi_span){c->secret, sizeof c->secret}, 1);
    tgt_fill((pqi_span){c->guess, sizeof c->guess}, 1);
    c->guess[15 - i] ^= 1u;
}

static void early_exit(void *arg)
{
    control *c = arg;
    uint32_t i = 0;
    while (i < sizeof c->secret && c->secret[i] == c->guess[i]) {
        i++;
    }
    c->sink = i;
}

static __attribute__((noinline)) void add_one(control *c)
{
    c->sink = c->sink + 1u;
}

/* A leak of a few instructions. In place of the call Thumb-2 would make the addition conditional. */
static void one_branch(void *arg)
{
    control *c = arg;
    if (c->guess[15] != c->secret[15]) {
        add_one(c);
    }
}

static void masked(void *arg)
{
    control *c = arg;
    uint32_t d = 0;
    for (uint32_t i = 0; i < sizeof c->secret; i++) {
        d |= (uint32_t)(c->secret[i] ^ c->guess[i]);
    }
    c->sink = d;
}

void tgt_constant_controls(void)
{
    control c = {0};
    const tgt_same_work early = {"control-early-exit", 4, vary_secret, early_exit, true};
    const tgt_same_work branch = {"control-branch", 2, vary_secret, one_branch, true};
    const tgt_same_work good = {"control-masked", 4, vary_secret, masked, false};
    tgt_check_constant(&early, &c);
    tgt_check_constant(&branch, &c);
    tgt_check_constant(&good, &c);
}
