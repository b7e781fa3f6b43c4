/* SPDX-License-Identifier: Apache-2.0
 * PKCS#11 URIs: what is accepted, what is refused, and where the error is said to be. */
#include "pqi_test.h"

#include "port/linux/p11_uri.h"

static pqi_p11_uri u;
static pqi_p11_uri_error err;

static void good(const char *uri)
{
    pqi_status st = pqi_p11_uri_parse(uri, strlen(uri), &u, &err);
    if (st != PQI_OK) {
        print_message("# %s: byte %zu: %s\n", uri, err.at, err.what);
    }
    assert_int_equal(st, PQI_OK);
}

static void bad(const char *uri, size_t at, const char *what)
{
    static const pqi_p11_uri zero;
    assert_int_equal(pqi_p11_uri_parse(uri, strlen(uri), &u, &err), PQI_ERR_ARG);
    if (err.at != at || strstr(err.what, what) == NULL) {
        print_message("# %s: byte %zu: %s\n", uri, err.at, err.what);
    }
    assert_int_equal(err.at, at);
    assert_non_null(strstr(err.what, what));
    assert_memory_equal(&u, &zero, sizeof u);
}

static void accepted(void **state)
{
    (void)state;
    good("pkcs11:");
    assert_int_equal(u.has, 0);
    good("pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;"
         "model=1.0;serial=a+b&c;slot-id=327?module-path=/usr/lib/x.so&pin-source=file:/etc/"
         "token_pin");
    assert_int_equal(u.has, 0xff & ~PQI_P11_MODULE_NAME);
    assert_string_equal(u.token, "The Software PKCS#11 Softtoken");
    assert_string_equal(u.manufacturer, "Snake Oil, Inc.");
    assert_string_equal(u.model, "1.0");
    assert_string_equal(u.serial, "a+b&c");
    assert_int_equal(u.slot_id, 327);
    assert_string_equal(u.module_path, "/usr/lib/x.so");
    assert_string_equal(u.pin_path, "/etc/token_pin");
    good("pkcs11:?module-name=softhsm2");
    assert_string_equal(u.module_name, "softhsm2");
    good("pkcs11:token=%c3%A9");
    assert_string_equal(u.token, "\xc3\xa9");
    good(
        "pkcs11:token=01234567890123456789012345678901;slot-id=4294967295;serial=0123456789abcdef");
    assert_int_equal(u.slot_id, 4294967295u);
    good("pkcs11:?pin-source=/a");
    assert_string_equal(u.pin_path, "/a");
    good("pkcs11:?pin-source=file:///a/b");
    assert_string_equal(u.pin_path, "/a/b");
    good("pkcs11:?pin-source=file://localhost/a/b");
    assert_string_equal(u.pin_path, "/a/b");
    good("pkcs11:?pin-source=file%3A%2Fa?b|c");
    assert_string_equal(u.pin_path, "/a?b|c");
}

static void refused(void **state)
{
    (void)state;
    bad("", 0, "begins with pkcs11:");
    bad("pkcs11", 0, "begins with pkcs11:");
    bad("PKCS11:token=a", 0, "begins with pkcs11:");
    bad("pkcs11:tokn=a", 7, "unknown attribute");
    bad("pkcs11:module-path=/a", 7, "unknown attribute");
    bad("pkcs11:token=a?token=b", 15, "unknown attribute");
    bad("pkcs11:token", 12, "'='");
    bad("pkcs11:token;serial=1", 12, "'='");
    bad("pkcs11:token=", 13, "missing");
    bad("pkcs11:=a", 7, "attribute is missing");
    bad("pkcs11:token=a;", 15, "attribute is missing");
    bad("pkcs11:;token=a", 7, "attribute is missing");
    bad("pkcs11:token=a?", 15, "attribute is missing");
    bad("pkcs11:?module-path=/a&", 23, "attribute is missing");
    bad("pkcs11:token=a;token=a", 15, "twice");
    bad("pkcs11:?pin-source=/a&pin-source=/a", 22, "twice");
    bad("pkcs11:token=a;object=key", 15, "names an object");
    bad("pkcs11:id=%01", 7, "names an object");
    bad("pkcs11:type=private", 7, "names an object");
    bad("pkcs11:library-version=1.0", 7, "not used here");
    bad("pkcs11:token=a?pin-value=1234", 15, "mode 0600");
    bad("pkcs11:token=a b", 14, "two hexadecimal digits");
    bad("pkcs11:token=a/b", 14, "two hexadecimal digits");
    bad("pkcs11:token=a#b", 14, "two hexadecimal digits");
    bad("pkcs11:token=\x80", 13, "two hexadecimal digits");
    bad("pkcs11:token=%", 13, "must follow %");
    bad("pkcs11:token=%4", 13, "must follow %");
    bad("pkcs11:token=%4g", 13, "must follow %");
    bad("pkcs11:token=a%00", 14, "zero byte");
    bad("pkcs11:token=012345678901234567890123456789012", 45, "longer");
    bad("pkcs11:serial=0123456789abcdefg", 30, "longer");
    bad("pkcs11:slot-id=4294967296", 24, "below 2^32");
    bad("pkcs11:slot-id=99999999999999999999999", 24, "below 2^32");
    bad("pkcs11:slot-id=-1", 15, "decimal");
    bad("pkcs11:slot-id=0x1", 16, "decimal");
    bad("pkcs11:slot-id=", 15, "missing");
    bad("pkcs11:?module-path=a.so", 20, "absolute");
    bad("pkcs11:?module-name=../x", 20, "bare name");
    bad("pkcs11:?module-name=.x", 20, "bare name");
    bad("pkcs11:?module-name=a&module-path=/b", 36, "not both");
    bad("pkcs11:?pin-source=pin", 19, "absolute path");
    bad("pkcs11:?pin-source=|cat%20/pin", 19, "absolute path");
    bad("pkcs11:?pin-source=file://host/pin", 19, "names no file");
    bad("pkcs11:?pin-source=https://x/pin", 19, "absolute path");
    bad("pkcs11:?pin-source=file:/", 19, "names no file");
    bad("pkcs11:?pin-source=//x", 19, "names no file");
}

static void bounds(void **state)
{
    (void)state;
    static char uri[PQI_P11_URI_MAX + 2];
    memset(uri, 'a', sizeof uri);
    memcpy(uri, "pkcs11:?module-path=/", 21);
    assert_int_equal(pqi_p11_uri_parse(uri, 20 + PQI_P11_PATH_MAX, &u, &err), PQI_OK);
    assert_int_equal(strlen(u.module_path), PQI_P11_PATH_MAX);
    assert_int_equal(pqi_p11_uri_parse(uri, 21 + PQI_P11_PATH_MAX, &u, &err), PQI_ERR_ARG);
    assert_int_equal(err.at, 20 + PQI_P11_PATH_MAX);
    assert_int_equal(pqi_p11_uri_parse(uri, PQI_P11_URI_MAX + 1, &u, &err), PQI_ERR_ARG);
    assert_non_null(strstr(err.what, "1024"));
}

PQI_TEST_MAIN(cmocka_unit_test(accepted), cmocka_unit_test(refused), cmocka_unit_test(bounds))
