/* SPDX-License-Identifier: Apache-2.0
 * Every CKR_* code of p11-kit's header has its status and a text of its own. The table of
 * statuses here was written from the standard, not from the code. */
#include "pqi_test.h"

#include "port/linux/p11_rv.h"

#include <pqi/status.h>

/* Those that are no plain PQI_ERR_PROVIDER. */
static const struct {
    const char *name;
    pqi_status st;
} special[] = {
    {"CKR_OK", PQI_OK},
    {"CKR_HOST_MEMORY", PQI_ERR_LIMIT},
    {"CKR_DEVICE_MEMORY", PQI_ERR_LIMIT},
    {"CKR_SESSION_COUNT", PQI_ERR_LIMIT},
    {"CKR_TOKEN_RESOURCE_EXCEEDED", PQI_ERR_LIMIT},
    {"CKR_KEY_EXHAUSTED", PQI_ERR_LIMIT},
    {"CKR_PIN_INCORRECT", PQI_ERR_AUTH},
    {"CKR_PIN_INVALID", PQI_ERR_AUTH},
    {"CKR_PIN_LEN_RANGE", PQI_ERR_AUTH},
    {"CKR_PIN_EXPIRED", PQI_ERR_AUTH},
    {"CKR_PIN_TOO_WEAK", PQI_ERR_AUTH},
    {"CKR_PIN_LOCKED", PQI_ERR_LOCKED},
    {"CKR_USER_NOT_LOGGED_IN", PQI_ERR_AUTH},
    {"CKR_USER_PIN_NOT_INITIALIZED", PQI_ERR_AUTH},
    {"CKR_NEW_PIN_MODE", PQI_ERR_AUTH},
    {"CKR_NEXT_OTP", PQI_ERR_AUTH},
    {"CKR_ENCRYPTED_DATA_INVALID", PQI_ERR_AUTH},
    {"CKR_ENCRYPTED_DATA_LEN_RANGE", PQI_ERR_AUTH},
    {"CKR_AEAD_DECRYPT_FAILED", PQI_ERR_AUTH},
    {"CKR_WRAPPED_KEY_INVALID", PQI_ERR_AUTH},
    {"CKR_WRAPPED_KEY_LEN_RANGE", PQI_ERR_AUTH},
    {"CKR_SIGNATURE_INVALID", PQI_ERR_AUTH},
    {"CKR_SIGNATURE_LEN_RANGE", PQI_ERR_AUTH},
    {"CKR_PUBLIC_KEY_INVALID", PQI_ERR_AUTH},
    {"CKR_KEY_HANDLE_INVALID", PQI_ERR_MISSING},
    {"CKR_OBJECT_HANDLE_INVALID", PQI_ERR_MISSING},
    {"CKR_WRAPPING_KEY_HANDLE_INVALID", PQI_ERR_MISSING},
    {"CKR_UNWRAPPING_KEY_HANDLE_INVALID", PQI_ERR_MISSING},
    {"CKR_TOKEN_NOT_INITIALIZED", PQI_ERR_MISSING},
    {"CKR_ATTRIBUTE_TYPE_INVALID", PQI_ERR_UNSUPPORTED},
    {"CKR_ATTRIBUTE_VALUE_INVALID", PQI_ERR_UNSUPPORTED},
    {"CKR_TEMPLATE_INCOMPLETE", PQI_ERR_UNSUPPORTED},
    {"CKR_TEMPLATE_INCONSISTENT", PQI_ERR_UNSUPPORTED},
    {"CKR_FUNCTION_NOT_SUPPORTED", PQI_ERR_UNSUPPORTED},
    {"CKR_KEY_SIZE_RANGE", PQI_ERR_UNSUPPORTED},
    {"CKR_WRAPPING_KEY_SIZE_RANGE", PQI_ERR_UNSUPPORTED},
    {"CKR_UNWRAPPING_KEY_SIZE_RANGE", PQI_ERR_UNSUPPORTED},
    {"CKR_MECHANISM_INVALID", PQI_ERR_UNSUPPORTED},
    {"CKR_MECHANISM_PARAM_INVALID", PQI_ERR_UNSUPPORTED},
    {"CKR_DOMAIN_PARAMS_INVALID", PQI_ERR_UNSUPPORTED},
    {"CKR_CURVE_NOT_SUPPORTED", PQI_ERR_UNSUPPORTED},
    {"CKR_PARAMETER_SET_NOT_SUPPORTED", PQI_ERR_UNSUPPORTED},
    {"CKR_SESSION_READ_ONLY", PQI_ERR_STORAGE},
    {"CKR_TOKEN_WRITE_PROTECTED", PQI_ERR_STORAGE},
    {"CKR_RANDOM_NO_RNG", PQI_ERR_RNG},
    {"CKR_RANDOM_SEED_NOT_SUPPORTED", PQI_ERR_RNG},
    {"CKR_SEED_RANDOM_REQUIRED", PQI_ERR_RNG},
    {"CKR_FIPS_SELF_TEST_FAILED", PQI_ERR_SELFTEST},
};
#define N_SPECIAL (sizeof special / sizeof special[0])

static pqi_status expected(const char *name)
{
    for (size_t i = 0; i < N_SPECIAL; i++) {
        if (strcmp(special[i].name, name) == 0) {
            return special[i].st;
        }
    }
    return PQI_ERR_PROVIDER;
}

static void check(const char *name, unsigned long rv)
{
    const pqi_p11_rv *r = pqi_p11_rv_of(rv);
    if (strcmp(r->name, name) != 0 || r->st != expected(name)) {
        print_message("# 0x%lx is %s with status %d, not %s with %d\n", rv, r->name, r->st, name,
            expected(name));
    }
    assert_string_equal(r->name, name);
    assert_int_equal(r->st, expected(name));
    assert_true(strlen(r->text) >= 8);
}

/* The header itself is read, so that no code of it is forgotten. */
static void header(void **state)
{
    (void)state;
    char line[256], name[64];
    unsigned long rv;
    unsigned n = 0;
    FILE *f = fopen(PQI_P11_HEADER, "r");
    if (f == NULL) {
        print_message("# SKIP no header " PQI_P11_HEADER "\n");
        skip();
    }
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "#define CKR_%40s (%lx", name + 4, &rv) == 2 ||
            sscanf(line, "#define CKR_%40s (%lxUL", name + 4, &rv) == 2) {
            memcpy(name, "CKR_", 4);
            check(name, rv);
            n++;
        }
    }
    (void)fclose(f);
    assert_true(n >= 90);
}

/* What PKCS#11 3.0 to 3.2 added or numbers differently: pkcs11t.h of the OASIS specification 3.2. */
static void standard(void **state)
{
    (void)state;
    check("CKR_AEAD_DECRYPT_FAILED", 0x42);
    check("CKR_EXCEEDED_MAX_ITERATIONS", 0x1b5);
    check("CKR_FIPS_SELF_TEST_FAILED", 0x1b6);
    check("CKR_LIBRARY_LOAD_FAILED", 0x1b7);
    check("CKR_PIN_TOO_WEAK", 0x1b8);
    check("CKR_PUBLIC_KEY_INVALID", 0x1b9);
    check("CKR_TOKEN_RESOURCE_EXCEEDED", 0x201);
    check("CKR_OPERATION_CANCEL_FAILED", 0x202);
    check("CKR_KEY_EXHAUSTED", 0x203);
    check("CKR_PENDING", 0x204);
    check("CKR_SESSION_ASYNC_NOT_SUPPORTED", 0x205);
    check("CKR_SEED_RANDOM_REQUIRED", 0x206);
    check("CKR_OPERATION_NOT_VALIDATED", 0x207);
    check("CKR_TOKEN_NOT_INITIALIZED", 0x208);
    check("CKR_PARAMETER_SET_NOT_SUPPORTED", 0x209);
}

static void unknown(void **state)
{
    (void)state;
    static const unsigned long odd[] = {4, 0x0b, 0x61, 0x20a, 0x1000, 0x7fffffff};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        check("unknown CKR", odd[i]);
    }
    check("CKR_VENDOR_DEFINED", 0x80000000ul);
    check("CKR_VENDOR_DEFINED", 0x80000001ul);
    check("CKR_VENDOR_DEFINED", 0xfffffffful);
}

static void lost(void **state)
{
    (void)state;
    unsigned n = 0;
    for (unsigned long rv = 0; rv < 0x300; rv++) {
        n += pqi_p11_rv_is_lost(rv) ? 1u : 0u;
    }
    assert_int_equal(n, 7);
    assert_true(pqi_p11_rv_is_lost(0x32) && pqi_p11_rv_is_lost(0xe0) && pqi_p11_rv_is_lost(0xb3));
    assert_false(pqi_p11_rv_is_lost(0xa0)); /* a wrong PIN is not tried again */
}

PQI_TEST_MAIN(cmocka_unit_test(header), cmocka_unit_test(standard), cmocka_unit_test(unknown),
    cmocka_unit_test(lost))
