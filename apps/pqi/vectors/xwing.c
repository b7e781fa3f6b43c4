/* SPDX-License-Identifier: Apache-2.0
 * X-Wing (draft-connolly-cfrg-xwing-kem, Appendix C) and the same construction as the CFRG's concrete
 * hybrid MLKEM768-X25519. */
#include "vectors_pq.h"

#include <pqi/xwing.h>

void pqi_vec_xwing(pqi_vec *v)
{
    const pqi_xwing x = {pqi_vec_kem(v, "ML-KEM-768"), v->algs->classic};
    pqi_cspan seed = pqi_vec_hex(v, "seed"), pk = pqi_vec_hex(v, "pk"), ct = pqi_vec_hex(v, "ct");
    pqi_cspan coins = pqi_vec_hex(v, pqi_vec_has(v, "eseed") ? "eseed" : "randomness");
    if (x.kem == NULL) {
        return;
    }
    /* scratch of its own: v->tmp is for single algorithms */
    const pqi_span tmp = pqi_vec_room(v, pqi_xwing_tmp_len(&x));
    const pqi_span made = pqi_vec_room(v, PQI_XWING_PK);
    const pqi_span sent = pqi_vec_room(v, PQI_XWING_CT), ss = pqi_vec_room(v, PQI_XWING_SS);
    (void)pqi_vec_equal(v, "sk", seed, pqi_vec_hex(v, "sk")); /* the private key is the seed */
    if (pqi_vec_status(v, "keygen", pqi_xwing_keygen(&x, made, seed, tmp), PQI_OK)) {
        (void)pqi_vec_equal(v, "pk", pqi_vec_c(made), pk);
    }
    if (pqi_vec_status(v, "encaps", pqi_xwing_encaps(&x, sent, ss, pk, coins, tmp), PQI_OK)) {
        (void)pqi_vec_equal(v, "ct", pqi_vec_c(sent), ct);
        (void)pqi_vec_equal(v, "ss", pqi_vec_c(ss), pqi_vec_hex(v, "ss"));
    }
    if (pqi_vec_status(v, "decaps", pqi_xwing_decaps(&x, ss, ct, seed, tmp), PQI_OK)) {
        (void)pqi_vec_equal(v, "decapsulated ss", pqi_vec_c(ss), pqi_vec_hex(v, "ss"));
    }
}
