/* SPDX-License-Identifier: Apache-2.0
 * A power supply for tests: counts durable operations of the fake store and the fake provider, and
 * fails at the n-th one. */
#ifndef PQI_TESTS_POWER_H
#define PQI_TESTS_POWER_H

#include <stddef.h>
#include <stdint.h>

typedef enum cut_mode {
    CUT_NONE,     /* nothing of the operation happened */
    CUT_TORN,     /* a part of the bytes arrived (writes only; as CUT_NONE for counters) */
    CUT_COMPLETE, /* all of it happened, nobody was told */
    CUT_MODES_
} cut_mode;

typedef struct test_power {
    uint64_t ops;    /* durable operations so far */
    uint64_t cut_at; /* fail the operation of this number (1, 2, ...); 0: never */
    cut_mode mode;
    int dead;     /* after a cut everything fails until the power is back */
    int one_shot; /* 1: only that one operation fails, power stays (disk full, device error) */
} test_power;

/* 0: go on. Else the operation fails; *how tells what happens to the medium. */
static inline int test_power_step(test_power *p, cut_mode *how)
{
    *how = CUT_NONE;
    if (p == NULL) {
        return 0;
    }
    if (p->dead) {
        return 1;
    }
    p->ops++;
    if (p->cut_at == 0 || p->ops != p->cut_at) {
        return 0;
    }
    *how = p->mode;
    p->dead = !p->one_shot;
    return 1;
}

#endif
