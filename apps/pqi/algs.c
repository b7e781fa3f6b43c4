/* SPDX-License-Identifier: Apache-2.0
 * The algorithms of this program and the self test in front of them. */
#include "algs.h"

#include <pqi/classic_mcu.h>
#include <pqi/host.h>
#include <pqi/selftest.h>
#include <pqi/xwing.h>

#include <stdlib.h>
#include <string.h>

void pqi_cli_algs(pqi_algs *out)
{
    (void)pqi_host_algs(out);
}

pqi_cli_exit pqi_cli_algs_of(pqi_algs *out, const char *backend, bool small)
{
    static pqi_classic mcu;
    const pqi_classic *classic = &pqi_classic_openssl;
    if (backend != NULL && strcmp(backend, "mcu") == 0) {
        pqi_classic_mcu(&mcu, pqi_classic_openssl.random);
        classic = &mcu;
    } else if (backend != NULL && strcmp(backend, "openssl") != 0) {
        return pqi_cli_fail(
            PQI_CLI_USAGE, "--backend " PQI_CLI_BACKENDS, "unknown backend \"%.40s\"", backend);
    }
    if (small) {
        pqi_algs_small(out, classic);
    } else if (classic == &pqi_classic_openssl) {
        (void)pqi_host_algs(out);
    } else {
        pqi_algs_all(out, classic);
    }
    return PQI_CLI_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t pqi_cli_tmp_len(const pqi_algs *algs)
{
    size_t n = 0;
    for (size_t i = 0; i < algs->n_kems; i++) {
        n = larger(n, algs->kems[i]->tmp_len);
    }
    for (size_t i = 0; i < algs->n_sigs; i++) {
        const pqi_sig *s = algs->sigs[i];
        n = larger(n, larger(s->keygen_tmp, larger(s->sign_tmp, s->verify_tmp)));
    }
    return n;
}

/* The name of what failed; NULL: nothing did. Suite 0x0005 uses the combiner of X-Wing, which is in no
 * set. */
static const char *first_failure(void)
{
    pqi_algs algs;
    pqi_cli_algs(&algs);
    const pqi_xwing x = {pqi_algs_kem(&algs, PQI_KEM_ID_ML_KEM_768), algs.classic};
    unsigned index = 0;
    pqi_span tmp = {NULL, larger(pqi_selftest_tmp_len(&algs), pqi_xwing_selftest_tmp_len(&x))};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    const char *name = NULL;
    if (pqi_selftest(&algs, &index, tmp) != PQI_OK) {
        name = pqi_selftest_name(&algs, index);
    } else if (pqi_xwing_selftest(&x, tmp) != PQI_OK) {
        name = "X-Wing";
    }
    free(tmp.ptr);
    return name;
}

pqi_cli_exit pqi_cli_require_selftest(void)
{
    static bool done;
    static pqi_cli_exit result = PQI_CLI_OK;
    if (done) {
        return result;
    }
    const char *failed = first_failure();
    done = true;
    if (failed != NULL) {
        result = pqi_cli_fail(
            PQI_CLI_ENV, "pqi selftest", "the self test of %s failed: no key is used", failed);
    }
    return result;
}
