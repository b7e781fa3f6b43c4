/* SPDX-License-Identifier: Apache-2.0
 * INIT, RESP and CONF: docs/spec/v4-handshake.md section 2. The writers make what the readers take,
 * so each checks its packet by the same rules. */
#include "session/hs_wire.h"

#include "base/args.h"
#include "base/rd.h"
#include "base/wr.h"
#include "suite/packed.h"

#define F_LEVEL_SHIFT 4u /* bits 4..6 */
#define F_LEVEL_MASK  7u

_Static_assert(
    PQI_HS_INIT_HDR == 1 + 1 + 2 + 2 * PQI_KID_LEN + 8 + 4 + 4 + PQI_HS_HEAD + PQI_HS_RAND,
    "fields of an INIT up to rand_I");
_Static_assert(PQI_HS_RESP_HDR == 1 + 1 + 2 + 4 + 4 + 4 + PQI_HS_HEAD + 8 + PQI_HS_RAND,
    "fields of a RESP up to rand_R");
_Static_assert(PQI_HS_CONF_HDR == 1 + 1 + 2 + 4, "fields of a CONF up to auth");

/* ---- forms --------------------------------------------------------------------------------------- */

static bool mode_known(pqi_hs_mode m)
{
    return m == PQI_HS_MODE_S || m == PQI_HS_MODE_K || m == PQI_HS_MODE_M;
}

pqi_status pqi_hs_form_check(const pqi_hs_form *f)
{
    if (f == NULL || f->suite == NULL || !mode_known(f->mode)) {
        return PQI_ERR_ARG;
    }
    bool i_signs = f->mode == PQI_HS_MODE_S, r_signs = f->mode != PQI_HS_MODE_K;
    return (f->sig_i != NULL) == i_signs && (f->sig_r != NULL) == r_signs ? PQI_OK : PQI_ERR_ARG;
}

static size_t auth_len(const pqi_sig *sig)
{
    return (sig == NULL ? 0u : sig->sig_len) + PQI_AEAD_TAG;
}

static size_t static_ct_len(const pqi_suite *s, bool present, bool plain)
{
    return !present ? 0u : plain ? pqi_suite_eph(s)->ct_len : s->kem->ct_len;
}

size_t pqi_hs_init_len(const pqi_hs_form *f, bool with_nonce)
{
    return PQI_HS_INIT_HDR + (with_nonce ? PQI_HS_NONCE : 0u) + PQI_X25519_LEN +
           pqi_suite_eph(f->suite)->pk_len +
           static_ct_len(f->suite, f->mode == PQI_HS_MODE_K, f->plain_r) + PQI_HS_GATE;
}

static size_t resp_open_len(const pqi_hs_form *f)
{
    return PQI_HS_RESP_HDR + PQI_X25519_LEN + pqi_suite_eph(f->suite)->ct_len +
           static_ct_len(f->suite, f->mode != PQI_HS_MODE_S, f->plain_i);
}

size_t pqi_hs_resp_len(const pqi_hs_form *f)
{
    return resp_open_len(f) + auth_len(f->sig_r) + PQI_HS_GATE;
}

size_t pqi_hs_conf_len(const pqi_hs_form *f)
{
    return PQI_HS_CONF_HDR + auth_len(f->sig_i);
}

/* ---- first bytes --------------------------------------------------------------------------------- */

static uint8_t type_of(pqi_hs_mode mode, uint8_t of_s, uint8_t of_k)
{
    return mode == PQI_HS_MODE_K ? of_k : of_s;
}

static uint8_t flags_of(pqi_hs_mode mode, bool psk, uint8_t min_level)
{
    return (uint8_t)((mode == PQI_HS_MODE_M ? PQI_HS_F_MIXED : 0u) | (psk ? PQI_HS_F_PSK : 0u) |
                     (unsigned)min_level << F_LEVEL_SHIFT);
}

static uint8_t level_of(uint8_t flags)
{
    return (flags >> F_LEVEL_SHIFT) & F_LEVEL_MASK;
}

/* A level that the suite itself does not reach contradicts the choice of the suite. */
static bool level_fits(uint8_t level, const pqi_suite *s)
{
    return level <= PQI_HS_LEVEL_MAX && level <= s->level;
}

static bool opt_len(pqi_cspan s, bool present, size_t len)
{
    return present ? pqi_args_exact(s, len) : s.len == 0;
}

static bool same8(pqi_cspan a, pqi_cspan b)
{
    unsigned diff = 0;
    for (size_t i = 0; i < PQI_KID_LEN; i++) {
        diff |= (unsigned)(a.ptr[i] ^ b.ptr[i]);
    }
    return diff == 0;
}

/* ---- INIT ---------------------------------------------------------------------------------------- */

/* A ciphertext of the suite's post-quantum half alone. Whose key it is for knows that key's KEM. */
static bool is_plain(const pqi_suite *s, pqi_cspan ct)
{
    return ct.len == pqi_suite_eph(s)->ct_len && ct.len != s->kem->ct_len;
}

static bool init_sound(const pqi_hs_init *p)
{
    return mode_known(p->mode) && level_fits(p->min_level, p->suite) && p->seq != 0 &&
           p->rsid_i != 0 && pqi_args_exact(p->kid_r, PQI_KID_LEN) &&
           pqi_args_exact(p->kid_i, PQI_KID_LEN) && !same8(p->kid_r, p->kid_i) &&
           pqi_args_exact(p->head_hash, PQI_HS_HEAD) && pqi_args_exact(p->rand_i, PQI_HS_RAND) &&
           opt_len(p->nonce, p->nonce.len != 0, PQI_HS_NONCE) &&
           pqi_args_exact(p->x_i, PQI_X25519_LEN) &&
           pqi_args_exact(p->ek_i, pqi_suite_eph(p->suite)->pk_len) &&
           opt_len(p->ct_r, p->mode == PQI_HS_MODE_K,
               static_ct_len(p->suite, true, is_plain(p->suite, p->ct_r)));
}

pqi_status pqi_hs_init_read(const pqi_algs *a, pqi_cspan in, pqi_hs_init *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_hs_init p = {0};
    rd r = rd_of(in);
    uint8_t type = rd_u8(&r), flags = rd_u8(&r);
    uint16_t suite_id = rd_u16(&r);
    bool mixed = (flags & PQI_HS_F_MIXED) != 0;
    if (r.bad || (type != PQI_HS_T_INIT_S && type != PQI_HS_T_INIT_K)) {
        return PQI_ERR_DECODE;
    }
    p.mode = type == PQI_HS_T_INIT_K ? PQI_HS_MODE_K : mixed ? PQI_HS_MODE_M : PQI_HS_MODE_S;
    p.psk = (flags & PQI_HS_F_PSK) != 0;
    p.min_level = level_of(flags);
    if (flags != (flags_of(p.mode, p.psk, p.min_level) | (flags & PQI_HS_F_NONCE))) {
        return PQI_ERR_DECODE; /* a reserved bit, or mode M in a packet of mode K */
    }
    p.suite = pqi_algs_suite(a, suite_id);
    if (p.suite == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    p.kid_r = rd_bytes(&r, PQI_KID_LEN);
    p.kid_i = rd_bytes(&r, PQI_KID_LEN);
    p.seq = rd_u64(&r);
    p.rsid_i = rd_u32(&r);
    p.head_epoch = rd_u32(&r);
    p.head_hash = rd_bytes(&r, PQI_HS_HEAD);
    p.rand_i = rd_bytes(&r, PQI_HS_RAND);
    p.nonce = rd_bytes(&r, (flags & PQI_HS_F_NONCE) != 0 ? PQI_HS_NONCE : 0);
    p.x_i = rd_bytes(&r, PQI_X25519_LEN);
    p.ek_i = rd_bytes(&r, pqi_suite_eph(p.suite)->pk_len);
    p.ct_r = rd_bytes(&r, r.left > PQI_HS_GATE ? r.left - PQI_HS_GATE : 0u);
    p.gate = rd_bytes(&r, PQI_HS_GATE);
    if (rd_done(&r) != PQI_OK || !init_sound(&p)) {
        return PQI_ERR_DECODE;
    }
    p.body = (pqi_cspan){in.ptr, in.len - PQI_HS_GATE};
    *out = p;
    return PQI_OK;
}

pqi_status pqi_hs_init_write(const pqi_hs_init *p, pqi_span out, size_t *len)
{
    static const uint8_t no_gate[PQI_HS_GATE];
    if (p == NULL || p->suite == NULL || len == NULL || !init_sound(p)) {
        return PQI_ERR_ARG;
    }
    const pqi_hs_form f = {
        .suite = p->suite, .mode = p->mode, .plain_r = is_plain(p->suite, p->ct_r)};
    *len = pqi_hs_init_len(&f, p->nonce.len != 0);
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    wr w = wr_of(out);
    wr_u8(&w, type_of(p->mode, PQI_HS_T_INIT_S, PQI_HS_T_INIT_K));
    wr_u8(&w, (uint8_t)(flags_of(p->mode, p->psk, p->min_level) |
                        (p->nonce.len != 0 ? PQI_HS_F_NONCE : 0u)));
    wr_u16(&w, p->suite->id);
    wr_bytes(&w, p->kid_r);
    wr_bytes(&w, p->kid_i);
    wr_u64(&w, p->seq);
    wr_u32(&w, p->rsid_i);
    wr_u32(&w, p->head_epoch);
    wr_bytes(&w, p->head_hash);
    wr_bytes(&w, p->rand_i);
    wr_bytes(&w, p->nonce);
    wr_bytes(&w, p->x_i);
    wr_bytes(&w, p->ek_i);
    wr_bytes(&w, p->ct_r);
    wr_bytes(&w, (pqi_cspan){no_gate, sizeof no_gate});
    return wr_done(&w, len);
}

/* ---- RESP ---------------------------------------------------------------------------------------- */

static bool resp_sound(const pqi_hs_form *f, const pqi_hs_resp *p)
{
    return level_fits(p->min_level, f->suite) && p->rsid_i != 0 && p->rsid_r != 0 &&
           pqi_args_exact(p->head_hash, PQI_HS_HEAD) && pqi_args_exact(p->rand_r, PQI_HS_RAND) &&
           pqi_args_exact(p->x_r, PQI_X25519_LEN) &&
           pqi_args_exact(p->ct_e, pqi_suite_eph(f->suite)->ct_len) &&
           opt_len(p->ct_i, f->mode != PQI_HS_MODE_S, static_ct_len(f->suite, true, f->plain_i));
}

pqi_status pqi_hs_resp_read(const pqi_hs_form *f, pqi_cspan in, pqi_hs_resp *out)
{
    if (out == NULL || pqi_hs_form_check(f) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    pqi_hs_resp p = {0};
    rd r = rd_of(in);
    rd_expect(&r, 1, type_of(f->mode, PQI_HS_T_RESP_S, PQI_HS_T_RESP_K));
    uint8_t flags = rd_u8(&r);
    p.min_level = level_of(flags);
    rd_expect(&r, 2, f->suite->id);
    p.rsid_i = rd_u32(&r);
    p.rsid_r = rd_u32(&r);
    p.head_epoch = rd_u32(&r);
    p.head_hash = rd_bytes(&r, PQI_HS_HEAD);
    p.init_ctr_r = rd_u64(&r);
    p.rand_r = rd_bytes(&r, PQI_HS_RAND);
    p.x_r = rd_bytes(&r, PQI_X25519_LEN);
    p.ct_e = rd_bytes(&r, pqi_suite_eph(f->suite)->ct_len);
    p.ct_i = rd_bytes(&r, static_ct_len(f->suite, f->mode != PQI_HS_MODE_S, f->plain_i));
    p.auth = rd_bytes(&r, auth_len(f->sig_r));
    p.gate = rd_bytes(&r, PQI_HS_GATE);
    if (rd_done(&r) != PQI_OK || flags != flags_of(f->mode, f->psk, p.min_level) ||
        !resp_sound(f, &p)) {
        return PQI_ERR_DECODE;
    }
    p.open = (pqi_cspan){in.ptr, resp_open_len(f)};
    *out = p;
    return PQI_OK;
}

pqi_status pqi_hs_resp_write(const pqi_hs_form *f, const pqi_hs_resp *p, pqi_span out, size_t *len)
{
    if (p == NULL || len == NULL || pqi_hs_form_check(f) != PQI_OK || !resp_sound(f, p)) {
        return PQI_ERR_ARG;
    }
    *len = resp_open_len(f);
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    wr w = wr_of(out);
    wr_u8(&w, type_of(f->mode, PQI_HS_T_RESP_S, PQI_HS_T_RESP_K));
    wr_u8(&w, flags_of(f->mode, f->psk, p->min_level));
    wr_u16(&w, f->suite->id);
    wr_u32(&w, p->rsid_i);
    wr_u32(&w, p->rsid_r);
    wr_u32(&w, p->head_epoch);
    wr_bytes(&w, p->head_hash);
    wr_u64(&w, p->init_ctr_r);
    wr_bytes(&w, p->rand_r);
    wr_bytes(&w, p->x_r);
    wr_bytes(&w, p->ct_e);
    wr_bytes(&w, p->ct_i);
    return wr_done(&w, len);
}

/* ---- CONF ---------------------------------------------------------------------------------------- */

pqi_status pqi_hs_conf_read(const pqi_hs_form *f, pqi_cspan in, pqi_hs_conf *out)
{
    if (out == NULL || pqi_hs_form_check(f) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    pqi_hs_conf p = {0};
    rd r = rd_of(in);
    rd_expect(&r, 1, type_of(f->mode, PQI_HS_T_CONF_S, PQI_HS_T_CONF_K));
    rd_expect(&r, 1, flags_of(f->mode, false, 0));
    rd_expect(&r, 2, 0);
    p.rsid_r = rd_u32(&r);
    p.auth = rd_bytes(&r, auth_len(f->sig_i));
    if (rd_done(&r) != PQI_OK || p.rsid_r == 0) {
        return PQI_ERR_DECODE;
    }
    p.open = (pqi_cspan){in.ptr, PQI_HS_CONF_HDR};
    *out = p;
    return PQI_OK;
}

pqi_status pqi_hs_conf_write(const pqi_hs_form *f, uint32_t rsid_r, pqi_span out, size_t *len)
{
    if (len == NULL || rsid_r == 0 || pqi_hs_form_check(f) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    *len = PQI_HS_CONF_HDR;
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    wr w = wr_of(out);
    wr_u8(&w, type_of(f->mode, PQI_HS_T_CONF_S, PQI_HS_T_CONF_K));
    wr_u8(&w, flags_of(f->mode, false, 0));
    wr_u16(&w, 0);
    wr_u32(&w, rsid_r);
    return wr_done(&w, len);
}
