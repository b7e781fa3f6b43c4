/* SPDX-License-Identifier: Apache-2.0 -- needs: pqi
 * RESUME on the classical set for microcontrollers, with the resumption secret undefined for valgrind:
 * both packets, both ends, and a tag that does not verify. */
#include "ct/secret.h"
#include "session/resume.h"

#include <pqi/classic_mcu.h>

#include <stdio.h>
#include <string.h>

static pqi_status no_random(uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return PQI_ERR_RNG;
}

static int resume(const pqi_classic *c, const pqi_suite *s)
{
    static const uint8_t sid[PQI_HS_SID] = {1}, random_i[PQI_RESUME_RANDOM] = {2},
                         random_r[PQI_RESUME_RANDOM] = {3};
    uint8_t rms[PQI_HS_KEY], r1[PQI_HS_RESUME1_LEN], r2[PQI_HS_RESUME2_LEN];
    pqi_hs_out i, r;
    memset(rms, 0x41, sizeof rms);
    PQI_SECRET(rms, sizeof rms);
    const pqi_resume_gen g = {s, PQI_HS_MODE_K, rms, sid, 9, 10};
    const pqi_resume_way w = {{PQI_LIT("pump-1")}, {PQI_LIT("control")},
        {PQI_LIT("pq/4/s/control/pump-1")}, {PQI_LIT("pq/4/s/pump-1/control")}};
    const pqi_resume_say say_i = {random_i, 11, 12, false}, say_r = {random_r, 13, 0, false};
    pqi_cspan one = {r1, sizeof r1}, two = {r2, sizeof r2};
    if (pqi_resume_ask(c, &g, &w, &say_i, r1) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(r1, sizeof r1); /* it goes over the wire */
    if (pqi_resume_answer(c, &g, &w, one, &say_r, r2, &r) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(r2, sizeof r2); /* it goes over the wire */
    if (pqi_resume_take(c, &g, &w, one, two, &i) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(&i, sizeof i);
    PQI_PUBLIC(&r, sizeof r);
    if (memcmp(&i, &r, sizeof i) != 0) {
        return 1;
    }
    r1[45] ^= 1;
    r2[41] ^= 1;
    int bad = pqi_resume_check(c, &g, &w, one) != PQI_ERR_AUTH;
    r1[45] ^= 1;
    return bad || pqi_resume_take(c, &g, &w, one, two, &i) != PQI_ERR_AUTH;
}

int main(void)
{
    pqi_classic c;
    pqi_classic_mcu(&c, no_random);
    int bad = resume(&c, &pqi_suite_0002) + resume(&c, &pqi_suite_0004);
    (void)puts(bad == 0 ? "ct_resume: ok" : "ct_resume: wrong answer");
    return bad != 0;
}
