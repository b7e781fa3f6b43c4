/* SPDX-License-Identifier: Apache-2.0
 * tpm.keys: "PQTK" | version 1 | SRK name 34 | AK name 34 | NV index 4 | its name 34 | n 2 |
 * n times: key 4 | kind 1 | handle 4 | name 34. Integers big endian, nothing after it.
 * It holds no secret. Who alters it makes the directory fail: the TPM's objects have to have these names,
 * and the sealed key names the counter. */
#include "base/rd.h"
#include "base/wr.h"
#include "port/linux/file_atomic.h"
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <string.h>

#define VERSION  1u
#define ROW      (4u + 1u + 4u + PQI_TPM_NAME_LEN)
#define FILE_MAX (5u + 3u * PQI_TPM_NAME_LEN + 4u + 2u + TPM_KEYS_MAX * ROW)

static const uint8_t magic[4] = {'P', 'Q', 'T', 'K'};

static void take_name(rd *r, uint8_t name[PQI_TPM_NAME_LEN])
{
    pqi_cspan b = rd_bytes(r, PQI_TPM_NAME_LEN);
    if (b.ptr != NULL) {
        memcpy(name, b.ptr, b.len);
    }
}

static bool row_is_good(const tpm_table *t, uint32_t i)
{
    const tpm_key *k = &t->keys[i];
    bool good = k->key != 0 && (k->kind == PQI_KEY_SIG || k->kind == PQI_KEY_KEM) &&
                k->handle >> 24 == TPM2_HT_PERSISTENT;
    for (uint32_t j = 0; good && j < i; j++) {
        good = t->keys[j].key != k->key && t->keys[j].handle != k->handle;
    }
    return good;
}

static pqi_status parse(pqi_cspan in, tpm_table *t)
{
    rd r = rd_of(in);
    pqi_cspan m = rd_bytes(&r, sizeof magic);
    uint8_t version = rd_u8(&r);
    if (m.ptr == NULL || memcmp(m.ptr, magic, sizeof magic) != 0 || version != VERSION) {
        return PQI_ERR_STORAGE;
    }
    take_name(&r, t->srk_name);
    take_name(&r, t->ak_name);
    t->nv = rd_u32(&r);
    take_name(&r, t->nv_name);
    t->n = rd_u16(&r);
    if (t->n > TPM_KEYS_MAX) {
        return PQI_ERR_STORAGE;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        t->keys[i].key = rd_u32(&r);
        t->keys[i].kind = rd_u8(&r);
        t->keys[i].handle = rd_u32(&r);
        take_name(&r, t->keys[i].name);
        if (!row_is_good(t, i)) {
            return PQI_ERR_STORAGE;
        }
    }
    return rd_done(&r) == PQI_OK ? PQI_OK : PQI_ERR_STORAGE;
}

pqi_status pqi_tpm_table_load(const char *dir, tpm_table *out)
{
    uint8_t file[FILE_MAX];
    size_t n = 0;
    memset(out, 0, sizeof *out);
    pqi_status st =
        pqi_file_read(dir, TPM_TABLE_FILE, sizeof file, (pqi_span){file, sizeof file}, &n);
    if (st == PQI_OK) {
        st = parse((pqi_cspan){file, n}, out);
    }
    if (st != PQI_OK && st != PQI_ERR_MISSING) {
        memset(out, 0, sizeof *out);
        return pqi_why(
            PQI_ERR_STORAGE, "%.200s/" TPM_TABLE_FILE " is damaged or not readable", dir);
    }
    return st;
}

pqi_status pqi_tpm_table_save(const char *dir, const tpm_table *t)
{
    uint8_t file[FILE_MAX];
    wr w = wr_of((pqi_span){file, sizeof file});
    wr_bytes(&w, (pqi_cspan){magic, sizeof magic});
    wr_u8(&w, VERSION);
    wr_bytes(&w, (pqi_cspan){t->srk_name, PQI_TPM_NAME_LEN});
    wr_bytes(&w, (pqi_cspan){t->ak_name, PQI_TPM_NAME_LEN});
    wr_u32(&w, t->nv);
    wr_bytes(&w, (pqi_cspan){t->nv_name, PQI_TPM_NAME_LEN});
    wr_u16(&w, (uint16_t)t->n);
    for (uint32_t i = 0; i < t->n; i++) {
        wr_u32(&w, t->keys[i].key);
        wr_u8(&w, t->keys[i].kind);
        wr_u32(&w, t->keys[i].handle);
        wr_bytes(&w, (pqi_cspan){t->keys[i].name, PQI_TPM_NAME_LEN});
    }
    pqi_status st = pqi_file_write_atomic(dir, TPM_TABLE_FILE, (pqi_cspan){file, w.len});
    return st == PQI_OK ? st : pqi_why(st, "cannot write %.200s/" TPM_TABLE_FILE, dir);
}

tpm_key *pqi_tpm_table_find(tpm_table *t, pqi_key key)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->keys[i].key == key) {
            return &t->keys[i];
        }
    }
    return NULL;
}

void pqi_tpm_table_drop(tpm_table *t, pqi_key key)
{
    tpm_key *k = pqi_tpm_table_find(t, key);
    if (k != NULL) {
        *k = t->keys[t->n - 1u];
        t->n--;
    }
}
