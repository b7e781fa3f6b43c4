/* SPDX-License-Identifier: Apache-2.0
 * The two forms of a message signed with Falcon in KAT files, for the table in kat.c: that of the
 * submission (compressed; length, nonce, message, signature) and PQClean's padded one (signature,
 * message). */
#ifndef PQI_APPS_FALCON_H
#define PQI_APPS_FALCON_H

#include "kat.h"

bool pqi_kat_falcon_sign(
    pqi_vec *v, const pqi_kat *k, pqi_cspan sk, pqi_cspan msg, pqi_cspan coins, pqi_span *sm);
bool pqi_kat_falcon_open(pqi_vec *v, const pqi_kat *k, pqi_cspan pk, pqi_cspan msg, pqi_cspan sm);
bool pqi_kat_falcon_sign_padded(
    pqi_vec *v, const pqi_kat *k, pqi_cspan sk, pqi_cspan msg, pqi_cspan coins, pqi_span *sm);
bool pqi_kat_falcon_open_padded(
    pqi_vec *v, const pqi_kat *k, pqi_cspan pk, pqi_cspan msg, pqi_cspan sm);

#endif
