/* SPDX-License-Identifier: Apache-2.0
 * ACVP hash vectors: SHA-2, SHA-3, SHAKE and HMAC. Steps are those of the ACVP specifications
 * "Secure Hash Algorithm" and "SHA3 and SHAKE", section 6.2 (Monte Carlo and large data tests). */
#include "vectors_classic.h"

#include <stdlib.h>
#include <string.h>

#define MCT_ROUNDS    100u  /* results of a Monte Carlo test */
#define MCT_INNER     1000u /* digests for one result */
#define SHAKE_SEED    16u   /* bytes of a digest that are the next message */
#define MCT_SEED_MAX  1024u
#define LARGE_CHUNK   ((size_t)1 << 20)
#define LARGE_MAX     ((size_t)16 << 30)
#define SHAKE_OUT_MAX 8192u /* bytes: maxOutLen of ACVP is 65536 bits */

static bool is_shake(pqi_hash_id id)
{
    return id == PQI_HASH_SHAKE128 || id == PQI_HASH_SHAKE256;
}

static bool is_keccak(pqi_hash_id id)
{
    return id >= PQI_HASH_SHA3_224;
}

/* Compares with result j of a Monte Carlo test. */
static bool mct_result(pqi_vec *v, size_t j, pqi_cspan md)
{
    json_t *results = pqi_vec_field(v, "resultsArray");
    const char *text = json_string_value(json_object_get(json_array_get(results, j), "md"));
    uint8_t want[SHAKE_OUT_MAX];
    pqi_span w = {want, sizeof want};
    if (text == NULL || !pqi_cli_hex_decode(text, &w)) {
        pqi_vec_note(v, "result %zu of resultsArray is missing", j);
        return false;
    }
    return pqi_vec_equal(v, "resultsArray md", md, pqi_vec_c(w));
}

/* The next message of the "alternate" tests has the length of the first: cut or zero-filled. */
static void mct_fit(uint8_t *msg, size_t have, size_t want)
{
    if (have < want) {
        memset(msg + have, 0, want - have);
    }
}

typedef struct mct {
    pqi_hash_id id;
    bool alternate;
    size_t first_len; /* of the seed */
    uint8_t md[3][PQI_HASH_MAX > MCT_SEED_MAX ? PQI_HASH_MAX : MCT_SEED_MAX];
    size_t len[3]; /* of each md: a seed may have another length than a digest */
} mct;

/* One digest: SHA-2 hashes the last three digests, SHA-3 the last one. */
static pqi_status mct_step(pqi_vec *v, mct *m)
{
    uint8_t msg[3 * MCT_SEED_MAX];
    size_t n = 0;
    for (size_t i = is_keccak(m->id) ? 2 : 0; i < 3; i++) {
        memcpy(msg + n, m->md[i], m->len[i]);
        n += m->len[i];
    }
    if (m->alternate) {
        mct_fit(msg, n, m->first_len);
        n = m->first_len;
    }
    memmove(m->md[0], m->md[1], 2 * sizeof m->md[0]);
    m->len[0] = m->len[1];
    m->len[1] = m->len[2];
    m->len[2] = pqi_hash_len(m->id);
    pqi_cspan part = {msg, n};
    return pqi_vec_digest(v, m->id, &part, 1, (pqi_span){m->md[2], m->len[2]});
}

static void run_mct(pqi_vec *v, pqi_hash_id id)
{
    pqi_cspan seed = pqi_vec_hex_bits(v, "msg", "len");
    mct m = {.id = id, .first_len = seed.len};
    m.alternate = strcmp(pqi_vec_text(v, "mctVersion"), "alternate") == 0;
    if (seed.len == 0 || seed.len > MCT_SEED_MAX) {
        pqi_vec_note(v, "a Monte Carlo seed of %zu bytes", seed.len);
        return;
    }
    memcpy(m.md[2], seed.ptr, seed.len);
    m.len[2] = seed.len;
    for (size_t j = 0; j < MCT_ROUNDS; j++) {
        for (size_t i = 0; i < 2; i++) {
            memcpy(m.md[i], m.md[2], m.len[2]);
            m.len[i] = m.len[2];
        }
        for (size_t i = 0; i < MCT_INNER; i++) {
            if (!pqi_vec_status(v, "digest", mct_step(v, &m), PQI_OK)) {
                return;
            }
        }
        if (!mct_result(v, j, (pqi_cspan){m.md[2], m.len[2]})) {
            return;
        }
    }
}

static void run_shake_mct(pqi_vec *v, pqi_hash_id id)
{
    pqi_cspan seed = pqi_vec_hex_bits(v, "msg", "len");
    size_t min = pqi_vec_number(v, "minOutLen") / 8;
    size_t max = pqi_vec_number(v, "maxOutLen") / 8;
    uint8_t md[SHAKE_OUT_MAX];
    uint8_t msg[SHAKE_SEED] = {0};
    if (v->note[0] != '\0' || max > sizeof md || min < 2 || min > max) {
        pqi_vec_note(v, "output lengths out of range");
        return;
    }
    size_t len = max;
    memcpy(msg, seed.ptr, seed.len < SHAKE_SEED ? seed.len : SHAKE_SEED);
    pqi_cspan part = {msg, SHAKE_SEED};
    for (size_t j = 0; j < MCT_ROUNDS; j++) {
        size_t used = len;
        for (size_t i = 0; i < MCT_INNER; i++) {
            used = len;
            if (!pqi_vec_status(
                    v, "digest", pqi_vec_digest(v, id, &part, 1, (pqi_span){md, used}), PQI_OK)) {
                return;
            }
            size_t tail = (size_t)md[used - 2] * 256u + md[used - 1];
            len = min + tail % (max - min + 1);
            memset(msg, 0, sizeof msg);
            memcpy(msg, md, used < SHAKE_SEED ? used : SHAKE_SEED);
        }
        if (!mct_result(v, j, (pqi_cspan){md, used})) {
            return;
        }
    }
}

/* Bytes of the digest of a test; 0: noted or skipped. */
static size_t digest_len(pqi_vec *v, pqi_hash_id id)
{
    if (!is_shake(id)) {
        return pqi_hash_len(id);
    }
    size_t bits = pqi_vec_number(v, "outLen");
    if (bits % 8 != 0) {
        v->skip = "not whole bytes";
        return 0;
    }
    if (bits == 0 || bits / 8 > SHAKE_OUT_MAX * 8u) {
        pqi_vec_note(v, "outLen %zu is out of range", bits);
        return 0;
    }
    return bits / 8;
}

static void compare(pqi_vec *v, pqi_hash_id id, const pqi_cspan *parts, size_t n)
{
    size_t len = digest_len(v, id);
    if (len == 0 || v->skip != NULL || v->note[0] != '\0') {
        return;
    }
    pqi_span md = pqi_vec_room(v, len);
    pqi_status st = pqi_vec_digest(v, id, parts, n, md);
    if (st == PQI_ERR_UNSUPPORTED) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
    } else if (pqi_vec_status(v, "digest", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "md", pqi_vec_c(md), pqi_vec_hex(v, "md"));
    }
}

/* Large data test: a short content repeated to some gigabytes. One buffer of whole repetitions is
 * named again and again, so the message never stands in memory. */
static void run_large(pqi_vec *v, pqi_hash_id id)
{
    json_t *large = pqi_vec_field(v, "largeMsg");
    const char *hex = json_string_value(json_object_get(large, "content"));
    json_int_t full = json_integer_value(json_object_get(large, "fullLength"));
    if (hex == NULL || strlen(hex) < 2 || full <= 0 || full % 8 != 0) {
        pqi_vec_note(v, "field largeMsg is missing or damaged");
        return;
    }
    size_t total = (size_t)(full / 8);
    size_t unit = strlen(hex) / 2;
    size_t chunk = unit > LARGE_CHUNK ? unit : LARGE_CHUNK - LARGE_CHUNK % unit;
    pqi_span buf = pqi_vec_room(v, chunk);
    pqi_span first = {buf.ptr, unit};
    if (total > LARGE_MAX || !pqi_cli_hex_decode(hex, &first)) {
        pqi_vec_note(v, "field largeMsg is missing or damaged");
        return;
    }
    for (size_t at = unit; at < chunk; at += unit) {
        memcpy(buf.ptr + at, buf.ptr, unit);
    }
    size_t n = total / chunk + (total % chunk != 0);
    pqi_cspan *parts = pqi_cli_alloc(n * sizeof *parts);
    for (size_t i = 0; i < n; i++) {
        parts[i].ptr = buf.ptr;
        parts[i].len = i + 1 < n || total % chunk == 0 ? chunk : total % chunk;
    }
    compare(v, id, parts, n);
    free(parts);
}

void pqi_vec_acvp_hash(pqi_vec *v)
{
    pqi_hash_id id = pqi_vec_hash(v->algorithm);
    const char *type = pqi_vec_text(v, "testType");
    if (id == PQI_HASH_NONE) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
    } else if (strcmp(type, "MCT") == 0 && is_shake(id)) {
        run_shake_mct(v, id);
    } else if (strcmp(type, "MCT") == 0) {
        run_mct(v, id);
    } else if (strcmp(type, "LDT") == 0) {
        run_large(v, id);
    } else if (strcmp(type, "AFT") == 0 || strcmp(type, "VOT") == 0) {
        pqi_cspan msg = pqi_vec_hex_bits(v, "msg", "len");
        compare(v, id, &msg, 1);
    } else {
        pqi_vec_note(v, "unknown testType \"%.40s\"", type);
    }
}

void pqi_vec_acvp_hmac(pqi_vec *v)
{
    pqi_hash_id id = pqi_vec_hash(v->algorithm + strlen("HMAC-"));
    pqi_cspan key = pqi_vec_hex_bits(v, "key", "keyLen");
    pqi_cspan msg = pqi_vec_hex_bits(v, "msg", "msgLen");
    size_t bits = pqi_vec_number(v, "macLen");
    if (bits % 8 != 0) {
        v->skip = "not whole bytes";
    }
    if (v->skip != NULL || v->note[0] != '\0') {
        return;
    }
    uint8_t mac[PQI_HASH_MAX];
    pqi_status st = v->algs->classic->hmac(id, key, &msg, 1, mac);
    if (st == PQI_ERR_UNSUPPORTED) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
        return;
    }
    if (bits / 8 > pqi_hash_len(id)) {
        pqi_vec_note(v, "macLen %zu is out of range", bits);
    } else if (pqi_vec_status(v, "hmac", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "mac", (pqi_cspan){mac, bits / 8}, pqi_vec_hex(v, "mac"));
    }
}
