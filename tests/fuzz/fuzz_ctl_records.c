/* SPDX-License-Identifier: Apache-2.0
 * Records of a device's control state, sealed as they would be: the first byte says which one is replaced by the
 * rest of the input. A start succeeds, or refuses a table of revocations that is longer than its room; nothing is
 * fresh after it, another start finds the same, and objects and answers that come later meet a state that
 * works. */
#include "support/ctl_fixture.h"

#include "control/ctl_int.h"
#include "state/journal.h"

#include <stdlib.h>
#include <string.h>

#define PLAIN_MAX 2048u
#define REV_ROOM  (PQI_CTL_REV_HEAD + RIG_REVOKED * PQI_REVOKED_LEN)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static plane pl;
static ctl_rig rg;
static fake_nvm genuine;
static uint64_t counters[PQI_COUNTER_SLOTS];
static size_t kept;
static pqi_cspan head, log_of_two;

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void make(void)
{
    plane_init(&pl, PLANE_OPEN);
    pl.delegate[0] = "gw";
    pl.delegate[1] = "a";
    pl.time_s = 1770000000;
    pl.policy.rules.flags |= PQI_POLICY_ROSTER | PQI_POLICY_DELEGATES;
    (void)plane_policy(&pl, 2);
    (void)plane_roster(&pl);
    plane_revoke(&pl, 60, UINT32_MAX);
    (void)plane_head(&pl);
    rig_init_first(&rg, &pl);
    must(rig_open(&rg) == PQI_OK);
    rig_sync(&rg);
    rig_close(&rg);
    fake_nvm_init(&genuine, NULL);
    fake_nvm_copy(&genuine, &rg.nvm);
    memcpy(counters, rg.prov.counters, sizeof counters);
    plane_revoke(&pl, 61, 2);
    head = plane_head(&pl);
    log_of_two = plane_rev(&pl, 0);
    kept = pl.n_objects;
}

static void replace(const char *name, pqi_cspan plain)
{
    static uint8_t buf[65536], old[49152];
    pqi_journal j;
    size_t n = 0;
    pqi_status st = pqi_journal_open(&j, &rg.prov.base, &rg.nvm.nvm, name,
        (pqi_span){buf, sizeof buf}, (pqi_span){old, sizeof old}, &n);
    must(st == PQI_OK || st == PQI_ERR_MISSING);
    must(pqi_journal_save(&j, plain, (pqi_span){buf, sizeof buf}) == PQI_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"ctl", "ctl-rev", "ctl-pol", "ctl-root"};
    uint8_t first[32], second[32];
    if (kept == 0) {
        make();
    }
    if (size == 0 || size > PLAIN_MAX) {
        return 0;
    }
    fake_nvm_copy(&rg.nvm, &genuine);
    memcpy(rg.prov.counters, counters, sizeof counters);
    rg.now.unix_s = 0;
    replace(names[data[0] % 4u], (pqi_cspan){data + 1, size - 1});
    const pqi_status st = rig_restart(&rg);
    if (st != PQI_OK) {
        must(st == PQI_ERR_SPACE && data[0] % 4u == 1 && size - 1 > REV_ROOM);
        must(rig_restart(&rg) == st);
        return 0;
    }
    must(rig_fresh(&rg) == PQI_FRESH_UNKNOWN && rg.c.rev.n <= RIG_REVOKED);
    rig_digest(&rg, first);
    must(rig_restart(&rg) == PQI_OK);
    rig_digest(&rg, second);
    must(memcmp(first, second, sizeof first) == 0);
    (void)rig_take(&rg, PQI_OBJ_HEAD, head);
    (void)rig_take(&rg, PQI_OBJ_REVOCATIONS, log_of_two);
    (void)rig_ask(&rg);
    rig_pass(&rg, 3600000);
    must(pqi_ctl_tick(&rg.c, &rg.now) == PQI_OK);
    plane_forget(&pl, kept);
    return 0;
}
