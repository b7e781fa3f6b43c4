/* SPDX-License-Identifier: Apache-2.0 -- needs: pqi
 * A session on the classical set for microcontrollers: every key it begins with and every random byte
 * is undefined for valgrind, and the application messages are. Both sides through a D and an H round,
 * a late message, a forged one. Packets are public once they are sealed. */
#include "ct/secret.h"
#include "session/ratchet.h"

#include <pqi/classic_mcu.h>

#include <stdio.h>
#include <string.h>

#define ROOM 2600u

typedef struct end {
    pqi_session_tiny session;
    pqi_ratchet_view v;
    pqi_ratchet_env env;
    pqi_round_mem mem;
    uint8_t buf[PQI_ROUND_BUF(800u, 768u)];
} end;

static end ends[2];
static uint8_t packet[ROOM], late[ROOM], plain[ROOM];
static size_t packet_len, late_len;
static uint64_t tmp[2048];
static pqi_ratchet_limits limits;
static const pqi_ratchet_ctx ctx = {PQI_HS_CTX_TOPIC, {PQI_LIT("plant/7")}};

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    static uint8_t count;
    (void)p;
    memset(out.ptr, ++count, out.len);
    PQI_SECRET(out.ptr, out.len);
    return PQI_OK;
}

static pqi_status no_random(uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return PQI_ERR_RNG;
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI, .name = "ct", .random = op_random};
static pqi_provider provider = {&ops};

static int start(const pqi_algs *a, unsigned who)
{
    end *e = &ends[who];
    pqi_hs_out keys;
    memset(&keys, 0x37, sizeof keys);
    keys.ck_i2r[0] = 1;
    PQI_SECRET(&keys, sizeof keys);
    PQI_PUBLIC(keys.sid, sizeof keys.sid);
    e->mem = (pqi_round_mem){.buf = e->buf, .len = sizeof e->buf};
    e->env = (pqi_ratchet_env){.algs = a,
        .provider = &provider,
        .limits = &limits,
        .rounds = &e->mem,
        .n_rounds = 1,
        .tmp = {(uint8_t *)tmp, sizeof tmp}};
    e->v = pqi_session_view(&pqi_chain_tiny, &e->session);
    const pqi_ratchet_init init = {.suite = a->suites[0],
        .mode = PQI_HS_MODE_K,
        .side = who == 0 ? PQI_HS_SIDE_I : PQI_HS_SIDE_R,
        .keys = &keys,
        .rsid_own = 1u + who,
        .rsid_peer = 2u - who,
        .chunk = 32};
    return pqi_ratchet_start(&e->env, &e->v, &init) != PQI_OK;
}

static int send(unsigned from, uint8_t *out, size_t *len)
{
    uint8_t text[20];
    memset(text, 0x44, sizeof text);
    PQI_SECRET(text, sizeof text);
    const pqi_ratchet_msg m = {.ctx = ctx, .app = true, .payload = {text, sizeof text}};
    pqi_status st =
        pqi_ratchet_seal(&ends[from].env, &ends[from].v, 1, &m, (pqi_span){out, ROOM}, len);
    PQI_PUBLIC(out, *len);
    return st != PQI_OK;
}

static pqi_status take(unsigned to, const uint8_t *in, size_t len)
{
    pqi_hs_data d;
    pqi_ratchet_opened o;
    if (pqi_hs_data_read((pqi_cspan){in, len}, &d) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    return pqi_ratchet_open(
        &ends[to].env, &ends[to].v, 1, &d, &ctx, (pqi_span){plain, sizeof plain}, &o);
}

static int serve(unsigned who)
{
    end *e = &ends[who];
    int bad = 0;
    for (unsigned i = 0; i < 3; i++) {
        unsigned due = pqi_ratchet_due(&e->env, &e->v, 1);
        pqi_ratchet_rms rms;
        if ((due & PQI_DUE_WORK) != 0) {
            bad |= pqi_ratchet_work(&e->env, &e->v, 1) != PQI_OK;
        } else if ((due & PQI_DUE_STORE) != 0) {
            bad |= pqi_ratchet_secrets(&e->env, &e->v, &rms) != PQI_OK;
            pqi_ratchet_stored(&e->v);
        }
    }
    return bad;
}

static int exchange(void)
{
    int bad = 0;
    for (unsigned from = 0; from < 2; from++) {
        bad |= send(from, packet, &packet_len) | serve(from);
        packet[packet_len - 1u] ^= 1;
        bad |= take(1u - from, packet, packet_len) != PQI_ERR_AUTH;
        packet[packet_len - 1u] ^= 1;
        bad |= take(1u - from, packet, packet_len) != PQI_OK;
        bad |= serve(1u - from);
    }
    return bad;
}

int main(void)
{
    static const pqi_suite *const suites[] = {&pqi_suite_0001};
    static const pqi_kem *const kems[] = {&pqi_kem_ml_kem_512};
    static pqi_classic table;
    pqi_classic_mcu(&table, no_random);
    const pqi_algs algs = {&table, suites, 1, kems, 1, NULL, 0};
    limits = pqi_ratchet_ip;
    limits.d_msgs = 1;
    limits.h_msgs = 1000;
    limits.burst = true;
    int bad = start(&algs, 0) | start(&algs, 1) | send(0, late, &late_len);
    for (unsigned i = 0; ends[1].v.r->epoch == 0 && i < 9; i++) {
        bad |= exchange();
    }
    bad |= take(1, late, late_len) != PQI_OK || take(1, late, late_len) != PQI_ERR_REPLAY;
    bad |= exchange();
    const uint32_t d = ends[0].v.r->epoch;
    limits.d_msgs = 1000;
    limits.h_msgs = 1;
    limits.alarm = limits.refuse = limits.stop = 255;
    for (unsigned i = 0; i < 6; i++) {
        bad |= exchange();
    }
    bad |= d == 0 || ends[0].v.r->epoch <= d || ends[1].v.r->h_mark == 0;
    PQI_PUBLIC(ends, sizeof ends);
    bad |= memcmp(ends[0].v.r->rms, ends[1].v.r->rms, 32) != 0 &&
           ends[0].v.r->epoch == ends[1].v.r->epoch;
    (void)puts(bad == 0 ? "ct_ratchet: ok" : "ct_ratchet: wrong answer");
    return bad;
}
