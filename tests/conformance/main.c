/* SPDX-License-Identifier: Apache-2.0
 * Runs the conformance suite over one provider. Replace open_provider() and close_provider() by those of
 * your driver; as it stands it tests the provider of a directory:
 *
 *   conformance DIR KEY_FILE [URI]     DIR must not exist; KEY_FILE may be "" where the URI needs none
 */
#include "conformance.h"

#include <pqi/host.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static char **args;
static int n_args;
static pqi_algs algs;

static pqi_provider *open_provider(void)
{
    pqi_provider *p = NULL;
    const pqi_host_provider_cfg cfg = {.algs = pqi_host_algs(&algs),
        .dir = args[1],
        .kek = {.key_file = args[2][0] != '\0' ? args[2] : NULL,
            .provider = n_args > 3 ? args[3] : NULL},
        .create = 1};
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_OK);
    return p;
}

static void close_provider(pqi_provider *p)
{
    pqi_host_provider_close(p);
}

static void operations(void **state)
{
    (void)state;
    pqi_provider *p = open_provider();
    pqi_provider_conformance(p);
    close_provider(p);
}

/* Leave this one out for a driver without locks. */
static void threads(void **state)
{
    (void)state;
    pqi_provider *p = open_provider();
    pqi_provider_conformance_threads(p);
    close_provider(p);
}

static void zeroize(void **state)
{
    (void)state;
    pqi_provider *p = open_provider();
    pqi_provider_conformance_zeroize(p);
    close_provider(p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations), cmocka_unit_test(threads), cmocka_unit_test(zeroize)};
    if (argc < 3) {
        (void)fprintf(stderr, "usage: %s DIR KEY_FILE [URI]\n", argv[0]);
        return 2;
    }
    n_args = argc;
    args = argv;
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
