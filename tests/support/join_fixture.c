/* SPDX-License-Identifier: Apache-2.0 */
#include "support/join_fixture.h"

#include "pqi_test.h"

static jx the_jx;

size_t jx_make_grant(jx *j, const pqi_join_request *to, pqi_span out)
{
    size_t n = 0;
    assert_int_equal(
        pqi_grant_build(&j->f->algs, &pqi_suite_0001, to, j->f->cert_bytes, j->f->manifest_bytes,
            j->confirm_key, (pqi_cspan){j->coins, 64}, j->f->tmp, out, &n),
        PQI_OK);
    return n;
}

static void make(jx *j)
{
    fx *f = j->f;
    size_t n = 0;
    j->keys = (pqi_join_keys){FX_FACTORY, FX_KEM, FX_X25519, FX_SIG};
    memcpy(j->challenge.fleet_id, f->manifest.fleet_id, PQI_FLEET_ID_LEN);
    j->challenge.device_id = (pqi_cspan){PQI_LIT("pump-1")};
    memset(j->challenge.nonce, 0xa5, PQI_JOIN_NONCE_LEN);
    memset(j->confirm_key, 0xc3, sizeof j->confirm_key);
    memset(j->coins, 0x3c, sizeof j->coins);
    j->extra.boot = (pqi_cspan){PQI_LIT("boot measurement")};
    j->extra.suites = 3;
    j->extra.assurance = PQI_ASSURE_HW_RNG;

    assert_int_equal(pqi_factory_build(&f->algs, f->p, FX_FACTORY, j->challenge.device_id,
                         (pqi_span){j->factory_buf, sizeof j->factory_buf}, &n),
        PQI_OK);
    j->factory_bytes = (pqi_cspan){j->factory_buf, n};
    assert_int_equal(pqi_factory_open(&f->algs, j->factory_bytes, &j->factory, f->tmp), PQI_OK);

    assert_int_equal(pqi_challenge_encode(
                         &j->challenge, (pqi_span){j->challenge_buf, sizeof j->challenge_buf}, &n),
        PQI_OK);
    j->challenge_bytes = (pqi_cspan){j->challenge_buf, n};

    assert_int_equal(pqi_join_build(&f->algs, f->p, &j->keys, &j->challenge, &j->extra,
                         (pqi_span){j->join_buf, sizeof j->join_buf}, &n),
        PQI_OK);
    j->join_bytes = (pqi_cspan){j->join_buf, n};
    assert_int_equal(pqi_join_decode(&f->algs, j->join_bytes, &j->join), PQI_OK);

    n = jx_make_grant(j, &j->join, (pqi_span){j->grant_buf, sizeof j->grant_buf});
    j->grant_bytes = (pqi_cspan){j->grant_buf, n};
    assert_int_equal(pqi_grant_open(&f->algs, f->p, &j->keys, &j->challenge, j->grant_bytes,
                         (pqi_span){j->plain_buf, sizeof j->plain_buf}, &j->grant),
        PQI_OK);
}

jx *jx_get(void)
{
    if (the_jx.f == NULL) {
        the_jx.f = fx_get();
        make(&the_jx);
    }
    return &the_jx;
}
