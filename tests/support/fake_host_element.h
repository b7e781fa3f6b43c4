/* SPDX-License-Identifier: Apache-2.0
 * Stands for pqi_tpm_element_open() of the library in a test program: a fake element whose counter and
 * wrapping secret lie in memory that forked children share. It protects nothing. */
#ifndef PQI_TESTS_FAKE_HOST_ELEMENT_H
#define PQI_TESTS_FAKE_HOST_ELEMENT_H

#include "port/linux/element.h"
#include "support/fake_element.h"

typedef struct fake_chip {
    uint64_t generation;
    int made;             /* somebody opened it with create */
    uint8_t secret[32];   /* wraps */
    uint8_t password[64]; /* what opening was given; the right one is "1234" */
    size_t password_len;
    unsigned opened, closed;
    pqi_status open_with;   /* not PQI_OK: opening fails with it */
    pqi_status unwrap_with; /* the same for unwrapping */
    pqi_status wrap_with;
    uint8_t kek_of_blob[PQI_ELEMENT_KEK]; /* what the 4 bytes "blob" unwrap to */
} fake_chip;

/* One chip for the whole program, in shared memory; made new by this call. */
fake_chip *fake_chip_new(uint32_t caps);
/* The element of the last opening; its keys are forgotten when it is closed. */
fake_element *fake_chip_element(void);

#endif
