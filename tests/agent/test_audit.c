/* SPDX-License-Identifier: Apache-2.0
 * The audit log of the key agent: its chain, damage of every kind, turning over, a full disk. */
#include "pqi_test.h"
#include "tmp_dir.h"

#include "port/linux/agent_audit.h"

#include <pqi/host.h>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static tmp_dir d;
static char path[128];
static pqi_agent_audit log_;

static const pqi_agent_peer who = {.uid = 1000, .gid = 100, .pid = 4711};

static void open_log(uint64_t size, unsigned keep)
{
    assert_int_equal(
        pqi_agent_audit_open(&log_, &pqi_classic_openssl, path, size, keep, false), PQI_OK);
}

static pqi_status put(const char *domain)
{
    const pqi_agent_req q = {.op = PQI_AGENT_SIGN,
        .key = 0x02000013,
        .name = {(const uint8_t *)domain, strlen(domain)},
        .data = {PQI_LIT("never in the log")}};
    const pqi_agent_event e = {"sign", &who, "pump-1", &q, PQI_OK};
    return pqi_agent_audit_write(&log_, &e);
}

static size_t slurp(char *out, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room - 1, f);
    (void)fclose(f);
    out[n] = '\0';
    return n;
}

static void spill(const char *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static pqi_status verify(uint64_t *lines)
{
    const char *const one[] = {path};
    uint8_t hash[PQI_AGENT_HASH];
    return pqi_agent_audit_verify(&pqi_classic_openssl, one, 1, lines, hash);
}

static void begin(void)
{
    tmp_dir_make(&d);
    (void)tmp_dir_file(&d, "audit", path);
}

static void content(void **state)
{
    (void)state;
    static char text[8192];
    uint64_t n = 0;
    begin();
    open_log(0, 0);
    assert_int_equal(put("PQI4 \"\\\n\x80"), PQI_OK);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    pqi_agent_audit_close(&log_);
    (void)slurp(text, sizeof text);
    assert_non_null(strstr(text, "\"op\":\"sign\",\"uid\":1000,\"gid\":100,\"pid\":4711,"
                                 "\"store\":\"pump-1\",\"key\":\"0x02000013\","
                                 "\"domain\":\"PQI4 \\u0022\\u005c\\u000a\\u0080\","
                                 "\"status\":\"PQI_OK\",\"hash\":\""));
    assert_null(strstr(text, "never"));
    assert_int_equal(verify(&n), PQI_OK);
    assert_int_equal(n, 2);
    (void)tmp_dir_clear(&d, 1);
}

/* The formula of docs/spec/agent.md section 5, from its text. */
static void formula(void **state)
{
    (void)state;
    static char text[8192];
    uint8_t hash[32] = {0};
    begin();
    open_log(0, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put("PQI4 v1"), PQI_OK);
    }
    pqi_agent_audit_close(&log_);
    (void)slurp(text, sizeof text);
    char *at = text;
    for (int i = 0; i < 3; i++) {
        char *end = strstr(at, ",\"hash\":\"");
        assert_non_null(end);
        const pqi_cspan parts[] = {{hash, 32}, {(const uint8_t *)at, (size_t)(end - at)}};
        uint8_t next[32];
        assert_int_equal(pqi_classic_openssl.hash(PQI_HASH_SHA256, parts, 2, next), PQI_OK);
        memcpy(hash, next, sizeof hash);
        for (size_t k = 0; k < 32; k++) {
            char two[3];
            (void)snprintf(two, sizeof two, "%02x", hash[k]);
            assert_memory_equal(two, end + 9 + 2 * k, 2);
        }
        at = strchr(end, '\n') + 1;
    }
    (void)tmp_dir_clear(&d, 1);
}

/* Every byte changed, every line gone, two lines swapped, the front cut off. */
static void damage(void **state)
{
    (void)state;
    static char text[8192], bad[8192];
    uint64_t n = 0;
    begin();
    open_log(0, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(put("PQI4 v1"), PQI_OK);
    }
    pqi_agent_audit_close(&log_);
    size_t len = slurp(text, sizeof text), line = 1;
    assert_int_equal(verify(&n), PQI_OK);
    for (size_t i = 0; i < len; i++) {
        memcpy(bad, text, len);
        bad[i] ^= 1;
        spill(bad, len);
        assert_int_equal(verify(&n), PQI_ERR_AUTH);
        assert_true(n < 4 && n + 1 <= line + 1);
        line += text[i] == '\n';
    }
    /* nothing covers the digits of a hash: another spelling of the same is an alteration too */
    memcpy(bad, text, len);
    char *digit = strstr(bad, "\"hash\":\"") + 8;
    while (*digit < 'a') {
        digit++;
    }
    *digit = (char)(*digit - 'a' + 'A');
    spill(bad, len);
    assert_int_equal(verify(&n), PQI_ERR_AUTH);
    char *second = strchr(text, '\n') + 1, *third = strchr(second, '\n') + 1;
    size_t one = (size_t)(third - second);
    memcpy(bad, text, len); /* the second is gone */
    memmove(bad + (second - text), third, len - (size_t)(third - text));
    spill(bad, len - one);
    assert_int_equal(verify(&n), PQI_ERR_AUTH);
    assert_int_equal(n, 1);
    char *fourth = strchr(third, '\n') + 1; /* second and third swapped */
    size_t other = (size_t)(fourth - third);
    memcpy(bad, text, len);
    memcpy(bad + (second - text), third, other);
    memcpy(bad + (second - text) + other, second, one);
    spill(bad, len);
    assert_int_equal(verify(&n), PQI_ERR_AUTH);
    spill(text, len - 1);
    assert_int_equal(verify(&n), PQI_ERR_AUTH);
    spill(text, len);
    assert_int_equal(verify(&n), PQI_OK);
    (void)tmp_dir_clear(&d, 1);
}

static void goes_on(void **state)
{
    (void)state;
    static char text[8192];
    uint64_t n = 0;
    begin();
    open_log(0, 0);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    pqi_agent_audit_close(&log_);
    /* a crash in the middle of a line: nobody got that answer */
    size_t len = slurp(text, sizeof text);
    spill(text, len - 30);
    open_log(0, 0);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    pqi_agent_audit_close(&log_);
    assert_int_equal(verify(&n), PQI_OK);
    assert_int_equal(n, 2);
    spill("not a line\n", 11);
    assert_int_equal(
        pqi_agent_audit_open(&log_, &pqi_classic_openssl, path, 0, 0, false), PQI_ERR_STORAGE);
    pqi_agent_audit_close(&log_);
    (void)tmp_dir_clear(&d, 1);
}

static void turns_over(void **state)
{
    (void)state;
    char old[3][140];
    uint64_t n = 0;
    uint8_t hash[PQI_AGENT_HASH];
    begin();
    for (int i = 0; i < 12; i++) {
        open_log(500, 2); /* also over restarts */
        assert_int_equal(put("PQI4 v1"), PQI_OK);
        pqi_agent_audit_close(&log_);
    }
    assert_int_equal(tmp_dir_count(&d), 3);
    (void)snprintf(old[0], sizeof old[0], "%s.2", path);
    (void)snprintf(old[1], sizeof old[1], "%s.1", path);
    const char *const all[] = {old[0], old[1], path}, *const wrong[] = {old[1], old[0]},
                      *const gap[] = {old[0], path};
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, all, 3, &n, hash), PQI_OK);
    assert_true(n >= 5 && n < 12);
    assert_int_equal(
        pqi_agent_audit_verify(&pqi_classic_openssl, wrong, 2, &n, hash), PQI_ERR_AUTH);
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, gap, 2, &n, hash), PQI_ERR_AUTH);
    (void)tmp_dir_clear(&d, 1);
}

/* Turning over fails while no file can be opened: no line is lost, no old file is pushed out, however often
 * it is tried, and the chain is whole when it works again. */
static void cannot_turn_over(void **state)
{
    (void)state;
    char old[3][140];
    uint64_t n = 0, lines = 0;
    uint8_t hash[PQI_AGENT_HASH];
    struct rlimit was, now;
    begin();
    open_log(500, 3);
    while (tmp_dir_count(&d) < 4 || log_.size < 500) {
        assert_int_equal(pqi_agent_audit_ready(&log_), PQI_OK);
        assert_int_equal(put("PQI4 v1"), PQI_OK);
        lines++;
    }
    for (int i = 0; i < 3; i++) {
        (void)snprintf(old[i], sizeof old[i], "%s.%d", path, 3 - i);
    }
    const char *const all[] = {old[0], old[1], old[2], path};
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, all, 4, &n, hash), PQI_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    now = was;
    now.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(put("PQI4 v1"), PQI_OK); /* what was under way when it began */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pqi_agent_audit_ready(&log_), PQI_ERR_STORAGE);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, all, 4, &lines, hash), PQI_OK);
    assert_int_equal(lines, n + 1);
    assert_int_equal(pqi_agent_audit_ready(&log_), PQI_OK);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    pqi_agent_audit_close(&log_);
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, all, 4, &n, hash), PQI_OK);
    assert_int_equal(tmp_dir_count(&d), 4);
    /* the file itself was taken away: the old ones move up once */
    open_log(1, 3);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pqi_agent_audit_ready(&log_), PQI_ERR_STORAGE);
    }
    pqi_agent_audit_close(&log_);
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, all, 2, &n, hash), PQI_OK);
    assert_int_equal(tmp_dir_count(&d), 2);
    (void)tmp_dir_clear(&d, 1);
}

/* The room that a line needs is there in the new file as well, before a key is used. */
static void room_in_the_new_file(void **state)
{
    (void)state;
    begin();
    open_log(500, 1);
    assert_int_equal(pqi_agent_audit_ready(&log_), PQI_OK);
    while (tmp_dir_count(&d) < 2) { /* lines of others come between ready and write */
        assert_int_equal(put("PQI4 v1"), PQI_OK);
        assert_true(log_.no_reserve || log_.reserved > log_.size + 16384);
    }
    pqi_agent_audit_close(&log_);
    (void)tmp_dir_clear(&d, 1);
}

/* ---- refusals ------------------------------------------------------------------------------------- */

static uint64_t clock_ms = 1000; /* ms */

static uint64_t fake_clock(void)
{
    return clock_ms;
}

static void refuse(uid_t uid, pqi_status st)
{
    const pqi_agent_peer peer = {.uid = uid, .gid = 1, .pid = 1};
    const pqi_agent_event e = {"sign", &peer, "pump-1", NULL, st};
    pqi_agent_audit_refused(&log_, &e);
}

static void open_with_clock(uint64_t size, unsigned keep)
{
    open_log(size, keep);
    log_.now_ms = fake_clock;
}

static uint64_t sum_of(const char *text, const char *field)
{
    uint64_t sum = 0;
    for (const char *p = text; (p = strstr(p, field)) != NULL; p++) {
        sum += strtoul(p + strlen(field), NULL, 10);
    }
    return sum;
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++) {
        n++;
    }
    return n;
}

/* Refusals that any line tells of. */
static uint64_t told(const char *text)
{
    return sum_of(text, "\"refused\":") + sum_of(text, "\"skipped\":");
}

/* One user, one reason: the first at once, the others as a number when the window is over. */
static void refusals_fold(void **state)
{
    (void)state;
    static char text[65536];
    uint64_t n = 0;
    begin();
    open_with_clock(0, 0);
    for (int i = 0; i < 1000; i++) {
        refuse(7, PQI_ERR_POLICY);
        refuse(7, i < 10 ? PQI_ERR_LIMIT : PQI_ERR_POLICY);
    }
    (void)slurp(text, sizeof text);
    assert_int_equal(count_of(text, "\n"), 2);
    assert_non_null(
        strstr(text, "\"op\":\"sign\",\"uid\":7,\"gid\":1,\"pid\":1,\"store\":\"pump-1\","
                     "\"status\":\"PQI_ERR_POLICY\",\"refused\":1,\"hash\":"));
    clock_ms += PQI_AGENT_FOLD_MS - 1;
    pqi_agent_audit_settle(&log_, false); /* not yet */
    (void)slurp(text, sizeof text);
    assert_int_equal(count_of(text, "\n"), 2);
    clock_ms++;
    pqi_agent_audit_settle(&log_, false);
    (void)slurp(text, sizeof text);
    assert_int_equal(count_of(text, "\n"), 4);
    assert_non_null(strstr(
        text, "\"op\":\"refused\",\"uid\":7,\"status\":\"PQI_ERR_POLICY\",\"refused\":1989,"));
    assert_non_null(
        strstr(text, "\"op\":\"refused\",\"uid\":7,\"status\":\"PQI_ERR_LIMIT\",\"refused\":9,"));
    refuse(7, PQI_ERR_POLICY); /* a new window has its first line */
    refuse(8, PQI_ERR_POLICY);
    (void)slurp(text, sizeof text);
    assert_int_equal(count_of(text, "\n"), 6);
    assert_int_equal(told(text), 2002);
    pqi_agent_audit_close(&log_);
    assert_int_equal(verify(&n), PQI_OK);
    (void)tmp_dir_clear(&d, 1);
}

static pqi_status put_plain(const char *what)
{
    const pqi_agent_event e = {what, NULL, NULL, NULL, PQI_OK};
    return pqi_agent_audit_write(&log_, &e);
}

/* A flood by many users for hours, over restarts: not one line of honest use is pushed out, refusals stay in
 * their part of the file, and every one of them is counted. */
static void flood_of_refusals(void **state)
{
    (void)state;
    static char text[1u << 17];
    const uint64_t size = 65536;
    uint64_t n = 0, refused = 0;
    unsigned honest = 0;
    begin();
    open_with_clock(size, 1);
    for (uid_t i = 0; i < 100000; i++) {
        refuse(i % 500, PQI_ERR_POLICY);
        refused++;
        clock_ms += 100;
        if (i % 1000 == 0) {
            assert_int_equal(pqi_agent_audit_ready(&log_), PQI_OK);
            assert_int_equal(put("PQI4 v1"), PQI_OK);
            honest++;
        }
        if (i % 9999 == 0) {
            pqi_agent_audit_settle(&log_, true);
            assert_int_equal(put_plain("stop"), PQI_OK); /* carries what no line told */
            pqi_agent_audit_close(&log_);
            open_with_clock(size, 1);
        }
    }
    pqi_agent_audit_settle(&log_, true);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    honest++;
    pqi_agent_audit_close(&log_);
    assert_int_equal(tmp_dir_count(&d), 1); /* nothing was turned over */
    size_t len = slurp(text, sizeof text);
    assert_true(len < size);
    assert_int_equal(count_of(text, "\"domain\":\"PQI4 v1\""), honest);
    assert_int_equal(told(text), refused);
    size_t part = 0;
    for (const char *p = text, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
        const char *at = strstr(p, ",\"refused\":");
        part += at != NULL && at < end ? (size_t)(end + 1 - p) : 0;
    }
    assert_null(strstr(text, "\"cut\""));
    assert_true(part != 0 && part <= size / PQI_AGENT_REFUSED_PART);
    assert_int_equal(verify(&n), PQI_OK);
    (void)tmp_dir_clear(&d, 1);
}

/* More users than windows: who has none is counted in `skipped`. */
static void more_users_than_windows(void **state)
{
    (void)state;
    static char text[65536];
    begin();
    open_with_clock(0, 0);
    for (uid_t i = 0; i < PQI_AGENT_FOLDS + 5; i++) {
        refuse(i, PQI_ERR_POLICY);
        refuse(i, PQI_ERR_POLICY);
    }
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    (void)slurp(text, sizeof text);
    assert_int_equal(count_of(text, "\n"), PQI_AGENT_FOLDS + 1);
    assert_int_equal(sum_of(text, "\"skipped\":"), 10);
    clock_ms += PQI_AGENT_FOLD_MS; /* and there is room again */
    refuse(9999, PQI_ERR_POLICY);
    (void)slurp(text, sizeof text);
    assert_non_null(strstr(text, "\"uid\":9999"));
    assert_int_equal(told(text), 2 * (PQI_AGENT_FOLDS + 5) + 1);
    pqi_agent_audit_close(&log_);
    (void)tmp_dir_clear(&d, 1);
}

/* In the middle of a window: a stop tells the count; after a crash the first line says that one may be gone. */
static void restarts_in_a_window(void **state)
{
    (void)state;
    static char text[65536];
    uint64_t n = 0;
    begin();
    open_with_clock(0, 0);
    assert_int_equal(put_plain("start"), PQI_OK);
    refuse(7, PQI_ERR_POLICY);
    refuse(7, PQI_ERR_POLICY);
    pqi_agent_audit_settle(&log_, true);
    assert_int_equal(put_plain("stop"), PQI_OK);
    pqi_agent_audit_close(&log_);
    open_with_clock(0, 0);
    assert_int_equal(put_plain("start"), PQI_OK);
    (void)slurp(text, sizeof text);
    assert_int_equal(told(text), 2);
    assert_null(strstr(text, "\"cut\""));
    refuse(7, PQI_ERR_POLICY);
    refuse(7, PQI_ERR_POLICY);
    const off_t part = log_.refused_bytes;
    assert_true(part != 0);
    assert_int_equal(close(log_.fd), 0); /* killed */
    assert_int_equal(close(log_.dir), 0);
    open_with_clock(0, 0);
    assert_int_equal(log_.refused_bytes, part); /* their part of the file is as used as it was */
    assert_int_equal(put_plain("start"), PQI_OK);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    (void)slurp(text, sizeof text);
    assert_int_equal(count_of(text, "\"op\":\"start\",\"status\":\"PQI_OK\",\"cut\":true,"), 1);
    assert_int_equal(count_of(text, "\"cut\""), 1);
    pqi_agent_audit_close(&log_);
    assert_int_equal(verify(&n), PQI_OK);
    (void)tmp_dir_clear(&d, 1);
}

/* Refusals neither take the room that was promised to a use nor make a log that failed look mended. */
static void refusals_of_a_full_disk(void **state)
{
    (void)state;
    static char text[65536];
    struct rlimit was, small;
    begin();
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    open_with_clock(0, 0);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    small = was;
    small.rlim_cur = 400;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(put("PQI4 v1"), PQI_ERR_STORAGE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    refuse(7, PQI_ERR_POLICY);
    assert_true(log_.failed);
    (void)slurp(text, sizeof text);
    assert_int_equal(count_of(text, "\n"), 1);
    assert_int_equal(pqi_agent_audit_ready(&log_), PQI_OK);
    (void)slurp(text, sizeof text);
    assert_non_null(strstr(text, "\"op\":\"audit\",\"status\":\"PQI_OK\",\"skipped\":1,"));
    while (!log_.no_reserve && log_.reserved - log_.size > 16384) {
        refuse((uid_t)log_.size, PQI_ERR_POLICY);
        clock_ms += PQI_AGENT_FOLD_MS;
    }
    refuse(8, PQI_ERR_POLICY);
    assert_true(log_.no_reserve || log_.reserved - log_.size > 16384);
    pqi_agent_audit_close(&log_);
    (void)tmp_dir_clear(&d, 1);
}

/* A file that may not grow stands for a disk that is full. */
static void full_disk(void **state)
{
    (void)state;
    struct rlimit was, now;
    uint64_t n = 0;
    begin();
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    open_log(0, 0);
    assert_int_equal(pqi_agent_audit_ready(&log_), PQI_OK);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    now = was;
    now.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    int good = 0;
    while (good < 20 && put("PQI4 v1") == PQI_OK) {
        good++;
    }
    assert_true(good < 20); /* refused, and no half line is left */
    assert_int_equal(verify(&n), PQI_OK);
    assert_int_equal(n, good + 1);
    /* after a failure nothing is allowed before a line gets through */
    assert_int_equal(pqi_agent_audit_ready(&log_), PQI_ERR_STORAGE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(pqi_agent_audit_ready(&log_), PQI_OK);
    assert_int_equal(put("PQI4 v1"), PQI_OK);
    pqi_agent_audit_close(&log_);
    assert_int_equal(verify(&n), PQI_OK);
    assert_int_equal(n, good + 3);
    (void)tmp_dir_clear(&d, 1);
}

PQI_TEST_MAIN(cmocka_unit_test(content), cmocka_unit_test(formula), cmocka_unit_test(damage),
    cmocka_unit_test(goes_on), cmocka_unit_test(turns_over), cmocka_unit_test(cannot_turn_over),
    cmocka_unit_test(room_in_the_new_file), cmocka_unit_test(refusals_fold),
    cmocka_unit_test(flood_of_refusals), cmocka_unit_test(more_users_than_windows),
    cmocka_unit_test(restarts_in_a_window), cmocka_unit_test(refusals_of_a_full_disk),
    cmocka_unit_test(full_disk))
