/* SPDX-License-Identifier: Apache-2.0
 * Provisioning: who gets a certificate (INV-18), in which order (INV-19), and what a device accepts
 * (INV-22, INV-101, INV-103). */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <unistd.h>

static pqi_cspan text(const char *s)
{
    pqi_cspan v = {(const uint8_t *)s, strlen(s)};
    return v;
}

static void path_of(char out[160], const char *dir, const char *name)
{
    (void)snprintf(out, 160, "%s/%s", dir, name);
}

/* A challenge with some fields changed, as somebody in between would do it. */
static void forge(const blob *from, blob *to, const char *id, int other_nonce)
{
    pqi_challenge c;
    assert_int_equal(pqi_challenge_decode(blob_span(from), &c), PQI_OK);
    c.device_id = text(id);
    if (other_nonce) {
        c.nonce[0] ^= 1u;
    }
    to->p = calloc(1, PQI_CHALLENGE_MAX);
    assert_non_null(to->p);
    pqi_span room = {to->p, PQI_CHALLENGE_MAX};
    assert_int_equal(pqi_challenge_encode(&c, room, &to->len), PQI_OK);
}

typedef struct world {
    fleet f;
    node a, b;
    blob ch, rq, gr, x;
    pqi_host_ca_issued done;
    uint8_t confirm[PQI_CONFIRM_LEN];
} world;

static void world_begin(world *w)
{
    memset(w, 0, sizeof *w);
    fleet_make(&w->f);
    node_make(&w->f, &w->a, "pump-1");
    node_make(&w->f, &w->b, "pump-2");
    fleet_enrol(&w->f, &w->a);
}

static void world_end(world *w)
{
    blob_free(&w->ch);
    blob_free(&w->rq);
    blob_free(&w->gr);
    blob_free(&w->x);
    fleet_end(&w->f);
}

/* INV-18: not on the list: no challenge, and no certificate for a challenge of one's own making. */
static void inv_18_not_listed(void **state)
{
    world w;
    (void)state;
    world_begin(&w);
    assert_int_equal(node_init(&w.f, &w.b, &w.x), PQI_OK);
    assert_int_equal(fleet_challenge(&w.f, "pump-2", &w.ch), PQI_ERR_MISSING);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    blob_free(&w.x);
    forge(&w.ch, &w.x, "pump-2", 0);
    assert_int_equal(node_join(&w.b, &w.x, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_POLICY);
    assert_int_equal(w.gr.len, 0);
    world_end(&w);
}

/* INV-18: another factory key under a listed id. */
static void inv_18_other_factory_key(void **state)
{
    world w;
    node thief;
    (void)state;
    world_begin(&w);
    node_make(&w.f, &thief, "pump-1");
    (void)snprintf(thief.dir, sizeof thief.dir, "%s/thief", w.f.top);
    assert_int_equal(node_init(&w.f, &thief, &w.x), PQI_OK);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&thief, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_AUTH);
    /* and the nonce is still good for the real one */
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    world_end(&w);
}

/* INV-18: the factory key was replaced after the certificate was issued: the old hardware gets the
 * grant no more, and cannot confirm the one it got. */
static void inv_18_replaced_hardware(void **state)
{
    world w;
    uint8_t fp[32];
    (void)state;
    world_begin(&w);
    memset(fp, 0x77, sizeof fp);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    assert_int_equal(node_install(&w.f, &w.a, &w.gr, w.confirm), PQI_OK);
    assert_int_equal(fleet_allow(&w.f, "pump-1", fp, 1), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.x, &w.done), PQI_ERR_POLICY);
    assert_int_equal(w.x.len, 0);
    assert_int_equal(fleet_confirm(&w.f, w.confirm), PQI_ERR_POLICY);
    world_end(&w);
}

/* INV-18: a nonce is good once. */
static void inv_18_nonce_used(void **state)
{
    world w;
    (void)state;
    world_begin(&w);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    /* the same bytes while pending: the same grant, not another certificate */
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.x, &w.done), PQI_OK);
    assert_int_equal(w.done.repeated, 1);
    assert_int_equal(w.x.len, w.gr.len);
    assert_memory_equal(w.x.p, w.gr.p, w.gr.len);
    /* another request with the same nonce */
    assert_int_equal(node_join(&w.a, &w.ch, &w.x), PQI_OK);
    blob other = {NULL, 0};
    assert_int_equal(fleet_issue(&w.f, &w.x, &other, &w.done), PQI_ERR_POLICY);
    assert_int_equal(node_install(&w.f, &w.a, &w.gr, w.confirm), PQI_OK);
    assert_int_equal(fleet_confirm(&w.f, w.confirm), PQI_OK);
    /* and the first bytes once more, after the confirmation */
    assert_int_equal(fleet_issue(&w.f, &w.rq, &other, &w.done), PQI_ERR_POLICY);
    blob_free(&other);
    world_end(&w);
}

/* INV-18: a nonce lives 24 hours and not before it was made. */
static void inv_18_nonce_expired(void **state)
{
    world w;
    uint64_t t0;
    (void)state;
    world_begin(&w);
    t0 = w.f.now;
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    w.f.now = t0 + PQI_HOST_CA_CHALLENGE_TTL;
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_POLICY);
    w.f.now = t0 - 3600;
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_POLICY);
    w.f.now = t0 + PQI_HOST_CA_CHALLENGE_TTL - 1;
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    world_end(&w);
}

/* INV-18: a nonce made for another device, or by nobody. */
static void inv_18_nonce_foreign(void **state)
{
    world w;
    (void)state;
    world_begin(&w);
    fleet_enrol(&w.f, &w.b);
    assert_int_equal(fleet_challenge(&w.f, "pump-2", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_ERR_POLICY); /* the device sees it */
    forge(&w.ch, &w.x, "pump-1", 0);
    assert_int_equal(node_join(&w.a, &w.x, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_POLICY); /* so does the CA */
    blob_free(&w.x);
    forge(&w.ch, &w.x, "pump-1", 1);
    assert_int_equal(node_join(&w.a, &w.x, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_POLICY);
    world_end(&w);
}

/* INV-18: no altered request passes; revoked devices get nothing. */
static void inv_18_tampered_and_revoked(void **state)
{
    world w;
    pqi_host_ca *ca = NULL;
    uint64_t seq = 0;
    (void)state;
    world_begin(&w);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    for (size_t i = 0; i < w.rq.len; i += i < 64 ? 1 : 509) {
        w.rq.p[i] ^= 1u;
        assert_int_not_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
        w.rq.p[i] ^= 1u;
    }
    w.rq.len--;
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_DECODE);
    w.rq.len += 2;
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_DECODE);
    w.rq.len--;
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_revoke(ca, text("pump-1"), 0, 1, &seq), PQI_OK);
    assert_int_equal(seq, 1);
    pqi_host_ca_close(ca);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_POLICY);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_ERR_POLICY);
    world_end(&w);
}

/* INV-19: each issue is one higher, over restarts (every helper opens the CA anew), also when the one
 * before was never confirmed. */
static void inv_19_epochs_rise(void **state)
{
    world w;
    uint32_t epoch = 0;
    (void)state;
    world_begin(&w);
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    assert_int_equal(epoch, 1);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    assert_int_equal(w.done.key_epoch, 2);
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    assert_int_equal(epoch, 3);
    /* the grant of epoch 2 is for keys that are gone */
    assert_int_not_equal(node_install(&w.f, &w.a, &w.gr, w.confirm), PQI_OK);
    world_end(&w);
}

/* INV-19: an older registry, older keys or no registry at all: refused; recover moves on. */
static void inv_19_restored(void **state)
{
    world w;
    char db[160], old[160], keys[160], old_keys[160];
    uint32_t epoch = 0;
    pqi_host_ca *ca = NULL;
    pqi_host_ca_recovered r;
    pqi_cspan none = {NULL, 0};
    (void)state;
    world_begin(&w);
    path_of(db, w.f.ca_dir, "ca.db");
    path_of(old, w.f.top, "old.db");
    path_of(keys, w.f.ca_dir, "keys");
    path_of(old_keys, w.f.top, "old-keys");
    tree_copy(db, old);
    tree_copy(keys, old_keys);
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    tree_copy(keys, w.f.top); /* top/keys: the newer ones */
    tree_remove(keys);
    tree_copy(old_keys, keys);
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_ERR_ROLLBACK);
    assert_null(ca);
    tree_remove(keys);
    path_of(old_keys, w.f.top, "keys");
    tree_copy(old_keys, keys);
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK);
    pqi_host_ca_close(ca);
    tree_remove(db);
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_ERR_MISSING);
    assert_int_equal(fleet_init_ca(&w.f), PQI_ERR_ROLLBACK);
    tree_remove(db);
    tree_copy(old, db);
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_ERR_ROLLBACK);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_ERR_ROLLBACK);
    assert_int_equal(pqi_host_ca_recover(&w.f.ca_cfg, none, &r), PQI_OK);
    assert_true(r.registry < r.counter);
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    assert_true(epoch > 1000);
    world_end(&w);
}

/* INV-19: a restored backup is always noticed, even with the keys that belong to it. */
static void inv_19_backup_is_marked(void **state)
{
    world w;
    char to[160];
    uint32_t epoch = 0;
    pqi_host_ca *ca = NULL;
    pqi_host_ca_recovered r;
    pqi_cspan none = {NULL, 0};
    (void)state;
    world_begin(&w);
    path_of(to, w.f.top, "backup");
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_backup(ca, to), PQI_OK);
    assert_int_equal(pqi_host_ca_backup(ca, to), PQI_ERR_STATE);
    pqi_host_ca_close(ca);
    ca = NULL;
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    tree_remove(w.f.ca_dir);
    tree_copy(to, w.f.ca_dir);
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_ERR_ROLLBACK);
    assert_int_equal(pqi_host_ca_recover(&w.f.ca_cfg, none, &r), PQI_OK);
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    assert_true(epoch > 1000);
    world_end(&w);
}

/* A backup touches nothing that it did not make: not the directory behind a link that somebody put
 * where it works, and not a CA whose directory has such a name. */
static void backup_removes_nothing(void **state)
{
    world w;
    char to[160], part[170], moved[170];
    pqi_host_ca *ca = NULL;
    (void)state;
    world_begin(&w);
    path_of(to, w.f.top, "backup");
    (void)snprintf(part, sizeof part, "%s.part", to);
    assert_int_equal(symlink(w.f.root_dir, part), 0);
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_backup(ca, to), PQI_OK);
    (void)snprintf(moved, sizeof moved, "%s/keys", w.f.root_dir);
    assert_int_equal(access(moved, F_OK), 0);
    pqi_host_ca_close(ca);
    ca = NULL;
    (void)snprintf(moved, sizeof moved, "%s/other.part", w.f.top);
    assert_int_equal(rename(w.f.ca_dir, moved), 0);
    w.f.ca_cfg.dir = moved;
    path_of(to, w.f.top, "other");
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_backup(ca, to), PQI_OK);
    pqi_host_ca_close(ca);
    ca = NULL;
    assert_int_equal(pqi_host_ca_open(&ca, &w.f.ca_cfg), PQI_OK); /* still there */
    pqi_host_ca_close(ca);
    world_end(&w);
}

/* INV-22: a device takes only a grant for itself, for its live keys, under its pinned root. */
static void inv_22_grant(void **state)
{
    world w;
    fleet other;
    node alien;
    (void)state;
    world_begin(&w);
    fleet_enrol(&w.f, &w.b);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    assert_int_equal(node_install(&w.f, &w.b, &w.gr, w.confirm), PQI_ERR_STATE);
    for (size_t i = 0; i < w.gr.len; i += i < 16 ? 1 : 997) {
        w.gr.p[i] ^= 1u;
        assert_int_not_equal(node_install(&w.f, &w.a, &w.gr, w.confirm), PQI_OK);
        w.gr.p[i] ^= 1u;
    }
    w.gr.len--;
    assert_int_not_equal(node_install(&w.f, &w.a, &w.gr, w.confirm), PQI_OK);
    w.gr.len++;
    assert_int_equal(node_install(&w.f, &w.a, &w.gr, w.confirm), PQI_OK);

    /* a device pinned to another root refuses a perfectly good grant of this CA */
    fleet_make(&other);
    node_make(&w.f, &alien, "valve-1");
    other.now = w.f.now;
    assert_int_equal(node_init(&other, &alien, &w.x), PQI_OK);
    pqi_host_device_status s;
    assert_int_equal(pqi_host_device_get_status(&alien.cfg, &s), PQI_OK);
    assert_int_equal(fleet_allow(&w.f, "valve-1", s.factory_fp, 0), PQI_OK);
    assert_int_equal(fleet_challenge(&w.f, "valve-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&alien, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    alien.cfg.kek.key_file = w.f.key_file;
    assert_int_equal(node_install(&w.f, &alien, &w.gr, w.confirm), PQI_ERR_AUTH);
    fleet_end(&other);
    world_end(&w);
}

/* INV-101: files that went missing are an error, and a new start is a stranger to the CA. */
static void inv_101_deleted_files(void **state)
{
    world w;
    char path[160], kept[160];
    uint32_t epoch = 0;
    pqi_host_device *d = NULL;
    pqi_host_device_status s;
    (void)state;
    world_begin(&w);
    const pqi_now now = {0, w.f.now, 0};
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    path_of(kept, w.f.top, "kept");
    tree_copy(w.a.dir, kept);
    path_of(path, w.a.dir, "state");
    tree_remove(path);
    assert_int_equal(pqi_host_device_open(&d, &w.a.cfg, &now), PQI_ERR_ROLLBACK);
    assert_null(d);
    assert_int_equal(pqi_host_device_get_status(&w.a.cfg, &s), PQI_ERR_ROLLBACK);
    assert_int_equal(node_init(&w.f, &w.a, &w.x), PQI_ERR_ROLLBACK);
    tree_remove(w.a.dir);
    tree_copy(kept, w.a.dir);
    path_of(path, w.a.dir, "keys");
    tree_remove(path);
    assert_int_equal(pqi_host_device_open(&d, &w.a.cfg, &now), PQI_ERR_ROLLBACK);
    assert_int_equal(node_init(&w.f, &w.a, &w.x), PQI_ERR_ROLLBACK);
    tree_remove(w.a.dir);
    assert_int_equal(pqi_host_device_open(&d, &w.a.cfg, &now), PQI_ERR_MISSING);
    assert_int_equal(node_init(&w.f, &w.a, &w.x), PQI_OK);
    assert_int_equal(pqi_host_device_open(&d, &w.a.cfg, &now), PQI_ERR_STATE);
    assert_int_equal(fleet_challenge(&w.f, "pump-1", &w.ch), PQI_OK);
    assert_int_equal(node_join(&w.a, &w.ch, &w.rq), PQI_OK);
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_ERR_AUTH);
    world_end(&w);
}

/* INV-103: the pin comes with the first init and cannot be changed; nothing opens before install. */
static void inv_103_pinned_first(void **state)
{
    world w;
    uint32_t epoch = 0;
    pqi_host_device *d = NULL;
    (void)state;
    world_begin(&w);
    const pqi_now now = {0, w.f.now, 0};
    assert_int_equal(pqi_host_device_open(&d, &w.a.cfg, &now), PQI_ERR_STATE);
    assert_null(d);
    w.f.hash[0] ^= 1u;
    assert_int_equal(node_init(&w.f, &w.a, &w.x), PQI_ERR_STATE);
    w.f.hash[0] ^= 1u;
    assert_int_equal(node_init(&w.f, &w.a, &w.x), PQI_OK);
    assert_int_equal(fleet_provision(&w.f, &w.a, &epoch), PQI_OK);
    assert_int_equal(pqi_host_device_open(&d, &w.a.cfg, &now), PQI_OK);
    assert_memory_equal(pqi_host_device_pinned(d), w.f.hash, 32);
    assert_string_equal(pqi_host_device_id(d), "pump-1");
    assert_non_null(pqi_host_device_endpoint(d));
    pqi_host_device_close(d);
    world_end(&w);
}

PQI_TEST_MAIN(cmocka_unit_test(inv_18_not_listed), cmocka_unit_test(inv_18_other_factory_key),
    cmocka_unit_test(inv_18_replaced_hardware), cmocka_unit_test(inv_18_nonce_used),
    cmocka_unit_test(inv_18_nonce_expired), cmocka_unit_test(inv_18_nonce_foreign),
    cmocka_unit_test(inv_18_tampered_and_revoked), cmocka_unit_test(inv_19_epochs_rise),
    cmocka_unit_test(inv_19_restored), cmocka_unit_test(inv_19_backup_is_marked),
    cmocka_unit_test(backup_removes_nothing), cmocka_unit_test(inv_22_grant),
    cmocka_unit_test(inv_101_deleted_files), cmocka_unit_test(inv_103_pinned_first))
