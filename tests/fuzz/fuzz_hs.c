/* SPDX-License-Identifier: Apache-2.0
 * Packets of the v4 handshake and the data header: what a reader takes, the writer makes again byte for
 * byte; one input is a packet of at most one kind; a failed reader leaves its output as it was. */
#include "session/hs_keys.h"

#include <pqi/falcon.h>
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[40000];

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* Behind the first n bytes, which a writer made, stands the rest of the input. */
static void must_be_again(pqi_status st, size_t len, size_t compared, pqi_cspan in)
{
    must(st == PQI_OK && len <= in.len && compared <= len);
    must(memcmp(again, in.ptr, compared) == 0);
}

static unsigned init(pqi_cspan in)
{
    pqi_algs a;
    pqi_hs_init p, mark;
    size_t len = 0;
    (void)pqi_host_algs(&a);
    memset(&p, 0x5a, sizeof p);
    memcpy(&mark, &p, sizeof p);
    pqi_status st = pqi_hs_init_read(&a, in, &p);
    if (st != PQI_OK) {
        must(st == PQI_ERR_DECODE || st == PQI_ERR_UNSUPPORTED);
        must(memcmp(&p, &mark, sizeof p) == 0);
        return 0;
    }
    st = pqi_hs_init_write(&p, (pqi_span){again, sizeof again}, &len);
    must(len == in.len && p.gate.ptr + p.gate.len == in.ptr + in.len);
    must_be_again(st, len, p.body.len, in);
    static const uint8_t gk[PQI_GATE_KEY] = {1};
    const pqi_hs_gate_in g = {gk, {PQI_LIT("a")}, {PQI_LIT("b")}, {PQI_LIT("t")}};
    must(pqi_hs_gate_check(&pqi_classic_openssl, &g, in) == PQI_ERR_AUTH);
    return 1;
}

static unsigned answer(const pqi_hs_form *f, pqi_cspan in)
{
    pqi_hs_resp p;
    pqi_hs_conf c;
    size_t len = 0;
    unsigned taken = 0;
    if (pqi_hs_resp_read(f, in, &p) == PQI_OK) {
        must(in.len == pqi_hs_resp_len(f));
        pqi_status st = pqi_hs_resp_write(f, &p, (pqi_span){again, sizeof again}, &len);
        must(p.auth.ptr == in.ptr + len && p.gate.ptr + p.gate.len == in.ptr + in.len);
        must_be_again(st, len, len, in);
        taken++;
    }
    if (pqi_hs_conf_read(f, in, &c) == PQI_OK) {
        must(in.len == pqi_hs_conf_len(f));
        pqi_status st = pqi_hs_conf_write(f, c.rsid_r, (pqi_span){again, sizeof again}, &len);
        must(c.auth.ptr == in.ptr + len && c.auth.ptr + c.auth.len == in.ptr + in.len);
        must_be_again(st, len, len, in);
        taken++;
    }
    return taken;
}

static unsigned fixed(pqi_cspan in)
{
    pqi_hs_short p;
    pqi_hs_data d;
    size_t len = 0;
    unsigned taken = 0;
    if (pqi_hs_short_read(in, &p) == PQI_OK) {
        pqi_status st = pqi_hs_short_write(&p, (pqi_span){again, sizeof again}, &len);
        must(len == in.len);
        must_be_again(st, len, p.body.len, in);
        taken++;
    }
    if (pqi_hs_data_read(in, &d) == PQI_OK) {
        pqi_status st = pqi_hs_data_write(&d, (pqi_span){again, sizeof again}, &len);
        must(len == d.hdr.len && d.hdr.len + d.ct.len == in.len);
        must_be_again(st, len, len, in);
        taken++;
    }
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pqi_cspan in = {data, size};
    const pqi_sig *falcon = &pqi_sig_falcon_512, *dsa = &pqi_sig_ml_dsa_44;
    /* forms of the seeds, and the same without or with the site's key */
    const pqi_hs_form forms[] = {
        {&pqi_suite_0001, PQI_HS_MODE_S, false, falcon, falcon, false, false},
        {&pqi_suite_0001, PQI_HS_MODE_S, true, falcon, falcon, false, false},
        {&pqi_suite_0002, PQI_HS_MODE_K, true, NULL, NULL, false, false},
        {&pqi_suite_0002, PQI_HS_MODE_K, false, NULL, NULL, false, false},
        {&pqi_suite_0001, PQI_HS_MODE_M, false, NULL, dsa, false, false},
        {&pqi_suite_0001, PQI_HS_MODE_M, true, NULL, dsa, false, false},
        {&pqi_suite_0009, PQI_HS_MODE_K, false, NULL, NULL, false, false},
        {&pqi_suite_0009, PQI_HS_MODE_K, false, NULL, NULL, true, false}};
    unsigned kinds = init(in) + fixed(in), answers = 0;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        unsigned n = answer(&forms[i], in);
        must(n <= 1);
        answers |= n;
    }
    must(kinds + answers <= 1);
    return 0;
}
