/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM-SIV on both back ends: the examples of RFC 8452 appendix C.2 and the two of C.3 whose
 * counter wraps, everything that must be refused, and what a repeated nonce tells. That the back ends
 * agree for all lengths is in test_classic_mcu_diff.c. */
#include "pqi_hex.h"

#include "port/linux/ossl.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/gcm_siv_core.h"
#include "prim/mcu/ghash.h"

#include <pqi/classic_mcu.h>
#include <pqi/host.h>

#define ROOM 700u /* more than the blocks that OpenSSL is given at a time */

static pqi_classic mcu;
static const pqi_classic *const tables[] = {&pqi_classic_openssl, &mcu};

#define EACH(c) for (size_t c##_i = 0; c##_i < 2 && ((c) = tables[c##_i]) != NULL; c##_i++)

static int setup(void **state)
{
    (void)state;
    pqi_classic_mcu(&mcu, pqi_classic_openssl.random);
    return 0;
}

/* ---- RFC 8452 appendix C --------------------------------------------------------------------- */

/* clang-format off */
#define KEY_1   "0100000000000000000000000000000000000000000000000000000000000000"
#define KEY_0   "0000000000000000000000000000000000000000000000000000000000000000"
#define NONCE_3 "030000000000000000000000"

typedef struct example {
    const char *key, *nonce, *aad, *plain, *sealed;
} example;

static const example examples[] = {
    {KEY_1, NONCE_3,
        "", "",
        "07f5f4169bbf55a8400cd47ea6fd400f"},
    {KEY_1, NONCE_3,
        "", "0100000000000000",
        "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"},
    {KEY_1, NONCE_3,
        "", "010000000000000000000000",
        "9aab2aeb3faa0a34aea8e2b18ca50da9ae6559e48fd10f6e5c9ca17e"},
    {KEY_1, NONCE_3,
        "", "01000000000000000000000000000000",
        "85a01b63025ba19b7fd3ddfc033b3e76c9eac6fa700942702e90862383c6c366"},
    {KEY_1, NONCE_3,
        "", "0100000000000000000000000000000002000000000000000000000000000000",
        "4a6a9db4c8c6549201b9edb53006cba821ec9cf850948a7c86c68ac7539d027fe819e63abcd020b006a976"
        "397632eb5d"},
    {KEY_1, NONCE_3,
        "", "01000000000000000000000000000000020000000000000000000000000000000300000000000000000000"
        "0000000000",
        "c00d121893a9fa603f48ccc1ca3c57ce7499245ea0046db16c53c7c66fe717e39cf6c748837b61f6ee3adc"
        "ee17534ed5790bc96880a99ba804bd12c0e6a22cc4"},
    {KEY_1, NONCE_3,
        "", "01000000000000000000000000000000020000000000000000000000000000000300000000000000000000"
        "000000000004000000000000000000000000000000",
        "c2d5160a1f8683834910acdafc41fbb1632d4a353e8b905ec9a5499ac34f96c7e1049eb080883891a4db8c"
        "aaa1f99dd004d80487540735234e3744512c6f90ce112864c269fc0d9d88c61fa47e39aa08"},
    {KEY_1, NONCE_3,
        "01", "0200000000000000",
        "1de22967237a813291213f267e3b452f02d01ae33e4ec854"},
    {KEY_1, NONCE_3,
        "01", "020000000000000000000000",
        "163d6f9cc1b346cd453a2e4cc1a4a19ae800941ccdc57cc8413c277f"},
    {KEY_1, NONCE_3,
        "01", "02000000000000000000000000000000",
        "c91545823cc24f17dbb0e9e807d5ec17b292d28ff61189e8e49f3875ef91aff7"},
    {KEY_1, NONCE_3,
        "01", "0200000000000000000000000000000003000000000000000000000000000000",
        "07dad364bfc2b9da89116d7bef6daaaf6f255510aa654f920ac81b94e8bad365aea1bad12702e196560437"
        "4aab96dbbc"},
    {KEY_1, NONCE_3,
        "01", "02000000000000000000000000000000030000000000000000000000000000000400000000000000000000"
        "0000000000",
        "c67a1f0f567a5198aa1fcc8e3f21314336f7f51ca8b1af61feac35a86416fa47fbca3b5f749cdf564527f2"
        "314f42fe2503332742b228c647173616cfd44c54eb"},
    {KEY_1, NONCE_3,
        "01", "02000000000000000000000000000000030000000000000000000000000000000400000000000000000000"
        "000000000005000000000000000000000000000000",
        "67fd45e126bfb9a79930c43aad2d36967d3f0e4d217c1e551f59727870beefc98cb933a8fce9de887b1e40"
        "799988db1fc3f91880ed405b2dd298318858467c895bde0285037c5de81e5b570a049b62a0"},
    {KEY_1, NONCE_3,
        "010000000000000000000000", "02000000",
        "22b3f4cd1835e517741dfddccfa07fa4661b74cf"},
    {KEY_1, NONCE_3,
        "010000000000000000000000000000000200", "0300000000000000000000000000000004000000",
        "43dd0163cdb48f9fe3212bf61b201976067f342bb879ad976d8242acc188ab59cabfe307"},
    {KEY_1, NONCE_3,
        "0100000000000000000000000000000002000000", "030000000000000000000000000000000400",
        "462401724b5ce6588d5a54aae5375513a075cfcdf5042112aa29685c912fc2056543"},
    {"e66021d5eb8e4f4066d4adb9c33560e4f46e44bb3da0015c94f7088736864200", "e0eaf5284d884a0e77d31646",
        "", "",
        "169fbb2fbf389a995f6390af22228a62"},
    {"bae8e37fc83441b16034566b7a806c46bb91c3c5aedb64a6c590bc84d1a5e269", "e4b47801afc0577e34699b9e",
        "4fbdc66f14", "671fdd",
        "0eaccb93da9bb81333aee0c785b240d319719d"},
    {"6545fc880c94a95198874296d5cc1fd161320b6920ce07787f86743b275d1ab3", "2f6d1f0434d8848c1177441f",
        "6787f3ea22c127aaf195", "195495860f04",
        "a254dad4f3f96b62b84dc40c84636a5ec12020ec8c2c"},
    {"d1894728b3fed1473c528b8426a582995929a1499e9ad8780c8d63d0ab4149c0", "9f572c614b4745914474e7c7",
        "489c8fde2be2cf97e74e932d4ed87d", "c9882e5386fd9f92ec",
        "0df9e308678244c44bc0fd3dc6628dfe55ebb0b9fb2295c8c2"},
    {"a44102952ef94b02b805249bac80e6f61455bfac8308a2d40d8c845117808235", "5c9e940fea2f582950a70d5a",
        "0da55210cc1c1b0abde3b2f204d1e9f8b06bc47f", "1db2316fd568378da107b52b",
        "8dbeb9f7255bf5769dd56692404099c2587f64979f21826706d497d5"},
    {"9745b3d1ae06556fb6aa7890bebc18fe6b3db4da3d57aa94842b9803a96e07fb", "6de71860f762ebfbd08284e4",
        "f37de21c7ff901cfe8a69615a93fdf7a98cad481796245709f", "21702de0de18baa9c9596291b08466",
        "793576dfa5c0f88729a7ed3c2f1bffb3080d28f6ebb5d3648ce97bd5ba67fd"},
    {"b18853f68d833640e42a3c02c25b64869e146d7b233987bddfc240871d7576f7", "028ec6eb5ea7e298342a94d4",
        "9c2159058b1f0fe91433a5bdc20e214eab7fecef4454a10ef0657df21ac7", "b202b370ef9768ec6561c4fe6b7e7296fa85",
        "857e16a64915a787637687db4a9519635cdd454fc2a154fea91f8363a39fec7d0a49"},
    {"3c535de192eaed3822a2fbbe2ca9dfc88255e14a661b8aa82cc54236093bbc23", "688089e55540db1872504e1c",
        "734320ccc9d9bbbb19cb81b2af4ecbc3e72834321f7aa0f70b7282b4f33df23f167541", "ced532ce4159b035277d4dfbb7db62968b13cd4eec",
        "626660c26ea6612fb17ad91e8e767639edd6c9faee9d6c7029675b89eaf4ba1ded1a286594"},
    {KEY_0, "000000000000000000000000",
        "", "000000000000000000000000000000004db923dc793ee6497c76dcc03a98e108",
        "f3f80f2cf0cb2dd9c5984fcda908456cc537703b5ba70324a6793a7bf218d3eaffffffff00000000000000"
        "0000000000"},
    {KEY_0, "000000000000000000000000",
        "", "eb3640277c7ffd1303c7a542d02d3e4c0000000000000000",
        "18ce4f0b8cb4d0cac65fea8f79257b20888e53e72299e56dffffffff000000000000000000000000"},
};
/* clang-format on */

/* Both ways, in place and not. */
static void known_answers(void **state)
{
    (void)state;
    const pqi_classic *c;
    assert_int_equal(sizeof examples / sizeof examples[0], 26);
    EACH(c)
    {
        for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
            const example *e = &examples[i];
            uint8_t key[32], nonce[12], aad[64], plain[64], sealed[80], out[80];
            const pqi_aead_key k = {PQI_AEAD_AES_256_GCM_SIV, {key, pqi_unhex(key, 32, e->key)},
                {nonce, pqi_unhex(nonce, 12, e->nonce)}};
            const pqi_cspan a = {aad, pqi_unhex(aad, sizeof aad, e->aad)};
            size_t n = pqi_unhex(plain, sizeof plain, e->plain);
            assert_int_equal(pqi_unhex(sealed, sizeof sealed, e->sealed), n + 16);
            assert_int_equal(
                c->aead_seal(&k, a, (pqi_cspan){plain, n}, (pqi_span){out, n + 16}), PQI_OK);
            assert_memory_equal(out, sealed, n + 16);
            assert_int_equal(
                c->aead_open(&k, a, (pqi_cspan){out, n + 16}, (pqi_span){out, n}), PQI_OK);
            assert_memory_equal(out, plain, n);
            assert_int_equal(
                c->aead_seal(&k, a, (pqi_cspan){out, n}, (pqi_span){out, n + 16}), PQI_OK);
            assert_memory_equal(out, sealed, n + 16);
        }
    }
}

/* ---- what is refused ------------------------------------------------------------------------- */

typedef struct rig {
    pqi_aead_key k;
    uint8_t key[32], nonce[12], aad[70], plain[ROOM], sealed[ROOM + 16], got[ROOM + 16];
} rig;

/* Data that differ for each seed. */
static void rig_start(rig *r, uint32_t seed)
{
    const pqi_cspan s = {(const uint8_t *)&seed, sizeof seed};
    assert_int_equal(pqi_sha3(PQI_HASH_SHAKE128, &s, 1, (uint8_t *)r, sizeof *r), PQI_OK);
    r->k = (pqi_aead_key){PQI_AEAD_AES_256_GCM_SIV, {r->key, 32}, {r->nonce, 12}};
}

static pqi_status seal(const pqi_classic *c, rig *r, size_t aad, size_t n)
{
    return c->aead_seal(
        &r->k, (pqi_cspan){r->aad, aad}, (pqi_cspan){r->plain, n}, (pqi_span){r->sealed, n + 16});
}

/* Opens the first `len` sealed bytes; what comes out of a refusal is zero. */
static pqi_status open(const pqi_classic *c, rig *r, size_t aad, size_t len)
{
    static const uint8_t zero[ROOM];
    const size_t n = len < 16 ? 0 : len - 16;
    memset(r->got, 0x5a, sizeof r->got);
    pqi_status st = c->aead_open(
        &r->k, (pqi_cspan){r->aad, aad}, (pqi_cspan){r->sealed, len}, (pqi_span){r->got, n});
    assert_memory_equal(r->got, st == PQI_OK ? r->plain : zero, n);
    assert_int_equal(r->got[n], 0x5a);
    return st;
}

/* Each byte of everything that the tag covers, and the key and nonce. */
static void altered(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 15, 16, 17, 31, 33, 64, 513};
    static rig r;
    const pqi_classic *c;
    EACH(c)
    {
        for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
            const size_t n = lens[i], aad = i * 5;
            rig_start(&r, (uint32_t)i);
            assert_int_equal(seal(c, &r, aad, n), PQI_OK);
            assert_int_equal(open(c, &r, aad, n + 16), PQI_OK);
            const pqi_span parts[] = {{r.sealed, n + 16}, {r.aad, aad}, {r.nonce, 12}, {r.key, 32}};
            for (size_t p = 0; p < 4; p++) {
                for (size_t at = 0; at < parts[p].len; at++) {
                    parts[p].ptr[at] ^= (uint8_t)(1u << (at % 8));
                    assert_int_equal(open(c, &r, aad, n + 16), PQI_ERR_AUTH);
                    parts[p].ptr[at] ^= (uint8_t)(1u << (at % 8));
                }
            }
            assert_int_equal(open(c, &r, aad, n + 16), PQI_OK);
        }
    }
}

/* Shorter and longer texts and data; the lengths are under the tag. */
static void cut_and_extended(void **state)
{
    (void)state;
    static rig r;
    const pqi_classic *c;
    EACH(c)
    {
        rig_start(&r, 77);
        memset(r.aad, 0, sizeof r.aad); /* so that padding has the bytes of what is cut off */
        assert_int_equal(seal(c, &r, 20, 40), PQI_OK);
        for (size_t len = 0; len <= 80; len++) {
            pqi_status want = len < 16 ? PQI_ERR_ARG : len == 56 ? PQI_OK : PQI_ERR_AUTH;
            assert_int_equal(open(c, &r, 20, len), want);
        }
        for (size_t aad = 0; aad <= 64; aad++) {
            assert_int_equal(open(c, &r, aad, 56), aad == 20 ? PQI_OK : PQI_ERR_AUTH);
        }
        /* a zero of the data is not one of the text */
        memset(r.plain, 0, sizeof r.plain);
        assert_int_equal(seal(c, &r, 16, 0), PQI_OK);
        memcpy(r.got, r.sealed, 16);
        assert_int_equal(seal(c, &r, 0, 16), PQI_OK);
        assert_memory_not_equal(r.sealed + 16, r.got, 16);
    }
}

static void arguments(void **state)
{
    (void)state;
    static rig r;
    const pqi_classic *c;
    EACH(c)
    {
        rig_start(&r, 5);
        const pqi_cspan none = {NULL, 0}, in = {r.plain, 8};
        for (size_t len = 0; len <= 40; len++) {
            const pqi_aead_key key = {PQI_AEAD_AES_256_GCM_SIV, {r.aad, len}, {r.nonce, 12}};
            const pqi_aead_key nonce = {PQI_AEAD_AES_256_GCM_SIV, {r.key, 32}, {r.aad, len}};
            const pqi_span out = {r.sealed, 24}, other = {r.sealed, len};
            assert_int_equal(c->aead_seal(&key, none, in, out), len == 32 ? PQI_OK : PQI_ERR_ARG);
            assert_int_equal(c->aead_seal(&nonce, none, in, out), len == 12 ? PQI_OK : PQI_ERR_ARG);
            assert_int_equal(c->aead_seal(&r.k, none, in, other), len == 24 ? PQI_OK : PQI_ERR_ARG);
        }
        const pqi_aead_key gcm = {PQI_AEAD_AES_256_GCM, {r.key, 32}, {r.nonce, 12}};
        assert_int_equal(seal(c, &r, 0, 8), PQI_OK); /* no other AEAD opens it */
        assert_int_equal(c->aead_open(&gcm, none, (pqi_cspan){r.sealed, 24}, (pqi_span){r.got, 8}),
            PQI_ERR_AUTH);
    }
}

/* ---- the core over a cipher of this test ------------------------------------------------------ */

/* Not AES: "encrypts" by adding the bytes of the key, and keeps what it was asked for. */
typedef struct toy {
    uint8_t key[32], room[ROOM], seen[ROOM];
    size_t n_seen;
    unsigned calls, fail_at; /* 0: never */
} toy;

static pqi_status toy_call(toy *t)
{
    t->calls++;
    return t->calls == t->fail_at ? PQI_ERR_PROVIDER : PQI_OK;
}

static pqi_status toy_key(void *ctx, const uint8_t *key)
{
    toy *t = ctx;
    memcpy(t->key, key, sizeof t->key);
    return toy_call(t);
}

static pqi_status toy_encrypt(void *ctx, uint8_t *room, size_t n)
{
    toy *t = ctx;
    for (size_t i = 0; i < 16 * n; i++) {
        if (t->n_seen < sizeof t->seen) {
            t->seen[t->n_seen++] = room[i];
        }
        room[i] = (uint8_t)(room[i] + t->key[i % 16]);
    }
    return toy_call(t);
}

/* Section 4, AES_CTR: the first 32 bits count, little-endian, and wrap without a carry; the rest is
 * that of the tag with its highest bit set. In every place of a batch of blocks. */
static void counter_wraps(void **state)
{
    (void)state;
    static toy t;
    static uint8_t box[20 * 16], plain[19 * 16];
    const uint8_t key[32] = {1}, nonce[12] = {2};
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM_SIV, {key, 32}, {nonce, 12}};
    const pqi_cspan none = {NULL, 0};
    for (size_t blocks = 2; blocks <= 9; blocks++) {
        for (uint32_t before = 0; before < 19; before++) {
            memset(&t, 0, sizeof t);
            const pqi_gcm_siv_aes c = {toy_key, toy_encrypt, &t, {t.room, 16 * blocks}};
            uint8_t *tag = box + sizeof plain;
            uint32_t count = UINT32_MAX - before;
            for (size_t i = 0; i < 16; i++) {
                tag[i] = (uint8_t)(i < 4 ? count >> (8 * i) : 0x70 + i);
            }
            assert_int_equal(pqi_gcm_siv_open(&c, &k, none, (pqi_cspan){box, sizeof box},
                                 (pqi_span){plain, sizeof plain}),
                PQI_ERR_AUTH);
            for (size_t b = 0; b < 19; b++, count++) {
                uint8_t want[16];
                memcpy(want, tag, 16);
                for (size_t i = 0; i < 4; i++) {
                    want[i] = (uint8_t)(count >> (8 * i));
                }
                want[15] |= 0x80u;
                assert_memory_equal(t.seen + 16 * (6 + b), want, 16); /* 6 blocks made the keys */
            }
        }
    }
}

/* A back end that fails at any call: its status, and nothing comes out; in place no text stays. */
static void cipher_fails(void **state)
{
    (void)state;
    static toy t;
    const uint8_t key[32] = {1}, nonce[12] = {2}, zero[56] = {0};
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM_SIV, {key, 32}, {nonce, 12}};
    const pqi_cspan none = {NULL, 0};
    for (unsigned way = 0; way < 2; way++) {
        unsigned failed = 0;
        for (pqi_status st = PQI_ERR_PROVIDER; st == PQI_ERR_PROVIDER; failed++) {
            uint8_t buf[56];
            memset(&t, 0, sizeof t);
            const pqi_gcm_siv_aes c = {toy_key, toy_encrypt, &t, {t.room, 32}};
            memset(buf, 0x11, sizeof buf);
            const pqi_cspan text = {buf, 40}, box = {buf, 56};
            assert_int_equal(pqi_gcm_siv_seal(&c, &k, none, text, (pqi_span){buf, 56}), PQI_OK);
            if (way == 0) {
                memset(buf, 0x11, sizeof buf);
            }
            t.calls = 0;
            t.fail_at = failed + 1;
            st = way == 0 ? pqi_gcm_siv_seal(&c, &k, none, text, (pqi_span){buf, 56})
                          : pqi_gcm_siv_open(&c, &k, none, box, (pqi_span){buf, 40});
            if (st != PQI_OK) {
                assert_int_equal(st, PQI_ERR_PROVIDER);
                assert_memory_equal(buf, zero, way == 0 ? 56 : 40);
            }
        }
        assert_int_equal(
            failed, 1 + 3 + 1 + 1 + 2 + 1); /* two keys, 6 blocks, tag, 3 blocks; none */
    }
}

/* OpenSSL's context of this thread lives on with a key of zeros, whatever came of the call. */
static void no_key_stays(void **state)
{
    (void)state;
    static rig r;
    const pqi_classic *c = &pqi_classic_openssl;
    for (unsigned way = 0; way < 3; way++) {
        uint8_t block[16] = {0};
        int n = 0;
        rig_start(&r, way);
        assert_int_equal(seal(c, &r, 5, 40), PQI_OK);
        r.sealed[7] ^= way == 2 ? 1 : 0;
        if (way != 0) {
            assert_int_equal(open(c, &r, 5, 56), way == 2 ? PQI_ERR_AUTH : PQI_OK);
        }
        EVP_CIPHER_CTX *ctx = pqi_ossl_thread_get()->cipher[PQI_AEAD_AES_256_GCM_SIV];
        assert_non_null(ctx);
        assert_int_equal(EVP_CipherUpdate(ctx, block, &n, block, 16), 1);
        assert_int_equal(n, 16);
        pqi_assert_hex(block, 16, "dc95c078a2408989ad48a21492842087"); /* AES-256 of zeros */
    }
}

/* RFC 8452 appendix A. */
static void polyval(void **state)
{
    (void)state;
    static const char *const in[] = {"25629347589242761d31f826ba4b757b",
        "4f4f95668c83dfb6401762bb2d01a262", "d1a24ddd2721d006bbe45f20d3c9f362"};
    pqi_ghash g;
    uint8_t b[16];
    uint32_t w[4];
    for (size_t n = 0; n < 3; n++) {
        pqi_unhex(b, sizeof b, in[n]);
        for (size_t i = 0; i < 4; i++) {
            w[i] = load32_le(b + 4 * i);
        }
        if (n == 0) {
            pqi_ghash_key(&g, w);
            continue;
        }
        for (size_t i = 0; i < 4; i++) {
            g.y[i] ^= w[i];
        }
        pqi_ghash_multiply(&g);
    }
    for (size_t i = 0; i < 4; i++) {
        store32_le(b + 4 * i, g.y[i]);
    }
    pqi_assert_hex(b, sizeof b, "f7a3b47b846119fae5b7866cf5e5b77e");
}

/* ---- misuse ---------------------------------------------------------------------------------- */

/* A device whose storage went back uses a nonce again. Equal data and texts give equal packets; others
 * differ in tag and in key stream, so that no sum of texts and no key of the hash is to be had. */
static void repeated_nonce(void **state)
{
    (void)state;
    static rig r;
    static uint8_t first[64 + 16];
    const pqi_classic *c;
    EACH(c)
    {
        rig_start(&r, 9);
        assert_int_equal(seal(c, &r, 10, 64), PQI_OK);
        memcpy(first, r.sealed, sizeof first);
        assert_int_equal(seal(c, &r, 10, 64), PQI_OK);
        assert_memory_equal(r.sealed, first, sizeof first); /* this much is told */
        for (size_t at = 0; at < 74; at++) {
            uint8_t *byte = at < 64 ? &r.plain[at] : &r.aad[at - 64];
            *byte ^= 1;
            assert_int_equal(seal(c, &r, 10, 64), PQI_OK);
            assert_memory_not_equal(r.sealed + 64, first + 64, 16);
            for (size_t b = 0; b < 4; b++) {
                uint8_t sum[16] = {0}, streams[16];
                sum[at % 16] =
                    at / 16 == b ? 1 : 0; /* of the texts; of the key streams if reused */
                for (size_t i = 0; i < 16; i++) {
                    streams[i] = r.sealed[16 * b + i] ^ first[16 * b + i];
                }
                assert_memory_not_equal(streams, sum, 16);
            }
            *byte ^= 1;
        }
    }
}

/* What it protects from: the same with AES-256-GCM gives the sum of the texts. */
static void repeated_nonce_of_gcm(void **state)
{
    (void)state;
    static rig r;
    static uint8_t first[64 + 16];
    const pqi_classic *c;
    EACH(c)
    {
        rig_start(&r, 9);
        r.k.id = PQI_AEAD_AES_256_GCM;
        assert_int_equal(seal(c, &r, 10, 64), PQI_OK);
        memcpy(first, r.sealed, sizeof first);
        r.plain[3] ^= 0x21;
        assert_int_equal(seal(c, &r, 10, 64), PQI_OK);
        assert_int_equal(r.sealed[3] ^ first[3], 0x21);
        assert_memory_equal(r.sealed + 4, first + 4, 60);
    }
}

PQI_TEST_MAIN(cmocka_unit_test_setup(known_answers, setup), cmocka_unit_test_setup(altered, setup),
    cmocka_unit_test_setup(cut_and_extended, setup), cmocka_unit_test_setup(arguments, setup),
    cmocka_unit_test_setup(counter_wraps, setup), cmocka_unit_test(cipher_fails),
    cmocka_unit_test(no_key_stays), cmocka_unit_test(polyval),
    cmocka_unit_test_setup(repeated_nonce, setup),
    cmocka_unit_test_setup(repeated_nonce_of_gcm, setup))
