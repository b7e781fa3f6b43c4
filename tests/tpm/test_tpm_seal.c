/* SPDX-License-Identifier: Apache-2.0
 * The sealed key and the attestation key against swtpm: PCRs, signed policies, what passes on the bus and
 * what stays in memory. INV-2, INV-4, INV-16. */
#include "rig.h"
#include "support/kept_frames.h"

#include "port/linux/ossl_p256.h"

#include <pqi/wipe.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tss2/tss2_mu.h>

static tpm_rig r;
static pqi_host_element *h;
static uint8_t kek[32];
static uint8_t blob[PQI_ELEMENT_BLOB_MAX];
static size_t blob_len;

static void close_it(void)
{
    if (h != NULL) {
        h->close(h);
        h = NULL;
    }
}

static void reopen(const char *secret)
{
    close_it();
    assert_int_equal(tpm_rig_open(&r, secret, 0, &h), PQI_OK);
}

static pqi_status wrap(void)
{
    for (size_t i = 0; i < sizeof kek; i++) {
        kek[i] = (uint8_t)(0xa0 + 3 * i);
    }
    return h->wrap(h, kek, (pqi_span){blob, sizeof blob}, &blob_len);
}

static pqi_status unwrap(void)
{
    uint8_t got[32];
    static const uint8_t zero[32];
    pqi_why_clear();
    pqi_status st = h->unwrap(h, (pqi_cspan){blob, blob_len}, got);
    if (st == PQI_OK) {
        assert_memory_equal(got, kek, 32);
    } else {
        assert_memory_equal(got, zero, 32);
    }
    assert_int_equal(tpm_rig_loaded(&r), 0);
    return st;
}

static void extend(unsigned pcr)
{
    assert_int_equal(tpm_rig_sh(&r,
                         "tpm2_pcrextend %u:sha256="
                         "1111111111111111111111111111111111111111111111111111111111111111",
                         pcr),
        0);
}

static void sealed_to_pcrs(void **state)
{
    (void)state;
    tpm_rig_new_keys(&r);
    tpm_rig_options(&r, "pcrs=16+23");
    assert_int_equal(tpm_rig_open(&r, "right", 1, &h), PQI_OK);
    assert_int_equal(wrap(), PQI_OK);
    assert_int_equal(unwrap(), PQI_OK);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_dictionarylockout -s -n 1000 -t 1 -l 1"), 0);
    reopen("wrong"); /* the secret as well as the state */
    assert_int_equal(unwrap(), PQI_ERR_AUTH);
    reopen(NULL);
    assert_int_equal(unwrap(), PQI_ERR_AUTH);
    reopen("right");
    extend(15); /* not one of them */
    assert_int_equal(unwrap(), PQI_OK);
    extend(23);
    assert_int_equal(unwrap(), PQI_ERR_POLICY);
    assert_non_null(strstr(pqi_why_get(), "PCR 23 "));
    assert_non_null(strstr(pqi_why_get(), "pqi tpm policy"));
    extend(16);
    assert_int_equal(unwrap(), PQI_ERR_POLICY);
    assert_non_null(strstr(pqi_why_get(), "PCR 16+23 "));
    /* the values in the blob are for people: made right, the TPM still refuses */
    const tpm_element *e = h->element.arg;
    assert_int_equal(pqi_host_tpm_pcr_read(r.uri, e->uri.pcrs, (pqi_span){blob + 10, 64}), PQI_OK);
    assert_int_equal(unwrap(), PQI_ERR_POLICY);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_pcrreset 16 23"), 0);
    assert_int_equal(unwrap(), PQI_ERR_POLICY); /* and people are told wrongly */
    assert_int_equal(pqi_host_tpm_pcr_read(r.uri, e->uri.pcrs, (pqi_span){blob + 10, 64}), PQI_OK);
    assert_int_equal(unwrap(), PQI_OK);
    close_it();
}

/* INV-4: each byte of the blob matters; nothing of it is left in the TPM. */
static void altered_blobs(void **state)
{
    (void)state;
    tpm_rig_new_keys(&r);
    tpm_rig_options(&r, "pcrs=16");
    assert_int_equal(tpm_rig_open(&r, NULL, 1, &h), PQI_OK);
    assert_int_equal(wrap(), PQI_OK);
    for (size_t i = 0; i < blob_len; i += 3) {
        blob[i] ^= 0x40u;
        pqi_status st = unwrap();
        if (st == PQI_OK) {
            print_message("# byte %zu is not looked at\n", i);
        }
        assert_int_not_equal(st, PQI_OK);
        blob[i] ^= 0x40u;
    }
    size_t n = blob_len;
    for (blob_len = 0; blob_len < n; blob_len += 5) {
        assert_int_equal(unwrap(), PQI_ERR_STORAGE);
    }
    blob_len = n + 1;
    assert_int_equal(unwrap(), PQI_ERR_STORAGE);
    blob_len = n;
    assert_int_equal(unwrap(), PQI_OK);
    close_it();
}

/* ---- signed policies --------------------------------------------------------------------------------- */

static void make_signer(const char *name)
{
    assert_int_equal(
        tpm_rig_sh(&r,
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "
            "%s/%s.pem 2>/dev/null && openssl pkey -in %s/%s.pem -pubout -out %s/%s.pub",
            r.dir, name, r.dir, name, r.dir, name),
        0);
}

static size_t approve(const char *signer, uint32_t mask, uint8_t *out, size_t room)
{
    tpm_approval a;
    char path[120];
    size_t n = 0;
    memset(&a, 0, sizeof a);
    a.mask = mask;
    assert_int_equal(
        pqi_host_tpm_pcr_read(r.uri, mask, (pqi_span){a.values, 32u * pqi_tpm_pcr_count(mask)}),
        PQI_OK);
    (void)snprintf(path, sizeof path, "%s/%s.pem", r.dir, signer);
    assert_int_equal(pqi_tpm_approval_sign(path, &a), PQI_OK);
    assert_int_equal(pqi_tpm_approval_put(&a, (pqi_span){out, room}, &n), PQI_OK);
    return n;
}

static void signed_policy(void **state)
{
    (void)state;
    uint8_t ok[400], bad[400];
    char options[160];
    make_signer("vendor");
    make_signer("other");
    tpm_rig_new_keys(&r);
    (void)snprintf(options, sizeof options, "pcrs=16&policy=%s/vendor.pub", r.dir);
    tpm_rig_options(&r, options);
    assert_int_equal(tpm_rig_open(&r, "right", 1, &h), PQI_OK);
    assert_int_equal(wrap(), PQI_ERR_POLICY); /* the present state is not approved */
    assert_non_null(strstr(pqi_why_get(), "pqi tpm policy"));
    size_t n = approve("vendor", 1u << 16, ok, sizeof ok), k;
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){ok, n}), PQI_OK);
    assert_int_equal(wrap(), PQI_OK);
    assert_int_equal(unwrap(), PQI_OK);
    extend(16); /* the firmware was updated */
    assert_int_equal(unwrap(), PQI_ERR_POLICY);
    assert_non_null(strstr(pqi_why_get(), "PCR 16 "));
    k = approve("other", 1u << 16, bad, sizeof bad); /* by whoever */
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){bad, k}), PQI_OK);
    assert_int_equal(unwrap(), PQI_ERR_POLICY);
    assert_non_null(strstr(pqi_why_get(), "another key"));
    memcpy(bad + 9 + 32, ok + 9 + 32, 65); /* who says to be the vendor */
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){bad, k}), PQI_ERR_AUTH);
    n = approve("vendor", 1u << 16, ok, sizeof ok);
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){ok, n}), PQI_OK);
    assert_int_equal(unwrap(), PQI_OK);
    reopen("wrong"); /* approved, but the secret is needed too */
    assert_int_equal(unwrap(), PQI_ERR_AUTH);
    reopen("right");
    n = approve("vendor", 1u << 16, ok, sizeof ok);
    ok[40] ^= 1u;
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){ok, n}), PQI_ERR_AUTH);
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){ok, n - 1}), PQI_ERR_DECODE);
    close_it();
    assert_int_equal(tpm_rig_sh(&r, "tpm2_pcrreset 16"), 0);
}

/* The driver refuses a stranger's signature before the TPM sees it; here the TPM is asked all the same:
 * the blob names the other signer, the sealed object does not. */
static void signer_in_the_blob(void **state)
{
    (void)state;
    uint8_t a[400];
    char options[160], path[120];
    tpm_rig_new_keys(&r);
    (void)snprintf(options, sizeof options, "pcrs=16&policy=%s/vendor.pub", r.dir);
    tpm_rig_options(&r, options);
    assert_int_equal(tpm_rig_open(&r, NULL, 1, &h), PQI_OK);
    size_t n = approve("vendor", 1u << 16, a, sizeof a);
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){a, n}), PQI_OK);
    assert_int_equal(wrap(), PQI_OK);
    n = approve("other", 1u << 16, a, sizeof a);
    assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){a, n}), PQI_OK);
    (void)snprintf(path, sizeof path, "%s/other.pub", r.dir);
    assert_int_equal(pqi_tpm_signer_read(path, blob + 10 + 32), PQI_OK);
    assert_int_equal(unwrap(), PQI_ERR_POLICY);
    close_it();
}

static void approvals_are_bounded(void **state)
{
    (void)state;
    static tpm_approval all[TPM_APPROVALS_MAX], a;
    uint8_t out[400];
    char path[120];
    size_t n = 0, k = 0;
    tpm_rig_new_keys(&r);
    (void)snprintf(path, sizeof path, "%s/vendor.pem", r.dir);
    for (unsigned i = 0; i < TPM_APPROVALS_MAX + 3; i++) {
        a.mask = 2;
        a.values[0] = (uint8_t)i;
        assert_int_equal(pqi_tpm_approval_sign(path, &a), PQI_OK);
        assert_int_equal(pqi_tpm_approval_put(&a, (pqi_span){out, sizeof out}, &k), PQI_OK);
        assert_int_equal(pqi_tpm_approvals_add(r.keys, (pqi_cspan){out, k}), PQI_OK);
        assert_int_equal(
            pqi_tpm_approvals_add(r.keys, (pqi_cspan){out, k}), PQI_OK); /* once only */
    }
    assert_int_equal(pqi_tpm_approvals_load(r.keys, all, &n), PQI_OK);
    assert_int_equal(n, TPM_APPROVALS_MAX);
    assert_int_equal(all[n - 1].values[0], TPM_APPROVALS_MAX + 2); /* the newest */
    assert_int_equal(all[0].values[0], 3);                         /* the oldest went */
}

/* ---- the bus ------------------------------------------------------------------------------------------ */

static void through(tpm_relay *y, const char *options)
{
    (void)snprintf(
        r.uri, sizeof r.uri, "tpm:swtpm:path=%s%s%s", y->path, options[0] != 0 ? "?" : "", options);
}

/* INV-2: nothing secret is ever readable between processor and TPM. */
static void bus_has_no_secrets(void **state)
{
    (void)state;
    static const uint8_t scalar[32] = {5, 4, 3, 2, 1};
    static const char owner[] = "owner's password";
    uint8_t peer[65], ss[32], rnd[32], sig[64];
    char path[80], options[100];
    tpm_relay y;
    TPM2B_AUTH auth;
    const pqi_cspan secret = {PQI_LIT("the secret of it")}, msg = {PQI_LIT("a public message")};
    uint64_t g;
    tpm_relay_start(&y, &r);
    (void)snprintf(path, sizeof path, "%s/owner", r.dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "%s\n", owner);
    (void)fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_changeauth -c o \"%s\"", owner), 0);
    (void)snprintf(options, sizeof options, "pcrs=16&owner=%s", path);
    through(&y, options);
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "the secret of it", 1, &h), PQI_OK);
    const pqi_element *e = &h->element;
    assert_int_equal(wrap(), PQI_OK);
    assert_int_equal(unwrap(), PQI_OK);
    assert_int_equal(e->p256_generate(e->arg, 7, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(e->p256_generate(e->arg, 8, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(pqi_ossl_p256_public(peer, scalar), PQI_OK);
    assert_int_equal(e->p256_dh(e->arg, 7, peer, ss), PQI_OK);
    assert_int_equal(e->p256_sign(e->arg, 8, msg, sig), PQI_OK);
    assert_int_equal(e->random(e->arg, (pqi_span){rnd, sizeof rnd}), PQI_OK);
    assert_int_equal(e->generation(e->arg, &g), PQI_OK);
    assert_int_equal(e->advance(e->arg, g + 1), PQI_OK);
    assert_int_equal(e->p256_destroy(e->arg, 7), PQI_OK);
    assert_int_equal(e->p256_destroy(e->arg, 8), PQI_OK);
    close_it();
    assert_true(y.n > 4000 && tpm_relay_saw(&y, msg.ptr, msg.len)); /* it does record */
    assert_int_equal(pqi_tpm_auth_value(secret, &auth), PQI_OK);
    assert_false(tpm_relay_saw(&y, kek, 16));
    assert_false(tpm_relay_saw(&y, ss, 16));
    assert_false(tpm_relay_saw(&y, rnd, 16));
    assert_false(tpm_relay_saw(&y, auth.buffer, 16));
    assert_false(tpm_relay_saw(&y, (const uint8_t *)owner, strlen(owner)));
    tpm_relay_end(&y);
    /* without the owner's password: refused in words, nothing left */
    tpm_rig_options(&r, "pcrs=16");
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "s", 1, &h), PQI_ERR_AUTH);
    assert_non_null(strstr(pqi_why_get(), "owner hierarchy"));
    assert_int_equal(tpm_rig_loaded(&r), 0);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_changeauth -c o -p \"%s\"", owner), 0);
}

static uint32_t code_of(const uint8_t *cmd)
{
    return (uint32_t)cmd[6] << 24 | (uint32_t)cmd[7] << 16 | (uint32_t)cmd[8] << 8 | cmd[9];
}

static unsigned change_at;

static bool cut_at_load(const uint8_t *cmd, size_t n, uint8_t *rsp, size_t *rsp_len)
{
    (void)n;
    (void)rsp;
    (void)rsp_len;
    return code_of(cmd) != change_at;
}

/* The connection goes in the middle of an operation: what is loaded then is flushed by the next one. */
static void cut_off(void **state)
{
    (void)state;
    static const uint32_t codes[] = {TPM2_CC_StartAuthSession, TPM2_CC_Load, TPM2_CC_Unseal,
        TPM2_CC_PolicyPCR, TPM2_CC_ReadPublic, TPM2_CC_FlushContext};
    tpm_relay y;
    tpm_relay_start(&y, &r);
    through(&y, "pcrs=16");
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "s", 1, &h), PQI_OK);
    assert_int_equal(wrap(), PQI_OK);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
            uint8_t got[32];
            change_at = codes[i];
            y.change = cut_at_load;
            pqi_status st = h->unwrap(h, (pqi_cspan){blob, blob_len}, got);
            assert_int_equal(st, codes[i] == TPM2_CC_FlushContext ? PQI_OK : PQI_ERR_PROVIDER);
            y.change = NULL;
            assert_int_equal(h->unwrap(h, (pqi_cspan){blob, blob_len}, got), PQI_OK);
            assert_memory_equal(got, kek, 32);
        }
    }
    close_it();
    tpm_relay_end(&y);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_flushcontext -t && tpm2_flushcontext -l"), 0);
    tpm_rig_options(&r, "pcrs=16");
}

/* INV-16: after an unseal no copy of the key is in this process but the caller's. */
static unsigned copies_in_memory(const uint8_t *what_inverted, size_t n)
{
    FILE *maps = fopen("/proc/self/maps", "r"), *mem = fopen("/proc/self/mem", "rb");
    char line[400];
    unsigned found = 0;
    assert_true(maps != NULL && mem != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long a, b;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &a, &b, rights) != 3 || rights[0] != 'r' ||
            rights[1] != 'w' || b - a > (256u << 20)) {
            continue;
        }
        uint8_t *buf = malloc(b - a);
        assert_non_null(buf);
        if (fseek(mem, (long)a, SEEK_SET) == 0) {
            size_t got = fread(buf, 1, b - a, mem);
            for (size_t i = 0; i + n <= got; i++) {
                size_t k = 0;
                while (k < n && (buf[i + k] ^ what_inverted[k]) == 0xff) {
                    k++;
                }
                found += k == n;
            }
        }
        pqi_wipe(buf, b - a);
        free(buf);
    }
    (void)fclose(maps);
    (void)fclose(mem);
    return found;
}

static void nothing_stays_in_memory(void **state)
{
    (void)state;
    uint8_t inverted[32], inv_auth[32], got[32];
    TPM2B_AUTH auth;
    if (frames_are_kept()) {
        return;
    }
    tpm_rig_options(&r, "pcrs=16");
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "a secret that is long enough", 1, &h), PQI_OK);
    assert_int_equal(wrap(), PQI_OK);
    assert_int_equal(
        pqi_tpm_auth_value((pqi_cspan){PQI_LIT("a secret that is long enough")}, &auth), PQI_OK);
    for (size_t i = 0; i < 32; i++) {
        inverted[i] = (uint8_t)~kek[i];
        inv_auth[i] = (uint8_t)~auth.buffer[i];
    }
    assert_true(copies_in_memory(inverted, 32) != 0); /* it can be found */
    pqi_wipe(kek, sizeof kek);
    pqi_wipe(&auth, sizeof auth);
    assert_int_equal(copies_in_memory(inverted, 32), 0); /* of wrap */
    assert_int_equal(h->unwrap(h, (pqi_cspan){blob, blob_len}, got), PQI_OK);
    assert_int_equal(got[0], (uint8_t)~inverted[0]);
    pqi_wipe(got, sizeof got);
    assert_int_equal(copies_in_memory(inverted, 32), 0);
    assert_int_equal(copies_in_memory(inv_auth, 32), 0);
    close_it();
    assert_int_equal(copies_in_memory(inv_auth, 32), 0);
}

/* ---- activation ----------------------------------------------------------------------------------------- */

static size_t slurp(const char *name, uint8_t *out, size_t room)
{
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s", r.dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    (void)fclose(f);
    return n;
}

static void spit(const char *name, const uint8_t *p, size_t n)
{
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s", r.dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    (void)fclose(f);
}

/* tpm2_makecredential as the verifier: its file is magic 4 | version 4 | the two structures. */
static size_t credential_for(const uint8_t *name, uint8_t *out)
{
    char hex[2 * PQI_TPM_NAME_LEN + 1];
    uint8_t file[PQI_TPM_CRED_MAX + 8];
    for (size_t i = 0; i < PQI_TPM_NAME_LEN; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", name[i]);
    }
    spit("cred.secret", (const uint8_t *)"32 bytes that the verifier knows", 32);
    assert_int_equal(tpm_rig_sh(&r,
                         "tpm2_makecredential -Q -T none -u %s/ek.pub -s %s/cred.secret -n %s -o "
                         "%s/cred.out",
                         r.dir, r.dir, hex, r.dir),
        0);
    size_t n = slurp("cred.out", file, sizeof file);
    assert_true(n > 8);
    memcpy(out, file + 8, n - 8);
    return n - 8;
}

static void activation(void **state)
{
    (void)state;
    static pqi_tpm_identity id;
    uint8_t cred[PQI_TPM_CRED_MAX], secret[PQI_TPM_SECRET_MAX];
    size_t len = 0;
    tpm_rig_options(&r, NULL);
    assert_int_equal(pqi_host_tpm_identity(r.uri, &id), PQI_OK);
    assert_true(id.ek_cert_len > 100 && id.ek_public_len > 100 && id.ak_public_len > 50);
    spit("ek.pub", id.ek_public, id.ek_public_len);
    spit("ek.der", id.ek_cert, id.ek_cert_len);
    /* the certificate is one of this TPM's manufacturer, here the CA of swtpm_localca */
    assert_int_equal(tpm_rig_sh(&r,
                         "openssl x509 -inform der -in %s/ek.der -out %s/ek.pem && openssl verify "
                         "-CAfile %s/ca/swtpm-localca-rootca-cert.pem -untrusted "
                         "%s/ca/issuercert.pem -ignore_critical %s/ek.pem >/dev/null",
                         r.dir, r.dir, r.dir, r.dir, r.dir),
        0);
    size_t n = credential_for(id.ak_name, cred);
    assert_int_equal(pqi_host_tpm_activate(r.uri, (pqi_cspan){cred, n}, secret, &len), PQI_OK);
    assert_int_equal(len, 32);
    assert_memory_equal(secret, "32 bytes that the verifier knows", 32);
    for (size_t i = 2; i < n; i += 11) {
        cred[i] ^= 1u;
        assert_int_equal(
            pqi_host_tpm_activate(r.uri, (pqi_cspan){cred, n}, secret, &len), PQI_ERR_AUTH);
        assert_int_equal(len, 0);
        cred[i] ^= 1u;
    }
    assert_int_equal(
        pqi_host_tpm_activate(r.uri, (pqi_cspan){cred, n - 1}, secret, &len), PQI_ERR_AUTH);
    id.ak_name[20] ^= 1u; /* for another attestation key */
    n = credential_for(id.ak_name, cred);
    assert_int_equal(
        pqi_host_tpm_activate(r.uri, (pqi_cspan){cred, n}, secret, &len), PQI_ERR_AUTH);
    assert_int_equal(tpm_rig_loaded(&r), 0);
}

static void pcr_reads(void **state)
{
    (void)state;
    uint8_t all[TPM_PCR_BYTES], one[32];
    tpm_rig_options(&r, NULL);
    extend(23);
    extend(11);
    assert_int_equal(
        pqi_host_tpm_pcr_read(r.uri, TPM_PCRS_ALL, (pqi_span){all, sizeof all}), PQI_OK);
    for (unsigned i = 0; i < 24; i++) {
        assert_int_equal(pqi_host_tpm_pcr_read(r.uri, 1u << i, (pqi_span){one, 32}), PQI_OK);
        assert_memory_equal(one, all + 32 * i, 32);
    }
    assert_memory_not_equal(all + 32 * 11, all + 32 * 10, 32);
    assert_int_equal(pqi_host_tpm_pcr_read(r.uri, 3, (pqi_span){one, 32}), PQI_ERR_ARG);
    assert_int_equal(pqi_host_tpm_pcr_read(r.uri, 0, (pqi_span){one, 0}), PQI_ERR_ARG);
}

int main(void)
{
    if (!tpm_rig_have()) {
        (void)printf("1..0 # SKIP no swtpm\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(sealed_to_pcrs),
        cmocka_unit_test(altered_blobs), cmocka_unit_test(signed_policy),
        cmocka_unit_test(signer_in_the_blob), cmocka_unit_test(approvals_are_bounded),
        cmocka_unit_test(bus_has_no_secrets), cmocka_unit_test(cut_off),
        cmocka_unit_test(nothing_stays_in_memory), cmocka_unit_test(activation),
        cmocka_unit_test(pcr_reads)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    tpm_rig_make(&r);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    close_it();
    tpm_rig_end(&r);
    return rc;
}
