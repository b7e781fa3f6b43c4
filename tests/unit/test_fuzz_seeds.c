/* SPDX-License-Identifier: Apache-2.0
 * The seeds of the identity fuzz targets are sound objects of the fixture: made again here and
 * compared with the corpus. PQI_WRITE_SEEDS=1 writes them. */
#include "pqi_test.h"

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

PQI_TEST_MAIN(cmocka_unit_test(seeds))
