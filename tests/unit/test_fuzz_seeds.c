/* SPDX-License-Identifier: Apache-2.0
 * The seeds of the identity fuzz targets are sound objects of the fixture: made again here and
 * compared with the corpus. PQI_WRITE_SEEDS=1 writes them. */
#include "pqi_test.h"

#include "support/control_fixture.h"
#include "support/join_fixture.h"
#include <stdbool.h>

static uint8_t buf[16384];

static void seed(const char *target, const char *name, pqi_cspan b)
{
    char path[512];
    (void)snprintf(path, sizeof path, PQI_SOURCE_DIR "/tests/fuzz/corpus/%s/%s", target, name);
    bool write = getenv("PQI_WRITE_SEEDS") != NULL;
    FILE *f = fopen(path, write ? "wb" : "rb");
    assert_non_null(f);
    if (write) {
        assert_int_equal(fwrite(b.ptr, 1, b.len, f), b.len);
    } else {
        static uint8_t got[16384];
        assert_int_equal(fread(got, 1, sizeof got, f), b.len);
        assert_memory_equal(got, b.ptr, b.len);
    }
    assert_int_equal(fclose(f), 0);
}

static void seeds(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    seed("cert", "device", f->cert_bytes);
    seed("revocations", "three", f->rev_bytes);
    seed("challenge", "one", j->challenge_bytes);
    seed("factory", "one", j->factory_bytes);
    seed("join", "device", j->join_bytes);
    pqi_manifest_key keys[5];
    pqi_manifest_spec s = fx_manifest_spec(f, keys);
    keys[1] = keys[3];
    s.n_keys = 2;
    s.threshold[PQI_ROLE_ROOT] = 1;
    s.threshold[PQI_ROLE_REVOKER] = 0;
    const pqi_key root[1] = {FX_ROOT1};
    size_t n = 0;
    assert_int_equal(
        pqi_manifest_build(&f->algs, f->p, &s, root, 1, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    seed("manifest", "one_root", (pqi_cspan){buf, n});
}

/* Certificates of the algorithms whose numbers and lengths are unlike those of the fixture. */
static void odd_certificate(const char *name, uint32_t kem, int32_t sig, uint32_t suites)
{
    static pqi_key next = 200;
    fx *f = jx_get()->f;
    const pqi_key kem_key = next++, sig_key = next++;
    seed_provider_add(&f->sp, kem_key, PQI_KEY_KEM, (int32_t)kem, 0x77);
    seed_provider_add(&f->sp, sig_key, PQI_KEY_SIG, sig, 0x78);
    pqi_cert c = fx_cert_fields(f);
    c.kem_alg = kem;
    c.kem_pk = fx_pk(f, kem_key);
    c.sig_alg = sig;
    c.sig_pk = fx_pk(f, sig_key);
    c.suites = suites;
    size_t n = 0;
    assert_int_equal(
        pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    const pqi_cspan bytes = {buf, n};
    pqi_cert got;
    const pqi_now now = {0, 0, c.valid_from_epoch};
    assert_int_equal(pqi_cert_decode(&f->algs, bytes, &got), PQI_OK);
    assert_int_equal(pqi_cert_verify(&f->algs, &got, &f->manifest, &now, f->tmp), PQI_OK);
    assert_int_equal(got.kem_alg, kem);
    assert_int_equal(got.sig_alg, sig);
    seed("cert", name, bytes);
    char of_inspect[32];
    (void)snprintf(of_inspect, sizeof of_inspect, "cert_%s", name);
    seed("inspect", of_inspect, bytes);
}

static void odd_certificates(void **state)
{
    (void)state;
    odd_certificate("saber", PQI_KEM_ID_SABER, PQI_SIG_ID_ML_DSA_44, 0x40);
    odd_certificate("falcon", PQI_KEM_ID_ML_KEM_512, PQI_SIG_ID_FALCON_512, 0x01);
    odd_certificate("falcon_1024", PQI_KEM_ID_ML_KEM_1024, PQI_SIG_ID_FALCON_1024, 0x08);
    odd_certificate("x_wing", PQI_KEM_ID_ML_KEM_768, PQI_SIG_ID_ML_DSA_44, 0x12);
}

static void control_plane(void **state)
{
    (void)state;
    cx *f = cx_get();
    const pqi_cspan tick = {f->tick_bytes, sizeof f->tick_bytes};
    const pqi_cspan local = {f->local_bytes, sizeof f->local_bytes};
    const pqi_cspan ask = {f->ask_bytes, f->ask_len}, answer = {f->answer_bytes, f->answer_len};
    seed("head", "one", f->head.encoded);
    seed("roster", "one", f->roster.encoded);
    seed("statement", "one", f->statement.encoded);
    seed("policy", "version_2", f->policy.encoded);
    seed("tick", "fleet", tick);
    seed("tick", "local", local);
    seed("path", "middle", (pqi_cspan){f->path_bytes, f->path_len});
    seed("ask", "one", ask);
    seed("ask", "answer", answer);
    seed("inspect", "head", f->head.encoded);
    seed("inspect", "policy", f->policy.encoded);
    seed("inspect", "statement", f->statement.encoded);
    seed("inspect", "tick", tick);
    seed("inspect", "local_tick", local);
    seed("inspect", "ask", ask);
    seed("inspect", "answer", answer);
    pqi_policy x = cx_policy_fields();
    const pqi_key one = CX_POLICY1;
    size_t n = 0;
    x.version = 1;
    x.rules = pqi_policy_default;
    assert_int_equal(
        pqi_policy_build(&f->algs, f->p, &x, &one, 1, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    seed("policy", "version_1", (pqi_cspan){buf, n});
    static const uint8_t alone[12] = {0, 0, 0, 0, 0, 0, 0, 1}; /* path of a tree of one */
    seed("path", "alone", (pqi_cspan){alone, sizeof alone});
}

PQI_TEST_MAIN(
    cmocka_unit_test(seeds), cmocka_unit_test(odd_certificates), cmocka_unit_test(control_plane))
