/* SPDX-License-Identifier: Apache-2.0
 * schedule_peer doubles|real: reads schedules from the standard input, runs both ends of each in this
 * process through the functions of the session layer, and writes an outcome for each step. "doubles" takes
 * the TEST DOUBLES of test_doubles.h for public-key primitives, "real" the library's. */
#include "session/schedule_rig.h"

#include "session/test_doubles.h"
#include <pqi/host.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rig rig_it;

/* ---- every (key, nonce) that seals ----------------------------------------------------------------- */

#define SEALS 65536u
static struct {
    uint32_t round;
    uint8_t key[PQI_AEAD_KEY], nonce[PQI_AEAD_NONCE], tag[PQI_AEAD_TAG];
} seals[SEALS];
static uint32_t seal_round;
static const pqi_classic *below;

static void watch(const pqi_aead_key *k, const uint8_t *tag)
{
    uint32_t at;
    memcpy(&at, k->key.ptr, sizeof at);
    for (at %= SEALS; seals[at].round == seal_round; at = (at + 1) % SEALS) {
        if (memcmp(seals[at].key, k->key.ptr, k->key.len) == 0 &&
            memcmp(seals[at].nonce, k->nonce.ptr, k->nonce.len) == 0) {
            rig_it.reused = rig_it.reused || memcmp(seals[at].tag, tag, PQI_AEAD_TAG) != 0;
            return;
        }
    }
    seals[at].round = seal_round;
    memcpy(seals[at].key, k->key.ptr, k->key.len);
    memcpy(seals[at].nonce, k->nonce.ptr, k->nonce.len);
    memcpy(seals[at].tag, tag, PQI_AEAD_TAG);
}

static pqi_status watched_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = below->aead_seal(k, aad, in, out);
    if (st == PQI_OK && out.len >= PQI_AEAD_TAG) {
        watch(k, out.ptr + out.len - PQI_AEAD_TAG);
    }
    return st;
}

/* ---- rig ------------------------------------------------------------------------------------------- */

bool rig_open(bool real)
{
    rig *g = &rig_it;
    static const uint8_t seed[2][32] = {{1}, {2}};
    g->real = real;
    below = &pqi_classic_openssl;
    g->classic = *below;
    g->suite = &pqi_suite_0001;
    g->sig = &pqi_sig_ml_dsa_44;
    if (!real) {
        test_double_classic(&g->classic, below);
        test_double_algs(&g->algs, &g->classic);
        g->suite = &test_double_suite;
        g->sig = &test_double_sig;
    } else {
        pqi_algs_all(&g->algs, &g->classic);
    }
    g->classic.aead_seal = watched_seal;
    for (size_t i = 0; i < 2; i++) {
        fake_provider_init(&g->provider[i], &g->algs, seed[i], NULL);
    }
    g->places = calloc(RIG_PLACES, sizeof *g->places);
    return g->places != NULL;
}

void rig_begin(const rig_head *h)
{
    rig *g = &rig_it;
    g->head = *h;
    g->now_ms = 1000000;
    g->reused = false;
    seal_round++;
    for (size_t i = 0; i < 2; i++) {
        g->provider[i].drawn = 0;
        memset(g->provider[i].counters, 0, sizeof g->provider[i].counters);
    }
    for (size_t i = 0; i < RIG_PLACES; i++) {
        g->places[i].len = 0;
    }
}

void rig_limits(pqi_ratchet_limits *out)
{
    const rig_head *h = &rig_it.head;
    *out = pqi_ratchet_ip;
    out->d_msgs = h->d_msgs;
    out->h_msgs = h->h_msgs;
    out->d_s = h->d_s;
    out->h_s = h->h_s;
    out->grace_s = h->grace_s;
    out->epoch_msgs = h->epoch_msgs != 0 ? h->epoch_msgs : PQI_CHAIN_N_MAX;
    out->burst = (h->flags & RIG_BURST) != 0;
}

const pqi_chain_profile *rig_profile_of(void)
{
    static const pqi_chain_profile *const all[] = {
        &pqi_chain_tiny, &pqi_chain_std, &pqi_chain_gateway};
    return all[rig_it.head.profile % 3];
}

void rig_text(unsigned place, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(place * 31u + i);
    }
}

void rig_put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

uint8_t rig_verdict(pqi_status st)
{
    return rig_it.reused ? RIG_REUSED : (uint8_t)(int8_t)st;
}

/* ---- input and output ------------------------------------------------------------------------------ */

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static bool one(const uint8_t *in)
{
    static uint8_t steps[65536u * RIG_STEP], out[65536u * RIG_OUTCOME];
    const rig_head h = {in[0], in[1], in[2], in[3], (uint16_t)get16(in + 4),
        (uint16_t)get16(in + 6), (uint16_t)get16(in + 8), (uint16_t)get16(in + 10),
        (uint16_t)get16(in + 12), (uint16_t)get16(in + 14), (uint16_t)get16(in + 16)};
    if (fread(steps, RIG_STEP, h.steps, stdin) != h.steps) {
        return false;
    }
    rig_begin(&h);
    if (!(h.kind == 1 ? session_begin() : h.kind == 2 && devices_begin())) {
        return false;
    }
    for (size_t i = 0; i < h.steps; i++) {
        const uint8_t *p = steps + i * RIG_STEP;
        const rig_step s = {p[0], p[1], (uint16_t)get16(p + 2)};
        (h.kind == 1 ? session_step : devices_step)(&s, out + i * RIG_OUTCOME);
    }
    return fwrite(out, RIG_OUTCOME, h.steps, stdout) == h.steps;
}

int main(int argc, char **argv)
{
    uint8_t head[RIG_HEAD];
    if (argc != 2 || (strcmp(argv[1], "real") != 0 && strcmp(argv[1], "doubles") != 0)) {
        (void)fprintf(stderr, "usage: schedule_peer doubles|real\n");
        return 2;
    }
    if (!rig_open(strcmp(argv[1], "real") == 0)) {
        return 1;
    }
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        if (!one(head)) {
            (void)fprintf(stderr, "schedule_peer: no schedule, or an end could not be made\n");
            return 1;
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
