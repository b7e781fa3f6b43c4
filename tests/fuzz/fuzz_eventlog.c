/* SPDX-License-Identifier: Apache-2.0
 * Event logs: a replay counts what walking gives, and the same log gives the same PCRs. */
#include <pqi/attest.h>
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_eventlog l;
    pqi_log_event e;
    pqi_pcrs p, again, mark;
    pqi_algs algs;
    uint32_t n = 0, seen = 0;
    const pqi_cspan in = {data, size};
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&p, 0x5a, sizeof p);
    memcpy(&mark, &p, sizeof p);
    pqi_status st = pqi_eventlog_begin(&l, in);
    while (st == PQI_OK && (st = pqi_eventlog_next(&l, &e)) == PQI_OK) {
        if (e.pcr >= PQI_TPM_PCRS || e.digest < data || e.digest + 32 > data + size) {
            abort();
        }
        seen |= e.type != PQI_EV_NO_ACTION ? 1u << e.pcr : 0;
        n++;
    }
    if (pqi_eventlog_replay(&algs, in, &p) != PQI_OK) {
        if (memcmp(&p, &mark, sizeof p) != 0) {
            abort();
        }
        return 0;
    }
    memset(&again, 0, sizeof again);
    if (st != PQI_ERR_MISSING || p.events != n || p.extended != seen ||
        pqi_eventlog_replay(&algs, in, &again) != PQI_OK || memcmp(&p, &again, sizeof p) != 0) {
        abort();
    }
    return 0;
}
