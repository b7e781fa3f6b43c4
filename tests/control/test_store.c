/* SPDX-License-Identifier: Apache-2.0
 * The control plane's store: making, opening, damage, what may be put, copies. */
#include "control/rig.h"

#include <pqi/endpoint.h>
#include <sys/stat.h>
#include <unistd.h>

static const pqi_span none = {NULL, 0};

static void a_new_store(void **state)
{
    rig r;
    struct stat sb;
    char path[128];
    (void)state;
    rig_make_empty(&r);
    assert_int_equal(rig_try_open(&r), PQI_OK); /* makes it */
    assert_int_equal(rig_try_open(&r), PQI_OK);
    (void)snprintf(path, sizeof path, "%s/control.db", r.dir);
    if (!r.pg) {
        assert_int_equal(stat(path, &sb), 0);
        assert_int_equal(sb.st_mode & 0777, 0600);
    }
    rig_open(&r);
    pqi_control_info i = rig_info(&r);
    assert_string_equal(i.backend, r.pg ? "postgresql" : "sqlite");
    assert_int_equal(i.root_version, 0);
    assert_int_equal(i.has_keys, 1);
    /* nothing but a root can be put, and no head made */
    pqi_control_made m;
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 50)), PQI_ERR_MISSING);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_STATE);
    rig_poll(&r);
    assert_int_equal(r.n_messages, 0);
    /* the root: this one and no other */
    uint8_t wrong[PQI_HASH_LEN];
    memcpy(wrong, r.root[0].hash, sizeof wrong);
    wrong[31] ^= 1;
    const pqi_cspan root = r.root[0].encoded;
    assert_int_equal(pqi_host_control_begin(r.c, root, wrong), PQI_ERR_AUTH);
    assert_int_equal(
        pqi_host_control_begin(r.c, (pqi_cspan){root.ptr, root.len - 1}, r.root[0].hash),
        PQI_ERR_DECODE);
    assert_int_equal(pqi_host_control_begin(r.c, root, r.root[0].hash), PQI_OK);
    assert_int_equal(pqi_host_control_begin(r.c, root, r.root[0].hash), PQI_OK);
    assert_int_equal(pqi_host_control_begin(r.c, r.root[1].encoded, r.root[1].hash), PQI_ERR_STATE);
    i = rig_info(&r);
    assert_int_equal(i.root_version, 1);
    assert_memory_equal(i.manifest_hash, r.root[0].hash, PQI_HASH_LEN);
    assert_int_equal(i.head_key_named, 1);
    rig_end(&r);
}

static void who_may_open(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    /* keys are one process's, the store is not */
    pqi_host_control *two = NULL;
    pqi_host_control_cfg plain = r.cfg;
    memset(&plain.kek, 0, sizeof plain.kek);
    assert_int_equal(rig_try_open(&r), PQI_ERR_STATE);
    assert_int_equal(pqi_host_control_open(&two, &plain), PQI_OK);
    int is_new = 0;
    assert_int_equal(
        pqi_host_control_put(two, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 50), &is_new), PQI_OK);
    assert_int_equal(is_new, 1);
    assert_int_equal(rig_info(&r).policy_seq, 1); /* the other sees it */
    pqi_control_made m;
    uint32_t wait = 0;
    assert_int_equal(pqi_host_control_advance(two, 0, &m), PQI_ERR_STATE);
    assert_int_equal(pqi_host_control_poll(two, 0, &wait), PQI_ERR_STATE);
    assert_int_equal(pqi_host_control_flush(two, NULL), PQI_ERR_STATE);
    pqi_host_control_close(two);
    rig_close(&r);
    pqi_host_control_cfg bad = r.cfg;
    bad.dir = "/nowhere/at/all";
    assert_int_equal(pqi_host_control_open(&two, &bad), PQI_ERR_MISSING);
    bad = r.cfg;
    bad.store = "mysql://x";
    assert_int_equal(pqi_host_control_open(&two, &bad), PQI_ERR_ARG);
    bad = r.cfg;
    bad.ticks_per_head = PQI_TICKS_MAX + 1;
    assert_int_equal(pqi_host_control_open(&two, &bad), PQI_ERR_ARG);
    assert_null(two);
    rig_end(&r);
}

static void schemas(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    rig_close(&r);
    assert_int_equal(
        rig_int(&r, "SELECT max(version) FROM pqi_migrations"), PQI_HOST_CONTROL_SCHEMA);
    rig_sql(&r, "INSERT INTO pqi_migrations(version, at) VALUES(99, 0)");
    assert_int_equal(rig_try_open(&r), PQI_ERR_UNSUPPORTED);
    assert_non_null(strstr(pqi_host_control_why(), "99"));
    rig_sql(&r, "DELETE FROM pqi_migrations WHERE version = 99");
    assert_int_equal(rig_try_open(&r), PQI_OK);
    if (!r.pg) {
        rig_sql(&r, "PRAGMA application_id=7");
        assert_int_equal(rig_try_open(&r), PQI_ERR_STORAGE);
    }
    rig_end(&r);
}

/* Everything of every kind. */
static void fill(rig *r)
{
    assert_int_equal(rig_put(r, PQI_OBJ_POLICY, rig_policy(r, 1, 60, 1000)), PQI_OK);
    assert_int_equal(rig_put_roster(r, 1, 20), PQI_OK);
    (void)rig_advance(r);
    assert_int_equal(rig_put(r, PQI_OBJ_REVOCATIONS, rig_revocations(r, 0, 3, 0)), PQI_OK);
    assert_int_equal(rig_put(r, PQI_OBJ_REVOCATIONS, rig_revocations(r, 3, 2, 1)), PQI_OK);
    (void)rig_advance(r);
    assert_int_equal(rig_put(r, PQI_OBJ_POLICY, rig_policy(r, 2, 60, 1000)), PQI_OK);
    (void)rig_advance(r);
    assert_int_equal(rig_info(r).head_epoch, 3);
    assert_int_equal(rig_info(r).head_rev, 5);
}

/* Eight bytes of a value become zero: `at` from its front, or from its end where it is negative. */
typedef struct wound {
    const char *table, *column;
    int at;
    const char *where;
} wound;

static void make_wound(rig *r, const wound *w, char *sql, size_t room)
{
    char at[64];
    const char *c = w->column;
    (void)snprintf(at, sizeof at, w->at < 0 ? "length(%s) - %d" : "0 * length(%s) + %d", c,
        w->at < 0 ? -w->at : w->at);
    if (r->pg) {
        (void)snprintf(sql, room,
            "UPDATE %s SET %s = overlay(%s PLACING '\\x0000000000000000'::bytea FROM (%s + 1)::int"
            " FOR 8) WHERE %s",
            w->table, c, c, at, w->where);
    } else {
        (void)snprintf(sql, room,
            "UPDATE %s SET %s = CAST(substr(%s, 1, %s) || x'0000000000000000' ||"
            " substr(%s, %s + 9) AS BLOB) WHERE %s",
            w->table, c, c, at, c, at, w->where);
    }
}

static const wound wounds[] = {
    /* what is signed */
    {"pqi_heads", "encoded", 200, "head_epoch = 2"},
    {"pqi_policies", "encoded", 90, "seq = 1"},
    {"pqi_rosters", "encoded", 99, "seq = 1"},
    {"pqi_segments", "encoded", 99, "start = 3"},
    {"pqi_roots", "encoded", 300, "root_version = 1"},
    /* the signature: the hash of what is signed is as before */
    {"pqi_heads", "encoded", -1000, "head_epoch = 2"},
    {"pqi_policies", "encoded", -1000, "seq = 1"},
    {"pqi_rosters", "encoded", -1000, "seq = 1"},
    {"pqi_segments", "encoded", -1000, "start = 0"},
    {"pqi_roots", "encoded", -1000, "root_version = 1"},
    /* hashes beside it */
    {"pqi_roots", "hash", 8, "root_version = 1"},
    {"pqi_heads", "hash", 8, "head_epoch = 3"},
    {"pqi_policies", "hash", 8, "seq = 2"},
    {"pqi_rosters", "root", 8, "seq = 1"},
    {"pqi_leaves", "cert_hash", 8, "position = 4"},
    {"pqi_entries", "hash", 8, "seq = 5"},
};

/* Numbers, rows that are gone, and one object in the place of another. */
static const char *const changes[] = {
    "UPDATE pqi_entries SET roster_index = 7 WHERE seq = 2",
    "UPDATE pqi_entries SET min_epoch = 7 WHERE seq = 2",
    "UPDATE pqi_entries SET reason = 7 WHERE seq = 2",
    "UPDATE pqi_entries SET quorum = 1 WHERE seq = 2",
    "DELETE FROM pqi_entries WHERE seq = 3",
    "DELETE FROM pqi_entries WHERE seq = 5",
    "UPDATE pqi_segments SET until = 4 WHERE start = 3",
    "UPDATE pqi_segments SET quorum = 0 WHERE start = 3",
    "UPDATE pqi_policies SET seq = 9 WHERE seq = 2",
    "UPDATE pqi_rosters SET seq = 9 WHERE seq = 1",
    "UPDATE pqi_rosters SET size = 19",
    "DELETE FROM pqi_leaves WHERE position = 7",
    "UPDATE pqi_leaves SET key_epoch = 9 WHERE position = 7",
    "UPDATE pqi_heads SET tick_base = 1 WHERE head_epoch = 2",
    "UPDATE pqi_heads SET rev_seq = 4 WHERE head_epoch = 3",
    "UPDATE pqi_heads SET head_epoch = 9 WHERE head_epoch = 3",
    ("UPDATE pqi_heads SET encoded = (SELECT encoded FROM pqi_heads WHERE head_epoch = 1)"
     " WHERE head_epoch = 2"),
};

static void damage_is_found(void **state)
{
    const size_t n = sizeof wounds / sizeof wounds[0];
    const size_t all = n + sizeof changes / sizeof changes[0];
    (void)state;
    for (size_t i = 0; i < all; i++) {
        rig r;
        char sql[512];
        rig_make(&r);
        fill(&r);
        assert_int_equal(pqi_host_control_check(r.c), PQI_OK);
        rig_close(&r);
        if (i < n) {
            make_wound(&r, &wounds[i], sql, sizeof sql);
        } else {
            (void)snprintf(sql, sizeof sql, "%s", changes[i - n]);
        }
        rig_sql(&r, sql);
        for (int keys = 1; keys >= 0; keys--) { /* who has no keys finds it as well */
            if (keys == 0) {
                memset(&r.cfg.kek, 0, sizeof r.cfg.kek);
            }
            pqi_status st = rig_try_open(&r);
            if (st != PQI_ERR_STORAGE) {
                print_error("not found: %s\n", sql);
            }
            assert_int_equal(st, PQI_ERR_STORAGE);
        }
        rig_end(&r);
    }
}

/* A file that is not what SQLite wrote. */
static void damaged_file(void **state)
{
    rig r;
    char path[128];
    (void)state;
    rig_make(&r);
    if (r.pg) {
        rig_end(&r);
        return;
    }
    fill(&r);
    rig_close(&r);
    (void)snprintf(path, sizeof path, "%s/control.db", r.dir);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 4096 * 3, SEEK_SET), 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_not_equal(fputc(0xa5, f), EOF);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rig_try_open(&r), PQI_ERR_STORAGE);
    rig_end(&r);
}

/* What only grows stays, whoever asks. */
static int refused(rig *r, const char *sql)
{
    char shell[1024];
    if (r->pg) {
        (void)snprintf(shell, sizeof shell,
            "psql -qX -v ON_ERROR_STOP=1 '%s' -c \"%s\" >/dev/null 2>&1", r->url, sql);
    } else {
        (void)snprintf(shell, sizeof shell,
            "python3 -c 'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]);"
            " d.execute(sys.argv[2]); d.commit()' %s/control.db \"%s\" >/dev/null 2>&1",
            r->dir, sql);
    }
    return system(shell) != 0;
}

static void tables_only_grow(void **state)
{
    static const char *const sql[] = {"DELETE FROM pqi_heads", "UPDATE pqi_heads SET what = 0",
        "DELETE FROM pqi_entries", "UPDATE pqi_entries SET min_epoch = 9",
        "UPDATE pqi_entries SET quorum = 0", "DELETE FROM pqi_policies", "DELETE FROM pqi_rosters",
        "DELETE FROM pqi_segments", "DELETE FROM pqi_audit", "UPDATE pqi_audit SET at = 0",
        "DELETE FROM pqi_roots", "DELETE FROM pqi_tokens", "UPDATE pqi_state SET changes = 0",
        "UPDATE pqi_state SET tick_number = tick_number - 1"};
    rig r;
    (void)state;
    rig_make(&r);
    fill(&r);
    r.now_ms += 200000;
    rig_poll(&r); /* a tick */
    rig_close(&r);
    assert_false(refused(&r, "UPDATE pqi_state SET writes = writes + 1")); /* the tool works */
    for (size_t i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        if (!refused(&r, sql[i])) {
            fail_msg("taken: %s", sql[i]);
        }
    }
    assert_true(!r.pg || refused(&r, "TRUNCATE pqi_entries"));
    assert_int_equal(rig_try_open(&r), PQI_OK);
    rig_end(&r);
}

static void what_may_be_put(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    static uint8_t copy[PQI_MANIFEST_MAX];
    /* a policy: number, signatures, one object of one number */
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 5, 60, 50)), PQI_OK);
    int is_new = 1;
    assert_int_equal(pqi_host_control_put(r.c, PQI_OBJ_POLICY, rig_span(&r), &is_new), PQI_OK);
    assert_int_equal(is_new, 0);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 4, 60, 50)), PQI_ERR_REPLAY);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 5, 61, 50)), PQI_ERR_POLICY);
    pqi_cspan in = rig_policy(&r, 6, 60, 50);
    memcpy(copy, in.ptr, in.len);
    copy[in.len - 20] ^= 1;
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, (pqi_cspan){copy, in.len}), PQI_ERR_AUTH);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, (pqi_cspan){in.ptr, in.len - 1}), PQI_ERR_DECODE);
    assert_int_equal(rig_put(&r, PQI_OBJ_HEAD, in), PQI_ERR_DECODE);
    assert_int_equal(rig_put(&r, PQI_OBJ_TICK, in), PQI_ERR_ARG);
    /* a roster: its leaves, ascending, with names */
    assert_int_equal(rig_put_roster(&r, 1, 5), PQI_OK);
    assert_int_equal(rig_put_roster(&r, 1, 6), PQI_ERR_POLICY);
    in = rig_roster(&r, 2, 5);
    assert_int_equal(pqi_host_control_put_roster(r.c, in, r.members, 4, &is_new), PQI_ERR_POLICY);
    assert_int_equal(
        pqi_host_control_put_roster(r.c, in, r.members + 1, 5, &is_new), PQI_ERR_POLICY);
    pqi_control_member m[5];
    memcpy(m, r.members, sizeof m);
    m[3].leaf.key_epoch++;
    assert_int_equal(pqi_host_control_put_roster(r.c, in, m, 5, &is_new), PQI_ERR_POLICY);
    m[3] = m[2];
    assert_int_equal(pqi_host_control_put_roster(r.c, in, m, 5, &is_new), PQI_ERR_ARG);
    memcpy(m, r.members, sizeof m);
    m[1].id[0] = '/';
    assert_int_equal(pqi_host_control_put_roster(r.c, in, m, 5, &is_new), PQI_ERR_ARG);
    assert_int_equal(rig_put_roster(&r, 2, 5), PQI_OK);
    assert_int_equal(rig_put_roster(&r, 1, 7), PQI_ERR_POLICY); /* another root of number 1 */
    assert_int_equal(rig_info(&r).roster_seq, 2);
    rig_end(&r);
}

static int count_revoked(void *ctx, uint32_t seq, const pqi_revoked *e, int quorum)
{
    unsigned *n = ctx;
    assert_int_equal(seq, n[0] + n[1] + 1);
    assert_int_equal(e->roster_index, 1000 + seq - 1);
    n[quorum]++;
    return 0;
}

static void log_of_revocations(void **state)
{
    rig r;
    unsigned n[2] = {0, 0};
    (void)state;
    rig_make(&r);
    assert_int_equal(
        rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 1, 2, 0)), PQI_ERR_MISSING);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 0, 0)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 2, 0)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 2, 2, 0)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 1, 4, 0)), PQI_OK);
    assert_int_equal(rig_info(&r).rev_seq, 5);
    /* another history */
    pqi_cspan in = rig_revocations(&r, 0, 6, 0);
    pqi_revoked e[6];
    pqi_revocations x;
    static uint8_t room[8192];
    size_t len = 0;
    assert_int_equal(pqi_revocations_decode(&r.algs, in, &x), PQI_OK);
    for (uint32_t i = 0; i < 6; i++) {
        e[i] = pqi_revocations_at(&x, i);
    }
    e[2].reason = 9;
    const pqi_key revoker = RIG_REVOKER;
    assert_int_equal(pqi_revocations_build(&r.algs, &r.sp.base, &revoker, 1, &x, e, 6,
                         (pqi_span){room, sizeof room}, &len),
        PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, (pqi_cspan){room, len}), PQI_ERR_POLICY);
    x.from = 5;
    x.prev[3] ^= 1;
    assert_int_equal(pqi_revocations_build(&r.algs, &r.sp.base, &revoker, 1, &x, e, 1,
                         (pqi_span){room, sizeof room}, &len),
        PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, (pqi_cspan){room, len}), PQI_ERR_POLICY);
    /* a stranger's, and a policy key's alone */
    const pqi_key stranger = RIG_POLICY1;
    assert_int_equal(pqi_rev_log_start(&r.algs, x.fleet_id, 1, x.prev), PQI_OK);
    x.from = 0;
    assert_int_equal(pqi_revocations_build(&r.algs, &r.sp.base, &stranger, 1, &x, e, 2,
                         (pqi_span){room, sizeof room}, &len),
        PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, (pqi_cspan){room, len}), PQI_ERR_AUTH);
    assert_int_equal(rig_info(&r).rev_seq, 5);
    /* policy signatures for entries that are there already */
    assert_int_equal(pqi_host_control_each_revoked(r.c, count_revoked, n), PQI_OK);
    assert_int_equal(n[0], 5);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 2, 1)), PQI_OK);
    n[0] = n[1] = 0;
    assert_int_equal(pqi_host_control_each_revoked(r.c, count_revoked, n), PQI_OK);
    assert_int_equal(n[1], 2);
    /* the whole log for who asks */
    static uint8_t big[PQI_MANIFEST_MAX];
    assert_int_equal(pqi_host_control_get(r.c, PQI_OBJ_REVOCATIONS, none, &len), PQI_ERR_SPACE);
    assert_true(len > 100);
    assert_int_equal(
        pqi_host_control_get(r.c, PQI_OBJ_REVOCATIONS, (pqi_span){big, sizeof big}, &len), PQI_OK);
    assert_int_equal(pqi_revocations_decode(&r.algs, (pqi_cspan){big, len}, &x), PQI_OK);
    assert_int_equal(x.from, 0);
    assert_int_equal(x.count, 2);
    rig_end(&r);
}

static int64_t rows(rig *r)
{
    return rig_int(r, "SELECT (SELECT count(*) FROM pqi_heads) * 1000000"
                      " + (SELECT count(*) FROM pqi_entries) * 10000"
                      " + (SELECT count(*) FROM pqi_leaves) * 100"
                      " + (SELECT count(*) FROM pqi_policies) + (SELECT count(*) FROM pqi_segments)"
                      " + (SELECT count(*) FROM pqi_rosters) + (SELECT count(*) FROM pqi_tokens)");
}

/* Out of one store, into another; of the other backend, too, when there is one. */
static void copies(void **state)
{
    rig r, two;
    char file[128];
    struct stat sb;
    (void)state;
    rig_make(&r);
    fill(&r);
    (void)snprintf(file, sizeof file, "%s/copy", r.top);
    assert_int_equal(pqi_host_control_backup(r.c, file), PQI_OK);
    assert_int_equal(pqi_host_control_backup(r.c, file), PQI_ERR_STATE);
    assert_int_equal(stat(file, &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    rig_close(&r);
    const int64_t n = rows(&r);
    for (int other = 0; other <= r.pg; other++) {
        rig_make_empty(&two);
        if (other) { /* into SQLite */
            two.cfg.store = NULL;
            two.pg = 0;
        }
        assert_int_equal(pqi_host_control_restore(&two.cfg, file), PQI_OK);
        assert_int_equal(rows(&two), n);
        assert_int_equal(pqi_host_control_restore(&two.cfg, file), PQI_ERR_STATE);
        pqi_host_control_cfg plain = two.cfg; /* its keys are not those of the copy */
        memset(&plain.kek, 0, sizeof plain.kek);
        assert_int_equal(pqi_host_control_open(&two.c, &plain), PQI_OK);
        assert_int_equal(pqi_host_control_check(two.c), PQI_OK);
        assert_int_equal(rig_info(&two).head_epoch, 3);
        assert_int_equal(rig_info(&two).head_rev, 5);
        two.pg = r.pg;
        rig_end(&two);
    }
    /* with its keys it goes on, behind what the lost copy may have used */
    (void)snprintf(r.schema + strlen(r.schema), 8, "_b");
    char sql[128];
    if (r.pg) {
        (void)snprintf(sql, sizeof sql, "CREATE SCHEMA %s", r.schema);
        rig_sql(&r, sql);
        (void)snprintf(r.url + strlen(r.url), 8, "_b");
    } else {
        (void)snprintf(sql, sizeof sql, "%s/control.db", r.dir);
        assert_int_equal(unlink(sql), 0);
    }
    assert_int_equal(pqi_host_control_restore(&r.cfg, file), PQI_OK);
    rig_open(&r);
    assert_int_equal(rig_info(&r).head_epoch, 3);
    pqi_control_made m;
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(m.head_epoch, 3 + 1 + PQI_CONTROL_SKIP);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(m.head_epoch, 3 + 2 + PQI_CONTROL_SKIP);
    rig_close(&r);
    assert_int_equal(rig_try_open(&r), PQI_OK);
    rig_end(&r);
}

/* No byte of a copy can be another. */
static void damaged_copies(void **state)
{
    rig r, two;
    char file[128];
    (void)state;
    rig_make(&r);
    fill(&r);
    (void)snprintf(file, sizeof file, "%s/copy", r.top);
    assert_int_equal(pqi_host_control_backup(r.c, file), PQI_OK);
    FILE *f = fopen(file, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const long size = ftell(f);
    rig_make_empty(&two);
    for (long at = 0; at < size; at += size / 97) {
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        const int was = fgetc(f);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        assert_int_not_equal(fputc(was ^ 0x40, f), EOF);
        assert_int_equal(fflush(f), 0);
        pqi_status st = pqi_host_control_restore(&two.cfg, file);
        if (st != PQI_ERR_STORAGE && st != PQI_ERR_UNSUPPORTED) {
            fail_msg("byte %ld: %s", at, pqi_status_name(st));
        }
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        assert_int_not_equal(fputc(was, f), EOF);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(truncate(file, size - 1), 0);
    assert_int_equal(pqi_host_control_restore(&two.cfg, file), PQI_ERR_STORAGE);
    assert_int_equal(rig_int(&two, "SELECT count(*) FROM pqi_roots"), 0);
    rig_end(&two);
    rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(a_new_store), cmocka_unit_test(who_may_open),
    cmocka_unit_test(schemas), cmocka_unit_test(damage_is_found), cmocka_unit_test(damaged_file),
    cmocka_unit_test(tables_only_grow), cmocka_unit_test(what_may_be_put),
    cmocka_unit_test(log_of_revocations), cmocka_unit_test(copies),
    cmocka_unit_test(damaged_copies))
