/* SPDX-License-Identifier: Apache-2.0
 * Falcon: everything that a private key or a secret polynomial passes through without a rejection.
 * Every run has another key pair. What rejects (the sampler, the short-enough test, candidates) is
 * public by design; tests/ct/ct_falcon.c follows the secrets through it under valgrind. */
#include "base/mem.h"
#include "ct/trace/trace.h"
#include "prim/falcon/codec.h"
#include "prim/falcon/fft.h"
#include "prim/falcon/modq.h"
#include "prim/falcon/ntru.h"
#include "prim/falcon/sign_core.h"

#include <stdalign.h>

#define LOGN 9u
#define N    512u

static alignas(8) uint8_t tmp[PQI_FALCON512_SIGN_TMP];
static alignas(8) uint8_t ek[PQI_FALCON512_EXPANDED];
static uint8_t pk[PQI_FALCON512_PK], sk[PQI_FALCON512_SK], again[PQI_FALCON512_SK];
static int8_t f[N], g[N], F[N], G[N];
static int16_t a[N], b[N];
static int64_t values[N];
static volatile uint32_t sink;

static void polynomials(void)
{
    trace_secret(f, sizeof f);
    trace_secret(a, sizeof a);
    trace_secret(b, sizeof b);
    for (unsigned i = 0; i < N; i++) {
        f[i] = f[i] == -128 ? 127 : f[i];
        a[i] = (int16_t)((uint16_t)a[i] % 12289u - 6144);
        b[i] = (int16_t)((uint16_t)b[i] % 12289u - 6144);
    }
}

static void ntt(void)
{
    pqi_falcon_from_small(a, f, LOGN);
    pqi_falcon_ntt(a, LOGN);
    pqi_falcon_mul(a, b, LOGN);
    for (unsigned i = 0; i < N; i++) {
        a[i] = pqi_falcon_centre(a[i]);
    }
    pqi_falcon_intt(a, LOGN);
}

static void divide(void)
{
    sink = pqi_falcon_div(a, b, LOGN);
}

static void fft_small(void)
{
    pqi_falcon_fft_small(values, f, LOGN);
}

static void encode_ct(void)
{
    for (unsigned i = 0; i < N; i++) {
        a[i] = (int16_t)(a[i] % 2048);
    }
    trace_check(pqi_falcon_encode_s2(tmp, sizeof tmp, PQI_FALCON_CT, a, LOGN) == N * 12 / 8);
}

/* ---- key pairs ----------------------------------------------------------------------------- */

static void key(void)
{
    uint8_t seed[PQI_FALCON_SEED];
    trace_secret(seed, sizeof seed);
    trace_check(
        pqi_sig_keygen(&pqi_sig_falcon_512, (pqi_span){pk, sizeof pk}, (pqi_span){sk, sizeof sk},
            (pqi_cspan){seed, sizeof seed}, (pqi_span){tmp, sizeof tmp}) == PQI_OK);
    trace_check(pqi_falcon_decode_sk(f, g, F, sk, LOGN) == PQI_OK);
}

static void codec(void)
{
    trace_check(pqi_falcon_decode_sk(f, g, F, sk, LOGN) == PQI_OK);
    trace_check(pqi_falcon_encode_sk(again, f, g, F, LOGN) == PQI_OK);
}

static void complete(void)
{
    trace_check(pqi_falcon_complete_G(G, f, g, F, LOGN, tmp) == PQI_OK);
}

static void norm(void)
{
    trace_check(pqi_falcon_norm_fits(f, g, LOGN, (uint32_t *)(void *)tmp) != 0);
}

/* The NTRU equation: resultants, Bezout, Babai's reduction, on every level. */
static void solve(void)
{
    trace_check(pqi_falcon_solve(F, G, f, g, LOGN, (uint32_t *)(void *)tmp) != 0);
}

/* Decoding, completion, transforms, and all of the tree with the emulated numbers. */
static void expand(void)
{
    trace_check(pqi_falcon_expand(&pqi_sig_falcon_512, (pqi_span){ek, sizeof ek},
                    (pqi_cspan){sk, sizeof sk}, (pqi_span){tmp, sizeof tmp}) == PQI_OK);
}

const trace_op trace_falcon[] = {
    {"Falcon transforms modulo q", polynomials, ntt},
    {"Falcon division modulo q", polynomials, divide},
    {"Falcon transform of a small polynomial", polynomials, fft_small},
    {"Falcon signature in constant time", polynomials, encode_ct},
    {"Falcon private key codec", key, codec},
    {"Falcon complete G", key, complete},
    {"Falcon Gram-Schmidt norm", key, norm},
    {"Falcon NTRU equation", key, solve},
    {"Falcon expand", key, expand},
    {NULL, NULL, NULL},
};
