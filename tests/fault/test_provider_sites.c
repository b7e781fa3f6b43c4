/* SPDX-License-Identifier: Apache-2.0
 * Each call that the library makes into its provider fails once, wherever it is made: in the commands of CA
 * and device, and in the life of two devices with announcements, prekeys, messages, sessions and restarts.
 * The status comes through, the command simply works the next time, and no message is lost.
 * PQI_TEST_SITES=1 prints how many there are. */
#include "support/fault_provider.h"
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <pqi/endpoint.h>

#define SITES_MAX 600u

pqi_status real_open(pqi_provider **out, const pqi_host_provider_cfg *cfg) __asm__(
    "__real_pqi_host_provider_open");
pqi_status wrap_open(pqi_provider **out, const pqi_host_provider_cfg *cfg) __asm__(
    "__wrap_pqi_host_provider_open");
void real_close(pqi_provider *p) __asm__("__real_pqi_host_provider_close");
void wrap_close(pqi_provider *p) __asm__("__wrap_pqi_host_provider_close");

pqi_status wrap_open(pqi_provider **out, const pqi_host_provider_cfg *cfg)
{
    pqi_status st = real_open(out, cfg);
    if (st == PQI_OK) {
        *out = fault_wrap(*out);
    }
    return st;
}

void wrap_close(pqi_provider *p)
{
    real_close(fault_unwrap(p));
}

/* ---- commands ----------------------------------------------------------------------------------- */

typedef struct scene {
    fleet f;
    node n;
    blob challenge, request, grant;
    uint8_t confirm[PQI_CONFIRM_LEN], fp[32];
} scene;

static char saved[96];

typedef pqi_status (*command)(scene *s);

static pqi_status run_ca_init(scene *s)
{
    return fleet_init_ca(&s->f);
}

static pqi_status run_device_init(scene *s)
{
    blob factory = {NULL, 0};
    pqi_status st = node_init(&s->f, &s->n, &factory);
    blob_free(&factory);
    return st;
}

static pqi_status run_allow(scene *s)
{
    return fleet_allow(&s->f, s->n.id, s->fp, 0);
}

static pqi_status run_challenge(scene *s)
{
    return fleet_challenge(&s->f, s->n.id, &s->challenge);
}

static pqi_status run_join(scene *s)
{
    return node_join(&s->n, &s->challenge, &s->request);
}

static pqi_status run_issue(scene *s)
{
    pqi_host_ca_issued done;
    return fleet_issue(&s->f, &s->request, &s->grant, &done);
}

static pqi_status run_install(scene *s)
{
    return node_install(&s->f, &s->n, &s->grant, s->confirm);
}

static pqi_status run_confirm(scene *s)
{
    return fleet_confirm(&s->f, s->confirm);
}

static pqi_status run_revoke(scene *s)
{
    pqi_host_ca *ca = NULL;
    uint64_t seq = 0;
    pqi_cspan id = {(const uint8_t *)s->n.id, strlen(s->n.id)};
    pqi_status st = pqi_host_ca_open(&ca, &s->f.ca_cfg);
    if (st == PQI_OK) {
        st = pqi_host_ca_revoke(ca, id, 1, 0, &seq);
    }
    pqi_host_ca_close(ca);
    return st;
}

static pqi_status run_revocations(scene *s)
{
    static uint8_t mem[PQI_REVOCATIONS_MAX];
    pqi_host_ca *ca = NULL;
    size_t len = 0;
    pqi_status st = pqi_host_ca_open(&ca, &s->f.ca_cfg);
    if (st == PQI_OK) {
        st = pqi_host_ca_revocations(ca, (pqi_span){mem, sizeof mem}, &len);
    }
    pqi_host_ca_close(ca);
    return st;
}

/* Fails at call 1, 2, ... until a run makes fewer calls; each time the command works afterwards. */
static void every_site(scene *s, command run, const char *name)
{
    unsigned n = 1;
    tree_remove(saved);
    tree_copy(s->f.top, saved);
    for (; n < SITES_MAX; n++) {
        fault_arm(n, n % 2 != 0 ? PQI_ERR_PROVIDER : PQI_ERR_LOCKED);
        pqi_status st = run(s);
        const char *failed = fault.failed;
        pqi_status with = fault.with;
        fault_arm(0, PQI_OK);
        assert_int_equal(fault.open, 0);
        if (failed == NULL) {
            assert_int_equal(st, PQI_OK);
            break;
        }
        if (st != with) {
            fail_msg("%s: call %u, %s, failed with %s and the command with %s", name, n, failed,
                pqi_status_name(with), pqi_status_name(st));
        }
        st = run(s);
        if (st != PQI_OK) {
            fail_msg("%s after call %u, %s: %s, %s", name, n, failed, pqi_status_name(st),
                pqi_host_ca_why());
        }
        tree_remove(s->f.top);
        tree_copy(saved, s->f.top);
    }
    assert_in_range(n, 2, SITES_MAX - 1);
    assert_int_equal(run(s), PQI_OK);
    if (getenv("PQI_TEST_SITES") != NULL) {
        (void)fprintf(stderr, "%s: %u sites\n", name, n - 1);
    }
}

static void commands(void **state)
{
    (void)state;
    scene s;
    pqi_host_device_status st;
    memset(&s, 0, sizeof s);
    fleet_begin(&s.f);
    (void)snprintf(saved, sizeof saved, "%s.saved", s.f.top);
    node_make(&s.f, &s.n, "pump-1");
    every_site(&s, run_ca_init, "ca init");
    every_site(&s, run_device_init, "device init");
    assert_int_equal(pqi_host_device_get_status(&s.n.cfg, &st), PQI_OK);
    memcpy(s.fp, st.factory_fp, sizeof s.fp);
    every_site(&s, run_allow, "ca allow");
    every_site(&s, run_challenge, "ca challenge");
    every_site(&s, run_join, "device join");
    every_site(&s, run_issue, "ca issue");
    every_site(&s, run_install, "device install");
    every_site(&s, run_confirm, "ca confirm");
    assert_int_equal(pqi_host_device_get_status(&s.n.cfg, &st), PQI_OK);
    assert_true(st.installed && st.key_epoch == 1); /* INV-19 */
    every_site(&s, run_challenge, "ca challenge");  /* a renewal */
    every_site(&s, run_join, "device join");
    every_site(&s, run_issue, "ca issue");
    every_site(&s, run_install, "device install");
    every_site(&s, run_confirm, "ca confirm");
    assert_int_equal(pqi_host_device_get_status(&s.n.cfg, &st), PQI_OK);
    assert_true(st.installed && st.key_epoch == 2);
    every_site(&s, run_revoke, "ca revoke");
    every_site(&s, run_revocations, "ca revocations");
    blob_free(&s.challenge);
    blob_free(&s.request);
    blob_free(&s.grant);
    tree_remove(saved);
    fleet_end(&s.f);
}

/* ---- two devices -------------------------------------------------------------------------------- */

typedef struct packet {
    char topic[PQI_TOPIC_MAX];
    uint8_t b[PQI_ENDPOINT_POLL_MAX + 16384];
    size_t len;
} packet;

static fleet world;
static node nodes[2];
static pqi_host_device *devices[2];
static pqi_now now;
static uint8_t plain[PQI_V1_PACKET_MAX];
static packet box, kept;
static int recovering;
static unsigned site;
static const char *site_failed = "";
static const char *const ids[2] = {"pump-1", "pump-2"};

static pqi_endpoint *ep(unsigned i)
{
    return pqi_host_device_endpoint(devices[i]);
}

static pqi_cspan words(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

/* What an operation may answer when its provider failed. */
static void platform(pqi_status st)
{
    assert_true(st == PQI_OK || st == fault.with || st == PQI_ERR_MISSING || st == PQI_ERR_STORAGE);
    if (fault.failed == NULL) {
        assert_true(st == PQI_OK || st == PQI_ERR_MISSING);
    }
}

static int open_one(unsigned i)
{
    pqi_status st = pqi_host_device_open(&devices[i], &nodes[i].cfg, &now);
    if (st != PQI_OK) {
        assert_non_null(fault.failed);
        if (st != fault.with) {
            fail_msg("opening: %s failed with %s, the device with %s", fault.failed,
                pqi_status_name(fault.with), pqi_status_name(st));
        }
        assert_null(devices[i]);
        st = pqi_host_device_open(&devices[i], &nodes[i].cfg, &now); /* and simply again */
    }
    assert_int_equal(st, PQI_OK);
    return 1;
}

static void close_both(void)
{
    for (unsigned i = 0; i < 2; i++) {
        pqi_host_device_close(devices[i]);
        devices[i] = NULL;
    }
    assert_int_equal(fault.open, 0);
}

static pqi_event_kind take(unsigned i, const packet *m, pqi_event *ev)
{
    const pqi_inbound in = {words(m->topic), {m->b, m->len}, 0};
    assert_int_equal(
        pqi_endpoint_receive(ep(i), &now, &in, (pqi_span){plain, sizeof plain}, ev), PQI_OK);
    return ev->kind;
}

/* i tells the other one who it is. Whoever could not hear it because of the fault hears it again. */
static void announce(unsigned i)
{
    pqi_event ev;
    int again = 0;
    platform(pqi_endpoint_prekeys(ep(i), &now, &again));
    memset(&box, 0, sizeof box);
    pqi_endpoint_announce_topic(ep(i), box.topic);
    pqi_status st = pqi_endpoint_announce(ep(i), (pqi_span){box.b, sizeof box.b}, &box.len);
    platform(st);
    if (st == PQI_OK) {
        (void)take(1 - i, &box, &ev);
    }
}

/* A message; a packet that was made is delivered, if not at once because of the fault then the next time. */
static int message(unsigned from, const char *text, pqi_via via)
{
    char topic[32];
    pqi_event ev;
    memset(&kept, 0, sizeof kept);
    (void)snprintf(topic, sizeof topic, "plant/x/%u", from);
    memcpy(kept.topic, topic, strlen(topic));
    const pqi_outbound o = {.peer = words(ids[1 - from]),
        .topic = words(topic),
        .payload = words(text),
        .cls = PQI_CLASS_L,
        .via = via};
    pqi_status st =
        pqi_endpoint_send(ep(from), &now, &o, (pqi_span){kept.b, sizeof kept.b}, &kept.len);
    platform(st);
    if (st != PQI_OK) {
        assert_int_equal(kept.len, 0);
        return 0;
    }
    const char *before = fault.failed;
    pqi_event_kind kind = take(1 - from, &kept, &ev);
    if (kind != PQI_EV_MESSAGE) {
        if (before != NULL || recovering) { /* one of them did not hear something since the fault */
            return 0;
        }
        if (fault.failed == NULL) {
            fail_msg("site %u (%s): \"%s\" is refused: %s", site, site_failed, text,
                pqi_drop_name(ev.drop));
        }
        assert_int_equal(kind, PQI_EV_DROP);
        if (take(1 - from, &kept, &ev) != PQI_EV_MESSAGE) {
            fail_msg("call %u, %s: \"%s\" is lost, %s", fault.fail_at, fault.failed, text,
                pqi_drop_name(ev.drop));
        }
    }
    assert_int_equal(ev.plain.len, strlen(text));
    assert_memory_equal(ev.plain.ptr, text, ev.plain.len);
    assert_int_equal(take(1 - from, &kept, &ev), PQI_EV_DROP); /* once */
    return 1;
}

/* Carries what the sessions say by themselves until they are silent. */
static void talk(void)
{
    pqi_event ev;
    for (int quiet = 0, n = 0; quiet < 2 && n < 200; n++) {
        pqi_outpacket o;
        unsigned i = (unsigned)n % 2;
        memset(&box, 0, sizeof box);
        assert_int_equal(
            pqi_endpoint_poll(ep(i), &now, (pqi_span){box.b, PQI_ENDPOINT_POLL_MAX}, &o), PQI_OK);
        memcpy(box.topic, o.topic, sizeof box.topic);
        box.len = o.len;
        quiet = o.len == 0 ? quiet + 1 : 0;
        if (o.len != 0) {
            assert_int_not_equal(take(1 - i, &box, &ev), PQI_EV_MESSAGE);
        }
    }
}

static void pass(uint64_t seconds)
{
    now.mono_ms += seconds * 1000u;
    now.unix_s += seconds;
}

/* Everything that devices do. */
static void live(void)
{
    (void)open_one(0);
    (void)open_one(1);
    announce(0);
    announce(1);
    (void)message(0, "one-shot", PQI_VIA_V1);
    (void)message(1, "back", PQI_VIA_V1);
    platform(pqi_endpoint_connect(ep(0), &now, words(ids[1]), 0));
    talk();
    (void)message(0, "in a session", PQI_VIA_POLICY);
    (void)message(1, "answer", PQI_VIA_POLICY);
    pass(3600);
    talk();
    close_both();
    pass(5);
    (void)open_one(0);
    (void)open_one(1);
    talk();
    (void)message(0, "after a restart", PQI_VIA_POLICY);
    talk();
    (void)message(1, "answer", PQI_VIA_POLICY);
}

/* After the fault: within some minutes everything works, with the devices as they are and again after a
 * restart. */
static void recover(unsigned n, const char *failed)
{
    for (int again = 0; again < 2; again++) {
        int up = 0;
        recovering = 1;
        for (int i = 0; i < 40 && !up; i++) {
            pass(60);
            announce(0);
            announce(1);
            (void)!pqi_endpoint_connect(ep(0), &now, words(ids[1]), 0);
            talk();
            up = message(0, "all is well", PQI_VIA_SESSION) &&
                 message(1, "here too", PQI_VIA_SESSION);
        }
        if (!up) {
            fail_msg("no session after call %u, %s", n, failed);
        }
        /* Whose last write at closing failed starts as after a power cut: its mark is set ahead. */
        up = 0;
        for (unsigned i = 0; i <= PQI_HIGH_RESERVE && !up; i++) {
            up = message(0, "one-shot", PQI_VIA_V1);
        }
        assert_int_equal(up, 1);
        recovering = 0;
        close_both();
        (void)open_one(0);
        (void)open_one(1);
    }
    close_both();
}

static void two_devices(void **state)
{
    (void)state;
    unsigned n = 1;
    uint32_t epoch = 0;
    fleet_make(&world);
    (void)snprintf(saved, sizeof saved, "%s.saved", world.top);
    for (unsigned i = 0; i < 2; i++) {
        node_make(&world, &nodes[i], ids[i]);
        nodes[i].join =
            (pqi_host_join_opts){.kem_alg = PQI_KEM_ID_ML_KEM_512, .sig_alg = PQI_SIG_ID_ML_DSA_44};
        nodes[i].cfg.sessions = PQI_SESSIONS_PREFER;
        fleet_enrol(&world, &nodes[i]);
        assert_int_equal(fleet_provision(&world, &nodes[i], &epoch), PQI_OK);
    }
    tree_copy(world.top, saved);
    for (; n < SITES_MAX; n++) {
        now = (pqi_now){.mono_ms = 1000, .unix_s = world.now};
        fault_arm(n, n % 2 != 0 ? PQI_ERR_PROVIDER : PQI_ERR_LOCKED);
        site = n;
        site_failed = "before";
        live();
        const char *failed = fault.failed;
        site_failed = failed != NULL ? failed : "none";
        fault_arm(0, PQI_OK);
        if (failed == NULL) {
            close_both();
            break;
        }
        recover(n, failed);
        tree_remove(world.top);
        tree_copy(saved, world.top);
    }
    assert_in_range(n, 60, SITES_MAX - 1);
    if (getenv("PQI_TEST_SITES") != NULL) {
        (void)fprintf(stderr, "two devices: %u sites\n", n - 1);
    }
    tree_remove(saved);
    fleet_end(&world);
}

PQI_TEST_MAIN(cmocka_unit_test(commands), cmocka_unit_test(two_devices))
