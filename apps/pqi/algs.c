/* SPDX-License-Identifier: Apache-2.0
 * The algorithms of this program and the self test in front of them. */
#include "algs.h"

#include <pqi/classic_mcu.h>
#include <pqi/host.h>
#include <pqi/selftest.h>

#include <stdlib.h>
#include <string.h>

void pqi_cli_algs(pqi_algs *out)
{
    pqi_algs_all(out, &pqi_classic_openssl);
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

pqi_cli_exit pqi_cli_require_selftest(void)
{
    static bool done;
    static pqi_cli_exit result = PQI_CLI_OK;
    if (done) {
        return result;
    }
    pqi_algs algs;
    pqi_cli_algs(&algs);
    unsigned index = 0;
    pqi_span tmp = {NULL, pqi_selftest_tmp_len(&algs)};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    pqi_status st = pqi_selftest(&algs, &index, tmp);
    free(tmp.ptr);
    done = true;
    if (st != PQI_OK) {
        result = pqi_cli_fail(PQI_CLI_ENV, "pqi selftest",
            "the self test of %s failed: no key is used", pqi_selftest_name(&algs, index));
    }
    return result;
}
