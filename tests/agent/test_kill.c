/* SPDX-License-Identifier: Apache-2.0
 * Death of the key agent at any moment: nothing that was answered is lost, counters never go back, the
 * clients go on by themselves. A full disk under the audit log stops the keys. No key in a client. INV-2,
 * INV-6, INV-11. */
#include "agent/agent_rig.h"

#include "port/linux/agent_audit.h"
#include "port/linux/element.h"

#include <pqi/host.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DOMAIN ((pqi_cspan){PQI_LIT("PQI4 v1")})

static agent_rig r;

static void sleep_ms(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

static pqi_status sign(pqi_provider *p, pqi_key key, uint8_t *sig, size_t room)
{
    const pqi_cspan part = {PQI_LIT("a message")};
    size_t n = 0;
    return pqi_provider_sign(p, key, DOMAIN, &part, 1, (pqi_span){sig, room}, &n);
}

/* ---- kill -9 -------------------------------------------------------------------------------------- */

enum { CLIENTS = 4, OPERATIONS = 200, KILLS = 12 };

typedef struct worker {
    pthread_t t;
    unsigned n, done, failed, wrong;
    pqi_provider *p;
} worker;

static atomic_int stop;

/* Until the agent is back. A failure other than of the way to the agent is wrong. */
static pqi_status again(worker *w, pqi_status st)
{
    if (st == PQI_ERR_PROVIDER) {
        w->failed++;
        sleep_ms(2);
    } else if (st != PQI_OK) {
        w->wrong++;
    }
    return st;
}

/* Counter, key and record of its own: what was answered must be there ever after. */
static void one_round(worker *w, unsigned i)
{
    pqi_provider *p = w->p;
    uint64_t v = 0;
    const uint32_t slot = w->n;
    const pqi_key key = 0x100u + w->n * 64u + i % 8u;
    pqi_key_info info;
    uint8_t blob[8 + PQI_SEAL_OVERHEAD], back[8], mine[8];
    static _Thread_local uint8_t sig[PQI_SIG_MAX_SIG];
    memcpy(mine, &i, sizeof i);
    memcpy(mine + sizeof i, &w->n, sizeof w->n);
    while (again(w, pqi_provider_counter_advance(p, slot, i)) == PQI_ERR_PROVIDER) {
    }
    while (again(w, pqi_provider_counter_get(p, slot, &v)) == PQI_ERR_PROVIDER) {
    }
    w->wrong += v != i;
    pqi_status st;
    do {
        st = pqi_provider_generate(p, key, PQI_KEY_X25519, 0);
        /* the answer of an earlier try was lost with the agent: it may have been a yes */
        if (st == PQI_ERR_STATE && pqi_provider_info(p, key, &info) == PQI_OK) {
            st = PQI_OK;
        }
    } while (again(w, st) == PQI_ERR_PROVIDER);
    while (again(w, sign(p, 5, sig, sizeof sig)) == PQI_ERR_PROVIDER) {
    }
    const pqi_cspan label = {PQI_LIT("state")};
    while (again(w, pqi_provider_seal(p, label, i, (pqi_cspan){mine, 8},
                        (pqi_span){blob, sizeof blob})) == PQI_ERR_PROVIDER) {
    }
    while (again(w, pqi_provider_unseal(p, label, i, (pqi_cspan){blob, sizeof blob},
                        (pqi_span){back, 8})) == PQI_ERR_PROVIDER) {
    }
    w->wrong += memcmp(back, mine, 8) != 0;
    do {
        st = pqi_provider_destroy(p, key);
        if (st == PQI_ERR_MISSING) {
            st = PQI_OK; /* as above */
        }
    } while (again(w, st) == PQI_ERR_PROVIDER);
    w->done += 7;
}

static void *client(void *arg)
{
    worker *w = arg;
    for (unsigned i = 1; atomic_load(&stop) == 0 || w->done < OPERATIONS; i++) {
        one_round(w, i);
    }
    return NULL;
}

static void killed_agent(void **state)
{
    (void)state;
    worker w[CLIENTS];
    memset(w, 0, sizeof w);
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    assert_int_equal(pqi_provider_generate(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    atomic_store(&stop, 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        w[i].n = i;
        w[i].p = agent_rig_open(&r, "s");
        assert_non_null(w[i].p);
        assert_int_equal(pthread_create(&w[i].t, NULL, client, &w[i]), 0);
    }
    for (unsigned k = 0; k < KILLS; k++) {
        sleep_ms(20 + 7 * k);
        agent_rig_kill(&r, SIGKILL);
        agent_rig_start(&r);
    }
    atomic_store(&stop, 1);
    unsigned failed = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        uint64_t v = 0;
        assert_int_equal(pthread_join(w[i].t, NULL), 0);
        assert_int_equal(w[i].wrong, 0);
        assert_true(w[i].done >= OPERATIONS);
        failed += w[i].failed;
        assert_int_equal(pqi_provider_counter_get(p, i, &v), PQI_OK);
        assert_int_equal(v, w[i].done / 7);
        agent_rig_close(w[i].p);
    }
    assert_true(failed != 0); /* or nobody was in the middle of anything */
    agent_rig_close(p);
    agent_rig_kill(&r, SIGTERM);
    /* the log tells all of it, over all deaths */
    const char *const one[] = {r.audit};
    uint64_t lines = 0;
    uint8_t hash[PQI_AGENT_HASH];
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, one, 1, &lines, hash), PQI_OK);
    assert_true(lines > CLIENTS * OPERATIONS / 2);
    /* and which of its runs were killed */
    unsigned starts = agent_rig_lines(&r, "\"op\":\"start\"");
    assert_true(starts > 1);
    assert_int_equal(agent_rig_lines(&r, "\"cut\":true"), starts - 1);
    agent_rig_end(&r);
}

/* Refusals that were only counted when it was told to stop are in the log, before the line "stop". */
static void counts_survive_a_stop(void **state)
{
    (void)state;
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    for (int i = 0; i < 5; i++) {
        assert_null(agent_rig_open(&r, "no-such-store"));
    }
    assert_int_equal(agent_rig_lines(&r, "\"refused\":"), 1);
    agent_rig_kill(&r, SIGTERM);
    assert_int_equal(agent_rig_lines(&r, "\"op\":\"refused\""), 1);
    assert_int_equal(agent_rig_lines(&r, "\"status\":\"PQI_ERR_POLICY\",\"refused\":4,"), 1);
    agent_rig_start(&r);
    agent_rig_kill(&r, SIGTERM);
    assert_int_equal(agent_rig_lines(&r, "\"op\":\"start\""), 2);
    assert_int_equal(agent_rig_lines(&r, "\"cut\""), 0);
    agent_rig_end(&r);
}

/* ---- a full disk ---------------------------------------------------------------------------------- */

static void full_disk(void **state)
{
    (void)state;
    char log[128], ballast[160];
    static uint8_t sig[PQI_SIG_MAX_SIG], page[4096];
    agent_rig_make(&r, NULL);
    (void)snprintf(log, sizeof log, "%s/log", r.top);
    (void)snprintf(ballast, sizeof ballast, "%s/ballast", log);
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", log, "tmpfs", 0, "size=256k,mode=0700") != 0) {
        agent_rig_end(&r);
        skip(); /* needs a file system of its own */
    }
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    assert_int_equal(pqi_provider_generate(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    assert_int_equal(sign(p, 5, sig, sizeof sig), PQI_OK);
    int fd = open(ballast, O_WRONLY | O_CREAT, 0600);
    while (write(fd, page, sizeof page) > 0) {
    }
    (void)close(fd);
    int good = 0;
    pqi_status st = PQI_OK;
    while (good < 2000 && (st = sign(p, 5, sig, sizeof sig)) == PQI_OK) {
        good++;
    }
    assert_int_equal(st, PQI_ERR_STORAGE);
    const char *text = NULL;
    (void)pqi_provider_native_error(p, &text);
    assert_string_equal(text, "the audit log cannot be written: keys are not used");
    assert_int_equal(pqi_provider_generate(p, 6, PQI_KEY_X25519, 0), PQI_ERR_STORAGE);
    pqi_key_info info;
    assert_int_equal(pqi_provider_info(p, 6, &info), PQI_ERR_MISSING); /* it was not done */
    assert_int_equal(pqi_provider_info(p, 5, &info), PQI_OK);          /* no key was used */
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(sign(p, 5, sig, sizeof sig), PQI_OK);
    agent_rig_close(p);
    agent_rig_kill(&r, SIGTERM);
    const char *const one[] = {r.audit};
    uint64_t lines = 0;
    uint8_t hash[PQI_AGENT_HASH];
    assert_int_equal(pqi_agent_audit_verify(&pqi_classic_openssl, one, 1, &lines, hash), PQI_OK);
    assert_int_equal(umount(log), 0);
    agent_rig_end(&r);
}

/* ---- memory of a client --------------------------------------------------------------------------- */

/* Whether a needle is in the readable memory of this process, other than in `needle` itself. */
static bool in_memory(const uint8_t *needle, size_t len)
{
    static uint8_t buf[1 << 20];
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    int mem = open("/proc/self/mem", O_RDONLY);
    assert_true(maps != NULL && mem >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from = 0, to = 0;
        char mode[5] = "";
        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[0] != 'r' ||
            to - from > 1ul << 32) { /* the shadow of a sanitizer */
            continue;
        }
        for (unsigned long at = from; at < to; at += sizeof buf - 64) {
            size_t want = to - at < sizeof buf ? to - at : sizeof buf;
            ssize_t n = pread(mem, buf, want, (off_t)at);
            for (uint8_t *hit = buf;
                 n > 0 && (hit = memmem(hit, (size_t)n - (size_t)(hit - buf), needle, len)) != NULL;
                 hit++) {
                uintptr_t where = at + (uintptr_t)(hit - buf);
                bool own = where == (uintptr_t)needle ||
                           (where >= (uintptr_t)buf && where < (uintptr_t)buf + sizeof buf);
                found = found || !own;
            }
        }
    }
    (void)fclose(maps);
    (void)close(mem);
    return found;
}

/* Seeds of all saved keys of a store, read out of its file with the key file: docs/spec/
 * provider-files.md sections 1 and 2. */
static size_t read_seeds(uint8_t seed[8][96], size_t len[8])
{
    static uint8_t file[65536], plain[65536];
    char path[128], name[128];
    uint8_t prk[32], kek[32];
    const pqi_classic *c = &pqi_classic_openssl;
    (void)snprintf(path, sizeof path, "%s/store/provider.pqi", r.top);
    (void)snprintf(name, sizeof name, "%s/kek", r.top);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(file, 1, sizeof file, f);
    (void)fclose(f);
    uint8_t key[64];
    f = fopen(name, "rb");
    size_t k = fread(key, 1, sizeof key, f);
    (void)fclose(f);
    const pqi_cspan ikm = {key, k};
    assert_int_equal(
        pqi_hkdf_extract(c, PQI_HASH_SHA256, (pqi_cspan){file + 10, 16}, &ikm, 1, prk), PQI_OK);
    const pqi_cspan info = {PQI_LIT("PQI4 host kek")};
    assert_int_equal(
        pqi_hkdf_expand(c, PQI_HASH_SHA256, (pqi_cspan){prk, 32}, &info, 1, (pqi_span){kek, 32}),
        PQI_OK);
    const pqi_aead_key aead = {PQI_AEAD_AES_256_GCM, {kek, 32}, {file + 26, 12}};
    assert_int_equal(c->aead_open(&aead, (pqi_cspan){file, 26}, (pqi_cspan){file + 38, n - 38},
                         (pqi_span){plain, n - 38 - 16}),
        PQI_OK);
    size_t count = 0, at = n - 38 - 16;
    /* backwards is not possible; find the keys by their handles */
    for (size_t i = 0; i + 10 < at && count < 8; i++) {
        static const uint8_t head[3] = {0, 0, 0x40};
        size_t s = plain[i + 9];
        if (memcmp(plain + i, head, 3) == 0 && plain[i + 3] < 8 && s >= 32 && s <= 96 &&
            i + 10 + s <= at) {
            memcpy(seed[count], plain + i + 10, s);
            len[count++] = s;
            i += 9 + s;
        }
    }
    memset(plain, 0, sizeof plain);
    memset(file, 0, sizeof file);
    return count;
}

static void no_key_in_a_client(void **state)
{
    (void)state;
    static uint8_t seed[8][96], sig[PQI_SIG_MAX_SIG], ss[32], ct[PQI_KEM_MAX_CT];
    size_t len[8];
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    assert_int_equal(pqi_provider_generate(p, 0x4001, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 0x4002, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 0x4003, PQI_KEY_X25519, 0), PQI_OK);
    for (int i = 0; i < 20; i++) {
        const uint8_t base[32] = {9};
        assert_int_equal(sign(p, 0x4001, sig, sizeof sig), PQI_OK);
        assert_int_equal(pqi_provider_decapsulate(p, 0x4002, (pqi_cspan){ct, 1088}, ss), PQI_OK);
        assert_int_equal(pqi_provider_dh(p, 0x4003, base, ss), PQI_OK);
    }
    assert_int_equal(read_seeds(seed, len), 3);
    for (size_t i = 0; i < 3; i++) {
        /* the second half: what is looked for is in memory once, here */
        assert_false(in_memory(seed[i] + len[i] / 2, len[i] / 2));
    }
    /* a shared secret that was handed out, and wiped by its owner, is in no buffer of the client */
    static uint8_t copy[32];
    memcpy(copy, ss, 32);
    memset(ss, 0, sizeof ss);
    assert_false(in_memory(copy, 32));
    /* the search does find what is there */
    uint8_t *planted = malloc(32);
    assert_non_null(planted);
    memcpy(planted, seed[0] + len[0] / 2, len[0] / 2);
    assert_true(in_memory(seed[0] + len[0] / 2, len[0] / 2));
    free(planted);
    agent_rig_close(p);
    agent_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(killed_agent), cmocka_unit_test(no_key_in_a_client),
    cmocka_unit_test(counts_survive_a_stop), cmocka_unit_test(full_disk))
