/* SPDX-License-Identifier: Apache-2.0
 * Implementation notes. Secret pages are shared mappings: MADV_WIPEONFORK is for private ones, so a child
 * gets none of them (MADV_DONTFORK), and every function looks whose process it is before it touches
 * anything. In the child the hole may hold a mapping of somebody else by then. The descriptor is
 * closed at once: nothing of it is inherited or passed on. Not sealed (mseal(2)), as the access rights
 * change with every operation. */
#include "port/linux/protected_mem.h"

#include "ct/ct.h"
#include "port/linux/pmem_end.h"
#include "port/linux/pmem_shield.h"

#include <pqi/wipe.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret                                                                           \
    447 /* the same number everywhere: Linux include/uapi/asm-generic/unistd.h */
#endif

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1u) / to * to;
}

static uint8_t *low_canary(const pqi_pmem *m)
{
    return m->data.ptr - PQI_PMEM_CANARY;
}

static uint8_t *high_canary(const pqi_pmem *m)
{
    return m->data.ptr + m->data.len;
}

bool pqi_pmem_is_ours(const pqi_pmem *m)
{
    return !m->foreign && m->owner == getpid();
}

/* One mapping, guard pages too: a second one over a part of the first could fail and leave a hole. Secret
 * pages are locked by their nature; what RLIMIT_MEMLOCK does not allow cannot be mapped. */
static uint8_t *map_secret(pqi_pmem *m)
{
    const char *wanted = secure_getenv("PQI_SECRET_MEM");
    if (wanted != NULL && strcmp(wanted, "0") == 0) {
        return NULL;
    }
    int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    void *map = MAP_FAILED;
    if (ftruncate(fd, (off_t)m->map_len) == 0) {
        map = mmap(NULL, m->map_len, PROT_NONE, MAP_SHARED, fd, 0);
    }
    (void)close(fd);
    if (map == MAP_FAILED) {
        return NULL;
    }
    if (madvise(map, m->map_len, MADV_DONTFORK) != 0) {
        (void)munmap(map, m->map_len); /* a child would share it */
        return NULL;
    }
    m->secret = true;
    m->locked = true;
    m->wiped_on_fork = true;
    m->not_dumped = true; /* set by the kernel; the advice only says so again */
    (void)madvise(map, m->map_len, MADV_DONTDUMP);
    return map;
}

static uint8_t *map_private(pqi_pmem *m, size_t page)
{
    uint8_t *map = mmap(NULL, m->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
    uint8_t *inner = map + page;
    (void)mprotect(inner, m->inner_len, PROT_READ | PROT_WRITE); /* mlock() wants to touch them */
    m->locked = mlock(inner, m->inner_len) == 0;
    m->not_dumped = madvise(inner, m->inner_len, MADV_DONTDUMP) == 0;
    m->wiped_on_fork = madvise(inner, m->inner_len, MADV_WIPEONFORK) == 0;
    return map;
}

pqi_status pqi_pmem_map(pqi_pmem *m, size_t len)
{
    pqi_pmem_end_forget(m);
    memset(m, 0, sizeof *m);
    if (getrandom(m->canary, sizeof m->canary, 0) != (ssize_t)sizeof m->canary) {
        return PQI_ERR_RNG;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    len = round_up(len, 16);
    m->owner = getpid();
    m->inner_len = round_up(len + 2u * PQI_PMEM_CANARY, page);
    m->map_len = m->inner_len + 2u * page;
    m->map = map_secret(m);
    if (m->map == NULL) {
        m->map = map_private(m, page);
        m->shield = m->map != NULL ? pqi_pmem_shield_new(len) : NULL;
    }
    if (m->map == NULL || (m->shield == NULL && !m->secret) ||
        mprotect(m->map + page, m->inner_len, PROT_READ | PROT_WRITE) != 0) {
        if (m->map != NULL) {
            (void)munmap(m->map, m->map_len);
        }
        pqi_pmem_shield_free(m->shield);
        memset(m, 0, sizeof *m);
        return PQI_ERR_LIMIT;
    }
    m->inner = m->map + page;
    /* The data ends at the upper guard page, so that running over its end is caught at once. */
    m->data.ptr = m->inner + m->inner_len - PQI_PMEM_CANARY - len;
    m->data.len = len;
    m->hidden = len;
    memcpy(low_canary(m), m->canary, PQI_PMEM_CANARY);
    memcpy(high_canary(m), m->canary, PQI_PMEM_CANARY);
    m->opened = true;
    pqi_pmem_end_add(m);
    return PQI_OK;
}

static bool canaries_live(const pqi_pmem *m)
{
    return pqi_ct_eq(low_canary(m), m->canary, PQI_PMEM_CANARY) == 1 &&
           pqi_ct_eq(high_canary(m), m->canary, PQI_PMEM_CANARY) == 1;
}

pqi_status pqi_pmem_open(pqi_pmem *m)
{
    if (!pqi_pmem_is_ours(m)) {
        return PQI_ERR_STATE;
    }
    /* Before the look at `ended`, whose writer looks at `opened` after it: one sees the other. */
    m->opened = true;
    if (m->ended) {
        m->opened = false;
        return PQI_ERR_STATE;
    }
    if (m->damaged || mprotect(m->inner, m->inner_len, PROT_READ | PROT_WRITE) != 0) {
        m->opened = false;
        return PQI_ERR_PROVIDER;
    }
    bool whole = m->shield == NULL || pqi_pmem_shield_down(m->shield);
    if (whole && canaries_live(m)) {
        return PQI_OK;
    }
    bool forked = whole && pqi_ct_is_zero_mask(low_canary(m), PQI_PMEM_CANARY) != 0 &&
                  pqi_ct_is_zero_mask(high_canary(m), PQI_PMEM_CANARY) != 0;
    m->damaged = m->damaged || !whole;
    pqi_pmem_close(m);
    return forked ? PQI_ERR_STATE : PQI_ERR_PROVIDER;
}

void pqi_pmem_close(pqi_pmem *m)
{
    if (!pqi_pmem_is_ours(m) || !m->opened) {
        return;
    }
    m->damaged = m->damaged || !canaries_live(m);
    if (m->ended) {
        pqi_wipe(m->data.ptr, m->data.len);
    } else if (m->shield != NULL) {
        size_t hidden = m->hidden < m->data.len ? m->hidden : m->data.len;
        m->damaged = !pqi_pmem_shield_up(m->shield, (pqi_span){m->data.ptr, hidden}) || m->damaged;
    }
    if (mprotect(m->inner, m->inner_len, PROT_NONE) != 0) {
        m->damaged = true;
    }
    m->cycled = true;
    m->opened = false;
}

void pqi_pmem_wipe(pqi_pmem *m)
{
    if (mprotect(m->inner, m->inner_len, PROT_READ | PROT_WRITE) == 0) {
        pqi_wipe(m->data.ptr, m->data.len);
    }
    if (m->shield != NULL) {
        pqi_pmem_shield_wipe(m->shield);
    }
}

void pqi_pmem_unmap(pqi_pmem *m)
{
    if (m->map == NULL) {
        memset(m, 0, sizeof *m);
        return;
    }
    if (pqi_pmem_is_ours(m)) {
        pqi_pmem_end_remove(m);           /* wipes */
        (void)munmap(m->map, m->map_len); /* unlocks as well */
    } else if (!m->secret) {
        (void)munmap(m->map, m->map_len);
    }
    pqi_pmem_shield_free(m->shield);
    memset(m, 0, sizeof *m);
}
