/* SPDX-License-Identifier: Apache-2.0
 * ML-KEM vectors (FIPS 203): ACVP keyGen and encapDecap, Wycheproof mlkem_*. */
#include "vectors_pq.h"

#include <string.h>

/* Both key-generation seeds as the library takes them: d || z. */
static pqi_cspan seed_of(pqi_vec *v)
{
    pqi_cspan d = pqi_vec_hex(v, "d");
    pqi_cspan z = pqi_vec_hex(v, "z");
    pqi_span seed = pqi_vec_room(v, d.len + z.len);
    if (d.len > 0) {
        memcpy(seed.ptr, d.ptr, d.len);
    }
    if (z.len > 0) {
        memcpy(seed.ptr + d.len, z.ptr, z.len);
    }
    return pqi_vec_c(seed);
}

static bool keygen(pqi_vec *v, const pqi_kem *alg, pqi_cspan seed, pqi_span *pk, pqi_span *sk)
{
    *pk = pqi_vec_room(v, alg->pk_len);
    *sk = pqi_vec_room(v, alg->sk_len);
    pqi_status want = seed.len == alg->seed_len ? PQI_OK : PQI_ERR_ARG;
    pqi_status st = pqi_kem_keygen(alg, *pk, *sk, seed, pqi_vec_tmp(v));
    return pqi_vec_status(v, "keygen", st, want) && want == PQI_OK;
}

static void decaps(pqi_vec *v, const pqi_kem *alg, pqi_cspan dk, const char *want)
{
    pqi_span ss = pqi_vec_room(v, PQI_KEM_SS);
    pqi_status st = pqi_kem_decaps(alg, ss, pqi_vec_hex(v, "c"), dk, pqi_vec_tmp(v));
    if (pqi_vec_status(v, "decaps", st, PQI_OK)) {
        (void)pqi_vec_equal(v, want, pqi_vec_c(ss), pqi_vec_hex(v, want));
    }
}

static void encaps(pqi_vec *v, const pqi_kem *alg, const char *ss_name)
{
    pqi_span ct = pqi_vec_room(v, alg->ct_len);
    pqi_span ss = pqi_vec_room(v, PQI_KEM_SS);
    pqi_status st =
        pqi_kem_encaps(alg, ct, ss, pqi_vec_hex(v, "ek"), pqi_vec_hex(v, "m"), pqi_vec_tmp(v));
    if (pqi_vec_status(v, "encaps", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "c", pqi_vec_c(ct), pqi_vec_hex(v, "c"));
        (void)pqi_vec_equal(v, ss_name, pqi_vec_c(ss), pqi_vec_hex(v, ss_name));
    }
}

/* ---- ACVP ------------------------------------------------------------------------------- */

void pqi_vec_mlkem_keygen(pqi_vec *v)
{
    const pqi_kem *alg = pqi_vec_kem(v, pqi_vec_text(v, "parameterSet"));
    pqi_span pk, sk;
    if (alg == NULL || !keygen(v, alg, seed_of(v), &pk, &sk)) {
        return;
    }
    (void)pqi_vec_equal(v, "ek", pqi_vec_c(pk), pqi_vec_hex(v, "ek"));
    (void)pqi_vec_equal(v, "dk", pqi_vec_c(sk), pqi_vec_hex(v, "dk"));
}

static void acvp_decaps(pqi_vec *v, const pqi_kem *alg)
{
    if (strcmp(pqi_vec_text(v, "keyFormat"), "seed") != 0) {
        decaps(v, alg, pqi_vec_hex(v, "dk"), "k");
        return;
    }
    pqi_span pk, sk;
    if (keygen(v, alg, seed_of(v), &pk, &sk)) {
        decaps(v, alg, pqi_vec_c(sk), "k");
    }
}

void pqi_vec_mlkem_encap_decap(pqi_vec *v)
{
    const pqi_kem *alg = pqi_vec_kem(v, pqi_vec_text(v, "parameterSet"));
    const char *function = pqi_vec_text(v, "function");
    bool good = pqi_vec_true(v, "testPassed");
    if (alg == NULL) {
        return;
    }
    if (strcmp(function, "encapsulation") == 0) {
        encaps(v, alg, "k");
    } else if (strcmp(function, "decapsulation") == 0) {
        acvp_decaps(v, alg);
    } else if (strcmp(function, "encapsulationKeyCheck") == 0) {
        pqi_status st = pqi_kem_check_pk(alg, pqi_vec_hex(v, "ek"), pqi_vec_tmp(v));
        (void)pqi_vec_status(v, "check_pk", st, good ? PQI_OK : PQI_ERR_DECODE);
    } else if (strcmp(function, "decapsulationKeyCheck") == 0) {
        pqi_status st = pqi_kem_check_sk(alg, pqi_vec_hex(v, "dk"), pqi_vec_tmp(v));
        (void)pqi_vec_status(v, "check_sk", st, good ? PQI_OK : PQI_ERR_ARG);
    } else {
        pqi_vec_note(v, "unknown function \"%.40s\"", function);
    }
}

/* ---- Wycheproof ------------------------------------------------------------------------- */

/* An invalid decapsulation: a wrong ciphertext length, or a key of a wrong length or hash. */
static void refuse_decaps(pqi_vec *v, const pqi_kem *alg, pqi_cspan dk)
{
    uint8_t ss[PQI_KEM_SS];
    pqi_status st =
        pqi_kem_decaps(alg, (pqi_span){ss, sizeof ss}, pqi_vec_hex(v, "c"), dk, pqi_vec_tmp(v));
    (void)pqi_vec_status(v, "decaps", st, PQI_ERR_ARG);
}

void pqi_vec_mlkem_seed_decaps(pqi_vec *v)
{
    const pqi_kem *alg = pqi_vec_kem(v, pqi_vec_text(v, "parameterSet"));
    pqi_span pk, sk;
    if (alg == NULL) {
        return;
    }
    bool valid = pqi_vec_expected(v) == PQI_VEC_VALID;
    pqi_cspan seed = pqi_vec_hex(v, "seed");
    if (!keygen(v, alg, seed, &pk, &sk)) {
        if (valid) {
            pqi_vec_note(v, "a valid seed was refused");
        }
        return;
    }
    if (!valid) {
        refuse_decaps(v, alg, pqi_vec_c(sk));
        return;
    }
    if (pqi_vec_has(v, "ek")) {
        (void)pqi_vec_equal(v, "ek", pqi_vec_c(pk), pqi_vec_hex(v, "ek"));
    }
    decaps(v, alg, pqi_vec_c(sk), "K");
}

void pqi_vec_mlkem_encaps(pqi_vec *v)
{
    const pqi_kem *alg = pqi_vec_kem(v, pqi_vec_text(v, "parameterSet"));
    if (alg == NULL) {
        return;
    }
    pqi_cspan ek = pqi_vec_hex(v, "ek");
    pqi_status check = pqi_kem_check_pk(alg, ek, pqi_vec_tmp(v));
    if (pqi_vec_expected(v) == PQI_VEC_VALID) {
        (void)pqi_vec_status(v, "check_pk", check, PQI_OK);
        encaps(v, alg, "K");
        return;
    }
    pqi_span ct = pqi_vec_room(v, alg->ct_len);
    uint8_t ss[PQI_KEM_SS];
    pqi_status st =
        pqi_kem_encaps(alg, ct, (pqi_span){ss, sizeof ss}, ek, pqi_vec_hex(v, "m"), pqi_vec_tmp(v));
    (void)pqi_vec_status(v, "check_pk", check, PQI_ERR_DECODE);
    (void)pqi_vec_status(v, "encaps", st, ek.len == alg->pk_len ? PQI_ERR_DECODE : PQI_ERR_ARG);
}

void pqi_vec_mlkem_keygen_seed(pqi_vec *v)
{
    const pqi_kem *alg = pqi_vec_kem(v, pqi_vec_text(v, "parameterSet"));
    pqi_span pk, sk;
    if (alg == NULL) {
        return;
    }
    bool ok = keygen(v, alg, pqi_vec_hex(v, "seed"), &pk, &sk);
    if (pqi_vec_expected(v) != PQI_VEC_VALID) {
        if (ok) {
            pqi_vec_note(v, "an invalid seed was taken");
        }
        return;
    }
    if (ok) {
        (void)pqi_vec_equal(v, "ek", pqi_vec_c(pk), pqi_vec_hex(v, "ek"));
        (void)pqi_vec_equal(v, "dk", pqi_vec_c(sk), pqi_vec_hex(v, "dk"));
    }
}

void pqi_vec_mlkem_expanded_decaps(pqi_vec *v)
{
    const pqi_kem *alg = pqi_vec_kem(v, pqi_vec_text(v, "parameterSet"));
    if (alg == NULL) {
        return;
    }
    if (pqi_vec_expected(v) == PQI_VEC_VALID) {
        decaps(v, alg, pqi_vec_hex(v, "dk"), "K");
    } else {
        refuse_decaps(v, alg, pqi_vec_hex(v, "dk"));
    }
}
