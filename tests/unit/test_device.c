/* SPDX-License-Identifier: Apache-2.0
 * Device directories beyond the usual walk: other algorithms, repeated steps, status, a wrong KEK,
 * deleted files, and key handles that come round. */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include "port/linux/device_int.h"

#include <unistd.h>

typedef struct world {
    fleet f;
    node n;
    blob ch, rq, gr, x;
    pqi_host_ca_issued done;
    uint8_t confirm[PQI_CONFIRM_LEN];
} world;

static void world_begin(world *w)
{
    memset(w, 0, sizeof *w);
    fleet_make(&w->f);
    node_make(&w->f, &w->n, "pump-1");
    fleet_enrol(&w->f, &w->n);
}

static void world_end(world *w)
{
    blob_free(&w->ch);
    blob_free(&w->rq);
    blob_free(&w->gr);
    blob_free(&w->x);
    fleet_end(&w->f);
}

static pqi_status join_as(world *w, const pqi_host_join_opts *o)
{
    blob_free(&w->rq);
    w->rq.p = calloc(1, PQI_JOIN_REQUEST_MAX);
    assert_non_null(w->rq.p);
    return pqi_host_device_join(
        &w->n.cfg, blob_span(&w->ch), o, (pqi_span){w->rq.p, PQI_JOIN_REQUEST_MAX}, &w->rq.len);
}

/* From the challenge to the confirmation at the CA. */
static void provision_as(world *w, const pqi_host_join_opts *o)
{
    assert_int_equal(fleet_challenge(&w->f, w->n.id, &w->ch), PQI_OK);
    assert_int_equal(join_as(w, o), PQI_OK);
    assert_int_equal(fleet_issue(&w->f, &w->rq, &w->gr, &w->done), PQI_OK);
    assert_int_equal(node_install(&w->f, &w->n, &w->gr, w->confirm), PQI_OK);
    assert_int_equal(fleet_confirm(&w->f, w->confirm), PQI_OK);
}

static pqi_host_device_status status_of(world *w)
{
    pqi_host_device_status s;
    assert_int_equal(pqi_host_device_get_status(&w->n.cfg, &s), PQI_OK);
    return s;
}

static pqi_host_device *opened(world *w)
{
    pqi_host_device *d = NULL;
    const pqi_now now = {0, w->f.now, 0};
    assert_int_equal(pqi_host_device_open(&d, &w->n.cfg, &now), PQI_OK);
    assert_non_null(d);
    return d;
}

/* The public keys of the request in w->rq. */
static pqi_join_request asked(world *w)
{
    pqi_join_request q;
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    assert_int_equal(pqi_join_decode(&algs, blob_span(&w->rq), &q), PQI_OK);
    return q;
}

static void other_algorithms(void **state)
{
    (void)state;
    static const struct {
        uint32_t kem;
        int32_t sig;
        uint32_t suites; /* all of that KEM and its composite but X-Wing, which has a mark */
    } sets[] = {{PQI_KEM_ID_ML_KEM_512, PQI_SIG_ID_ML_DSA_44, 0x01},
        {PQI_KEM_ID_ML_KEM_1024, PQI_SIG_ID_ML_DSA_87, 0x08},
        {PQI_KEM_ID_ML_KEM_768, PQI_SIG_ID_ML_DSA_65, 0x106}};
    world w;
    world_begin(&w);
    uint8_t *out = malloc(PQI_ANNOUNCE_MAX);
    assert_non_null(out);
    for (size_t i = 0; i < 3; i++) { /* one device, renewed with other algorithms each time */
        size_t len = 0;
        provision_as(&w, &(pqi_host_join_opts){.kem_alg = sets[i].kem, .sig_alg = sets[i].sig});
        pqi_host_device_status s = status_of(&w);
        assert_true(s.installed && !s.join_pending);
        assert_int_equal(s.key_epoch, i + 1);
        assert_true(s.kem_alg == sets[i].kem && s.sig_alg == sets[i].sig);
        pqi_host_device *d = opened(&w);
        assert_int_equal(pqi_host_device_endpoint(d)->cert.suites, sets[i].suites);
        assert_int_equal(pqi_endpoint_announce(
                             pqi_host_device_endpoint(d), (pqi_span){out, PQI_ANNOUNCE_MAX}, &len),
            PQI_OK);
        pqi_host_device_close(d);
    }
    free(out);
    assert_int_equal(join_as(&w, &(pqi_host_join_opts){.kem_alg = 77}), PQI_ERR_UNSUPPORTED);
    assert_int_equal(join_as(&w, &(pqi_host_join_opts){.sig_alg = 77}), PQI_ERR_UNSUPPORTED);
    assert_int_equal(join_as(&w, &(pqi_host_join_opts){.suites = pqi_suite_0001.bitmap}),
        PQI_ERR_UNSUPPORTED); /* not a suite of ML-KEM-768 */
    assert_false(status_of(&w).join_pending);
    world_end(&w);
}

/* A device without a signing key joins and is certified: the KEM and the confirmation authenticate it.
 * The endpoint signs every packet and does not open for it. */
static void kem_only(void **state)
{
    (void)state;
    world w;
    pqi_host_device *d = NULL;
    world_begin(&w);
    provision_as(&w, &(pqi_host_join_opts){.kem_only = 1});
    pqi_host_device_status s = status_of(&w);
    assert_true(s.installed && s.sig_alg == 0 && s.kem_alg == PQI_KEM_ID_ML_KEM_768);
    const pqi_now now = {0, w.f.now, 0};
    assert_int_equal(pqi_host_device_open(&d, &w.n.cfg, &now), PQI_OK);
    assert_int_equal(pqi_host_device_keys(d).sig, 0);
    pqi_host_device_close(d);
    provision_as(&w, NULL); /* it may get one later */
    assert_int_equal(status_of(&w).sig_alg, PQI_SIG_ID_ML_DSA_65);
    pqi_host_device_close(opened(&w));
    world_end(&w);
}

/* The same challenge gives a request for the same keys, another one new keys; the older grant is then
 * worth nothing, and the installed keys go on. */
static void join_again(void **state)
{
    (void)state;
    world w;
    uint8_t kem[32], x25519[32];
    world_begin(&w);
    assert_int_equal(fleet_challenge(&w.f, w.n.id, &w.ch), PQI_OK);
    assert_int_equal(join_as(&w, NULL), PQI_OK);
    pqi_join_request q = asked(&w);
    memcpy(kem, q.kem_pk.ptr, 32);
    memcpy(x25519, q.x25519_pk.ptr, 32);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(join_as(&w, NULL), PQI_OK);
        q = asked(&w);
        assert_memory_equal(q.kem_pk.ptr, kem, 32);
        assert_memory_equal(q.x25519_pk.ptr, x25519, 32);
        assert_true(status_of(&w).join_pending);
    }
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    assert_int_equal(fleet_challenge(&w.f, w.n.id, &w.ch), PQI_OK);
    assert_int_equal(join_as(&w, NULL), PQI_OK);
    q = asked(&w);
    assert_memory_not_equal(q.kem_pk.ptr, kem, 32);
    assert_memory_not_equal(q.x25519_pk.ptr, x25519, 32);
    assert_int_equal(node_install(&w.f, &w.n, &w.gr, w.confirm), PQI_ERR_AUTH);
    assert_false(status_of(&w).installed);
    /* Other algorithms for the same challenge are another wish, so other keys. */
    memcpy(kem, q.x25519_pk.ptr, 32);
    assert_int_equal(join_as(&w, &(pqi_host_join_opts){.kem_only = 1}), PQI_OK);
    q = asked(&w);
    assert_memory_not_equal(q.x25519_pk.ptr, kem, 32);
    assert_int_equal(q.sig_alg, 0);
    provision_as(&w, NULL);
    world_end(&w);
}

/* install once more gives the same confirmation and changes nothing; an older grant is refused. */
static void install_again(void **state)
{
    (void)state;
    world w;
    uint8_t again[PQI_CONFIRM_LEN], zero[PQI_CONFIRM_LEN] = {0};
    world_begin(&w);
    assert_int_equal(node_install(&w.f, &w.n, &w.x, again), PQI_ERR_STATE); /* nothing asked */
    provision_as(&w, NULL);
    pqi_host_device_status before = status_of(&w);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(node_install(&w.f, &w.n, &w.gr, again), PQI_OK);
        assert_memory_equal(again, w.confirm, sizeof again);
    }
    pqi_host_device_status after = status_of(&w);
    assert_memory_equal(after.key_id, before.key_id, sizeof after.key_id);
    blob old = w.gr;
    w.gr = (blob){NULL, 0};
    provision_as(&w, NULL);
    assert_int_equal(node_install(&w.f, &w.n, &old, again), PQI_ERR_STATE);
    assert_memory_equal(again, zero, sizeof again);
    assert_int_equal(fleet_challenge(&w.f, w.n.id, &w.ch), PQI_OK);
    assert_int_equal(join_as(&w, NULL), PQI_OK);
    assert_int_equal(node_install(&w.f, &w.n, &old, again), PQI_ERR_AUTH);
    assert_int_equal(status_of(&w).key_epoch, 2);
    blob_free(&old);
    world_end(&w);
}

static void status_at_each_step(void **state)
{
    (void)state;
    world w;
    pqi_host_device_status s;
    uint8_t zero[32] = {0};
    memset(&w, 0, sizeof w);
    fleet_make(&w.f);
    node_make(&w.f, &w.n, "pump-1");
    assert_int_equal(pqi_host_device_get_status(&w.n.cfg, &s), PQI_ERR_MISSING);
    assert_int_not_equal(access(w.n.dir, F_OK), 0); /* asking makes nothing */
    fleet_enrol(&w.f, &w.n);
    s = status_of(&w);
    assert_string_equal(s.id, "pump-1");
    assert_memory_equal(s.pinned, w.f.hash, 32);
    assert_memory_not_equal(s.factory_fp, zero, 32);
    assert_true(!s.installed && !s.join_pending && s.key_epoch == 0 && s.kem_alg == 0);
    assert_int_equal(fleet_challenge(&w.f, w.n.id, &w.ch), PQI_OK);
    assert_int_equal(join_as(&w, NULL), PQI_OK);
    s = status_of(&w);
    assert_true(!s.installed && s.join_pending && s.key_epoch == 0);
    provision_as(&w, NULL);
    s = status_of(&w);
    assert_true(s.installed && !s.join_pending && s.key_epoch == w.done.key_epoch);
    assert_true(s.root_version == 1 && s.not_after > w.f.now && s.not_before <= w.f.now);
    assert_int_equal(s.provider_caps & (PQI_CAP_NO_ROLLBACK | PQI_CAP_NON_EXPORTABLE), 0);
    pqi_host_device *d = opened(&w);
    assert_int_equal(pqi_host_device_get_status(&w.n.cfg, &s), PQI_ERR_STATE); /* in use */
    pqi_host_device_close(d);
    world_end(&w);
}

static void wrong_kek(void **state)
{
    (void)state;
    world w;
    pqi_host_device *d = NULL;
    pqi_host_device_status s;
    char other[128];
    world_begin(&w);
    provision_as(&w, NULL);
    const pqi_now now = {0, w.f.now, 0};
    (void)snprintf(other, sizeof other, "%s/other", w.f.top);
    tree_copy(w.f.key_file, other);
    FILE *f = fopen(other, "r+b");
    assert_non_null(f);
    assert_int_equal(fputc(0x77, f), 0x77);
    assert_int_equal(fclose(f), 0);
    static const pqi_cspan words = {PQI_LIT("a passphrase")};
    const pqi_host_kek_source bad[] = {{.key_file = other}, {.passphrase = words}};
    for (size_t i = 0; i < 2; i++) {
        w.n.cfg.kek = bad[i];
        assert_int_equal(pqi_host_device_open(&d, &w.n.cfg, &now), PQI_ERR_AUTH);
        assert_null(d);
        assert_int_equal(pqi_host_device_get_status(&w.n.cfg, &s), PQI_ERR_AUTH);
        assert_int_equal(join_as(&w, NULL), PQI_ERR_AUTH);
        assert_int_equal(node_init(&w.f, &w.n, &w.x), PQI_ERR_AUTH);
        assert_int_equal(node_install(&w.f, &w.n, &w.gr, w.confirm), PQI_ERR_AUTH);
    }
    w.n.cfg.kek = (pqi_host_kek_source){0};
    assert_int_equal(pqi_host_device_open(&d, &w.n.cfg, &now), PQI_ERR_ARG);
    w.n.cfg.kek.key_file = w.f.key_file;
    pqi_host_device_close(opened(&w));
    world_end(&w);
}

/* ---- deleted files ------------------------------------------------------------------------------ */

static void gone(const world *w, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", w->n.dir, name);
    tree_remove(path);
}

/* Whatever is missing: it is this device with its certificate, or an error. Only where every trace of
 * it is gone may init make a new device, which then has no certificate. */
static void never_permissive(world *w, int all_gone, const char *what)
{
    pqi_host_device *d = NULL;
    const pqi_now now = {0, w->f.now, 0};
    pqi_status st = pqi_host_device_open(&d, &w->n.cfg, &now);
    if (st == PQI_OK) {
        assert_memory_equal(pqi_host_device_pinned(d), w->f.hash, 32);
        assert_int_equal(pqi_host_device_endpoint(d)->cert.key_epoch, w->done.key_epoch);
    }
    pqi_host_device_close(d);
    uint8_t real = w->f.hash[0];
    w->f.hash[0] ^= 1u; /* a thief's root */
    pqi_status made = node_init(&w->f, &w->n, &w->x);
    w->f.hash[0] = real;
    int lost = st == PQI_ERR_ROLLBACK || st == PQI_ERR_STORAGE; /* never "there is no device" */
    if (all_gone ? st != PQI_ERR_MISSING || made != PQI_OK
                 : made == PQI_OK || (st != PQI_OK && !lost)) {
        fail_msg("%s: open %s, init %s", what, pqi_status_name(st), pqi_status_name(made));
    }
    if (made == PQI_OK) {
        assert_int_equal(pqi_host_device_open(&d, &w->n.cfg, &now), PQI_ERR_STATE);
        assert_null(d);
    }
}

/* INV-101: each subset of keys, state and lock. */
static void deleted_parts(void **state)
{
    (void)state;
    static const char *const part[] = {"keys", "state", "lock"};
    world w;
    char kept[128];
    world_begin(&w);
    provision_as(&w, NULL);
    pqi_host_device_close(opened(&w));
    (void)snprintf(kept, sizeof kept, "%s/kept", w.f.top);
    tree_copy(w.n.dir, kept);
    for (unsigned set = 0; set < 8; set++) {
        char what[32] = "deleted: ";
        for (unsigned i = 0; i < 3; i++) {
            if ((set >> i & 1u) != 0) {
                gone(&w, part[i]);
                (void)strcat(strcat(what, part[i]), " ");
            }
        }
        never_permissive(&w, (set & 3u) == 3u, what);
        tree_remove(w.n.dir);
        tree_copy(kept, w.n.dir);
    }
    pqi_host_device_close(opened(&w));
    world_end(&w);
}

/* INV-101: each subset of the files that carry the identity, and each other file alone. */
static void deleted_files(void **state)
{
    (void)state;
    static const char *const file[] = {
        "keys/provider.pqi", "keys/counters.pqi", "state/identity.0", "state/identity.1"};
    static const char *const other[] = {
        "keys/lock", "lock", "state/peers.0", "state/peers.1", "state/seq.0", "state/seq.1"};
    world w;
    char kept[128], what[96];
    world_begin(&w);
    provision_as(&w, NULL);
    pqi_host_device_close(opened(&w));
    (void)snprintf(kept, sizeof kept, "%s/kept", w.f.top);
    tree_copy(w.n.dir, kept);
    for (unsigned set = 0; set < 16 + 6; set++) {
        (void)strcpy(what, "deleted: ");
        for (unsigned i = 0; i < 4 && set < 16; i++) {
            if ((set >> i & 1u) != 0) {
                gone(&w, file[i]);
                (void)strcat(strcat(what, file[i]), " ");
            }
        }
        if (set >= 16) {
            gone(&w, other[set - 16]);
            (void)strcat(what, other[set - 16]);
        }
        never_permissive(&w, set == 15, what);
        tree_remove(w.n.dir);
        tree_copy(kept, w.n.dir);
    }
    world_end(&w);
}

/* ---- handles come round ------------------------------------------------------------------------- */

/* The device as if it had asked `pending` times; the keys of that request do not exist. */
static void set_pending(world *w, uint32_t pending)
{
    pqi_host_device *d = NULL;
    assert_int_equal(pqi_device_attach(&d, &w->n.cfg, 0), PQI_OK);
    d->record.pending = pending;
    d->record.pending_sig = 1;
    d->record.challenge_len = 1;
    assert_int_equal(pqi_device_save(d), PQI_OK);
    pqi_host_device_close(d);
}

static uint32_t current_of(world *w, uint32_t *pending)
{
    pqi_host_device *d = NULL;
    assert_int_equal(pqi_device_attach(&d, &w->n.cfg, 0), PQI_OK);
    uint32_t g = d->record.current;
    *pending = d->record.pending;
    pqi_host_device_close(d);
    return g;
}

/* Generation 4097 would have the handles of generation 1, whose keys are installed: it is left out. */
static void handles_come_round(void **state)
{
    (void)state;
    world w;
    uint32_t pending = 0;
    world_begin(&w);
    provision_as(&w, NULL);
    assert_int_equal(current_of(&w, &pending), 1);
    assert_int_equal(pending, 0);
    assert_int_equal(pqi_device_keys(4097, 1).kem, pqi_device_keys(1, 1).kem);
    set_pending(&w, 4096);
    assert_int_equal(fleet_challenge(&w.f, w.n.id, &w.ch), PQI_OK);
    assert_int_equal(join_as(&w, NULL), PQI_OK);
    assert_int_equal(current_of(&w, &pending), 1);
    assert_int_equal(pending, 4098);
    pqi_host_device_close(opened(&w)); /* the installed keys are still there */
    assert_int_equal(fleet_issue(&w.f, &w.rq, &w.gr, &w.done), PQI_OK);
    assert_int_equal(node_install(&w.f, &w.n, &w.gr, w.confirm), PQI_OK);
    assert_int_equal(current_of(&w, &pending), 4098);
    pqi_host_device_close(opened(&w));
    /* At the end of all numbers it says so, and goes on with what is installed. */
    for (uint32_t at = UINT32_MAX; at >= UINT32_MAX - 1; at--) {
        set_pending(&w, at);
        assert_int_equal(fleet_challenge(&w.f, w.n.id, &w.ch), PQI_OK);
        assert_int_equal(join_as(&w, NULL), at == UINT32_MAX ? PQI_ERR_LIMIT : PQI_OK);
        pqi_host_device_close(opened(&w));
    }
    world_end(&w);
}

PQI_TEST_MAIN(cmocka_unit_test(other_algorithms), cmocka_unit_test(kem_only),
    cmocka_unit_test(join_again), cmocka_unit_test(install_again),
    cmocka_unit_test(status_at_each_step), cmocka_unit_test(wrong_kek),
    cmocka_unit_test(deleted_parts), cmocka_unit_test(deleted_files),
    cmocka_unit_test(handles_come_round))
