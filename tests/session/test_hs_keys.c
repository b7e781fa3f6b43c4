/* SPDX-License-Identifier: Apache-2.0
 * Transcript, key schedule and gate of the v4 handshake, and the example of
 * docs/spec/v4-handshake-example.txt. With PQI_WRITE_EXAMPLE set in the environment it is written. */
#include "pqi_test.h"

#include "session/hs_run.h"

#include <pqi/host.h>

static const pqi_classic *const cl = &pqi_classic_openssl;
static hs_run run;

static pqi_cspan in(const hs_buf *b)
{
    return (pqi_cspan){b->b, b->len};
}

static void all_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < hs_n_cases; i++) {
        static hs_trace t;
        hs_run_case(&hs_cases[i], &run);
        hs_derive(&run.rec, &t);
        assert_memory_equal(&t.out, &run.out_i, sizeof t.out);
        /* the keys that the trace made from their parts open what the ends sealed */
        static uint8_t plain[PQI_SIG_MAX_SIG];
        const size_t n = pqi_hash_len(hs_cases[i].suite->hash);
        const pqi_aead_key kr = {PQI_AEAD_AES_256_GCM, {t.key_r, 32}, {t.key_r + 32, 12}};
        const pqi_aead_key ki = {PQI_AEAD_AES_256_GCM, {t.key_i, 32}, {t.key_i + 32, 12}};
        uint8_t aad[PQI_HS_TH + PQI_HS_CONF_HDR];
        memcpy(aad, t.th[3], n);
        memcpy(aad + n, run.conf.b, PQI_HS_CONF_HDR);
        assert_int_equal(cl->aead_open(&kr, (pqi_cspan){t.th[2], n}, in(&run.rec.auth_r),
                             (pqi_span){plain, run.rec.auth_r.len - PQI_AEAD_TAG}),
            PQI_OK);
        assert_int_equal(
            cl->aead_open(&ki, (pqi_cspan){aad, n + PQI_HS_CONF_HDR}, in(&run.rec.auth_i),
                (pqi_span){plain, run.rec.auth_i.len - PQI_AEAD_TAG}),
            PQI_OK);
    }
}

/* 0x0003 has another AEAD, SABER suites other sizes and, 0x0008, SHA-384. */
static void other_suites(void **state)
{
    (void)state;
    static const pqi_suite *const suites[] = {
        &pqi_suite_0005, &pqi_suite_0006, &pqi_suite_0007, &pqi_suite_0008, &pqi_suite_0003};
    static const pqi_hs_mode modes[] = {PQI_HS_MODE_S, PQI_HS_MODE_K, PQI_HS_MODE_M};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        for (size_t m = 0; m < 3; m++) {
            const hs_case c = {"", modes[m], suites[i],
                modes[m] == PQI_HS_MODE_S ? &pqi_sig_ml_dsa_44 : NULL,
                modes[m] != PQI_HS_MODE_K ? &pqi_sig_ml_dsa_44 : NULL, m == 1, m == 2};
            hs_run_case(&c, &run);
        }
    }
}

/* ---- binding ------------------------------------------------------------------------------------- */

#define KEYS 7u /* of pqi_hs_out, in front of sid */

static bool any_equal(const pqi_hs_out *a, const pqi_hs_out *b)
{
    const uint8_t *pa = (const uint8_t *)a, *pb = (const uint8_t *)b;
    for (size_t i = 0; i < KEYS; i++) {
        for (size_t j = 0; j < KEYS; j++) {
            if (memcmp(pa + 32 * i, pb + 32 * j, 32) == 0) {
                return true;
            }
        }
    }
    return memcmp(a->sid, b->sid, sizeof a->sid) == 0;
}

static void differs(const hs_record *r, const pqi_hs_out *from, const char *what)
{
    static hs_trace t;
    hs_derive(r, &t);
    if (any_equal(&t.out, from)) {
        print_error("not bound: %s\n", what);
    }
    assert_false(any_equal(&t.out, from));
}

/* A field of a packet and its place. */
typedef struct field {
    const char *name;
    size_t at, len;
} field;

static void each_field(hs_buf *b, const field *f, size_t n, const pqi_hs_out *o)
{
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(f[i].at, end); /* the table leaves no byte out */
        end += f[i].len;
        const size_t step = f[i].len > 1 ? f[i].len - 1 : 1; /* its first and last byte */
        for (size_t k = 0; k < f[i].len; k += step) {
            b->b[f[i].at + k] ^= 0x80;
            differs(&run.rec, o, f[i].name);
            b->b[f[i].at + k] ^= 0x80;
        }
    }
    assert_int_equal(end, b->len);
}

typedef struct part {
    const char *name;
    size_t len;
} part;

typedef struct fields {
    field f[20];
    size_t n, at;
} fields;

static void put(fields *t, const char *name, size_t len)
{
    t->f[t->n++] = (field){name, t->at, len};
    t->at += len;
}

static void packets_are_bound(const hs_case *c, const pqi_hs_out *o)
{
    const pqi_kem *kem = c->suite->kem;
    const part of_init[] = {{"T", 1}, {"flags", 1}, {"suite", 2}, {"kid_R", 8}, {"kid_I", 8},
        {"init_seq", 8}, {"rsid_I", 4}, {"head_epoch", 4}, {"head_hash", 8}, {"rand_I", 16},
        {"nonce", c->nonce ? 16 : 0}, {"x_I", 32}, {"ek_I", kem->pk_len},
        {"ct_R", c->mode == PQI_HS_MODE_K ? kem->ct_len : 0}};
    const part of_resp[] = {{"T", 1}, {"flags", 1}, {"suite", 2}, {"rsid_I", 4}, {"rsid_R", 4},
        {"head_epoch", 4}, {"head_hash", 8}, {"init_ctr_R", 8}, {"rand_R", 16}, {"x_R", 32},
        {"ct_e", kem->ct_len}, {"ct_I", c->mode != PQI_HS_MODE_S ? kem->ct_len : 0}};
    fields i = {.n = 0}, r = {.n = 0}, a = {.n = 0};
    for (size_t k = 0; k < sizeof of_init / sizeof of_init[0]; k++) {
        put(&i, of_init[k].name, of_init[k].len);
    }
    for (size_t k = 0; k < sizeof of_resp / sizeof of_resp[0]; k++) {
        put(&r, of_resp[k].name, of_resp[k].len);
    }
    put(&a, "auth", run.rec.auth_r.len);
    each_field(&run.rec.init, i.f, i.n, o);
    each_field(&run.rec.resp, r.f, r.n, o);
    each_field(&run.rec.auth_r, a.f, a.n, o);
}

/* One byte at each end of one input. */
static void input_is_bound(uint8_t *p, size_t n, const pqi_hs_out *o, const char *name)
{
    p[0] ^= 1;
    differs(&run.rec, o, name);
    p[0] ^= 1;
    p[n - 1] ^= 0x80;
    differs(&run.rec, o, name);
    p[n - 1] ^= 0x80;
}

static void exchange(hs_buf *a, hs_buf *b)
{
    static hs_buf was;
    was = *a;
    *a = *b;
    *b = was;
}

static void ends_are_bound(const pqi_hs_out *o)
{
    hs_record *r = &run.rec;
    struct {
        const char *name;
        hs_buf *b;
    } of[] = {{"id_I", &r->id_i}, {"id_R", &r->id_r}, {"cert_I", &r->cert_i},
        {"cert_R", &r->cert_r}, {"topic_I", &r->topic_i}, {"topic_R", &r->topic_r}};
    for (size_t i = 0; i < 6; i++) {
        input_is_bound(of[i].b->b, of[i].b->len, o, of[i].name);
        of[i].b->b[of[i].b->len++] = 'x'; /* longer */
        differs(r, o, of[i].name);
        of[i].b->len -= 2; /* shorter */
        differs(r, o, of[i].name);
        of[i].b->len += 1;
    }
    for (size_t i = 0; i < 6; i += 2) { /* roles exchanged */
        exchange(of[i].b, of[i + 1].b);
        differs(r, o, of[i].name);
        exchange(of[i].b, of[i + 1].b);
    }
    /* a byte that moves from one id, topic to the next: the lengths are in the hash */
    for (size_t i = 0; i < 6; i += 4) {
        uint8_t last = of[i].b->b[--of[i].b->len];
        memmove(of[i + 1].b->b + 1, of[i + 1].b->b, of[i + 1].b->len++);
        of[i + 1].b->b[0] = last;
        differs(r, o, of[i].name);
        memmove(of[i + 1].b->b, of[i + 1].b->b + 1, --of[i + 1].b->len);
        of[i].b->b[of[i].b->len++] = last;
    }
}

static void secrets_are_bound(const hs_case *c, const pqi_hs_out *o)
{
    static const char *const names[] = {"static R", "ephemeral", "static I"};
    hs_record *r = &run.rec;
    static hs_trace t, u;
    hs_derive(r, &t);
    const bool has[] = {c->mode == PQI_HS_MODE_K, true, c->mode != PQI_HS_MODE_S};
    for (size_t x = 0; x < 3; x++) {
        for (size_t i = 0; i < PQI_COMBINE_SECRETS;
             i += 31) { /* both secrets, first to last byte */
            r->k[x][i] ^= 1;
            if (has[x]) {
                hs_derive(r, &u);
                /* all keys are others; sid is public and hangs on the transcript only */
                memset(u.out.sid, 0xee, sizeof u.out.sid);
                if (any_equal(&u.out, o)) {
                    print_error("not bound: secret %s\n", names[x]);
                }
                assert_false(any_equal(&u.out, o));
                assert_memory_not_equal(u.key_r, t.key_r, 44);
                assert_memory_not_equal(u.key_i, t.key_i, 44);
            } else {
                hs_derive(r, &u);
                assert_memory_equal(&u.out, o, sizeof u.out);
            }
            r->k[x][i] ^= 1;
        }
    }
}

/* INV-90: each input and each field of each packet, ends, roles and secrets. */
static void everything_is_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < hs_n_cases; i++) {
        const hs_case *c = &hs_cases[i];
        hs_run_case(c, &run);
        const pqi_hs_out o = run.out_i;
        packets_are_bound(c, &o);
        ends_are_bound(&o);
        secrets_are_bound(c, &o);
        static hs_trace t;
        hs_derive(&run.rec, &t); /* everything was put back */
        assert_memory_equal(&t.out, &o, sizeof o);
        /* the site's key: another, and none where there was one */
        hs_buf *psk = &run.rec.psk;
        const size_t was = psk->len;
        psk->len = was == 0 ? PQI_HS_PSK : 0;
        psk->b[0] ^= 1;
        hs_derive(&run.rec, &t);
        memset(t.out.sid, 0xee, sizeof t.out.sid);
        assert_false(any_equal(&t.out, &o));
        psk->len = PQI_HS_PSK;
        hs_derive(&run.rec, &t);
        memset(t.out.sid, 0xee, sizeof t.out.sid);
        assert_false(any_equal(&t.out, &o));
    }
}

/* Suite and mode stand in the schedule by themselves, whatever the packets say. */
static void suite_and_mode_are_bound(void **state)
{
    (void)state;
    static hs_trace t;
    hs_run_case(&hs_cases[3], &run); /* K: has all three secrets */
    const pqi_hs_out o = run.out_i;
    run.rec.mode = PQI_HS_MODE_M;
    differs(&run.rec, &o, "mode");
    run.rec.mode = PQI_HS_MODE_K;
    run.rec.suite = &pqi_suite_0002; /* the same hash */
    differs(&run.rec, &o, "suite");
    run.rec.suite = &pqi_suite_0001;
    hs_derive(&run.rec, &t);
    assert_memory_equal(&t.out, &o, sizeof o);
}

/* INV-91: the seven keys of one handshake, and the two of auth, are nine different ones. */
static void keys_are_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < hs_n_cases; i++) {
        static hs_trace t;
        uint8_t keys[KEYS + 2][32];
        hs_run_case(&hs_cases[i], &run);
        hs_derive(&run.rec, &t);
        memcpy(keys, &t.out, 32u * KEYS);
        memcpy(keys[KEYS], t.key_r, 32);
        memcpy(keys[KEYS + 1], t.key_i, 32);
        for (size_t a = 0; a < KEYS + 2; a++) {
            for (size_t b = 0; b < a; b++) {
                assert_memory_not_equal(keys[a], keys[b], 32);
                assert_memory_not_equal(keys[a], keys[b], 16);
            }
        }
        assert_memory_not_equal(t.key_r + 32, t.key_i + 32, 12);
    }
}

/* ---- order and failure --------------------------------------------------------------------------- */

static void unchanged(const pqi_hs_sched *s, const pqi_hs_sched *before)
{
    assert_memory_equal(s, before, sizeof *s);
}

static void out_of_order(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[4], &run); /* K, suite 0x0002 */
    const hs_record *r = &run.rec;
    const pqi_hs_ends e = hs_ends(r);
    pqi_hs_sched s, before;
    pqi_hs_out out;
    pqi_cspan d, m;
    uint8_t tag[16] = {0}, conf[8] = {0};
    const pqi_cspan none = {NULL, 0}, psk = in(&r->psk);
    assert_int_equal(pqi_hs_start(cl, r->suite, r->mode, &e, psk, &s), PQI_OK);
    for (unsigned x = 0; x < 3; x++) {
        const pqi_combine_in c = {r->k[x], r->x_ct[x], r->x_pk[x]};
        before = s;
        for (unsigned y = 0; y < 4; y++) {
            if (y != x) {
                assert_int_equal(pqi_hs_mix(cl, &s, (pqi_hs_exchange)y, &c), PQI_ERR_STATE);
            }
        }
        assert_int_equal(pqi_hs_finish(cl, &s, &out), PQI_ERR_STATE);
        assert_int_equal(pqi_hs_auth_seal(cl, &s, PQI_HS_SIDE_R, none, none, (pqi_span){tag, 16}),
            PQI_ERR_STATE);
        unchanged(&s, &before);
        if (x == 1) {
            assert_int_equal(pqi_hs_hear(cl, &s, in(&r->init)), PQI_OK);
            assert_int_equal(pqi_hs_hear(cl, &s, in(&r->resp)), PQI_OK);
            before = s; /* th3 before the last secret: no */
            assert_int_equal(pqi_hs_hear(cl, &s, in(&r->auth_r)), PQI_ERR_STATE);
            assert_int_equal(
                pqi_hs_auth_seal(cl, &s, PQI_HS_SIDE_R, none, none, (pqi_span){tag, 16}),
                PQI_ERR_STATE);
            unchanged(&s, &before);
        }
        assert_int_equal(pqi_hs_mix(cl, &s, (pqi_hs_exchange)x, &c), PQI_OK);
    }
    before = s;
    assert_int_equal(
        pqi_hs_signed(&s, PQI_HS_SIDE_R, &d, &m), PQI_ERR_STATE); /* mode K signs not */
    assert_int_equal(pqi_hs_finish(cl, &s, &out), PQI_ERR_STATE);
    assert_int_equal(
        pqi_hs_auth_seal(cl, &s, PQI_HS_SIDE_I, (pqi_cspan){conf, 8}, none, (pqi_span){tag, 16}),
        PQI_ERR_STATE);
    unchanged(&s, &before);
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->auth_r)), PQI_OK);
    before = s;
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->auth_r)), PQI_ERR_STATE);
    assert_int_equal(
        pqi_hs_auth_open(cl, &s, PQI_HS_SIDE_R, none, in(&r->auth_r), (pqi_span){NULL, 0}),
        PQI_ERR_STATE);
    unchanged(&s, &before);
    assert_int_equal(pqi_hs_finish(cl, &s, &out), PQI_OK);
    static const pqi_hs_sched zero;
    unchanged(&s, &zero);
    assert_int_equal(pqi_hs_finish(cl, &s, &out), PQI_ERR_STATE);
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->init)), PQI_ERR_STATE);
}

/* Every bit of auth, of the CONF's open bytes, and each other schedule: nothing opens. */
static void auth_refuses(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[5], &run); /* K, SHA-384 */
    const hs_record *r = &run.rec;
    const pqi_hs_ends e = hs_ends(r);
    pqi_hs_sched s, before;
    uint8_t none[1] = {0};
    const pqi_span plain = {none, 0};
    assert_int_equal(pqi_hs_start(cl, r->suite, r->mode, &e, in(&r->psk), &s), PQI_OK);
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->init)), PQI_OK);
    for (unsigned x = 0; x < 3; x++) {
        const pqi_combine_in c = {r->k[x], r->x_ct[x], r->x_pk[x]};
        assert_int_equal(pqi_hs_mix(cl, &s, (pqi_hs_exchange)x, &c), PQI_OK);
    }
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->resp)), PQI_OK);
    before = s;
    hs_buf auth = r->auth_r;
    for (size_t bit = 0; bit < 8 * auth.len; bit++) {
        auth.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(
            pqi_hs_auth_open(cl, &s, PQI_HS_SIDE_R, (pqi_cspan){NULL, 0}, in(&auth), plain),
            PQI_ERR_AUTH);
        auth.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    unchanged(&s, &before);
    assert_int_equal(
        pqi_hs_auth_open(cl, &s, PQI_HS_SIDE_R, (pqi_cspan){NULL, 0}, in(&auth), plain), PQI_OK);
    assert_int_equal(pqi_hs_hear(cl, &s, in(&auth)), PQI_OK);
    hs_buf conf = run.conf;
    for (size_t bit = 0; bit < 8 * conf.len; bit++) {
        conf.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(pqi_hs_auth_open(cl, &s, PQI_HS_SIDE_I, (pqi_cspan){conf.b, 8},
                             (pqi_cspan){conf.b + 8, conf.len - 8}, plain),
            PQI_ERR_AUTH);
        conf.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(pqi_hs_auth_open(cl, &s, PQI_HS_SIDE_I, (pqi_cspan){conf.b, 7},
                         (pqi_cspan){conf.b + 8, conf.len - 8}, plain),
        PQI_ERR_ARG);
    assert_int_equal(pqi_hs_auth_open(cl, &s, PQI_HS_SIDE_I, (pqi_cspan){conf.b, 8},
                         (pqi_cspan){conf.b + 8, conf.len - 8}, plain),
        PQI_OK);
}

static void refused_arguments(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[3], &run);
    const hs_record *r = &run.rec;
    const pqi_hs_ends sound = hs_ends(r);
    static const uint8_t zeros[sizeof(pqi_hs_sched)];
    static uint8_t long_topic[PQI_TOPIC_MAX + 1];
    pqi_hs_sched s;
    const pqi_cspan none = {NULL, 0};
    for (unsigned i = 0; i < 11; i++) {
        pqi_hs_ends e = sound;
        pqi_cspan *const all[] = {&e.id_i, &e.id_r, &e.cert_i, &e.cert_r, &e.topic_i, &e.topic_r};
        if (i < 6) {
            all[i]->len = 0;
        } else if (i == 6) {
            e.id_r = e.id_i;
        } else if (i == 7) {
            e.topic_i = (pqi_cspan){long_topic, sizeof long_topic};
        } else if (i < 10) { /* no hash of this suite */
            all[2 + i - 8]->len += i == 8 ? 1u : SIZE_MAX;
        } else {
            e.id_i = (pqi_cspan){long_topic, PQI_ID_MAX + 1};
        }
        memset(&s, 0x5a, sizeof s);
        assert_int_equal(pqi_hs_start(cl, r->suite, r->mode, &e, none, &s), PQI_ERR_ARG);
        assert_memory_equal(&s, zeros, sizeof s);
    }
    assert_int_equal(pqi_hs_start(cl, r->suite, (pqi_hs_mode)0, &sound, none, &s), PQI_ERR_ARG);
    assert_int_equal(pqi_hs_start(cl, r->suite, (pqi_hs_mode)4, &sound, none, &s), PQI_ERR_ARG);
    assert_int_equal(
        pqi_hs_start(cl, r->suite, r->mode, &sound, (pqi_cspan){long_topic, 31}, &s), PQI_ERR_ARG);
}

/* A backend that fails at its n-th hash or hmac: the status comes through, nothing is kept. */
static unsigned calls_left;
static pqi_status failing_hash(pqi_hash_id id, const pqi_cspan *p, size_t n, uint8_t *out)
{
    return calls_left-- == 0 ? PQI_ERR_PROVIDER : cl->hash(id, p, n, out);
}
static pqi_status failing_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *p, size_t n, uint8_t *out)
{
    return calls_left-- == 0 ? PQI_ERR_PROVIDER : cl->hmac(id, key, p, n, out);
}

static void backend_fails(void **state)
{
    (void)state;
    pqi_classic f = *cl;
    f.hash = failing_hash;
    f.hmac = failing_hmac;
    hs_run_case(&hs_cases[3], &run);
    const hs_record *r = &run.rec;
    const pqi_hs_ends e = hs_ends(r);
    static const uint8_t zeros[sizeof(pqi_hs_sched) + sizeof(pqi_hs_out)];
    pqi_hs_sched s, before;
    pqi_hs_out out;
    for (unsigned n = 0; n < 2; n++) { /* a hash, an hmac */
        calls_left = n;
        assert_int_equal(
            pqi_hs_start(&f, r->suite, r->mode, &e, in(&r->psk), &s), PQI_ERR_PROVIDER);
        assert_memory_equal(&s, zeros, sizeof s);
    }
    assert_int_equal(pqi_hs_start(cl, r->suite, r->mode, &e, in(&r->psk), &s), PQI_OK);
    before = s;
    calls_left = 0;
    assert_int_equal(pqi_hs_hear(&f, &s, in(&r->init)), PQI_ERR_PROVIDER);
    unchanged(&s, &before);
    for (unsigned x = 0; x < 3; x++) {
        const pqi_combine_in c = {r->k[x], r->x_ct[x], r->x_pk[x]};
        before = s;
        calls_left = 0;
        assert_int_equal(pqi_hs_mix(&f, &s, (pqi_hs_exchange)x, &c), PQI_ERR_PROVIDER);
        unchanged(&s, &before);
        assert_int_equal(pqi_hs_mix(cl, &s, (pqi_hs_exchange)x, &c), PQI_OK);
    }
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->init)), PQI_OK);
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->resp)), PQI_OK);
    assert_int_equal(pqi_hs_hear(cl, &s, in(&r->auth_r)), PQI_OK);
    before = s;
    for (unsigned n = 0; n < 8; n++) { /* prk_out and seven keys */
        s = before;
        calls_left = n;
        memset(&out, 0x5a, sizeof out);
        assert_int_equal(pqi_hs_finish(&f, &s, &out), PQI_ERR_PROVIDER);
        assert_memory_equal(&out, zeros, sizeof out);
        assert_memory_equal(&s, zeros, sizeof s);
    }
    s = before;
    calls_left = 8;
    assert_int_equal(pqi_hs_finish(&f, &s, &out), PQI_OK);
    assert_memory_equal(&out, &run.out_i, sizeof out);
}

/* ---- gate ---------------------------------------------------------------------------------------- */

static void gate_refuses(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[3], &run);
    hs_buf k = run.init;
    const pqi_hs_gate_in g = {
        run.gk_i2r, in(&run.rec.id_i), in(&run.rec.id_r), in(&run.rec.topic_i)};
    assert_int_equal(pqi_hs_gate_check(cl, &g, in(&k)), PQI_OK);
    for (size_t i = 1; i < k.len; i++) {
        k.b[i] ^= 4;
        assert_int_equal(pqi_hs_gate_check(cl, &g, in(&k)), PQI_ERR_AUTH);
        k.b[i] ^= 4;
    }
    k.b[0] = PQI_HS_T_INIT_S;
    assert_int_equal(pqi_hs_gate_check(cl, &g, in(&k)), PQI_ERR_AUTH);
    k.b[0] = PQI_HS_T_CONF_K; /* has none */
    assert_int_equal(pqi_hs_gate_check(cl, &g, in(&k)), PQI_ERR_ARG);
    k.b[0] = PQI_HS_T_INIT_K;
    const pqi_cspan other_topic = {PQI_LIT("pq/4/i/contro2")}; /* of the same length */
    for (unsigned i = 0; i < 5; i++) {
        pqi_hs_gate_in bad = g;
        bad.gk = i == 0 ? run.gk_r2i : bad.gk;
        bad.id_from = i == 1 ? g.id_to : bad.id_from;
        bad.id_to = i == 2 ? g.id_from : bad.id_to;
        bad.topic = i == 3 ? other_topic : bad.topic;
        if (i == 4) { /* reflected: the other direction as a whole */
            bad = (pqi_hs_gate_in){run.gk_r2i, g.id_to, g.id_from, in(&run.rec.topic_r)};
        }
        assert_int_equal(pqi_hs_gate_check(cl, &bad, in(&k)), PQI_ERR_AUTH);
    }
    assert_int_equal(pqi_hs_gate_check(cl, &g, (pqi_cspan){k.b, PQI_HS_GATE}), PQI_ERR_ARG);
    pqi_hs_gate_in empty = g;
    empty.topic.len = 0;
    assert_int_equal(pqi_hs_gate_check(cl, &empty, in(&k)), PQI_ERR_ARG);
}

/* ---- the example --------------------------------------------------------------------------------- */

static char got[400000];

static void add(char **at, const char *name, const uint8_t *p, size_t n)
{
    *at += sprintf(*at, "%s =", name);
    for (size_t i = 0; i < n; i++) {
        *at += sprintf(*at, "%s%02x", i % 48 == 0 ? "\n    " : "", p[i]);
    }
    *at += sprintf(*at, "\n");
    assert_true(*at < got + sizeof got - 40000);
}

static void add_buf(char **at, const char *name, const hs_buf *b)
{
    add(at, name, b->b, b->len);
}

static void add_inputs(char **at)
{
    const hs_record *r = &run.rec;
    const pqi_kem *kem = r->suite->kem;
    const bool stat = r->mode != PQI_HS_MODE_S;
    *at += sprintf(*at, "\n[%s]\nmode =\n    %02x\nsuite =\n    %04x\n", run.c->name,
        (unsigned)r->mode, (unsigned)r->suite->id);
    add_buf(at, "id_I", &r->id_i);
    add_buf(at, "id_R", &r->id_r);
    add_buf(at, "cert_I", &r->cert_i);
    add_buf(at, "cert_R", &r->cert_r);
    add_buf(at, "topic_I", &r->topic_i);
    add_buf(at, "topic_R", &r->topic_r);
    add_buf(at, "psk", &r->psk);
    add(at, "gate_key_I2R", run.gk_i2r, 32);
    add(at, "gate_key_R2I", run.gk_r2i, 32);
    add(at, "kem_seed_static_I", run.i.kem_seed, stat ? kem->seed_len : 0);
    add(at, "kem_seed_static_R", run.r.kem_seed, r->mode == PQI_HS_MODE_K ? kem->seed_len : 0);
    add(at, "x25519_static_I", run.i.x_sk, stat ? 32 : 0);
    add(at, "x25519_static_R", run.r.x_sk, r->mode == PQI_HS_MODE_K ? 32 : 0);
    add(at, "sig_seed_I", run.i.sig_seed, run.c->sig_i != NULL ? run.c->sig_i->seed_len : 0);
    add(at, "sig_seed_R", run.r.sig_seed, run.c->sig_r != NULL ? run.c->sig_r->seed_len : 0);
    add(at, "seed_I", run.seed_i, 32);
    add(at, "seed_R", run.seed_r, 32);
    add(at, "kem_seed_ephemeral", run.ek_seed, kem->seed_len);
    add(at, "x25519_ephemeral_I", run.x_i_sk, 32);
    add(at, "x25519_ephemeral_R", run.x_r_sk, 32);
}

static void add_case(char **at)
{
    static const char *const x_names[3] = {"static_R", "ephemeral", "static_I"};
    static const char *const prk[4] = {"prk_a", "prk_b", "prk_c", "prk_d"};
    static const char *const th[4] = {"th0", "th1", "th2", "th3"};
    static hs_trace t;
    const hs_record *r = &run.rec;
    const size_t n = pqi_hash_len(r->suite->hash);
    char name[40];
    hs_derive(r, &t);
    add_inputs(at);
    for (unsigned x = 0; x < 3; x++) {
        if ((x == 0 && r->mode != PQI_HS_MODE_K) || (x == 2 && r->mode == PQI_HS_MODE_S)) {
            continue;
        }
        (void)sprintf(name, "coins_%s", x_names[x]);
        add(at, name, run.coins[x], 32);
        (void)sprintf(name, "secrets_%s", x_names[x]);
        add(at, name, r->k[x], 64);
        (void)sprintf(name, "x_ct_%s", x_names[x]);
        add(at, name, r->x_ct[x], 32);
        (void)sprintf(name, "x_pk_%s", x_names[x]);
        add(at, name, r->x_pk[x], 32);
    }
    add_buf(at, "INIT", &run.init);
    add_buf(at, "RESP", &run.resp);
    add_buf(at, "CONF", &run.conf);
    for (unsigned i = 0; i < 4; i++) {
        add(at, th[i], t.th[i], n);
    }
    for (unsigned i = 0; i < 4; i++) {
        add(at, prk[i], t.prk[i], n);
    }
    add(at, "auth_R_key_iv", t.key_r, 44);
    add(at, "auth_I_key_iv", t.key_i, 44);
    add(at, "RK0", t.out.rk0, 32);
    add(at, "CK_I2R", t.out.ck_i2r, 32);
    add(at, "CK_R2I", t.out.ck_r2i, 32);
    add(at, "RMS0", t.out.rms0, 32);
    add(at, "GK_I2R", t.out.gk_i2r, 32);
    add(at, "GK_R2I", t.out.gk_r2i, 32);
    add(at, "EXP", t.out.exporter, 32);
    add(at, "sid", t.out.sid, 16);
}

static void example(void **state)
{
    (void)state;
    static char want[sizeof got];
    const char *path = PQI_SOURCE_DIR "/docs/spec/v4-handshake-example.txt";
    char *at = got;
    at += sprintf(at,
        "# docs/spec/v4-handshake.md section 8: handshakes from fixed seeds, one section "
        "for each mode and suite.\n# Signatures are deterministic. tests/session "
        "makes this file and derives it again in Python.\n");
    for (size_t i = 0; i < hs_n_cases; i++) {
        hs_run_case(&hs_cases[i], &run);
        add_case(&at);
    }
    const size_t len = (size_t)(at - got);
    if (getenv("PQI_WRITE_EXAMPLE") != NULL) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(want, 1, sizeof want, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n, len);
    assert_memory_equal(want, got, n);
}

PQI_TEST_MAIN(cmocka_unit_test(all_cases), cmocka_unit_test(other_suites),
    cmocka_unit_test(everything_is_bound), cmocka_unit_test(suite_and_mode_are_bound),
    cmocka_unit_test(keys_are_apart), cmocka_unit_test(out_of_order),
    cmocka_unit_test(auth_refuses), cmocka_unit_test(refused_arguments),
    cmocka_unit_test(backend_fails), cmocka_unit_test(gate_refuses), cmocka_unit_test(example))
