/* SPDX-License-Identifier: Apache-2.0
 * Command: length of the rest | operation | slot | data | CRC. Answer: length of the rest | status |
 * data | CRC. CRC-16/CCITT-FALSE over everything before it, big endian, as all numbers. */
#include "se_i2c.h"

#include <pqi/wipe.h>

#include <stdbool.h>
#include <string.h>

enum {
    OP_SLOT = 0x12,
    OP_GENERATE = 0x10,
    OP_DELETE = 0x11,
    OP_PUBLIC = 0x13,
    OP_SIGN = 0x20,
    OP_ECDH = 0x21,
    OP_COUNT = 0x30,
    OP_COUNT_TO = 0x31,
    OP_RANDOM = 0x40
};
enum {
    ST_OK,
    ST_BUSY,
    ST_NO_KEY,
    ST_FULL,
    ST_BAD_POINT,
    ST_LOCKED,
    ST_BAD_CRC,
    ST_BAD_PARAM,
    ST_FAIL,
    ST_NO_ANSWER = 0xff
};
enum { SIGNS = 1, AGREES = 2, HEAD = 3, CRC = 2, TRIES = 4, POLL_MS = 2 };

/* The native codes: one table from them to statuses and texts (docs/providers.md section 5.3). */
static const struct {
    pqi_status st;
    const char *text;
} codes[] = {
    [ST_OK] = {PQI_OK, ""},
    [ST_BUSY] = {PQI_AGAIN, "the chip is busy"},
    [ST_NO_KEY] = {PQI_ERR_MISSING, "no key in this slot"},
    [ST_FULL] = {PQI_ERR_LIMIT, "every slot is taken"},
    [ST_BAD_POINT] = {PQI_ERR_AUTH, "the point is not on the curve"},
    [ST_LOCKED] = {PQI_ERR_LOCKED, "the chip has locked itself: see its manual"},
    [ST_BAD_CRC] = {PQI_ERR_PROVIDER, "frames are damaged on the bus: look at wires and pull-ups"},
    [ST_BAD_PARAM] = {PQI_ERR_PROVIDER, "the chip does not know this command"},
    [ST_FAIL] = {PQI_ERR_PROVIDER, "the chip failed"},
};
#define N_CODES (sizeof codes / sizeof codes[0])

static uint16_t crc16(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= (uint32_t)p[i] << 8;
        for (unsigned bit = 0; bit < 8; bit++) {
            c = (c & 0x8000u) != 0 ? (c << 1) ^ 0x1021u : c << 1;
        }
    }
    return (uint16_t)(c & 0xffffu);
}

static void put_be(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8u * (n - 1u - i)));
    }
}

/* A transfer that the chip does not acknowledge is tried again for a while. */
static int transfer(const se_i2c *s, bool out, uint8_t *p, size_t n)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if ((out ? s->bus->write(s->bus->arg, p, n) : s->bus->read(s->bus->arg, p, n)) == 0) {
            return 0;
        }
        s->bus->sleep_ms(s->bus->arg, POLL_MS);
    }
    return -1;
}

/* One answer of `want` bytes of data, or of an error. The chip repeats an answer until the next command,
 * so a damaged one is read again. */
static uint8_t answer(const se_i2c *s, uint8_t *f, size_t want)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (transfer(s, false, f, 2 + want + CRC) != 0) {
            return ST_NO_ANSWER;
        }
        size_t n = (size_t)f[0] + 1u; /* with the length itself */
        if ((n == 2 + want + CRC || n == 2 + CRC) &&
            crc16(f, n - CRC) == (uint16_t)(f[n - 2] << 8 | f[n - 1])) {
            return n != 2 + want + CRC && f[1] == ST_OK ? ST_FAIL : f[1];
        }
    }
    return ST_BAD_CRC;
}

/* Sends a command unless the chip is at it already, and waits for its answer. Every command can be sent
 * twice: it names the state that it wants, not a step (OP_COUNT_TO and not "count one up"). */
static uint8_t exchange(se_i2c *s, const uint8_t *cmd, size_t len, uint8_t *out, size_t want)
{
    uint8_t f[SE_I2C_FRAME];
    bool picked_up = s->sent_len == len && memcmp(s->sent, cmd, len) == 0;
    uint8_t st = ST_BAD_CRC;
    uint32_t waited = 0;
    for (unsigned i = 0; i < TRIES && st == ST_BAD_CRC; i++) {
        if (!picked_up) { /* a chip that works takes no other command, and so does not acknowledge */
            memcpy(s->sent, cmd, len);
            s->sent_len = transfer(s, true, s->sent, len) == 0 ? len : 0;
        }
        picked_up = false;
        st = s->sent_len != 0 ? answer(s, f, want) : ST_NO_ANSWER;
        while (st == ST_BUSY && waited < s->patience_ms) {
            s->bus->sleep_ms(s->bus->arg, POLL_MS);
            waited += POLL_MS;
            st = answer(s, f, want);
        }
    }
    if (st != ST_BUSY) {
        pqi_wipe(s->sent, sizeof s->sent);
        s->sent_len = 0;
    }
    if (st == ST_OK && want != 0) {
        memcpy(out, f + 2, want);
    }
    pqi_wipe(f, sizeof f);
    return st;
}

/* The whole of a call: frame, lock, exchange, status. out is zero on error. */
static pqi_status command(se_i2c *s, uint8_t op, uint8_t slot, pqi_cspan data, pqi_span out)
{
    uint8_t cmd[SE_I2C_FRAME] = {(uint8_t)(HEAD - 1 + data.len + CRC), op, slot};
    size_t n = HEAD + data.len;
    if (data.len != 0) {
        memcpy(cmd + HEAD, data.ptr, data.len);
    }
    put_be(cmd + n, crc16(cmd, n), CRC);
    if (out.len != 0) {
        memset(out.ptr, 0, out.len);
    }
    s->status = exchange(s, cmd, n + CRC, out.ptr, out.len);
    return s->status < N_CODES ? codes[s->status].st : PQI_ERR_PROVIDER;
}

static void enter(const se_i2c *s)
{
    if (s->bus->lock != NULL) {
        s->bus->lock(s->bus->arg);
    }
}

static pqi_status leave(const se_i2c *s, pqi_status st)
{
    if (s->bus->unlock != NULL) {
        s->bus->unlock(s->bus->arg);
    }
    return st;
}

/* usage 0: of any. SE_I2C_SLOTS: none. key 0 finds a free slot. */
static uint8_t find(const se_i2c *s, pqi_key key, uint8_t usage)
{
    uint8_t i = 0;
    while (i < SE_I2C_SLOTS &&
           (s->slots[i].key != key || (usage != 0 && s->slots[i].usage != usage))) {
        i++;
    }
    return i;
}

static const pqi_cspan none = {NULL, 0};
static const pqi_span nothing = {NULL, 0};

/* ---- the element ---------------------------------------------------------------------------------- */

/* The chip makes a key and names it in one step, so a power cut leaves the old key or the new one. */
static pqi_status se_generate(void *arg, pqi_key key, pqi_key_kind kind)
{
    se_i2c *s = arg;
    uint8_t d[5] = {kind == PQI_KEY_SIG ? SIGNS : AGREES};
    enter(s);
    uint8_t i = find(s, key, 0);
    i = i == SE_I2C_SLOTS ? find(s, 0, 0) : i;
    if (i == SE_I2C_SLOTS) {
        return leave(s, PQI_ERR_LIMIT);
    }
    put_be(d + 1, key, 4);
    pqi_status st = command(s, OP_GENERATE, i, (pqi_cspan){d, sizeof d}, nothing);
    if (st == PQI_OK) {
        s->slots[i].key = key;
        s->slots[i].usage = d[0];
    }
    return leave(s, st);
}

static pqi_status se_destroy(void *arg, pqi_key key)
{
    se_i2c *s = arg;
    pqi_status st = PQI_OK;
    enter(s);
    uint8_t i = find(s, key, 0);
    if (i != SE_I2C_SLOTS) {
        st = command(s, OP_DELETE, i, none, nothing);
    }
    if (i != SE_I2C_SLOTS && (st == PQI_OK || st == PQI_ERR_MISSING)) {
        s->slots[i].key = 0;
        st = PQI_OK;
    }
    return leave(s, st);
}

static pqi_status use(se_i2c *s, pqi_key key, uint8_t usage, uint8_t op, pqi_cspan in, pqi_span out)
{
    enter(s);
    uint8_t i = find(s, key, usage);
    memset(out.ptr, 0, out.len);
    return leave(s, i != SE_I2C_SLOTS ? command(s, op, i, in, out) : PQI_ERR_MISSING);
}

static pqi_status se_public(void *arg, pqi_key key, uint8_t pk[65])
{
    pqi_status st = use(arg, key, 0, OP_PUBLIC, none, (pqi_span){pk + 1, 64});
    pk[0] = st == PQI_OK ? 0x04 : 0;
    return st;
}

static pqi_status se_sign(void *arg, pqi_key key, pqi_cspan msg, uint8_t sig[64])
{
    se_i2c *s = arg;
    uint8_t digest[32];
    memset(sig, 0, 64);
    if (msg.len == 0 || msg.len > PQI_ELEMENT_MSG_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_status st = s->classic->hash(PQI_HASH_SHA256, &msg, 1, digest);
    return st == PQI_OK ? use(s, key, SIGNS, OP_SIGN, (pqi_cspan){digest, 32}, (pqi_span){sig, 64})
                        : st;
}

/* This chip checks the point; one that does not needs it done here: an invalid point leaks the key. */
static pqi_status se_dh(void *arg, pqi_key key, const uint8_t peer[65], uint8_t ss[32])
{
    memset(ss, 0, 32);
    return peer[0] != 0x04
               ? PQI_ERR_AUTH
               : use(arg, key, AGREES, OP_ECDH, (pqi_cspan){peer + 1, 64}, (pqi_span){ss, 32});
}

static pqi_status se_generation(void *arg, uint64_t *value)
{
    uint8_t b[8];
    enter(arg);
    pqi_status st = leave(arg, command(arg, OP_COUNT, 0, none, (pqi_span){b, sizeof b}));
    *value = 0;
    for (unsigned i = 0; i < sizeof b; i++) {
        *value = *value << 8 | b[i];
    }
    return st;
}

static pqi_status se_advance(void *arg, uint64_t value)
{
    uint8_t b[8];
    put_be(b, value, sizeof b);
    enter(arg);
    return leave(arg, command(arg, OP_COUNT_TO, 0, (pqi_cspan){b, sizeof b}, nothing));
}

static pqi_status se_random(void *arg, pqi_span out)
{
    pqi_status st = PQI_OK;
    enter(arg);
    for (size_t at = 0; at < out.len && st == PQI_OK; at += 64) {
        size_t n = out.len - at < 64 ? out.len - at : 64;
        uint8_t len = (uint8_t)n;
        st = command(arg, OP_RANDOM, 0, (pqi_cspan){&len, 1}, (pqi_span){out.ptr + at, n});
    }
    if (st != PQI_OK && out.len != 0) {
        memset(out.ptr, 0, out.len);
    }
    return leave(arg, st == PQI_OK || st == PQI_AGAIN ? st : PQI_ERR_RNG);
}

static uint32_t se_native_error(void *arg, const char **text)
{
    const se_i2c *s = arg;
    *text = s->status < N_CODES ? codes[s->status].text : "the chip does not answer on the bus";
    return s->status;
}

pqi_status se_i2c_start(
    se_i2c *s, const se_i2c_bus *bus, const pqi_classic *classic, uint32_t patience_ms)
{
    if (s == NULL || bus == NULL || classic == NULL) {
        return PQI_ERR_ARG;
    }
    memset(s, 0, sizeof *s);
    s->bus = bus;
    s->classic = classic;
    s->patience_ms = patience_ms;
    for (uint8_t i = 0; i < SE_I2C_SLOTS; i++) {
        uint8_t b[5];
        pqi_status st = command(s, OP_SLOT, i, none, (pqi_span){b, sizeof b});
        if (st != PQI_OK) {
            return st;
        }
        s->slots[i].usage = b[0];
        s->slots[i].key =
            (pqi_key)b[1] << 24 | (pqi_key)b[2] << 16 | (pqi_key)b[3] << 8 | (pqi_key)b[4];
    }
    s->element = (pqi_element){.arg = s,
        .name = "se-i2c",
        .caps = PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK | PQI_CAP_HW_RNG,
        .p256_generate = se_generate,
        .p256_destroy = se_destroy,
        .p256_public = se_public,
        .p256_sign = se_sign,
        .p256_dh = se_dh,
        .generation = se_generation,
        .advance = se_advance,
        .random = se_random,
        .native_error = se_native_error};
    return PQI_OK;
}
