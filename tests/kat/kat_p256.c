/* SPDX-License-Identifier: Apache-2.0
 * ECDSA with P-256 and SHA-256: the vectors of Project Wycheproof, as far as they are on this machine.
 * Both files: DER, which our decoder judges too, and r || s. */
#include "pqi_test.h"

#include "port/linux/ossl_p256.h"

#include <jansson.h>
#include <stdbool.h>
#include <unistd.h>

#define VECTORS PQI_SOURCE_DIR "/../shared/vectors/wycheproof/"

static size_t hex(const json_t *o, const char *name, uint8_t *out, size_t room)
{
    const char *s = json_string_value(json_object_get(o, name));
    assert_non_null(s);
    size_t n = strlen(s) / 2;
    assert_true(n <= room);
    for (size_t i = 0; i < n; i++) {
        unsigned v = 0;
        assert_int_equal(sscanf(s + 2 * i, "%2x", &v), 1);
        out[i] = (uint8_t)v;
    }
    return n;
}

static void one(const json_t *t, const uint8_t *pk, bool der)
{
    static uint8_t msg[4096], sig[131072];
    uint8_t raw[PQI_P256_SIG];
    const size_t msg_len = hex(t, "msg", msg, sizeof msg), len = hex(t, "sig", sig, sizeof sig);
    pqi_status st = PQI_ERR_AUTH;
    if (der) {
        st = pqi_p256_der_decode((pqi_cspan){sig, len}, raw);
    } else if (len == sizeof raw) {
        memcpy(raw, sig, sizeof raw);
        st = PQI_OK;
    }
    if (st == PQI_OK) {
        st = pqi_ossl_p256_verify(pk, (pqi_cspan){msg, msg_len}, raw);
    }
    bool valid = strcmp(json_string_value(json_object_get(t, "result")), "valid") == 0;
    if (st != (valid ? PQI_OK : PQI_ERR_AUTH)) {
        fail_msg("tcId %d: %d", (int)json_integer_value(json_object_get(t, "tcId")), st);
    }
}

static void file(const char *name, bool der, size_t want)
{
    char path[400];
    (void)snprintf(path, sizeof path, VECTORS "%s", name);
    if (access(path, R_OK) != 0) {
        print_message("# SKIP no %s\n", path);
        skip();
    }
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);
    assert_non_null(root);
    const json_t *groups = json_object_get(root, "testGroups"), *group, *test;
    size_t i, j, n = 0;
    json_array_foreach(groups, i, group)
    {
        uint8_t pk[PQI_P256_PK];
        const json_t *key = json_object_get(group, "publicKey");
        assert_int_equal(hex(key, "uncompressed", pk, sizeof pk), sizeof pk);
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            one(test, pk, der);
            n++;
        }
    }
    json_decref(root);
    assert_int_equal(n, want);
}

static void wycheproof_der(void **state)
{
    (void)state;
    file("ecdsa_secp256r1_sha256_test.json", true, 484);
}

static void wycheproof_p1363(void **state)
{
    (void)state;
    file("ecdsa_secp256r1_sha256_p1363_test.json", false, 262);
}

PQI_TEST_MAIN(cmocka_unit_test(wycheproof_der), cmocka_unit_test(wycheproof_p1363))
