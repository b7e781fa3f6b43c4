/* SPDX-License-Identifier: Apache-2.0
 * The store over real files: INV-5, INV-8, INV-10, INV-14, INV-15. */
#include "pqi_test.h"
#include "tmp_dir.h"

#include "support/fake_provider.h"
#include <fcntl.h>
#include <pqi/host_store.h>

static const uint8_t seed[32] = {9};

static void store_on_files(void **state)
{
    (void)state;
    static fake_provider prov;
    static pqi_host_nvm nvm;
    static uint8_t buf[4096], plain[4000];
    tmp_dir d;
    char path[128];
    pqi_store s;
    size_t len;
    tmp_dir_make(&d);
    fake_provider_init(&prov, NULL, seed, NULL);
    assert_int_equal(pqi_host_nvm_open(&nvm, d.path), PQI_OK);
    pqi_span b = {buf, sizeof buf};
    pqi_span p = {plain, sizeof plain};
    assert_int_equal(
        pqi_store_open(&s, &prov.base, &nvm.nvm, "peers", 1, b, p, &len), PQI_ERR_MISSING);
    for (uint8_t v = 1; v <= 3; v++) {
        memset(plain, v, 3000);
        assert_int_equal(pqi_store_save(&s, (pqi_cspan){plain, 1000u * v}, b), PQI_OK);
    }
    assert_int_equal(pqi_store_open(&s, &prov.base, &nvm.nvm, "peers", 1, b, p, &len), PQI_OK);
    assert_int_equal(len, 3000);
    assert_int_equal(plain[2999], 3);
    struct stat sb;
    assert_int_equal(stat(tmp_dir_file(&d, "peers.1", path), &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    /* The newest slot is deleted, then both. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(
        pqi_store_open(&s, &prov.base, &nvm.nvm, "peers", 1, b, p, &len), PQI_ERR_ROLLBACK);
    assert_int_equal(tmp_dir_clear(&d, 0), 1);
    assert_int_equal(
        pqi_store_open(&s, &prov.base, &nvm.nvm, "peers", 1, b, p, &len), PQI_ERR_ROLLBACK);
    /* A file that cannot be read is damage, not absence. */
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(
        pqi_store_open(&s, &prov.base, &nvm.nvm, "peers", 1, b, p, &len), PQI_ERR_STORAGE);
    (void)tmp_dir_clear(&d, 1);
}

static void bad_directories(void **state)
{
    (void)state;
    static pqi_host_nvm nvm;
    static char name[PQI_HOST_DIR_MAX + 1];
    tmp_dir d;
    tmp_dir_make(&d);
    memset(name, 'a', sizeof name - 1);
    assert_int_equal(pqi_host_nvm_open(&nvm, name), PQI_ERR_ARG);
    assert_int_equal(pqi_host_nvm_open(&nvm, ""), PQI_ERR_ARG);
    assert_int_equal(pqi_host_nvm_open(NULL, d.path), PQI_ERR_ARG);
    assert_int_equal(chmod(d.path, 0755), 0);
    assert_int_equal(pqi_host_nvm_open(&nvm, d.path), PQI_ERR_STORAGE);
    assert_int_equal(chmod(d.path, 0700), 0);
    assert_int_equal(pqi_host_nvm_open(&nvm, d.path), PQI_OK);
    (void)tmp_dir_clear(&d, 1);
    assert_int_equal(pqi_host_nvm_open(&nvm, d.path), PQI_ERR_MISSING);
}

PQI_TEST_MAIN(cmocka_unit_test(store_on_files), cmocka_unit_test(bad_directories))
