/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_nvm.h"

#include <stdlib.h>
#include <string.h>

fake_slot *fake_nvm_find(fake_nvm *f, const char *name)
{
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        if (strcmp(f->rec[i].name, name) == 0) {
            return &f->rec[i];
        }
    }
    return NULL;
}

static pqi_status nvm_read(void *ctx, const char *name, unsigned which, pqi_span out, size_t *len)
{
    fake_nvm *f = ctx;
    *len = 0;
    f->reads++;
    if ((f->power != NULL && f->power->dead) || (f->fail_read != 0 && f->reads == f->fail_read)) {
        return PQI_ERR_STORAGE;
    }
    fake_slot *s = fake_nvm_find(f, name);
    if (s == NULL || which > 1 || s->bytes[which] == NULL) {
        return PQI_ERR_MISSING;
    }
    if (s->len[which] > out.len) {
        return PQI_ERR_SPACE;
    }
    memcpy(out.ptr, s->bytes[which], s->len[which]);
    *len = s->len[which];
    return PQI_OK;
}

static void put(fake_slot *s, unsigned which, const uint8_t *p, size_t len)
{
    uint8_t *b = malloc(len != 0 ? len : 1);
    if (b == NULL) {
        abort();
    }
    if (len != 0) {
        memcpy(b, p, len);
    }
    free(s->bytes[which]);
    s->bytes[which] = b;
    s->len[which] = len;
}

static pqi_status nvm_write(void *ctx, const char *name, unsigned which, pqi_cspan data)
{
    fake_nvm *f = ctx;
    cut_mode how;
    int fails = test_power_step(f->power, &how);
    f->writes++;
    fake_slot *s = fake_nvm_find(f, name);
    if (s == NULL) {
        s = fake_nvm_find(f, "");
        if (s == NULL || strlen(name) >= sizeof s->name) {
            abort();
        }
        memcpy(s->name, name, strlen(name) + 1);
    }
    if (fails) {
        if (how == CUT_TORN) {
            put(s, which, data.ptr, data.len / 2);
        } else if (how == CUT_COMPLETE) {
            put(s, which, data.ptr, data.len);
        }
        return PQI_ERR_STORAGE;
    }
    if (f->room != 0 && data.len > f->room) {
        return PQI_ERR_STORAGE;
    }
    put(s, which, data.ptr, data.len);
    return PQI_OK;
}

void fake_nvm_init(fake_nvm *f, test_power *power)
{
    memset(f, 0, sizeof *f);
    f->nvm.ctx = f;
    f->nvm.read = nvm_read;
    f->nvm.write = nvm_write;
    f->power = power;
}

void fake_nvm_erase(fake_nvm *f, const char *name, unsigned which)
{
    fake_slot *s = fake_nvm_find(f, name);
    if (s != NULL) {
        free(s->bytes[which]);
        s->bytes[which] = NULL;
        s->len[which] = 0;
    }
}

void fake_nvm_free(fake_nvm *f)
{
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        free(f->rec[i].bytes[0]);
        free(f->rec[i].bytes[1]);
    }
    memset(f->rec, 0, sizeof f->rec);
}

void fake_nvm_copy(fake_nvm *dst, const fake_nvm *src)
{
    fake_nvm_free(dst);
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        memcpy(dst->rec[i].name, src->rec[i].name, sizeof dst->rec[i].name);
        for (unsigned k = 0; k < 2; k++) {
            if (src->rec[i].bytes[k] != NULL) {
                put(&dst->rec[i], k, src->rec[i].bytes[k], src->rec[i].len[k]);
            }
        }
    }
}
