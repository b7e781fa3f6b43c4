/* SPDX-License-Identifier: Apache-2.0
 * Every code that a TPM 2.0 or the stack below can answer, what becomes of it, and that all others are
 * failures of the provider. */
#include "rig.h"

typedef struct row {
    TSS2_RC rc;
    pqi_status want;
} row;

/* TPM 2.0 part 2 table 16 in its order, then those of the stack. */
static const row format_one[] = {{TPM2_RC_ASYMMETRIC, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_ATTRIBUTES, PQI_ERR_PROVIDER}, {TPM2_RC_HASH, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_VALUE, PQI_ERR_PROVIDER}, {TPM2_RC_HIERARCHY, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_KEY_SIZE, PQI_ERR_UNSUPPORTED}, {TPM2_RC_MGF, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_MODE, PQI_ERR_UNSUPPORTED}, {TPM2_RC_TYPE, PQI_ERR_PROVIDER},
    {TPM2_RC_HANDLE, PQI_ERR_MISSING}, {TPM2_RC_KDF, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_RANGE, PQI_ERR_PROVIDER}, {TPM2_RC_AUTH_FAIL, PQI_ERR_AUTH},
    {TPM2_RC_NONCE, PQI_ERR_PROVIDER}, {TPM2_RC_PP, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_SCHEME, PQI_ERR_UNSUPPORTED}, {TPM2_RC_SIZE, PQI_ERR_PROVIDER},
    {TPM2_RC_SYMMETRIC, PQI_ERR_UNSUPPORTED}, {TPM2_RC_TAG, PQI_ERR_PROVIDER},
    {TPM2_RC_SELECTOR, PQI_ERR_PROVIDER}, {TPM2_RC_INSUFFICIENT, PQI_ERR_PROVIDER},
    {TPM2_RC_SIGNATURE, PQI_ERR_AUTH}, {TPM2_RC_KEY, PQI_ERR_PROVIDER},
    {TPM2_RC_POLICY_FAIL, PQI_ERR_POLICY}, {TPM2_RC_INTEGRITY, PQI_ERR_STORAGE},
    {TPM2_RC_TICKET, PQI_ERR_AUTH}, {TPM2_RC_RESERVED_BITS, PQI_ERR_PROVIDER},
    {TPM2_RC_BAD_AUTH, PQI_ERR_AUTH}, {TPM2_RC_EXPIRED, PQI_ERR_POLICY},
    {TPM2_RC_POLICY_CC, PQI_ERR_POLICY}, {TPM2_RC_BINDING, PQI_ERR_STORAGE},
    {TPM2_RC_CURVE, PQI_ERR_UNSUPPORTED}, {TPM2_RC_ECC_POINT, PQI_ERR_AUTH}};

static const row format_zero[] = {{TPM2_RC_BAD_TAG, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_INITIALIZE, PQI_ERR_PROVIDER}, {TPM2_RC_FAILURE, PQI_ERR_PROVIDER},
    {TPM2_RC_SEQUENCE, PQI_ERR_PROVIDER}, {TPM2_RC_PRIVATE, PQI_ERR_PROVIDER},
    {TPM2_RC_HMAC, PQI_ERR_PROVIDER}, {TPM2_RC_DISABLED, PQI_ERR_UNSUPPORTED},
    {TPM2_RC_EXCLUSIVE, PQI_ERR_PROVIDER}, {TPM2_RC_AUTH_TYPE, PQI_ERR_PROVIDER},
    {TPM2_RC_AUTH_MISSING, PQI_ERR_PROVIDER}, {TPM2_RC_POLICY, PQI_ERR_POLICY},
    {TPM2_RC_PCR, PQI_ERR_POLICY}, {TPM2_RC_PCR_CHANGED, PQI_ERR_POLICY},
    {TPM2_RC_UPGRADE, PQI_ERR_PROVIDER}, {TPM2_RC_TOO_MANY_CONTEXTS, PQI_ERR_LIMIT},
    {TPM2_RC_AUTH_UNAVAILABLE, PQI_ERR_PROVIDER}, {TPM2_RC_REBOOT, PQI_ERR_PROVIDER},
    {TPM2_RC_UNBALANCED, PQI_ERR_PROVIDER}, {TPM2_RC_COMMAND_SIZE, PQI_ERR_PROVIDER},
    {TPM2_RC_COMMAND_CODE, PQI_ERR_UNSUPPORTED}, {TPM2_RC_AUTHSIZE, PQI_ERR_PROVIDER},
    {TPM2_RC_AUTH_CONTEXT, PQI_ERR_PROVIDER}, {TPM2_RC_NV_RANGE, PQI_ERR_PROVIDER},
    {TPM2_RC_NV_SIZE, PQI_ERR_UNSUPPORTED}, {TPM2_RC_NV_LOCKED, PQI_ERR_STATE},
    {TPM2_RC_NV_AUTHORIZATION, PQI_ERR_AUTH}, {TPM2_RC_NV_UNINITIALIZED, PQI_ERR_MISSING},
    {TPM2_RC_NV_SPACE, PQI_ERR_LIMIT}, {TPM2_RC_NV_DEFINED, PQI_ERR_STATE},
    {TPM2_RC_BAD_CONTEXT, PQI_ERR_STORAGE}, {TPM2_RC_CPHASH, PQI_ERR_PROVIDER},
    {TPM2_RC_PARENT, PQI_ERR_PROVIDER}, {TPM2_RC_NEEDS_TEST, PQI_ERR_PROVIDER},
    {TPM2_RC_NO_RESULT, PQI_ERR_PROVIDER}, {TPM2_RC_SENSITIVE, PQI_ERR_STORAGE},
    {TPM2_RC_CONTEXT_GAP, PQI_ERR_LIMIT}, {TPM2_RC_OBJECT_MEMORY, PQI_ERR_LIMIT},
    {TPM2_RC_SESSION_MEMORY, PQI_ERR_LIMIT}, {TPM2_RC_MEMORY, PQI_ERR_LIMIT},
    {TPM2_RC_SESSION_HANDLES, PQI_ERR_LIMIT}, {TPM2_RC_OBJECT_HANDLES, PQI_ERR_LIMIT},
    {TPM2_RC_LOCALITY, PQI_ERR_POLICY}, {TPM2_RC_YIELDED, PQI_AGAIN},
    {TPM2_RC_CANCELED, PQI_ERR_PROVIDER}, {TPM2_RC_TESTING, PQI_AGAIN},
    {TPM2_RC_REFERENCE_H0, PQI_ERR_PROVIDER}, {TPM2_RC_REFERENCE_H1, PQI_ERR_PROVIDER},
    {TPM2_RC_REFERENCE_H2, PQI_ERR_PROVIDER}, {TPM2_RC_REFERENCE_H3, PQI_ERR_PROVIDER},
    {TPM2_RC_REFERENCE_H4, PQI_ERR_PROVIDER}, {TPM2_RC_REFERENCE_H5, PQI_ERR_PROVIDER},
    {TPM2_RC_REFERENCE_H6, PQI_ERR_PROVIDER}, {TPM2_RC_REFERENCE_S0, PQI_ERR_PROVIDER},
    {TPM2_RC_REFERENCE_S1, PQI_ERR_PROVIDER}, {TPM2_RC_REFERENCE_S2, PQI_ERR_PROVIDER},
    {TPM2_RC_REFERENCE_S3, PQI_ERR_PROVIDER}, {TPM2_RC_REFERENCE_S4, PQI_ERR_PROVIDER},
    {TPM2_RC_REFERENCE_S5, PQI_ERR_PROVIDER}, {TPM2_RC_REFERENCE_S6, PQI_ERR_PROVIDER},
    {TPM2_RC_NV_RATE, PQI_AGAIN}, {TPM2_RC_LOCKOUT, PQI_ERR_LOCKED}, {TPM2_RC_RETRY, PQI_AGAIN},
    {TPM2_RC_NV_UNAVAILABLE, PQI_ERR_PROVIDER}, {TPM2_RC_NOT_USED, PQI_ERR_PROVIDER}};

static const row stack[] = {{TSS2_BASE_RC_GENERAL_FAILURE, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_NOT_IMPLEMENTED, PQI_ERR_UNSUPPORTED},
    {TSS2_BASE_RC_BAD_CONTEXT, PQI_ERR_PROVIDER}, {TSS2_BASE_RC_ABI_MISMATCH, PQI_ERR_UNSUPPORTED},
    {TSS2_BASE_RC_BAD_REFERENCE, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_INSUFFICIENT_BUFFER, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_BAD_SEQUENCE, PQI_ERR_PROVIDER}, {TSS2_BASE_RC_NO_CONNECTION, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_TRY_AGAIN, PQI_AGAIN}, {TSS2_BASE_RC_IO_ERROR, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_BAD_VALUE, PQI_ERR_PROVIDER}, {TSS2_BASE_RC_NOT_PERMITTED, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_INVALID_SESSIONS, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_NO_DECRYPT_PARAM, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_NO_ENCRYPT_PARAM, PQI_ERR_PROVIDER}, {TSS2_BASE_RC_BAD_SIZE, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_MALFORMED_RESPONSE, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_INSUFFICIENT_CONTEXT, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_INSUFFICIENT_RESPONSE, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_INCOMPATIBLE_TCTI, PQI_ERR_UNSUPPORTED},
    {TSS2_BASE_RC_NOT_SUPPORTED, PQI_ERR_UNSUPPORTED},
    {TSS2_BASE_RC_BAD_TCTI_STRUCTURE, PQI_ERR_PROVIDER}, {TSS2_BASE_RC_MEMORY, PQI_ERR_LIMIT},
    {TSS2_BASE_RC_BAD_TR, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_MULTIPLE_DECRYPT_SESSIONS, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_MULTIPLE_ENCRYPT_SESSIONS, PQI_ERR_PROVIDER},
    {TSS2_BASE_RC_RSP_AUTH_FAILED, PQI_ERR_PROVIDER}};

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Status, code and a text that is that row's own. */
static void check(TSS2_RC rc, pqi_status want)
{
    const tpm_error *e = pqi_tpm_error_find(rc);
    if (e->status != want) {
        print_message("# 0x%x: %s\n", (unsigned)rc, pqi_status_name(e->status));
    }
    assert_int_equal(e->status, want);
    assert_int_not_equal(e->rc, 0); /* a row, not the answer for unknown ones */
    assert_true(e->text[0] != 0);
    assert_int_equal(pqi_tpm_check(NULL, rc, "doing"), want);
    const char *text = NULL;
    assert_int_equal(pqi_tpm_native_error(&text), rc);
    assert_true(text[0] != 0);
    assert_non_null(strstr(pqi_why_get(), text));
}

/* With every number of a parameter, handle or session, from the TPM and through a resource manager. */
static void of_format_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(format_one); i++) {
        for (TSS2_RC n = 0; n < 16; n++) {
            check(format_one[i].rc | n << 8, format_one[i].want);
            check(format_one[i].rc | n << 8 | TPM2_RC_P, format_one[i].want);
            check(format_one[i].rc | n << 8 | TPM2_RC_P | TSS2_RESMGR_TPM_RC_LAYER,
                format_one[i].want);
        }
    }
}

static void of_format_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(format_zero); i++) {
        check(format_zero[i].rc, format_zero[i].want);
        check(format_zero[i].rc | TSS2_RESMGR_TPM_RC_LAYER, format_zero[i].want);
        if (format_zero[i].rc != TPM2_RC_BAD_TAG) {
            check(format_zero[i].rc | TSS2_RESMGR_RC_LAYER, format_zero[i].want);
        }
    }
}

static void of_the_stack(void **state)
{
    (void)state;
    static const TSS2_RC layers[] = {TSS2_ESAPI_RC_LAYER, TSS2_SYS_RC_LAYER, TSS2_MU_RC_LAYER,
        TSS2_TCTI_RC_LAYER, TSS2_RESMGR_RC_LAYER};
    for (size_t i = 0; i < N(stack); i++) {
        for (size_t k = 0; k < N(layers); k++) {
            check(stack[i].rc | layers[k], stack[i].want);
        }
    }
}

/* All 2^16 codes of the TPM that no list names, and foreign layers. */
static void unknown(void **state)
{
    (void)state;
    unsigned n = 0;
    for (TSS2_RC rc = 1; rc < 0x1000; rc++) {
        TSS2_RC base = pqi_tpm_error_base(rc);
        bool known = false;
        for (size_t i = 0; i < N(format_one) && !known; i++) {
            known = format_one[i].rc == base;
        }
        for (size_t i = 0; i < N(format_zero) && !known; i++) {
            known = format_zero[i].rc == base;
        }
        if (!known) {
            assert_int_equal(pqi_tpm_error_find(rc)->status, PQI_ERR_PROVIDER);
            assert_int_equal(pqi_tpm_error_find(rc)->rc, 0);
            n++;
        }
    }
    assert_true(n > 1000);
    assert_int_equal(pqi_tpm_error_find(TSS2_RC_LAYER(6) | 1)->rc, 0);
    assert_int_equal(pqi_tpm_error_find(0xffffffffu)->status, PQI_ERR_PROVIDER);
    assert_int_equal(pqi_tpm_error_find(TSS2_ESAPI_RC_LAYER | 200)->status, PQI_ERR_PROVIDER);
    assert_int_equal(pqi_tpm_check(NULL, TSS2_RC_SUCCESS, "doing"), PQI_OK);
}

PQI_TEST_MAIN(cmocka_unit_test(of_format_one), cmocka_unit_test(of_format_zero),
    cmocka_unit_test(of_the_stack), cmocka_unit_test(unknown))
