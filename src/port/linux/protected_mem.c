/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/protected_mem.h"

#include "ct/ct.h"

#include <pqi/wipe.h>

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

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

pqi_status pqi_pmem_map(pqi_pmem *m, size_t len)
{
    memset(m, 0, sizeof *m);
    if (getrandom(m->canary, sizeof m->canary, 0) != (ssize_t)sizeof m->canary) {
        return PQI_ERR_RNG;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    len = round_up(len, 16);
    m->inner_len = round_up(len + 2u * PQI_PMEM_CANARY, page);
    m->map_len = m->inner_len + 2u * page;
    void *map = mmap(NULL, m->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        memset(m, 0, sizeof *m);
        return PQI_ERR_LIMIT;
    }
    m->map = map;
    m->inner = m->map + page;
    if (mprotect(m->inner, m->inner_len, PROT_READ | PROT_WRITE) != 0) {
        pqi_pmem_unmap(m);
        return PQI_ERR_LIMIT;
    }
    m->locked = mlock(m->inner, m->inner_len) == 0;
    m->not_dumped = madvise(m->inner, m->inner_len, MADV_DONTDUMP) == 0;
    m->wiped_on_fork = madvise(m->inner, m->inner_len, MADV_WIPEONFORK) == 0;
    /* The data ends at the upper guard page, so that running over its end is caught at once. */
    m->data.ptr = m->inner + m->inner_len - PQI_PMEM_CANARY - len;
    m->data.len = len;
    memcpy(low_canary(m), m->canary, PQI_PMEM_CANARY);
    memcpy(high_canary(m), m->canary, PQI_PMEM_CANARY);
    return PQI_OK;
}

static bool canaries_live(const pqi_pmem *m)
{
    return pqi_ct_eq(low_canary(m), m->canary, PQI_PMEM_CANARY) == 1 &&
           pqi_ct_eq(high_canary(m), m->canary, PQI_PMEM_CANARY) == 1;
}

pqi_status pqi_pmem_open(pqi_pmem *m)
{
    if (m->damaged || mprotect(m->inner, m->inner_len, PROT_READ | PROT_WRITE) != 0) {
        return PQI_ERR_PROVIDER;
    }
    if (canaries_live(m)) {
        return PQI_OK;
    }
    bool forked = pqi_ct_is_zero_mask(low_canary(m), PQI_PMEM_CANARY) != 0 &&
                  pqi_ct_is_zero_mask(high_canary(m), PQI_PMEM_CANARY) != 0;
    pqi_pmem_close(m);
    return forked ? PQI_ERR_STATE : PQI_ERR_PROVIDER;
}

void pqi_pmem_close(pqi_pmem *m)
{
    m->damaged = m->damaged || !canaries_live(m);
    if (mprotect(m->inner, m->inner_len, PROT_NONE) != 0) {
        m->damaged = true;
    }
}

void pqi_pmem_unmap(pqi_pmem *m)
{
    if (m->map != NULL) {
        if (mprotect(m->inner, m->inner_len, PROT_READ | PROT_WRITE) == 0) {
            pqi_wipe(m->inner, m->inner_len);
        }
        (void)munmap(m->map, m->map_len); /* unlocks as well */
    }
    memset(m, 0, sizeof *m);
}
