/* SPDX-License-Identifier: Apache-2.0
 * What a session finds on a medium and in RESUME packets. First byte 0: a record, which is refused or
 * written back to the same bytes. 1: a packet of RESUME, which no guess of a tag may pass. Else: a slot
 * of a journal, of which nothing but a genuine record comes out. */
#include "session/sess_record.h"
#include "state/journal.h"
#include "support/fake_nvm.h"
#include "support/fake_provider.h"

#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static uint8_t seed[32] = {9}; /* another key each time, as in fuzz_store */

static void record(pqi_cspan in)
{
    pqi_sess_record r;
    uint8_t b[PQI_SESS_RECORD_LEN];
    if (pqi_sess_record_read(in, &r) == PQI_OK) {
        must(pqi_sess_record_write(&r, b) == PQI_OK && in.len == sizeof b);
        must(memcmp(b, in.ptr, sizeof b) == 0);
        const unsigned offer = pqi_resume_offer(&r, 0, false);
        must(offer < r.n);
        pqi_sess_record_heard(&r);
        must(r.n == 1 && pqi_sess_record_write(&r, b) == PQI_OK);
    }
}

static void packet(pqi_cspan in)
{
    static const uint8_t sid[PQI_HS_SID] = {1};
    static const uint8_t random[PQI_RESUME_RANDOM] = {2};
    const pqi_resume_way w = {{PQI_LIT("a")}, {PQI_LIT("b")}, {PQI_LIT("t/i")}, {PQI_LIT("t/r")}};
    const pqi_resume_gen g = {&pqi_suite_0001, PQI_HS_MODE_S, seed, sid, 0, 1};
    const pqi_resume_say say = {random, 1, 1, false};
    uint8_t r1[PQI_HS_RESUME1_LEN];
    pqi_hs_out out;
    must(pqi_resume_check(&pqi_classic_openssl, &g, &w, in) != PQI_OK);
    must(pqi_resume_ask(&pqi_classic_openssl, &g, &w, &say, r1) == PQI_OK);
    must(pqi_resume_take(&pqi_classic_openssl, &g, &w, (pqi_cspan){r1, sizeof r1}, in, &out) !=
         PQI_OK);
}

static void medium(unsigned which, pqi_cspan in)
{
    static fake_provider prov;
    static fake_nvm nvm;
    static uint8_t buf[2048], plain[2000];
    fake_provider_init(&prov, NULL, seed, NULL);
    fake_nvm_free(&nvm);
    fake_nvm_init(&nvm, NULL);
    must(nvm.nvm.write(&nvm, "x", which, in) == PQI_OK);
    pqi_journal j;
    size_t len = 1;
    pqi_status st = pqi_journal_open(&j, &prov.base, &nvm.nvm, "x", (pqi_span){buf, sizeof buf},
        (pqi_span){plain, sizeof plain - PQI_JOURNAL_OVERHEAD}, &len);
    must((st == PQI_ERR_STORAGE && j.open) || st == PQI_ERR_SPACE);
    must(len == 0);
    if (j.open) { /* a new record goes over whatever lies there */
        static const uint8_t rec[3] = {1, 2, 3};
        must(pqi_journal_save(&j, (pqi_cspan){rec, 3}, (pqi_span){buf, sizeof buf}) == PQI_OK);
        must(pqi_journal_open(&j, &prov.base, &nvm.nvm, "x", (pqi_span){buf, sizeof buf},
                 (pqi_span){plain, sizeof plain - PQI_JOURNAL_OVERHEAD}, &len) == PQI_OK);
        must(len == 3 && memcmp(plain, rec, 3) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096) {
        return 0;
    }
    for (size_t i = 1; i < 9 && ++seed[i] == 0; i++) {
    }
    const pqi_cspan in = {data + 1, size - 1};
    if (data[0] == 0) {
        record(in);
    } else if (data[0] == 1) {
        packet(in);
    } else {
        medium(data[0] & 1u, in);
    }
    return 0;
}
