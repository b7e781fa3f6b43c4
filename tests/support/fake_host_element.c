/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_host_element.h"

#include "port/linux/why.h"

#include <string.h>
#include <sys/mman.h>

typedef struct fake_host {
    pqi_host_element host;
    fake_element fake;
} fake_host;

static fake_chip *chip;
static uint32_t chip_caps;
static fake_host one;

/* The counter of the chip outlives the process. */
static pqi_status (*real_advance)(void *arg, uint64_t value);

static pqi_status advance(void *arg, uint64_t value)
{
    fake_element *f = arg;
    f->generation = chip->generation;
    pqi_status st = real_advance(arg, value);
    chip->generation = f->generation;
    return st;
}

static pqi_status wrap(
    pqi_host_element *e, const uint8_t kek[PQI_ELEMENT_KEK], pqi_span blob, size_t *len)
{
    (void)e;
    if (chip->wrap_with != PQI_OK) {
        return chip->wrap_with;
    }
    memcpy(blob.ptr, "fake", 4);
    for (size_t i = 0; i < PQI_ELEMENT_KEK; i++) {
        blob.ptr[4 + i] = kek[i] ^ chip->secret[i];
    }
    *len = 4 + PQI_ELEMENT_KEK;
    return PQI_OK;
}

static pqi_status unwrap(pqi_host_element *e, pqi_cspan blob, uint8_t kek[PQI_ELEMENT_KEK])
{
    (void)e;
    if (chip->unwrap_with != PQI_OK) {
        return chip->unwrap_with;
    }
    if (blob.len == 4 && memcmp(blob.ptr, "blob", 4) == 0) {
        memcpy(kek, chip->kek_of_blob, PQI_ELEMENT_KEK);
        return PQI_OK;
    }
    if (blob.len != 4 + PQI_ELEMENT_KEK || memcmp(blob.ptr, "fake", 4) != 0) {
        return PQI_ERR_STORAGE;
    }
    for (size_t i = 0; i < PQI_ELEMENT_KEK; i++) {
        kek[i] = blob.ptr[4 + i] ^ chip->secret[i];
    }
    return PQI_OK;
}

static void close_it(pqi_host_element *e)
{
    (void)e;
    chip->closed++;
}

pqi_status pqi_tpm_element_open(pqi_host_element **out, const pqi_element_cfg *cfg)
{
    *out = NULL;
    chip->opened++;
    chip->password_len = cfg->secret.len;
    if (cfg->secret.len <= sizeof chip->password && cfg->secret.len != 0) {
        memcpy(chip->password, cfg->secret.ptr, cfg->secret.len);
    }
    if (chip->open_with != PQI_OK) {
        chip->closed++;
        return pqi_why(chip->open_with, "the fake chip says %d", (int)chip->open_with);
    }
    if (!chip->made && !cfg->create) {
        chip->closed++;
        return pqi_why(PQI_ERR_MISSING, "the fake chip was not set up");
    }
    if (cfg->secret.len != 4 || memcmp(cfg->secret.ptr, "1234", 4) != 0) {
        chip->closed++;
        return pqi_why(PQI_ERR_AUTH, "the fake chip wants 1234");
    }
    chip->made = 1;
    one.fake.generation = chip->generation;
    one.host.element = one.fake.element;
    if ((chip_caps & PQI_CAP_NO_ROLLBACK) != 0) {
        real_advance = one.fake.element.advance;
        one.host.element.advance = advance;
    }
    one.host.wrap = wrap;
    one.host.unwrap = unwrap;
    one.host.close = close_it;
    *out = &one.host;
    return PQI_OK;
}

fake_chip *fake_chip_new(uint32_t caps)
{
    if (chip == NULL) {
        chip = mmap(NULL, sizeof *chip, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    }
    memset(chip, 0, sizeof *chip);
    memset(chip->secret, 0x5c, sizeof chip->secret);
    chip->generation = 77;
    chip_caps = caps;
    fake_element_end(&one.fake);
    fake_element_init(&one.fake, caps);
    return chip;
}

fake_element *fake_chip_element(void)
{
    return &one.fake;
}
