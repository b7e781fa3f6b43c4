/* SPDX-License-Identifier: Apache-2.0
 * The example of docs/spec/ratchet.md section 12: docs/spec/ratchet-example.txt, made again and compared.
 * With PQI_WRITE_EXAMPLE set in the environment it is written. */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

static rr_rig g;
static rr_packet p;
static char got[120000], want[sizeof got];
static char *at;
static unsigned n_packets;

static void add(const char *name, unsigned k, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    at += k != 0 ? sprintf(at, "%s_%u =", name, k) : sprintf(at, "%s =", name);
    for (size_t i = 0; i < n; i++) {
        at += sprintf(at, "%s%02x", i % 48 == 0 ? "\n    " : "", b[i]);
    }
    at += sprintf(at, "\n");
    assert_true(at < got + sizeof got - 10000);
}

static void number(const char *name, unsigned k, uint32_t v, size_t n)
{
    uint8_t b[4];
    for (size_t i = 0; i < n; i++) {
        b[i] = (uint8_t)(v >> 8u * (n - 1u - i));
    }
    add(name, k, b, n);
}

/* Sends, delivers and writes down one packet. */
static void packet(unsigned from, bool app)
{
    if (app) {
        rr_send(&g, from, 0x01020300u + n_packets, &p);
    } else {
        rr_control(&g, from, &p);
    }
    n_packets++;
    number("from", n_packets, from, 1);
    number("epoch", n_packets, rr_head(&g, from)->epoch, 4);
    add("packet", n_packets, p.b, p.len);
    assert_int_equal(rr_take(&g, from, &p), PQI_OK);
    add("payload", n_packets, g.opened.payload.ptr, g.opened.payload.len);
}

/* K_pq of a proposal's seed and an answer. */
static void kem_secret(const uint8_t *seed, const uint8_t *obj_q, uint8_t k[32])
{
    static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK];
    static _Alignas(8) uint8_t tmp[65536];
    const pqi_kem *kem = pqi_algs_suite(&g.algs, rr_head(&g, 0)->suite)->kem;
    uint8_t s[PQI_KEM_MAX_SEED];
    assert_int_equal(
        pqi_round_coins(&g.classic, seed, PQI_ROUND_KEM, (pqi_span){s, kem->seed_len}), PQI_OK);
    assert_int_equal(pqi_kem_keygen(kem, (pqi_span){pk, kem->pk_len}, (pqi_span){sk, kem->sk_len},
                         (pqi_cspan){s, kem->seed_len}, (pqi_span){tmp, sizeof tmp}),
        PQI_OK);
    assert_int_equal(
        pqi_kem_decaps(kem, (pqi_span){k, 32}, (pqi_cspan){obj_q + PQI_X25519_LEN, kem->ct_len},
            (pqi_cspan){sk, kem->sk_len}, (pqi_span){tmp, sizeof tmp}),
        PQI_OK);
}

/* One round of side `a`, in eight packets; k is its number. */
static void one_round(unsigned a, unsigned k, unsigned kind)
{
    const unsigned b = 1u - a;
    uint8_t seed[32], k_pq[32] = {0};
    static uint8_t obj[2][PQI_ERASURE_OBJECT_MAX];
    size_t len[2] = {32, 32};
    packet(a, true);
    (void)rr_serve(&g, a);
    assert_int_equal(rr_head(&g, a)->state, PQI_ROUND_P_ASK);
    memcpy(seed, rr_head(&g, a)->seed, 32);
    memcpy(obj[0], rr_head(&g, a)->next, 32);
    packet(a, true);
    (void)rr_serve(&g, b);
    assert_int_equal(rr_head(&g, b)->state, PQI_ROUND_Q_ANSWER);
    memcpy(obj[1], rr_head(&g, b)->seed, 32);
    if (kind == PQI_CHUNK_H) {
        const pqi_suite *s = pqi_algs_suite(&g.algs, rr_head(&g, 0)->suite);
        for (unsigned dir = 0; dir < 2; dir++) {
            len[dir] = pqi_round_obj_len(s, kind, dir);
            memcpy(obj[dir], g.side[dir == 0 ? a : b].st.bufs[0], len[dir]);
        }
        kem_secret(seed, obj[1], k_pq);
    }
    number("kind", k, kind, 1);
    number("proposer", k, a, 1);
    add("seed", k, seed, 32);
    add("coins", k, g.side[b].provider.last, 32);
    add("objP", k, obj[0], len[0]);
    add("objQ", k, obj[1], len[1]);
    add("K_pq", k, k_pq, kind == PQI_CHUNK_H ? 32 : 0);
    add("ES", k, rr_head(&g, b)->next, 32);
    packet(b, false);
    (void)rr_serve(&g, a);
    packet(a, true); /* the next epoch */
    packet(b, true);
    packet(a, true);
    packet(b, true);
    assert_int_equal(rr_head(&g, a)->state, PQI_ROUND_IDLE);
    add("RK", k, rr_head(&g, a)->rk, 32);
    add("RMS", k, rr_head(&g, a)->rms, 32);
}

static void add_case(const pqi_suite *suite)
{
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.burst = true;
    l.h_msgs = 1u << 20;
    l.d_msgs = 1;
    rr_start(&g, &(rr_conf){.suite = suite, .limits = &l, .rounds = 1, .seed = suite->id});
    at += sprintf(at, "\n[%s]\n", suite->name);
    n_packets = 0;
    number("suite", 0, suite->id, 2);
    number("rsid_I", 0, 0x100, 4);
    number("rsid_R", 0, 0x101, 4);
    add("topic", 0, RR_TOPIC, sizeof(RR_TOPIC) - 1u);
    add("sid", 0, g.keys.sid, 16);
    add("RK", 0, g.keys.rk0, 32);
    add("CK_I2R", 0, g.keys.ck_i2r, 32);
    add("CK_R2I", 0, g.keys.ck_r2i, 32);
    add("RMS", 0, g.keys.rms0, 32);
    one_round(0, 1, PQI_CHUNK_D);
    g.side[0].limits.d_msgs = g.side[1].limits.d_msgs = 1u << 20;
    for (unsigned who = 0; who < 2; who++) {
        rr_head(&g, who)->flags &= (uint8_t)~PQI_R_WANT;
    }
    pqi_ratchet_heal(&g.side[1].v);
    one_round(1, 2, PQI_CHUNK_H);
}

static void example(void **state)
{
    (void)state;
    static const pqi_suite *const suites[] = {
        &pqi_suite_0001, &pqi_suite_0002, &pqi_suite_0004, &pqi_suite_0005};
    const char *path = PQI_SOURCE_DIR "/docs/spec/ratchet-example.txt";
    at = got;
    at += sprintf(at,
        "# docs/spec/ratchet.md section 12: a D round and an H round of one session, one section "
        "for "
        "each suite.\n# tests/session makes this file and derives it again in Python.\n");
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        add_case(suites[i]);
    }
    const size_t len = (size_t)(at - got);
    if (getenv("PQI_WRITE_EXAMPLE") != NULL) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(want, 1, sizeof want, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n, len);
    assert_memory_equal(want, got, n);
}

PQI_TEST_MAIN(cmocka_unit_test(example))
