/* SPDX-License-Identifier: Apache-2.0
 * A simulated chip for examples/se_i2c, behind a simulated bus that damages frames and cuts the power.
 * Written from the comment on top of se_i2c.c; its keys are OpenSSL's in memory. It protects nothing. */
#ifndef PQI_TESTS_FAKE_I2C_SE_H
#define PQI_TESTS_FAKE_I2C_SE_H

#include "se_i2c.h"

typedef struct fake_i2c_slot {
    uint32_t name;
    uint8_t usage;
    void *pkey; /* EVP_PKEY */
} fake_i2c_slot;

typedef struct fake_i2c_se {
    se_i2c_bus bus;
    fake_i2c_slot slots[SE_I2C_SLOTS];
    uint64_t counter;
    uint8_t answer[SE_I2C_FRAME];
    size_t answer_len;
    unsigned busy_ms;    /* how long each command takes */
    unsigned left_ms;    /* until the answer is there */
    unsigned frames;     /* seen in both directions */
    unsigned flip_every; /* 0: never; a bit of every n-th frame is wrong */
    unsigned drop_every; /* a frame is not acknowledged */
    unsigned commands, executed[256];
    unsigned cut_at; /* power goes at this command: 2n-1 before, 2n after it took effect */
    unsigned points;
    int off;     /* no power */
    uint8_t say; /* not 0: this status to every command */
} fake_i2c_se;

void fake_i2c_init(fake_i2c_se *f);
void fake_i2c_end(fake_i2c_se *f);

#endif
