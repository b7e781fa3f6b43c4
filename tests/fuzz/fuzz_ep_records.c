/* SPDX-License-Identifier: Apache-2.0
 * Records of an endpoint, sealed as they would be: the first byte says which of peers, seq and prekeys is
 * replaced by the rest of the input. A start takes it or refuses it, the next start does the same and
 * finds the same peers, and what comes then meets a state that works. */
#include "support/fleet.h"

#include "prim/keccak/keccak.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLAIN_MAX 16384u

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static dev *ctl;
static fake_nvm genuine;
static uint64_t counters[PQI_COUNTER_SLOTS];
static msg sent, announced;

static void set_up(void)
{
    dev *pump =
        dev_new(&(dev_spec){.id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant", .seed = 1});
    ctl = dev_new(&(dev_spec){
        .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3, .period = 604800});
    must(dev_open(pump) == PQI_OK && dev_open(ctl) == PQI_OK);
    (void)dev_prekeys(ctl);
    dev_meet(pump, ctl);
    must(dev_send(pump, "control", "plant/a", "x", &sent) == PQI_OK);
    dev_announce(pump, &announced);
    must(dev_receive(ctl, &sent) == PQI_EV_MESSAGE);
    must(dev_send(pump, "control", "plant/a", "y", &sent) == PQI_OK);
    pqi_endpoint_close(&ctl->ep);
    dev_free(pump);
    fake_nvm_init(&genuine, NULL);
    fake_nvm_copy(&genuine, &ctl->nvm);
    memcpy(counters, ctl->prov.counters, sizeof counters);
}

static void replace(unsigned which, pqi_cspan plain)
{
    static const struct {
        const char *name;
        uint32_t slot;
    } records[] = {{"peers", PQI_SLOT_PEERS}, {"seq", PQI_SLOT_SEQ}, {"prekeys", PQI_SLOT_PREKEYS}};
    static uint8_t buf[65536], old[49152];
    pqi_store s;
    size_t n = 0;
    pqi_status st = pqi_store_open(&s, &ctl->prov.base, &ctl->nvm.nvm, records[which].name,
        records[which].slot, (pqi_span){buf, sizeof buf}, (pqi_span){old, sizeof old}, &n);
    must(st == PQI_OK);
    must(pqi_store_save(&s, plain, (pqi_span){buf, sizeof buf}) == PQI_OK);
}

/* What of the peers was in the record, or follows from it. */
static void peers_digest(uint8_t out[32])
{
    pqi_xof x;
    pqi_shake256_start(&x);
    for (size_t i = 0; i < FLEET_PEERS; i++) {
        const pqi_peer *p = &ctl->peers[i];
        pqi_xof_absorb(&x, p->key_id, sizeof p->key_id);
        pqi_xof_absorb(&x, (const uint8_t *)&p->send_ceiling, sizeof p->send_ceiling);
        pqi_xof_absorb(&x, (const uint8_t *)&p->recv_stored, sizeof p->recv_stored);
        pqi_xof_absorb(&x, (const uint8_t *)&p->roster_index, sizeof p->roster_index);
        pqi_xof_absorb(&x, (const uint8_t *)&p->ready, sizeof p->ready);
    }
    pqi_xof_squeeze(&x, out, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static msg reply;
    uint8_t first[32], second[32];
    if (ctl == NULL) {
        set_up();
    }
    if (size == 0 || size > PLAIN_MAX) {
        return 0;
    }
    fake_nvm_copy(&ctl->nvm, &genuine);
    memcpy(ctl->prov.counters, counters, sizeof counters);
    replace(data[0] % 3u, (pqi_cspan){data + 1, size - 1});
    const pqi_status st = dev_open(ctl);
    if (st != PQI_OK) {
        must(st == PQI_ERR_STORAGE || st == PQI_ERR_SPACE);
        must(dev_open(ctl) == st);
        return 0;
    }
    peers_digest(first);
    must(dev_open(ctl) == PQI_OK);
    peers_digest(second);
    must(memcmp(first, second, sizeof first) == 0);
    (void)dev_receive(ctl, &announced);
    (void)dev_receive(ctl, &sent);
    (void)dev_send(ctl, "pump-1", "plant/a", "z", &reply);
    int again = 0;
    must(pqi_endpoint_prekeys(&ctl->ep, &ctl->now, &again) == PQI_OK || data[0] % 3u == 2);
    return 0;
}
