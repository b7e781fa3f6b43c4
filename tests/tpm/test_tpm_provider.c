/* SPDX-License-Identifier: Apache-2.0
 * The whole provider over a TPM (swtpm): conformance, restart, restored disks, loss of power.
 * INV-110, INV-86, INV-8. */
#include "conformance/conformance.h"
#include "rig.h"

#include <sys/stat.h>
#include <unistd.h>

static tpm_rig r;
static pqi_algs algs;
static char dir[120];

static pqi_status open_as(pqi_provider **p, const char *secret, int create)
{
    const pqi_host_provider_cfg cfg = {.algs = pqi_host_algs(&algs),
        .dir = dir,
        .create = create,
        .kek = {.provider = create != 0 ? r.uri : NULL,
            .passphrase = {(const uint8_t *)secret, secret != NULL ? strlen(secret) : 0}}};
    *p = NULL;
    pqi_why_clear();
    return pqi_host_provider_open(p, &cfg);
}

static pqi_provider *open_new(const char *secret)
{
    static unsigned n;
    pqi_provider *p;
    (void)snprintf(dir, sizeof dir, "%s/provider-%u", r.dir, n++);
    assert_int_equal(open_as(&p, secret, 1), PQI_OK);
    return p;
}

static void conformance(void **state)
{
    (void)state;
    unsigned persistent = tpm_rig_persistent(&r);
    pqi_provider *p = open_new("a secret");
    uint32_t caps = pqi_provider_caps(p), want = PQI_CAP_NO_ROLLBACK | PQI_CAP_QUOTE |
                                                 PQI_CAP_HW_RNG | PQI_CAP_UNSEALED |
                                                 PQI_CAP_PERSISTENT;
    assert_int_equal(caps & want, want);
    assert_int_equal(caps & (PQI_CAP_NON_EXPORTABLE | PQI_CAP_SEPARATE), 0);
    assert_string_equal(pqi_provider_name(p), "tpm");
    pqi_provider_conformance(p);
    pqi_provider_conformance_threads(p);
    pqi_provider_conformance_zeroize(p);
    pqi_host_provider_close(p);
    assert_int_equal(tpm_rig_loaded(&r), 0);
    assert_true(tpm_rig_persistent(&r) >= persistent);
    assert_int_equal(open_as(&p, "a secret", 0), PQI_OK); /* keys at rest stay */
    pqi_host_provider_close(p);
    assert_int_equal(open_as(&p, "another", 0), PQI_ERR_AUTH);
    assert_null(p);
}

static int copy(const char *from, const char *to)
{
    return tpm_rig_sh(&r, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
}

/* INV-8: an image of the disk from before is refused, whatever had changed since. */
static void restored_disk(void **state)
{
    (void)state;
    char image[160];
    uint64_t v = 0;
    pqi_provider *p = open_new("s");
    assert_int_equal(pqi_provider_counter_advance(p, 5, 7), PQI_OK);
    pqi_host_provider_close(p);
    (void)snprintf(image, sizeof image, "%s.image", dir);
    assert_int_equal(copy(dir, image), 0);
    assert_int_equal(open_as(&p, "s", 0), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 5, 8), PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(copy(image, dir), 0);
    assert_int_equal(open_as(&p, "s", 0), PQI_ERR_ROLLBACK);
    assert_int_equal(open_as(&p, "s", 1), PQI_ERR_ROLLBACK);
    /* whoever has the owner's password may count: forward only */
    assert_int_equal(tpm_rig_loaded(&r), 0);
    p = open_new("s");
    assert_int_equal(pqi_provider_generate(p, 9, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    pqi_host_provider_close(p);
    (void)snprintf(image, sizeof image, "%s.image", dir);
    assert_int_equal(copy(dir, image), 0);
    assert_int_equal(open_as(&p, "s", 0), PQI_OK);
    assert_int_equal(pqi_provider_destroy(p, 9), PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(copy(image, dir), 0);
    assert_int_equal(
        open_as(&p, "s", 0), PQI_ERR_ROLLBACK); /* a destroyed key does not come back */
    assert_int_equal(pqi_provider_counter_get(p, 5, &v), PQI_ERR_ARG);
}

/* g of counters.pqi. */
static uint64_t generation_of(const char *of)
{
    uint8_t b[20] = {0};
    char path[200];
    uint64_t g = 0;
    (void)snprintf(path, sizeof path, "%s/counters.pqi", of);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(b, 1, sizeof b, f), sizeof b);
    (void)fclose(f);
    for (size_t i = 12; i < 20; i++) {
        g = g << 8 | b[i];
    }
    return g;
}

/* INV-8: an old image beside a counter of the same TPM that stands where it did then. tpm.keys, which is
 * not authenticated, says which one it is; the counter is another directory's of the same secret. */
static void spare_counter(void **state)
{
    (void)state;
    char image[160], spare[120];
    uint64_t v = 0;
    pqi_provider *p = open_new("s");
    char first[120];
    memcpy(first, dir, sizeof first);
    pqi_host_provider_close(open_new("s"));
    memcpy(spare, dir, sizeof spare);
    memcpy(dir, first, sizeof dir);
    for (v = 1; generation_of(dir) < generation_of(spare); v++) {
        assert_int_equal(pqi_provider_counter_advance(p, 5, v), PQI_OK);
    }
    assert_int_equal(generation_of(dir), generation_of(spare));
    (void)snprintf(image, sizeof image, "%s.image", dir);
    assert_int_equal(copy(dir, image), 0);
    assert_int_equal(pqi_provider_counter_advance(p, 5, v + 100), PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(copy(image, dir), 0);
    assert_int_equal(open_as(&p, "s", 0), PQI_ERR_ROLLBACK);
    assert_int_equal(tpm_rig_sh(&r, "cp '%s/tpm.keys' '%s/tpm.keys'", spare, dir), 0);
    assert_int_equal(open_as(&p, "s", 0), PQI_ERR_ROLLBACK);
    assert_non_null(strstr(pqi_why_get(), "counter"));
}

/* What lies in a directory before its keys do is nobody's word about the TPM: names of keys that somebody
 * between us and the TPM has are not used, else he would be sent the first secrets. */
static void planted_names(void **state)
{
    (void)state;
    pqi_provider *p;
    char first[120];
    pqi_host_provider_close(open_new("s"));
    memcpy(first, dir, sizeof first);
    (void)snprintf(dir, sizeof dir, "%s/planted", r.dir);
    assert_int_equal(
        tpm_rig_sh(&r,
            "mkdir -m 700 '%s' && cp '%s/tpm.keys' '%s' && printf AAAA | dd of='%s/"
            "tpm.keys' bs=1 seek=10 conv=notrunc 2>/dev/null && chmod 600 '%s/tpm.keys'",
            dir, first, dir, dir, dir),
        0);
    assert_int_equal(open_as(&p, "s", 1), PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(open_as(&p, "s", 0), PQI_OK);
    pqi_host_provider_close(p);
}

/* A row of tpm.keys that leads to a key which somebody brought into the TPM, and therefore has: it is no half of
 * a key of ours. */
static void imported_half(void **state)
{
    (void)state;
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t n = 0;
    pqi_provider *p = open_new(NULL);
    assert_int_equal(pqi_provider_generate(p, 9, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44_P256), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 9, (pqi_span){pk, sizeof pk}, &n), PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(
        tpm_rig_sh(&r,
            "(cd %s && openssl ecparam -name prime256v1 -genkey -noout -out own.pem && "
            "tpm2_createprimary -Q -C o -G ecc -c own.p && "
            "tpm2_flushcontext -t && tpm2_import -Q -C own.p -G ecc -i own.pem -u own.u -r own.r "
            "&& tpm2_flushcontext -t && "
            "tpm2_load -Q -C own.p -u own.u -r own.r -c own.c -n own.n && "
            "tpm2_evictcontrol -Q -C o -c own.c 0x81017777 && tpm2_flushcontext -t) "
            ">/dev/null",
            r.dir),
        0);
    assert_int_equal(tpm_rig_sh(&r,
                         "(printf '\\201\\001\\167\\167' && cat %s/own.n) | "
                         "dd of='%s/tpm.keys' bs=1 seek=118 conv=notrunc 2>/dev/null",
                         r.dir, dir),
        0);
    assert_int_equal(open_as(&p, NULL, 0), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 9, (pqi_span){pk, sizeof pk}, &n), PQI_ERR_MISSING);
    pqi_host_provider_close(p);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_evictcontrol -Q -C o -c 0x81017777"), 0);
}

static void loss_of_power(void **state)
{
    (void)state;
    static uint8_t sig[PQI_SIG_MAX_SIG];
    const pqi_cspan domain = {PQI_LIT("PQI4 test")}, part = {PQI_LIT("m")};
    const pqi_sig *alg = NULL;
    size_t n = 0;
    uint64_t v = 0;
    pqi_provider *p = open_new("s");
    for (size_t i = 0; i < algs.n_sigs && alg == NULL; i++) {
        alg = pqi_composite_sig_of(algs.sigs[i]) != NULL ? algs.sigs[i] : NULL;
    }
    if (alg == NULL) {
        fail_msg("no composite algorithm");
        return;
    }
    assert_int_equal(pqi_provider_generate(p, 9, PQI_KEY_SIG, alg->id), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 5, 7), PQI_OK);
    tpm_rig_kill(&r);
    pqi_status st = pqi_provider_sign(p, 9, domain, &part, 1, (pqi_span){sig, sizeof sig}, &n);
    assert_true(st == PQI_ERR_PROVIDER || st == PQI_ERR_RNG); /* the TPM is asked for both */
    const char *text = "";
    assert_int_not_equal(pqi_provider_native_error(p, &text), 0);
    assert_true(text[0] != 0);
    assert_int_equal(pqi_provider_counter_advance(p, 5, 8), PQI_ERR_PROVIDER);
    tpm_rig_start(&r);
    assert_int_equal(
        pqi_provider_sign(p, 9, domain, &part, 1, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 5, 9), PQI_OK);
    pqi_host_provider_close(p);
    tpm_rig_kill(&r);
    tpm_rig_start(&r);
    assert_int_equal(open_as(&p, "s", 0), PQI_OK);
    assert_int_equal(pqi_provider_counter_get(p, 5, &v), PQI_OK);
    assert_int_equal(v, 9);
    assert_int_equal(
        pqi_provider_sign(p, 9, domain, &part, 1, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
    pqi_host_provider_close(p);
}

static void changed_firmware(void **state)
{
    (void)state;
    pqi_provider *p;
    tpm_rig_options(&r, "pcrs=16");
    pqi_host_provider_close(open_new("s"));
    assert_int_equal(open_as(&p, "s", 0), PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_pcrextend 16:sha256=%064d", 1), 0);
    assert_int_equal(open_as(&p, "s", 0), PQI_ERR_POLICY);
    assert_non_null(strstr(pqi_why_get(), "PCR 16 "));
    assert_int_equal(tpm_rig_sh(&r, "tpm2_pcrreset 16"), 0);
    assert_int_equal(open_as(&p, "s", 0), PQI_OK);
    pqi_host_provider_close(p);
    tpm_rig_options(&r, NULL);
}

static void other_tpm(void **state)
{
    (void)state;
    tpm_rig other;
    char to[160], save[120];
    pqi_provider *p;
    tpm_rig_make(&other);
    pqi_host_provider_close(open_new("s"));
    /* the same address leads to another TPM now */
    (void)snprintf(to, sizeof to, "%s/moved", r.dir);
    assert_int_equal(copy(dir, to), 0);
    assert_int_equal(tpm_rig_sh(&r, "sed -i 's|%s|%s|' %s/provider.uri", r.dir, other.dir, to), 0);
    memcpy(save, dir, sizeof save);
    (void)snprintf(dir, sizeof dir, "%.119s", to);
    pqi_status st = open_as(&p, "s", 0);
    assert_true(st == PQI_ERR_STORAGE || st == PQI_ERR_MISSING);
    assert_int_equal(tpm_rig_sh(&other, "tpm2_getcap handles-persistent >/dev/null"), 0);
    memcpy(dir, save, sizeof save);
    assert_int_equal(open_as(&p, "s", 0), PQI_OK);
    pqi_host_provider_close(p);
    tpm_rig_end(&other);
}

int main(void)
{
    if (!tpm_rig_have()) {
        (void)printf("1..0 # SKIP no swtpm\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(conformance),
        cmocka_unit_test(restored_disk), cmocka_unit_test(spare_counter),
        cmocka_unit_test(planted_names), cmocka_unit_test(imported_half),
        cmocka_unit_test(loss_of_power), cmocka_unit_test(changed_firmware),
        cmocka_unit_test(other_tpm)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    tpm_rig_make(&r);
    (void)tpm_rig_sh(&r, "tpm2_dictionarylockout -s -n 1000 -t 1 -l 1");
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    tpm_rig_end(&r);
    return rc;
}
