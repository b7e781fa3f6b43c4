/* SPDX-License-Identifier: Apache-2.0 -- needs: pqi
 * The key schedule and the gate of the v4 handshake on the classical set for microcontrollers, with the
 * shared secrets, the site's key, the gate key and the sealed signature undefined for valgrind. */
#include "ct/secret.h"
#include "session/hs_keys.h"

#include <pqi/classic_mcu.h>

#include <stdio.h>
#include <string.h>

#define PLAIN 50u

static pqi_status no_random(uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return PQI_ERR_RNG;
}

static const uint8_t packet[200] = {PQI_HS_T_INIT_K};

static pqi_status up_to_resp(
    const pqi_classic *c, const pqi_suite *s, pqi_hs_mode mode, pqi_hs_sched *h)
{
    static const uint8_t cert[PQI_HASH_MAX] = {7};
    const size_t n = s->hash == PQI_HASH_SHA384 ? 48 : 32;
    const pqi_hs_ends e = {{PQI_LIT("pump-1")}, {PQI_LIT("control")}, {cert, n}, {cert, n},
        {PQI_LIT("pq/4/i/control")}, {PQI_LIT("pq/4/r/pump-1")}};
    static const uint8_t x_ct[32] = {1}, x_pk[32] = {2};
    uint8_t psk[PQI_HS_PSK], k[PQI_COMBINE_SECRETS];
    memset(psk, 0x31, sizeof psk);
    memset(k, 0x32, sizeof k);
    PQI_SECRET(psk, sizeof psk);
    PQI_SECRET(k, sizeof k);
    const pqi_combine_in in = {k, x_ct, x_pk};
    pqi_status st = pqi_hs_start(c, s, mode, &e, (pqi_cspan){psk, sizeof psk}, h);
    if (st == PQI_OK) {
        st = pqi_hs_hear(c, h, (pqi_cspan){packet, sizeof packet});
    }
    while (st == PQI_OK && h->next <= PQI_HS_STATIC_I) {
        st = pqi_hs_mix(c, h, (pqi_hs_exchange)h->next, &in);
    }
    return st == PQI_OK ? pqi_hs_hear(c, h, (pqi_cspan){packet, 90}) : st;
}

/* Seals and opens auth of one side; the open with one changed bit is refused. */
static int auth(const pqi_classic *c, const pqi_hs_sched *h, pqi_hs_side side, uint8_t *box)
{
    static const uint8_t conf[PQI_HS_CONF_HDR] = {PQI_HS_T_CONF_K};
    const pqi_cspan front = {conf, side == PQI_HS_SIDE_I ? sizeof conf : 0};
    const pqi_cspan sealed = {box, PLAIN + PQI_AEAD_TAG};
    uint8_t plain[PLAIN], got[PLAIN];
    memset(plain, 0x55, sizeof plain);
    PQI_SECRET(plain, sizeof plain);
    if (pqi_hs_auth_seal(c, h, side, front, (pqi_cspan){plain, PLAIN},
            (pqi_span){box, PLAIN + PQI_AEAD_TAG}) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(box, PLAIN + PQI_AEAD_TAG); /* it goes over the wire */
    pqi_status st = pqi_hs_auth_open(c, h, side, front, sealed, (pqi_span){got, PLAIN});
    PQI_PUBLIC(got, sizeof got);
    PQI_PUBLIC(plain, sizeof plain);
    if (st != PQI_OK || memcmp(got, plain, PLAIN) != 0) {
        return 1;
    }
    box[3] ^= 1;
    st = pqi_hs_auth_open(c, h, side, front, sealed, (pqi_span){got, PLAIN});
    box[3] ^= 1;
    return st != PQI_ERR_AUTH;
}

static int schedule(const pqi_classic *c, const pqi_suite *s, pqi_hs_mode mode)
{
    pqi_hs_sched h;
    pqi_hs_out out;
    uint8_t box[PLAIN + PQI_AEAD_TAG];
    if (up_to_resp(c, s, mode, &h) != PQI_OK || auth(c, &h, PQI_HS_SIDE_R, box) != 0 ||
        pqi_hs_hear(c, &h, (pqi_cspan){box, sizeof box}) != PQI_OK ||
        auth(c, &h, PQI_HS_SIDE_I, box) != 0 || pqi_hs_finish(c, &h, &out) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(&out, sizeof out);
    return memcmp(out.ck_i2r, out.ck_r2i, PQI_HS_KEY) == 0;
}

static int gate(const pqi_classic *c)
{
    uint8_t gk[PQI_GATE_KEY], k[200];
    memset(gk, 0x66, sizeof gk);
    memcpy(k, packet, sizeof k);
    PQI_SECRET(gk, sizeof gk);
    const pqi_hs_gate_in g = {
        gk, {PQI_LIT("pump-1")}, {PQI_LIT("control")}, {PQI_LIT("pq/4/i/control")}};
    if (pqi_hs_gate_tag(c, &g, (pqi_span){k, sizeof k}) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(k, sizeof k); /* it goes over the wire */
    if (pqi_hs_gate_check(c, &g, (pqi_cspan){k, sizeof k}) != PQI_OK) {
        return 1;
    }
    k[9] ^= 1;
    return pqi_hs_gate_check(c, &g, (pqi_cspan){k, sizeof k}) != PQI_ERR_AUTH;
}

int main(void)
{
    static const pqi_suite *const suites[] = {&pqi_suite_0002, &pqi_suite_0004, &pqi_suite_0005};
    pqi_classic c;
    pqi_classic_mcu(&c, no_random);
    int bad = gate(&c);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        bad += schedule(&c, suites[i], PQI_HS_MODE_S);
        bad += schedule(&c, suites[i], PQI_HS_MODE_K);
        bad += schedule(&c, suites[i], PQI_HS_MODE_M);
    }
    (void)puts(bad == 0 ? "ct_hs: ok" : "ct_hs: wrong answer");
    return bad != 0;
}
