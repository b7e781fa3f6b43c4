/* SPDX-License-Identifier: Apache-2.0
 * SHA-3 and SHAKE against FIPS 202. Answers come from Python's hashlib (OpenSSL). */
#include "pqi_test.h"

#include "prim/keccak/keccak.h"
#include "prim/keccak/keccak_lane.h"

/* The permutation that follows the specification step by step, under another name, so that the form
 * in use is compared with it in each build. This program is also built with interleaved lanes. */
#define PQI_KECCAK_SMALL
#define PQI_KECCAK_PLAIN
#define pqi_keccak_f1600 small_f1600
void small_f1600(uint64_t s[25]);
#include "prim/keccak/keccak_f1600.c"
#undef pqi_keccak_f1600

static void hex(const uint8_t *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", in[i]);
    }
}

struct answer {
    pqi_hash_id id;
    size_t len;      /* bytes of the short answers */
    size_t long_len; /* output bytes per input in the long run: beyond one block for SHAKE */
    const char *empty, *abc, *run;
};

/* clang-format off */
static const struct answer answers[] = {
    {PQI_HASH_SHA3_224, 28, 28,
     "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7",
     "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
     "10b0a926ca8b16992c795f5dfcc40443ee485d725b4525ae62f04faf2015bed0"},
    {PQI_HASH_SHA3_256, 32, 32,
     "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
     "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
     "83a211de2c370b1ab699c8a94103c39a8feb102abb605722085e090e80c86536"},
    {PQI_HASH_SHA3_384, 48, 48,
     "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004",
     "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
     "d295a1f1c75a89198d683e89e98f7c47d62562210cde2164508ddc5d4eea178e"},
    {PQI_HASH_SHA3_512, 64, 64,
     "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6"
     "15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
     "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
     "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
     "982dc07f20e6b7f97675f6d0c22d536c4b999a690cf55e0b82653acfd5b6578e"},
    {PQI_HASH_SHAKE128, 32, 177,
     "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
     "5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8",
     "b7b5f932ffb378d776565b2c265584974a9e40d9995474c66d6f7a7131ad575c"},
    {PQI_HASH_SHAKE256, 64, 277,
     "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"
     "d75dc4ddd8c0f200cb05019d67b592f6fc821c49479ab48640292eacb3b7c4be",
     "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739"
     "d5a15bef186a5386c75744c0527e1faa9f8726e462a12a4feb06bd8801e751e4",
     "bc81cf3f3dfca9f3642023f9d5b9f6a498854cae461c154311efe173c7ab11c6"},
};
/* clang-format on */

static void check(const struct answer *a, pqi_cspan in, const char *want)
{
    uint8_t out[64];
    char text[129];
    assert_int_equal(pqi_sha3(a->id, &in, 1, out, a->len), PQI_OK);
    hex(out, a->len, text);
    assert_string_equal(text, want);
}

static void known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        check(&answers[i], (pqi_cspan){NULL, 0}, answers[i].empty);
        check(&answers[i], (pqi_cspan){PQI_LIT("abc")}, answers[i].abc);
    }
}

/* SHA3-256 over the outputs for every input length 0..600 of the pattern 7i + 3. */
static void every_length(void **state)
{
    (void)state;
    uint8_t in[600], out[277];
    char text[65];
    for (size_t i = 0; i < sizeof in; i++) {
        in[i] = (uint8_t)(7 * i + 3);
    }
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const struct answer *a = &answers[i];
        pqi_xof sum;
        assert_int_equal(pqi_xof_init(&sum, PQI_HASH_SHA3_256), PQI_OK);
        for (size_t len = 0; len <= sizeof in; len++) {
            pqi_cspan part = {in, len};
            assert_int_equal(pqi_sha3(a->id, &part, 1, out, a->long_len), PQI_OK);
            pqi_xof_absorb(&sum, out, a->long_len);
        }
        pqi_xof_squeeze(&sum, out, 32);
        hex(out, 32, text);
        assert_string_equal(text, a->run);
    }
}

/* Every split of input and output into two gives the same bytes as one call. */
static void splits_do_not_matter(void **state)
{
    (void)state;
    uint8_t in[300], want[400], got[400];
    for (size_t i = 0; i < sizeof in; i++) {
        in[i] = (uint8_t)(i * 31 + 1);
    }
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const struct answer *a = &answers[i];
        size_t n_out = a->long_len == a->len ? a->len : sizeof want;
        pqi_cspan whole = {in, sizeof in};
        assert_int_equal(pqi_sha3(a->id, &whole, 1, want, n_out), PQI_OK);
        for (size_t cut = 0; cut <= sizeof in; cut++) {
            pqi_xof x;
            size_t out_cut = cut % (n_out + 1);
            pqi_cspan parts[3] = {{in, cut}, {NULL, 0}, {in + cut, sizeof in - cut}};
            assert_int_equal(pqi_sha3(a->id, parts, 3, got, n_out), PQI_OK);
            assert_memory_equal(got, want, n_out);
            assert_int_equal(pqi_xof_init(&x, a->id), PQI_OK);
            pqi_xof_absorb(&x, in, cut);
            pqi_xof_absorb(&x, in + cut, sizeof in - cut);
            memset(got, 0, sizeof got);
            pqi_xof_squeeze(&x, got, out_cut);
            pqi_xof_squeeze(&x, got + out_cut, n_out - out_cut);
            assert_memory_equal(got, want, n_out);
        }
    }
}

static void internal_helpers_agree(void **state)
{
    (void)state;
    uint8_t in[500], want[504], got[504];
    uint64_t s[25];
    for (size_t i = 0; i < sizeof in; i++) {
        in[i] = (uint8_t)(i ^ (i >> 3));
    }
    for (size_t len = 0; len <= sizeof in; len++) {
        pqi_cspan part = {in, len};
        assert_int_equal(pqi_sha3(PQI_HASH_SHAKE128, &part, 1, want, sizeof want), PQI_OK);
        pqi_keccak_absorb_once(s, PQI_SHAKE128_RATE, PQI_SHAKE_PAD, in, len);
        pqi_keccak_squeeze_blocks(got, 1, s, PQI_SHAKE128_RATE);
        pqi_keccak_squeeze_blocks(got + 168, 2, s, PQI_SHAKE128_RATE);
        assert_memory_equal(got, want, sizeof want);
        assert_int_equal(pqi_sha3(PQI_HASH_SHAKE256, &part, 1, want, 300), PQI_OK);
        pqi_shake256(got, 300, in, len);
        assert_memory_equal(got, want, 300);
        assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, &part, 1, want, 32), PQI_OK);
        pqi_sha3_256(got, in, len);
        assert_memory_equal(got, want, 32);
        assert_int_equal(pqi_sha3(PQI_HASH_SHA3_512, &part, 1, want, 64), PQI_OK);
        pqi_sha3_512(got, in, len);
        assert_memory_equal(got, want, 64);
    }
}

static void both_permutations_agree(void **state)
{
    (void)state;
    uint64_t a[25] = {0}, b[25] = {0}, c[25];
    for (unsigned i = 0; i < 1000; i++) {
        pqi_keccak_f1600(a);
        small_f1600(b);
        for (unsigned j = 0; j < 25; j++) {
            c[j] = pqi_keccak_lane_out(a[j]);
        }
        assert_memory_equal(c, b, sizeof c);
        a[i % 25] ^= pqi_keccak_lane_in(i);
        b[i % 25] ^= i;
    }
}

/* A lane of one bit: it comes back, and where interleaving is on, even bits stay in one half. */
static void lanes_convert(void **state)
{
    (void)state;
    uint64_t halves[2] = {0, 0};
    for (unsigned i = 0; i < 64; i++) {
        uint64_t w = pqi_keccak_lane_in((uint64_t)1 << i);
        assert_true(pqi_keccak_lane_out(w) == (uint64_t)1 << i);
        halves[i & 1u] |= w;
    }
    assert_true((halves[0] & halves[1]) == 0 && (halves[0] | halves[1]) == UINT64_MAX);
#if PQI_KECCAK_INTERLEAVED
    assert_true((uint32_t)halves[0] == 0 || (uint32_t)(halves[0] >> 32) == 0);
#endif
}

/* FIPS 202 Algorithms 5 and 6: rc(t) is bit 0 of an LFSR, bit 2^j - 1 of RC[i] is rc(j + 7i). */
static void round_constants_from_the_lfsr(void **state)
{
    (void)state;
    unsigned r = 1;
    for (unsigned i = 0; i < 24; i++) {
        uint64_t want = 0;
        for (unsigned j = 0; j < 7; j++) {
            want |= (uint64_t)(r & 1u) << ((1u << j) - 1u);
            r = (r << 1) ^ ((r >> 7) * 0x171u);
        }
        assert_true(rc[i] == want);
    }
}

static void bad_arguments(void **state)
{
    (void)state;
    uint8_t out[64];
    pqi_xof x;
    memset(out, 0x5a, sizeof out);
    assert_int_equal(pqi_xof_init(&x, PQI_HASH_SHA256), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_xof_init(&x, PQI_HASH_NONE), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_xof_init(&x, (pqi_hash_id)99), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_sha3(PQI_HASH_SHA512, NULL, 0, out, 64), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, NULL, 0, out, 31), PQI_ERR_ARG);
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, NULL, 0, out, 33), PQI_ERR_ARG);
    assert_int_equal(out[0], 0x5a);
    assert_int_equal(pqi_sha3(PQI_HASH_SHAKE128, NULL, 0, out, 0), PQI_OK);
    assert_int_equal(out[0], 0x5a);
}

static void digest_lengths(void **state)
{
    (void)state;
    static const uint8_t want[13] = {0, 32, 48, 64, 28, 28, 32, 28, 32, 48, 64, 32, 64};
    for (unsigned id = 0; id < sizeof want; id++) {
        assert_int_equal(pqi_hash_len((pqi_hash_id)id), want[id]);
    }
    assert_int_equal(pqi_hash_len((pqi_hash_id)13), 0);
}

PQI_TEST_MAIN(cmocka_unit_test(known_answers), cmocka_unit_test(every_length),
    cmocka_unit_test(splits_do_not_matter), cmocka_unit_test(internal_helpers_agree),
    cmocka_unit_test(both_permutations_agree), cmocka_unit_test(lanes_convert),
    cmocka_unit_test(round_constants_from_the_lfsr), cmocka_unit_test(bad_arguments),
    cmocka_unit_test(digest_lengths))
