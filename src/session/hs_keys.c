/* SPDX-License-Identifier: Apache-2.0
 * The key schedule of the v4 handshake: docs/spec/v4-handshake.md sections 3 and 4. */
#include "session/hs_keys.h"

#include "base/args.h"
#include "base/wr.h"
#include "prim/hkdf/sha2_len.h"

#include <pqi/wipe.h>

#define DONE   3u /* of next: every secret is in */
#define CTX    2u /* parts of a transport context */
#define KEY_IV (PQI_AEAD_KEY + PQI_AEAD_NONCE)

static const pqi_cspan th_label = {PQI_LIT("PQI4 hs")};
static const pqi_cspan prk_label = {PQI_LIT("PQI4 hs prk")};
static const pqi_cspan sig_r = {PQI_LIT("PQI4 hs sig R")};
static const pqi_cspan sig_i = {PQI_LIT("PQI4 hs sig I")};
static const pqi_cspan auth_r = {PQI_LIT("PQI4 hs auth R")};
static const pqi_cspan auth_i = {PQI_LIT("PQI4 hs auth I")};
static const pqi_cspan out_label = {PQI_LIT("PQI4 hs out")};

static size_t hash_len(const pqi_hs_sched *h)
{
    return pqi_sha2_len(h->suite->hash);
}

static bool has_exchange(pqi_hs_mode mode, unsigned x)
{
    bool static_r = mode == PQI_HS_MODE_K, static_i = mode != PQI_HS_MODE_S;
    return x == PQI_HS_STATIC_R ? static_r : x == PQI_HS_STATIC_I ? static_i : true;
}

/* The first exchange of the mode from x on; DONE is one of every mode. */
static uint8_t exchange_from(pqi_hs_mode mode, unsigned x)
{
    while (!has_exchange(mode, x)) {
        x++;
    }
    return (uint8_t)x;
}

/* ---- transcript ---------------------------------------------------------------------------------- */

static bool between(pqi_cspan s, size_t min, size_t max)
{
    return s.ptr != NULL && s.len >= min && s.len <= max;
}

static bool ends_sound(const pqi_hs_ends *e, size_t hash)
{
    return between(e->id_i, 1, PQI_ID_MAX) && between(e->id_r, 1, PQI_ID_MAX) &&
           pqi_args_exact(e->cert_i, hash) && pqi_args_exact(e->cert_r, hash) &&
           between(e->topic_i, 1, PQI_TOPIC_MAX) && between(e->topic_r, 1, PQI_TOPIC_MAX);
}

static bool same_id(pqi_cspan a, pqi_cspan b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        same = a.ptr[i] == b.ptr[i];
    }
    return same;
}

static void wr_ctx(wr *w, pqi_cspan topic)
{
    wr_u16(w, (uint16_t)(1u + topic.len));
    wr_u8(w, PQI_HS_CTX_TOPIC);
    wr_bytes(w, topic);
}

/* th0 = H("PQI4 hs" || mode || suite || LV(id_I) || LV(id_R) || H(cert_I) || H(cert_R) || LV(ctx_I) ||
 * LV(ctx_R)). */
static pqi_status first_hash(const pqi_classic *c, const pqi_hs_ends *e, pqi_hs_sched *h)
{
    uint8_t head[1u + 2u + 2u * (2u + PQI_ID_MAX)], tail[CTX * (2u + 1u + PQI_TOPIC_MAX)];
    size_t head_len = 0, tail_len = 0;
    wr w = wr_of((pqi_span){head, sizeof head});
    wr_u8(&w, (uint8_t)h->mode);
    wr_u16(&w, h->suite->id);
    wr_vec16(&w, e->id_i);
    wr_vec16(&w, e->id_r);
    pqi_status st = wr_done(&w, &head_len);
    w = wr_of((pqi_span){tail, sizeof tail});
    wr_ctx(&w, e->topic_i);
    wr_ctx(&w, e->topic_r);
    if (st == PQI_OK) {
        st = wr_done(&w, &tail_len);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[] = {
            th_label, {head, head_len}, e->cert_i, e->cert_r, {tail, tail_len}};
        st = c->hash(h->suite->hash, parts, 5, h->th);
    }
    return st;
}

pqi_status pqi_hs_start(const pqi_classic *c, const pqi_suite *s, pqi_hs_mode mode,
    const pqi_hs_ends *e, pqi_cspan psk, pqi_hs_sched *h)
{
    static const uint8_t no_psk[PQI_HS_PSK];
    if (h == NULL) {
        return PQI_ERR_ARG;
    }
    memset(h, 0, sizeof *h);
    bool mode_known = mode == PQI_HS_MODE_S || mode == PQI_HS_MODE_K || mode == PQI_HS_MODE_M;
    const size_t hash = s == NULL ? 0u : pqi_sha2_len(s->hash);
    if (c == NULL || e == NULL || !mode_known || hash == 0 || hash > PQI_HS_TH ||
        !ends_sound(e, hash) || same_id(e->id_i, e->id_r) ||
        (psk.len != 0 && !pqi_args_exact(psk, PQI_HS_PSK))) {
        return PQI_ERR_ARG;
    }
    h->suite = s;
    h->mode = mode;
    h->next = exchange_from(mode, PQI_HS_STATIC_R);
    pqi_status st = first_hash(c, e, h);
    if (st == PQI_OK) {
        uint8_t salt[16];
        size_t salt_len = 0;
        wr w = wr_of((pqi_span){salt, sizeof salt});
        wr_bytes(&w, prk_label);
        wr_u16(&w, s->id);
        st = wr_done(&w, &salt_len);
        const pqi_cspan ikm = {psk.len != 0 ? psk.ptr : no_psk, PQI_HS_PSK};
        if (st == PQI_OK) {
            st = pqi_hkdf_extract(c, s->hash, (pqi_cspan){salt, salt_len}, &ikm, 1, h->prk);
        }
    }
    if (st != PQI_OK) {
        pqi_hs_drop(h);
    }
    return st;
}

pqi_status pqi_hs_hear(const pqi_classic *c, pqi_hs_sched *h, pqi_cspan bytes)
{
    if (c == NULL || h == NULL || bytes.ptr == NULL || bytes.len == 0) {
        return PQI_ERR_ARG;
    }
    if (h->suite == NULL || h->heard == 3 || (h->heard == 2 && h->next != DONE)) {
        return PQI_ERR_STATE;
    }
    uint8_t th[PQI_HASH_MAX];
    const pqi_cspan parts[] = {{h->th, hash_len(h)}, bytes};
    pqi_status st = c->hash(h->suite->hash, parts, 2, th);
    if (st == PQI_OK) {
        memcpy(h->th, th, hash_len(h));
        h->heard++;
    }
    return st;
}

/* ---- secrets ------------------------------------------------------------------------------------- */

pqi_status pqi_hs_mix(
    const pqi_classic *c, pqi_hs_sched *h, pqi_hs_exchange x, const pqi_combine_in *in)
{
    if (c == NULL || h == NULL || in == NULL || in->k == NULL || in->x_ct == NULL ||
        in->x_pk == NULL) {
        return PQI_ERR_ARG;
    }
    if (h->suite == NULL || h->next == DONE || (unsigned)x != h->next) {
        return PQI_ERR_STATE;
    }
    uint8_t prk[PQI_HASH_MAX] = {0};
    pqi_status st = pqi_combine_extract(c, h->suite, (pqi_cspan){h->prk, hash_len(h)}, in, prk);
    if (st == PQI_OK) {
        memcpy(h->prk, prk, hash_len(h));
        h->next = exchange_from(h->mode, h->next + 1u);
    }
    pqi_wipe(prk, sizeof prk);
    return st;
}

static bool has_step(const pqi_hs_sched *h, pqi_hs_side side)
{
    return h->suite != NULL && h->next == DONE && h->heard == (side == PQI_HS_SIDE_R ? 2u : 3u);
}

pqi_status pqi_hs_signed(const pqi_hs_sched *h, pqi_hs_side side, pqi_cspan *domain, pqi_cspan *msg)
{
    if (h == NULL || domain == NULL || msg == NULL) {
        return PQI_ERR_ARG;
    }
    bool r = side == PQI_HS_SIDE_R;
    if (!has_step(h, side) || (r ? h->mode == PQI_HS_MODE_K : h->mode != PQI_HS_MODE_S)) {
        return PQI_ERR_STATE;
    }
    *domain = r ? sig_r : sig_i;
    *msg = (pqi_cspan){h->th, hash_len(h)};
    return PQI_OK;
}

/* ---- auth ---------------------------------------------------------------------------------------- */

typedef struct auth_use {
    uint8_t key_iv[KEY_IV];
    uint8_t aad[PQI_HS_TH + PQI_HS_CONF_HDR];
    size_t aad_len;
} auth_use;

/* key || iv = Exp(prk_d, label || th, 44), aad = th || the bytes in front of auth of a CONF. */
static pqi_status auth_of(
    const pqi_classic *c, const pqi_hs_sched *h, pqi_hs_side side, pqi_cspan conf, auth_use *u)
{
    const size_t n = hash_len(h);
    wr w = wr_of((pqi_span){u->aad, sizeof u->aad});
    wr_bytes(&w, (pqi_cspan){h->th, n});
    wr_bytes(&w, conf);
    pqi_status st = wr_done(&w, &u->aad_len);
    if (st == PQI_OK) {
        st = pqi_combine_expand(c, h->suite, h->prk, side == PQI_HS_SIDE_R ? auth_r : auth_i, h->th,
            (pqi_span){u->key_iv, sizeof u->key_iv});
    }
    return st;
}

static pqi_aead_key auth_key(const pqi_hs_sched *h, const auth_use *u)
{
    return (pqi_aead_key){
        h->suite->aead, {u->key_iv, PQI_AEAD_KEY}, {u->key_iv + PQI_AEAD_KEY, PQI_AEAD_NONCE}};
}

static bool conf_fits(pqi_hs_side side, pqi_cspan conf)
{
    return side == PQI_HS_SIDE_R ? conf.len == 0 : pqi_args_exact(conf, PQI_HS_CONF_HDR);
}

pqi_status pqi_hs_auth_seal(const pqi_classic *c, const pqi_hs_sched *h, pqi_hs_side side,
    pqi_cspan conf, pqi_cspan plain, pqi_span auth)
{
    if (c == NULL || h == NULL || !conf_fits(side, conf) || !pqi_args_span(plain) ||
        plain.len > PQI_SIG_MAX_SIG || auth.ptr == NULL || auth.len != plain.len + PQI_AEAD_TAG) {
        return PQI_ERR_ARG;
    }
    auth_use u = {0};
    pqi_status st = has_step(h, side) ? auth_of(c, h, side, conf, &u) : PQI_ERR_STATE;
    if (st == PQI_OK) {
        const pqi_aead_key k = auth_key(h, &u);
        st = c->aead_seal(&k, (pqi_cspan){u.aad, u.aad_len}, plain, auth);
    }
    if (st != PQI_OK) {
        pqi_wipe(auth.ptr, auth.len);
    }
    pqi_wipe(&u, sizeof u);
    return st;
}

pqi_status pqi_hs_auth_open(const pqi_classic *c, const pqi_hs_sched *h, pqi_hs_side side,
    pqi_cspan conf, pqi_cspan auth, pqi_span plain)
{
    if (c == NULL || h == NULL || !conf_fits(side, conf) || auth.ptr == NULL ||
        auth.len < PQI_AEAD_TAG || auth.len > PQI_SIG_MAX_SIG + PQI_AEAD_TAG ||
        plain.len != auth.len - PQI_AEAD_TAG || (plain.ptr == NULL && plain.len != 0)) {
        return PQI_ERR_ARG;
    }
    auth_use u = {0};
    pqi_status st = has_step(h, side) ? auth_of(c, h, side, conf, &u) : PQI_ERR_STATE;
    if (st == PQI_OK) {
        const pqi_aead_key k = auth_key(h, &u);
        st = c->aead_open(&k, (pqi_cspan){u.aad, u.aad_len}, auth, plain);
    }
    if (st != PQI_OK) {
        pqi_args_clear(plain);
    }
    pqi_wipe(&u, sizeof u);
    return st;
}

/* ---- outputs ------------------------------------------------------------------------------------- */

/* One label for each key; no label is the beginning of another. */
static const struct {
    pqi_cspan label;
    size_t at;
} outputs[] = {
    {{PQI_LIT("PQI4 hs rk")}, offsetof(pqi_hs_out, rk0)},
    {{PQI_LIT("PQI4 hs ck I2R")}, offsetof(pqi_hs_out, ck_i2r)},
    {{PQI_LIT("PQI4 hs ck R2I")}, offsetof(pqi_hs_out, ck_r2i)},
    {{PQI_LIT("PQI4 hs rms")}, offsetof(pqi_hs_out, rms0)},
    {{PQI_LIT("PQI4 hs gk I2R")}, offsetof(pqi_hs_out, gk_i2r)},
    {{PQI_LIT("PQI4 hs gk R2I")}, offsetof(pqi_hs_out, gk_r2i)},
    {{PQI_LIT("PQI4 hs exp")}, offsetof(pqi_hs_out, exporter)},
};

pqi_status pqi_hs_finish(const pqi_classic *c, pqi_hs_sched *h, pqi_hs_out *out)
{
    if (c == NULL || h == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    if (!has_step(h, PQI_HS_SIDE_I)) {
        return PQI_ERR_STATE;
    }
    uint8_t prk_out[PQI_HS_TH];
    pqi_status st =
        pqi_combine_expand(c, h->suite, h->prk, out_label, h->th, (pqi_span){prk_out, hash_len(h)});
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0] && st == PQI_OK; i++) {
        const pqi_span key = {(uint8_t *)out + outputs[i].at, PQI_HS_KEY};
        st = pqi_combine_expand(c, h->suite, prk_out, outputs[i].label, h->th, key);
    }
    memcpy(out->sid, h->th, PQI_HS_SID);
    if (st != PQI_OK) {
        pqi_wipe(out, sizeof *out);
    }
    pqi_wipe(prk_out, sizeof prk_out);
    pqi_hs_drop(h);
    return st;
}

void pqi_hs_drop(pqi_hs_sched *h)
{
    if (h != NULL) {
        pqi_wipe(h, sizeof *h);
    }
}
