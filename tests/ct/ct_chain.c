/* SPDX-License-Identifier: Apache-2.0 -- needs: pqi
 * The message chain with its chain key undefined for valgrind, and with it every node and every key:
 * in order, late, after a jump, behind the horizon, on trial only. */
#include "ct/secret.h"
#include "session/chain.h"

#include <pqi/classic_mcu.h>

#include <stdio.h>
#include <string.h>

static const pqi_classic table = {
    .abi = PQI_CLASSIC_ABI, .name = "hash", .hash = pqi_mcu_hash_sha256};

static pqi_chain_send_std s;
static pqi_chain_recv_std r;
static pqi_chain_node stage[PQI_CHAIN_NODES(12, 16)];
static pqi_chain_try t;
static uint8_t sent[8400][PQI_CHAIN_KEY], key[PQI_CHAIN_KEY];

static const pqi_chain_send send = {12, &s.head, s.key};
static const pqi_chain_recv recv = {&pqi_chain_std, &r.head, r.node, stage};

/* Whether n opens with the sender's key. */
static int opens(uint32_t n, int commit)
{
    pqi_status st = pqi_chain_recv_peek(&table, &recv, n, &t);
    if (st != PQI_OK) {
        return 0;
    }
    memcpy(key, t.path[0], sizeof key);
    if (commit) {
        st = pqi_chain_recv_commit(&table, &recv, &t);
    } else {
        pqi_chain_discard(&t);
    }
    PQI_PUBLIC(key, sizeof key);
    PQI_PUBLIC(sent[n], sizeof sent[n]);
    return st == PQI_OK && memcmp(key, sent[n], sizeof key) == 0;
}

int main(void)
{
    uint8_t ck[PQI_CHAIN_KEY];
    uint32_t n;
    memset(ck, 0x42, sizeof ck);
    PQI_SECRET(ck, sizeof ck);
    int bad =
        pqi_chain_send_start(&send, ck) != PQI_OK || pqi_chain_recv_start(&recv, ck) != PQI_OK;
    for (uint32_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        bad |= pqi_chain_send_next(&table, &send, &n, sent[i]) != PQI_OK;
    }
    static const uint32_t order[] = {0, 1, 5, 3, 300, 250, 251, 8300, 8190, 8301};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        bad |= !opens(order[i], 0) || !opens(order[i], 1) || opens(order[i], 1);
    }
    bad |= opens(260, 1);
    (void)puts(bad == 0 ? "ct_chain: ok" : "ct_chain: wrong answer");
    return bad;
}
