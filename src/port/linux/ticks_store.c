/* SPDX-License-Identifier: Apache-2.0
 * The file of a tick box: version u8 = 1, generation u64, then sealed under that generation what
 * docs/spec/control.md section 1.9 lists. */
#include "port/linux/ticks_int.h"

#include "base/rd.h"
#include "base/wr.h"
#include "port/linux/file_atomic.h"

#include <pqi/wipe.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FRONT    9u
#define FILE_CAP (FRONT + PQI_TICKS_PLAIN_MAX + PQI_SEAL_OVERHEAD)

static const char name_[] = "box";
static const pqi_cspan label = {PQI_LIT("tick box")};

static void put_chain(wr *w, const pqi_ticks_seeded *x)
{
    wr_u32(w, x->c.count);
    wr_bytes(w, (pqi_cspan){x->seed, PQI_HASH_LEN});
    wr_bytes(w, (pqi_cspan){x->c.anchor, PQI_HASH_LEN});
    wr_u32(w, x->c.given);
    wr_u32(w, x->c.root_version);
    wr_u32(w, x->c.head_epoch);
}

static void get_bytes(rd *r, uint8_t *out, size_t n)
{
    const pqi_cspan b = rd_bytes(r, n);
    if (b.len == n) {
        memcpy(out, b.ptr, n);
    }
}

static void get_chain(rd *r, pqi_ticks_seeded *x)
{
    x->c.count = rd_u32(r);
    get_bytes(r, x->seed, PQI_HASH_LEN);
    get_bytes(r, x->c.anchor, PQI_HASH_LEN);
    x->c.given = rd_u32(r);
    x->c.root_version = rd_u32(r);
    x->c.head_epoch = rd_u32(r);
    if (x->c.count > PQI_TICKS_MAX || x->c.given > x->c.count) {
        rd_fail(r);
    }
}

static void put_state(wr *w, const pqi_ticks_state *s, pqi_cspan root, pqi_cspan head)
{
    put_chain(w, &s->chain);
    put_chain(w, &s->next);
    wr_u32(w, s->root_version);
    wr_u32(w, s->head_epoch);
    wr_u32(w, s->fleet_i);
    wr_bytes(w, (pqi_cspan){s->fleet_h, PQI_HASH_LEN});
    wr_u8(w, s->giving);
    wr_u64(w, s->elapsed_ms);
    wr_u64(w, s->at_ms);
    wr_bytes(w, (pqi_cspan){s->boot, sizeof s->boot});
    wr_u32(w, (uint32_t)root.len);
    wr_bytes(w, root);
    wr_u32(w, (uint32_t)head.len);
    wr_bytes(w, head);
}

static size_t get_object(rd *r, uint8_t *out, size_t cap)
{
    const uint32_t n = rd_u32(r);
    if (n > cap) {
        rd_fail(r);
        return 0;
    }
    get_bytes(r, out, n);
    return n;
}

static pqi_status get_state(pqi_host_ticks *t, pqi_cspan plain)
{
    pqi_ticks_state *s = &t->box->s;
    rd r = rd_of(plain);
    get_chain(&r, &s->chain);
    get_chain(&r, &s->next);
    s->root_version = rd_u32(&r);
    s->head_epoch = rd_u32(&r);
    s->fleet_i = rd_u32(&r);
    get_bytes(&r, s->fleet_h, PQI_HASH_LEN);
    s->giving = rd_u8(&r);
    s->elapsed_ms = rd_u64(&r);
    s->at_ms = rd_u64(&r);
    get_bytes(&r, s->boot, sizeof s->boot);
    t->root_len = get_object(&r, t->root_bytes, sizeof t->root_bytes);
    t->head_len = get_object(&r, t->head_bytes, sizeof t->head_bytes);
    return rd_done(&r) == PQI_OK && s->chain.c.count != 0 ? PQI_OK : PQI_ERR_STORAGE;
}

/* ---- save --------------------------------------------------------------------------------------- */

static pqi_status write_file(pqi_host_ticks *t, uint64_t generation, size_t plain_len)
{
    const size_t len = FRONT + plain_len + PQI_SEAL_OVERHEAD;
    uint8_t *out = malloc(len);
    if (out == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    wr w = wr_of((pqi_span){out, FRONT});
    wr_u8(&w, 1);
    wr_u64(&w, generation);
    pqi_status st = pqi_provider_seal(t->provider, label, generation,
        (pqi_cspan){t->box->plain, plain_len}, (pqi_span){out + FRONT, len - FRONT});
    if (st == PQI_OK) {
        st = pqi_file_write_atomic(t->dir, name_, (pqi_cspan){out, len});
    }
    free(out);
    return st;
}

pqi_status pqi_ticks_save(pqi_host_ticks *t, pqi_cspan root, pqi_cspan head)
{
    size_t len = 0;
    const uint64_t generation = t->generation + 1;
    wr w = wr_of((pqi_span){t->box->plain, sizeof t->box->plain});
    put_state(&w, &t->box->draft, root, head);
    pqi_status st = wr_done(&w, &len);
    if (st == PQI_OK) {
        st = write_file(t, generation, len);
    }
    pqi_wipe(t->box->plain, sizeof t->box->plain);
    if (st == PQI_OK) {
        t->generation = generation;
        st = pqi_provider_counter_advance(t->provider, PQI_SLOT_TICKS, generation);
    }
    if (st == PQI_OK) {
        t->box->s = t->box->draft;
    }
    return st == PQI_OK ? st
                        : pqi_why_else(st, "cannot store the state of the tick box in %s: %s",
                              t->dir, pqi_status_text(st));
}

/* ---- load --------------------------------------------------------------------------------------- */

static pqi_status unseal(pqi_host_ticks *t, pqi_cspan file)
{
    rd r = rd_of(file);
    const uint8_t version = rd_u8(&r);
    t->generation = rd_u64(&r);
    if (file.len < FRONT + PQI_SEAL_OVERHEAD || version != 1) {
        return pqi_why(PQI_ERR_STORAGE, "the tick box in %s is damaged", t->dir);
    }
    const pqi_cspan sealed = {file.ptr + FRONT, file.len - FRONT};
    const pqi_span plain = {t->box->plain, sealed.len - PQI_SEAL_OVERHEAD};
    pqi_status st = pqi_provider_unseal(t->provider, label, t->generation, sealed, plain);
    if (st != PQI_OK) {
        return pqi_why(st, "the state of the tick box in %s was altered or is another's", t->dir);
    }
    st = get_state(t, (pqi_cspan){plain.ptr, plain.len});
    pqi_wipe(t->box->plain, sizeof t->box->plain);
    return st == PQI_OK ? st : pqi_why(st, "the tick box in %s is damaged", t->dir);
}

/* One ahead of the counter is what a cut between the two leaves. */
static pqi_status follow(pqi_host_ticks *t)
{
    uint64_t counter = 0;
    pqi_status st = pqi_provider_counter_get(t->provider, PQI_SLOT_TICKS, &counter);
    if (st == PQI_OK && t->generation < counter) {
        return pqi_why(PQI_ERR_ROLLBACK,
            "the tick box in %s is an older copy than its keys remember: make a new one", t->dir);
    }
    return st == PQI_OK ? pqi_provider_counter_advance(t->provider, PQI_SLOT_TICKS, t->generation)
                        : st;
}

pqi_status pqi_ticks_load(pqi_host_ticks *t)
{
    size_t len = 0;
    uint8_t *file = malloc(FILE_CAP);
    if (file == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_file_sweep(t->dir, name_);
    if (st == PQI_OK) {
        st = pqi_file_read(t->dir, name_, FILE_CAP, (pqi_span){file, FILE_CAP}, &len);
    }
    if (st == PQI_OK) {
        st = unseal(t, (pqi_cspan){file, len});
    }
    if (st == PQI_OK) {
        st = follow(t);
    }
    free(file);
    return st == PQI_OK || st == PQI_ERR_MISSING
               ? st
               : pqi_why_else(
                     st, "cannot read the tick box in %s: %s", t->dir, pqi_status_text(st));
}

/* ---- the clock ---------------------------------------------------------------------------------- */

uint64_t pqi_ticks_now(const pqi_host_ticks *t)
{
    struct timespec ts = {0, 0};
    if (t->cfg.clock_ms != NULL) {
        return t->cfg.clock_ms(t->cfg.clock_ctx);
    }
    (void)clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

void pqi_ticks_boot(pqi_host_ticks *t, const char *boot)
{
    memset(t->boot, 0, sizeof t->boot);
    if (boot != NULL) {
        memcpy(t->boot, boot, strnlen(boot, sizeof t->boot));
        return;
    }
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, t->boot, sizeof t->boot) != (ssize_t)sizeof t->boot) {
            memset(t->boot, 0, sizeof t->boot);
        }
        (void)close(fd);
    }
}
