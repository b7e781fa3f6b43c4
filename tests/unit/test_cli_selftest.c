/* SPDX-License-Identifier: Apache-2.0
 * The gate before every command with keys (INV-17): it asks for every item of the set, and for X-Wing,
 * which is in no set. Its answer stays, so each case is a process of its own. */
#include "pqi_test.h"

#include "algs.h"

#include <pqi/selftest.h>
#include <pqi/xwing.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pqi_status set_says, xwing_says;

/* Reached by the linker's --wrap. */
pqi_status real_set(const pqi_algs *a, unsigned *failed_index, pqi_span tmp) __asm__(
    "__real_pqi_selftest");
pqi_status wrap_set(const pqi_algs *a, unsigned *failed_index, pqi_span tmp) __asm__(
    "__wrap_pqi_selftest");
pqi_status real_xwing(const pqi_xwing *x, pqi_span tmp) __asm__("__real_pqi_xwing_selftest");
pqi_status wrap_xwing(const pqi_xwing *x, pqi_span tmp) __asm__("__wrap_pqi_xwing_selftest");

pqi_status wrap_set(const pqi_algs *a, unsigned *failed_index, pqi_span tmp)
{
    pqi_status st = real_set(a, failed_index, tmp);
    if (set_says != PQI_OK) {
        *failed_index = pqi_selftest_count(a) - 1;
    }
    return st != PQI_OK ? st : set_says;
}

pqi_status wrap_xwing(const pqi_xwing *x, pqi_span tmp)
{
    pqi_status st = real_xwing(x, tmp);
    return st != PQI_OK ? st : xwing_says;
}

/* Of the command line, which is not linked here. */
pqi_cli_exit pqi_cli_fail(pqi_cli_exit code, const char *advice, const char *what, ...)
{
    (void)advice;
    (void)what;
    return code;
}

void *pqi_cli_alloc(size_t n)
{
    void *p = malloc(n);
    assert_non_null(p);
    return p;
}

static int gate(pqi_status set, pqi_status xwing)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        set_says = set;
        xwing_says = xwing;
        pqi_cli_exit first = pqi_cli_require_selftest();
        set_says = xwing_says = PQI_OK;
        _exit(pqi_cli_require_selftest() == first ? (int)first : 99);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void each_failure_closes(void **state)
{
    (void)state;
    assert_int_equal(gate(PQI_OK, PQI_OK), PQI_CLI_OK);
    assert_int_equal(gate(PQI_ERR_SELFTEST, PQI_OK), PQI_CLI_ENV);
    assert_int_equal(gate(PQI_OK, PQI_ERR_SELFTEST), PQI_CLI_ENV);
    assert_int_equal(gate(PQI_OK, PQI_ERR_UNSUPPORTED), PQI_CLI_ENV);
}

PQI_TEST_MAIN(cmocka_unit_test(each_failure_closes))
