/* SPDX-License-Identifier: Apache-2.0
 * For providers: a box whose two shared secrets are at hand, because not every half of a key can be
 * given to pqi_box_open(). */
#ifndef PQI_SUITE_BOX_INT_H
#define PQI_SUITE_BOX_INT_H

#include "suite/combine.h"

#include <pqi/suite.h>

/* Opens a box.
 * self   in   the recipient's public keys
 * k      in   PQI_COMBINE_SECRETS bytes, K_pq || K_x, secret; stays the caller's to wipe
 * Otherwise as pqi_box_open(). */
PQI_MUST_CHECK pqi_status pqi_box_open_shared(const pqi_algs *a, const pqi_suite *s,
    const pqi_box_peer *self, const uint8_t *k, const pqi_box_ctx *ctx, pqi_cspan capsule,
    pqi_cspan ct, pqi_span plain);

#endif
