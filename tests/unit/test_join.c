/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "support/join_fixture.h"
#include "support/reencode.h"

static uint8_t buf[PQI_GRANT_MAX], again[PQI_GRANT_MAX];

static void whole_flow(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    assert_int_equal(j->factory.alg, PQI_SIG_ID_ML_DSA_44);
    assert_memory_equal(j->factory.device_id.ptr, "pump-1", 6);
    assert_int_equal(pqi_join_verify(&f->algs, &j->join, j->factory.fingerprint, f->tmp), PQI_OK);
    assert_memory_equal(j->join.nonce, j->challenge.nonce, 32);
    assert_memory_equal(j->join.fleet_id, j->challenge.fleet_id, 16);
    assert_int_equal(j->join.boot.len, 16);
    assert_int_equal(j->join.suites, 3);
    assert_int_equal(j->grant.cert.len, f->cert_bytes.len);
    assert_memory_equal(j->grant.cert.ptr, f->cert_bytes.ptr, f->cert_bytes.len);
    assert_int_equal(j->grant.manifest.len, f->manifest_bytes.len);
    assert_memory_equal(j->grant.manifest.ptr, f->manifest_bytes.ptr, f->manifest_bytes.len);
    assert_memory_equal(j->grant.confirm_key, j->confirm_key, 32);
    assert_int_equal(pqi_grant_check(&f->algs, f->p, &j->keys, j->challenge.device_id,
                         f->manifest.hash, &j->grant, &f->now, f->tmp),
        PQI_OK);
}

/* The confirmation key does not stay behind in the buffer of the opened grant. */
static void confirm_key_is_moved(void **state)
{
    (void)state;
    jx *j = jx_get();
    for (size_t i = 0; i + 32 <= sizeof j->plain_buf; i++) {
        assert_int_not_equal(memcmp(j->plain_buf + i, j->confirm_key, 32), 0);
    }
    uint8_t *scratch = j->f->tmp.ptr; /* nor in the scratch of the builder */
    for (size_t i = 0; i + 32 <= j->f->tmp.len; i++) {
        assert_int_not_equal(memcmp(scratch + i, j->confirm_key, 32), 0);
    }
}

static void round_trips(void **state)
{
    (void)state;
    jx *j = jx_get();
    assert_int_equal(reencode_join(&j->join, (pqi_span){again, sizeof again}), j->join_bytes.len);
    assert_memory_equal(again, j->join_bytes.ptr, j->join_bytes.len);
    pqi_challenge c;
    assert_int_equal(pqi_challenge_decode(j->challenge_bytes, &c), PQI_OK);
    assert_int_equal(
        reencode_challenge(&c, (pqi_span){again, sizeof again}), j->challenge_bytes.len);
    assert_memory_equal(again, j->challenge_bytes.ptr, j->challenge_bytes.len);
}

static void a_device_without_a_signing_key(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    pqi_join_keys keys = j->keys;
    keys.sig = 0;
    size_t n = 0;
    pqi_join_request got;
    assert_int_equal(pqi_join_build(&f->algs, f->p, &keys, &j->challenge, &j->extra,
                         (pqi_span){buf, sizeof buf}, &n),
        PQI_OK);
    assert_int_equal(pqi_join_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    assert_int_equal(got.sig_alg, 0);
    assert_int_equal(got.sig_pk.len, 0);
    assert_int_equal(pqi_join_verify(&f->algs, &got, j->factory.fingerprint, f->tmp), PQI_OK);
    assert_int_equal(reencode_join(&got, (pqi_span){again, sizeof again}), n);
    assert_memory_equal(again, buf, n);
}

static void builders_refuse(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    const pqi_span out = {buf, sizeof buf};
    size_t n = 0;
    for (int i = 0; i < 9; i++) {
        pqi_join_keys keys = j->keys;
        pqi_challenge ch = j->challenge;
        pqi_join_request extra = j->extra;
        pqi_status want = PQI_ERR_ARG;
        switch (i) {
        case 0:
            keys.sig = keys.factory;
            break;
        case 1:
            keys.kem = FX_SIG;
            break;
        case 2:
            keys.x25519 = FX_KEM;
            break;
        case 3:
            keys.sig = FX_KEM;
            break;
        case 4:
            keys.factory = FX_X25519;
            break;
        case 5:
            ch.device_id = (pqi_cspan){PQI_LIT("a/b")};
            break;
        case 6:
            extra.boot = (pqi_cspan){again, PQI_BOOT_MAX + 1};
            break;
        case 7:
            extra.assurance = 0x40;
            break;
        default:
            keys.kem = 999;
            want = PQI_ERR_MISSING;
            break;
        }
        assert_int_equal(pqi_join_build(&f->algs, f->p, &keys, &ch, &extra, out, &n), want);
        assert_int_equal(n, 0);
    }
    pqi_challenge ch = j->challenge;
    ch.device_id.len = 0;
    assert_int_equal(pqi_challenge_encode(&ch, out, &n), PQI_ERR_ARG);
    assert_int_equal(
        pqi_factory_build(&f->algs, f->p, FX_KEM, j->challenge.device_id, out, &n), PQI_ERR_ARG);
    assert_int_equal(
        pqi_factory_build(&f->algs, f->p, FX_FACTORY, (pqi_cspan){PQI_LIT("#")}, out, &n),
        PQI_ERR_ARG);
}

/* One byte short tells the need and touches nothing; a failing second signature leaves zeros. */
static void space_and_failures(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    size_t n = 0, need = j->join_bytes.len;
    memset(buf, 0xee, sizeof buf);
    assert_int_equal(pqi_join_build(&f->algs, f->p, &j->keys, &j->challenge, &j->extra,
                         (pqi_span){buf, need - 1}, &n),
        PQI_ERR_SPACE);
    assert_int_equal(n, need);
    assert_int_equal(
        pqi_challenge_encode(&j->challenge, (pqi_span){buf, j->challenge_bytes.len - 1}, &n),
        PQI_ERR_SPACE);
    assert_int_equal(n, j->challenge_bytes.len);
    assert_int_equal(pqi_factory_build(&f->algs, f->p, FX_FACTORY, j->challenge.device_id,
                         (pqi_span){buf, j->factory_bytes.len - 1}, &n),
        PQI_ERR_SPACE);
    assert_int_equal(n, j->factory_bytes.len);
    size_t tmp_len = pqi_grant_tmp_len(&pqi_suite_0001, f->cert_bytes.len, f->manifest_bytes.len);
    assert_int_equal(
        pqi_grant_build(&f->algs, &pqi_suite_0001, &j->join, f->cert_bytes, f->manifest_bytes,
            j->confirm_key, (pqi_cspan){j->coins, 64}, (pqi_span){f->tmp.ptr, tmp_len},
            (pqi_span){buf, j->grant_bytes.len - 1}, &n),
        PQI_ERR_SPACE);
    assert_int_equal(n, j->grant_bytes.len);
    assert_int_equal(pqi_grant_build(&f->algs, &pqi_suite_0001, &j->join, f->cert_bytes,
                         f->manifest_bytes, j->confirm_key, (pqi_cspan){j->coins, 64},
                         (pqi_span){f->tmp.ptr, tmp_len - 1}, (pqi_span){buf, sizeof buf}, &n),
        PQI_ERR_SPACE);
    assert_int_equal(n, 0);
    for (size_t i = 0; i < sizeof buf; i++) {
        assert_int_equal(buf[i], 0xee);
    }
    for (unsigned k = 1; k <= 2; k++) {
        memset(buf, 0xee, sizeof buf);
        f->sp.fail_sign_at = f->sp.n_signed + k;
        assert_int_equal(pqi_join_build(&f->algs, f->p, &j->keys, &j->challenge, &j->extra,
                             (pqi_span){buf, sizeof buf}, &n),
            PQI_ERR_PROVIDER);
        for (size_t i = 0; i < need; i++) {
            assert_int_equal(buf[i], 0);
        }
    }
    f->sp.fail_sign_at = f->sp.n_signed + 1;
    assert_int_equal(pqi_factory_build(&f->algs, f->p, FX_FACTORY, j->challenge.device_id,
                         (pqi_span){buf, sizeof buf}, &n),
        PQI_ERR_PROVIDER);
    assert_int_equal(n, 0);
    f->sp.fail_sign_at = 0;
}

static void grant_build_refuses(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    const pqi_cspan coins = {j->coins, 64};
    size_t n = 0;
    for (int i = 0; i < 6; i++) {
        pqi_join_request to = j->join;
        pqi_cspan cert = f->cert_bytes, manifest = f->manifest_bytes;
        const pqi_suite *suite = &pqi_suite_0001;
        switch (i) {
        case 0:
            suite = &pqi_suite_0002;
            break; /* another KEM */
        case 1:
            to.suites = 2;
            break; /* not offered */
        case 2:
            cert.len = 0;
            break;
        case 3:
            manifest.len = PQI_MANIFEST_MAX + 1;
            break;
        case 4:
            cert.len = PQI_CERT_MAX + 1;
            break;
        default:
            to.device_id.len = 0;
            break;
        }
        assert_int_equal(pqi_grant_build(&f->algs, suite, &to, cert, manifest, j->confirm_key,
                             coins, f->tmp, (pqi_span){buf, sizeof buf}, &n),
            PQI_ERR_ARG);
    }
    pqi_join_request to = j->join; /* an X25519 key of low order */
    static const uint8_t zero[32];
    to.x25519_pk = (pqi_cspan){zero, 32};
    memset(buf, 0xee, sizeof buf);
    assert_int_equal(
        pqi_grant_build(&f->algs, &pqi_suite_0001, &to, f->cert_bytes, f->manifest_bytes,
            j->confirm_key, coins, f->tmp, (pqi_span){buf, sizeof buf}, &n),
        PQI_ERR_AUTH);
    for (size_t i = 0; i < j->grant_bytes.len; i++) {
        assert_int_equal(buf[i], 0);
    }
}

static void confirmation(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    uint8_t out[PQI_CONFIRM_LEN], other[PQI_CONFIRM_LEN], want[32];
    assert_int_equal(
        pqi_confirm_build(&f->algs, j->confirm_key, j->challenge.device_id, f->cert.key_id, out),
        PQI_OK);
    assert_memory_equal(out, "\x74\0\0", 4);
    assert_memory_equal(out + 4, f->cert.key_id, 16);
    const pqi_cspan parts[2] = {{PQI_LIT("PQI4 confirm\0\x06pump-1")}, {f->cert.key_id, 16}};
    assert_int_equal(
        f->algs.classic->hmac(PQI_HASH_SHA256, (pqi_cspan){j->confirm_key, 32}, parts, 2, want),
        PQI_OK);
    assert_memory_equal(out + 20, want, 32);
    assert_int_equal(pqi_confirm_build(&f->algs, j->confirm_key, (pqi_cspan){PQI_LIT("pump-2")},
                         f->cert.key_id, other),
        PQI_OK);
    assert_memory_not_equal(out + 20, other + 20, 32);
    assert_int_equal(
        pqi_confirm_build(&f->algs, j->confirm_key, (pqi_cspan){NULL, 0}, f->cert.key_id, out),
        PQI_ERR_ARG);
}

PQI_TEST_MAIN(cmocka_unit_test(whole_flow), cmocka_unit_test(confirm_key_is_moved),
    cmocka_unit_test(round_trips), cmocka_unit_test(a_device_without_a_signing_key),
    cmocka_unit_test(builders_refuse), cmocka_unit_test(space_and_failures),
    cmocka_unit_test(grant_build_refuses), cmocka_unit_test(confirmation))
