/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mcu/md.h"

#include "base/mem.h"
#include "prim/mcu/bytes.h"

#include <pqi/wipe.h>

static void start(const pqi_md *md, pqi_md_ctx *c)
{
    c->len = 0;
    md->start(c);
}

static void absorb(const pqi_md *md, pqi_md_ctx *c, const uint8_t *in, size_t n)
{
    size_t at = (size_t)c->len & (md->block - 1u);
    c->len += n;
    while (n != 0) {
        size_t take = md->block - at < n ? md->block - at : n;
        const uint8_t *block = in;
        if (take != md->block) {
            memcpy(c->m.b + at, in, take);
            block = c->m.b;
        }
        in += take;
        n -= take;
        at += take;
        if (at == md->block) {
            md->compress(c, block);
            at = 0;
        }
    }
}

static void absorb_parts(const pqi_md *md, pqi_md_ctx *c, const pqi_cspan *parts, size_t n_parts)
{
    for (size_t i = 0; i < n_parts; i++) {
        absorb(md, c, parts[i].ptr, parts[i].len);
    }
}

/* FIPS 180-4 section 5.1: a bit, zeros, and the length in bits at the end of a block. The length
 * field of a 128-byte block has 16 bytes, of which 2^61 bytes fill the last 8. */
static void finish(const pqi_md *md, pqi_md_ctx *c, uint8_t *out)
{
    size_t at = (size_t)c->len & (md->block - 1u);
    c->m.b[at++] = 0x80;
    if (at > md->block - md->block / 8u) {
        memset(c->m.b + at, 0, md->block - at);
        md->compress(c, c->m.b);
        at = 0;
    }
    memset(c->m.b + at, 0, md->block - 8u - at);
    store64_be(c->m.b + md->block - 8u, c->len << 3);
    md->compress(c, c->m.b);
    if (md->block == 64u) {
        for (size_t i = 0; i < md->len / 4u; i++) {
            store32_be(out + 4u * i, c->h.w32[i]);
        }
    } else {
        for (size_t i = 0; i < md->len / 8u; i++) {
            store64_be(out + 8u * i, c->h.w64[i]);
        }
    }
}

void pqi_md_hash(const pqi_md *md, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    pqi_md_ctx c;
    start(md, &c);
    absorb_parts(md, &c, parts, n_parts);
    finish(md, &c, out);
    pqi_wipe(&c, sizeof c);
}

/* Starts a hash with the padded key. */
static void start_keyed(const pqi_md *md, pqi_md_ctx *c, const uint8_t *key, uint8_t pad)
{
    start(md, c);
    for (size_t i = 0; i < md->block; i++) {
        c->m.b[i] = key[i] ^ pad;
    }
    c->len = md->block;
    md->compress(c, c->m.b);
}

void pqi_md_hmac(
    const pqi_md *md, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    struct {
        pqi_md_ctx c;
        uint8_t key[PQI_MD_BLOCK_MAX], inner[PQI_HASH_MAX];
    } w;
    memset(w.key, 0, sizeof w.key);
    if (key.len > md->block) {
        pqi_md_hash(md, &key, 1, w.key);
    } else if (key.len != 0) {
        memcpy(w.key, key.ptr, key.len);
    }
    start_keyed(md, &w.c, w.key, 0x36);
    absorb_parts(md, &w.c, parts, n_parts);
    finish(md, &w.c, w.inner);
    start_keyed(md, &w.c, w.key, 0x5c);
    absorb(md, &w.c, w.inner, md->len);
    finish(md, &w.c, out);
    pqi_wipe(&w, sizeof w);
}
