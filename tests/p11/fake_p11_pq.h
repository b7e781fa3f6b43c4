/* SPDX-License-Identifier: Apache-2.0
 * The PKCS#11 3.2 mechanisms of fake_p11_module.so: ML-DSA and ML-KEM by this library, objects in memory. */
#ifndef PQI_TESTS_FAKE_P11_PQ_H
#define PQI_TESTS_FAKE_P11_PQ_H

#include "port/linux/p11_32.h"

#include <stdbool.h>

/* Each answers true when the call was one of its own, with *rv set. */
bool fake_pq_mechanism(ck_mechanism_type_t m, struct ck_mechanism_info *info, ck_rv_t *rv);
bool fake_pq_generate(const struct ck_mechanism *m, const struct ck_attribute *pub,
    unsigned long n_pub, const struct ck_attribute *priv, unsigned long n_priv,
    ck_object_handle_t *x, ck_object_handle_t *y, ck_rv_t *rv);
bool fake_pq_destroy(ck_object_handle_t o, ck_rv_t *rv);
bool fake_pq_get(ck_object_handle_t o, struct ck_attribute *a, unsigned long n, ck_rv_t *rv);
bool fake_pq_sign_init(const struct ck_mechanism *m, ck_object_handle_t key, ck_rv_t *rv);
bool fake_pq_sign(const unsigned char *msg, unsigned long n, unsigned char *sig,
    unsigned long *sig_len, ck_rv_t *rv);
/* Notes a search; more results of it. */
void fake_pq_search(const struct ck_attribute *t, unsigned long n);
void fake_pq_found(ck_object_handle_t *o, unsigned long room, unsigned long *n);
ck_rv_t fake_pq_decapsulate(ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t key,
    struct ck_attribute *t, unsigned long n, unsigned char *ct, unsigned long ct_len,
    ck_object_handle_t *out);

#endif
