/* SPDX-License-Identifier: Apache-2.0
 * The chain behind a line protocol, for tests/session/chain_oracle.py. A line in, a line out:
 *   start PROFILE CK   ok
 *   send COUNT         SHA-256 of the keys of the next COUNT numbers, or "limit"
 *   open N             STATUS KEY HASHES   the packet is authentic
 *   forge N            STATUS KEY HASHES   it is not
 *   dump               the receiver's whole state, in hex
 * "broken" where a rule of support/chain_rig.h does not hold. */
#include "support/chain_rig.h"

#include <pqi/host.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static chain_rig rig;

static void put_hex(const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        (void)printf("%02x", b[i]);
    }
}

static int start(const char *text)
{
    char name[16], hex[65];
    uint8_t ck[PQI_CHAIN_KEY];
    if (sscanf(text, "%15s %64s", name, hex) != 2 || strlen(hex) != 64) {
        return 1;
    }
    for (size_t i = 0; i < sizeof ck; i++) {
        const char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        ck[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    const pqi_chain_profile *p = rig_profile(name);
    if (p == NULL || !rig_start(&rig, p, ck)) {
        return 1;
    }
    (void)printf("ok\n");
    return 0;
}

static int send_some(uint32_t count)
{
    static uint8_t keys[4096][PQI_CHAIN_KEY];
    uint8_t sum[32];
    if (count > sizeof keys / sizeof keys[0]) {
        return 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n;
        const rig_send before = rig.s;
        pqi_status st = pqi_chain_send_next(&rig_table, &rig.send, &n, keys[i]);
        if (st != PQI_OK) {
            (void)printf("%s\n", st == PQI_ERR_LIMIT ? "limit" : "broken");
            return 0;
        }
        if (n != before.head.next || rig.s.head.next != n + 1) {
            (void)printf("broken\n");
            return 0;
        }
    }
    const pqi_cspan part = {keys[0], count * sizeof keys[0]};
    if (rig_table.hash(PQI_HASH_SHA256, &part, 1, sum) != PQI_OK) {
        return 1;
    }
    put_hex(sum, sizeof sum);
    (void)printf("\n");
    return 0;
}

static int open_one(uint32_t n, bool authentic)
{
    pqi_status st;
    uint8_t key[PQI_CHAIN_KEY];
    rig_calls = 0;
    if (!rig_open(&rig, n, authentic, &st, key)) {
        (void)printf("broken\n");
        return 0;
    }
    (void)printf("%s ", st == PQI_OK           ? "ok"
                        : st == PQI_ERR_REPLAY ? "replay"
                        : st == PQI_ERR_LIMIT  ? "limit"
                                               : "error");
    put_hex(key, sizeof key);
    (void)printf(" %u\n", rig_calls);
    return 0;
}

static int serve(const char *line)
{
    uint32_t n = 0;
    if (strncmp(line, "start ", 6) == 0) {
        return start(line + 6);
    }
    if (sscanf(line, "open %" SCNu32, &n) == 1) {
        return open_one(n, true);
    }
    if (sscanf(line, "forge %" SCNu32, &n) == 1) {
        return open_one(n, false);
    }
    if (sscanf(line, "send %" SCNu32, &n) == 1) {
        return send_some(n);
    }
    if (strncmp(line, "dump", 4) == 0) {
        put_hex(&rig.r, sizeof rig.r);
        (void)printf("\n");
        return 0;
    }
    return 1;
}

int main(void)
{
    char line[128];
    rig_use(&pqi_classic_openssl);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "flush", 5) == 0) {
            (void)fflush(stdout);
        } else if (serve(line) != 0) {
            (void)fprintf(stderr, "chain_line: not understood: %s", line);
            return 2;
        }
    }
    return 0;
}
