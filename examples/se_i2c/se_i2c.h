/* SPDX-License-Identifier: Apache-2.0
 * An element for a secure element on an I2C bus: the worked example of docs/providers.md section 5. The
 * chip is made up, and shaped like those that are sold: slots, frames with a CRC, status bytes, a busy
 * state, and a monotonic counter. Core only: no heap, no operating system. */
#ifndef SE_I2C_H
#define SE_I2C_H

#include <pqi/provider_soft.h>

#define SE_I2C_SLOTS 16u
#define SE_I2C_FRAME 96u /* the longest frame either way */

/* What the board offers. write and read move one whole transfer and return 0 when the chip acknowledged
 * it: a chip that works or sleeps does not. lock and unlock: NULL on one thread. */
typedef struct se_i2c_bus {
    void *arg;
    int (*write)(void *arg, const uint8_t *frame, size_t len);
    int (*read)(void *arg, uint8_t *frame, size_t len);
    void (*sleep_ms)(void *arg, uint32_t ms);
    void (*lock)(void *arg);
    void (*unlock)(void *arg);
} se_i2c_bus;

/* All members are private. It holds no secret but that of an agreement that waits to be picked up. */
typedef struct se_i2c {
    pqi_element element; /* for pqi_soft_cfg.element */
    const se_i2c_bus *bus;
    const pqi_classic *classic;
    uint32_t patience_ms;
    struct {
        pqi_key key;   /* 0: free */
        uint8_t usage; /* 1 signs, 2 agrees */
    } slots[SE_I2C_SLOTS];
    uint8_t sent[SE_I2C_FRAME]; /* the command that the chip works on */
    size_t sent_len;            /* 0: none */
    uint8_t status;             /* native error: of the last answer, 0xff: no answer */
} se_i2c;

/* Reads which keys the chip has. bus and classic are borrowed for the life of *s.
 * patience_ms  how long a call waits for a busy chip. After that it is PQI_AGAIN, and the same call picks
 *              up the answer; a birth takes longest (80 ms here), and an engine takes PQI_AGAIN during a
 *              birth for a failure, so more than that is right except in a loop that must not wait.
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_PROVIDER: no such chip on the bus. */
PQI_MUST_CHECK pqi_status se_i2c_start(
    se_i2c *s, const se_i2c_bus *bus, const pqi_classic *classic, uint32_t patience_ms);

#endif
