/* SPDX-License-Identifier: Apache-2.0
 * The least a Cortex-M image needs around libpqi-core besides the three memory functions: vectors
 * and a reset handler. tools/m4 links it to show that nothing else is needed; it is not meant to
 * run. */
#include <stdint.h>

void reset(void);
void reset(void)
{
    for (;;) {
    }
}

extern uint8_t stack_top[]; /* m4.ld */

struct vectors {
    const uint8_t *sp;
    void (*reset)(void);
};
extern const struct vectors vectors;
__attribute__((section(".vectors"), used)) const struct vectors vectors = {stack_top, reset};
