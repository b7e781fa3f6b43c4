/* SPDX-License-Identifier: Apache-2.0
 * What every test includes: cmocka with its prerequisites, and the TAP main. */
#ifndef PQI_TESTS_PQI_TEST_H
#define PQI_TESTS_PQI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs the tests of one program; TAP on standard output. */
#define PQI_TEST_MAIN(...)                                                                         \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        cmocka_set_message_output(CM_OUTPUT_TAP);                                                  \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

#endif
