/* SPDX-License-Identifier: Apache-2.0
 * v1 packets of 256 bytes, sealed and opened on one core. The provider here is a bare table over keys
 * from fixed seeds; a real one adds its locking and its boundary. */
#include "../algs.h"
#include "bench.h"

#include <pqi/profile.h>
#include <pqi/v1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN 256u
#define ROOM  8192u

typedef struct v1_state {
    pqi_provider base; /* first */
    const pqi_algs *algs;
    const pqi_sig *sig;
    pqi_v1_seal_in in;
    uint8_t kem_pk[PQI_KEM_MAX_PK], kem_sk[PQI_KEM_MAX_SK], x_pk[32], x_sk[32];
    uint8_t sig_pk[PQI_SIG_MAX_PK], sig_sk[PQI_SIG_MAX_SK], gk[PQI_GATE_KEY];
    uint8_t packet[ROOM], plain[PLAIN];
    size_t len;
    pqi_span tmp;
} v1_state;

static v1_state *of(pqi_provider *p)
{
    return (v1_state *)(void *)p;
}

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    return of(p)->algs->classic->random(out.ptr, out.len);
}

static pqi_status op_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    v1_state *s = of(p);
    uint8_t rnd[PQI_SIG_MAX_RND];
    (void)key;
    pqi_status st = s->algs->classic->random(rnd, s->sig->rnd_len);
    return st != PQI_OK ? st
                        : pqi_sig_sign(s->sig, sig, sig_len, (pqi_cspan){s->sig_sk, s->sig->sk_len},
                              domain, parts, n_parts, (pqi_cspan){rnd, s->sig->rnd_len}, s->tmp);
}

static pqi_status op_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    v1_state *s = of(p);
    (void)kem;
    (void)dh;
    const pqi_box_secret sk = {{s->kem_sk, suite->kem->sk_len}, {s->x_sk, 32}, s->in.ends.to};
    return pqi_box_open(s->algs, suite, &sk, ctx, capsule, ct, plain, s->tmp);
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI,
    .name = "bench",
    .random = op_random,
    .sign = op_sign,
    .decrypt = op_decrypt};

static pqi_status v1_seal(void *state, uint64_t n)
{
    v1_state *s = state;
    s->in.seq = n + 1;
    return pqi_v1_seal(s->algs, &s->base, &s->in, s->tmp, (pqi_span){s->packet, ROOM}, &s->len);
}

static pqi_status v1_open(void *state, uint64_t n)
{
    v1_state *s = state;
    pqi_v1_packet k;
    (void)n;
    pqi_status st = pqi_v1_parse(s->algs, (pqi_cspan){s->packet, s->len}, &k);
    if (st == PQI_OK) {
        st = pqi_v1_check_gate(s->algs, &k, &s->in.ends);
    }
    if (st == PQI_OK) {
        st = pqi_v1_check_sig(
            s->algs, &k, &s->in.ends, s->sig, (pqi_cspan){s->sig_pk, s->sig->pk_len}, s->tmp);
    }
    return st == PQI_OK
               ? pqi_v1_open(s->algs, &s->base, 1, 2, &k, &s->in.ends, (pqi_span){s->plain, PLAIN})
               : st;
}

static pqi_status prepare(
    v1_state *s, const pqi_algs *a, const pqi_suite *suite, const pqi_sig *sig)
{
    static const uint8_t seed[PQI_KEM_MAX_SEED] = {1};
    const pqi_kem *kem = suite->kem;
    s->base.ops = &ops;
    s->algs = a;
    s->sig = sig;
    memset(s->x_sk, 7, sizeof s->x_sk);
    s->in = (pqi_v1_seal_in){.suite = suite, .sig_alg = sig, .sig_key = 3, .seq = 1};
    s->in.kid_r[0] = 1;
    s->in.plain = (pqi_cspan){s->plain, PLAIN};
    s->in.ends = (pqi_v1_ends){{PQI_LIT("pump-1")}, {PQI_LIT("control")}, {PQI_LIT("plant/pump-1")},
        {{s->kem_pk, kem->pk_len}, {s->x_pk, sizeof s->x_pk}}, s->gk, {NULL, 0}};
    pqi_status st = pqi_kem_keygen(kem, (pqi_span){s->kem_pk, kem->pk_len},
        (pqi_span){s->kem_sk, kem->sk_len}, (pqi_cspan){seed, kem->seed_len}, s->tmp);
    if (st == PQI_OK) {
        st = pqi_sig_keygen(sig, (pqi_span){s->sig_pk, sig->pk_len},
            (pqi_span){s->sig_sk, sig->sk_len}, (pqi_cspan){seed, sig->seed_len}, s->tmp);
    }
    return st == PQI_OK ? a->classic->x25519_public(s->x_pk, s->x_sk) : st;
}

/* A forged packet: what it costs to refuse it at the gate. */
static pqi_status v1_refuse(void *state, uint64_t n)
{
    v1_state *s = state;
    (void)n;
    pqi_v1_packet k;
    pqi_status st = pqi_v1_parse(s->algs, (pqi_cspan){s->packet, s->len}, &k);
    if (st != PQI_OK) {
        return st;
    }
    s->packet[PQI_V1_HDR] ^= 1;
    st = pqi_v1_check_gate(s->algs, &k, &s->in.ends);
    s->packet[PQI_V1_HDR] ^= 1;
    return st == PQI_ERR_AUTH ? PQI_OK : PQI_ERR_SELFTEST;
}

static void bench_pair(pqi_bench *b, const char *name, const pqi_suite *suite, const pqi_sig *sig)
{
    v1_state *s = pqi_cli_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    s->tmp.len = pqi_cli_tmp_len(b->algs);
    s->tmp.ptr = pqi_cli_alloc(s->tmp.len);
    if (prepare(s, b->algs, suite, sig) == PQI_OK && v1_seal(s, 0) == PQI_OK) {
        const size_t adds = pqi_v1_len(suite, sig, 0);
        pqi_bench_run(b, &(pqi_bench_case){name, "seal", PLAIN, v1_seal, s, adds});
        pqi_bench_run(b, &(pqi_bench_case){name, "open", PLAIN, v1_open, s, adds});
        pqi_bench_run(b, &(pqi_bench_case){name, "refuse", PLAIN, v1_refuse, s, adds});
    } else {
        b->failed = true;
    }
    free(s->tmp.ptr);
    free(s);
}

/* Under the descriptors of the set in use, which may be small ones; what it lacks is left out. */
static void bench_ids(pqi_bench *b, const char *name, uint32_t suite_id, int32_t sig_id)
{
    const pqi_suite *suite = pqi_algs_suite(b->algs, suite_id);
    const pqi_sig *sig = pqi_algs_sig(b->algs, sig_id);
    if (suite != NULL && sig != NULL) {
        bench_pair(b, name, suite, sig);
    }
}

void pqi_bench_v1(pqi_bench *b)
{
    bench_ids(b, "v1 512/44", 0x0001, PQI_SIG_ID_ML_DSA_44);
    bench_ids(b, "v1 768/65", 0x0002, PQI_SIG_ID_ML_DSA_65);
    bench_ids(b, "v1 x-wing/65", 0x0005, PQI_SIG_ID_ML_DSA_65);
    for (size_t i = 0; pqi_profile_at(i) != NULL; i++) {
        char name[48];
        const pqi_profile *p = pqi_profile_at(i);
        if (p->id != PQI_PROFILE_KYBER_DILITHIUM && p->level != 3) {
            (void)snprintf(name, sizeof name, p->level != 0 ? "v1 %s %u" : "v1 %s",
                pqi_profile_name(p->id), p->level);
            bench_ids(b, name, p->suite_id, p->sig_id);
        }
    }
}
