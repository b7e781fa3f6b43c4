/* SPDX-License-Identifier: Apache-2.0
 * Tags and keys of RESUME: docs/spec/resume.md sections 2 to 4. */
#include "session/resume.h"

#include "base/args.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/hkdf/sha2_len.h"
#include "suite/combine.h"

#include <pqi/wipe.h>

static const pqi_cspan th_label = {PQI_LIT("PQI4 rs")};
static const pqi_cspan tag_i = {PQI_LIT("PQI4 rs tag I")};
static const pqi_cspan tag_r = {PQI_LIT("PQI4 rs tag R")};
static const pqi_cspan out_label = {PQI_LIT("PQI4 rs out")};

/* One label for each key; section 4. */
static const struct {
    pqi_cspan label;
    size_t at;
} outputs[] = {
    {{PQI_LIT("PQI4 rs rk")}, offsetof(pqi_hs_out, rk0)},
    {{PQI_LIT("PQI4 rs ck I2R")}, offsetof(pqi_hs_out, ck_i2r)},
    {{PQI_LIT("PQI4 rs ck R2I")}, offsetof(pqi_hs_out, ck_r2i)},
    {{PQI_LIT("PQI4 rs rms")}, offsetof(pqi_hs_out, rms0)},
    {{PQI_LIT("PQI4 rs gk I2R")}, offsetof(pqi_hs_out, gk_i2r)},
    {{PQI_LIT("PQI4 rs gk R2I")}, offsetof(pqi_hs_out, gk_r2i)},
    {{PQI_LIT("PQI4 rs exp")}, offsetof(pqi_hs_out, exporter)},
};

_Static_assert(PQI_HS_NONCE == 4u + PQI_RESUME_RANDOM, "a nonce is rsid and random bytes");
_Static_assert(PQI_HS_GATE <= PQI_HS_KEY, "a tag is the beginning of a key");

/* ---- arguments ----------------------------------------------------------------------------------- */

static bool between(pqi_cspan s, size_t max)
{
    return s.ptr != NULL && s.len >= 1 && s.len <= max;
}

static bool same_id(pqi_cspan a, pqi_cspan b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++) {
        same = a.ptr[i] == b.ptr[i];
    }
    return same;
}

static bool sound(const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w)
{
    return c != NULL && g != NULL && w != NULL && g->suite != NULL &&
           pqi_sha2_len(g->suite->hash) != 0 && pqi_sha2_len(g->suite->hash) <= PQI_HS_TH &&
           (g->mode == PQI_HS_MODE_S || g->mode == PQI_HS_MODE_K || g->mode == PQI_HS_MODE_M) &&
           g->rms != NULL && g->sid != NULL && g->rsid != 0 && between(w->id_i, PQI_ID_MAX) &&
           between(w->id_r, PQI_ID_MAX) && !same_id(w->id_i, w->id_r) &&
           between(w->topic_i, PQI_TOPIC_MAX) && between(w->topic_r, PQI_TOPIC_MAX);
}

static bool say_sound(const pqi_resume_say *say)
{
    return say != NULL && say->random != NULL && say->rsid != 0;
}

uint32_t pqi_resume_rsid(pqi_cspan nonce)
{
    if (!pqi_args_exact(nonce, PQI_HS_NONCE)) {
        return 0;
    }
    rd r = rd_of(nonce);
    return rd_u32(&r);
}

/* ---- transcript ---------------------------------------------------------------------------------- */

static size_t hash_len(const pqi_resume_gen *g)
{
    return pqi_sha2_len(g->suite->hash);
}

static void wr_ctx(wr *w, pqi_cspan topic)
{
    wr_u16(w, (uint16_t)(1u + topic.len));
    wr_u8(w, PQI_HS_CTX_TOPIC);
    wr_bytes(w, topic);
}

/* th0 = H("PQI4 rs" || mode || suite || sid || epoch || LV(id_I) || LV(id_R) || LV(ctx_I) || LV(ctx_R)),
 * then th1 = H(th0 || RESUME1 without its tag). */
static pqi_status th1_of(const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *way,
    pqi_cspan body, uint8_t th[PQI_HASH_MAX])
{
    uint8_t head[1u + 2u + PQI_HS_SID + 4u + 2u * (2u + PQI_ID_MAX)];
    uint8_t tail[2u * (2u + 1u + PQI_TOPIC_MAX)];
    size_t head_len = 0, tail_len = 0;
    wr w = wr_of((pqi_span){head, sizeof head});
    wr_u8(&w, (uint8_t)g->mode);
    wr_u16(&w, g->suite->id);
    wr_bytes(&w, (pqi_cspan){g->sid, PQI_HS_SID});
    wr_u32(&w, g->epoch);
    wr_vec16(&w, way->id_i);
    wr_vec16(&w, way->id_r);
    pqi_status st = wr_done(&w, &head_len);
    w = wr_of((pqi_span){tail, sizeof tail});
    wr_ctx(&w, way->topic_i);
    wr_ctx(&w, way->topic_r);
    if (st == PQI_OK) {
        st = wr_done(&w, &tail_len);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[] = {th_label, {head, head_len}, {tail, tail_len}};
        st = c->hash(g->suite->hash, parts, 3, th);
    }
    if (st == PQI_OK) {
        uint8_t th0[PQI_HASH_MAX];
        memcpy(th0, th, hash_len(g));
        const pqi_cspan parts[] = {{th0, hash_len(g)}, body};
        st = c->hash(g->suite->hash, parts, 2, th);
    }
    return st;
}

/* th = H(th || a || b). */
static pqi_status th_next(const pqi_classic *c, const pqi_resume_gen *g, uint8_t th[PQI_HASH_MAX],
    pqi_cspan a, pqi_cspan b)
{
    uint8_t before[PQI_HASH_MAX];
    memcpy(before, th, hash_len(g));
    const pqi_cspan parts[] = {{before, hash_len(g)}, a, b};
    return c->hash(g->suite->hash, parts, 3, th);
}

/* tag = first 16 bytes of Exp(key, label || th, 32). */
static pqi_status tag_of(const pqi_classic *c, const pqi_resume_gen *g, pqi_cspan key,
    pqi_cspan label, const uint8_t *th, uint8_t tag[PQI_HS_GATE])
{
    uint8_t full[PQI_HS_KEY] = {0};
    const pqi_cspan info[] = {label, {th, hash_len(g)}};
    pqi_status st = pqi_hkdf_expand(c, g->suite->hash, key, info, 2, (pqi_span){full, sizeof full});
    memcpy(tag, full, PQI_HS_GATE);
    pqi_wipe(full, sizeof full);
    return st;
}

static pqi_status same_tag(const uint8_t *want, pqi_cspan got)
{
    int same = pqi_ct_eq(want, got.ptr, PQI_HS_GATE);
    PQI_PUBLIC(&same, sizeof same); /* the answer */
    return same ? PQI_OK : PQI_ERR_AUTH;
}

static pqi_status tag1_of(const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w,
    pqi_cspan body, uint8_t th[PQI_HASH_MAX], uint8_t tag[PQI_HS_GATE])
{
    pqi_status st = th1_of(c, g, w, body, th);
    return st != PQI_OK ? st : tag_of(c, g, (pqi_cspan){g->rms, PQI_HS_KEY}, tag_i, th, tag);
}

/* ---- RESUME1 ------------------------------------------------------------------------------------- */

static void nonce_of(const pqi_resume_say *say, uint8_t nonce[PQI_HS_NONCE])
{
    wr w = wr_of((pqi_span){nonce, PQI_HS_NONCE}); /* exactly full, asserted above */
    wr_u32(&w, say->rsid);
    wr_bytes(&w, (pqi_cspan){say->random, PQI_RESUME_RANDOM});
}

pqi_status pqi_resume_ask(const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w,
    const pqi_resume_say *say, uint8_t out[PQI_HS_RESUME1_LEN])
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, PQI_HS_RESUME1_LEN);
    if (!sound(c, g, w) || !say_sound(say) || say->start == 0) {
        return PQI_ERR_ARG;
    }
    uint8_t nonce[PQI_HS_NONCE], th[PQI_HASH_MAX], tag[PQI_HS_GATE] = {0};
    nonce_of(say, nonce);
    const pqi_hs_short p = {.type = PQI_HS_T_RESUME1,
        .code = say->older ? 1u : 0u,
        .rsid = g->rsid,
        .boot = say->start,
        .epoch = g->epoch,
        .nonce = {nonce, sizeof nonce}};
    size_t len = 0;
    pqi_status st = pqi_hs_short_write(&p, (pqi_span){out, PQI_HS_RESUME1_LEN}, &len);
    const size_t body = PQI_HS_RESUME1_LEN - PQI_HS_GATE;
    if (st == PQI_OK) {
        st = tag1_of(c, g, w, (pqi_cspan){out, body}, th, tag);
    }
    if (st == PQI_OK) {
        memcpy(out + body, tag, PQI_HS_GATE);
    } else {
        memset(out, 0, PQI_HS_RESUME1_LEN);
    }
    return st;
}

/* Reads a packet of the given type that is addressed to this session and epoch. */
static pqi_status read_as(
    uint8_t type, const pqi_resume_gen *g, uint32_t rsid, pqi_cspan in, pqi_hs_short *p)
{
    pqi_status st = pqi_hs_short_read(in, p);
    if (st == PQI_OK && (p->type != type || pqi_resume_rsid(p->nonce) == 0)) {
        st = PQI_ERR_DECODE;
    }
    if (st == PQI_OK && (p->rsid != rsid || p->epoch != g->epoch)) {
        st = PQI_ERR_AUTH;
    }
    return st;
}

/* Reads and checks RESUME1; th is th1. */
static pqi_status check1(const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w,
    pqi_cspan in, pqi_hs_short *p, uint8_t th[PQI_HASH_MAX])
{
    uint8_t want[PQI_HS_GATE] = {0};
    pqi_status st = read_as(PQI_HS_T_RESUME1, g, g->rsid, in, p);
    if (st == PQI_OK && p->boot == 0) {
        st = PQI_ERR_DECODE;
    }
    if (st == PQI_OK) {
        st = tag1_of(c, g, w, p->body, th, want);
    }
    if (st == PQI_OK) {
        st = same_tag(want, p->tag);
    }
    pqi_wipe(want, sizeof want);
    return st;
}

pqi_status pqi_resume_check(
    const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w, pqi_cspan resume1)
{
    pqi_hs_short p;
    uint8_t th[PQI_HASH_MAX];
    return sound(c, g, w) ? check1(c, g, w, resume1, &p, th) : PQI_ERR_ARG;
}

/* ---- RESUME2 and keys ---------------------------------------------------------------------------- */

/* What both ends have behind RESUME2 without its tag. */
typedef struct agreed {
    uint8_t th[PQI_HASH_MAX]; /* th2 */
    uint8_t prk[PQI_HASH_MAX];
    uint8_t tag[PQI_HS_GATE];
} agreed;

/* th2 = H(th1 || tag1 || RESUME2 without its tag), prk = Ext(RMS, N_I || N_R), tag2. a->th is th1. */
static pqi_status agree(const pqi_classic *c, const pqi_resume_gen *g, const pqi_hs_short *first,
    const pqi_hs_short *second, pqi_cspan second_body, agreed *a)
{
    pqi_status st = th_next(c, g, a->th, first->tag, second_body);
    if (st == PQI_OK) {
        const pqi_cspan nonces[] = {first->nonce, second->nonce};
        st =
            pqi_hkdf_extract(c, g->suite->hash, (pqi_cspan){g->rms, PQI_HS_KEY}, nonces, 2, a->prk);
    }
    if (st == PQI_OK) {
        st = tag_of(c, g, (pqi_cspan){a->prk, hash_len(g)}, tag_r, a->th, a->tag);
    }
    return st;
}

/* th3 = H(th2 || tag2), prk_out, and every key; sid is the beginning of th3. */
static pqi_status keys_of(const pqi_classic *c, const pqi_resume_gen *g, agreed *a, pqi_hs_out *out)
{
    uint8_t prk_out[PQI_HS_TH] = {0};
    pqi_status st = th_next(c, g, a->th, (pqi_cspan){a->tag, PQI_HS_GATE}, (pqi_cspan){NULL, 0});
    if (st == PQI_OK) {
        st = pqi_combine_expand(
            c, g->suite, a->prk, out_label, a->th, (pqi_span){prk_out, hash_len(g)});
    }
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0] && st == PQI_OK; i++) {
        const pqi_span key = {(uint8_t *)out + outputs[i].at, PQI_HS_KEY};
        st = pqi_combine_expand(c, g->suite, prk_out, outputs[i].label, a->th, key);
    }
    memcpy(out->sid, a->th, PQI_HS_SID);
    pqi_wipe(prk_out, sizeof prk_out);
    return st;
}

pqi_status pqi_resume_answer(const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w,
    pqi_cspan resume1, const pqi_resume_say *say, uint8_t out[PQI_HS_RESUME2_LEN], pqi_hs_out *keys)
{
    if (out == NULL || keys == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, PQI_HS_RESUME2_LEN);
    memset(keys, 0, sizeof *keys);
    if (!sound(c, g, w) || !say_sound(say)) {
        return PQI_ERR_ARG;
    }
    agreed a = {0};
    pqi_hs_short first;
    uint8_t nonce[PQI_HS_NONCE];
    nonce_of(say, nonce);
    pqi_hs_short second = {.type = PQI_HS_T_RESUME2, .nonce = {nonce, sizeof nonce}};
    size_t len = 0;
    const size_t body = PQI_HS_RESUME2_LEN - PQI_HS_GATE;
    pqi_status st = check1(c, g, w, resume1, &first, a.th);
    if (st == PQI_OK) {
        second.rsid = pqi_resume_rsid(first.nonce);
        second.epoch = g->epoch;
        st = pqi_hs_short_write(&second, (pqi_span){out, PQI_HS_RESUME2_LEN}, &len);
    }
    if (st == PQI_OK) {
        st = agree(c, g, &first, &second, (pqi_cspan){out, body}, &a);
    }
    if (st == PQI_OK) {
        memcpy(out + body, a.tag, PQI_HS_GATE);
        st = keys_of(c, g, &a, keys);
    }
    if (st != PQI_OK) {
        memset(out, 0, PQI_HS_RESUME2_LEN);
        pqi_wipe(keys, sizeof *keys);
    }
    pqi_wipe(&a, sizeof a);
    return st;
}

pqi_status pqi_resume_take(const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w,
    pqi_cspan resume1, pqi_cspan resume2, pqi_hs_out *keys)
{
    if (keys == NULL) {
        return PQI_ERR_ARG;
    }
    memset(keys, 0, sizeof *keys);
    if (!sound(c, g, w)) {
        return PQI_ERR_ARG;
    }
    agreed a = {0};
    pqi_hs_short first, second;
    pqi_status st = check1(c, g, w, resume1, &first, a.th);
    if (st == PQI_OK) {
        st = read_as(PQI_HS_T_RESUME2, g, pqi_resume_rsid(first.nonce), resume2, &second);
    }
    if (st == PQI_OK) {
        st = agree(c, g, &first, &second, second.body, &a);
    }
    if (st == PQI_OK) {
        st = same_tag(a.tag, second.tag);
    }
    if (st == PQI_OK) {
        st = keys_of(c, g, &a, keys);
    }
    if (st != PQI_OK) {
        pqi_wipe(keys, sizeof *keys);
    }
    pqi_wipe(&a, sizeof a);
    return st;
}
