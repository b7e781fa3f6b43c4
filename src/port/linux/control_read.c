/* SPDX-License-Identifier: Apache-2.0
 * What people and other programs may know of a control plane. */
#include "port/linux/control_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOON_S (30u * 86400u) /* a certificate ends soon */

static pqi_status no_store(void)
{
    return pqi_why(PQI_ERR_ARG, "no store is open");
}

/* A word of the store for people: printable ASCII, or it would steer terminals and break JSON. */
static void plain(char *out, size_t room, pqi_cspan v)
{
    size_t n = v.len < room - 1 ? v.len : room - 1;
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)(v.ptr[i] >= 0x20 && v.ptr[i] < 0x7f ? v.ptr[i] : '?');
    }
    out[n] = '\0';
}

/* The holder of the lease is "<name> <server>": the name is for people. */
static pqi_status read_lease(pqi_host_control *c, pqi_control_info *out)
{
    pqi_cdb_rows r;
    pqi_status st =
        pqi_cdb_query(c->db, &r, "SELECT holder, expires FROM pqi_lease WHERE one = 1", "");
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK && pqi_cdb_col_int(&r, 1) > (int64_t)pqi_control_now_ms(c)) {
        pqi_cspan v = pqi_cdb_col(&r, 0);
        size_t n = 0;
        while (n < v.len && n < sizeof out->leader - 1 && v.ptr[n] != ' ') {
            n++;
        }
        plain(out->leader, sizeof out->leader, (pqi_cspan){v.ptr, n});
        out->lease_until_ms = (uint64_t)pqi_cdb_col_int(&r, 1);
    }
    pqi_cdb_done(&r);
    return st;
}

static uint32_t tokens_left(pqi_host_control *c, const pqi_control_view *v)
{
    int64_t n = 0;
    pqi_status st = pqi_cdb_int(c->db, &n, "SELECT heads FROM pqi_tokens WHERE root_version = $1",
        "i", (int64_t)v->root_version);
    n = st == PQI_OK ? n : (int64_t)c->cfg.tokens;
    return n > (int64_t)v->head.head_epoch ? (uint32_t)(n - v->head.head_epoch) : 0;
}

static int key_named(const pqi_host_control *c)
{
    const pqi_manifest *m = &c->view.manifest;
    for (uint32_t i = 0; i < m->n_keys; i++) {
        if (m->keys[i].role == PQI_ROLE_HEAD &&
            memcmp(m->keys[i].kid, c->head_kid, PQI_KID_LEN) == 0) {
            return 1;
        }
    }
    return 0;
}

static void fill_info(pqi_host_control *c, pqi_control_info *out)
{
    const pqi_control_view *v = &c->view;
    int64_t at = 0;
    memcpy(out->fleet_id, v->manifest.fleet_id, sizeof out->fleet_id);
    memcpy(out->manifest_hash, v->manifest.hash, sizeof out->manifest_hash);
    out->root_version = v->root_version;
    out->head_epoch = v->head.head_epoch;
    out->policy_seq = v->policy.seq;
    out->rev_seq = v->rev_seq;
    out->roster_seq = v->roster.seq;
    out->head_policy = v->head.policy_seq;
    out->head_rev = v->head.rev_seq;
    out->head_roster = v->head.roster_seq;
    out->rev_held = pqi_control_held(v);
    out->roster_size = v->roster.size;
    out->tokens_left = tokens_left(c, v);
    out->tick_count = v->head.tick_count;
    out->tick_s = v->rules.tick_s;
    out->tick = pqi_control_tick_due(c, pqi_control_now_ms(c));
    out->tick_number = (uint32_t)pqi_control_number(c, pqi_control_now_ms(c), &at);
    out->head_time = v->head.time;
    out->head_key_named = c->provider != NULL && key_named(c);
}

pqi_status pqi_host_control_get_info(pqi_host_control *c, pqi_control_info *out)
{
    int64_t audit = 0;
    pqi_why_clear();
    if (c == NULL || out == NULL) {
        return no_store();
    }
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_control_refresh(c, 0);
    if (st != PQI_OK) {
        return st;
    }
    out->backend = c->db->ops->name;
    out->has_keys = c->provider != NULL;
    out->changes = (uint64_t)c->view.changes;
    if (c->view.root_version != 0) {
        fill_info(c, out);
    }
    st = read_lease(c, out);
    if (st == PQI_OK) {
        st = pqi_cdb_int(c->db, &audit, "SELECT coalesce(max(seq), 0) FROM pqi_audit", "");
        out->audit = (uint64_t)audit;
    }
    return st;
}

static pqi_status copy_out(pqi_cspan v, pqi_span out, size_t *len)
{
    *len = v.len;
    if (v.len == 0) {
        return PQI_ERR_MISSING;
    }
    if (out.ptr == NULL || out.len < v.len) {
        return PQI_ERR_SPACE;
    }
    memcpy(out.ptr, v.ptr, v.len);
    return PQI_OK;
}

pqi_status pqi_host_control_get(pqi_host_control *c, pqi_object kind, pqi_span out, size_t *len)
{
    pqi_why_clear();
    if (c == NULL || len == NULL) {
        return no_store();
    }
    *len = 0;
    pqi_status st = pqi_control_refresh(c, 0);
    const pqi_control_view *v = &c->view;
    if (st != PQI_OK) {
        return st;
    }
    if (kind == PQI_OBJ_HEAD) {
        return copy_out(v->head.encoded, out, len);
    }
    pqi_control_key k = {.kind = kind, .root_version = v->root_version};
    const pqi_control_segment *s = pqi_control_segment_whole(v, UINT32_MAX);
    if (kind == PQI_OBJ_ROOT) {
        k.number = v->root_version;
    } else if (kind == PQI_OBJ_POLICY) {
        k.number = v->policy.seq;
    } else if (kind == PQI_OBJ_ROSTER) {
        k.number = v->roster.seq;
    } else if (kind == PQI_OBJ_REVOCATIONS && s != NULL) {
        k.until = s->until;
        k.quorum = s->quorum;
    } else if (kind != PQI_OBJ_REVOCATIONS) {
        return pqi_why(PQI_ERR_ARG, "objects of this kind are not kept");
    }
    const int none = kind == PQI_OBJ_REVOCATIONS ? s == NULL : k.number == 0;
    return none ? pqi_why(PQI_ERR_MISSING, "there is none yet")
                : copy_out(pqi_control_object(c, &k), out, len);
}

pqi_status pqi_host_control_each_delegate(
    pqi_host_control *c, int (*cb)(void *ctx, const pqi_delegate *d), void *ctx)
{
    pqi_delegate d[PQI_DELEGATES_MAX];
    uint32_t n = 0;
    pqi_why_clear();
    if (c == NULL || cb == NULL) {
        return no_store();
    }
    pqi_status st = pqi_control_refresh(c, 0);
    if (st == PQI_OK) {
        st = pqi_control_delegates_read(
            (pqi_cspan){c->view.delegates, c->view.delegates_len}, d, &n);
    }
    for (uint32_t i = 0; st == PQI_OK && i < n && cb(ctx, &d[i]) == 0; i++) {
    }
    return st;
}

pqi_status pqi_host_control_each_revoked(pqi_host_control *c,
    int (*cb)(void *ctx, uint32_t seq, const pqi_revoked *e, int quorum), void *ctx)
{
    pqi_cdb_rows r;
    pqi_why_clear();
    if (c == NULL || cb == NULL) {
        return no_store();
    }
    pqi_status st = pqi_control_refresh(c, 0);
    if (st == PQI_OK) {
        st = pqi_cdb_query(c->db, &r,
            "SELECT seq, roster_index, min_epoch, reason, quorum FROM pqi_entries"
            " WHERE root_version = $1 ORDER BY seq",
            "i", (int64_t)c->view.root_version);
    }
    if (st != PQI_OK) {
        return st;
    }
    while ((st = pqi_cdb_step(&r)) == PQI_OK) {
        const pqi_revoked e = {
            pqi_cdb_col_u32(&r, 1), pqi_cdb_col_u32(&r, 2), (uint8_t)pqi_cdb_col_int(&r, 3)};
        if (cb(ctx, pqi_cdb_col_u32(&r, 0), &e, pqi_cdb_col_int(&r, 4) != 0) != 0) {
            st = PQI_ERR_MISSING;
            break;
        }
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

pqi_status pqi_host_control_each_audit(
    pqi_host_control *c, uint64_t from, int (*cb)(void *ctx, const pqi_control_audit *a), void *ctx)
{
    pqi_cdb_rows r;
    char text[3][320];
    pqi_why_clear();
    if (c == NULL || cb == NULL || from > INT64_MAX) {
        return no_store();
    }
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT seq, at, who, op, detail FROM pqi_audit WHERE seq >= $1 ORDER BY seq", "i",
        (int64_t)from);
    if (st != PQI_OK) {
        return st;
    }
    while ((st = pqi_cdb_step(&r)) == PQI_OK) {
        for (int i = 0; i < 3; i++) {
            plain(text[i], sizeof text[i], pqi_cdb_col(&r, 2 + i));
        }
        const pqi_control_audit a = {(uint64_t)pqi_cdb_col_int(&r, 0),
            (uint64_t)pqi_cdb_col_int(&r, 1), text[0], text[1], text[2]};
        if (cb(ctx, &a) != 0) {
            st = PQI_ERR_MISSING;
            break;
        }
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* ---- the fleet ---------------------------------------------------------------------------------- */

/* Last questions, ascending by device: joined with the leaves in memory. */
static int by_device(const void *x, const void *y)
{
    const pqi_control_device *a = x, *b = y;
    return strcmp(a->member->id, b->member->id);
}

static int by_index(const void *x, const void *y)
{
    const pqi_control_device *a = x, *b = y;
    const uint32_t i = a->member->leaf.roster_index, j = b->member->leaf.roster_index;
    return (i > j) - (i < j);
}

static pqi_control_device *find(pqi_control_device *d, uint32_t n, pqi_cspan id)
{
    pqi_control_member m;
    const pqi_control_device key = {.member = &m};
    if (id.len > PQI_ID_MAX) {
        return NULL;
    }
    memset(&m, 0, sizeof m);
    memcpy(m.id, id.ptr, id.len);
    return bsearch(&key, d, n, sizeof *d, by_device);
}

static pqi_fresh fresh_of(const pqi_policy_rules *r, uint32_t age)
{
    return age <= r->fresh   ? PQI_FRESH_FRESH
           : age <= r->aged  ? PQI_FRESH_AGED
           : age <= r->stale ? PQI_FRESH_STALE
                             : PQI_FRESH_EXPIRED;
}

static void take_seen(pqi_host_control *c, const pqi_cdb_rows *r, pqi_control_device *d)
{
    int64_t at = 0, number = pqi_control_number(c, pqi_control_now_ms(c), &at);
    const int64_t known = pqi_cdb_col_int(r, 7);
    const int current = pqi_cdb_col_int(r, 1) == (int64_t)c->view.root_version;
    d->head_epoch = current ? pqi_cdb_col_u32(r, 2) : 0;
    d->tick = current ? pqi_cdb_col_u32(r, 3) : 0;
    d->policy_seq = current ? pqi_cdb_col_u32(r, 4) : 0;
    d->rev_seq = current ? pqi_cdb_col_u32(r, 5) : 0;
    d->roster_seq = current ? pqi_cdb_col_u32(r, 6) : 0;
    d->answered = pqi_cdb_col_int(r, 8) != 0;
    d->asked_at = (uint64_t)pqi_cdb_col_int(r, 9);
    if (known >= 0) {
        d->age = number > known ? (uint32_t)(number - known) : 0;
        d->fresh = fresh_of(&c->view.rules, d->age);
    }
}

static pqi_status join_seen(pqi_host_control *c, pqi_control_device *d, uint32_t n)
{
    pqi_cdb_rows r;
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT device, root_version, head_epoch, tick, policy_seq, rev_seq, roster_seq, known,"
        " answered, at FROM pqi_seen",
        "");
    if (st != PQI_OK) {
        return st;
    }
    while ((st = pqi_cdb_step(&r)) == PQI_OK) {
        pqi_control_device *x = find(d, n, pqi_cdb_col(&r, 0));
        if (x != NULL) {
            take_seen(c, &r, x);
        }
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* Devices ascend by roster index here. */
static pqi_status join_revoked(pqi_host_control *c, pqi_control_device *d, uint32_t n)
{
    pqi_cdb_rows r;
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT roster_index, max(min_epoch) FROM pqi_entries WHERE root_version = $1"
        " GROUP BY roster_index ORDER BY roster_index",
        "i", (int64_t)c->view.root_version);
    if (st != PQI_OK) {
        return st;
    }
    uint32_t i = 0;
    while ((st = pqi_cdb_step(&r)) == PQI_OK) {
        const uint32_t index = pqi_cdb_col_u32(&r, 0), min = pqi_cdb_col_u32(&r, 1);
        while (i < n && d[i].member->leaf.roster_index < index) {
            i++;
        }
        if (i < n && d[i].member->leaf.roster_index == index) {
            d[i].revoked = d[i].member->leaf.key_epoch < min;
        }
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

static pqi_status join_all(
    pqi_host_control *c, pqi_control_device *d, const pqi_control_member *m, uint32_t n)
{
    const uint64_t now = (uint64_t)pqi_control_now_s(c);
    for (uint32_t i = 0; i < n; i++) {
        d[i].member = &m[i];
        d[i].fresh = PQI_FRESH_UNKNOWN;
        d[i].age = UINT32_MAX;
        d[i].expires_soon = m[i].not_after != 0 && m[i].not_after < now + SOON_S;
    }
    qsort(d, n, sizeof *d, by_device);
    pqi_status st = join_seen(c, d, n);
    qsort(d, n, sizeof *d, by_index);
    return st == PQI_OK ? join_revoked(c, d, n) : st;
}

pqi_status pqi_host_control_fleet_status(
    pqi_host_control *c, int (*cb)(void *ctx, const pqi_control_device *d), void *ctx)
{
    pqi_control_member *m = NULL;
    pqi_control_device *d = NULL;
    uint32_t n = 0;
    pqi_why_clear();
    if (c == NULL || cb == NULL) {
        return no_store();
    }
    pqi_status st = pqi_control_refresh(c, 0);
    if (st == PQI_OK) {
        st = pqi_cdb_begin(c->db, 0);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_control_members(c, c->view.root_version, c->view.roster.seq, &m, &n);
    if (st == PQI_OK && n != 0) {
        d = calloc(n, sizeof *d);
        st = d != NULL ? join_all(c, d, m, n) : pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = pqi_cdb_end(c->db, st);
    for (uint32_t i = 0; i < n && st == PQI_OK; i++) {
        if (cb(ctx, &d[i]) != 0) {
            break;
        }
    }
    free(d);
    free(m);
    return st;
}
