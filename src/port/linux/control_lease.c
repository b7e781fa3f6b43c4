/* SPDX-License-Identifier: Apache-2.0
 * Who makes heads: one row of the store, taken for a while and renewed. The lease chooses; that no two
 * heads of one epoch exist is the business of the transaction which adds one. */
#include "port/linux/control_int.h"

#include <string.h>

static void told(pqi_host_control *c, int leased)
{
    if (c->leased != leased) {
        c->leased = leased;
        const pqi_control_event ev = {.kind = PQI_CONTROL_EV_LEASE,
            .number = leased ? 1 : 0,
            .text = leased ? "this server makes heads" : "another server makes heads"};
        pqi_control_tell(c, &ev);
    }
}

/* Free, ours, or past: the fence rises with each new holder. */
pqi_status pqi_control_lease_take(pqi_host_control *c, int *leased)
{
    int64_t changed = 0, now = (int64_t)pqi_control_now_ms(c);
    *leased = 0;
    pqi_status st = pqi_cdb_run_n(c->db, &changed,
        "UPDATE pqi_lease SET fence = fence + CASE WHEN holder = $1 THEN 0 ELSE 1 END, holder = $1,"
        " expires = $2 WHERE one = 1 AND (holder = $1 OR holder = '' OR expires <= $3)",
        "tii", pqi_control_str(c->holder), now + (int64_t)c->cfg.lease_ms, now);
    if (st == PQI_OK && changed == 1) {
        st = pqi_cdb_int(c->db, &c->fence, "SELECT fence FROM pqi_lease WHERE one = 1", "");
        *leased = st == PQI_OK;
    }
    return st;
}

/* Inside the transaction that adds a head: is it still ours? */
pqi_status pqi_control_lease_check(pqi_host_control *c)
{
    int64_t n = 0;
    pqi_status st = pqi_cdb_int(c->db, &n,
        "SELECT count(*) FROM pqi_lease WHERE one = 1 AND holder = $1 AND fence = $2", "ti",
        pqi_control_str(c->holder), c->fence);
    return st == PQI_OK && n != 1
               ? pqi_why(PQI_ERR_STATE, "another server of this store makes heads now")
               : st;
}

void pqi_control_lease_told(pqi_host_control *c, int leased)
{
    c->lease_next_ms = pqi_control_now_ms(c) + c->cfg.lease_ms / 3;
    told(c, leased);
}

pqi_status pqi_control_lease_renew(pqi_host_control *c)
{
    int leased = 0;
    pqi_status st = pqi_cdb_begin(c->db, 1);
    if (st == PQI_OK) {
        st = pqi_control_lease_take(c, &leased);
        st = pqi_cdb_end(c->db, st);
    }
    pqi_control_lease_told(c, st == PQI_OK && leased);
    return st;
}

void pqi_control_lease_give(pqi_host_control *c)
{
    pqi_status st = pqi_cdb_begin(c->db, 1);
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db,
            "UPDATE pqi_lease SET holder = '', expires = 0 WHERE one = 1 AND holder = $1", "t",
            pqi_control_str(c->holder));
        st = pqi_cdb_end(c->db, st);
    }
    c->leased = 0; /* if that failed it runs out by itself */
}
