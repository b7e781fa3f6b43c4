/* SPDX-License-Identifier: Apache-2.0
 * Merkle paths: what decodes has the length that its size and position ask for, leads to one root and
 * to no other. */
#include <pqi/host.h>

#include <pqi/control.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* The root that the path gives, climbed by recomputing sizes level by level. */
static void climb(const pqi_algs *a, const pqi_path *p, const uint8_t *leaf, uint8_t *h)
{
    const uint8_t *next = p->hashes.ptr, tag = 1;
    uint64_t at = p->position, n = p->size;
    memcpy(h, leaf, PQI_HASH_LEN);
    for (; n > 1; n = (n + 1) / 2, at /= 2) {
        uint8_t out[PQI_HASH_LEN];
        if (at == n - 1 && at % 2 == 0) {
            continue;
        }
        const pqi_cspan own = {h, PQI_HASH_LEN}, other = {next, PQI_HASH_LEN};
        const pqi_cspan parts[3] = {
            {&tag, 1}, at % 2 != 0 ? other : own, at % 2 != 0 ? own : other};
        must(a->classic->hash(PQI_HASH_SHA256, parts, 3, out) == PQI_OK);
        memcpy(h, out, PQI_HASH_LEN);
        next += PQI_HASH_LEN;
    }
    must(next == p->hashes.ptr + p->hashes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_path o, mark;
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_path_decode((pqi_cspan){data, size}, &o) != PQI_OK) {
        must(memcmp(&o, &mark, sizeof o) == 0);
        return 0;
    }
    must(o.position < o.size && o.n <= PQI_PATH_HASHES_MAX && size == 12 + 32 * (size_t)o.n);
    must(o.hashes.len == 32 * (size_t)o.n);
    pqi_leaf leaf = {o.position, 1, {0x42}};
    uint8_t h[PQI_HASH_LEN], root[PQI_HASH_LEN];
    must(pqi_leaf_hash(&algs, &leaf, h) == PQI_OK);
    climb(&algs, &o, h, root);
    must(pqi_path_check(&algs, &leaf, &o, root) == PQI_OK);
    must(pqi_nonce_check(&algs, h, &o, root) == (o.roster_seq == 0 ? PQI_OK : PQI_ERR_AUTH));
    root[o.n % PQI_HASH_LEN] ^= 1;
    must(pqi_path_check(&algs, &leaf, &o, root) == PQI_ERR_AUTH);
    return 0;
}
