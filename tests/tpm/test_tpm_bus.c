/* SPDX-License-Identifier: Apache-2.0
 * An interposer between driver and TPM: answers of his own. INV-2, INV-16. */
#include "rig.h"

#include "port/linux/ossl_p256.h"

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

static pqi_status wrap(void)
{
    memset(kek, 0xa3, sizeof kek);
    return h->wrap(h, kek, (pqi_span){blob, sizeof blob}, &blob_len);
}

static pqi_status unwrap(void)
{
    uint8_t got[32];
    pqi_status st = h->unwrap(h, (pqi_cspan){blob, blob_len}, got);
    assert_true(st != PQI_OK || memcmp(got, kek, sizeof got) == 0);
    assert_int_equal(tpm_rig_loaded(&r), 0);
    return st;
}

static void through(tpm_relay *y, const char *options)
{
    (void)snprintf(r.uri, sizeof r.uri, "tpm:swtpm:path=%s?%s", y->path, options);
}

static uint32_t code_of(const uint8_t *cmd)
{
    return (uint32_t)cmd[6] << 24 | (uint32_t)cmd[7] << 16 | (uint32_t)cmd[8] << 8 | cmd[9];
}

static unsigned seen_reads, change_at;

/* A key of the interposer's in place of the storage key, in every read from the change_at-th on. */
static bool other_srk(const uint8_t *cmd, size_t n, uint8_t *rsp, size_t *rsp_len)
{
    static const uint8_t scalar[32] = {7, 7, 7};
    (void)n;
    if (code_of(cmd) == TPM2_CC_ReadPublic && *rsp_len > 100 && ++seen_reads >= change_at) {
        TPM2B_PUBLIC pub;
        uint8_t pk[65], name[PQI_TPM_NAME_LEN];
        size_t at = 10, out = 10;
        memset(&pub, 0, sizeof pub);
        if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(rsp, *rsp_len, &at, &pub) == TSS2_RC_SUCCESS &&
            pqi_ossl_p256_public(pk, scalar) == PQI_OK) {
            memcpy(pub.publicArea.unique.ecc.x.buffer, pk + 1, 32);
            memcpy(pub.publicArea.unique.ecc.y.buffer, pk + 33, 32);
            (void)Tss2_MU_TPM2B_PUBLIC_Marshal(&pub, rsp, *rsp_len, &out);
            if (change_at == 1 &&
                pqi_tpm_name_of(&pub, name) == PQI_OK) { /* with a name that fits */
                memcpy(rsp + at + 2, name, sizeof name);
            }
        }
    }
    return true;
}

/* Who sits between cannot give a salt key of his own, whichever of the reads he answers. */
static void interposer(void **state)
{
    (void)state;
    tpm_relay y;
    tpm_rig_options(&r, "pcrs=16");
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "s", 1, &h), PQI_OK);
    assert_int_equal(wrap(), PQI_OK);
    close_it();
    tpm_relay_start(&y, &r);
    through(&y, "pcrs=16");
    assert_int_equal(tpm_rig_open(&r, "s", 0, &h), PQI_OK);
    assert_int_equal(unwrap(), PQI_OK);
    y.change = other_srk;
    for (change_at = 1; change_at < 5; change_at++) {
        seen_reads = 0;
        y.n = 0;
        uint8_t got[32];
        pqi_status st = h->unwrap(h, (pqi_cspan){blob, blob_len}, got);
        if (seen_reads < change_at) {
            break; /* there are no more reads than these */
        }
        assert_int_not_equal(st, PQI_OK);
        assert_int_not_equal(st, PQI_ERR_AUTH); /* no password was tried against a wrong key */
    }
    assert_true(change_at >= 3);
    close_it();
    tpm_relay_end(&y);
    tpm_rig_options(&r, "pcrs=16");
}

/* Other values than the TPM's: those of a system that the interposer will start later. */
static bool other_pcrs(const uint8_t *cmd, size_t n, uint8_t *rsp, size_t *rsp_len)
{
    (void)n;
    if (code_of(cmd) == TPM2_CC_PCR_Read && *rsp_len > 64) {
        /* header 10 | [sizes of a session 4] | update 4 | selection 10 | digests 4 | size 2 | value */
        size_t at = 10 + (rsp[1] == 2 ? 4u : 0u) + 4 + 10 + 4 + 2;
        rsp[at] ^= 1u;
        seen_reads++;
    }
    return true;
}

/* And he cannot say to what the key is sealed. */
static void interposed_pcrs(void **state)
{
    (void)state;
    tpm_relay y;
    tpm_rig_options(&r, "pcrs=16");
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "s", 1, &h), PQI_OK);
    close_it();
    tpm_relay_start(&y, &r);
    through(&y, "pcrs=16");
    assert_int_equal(tpm_rig_open(&r, "s", 0, &h), PQI_OK);
    seen_reads = 0;
    y.change = other_pcrs;
    assert_int_not_equal(wrap(), PQI_OK);
    assert_true(seen_reads != 0);
    assert_int_equal(blob_len, 0);
    y.change = NULL;
    assert_int_equal(wrap(), PQI_OK);
    assert_int_equal(unwrap(), PQI_OK);
    close_it();
    tpm_relay_end(&y);
    tpm_rig_options(&r, "pcrs=16");
}

/* "There is no such key": the list of handles without its entries. */
static bool no_handles(const uint8_t *cmd, size_t n, uint8_t *rsp, size_t *rsp_len)
{
    const size_t count = 10 + (rsp[1] == 2 ? 4u : 0u) + 1 + 4;
    size_t body = n >= 22 ? n - 12 : 0; /* the parameters are last */
    if (code_of(cmd) != TPM2_CC_GetCapability || *rsp_len < count + 8 ||
        memcmp(cmd + body, "\0\0\0\1\x81\1\x80\x10", 8) != 0) {
        return true; /* not of TPM_CAP_HANDLES from the first key's on */
    }
    memset(rsp + count, 0, 4);
    memmove(rsp + count + 4, rsp + count + 8, *rsp_len - count - 8);
    *rsp_len -= 4;
    rsp[4] = (uint8_t)(*rsp_len >> 8);
    rsp[5] = (uint8_t)*rsp_len;
    if (rsp[1] == 2) {
        rsp[13] = (uint8_t)(rsp[13] - 4);
    }
    seen_reads++;
    return true;
}

/* A removal that removed nothing must not succeed. */
static void interposed_removal(void **state)
{
    (void)state;
    tpm_relay y;
    tpm_rig_options(&r, "pcrs=16");
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "s", 1, &h), PQI_OK);
    assert_int_equal(h->element.p256_generate(h->element.arg, 7, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(((tpm_element *)h->element.arg)->table.keys[0].handle, 0x81018010u);
    close_it();
    unsigned keys = tpm_rig_persistent(&r);
    tpm_relay_start(&y, &r);
    through(&y, "pcrs=16");
    assert_int_equal(tpm_rig_open(&r, "s", 0, &h), PQI_OK);
    seen_reads = 0;
    y.change = no_handles;
    assert_int_not_equal(h->element.p256_destroy(h->element.arg, 7), PQI_OK);
    assert_true(seen_reads != 0);
    y.change = NULL;
    assert_int_equal(h->element.p256_destroy(h->element.arg, 7), PQI_OK);
    close_it();
    tpm_relay_end(&y);
    tpm_rig_options(&r, "pcrs=16");
    assert_int_equal(tpm_rig_persistent(&r), keys - 1);
    assert_int_equal(tpm_rig_loaded(&r), 0);
}

int main(void)
{
    if (!tpm_rig_have()) {
        (void)printf("1..0 # SKIP no swtpm\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(interposer),
        cmocka_unit_test(interposed_pcrs), cmocka_unit_test(interposed_removal)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    tpm_rig_make(&r);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (h != NULL) {
        h->close(h);
    }
    tpm_rig_end(&r);
    return rc;
}
