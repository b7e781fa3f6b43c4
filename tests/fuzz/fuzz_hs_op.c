/* SPDX-License-Identifier: Apache-2.0
 * Steps of the v4 handshake over mutated packets: whatever is not the one packet that was meant ends
 * without a key, and neither who waits for a RESP nor who waits for a CONF changes a byte. */
#include "pqi_test.h"

#include "session/hs_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The cases of the seeds: S, K, M. Each rig has sent its INIT and its RESP. */
#define RIGS 3u
static const size_t cases[RIGS] = {0, 4, 7};
static hs_run runs[RIGS];
static hs_rig rigs[RIGS];
static hs_rig scratch;

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static bool same(const hs_buf *b, pqi_cspan in, size_t tag)
{
    return b->len == in.len && memcmp(b->b, in.ptr, in.len - tag) == 0;
}

static void make_rigs(void)
{
    static bool made;
    for (size_t i = 0; !made && i < RIGS; i++) {
        hs_run_case(&hs_cases[cases[i]], &runs[i]);
        hs_rig_make(&rigs[i], &runs[i], NULL);
        must(hs_rig_init(&rigs[i]) == PQI_OK && hs_rig_answer(&rigs[i]) == PQI_OK);
    }
    made = true;
}

/* Steps of g, which they leave as it is: the packets they make go to `scratch`. */
static void as_init(hs_rig *g, pqi_cspan in)
{
    pqi_hs_init p;
    if (pqi_hs_init_read(&g->algs, in, &p) != PQI_OK) {
        return;
    }
    pqi_status st = pqi_hs_answer(&g->r.op, &g->r.say, &p, &scratch.await,
        (pqi_span){scratch.resp.b, sizeof scratch.resp.b}, &scratch.resp.len);
    must(st == PQI_OK || st == PQI_ERR_AUTH || st == PQI_ERR_POLICY);
    if (st != PQI_OK || same(&g->init, in, PQI_HS_GATE)) {
        return;
    }
    const pqi_hs_pend before = g->pend;
    st = pqi_hs_take_resp(&g->i.op, &g->pend, (pqi_cspan){scratch.resp.b, scratch.resp.len},
        &scratch.taken, (pqi_span){scratch.conf.b, sizeof scratch.conf.b}, &scratch.conf.len);
    must(st == PQI_ERR_AUTH && memcmp(&before, &g->pend, sizeof before) == 0);
}

static void as_resp(hs_rig *g, pqi_cspan in)
{
    static const pqi_hs_taken nothing;
    const pqi_hs_pend before = g->pend;
    pqi_status st = pqi_hs_take_resp(&g->i.op, &g->pend, in, &scratch.taken,
        (pqi_span){scratch.conf.b, sizeof scratch.conf.b}, &scratch.conf.len);
    if (st == PQI_OK) {
        must(same(&g->resp, in, PQI_HS_GATE));
        g->pend = before;
        return;
    }
    must(st == PQI_ERR_AUTH || st == PQI_ERR_DECODE);
    must(!same(&g->resp, in, PQI_HS_GATE));
    must(memcmp(&before, &g->pend, sizeof before) == 0);
    must(memcmp(&scratch.taken, &nothing, sizeof nothing) == 0);
}

static void as_conf(hs_rig *g, const hs_run *run, pqi_cspan in)
{
    static const pqi_hs_out nothing;
    const pqi_hs_await before = g->await;
    pqi_status st = pqi_hs_take_conf(&g->r.op, &g->await, in, &scratch.out_r);
    if (st == PQI_OK) {
        must(same(&run->conf, in, 0));
        must(memcmp(&scratch.out_r, &run->out_r, sizeof nothing) == 0);
        g->await = before;
        return;
    }
    must(st == PQI_ERR_AUTH || st == PQI_ERR_DECODE);
    must(!same(&run->conf, in, 0));
    must(memcmp(&before, &g->await, sizeof before) == 0);
    must(memcmp(&scratch.out_r, &nothing, sizeof nothing) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pqi_cspan in = {data, size};
    make_rigs();
    for (size_t i = 0; i < RIGS && size != 0; i++) {
        as_init(&rigs[i], in);
        as_resp(&rigs[i], in);
        as_conf(&rigs[i], &runs[i], in);
    }
    return 0;
}
