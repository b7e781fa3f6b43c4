/* SPDX-License-Identifier: Apache-2.0
 * Frames of the key agent: the bytes of docs/spec/agent.md, every length, everything that is no frame. */
#include "pqi_test.h"

#include "port/linux/agent_wire.h"

#include <stdbool.h>

static uint8_t buf[4096];

static void hex_equal(const uint8_t *p, size_t n, const char *hex)
{
    assert_int_equal(strlen(hex), 2 * n);
    for (size_t i = 0; i < n; i++) {
        char two[3];
        (void)snprintf(two, sizeof two, "%02x", p[i]);
        assert_memory_equal(two, hex + 2 * i, 2);
    }
}

/* section 7 of the specification */
static void examples(void **state)
{
    (void)state;
    size_t n = 0;
    const pqi_agent_req hello = {.op = PQI_AGENT_HELLO, .id = 0, .name = {PQI_LIT("pump-1")}};
    assert_int_equal(pqi_agent_req_write(&hello, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    hex_equal(buf, n,
        "00000013010100000000000050514941"
        "0670756d702d31");
    const pqi_agent_req sign = {.op = PQI_AGENT_SIGN,
        .id = 7,
        .key = 0x02000013,
        .n = 3309,
        .name = {PQI_LIT("PQI4 v1")},
        .data = {PQI_LIT("abc")}};
    assert_int_equal(pqi_agent_req_write(&sign, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    hex_equal(buf, n,
        "0000001f010600000000000702000013"
        "00000ced07"
        "50514934207631"
        "00000003616263");
    const pqi_agent_resp space = {
        .op = PQI_AGENT_SIGN, .id = 7, .status = PQI_ERR_SPACE, .n = 3309};
    assert_int_equal(pqi_agent_resp_write(&space, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    hex_equal(buf, n,
        "000000150106000000000007fffffffd00000000"
        "00"
        "00000ced");
    const pqi_agent_resp dh = {.op = PQI_AGENT_COUNTER_GET, .id = 8, .status = PQI_OK, .value = 77};
    assert_int_equal(pqi_agent_resp_write(&dh, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    hex_equal(buf, n,
        "00000019010d00000000000800000000"
        "0000000000"
        "000000000000004d");
}

static pqi_agent_req sample(uint8_t op)
{
    return (pqi_agent_req){.op = op,
        .id = 0xfffefdfc,
        .key = 0x7fffffff,
        .key2 = 0x01020304,
        .kind = 2,
        .alg = -65738,
        .n = 0x80000001,
        .value = 0xf1f2f3f4f5f6f7f8,
        .name = {PQI_LIT("label")},
        .salt = {PQI_LIT("salt")},
        .info = {PQI_LIT("in")},
        .pre = {PQI_LIT("")},
        .post = {PQI_LIT("p")},
        .capsule = {PQI_LIT("capsule")},
        .data = {PQI_LIT("data")}};
}

/* Reads what it wrote, at each length but the right one refuses, and so it does with one byte more. */
static void requests(void **state)
{
    (void)state;
    for (uint8_t op = 1; op <= PQI_AGENT_OP_LAST; op++) {
        pqi_agent_req q = sample(op), back;
        uint8_t again[512];
        size_t n = 0, m = 0;
        assert_int_equal(pqi_agent_req_write(&q, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
        assert_int_equal(pqi_agent_frame_len(buf), n - PQI_AGENT_LEN);
        assert_int_equal(pqi_agent_req_read((pqi_cspan){buf + 4, n - 4}, &back), PQI_OK);
        assert_int_equal(back.op, op);
        assert_int_equal(back.id, q.id);
        assert_int_equal(pqi_agent_req_write(&back, (pqi_span){again, sizeof again}, &m), PQI_OK);
        assert_int_equal(m, n);
        assert_memory_equal(buf, again, n);
        for (size_t cut = 0; cut <= n - 4; cut++) {
            if (cut != n - 4) {
                assert_int_equal(
                    pqi_agent_req_read((pqi_cspan){buf + 4, cut}, &back), PQI_ERR_DECODE);
            }
            size_t need = 0;
            assert_int_equal(
                pqi_agent_req_write(&q, (pqi_span){again, cut + 3}, &need), PQI_ERR_SPACE);
            assert_int_equal(need, n);
        }
        buf[n] = 0;
        assert_int_equal(pqi_agent_req_read((pqi_cspan){buf + 4, n - 3}, &back), PQI_ERR_DECODE);
        assert_int_equal(back.op, 0);
    }
    pqi_agent_req decrypt = sample(PQI_AGENT_DECRYPT), back;
    size_t n = 0;
    assert_int_equal(pqi_agent_req_write(&decrypt, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    assert_int_equal(pqi_agent_req_read((pqi_cspan){buf + 4, n - 4}, &back), PQI_OK);
    assert_true(back.key == decrypt.key && back.key2 == decrypt.key2 && back.n == decrypt.n);
    assert_true(
        back.salt.len == 4 && back.info.len == 2 && back.pre.len == 0 && back.post.len == 1);
    assert_memory_equal(back.capsule.ptr, "capsule", 7);
}

static void responses(void **state)
{
    (void)state;
    static const pqi_status st[] = {PQI_OK, PQI_ERR_SPACE, PQI_ERR_LOCKED, PQI_AGAIN};
    for (uint8_t op = 1; op <= PQI_AGENT_OP_LAST; op++) {
        for (size_t i = 0; i < 4; i++) {
            const pqi_agent_resp a = {.op = op,
                .id = 9,
                .status = st[i],
                .native = 0x98e,
                .text = {PQI_LIT("tpm:parameter(1)")},
                .kind = 1,
                .alg = -49,
                .n = 5,
                .n2 = 6,
                .value = 7,
                .name = {PQI_LIT("soft")},
                .data = {PQI_LIT("data")}};
            pqi_agent_resp back;
            size_t n = 0;
            assert_int_equal(pqi_agent_resp_write(&a, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
            assert_int_equal(pqi_agent_resp_read((pqi_cspan){buf + 4, n - 4}, &back), PQI_OK);
            assert_true(back.op == op && back.id == 9 && back.status == st[i]);
            assert_true(back.native == 0x98e && back.text.len == 16);
            for (size_t cut = 0; cut < n - 4; cut++) {
                assert_int_equal(
                    pqi_agent_resp_read((pqi_cspan){buf + 4, cut}, &back), PQI_ERR_DECODE);
            }
            buf[n] = 0;
            assert_int_equal(
                pqi_agent_resp_read((pqi_cspan){buf + 4, n - 3}, &back), PQI_ERR_DECODE);
        }
    }
}

static void no_frames(void **state)
{
    (void)state;
    pqi_agent_req q = sample(PQI_AGENT_DH);
    pqi_agent_resp a = {.op = PQI_AGENT_DH, .text = {PQI_LIT("x")}};
    size_t n = 0;
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {{4, 0}, {4, 2}, {5, 0}, {5, PQI_AGENT_OP_LAST + 1}, {5, 255}, {6, 1}, {7, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(pqi_agent_req_write(&q, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
        buf[bad[i].at] = bad[i].value;
        assert_int_equal(pqi_agent_req_read((pqi_cspan){buf + 4, n - 4}, &q), PQI_ERR_DECODE);
        q = sample(PQI_AGENT_DH);
        assert_int_equal(pqi_agent_resp_write(&a, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
        buf[bad[i].at] = bad[i].value;
        assert_int_equal(pqi_agent_resp_read((pqi_cspan){buf + 4, n - 4}, &a), PQI_ERR_DECODE);
        a = (pqi_agent_resp){.op = PQI_AGENT_DH, .text = {PQI_LIT("x")}};
    }
    /* a status that does not exist, a text that is no text */
    for (int st = -64; st <= 64; st++) {
        bool known = strcmp(pqi_status_name((pqi_status)st), "PQI_STATUS_UNKNOWN") != 0;
        a.status = (pqi_status)st;
        assert_true((pqi_agent_resp_write(&a, (pqi_span){buf, sizeof buf}, &n) == PQI_OK) == known);
    }
    a = (pqi_agent_resp){.op = PQI_AGENT_DH, .text = {PQI_LIT("a\nb")}};
    assert_int_equal(pqi_agent_resp_write(&a, (pqi_span){buf, sizeof buf}, &n), PQI_ERR_ARG);
    /* the magic of HELLO */
    q = sample(PQI_AGENT_HELLO);
    assert_int_equal(pqi_agent_req_write(&q, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    buf[12] ^= 1;
    assert_int_equal(pqi_agent_req_read((pqi_cspan){buf + 4, n - 4}, &q), PQI_ERR_DECODE);
}

static void limits(void **state)
{
    (void)state;
    static uint8_t big[PQI_AGENT_FRAME_MAX + 8], out[PQI_AGENT_FRAME_MAX + 8];
    const pqi_span to = {out, sizeof out};
    size_t n = 0;
    pqi_agent_req q = {.op = PQI_AGENT_SIGN, .data = {big, PQI_AGENT_DATA_MAX}}, back;
    assert_int_equal(pqi_agent_req_write(&q, to, &n), PQI_OK);
    assert_int_equal(pqi_agent_req_read((pqi_cspan){out + 4, n - 4}, &back), PQI_OK);
    q.data.len++;
    assert_int_equal(pqi_agent_req_write(&q, to, &n), PQI_ERR_LIMIT);
    q = (pqi_agent_req){.op = PQI_AGENT_SEAL, .name = {big, PQI_AGENT_NAME_MAX + 1u}};
    assert_int_equal(pqi_agent_req_write(&q, to, &n), PQI_ERR_LIMIT);
    q = (pqi_agent_req){.op = PQI_AGENT_DECRYPT, .pre = {big, PQI_AGENT_CTX_MAX + 1u}};
    assert_int_equal(pqi_agent_req_write(&q, to, &n), PQI_ERR_LIMIT);
    q = (pqi_agent_req){.op = PQI_AGENT_DECRYPT,
        .pre = {big, PQI_AGENT_CTX_MAX},
        .post = {big, PQI_AGENT_CTX_MAX},
        .salt = {big, PQI_AGENT_CTX_MAX},
        .info = {big, PQI_AGENT_CTX_MAX},
        .data = {big, PQI_AGENT_DATA_MAX}};
    assert_int_equal(pqi_agent_req_write(&q, to, &n), PQI_ERR_LIMIT); /* the frame as a whole */
    static const uint32_t lens[] = {0, 7, PQI_AGENT_FRAME_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        const uint8_t b[4] = {(uint8_t)(lens[i] >> 24), (uint8_t)(lens[i] >> 16),
            (uint8_t)(lens[i] >> 8), (uint8_t)lens[i]};
        assert_int_equal(pqi_agent_frame_len(b), 0);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(examples), cmocka_unit_test(requests), cmocka_unit_test(responses),
    cmocka_unit_test(no_frames), cmocka_unit_test(limits))
