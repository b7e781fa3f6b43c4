/* SPDX-License-Identifier: Apache-2.0
 * AddressSanitizer with detect_stack_use_after_return keeps frames that have ended in memory of its own: a
 * search for secrets finds what a stack would have overwritten. */
#ifndef PQI_TESTS_KEPT_FRAMES_H
#define PQI_TESTS_KEPT_FRAMES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* True, with a line that says so, where a search tells nothing. */
static inline int frames_are_kept(void)
{
    const char *asan = getenv("ASAN_OPTIONS");
    int kept = 0;
#if defined(__SANITIZE_ADDRESS__)
    kept = asan != NULL && strstr(asan, "stack_use_after_return=1") != NULL;
#endif
    (void)asan;
    if (kept) {
        (void)printf("# not run: the sanitizer keeps frames that have ended\n");
    }
    return kept;
}

#endif
