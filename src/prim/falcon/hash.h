/* SPDX-License-Identifier: Apache-2.0
 * HashToPoint, specification Algorithm 3. Variable time: nonce and message are public. */
#ifndef PQI_PRIM_FALCON_HASH_H
#define PQI_PRIM_FALCON_HASH_H

#include "prim/falcon/impl.h"

#define PQI_FALCON_HASH_BLOCK 68u /* 16-bit candidates in one block of SHAKE256 */

/* Squeezes one block; writes its accepted candidates, 0 <= c < q, in order, and returns their
 * number. Only for a sponge that was squeezed in whole blocks. */
unsigned pqi_falcon_hash_block(pqi_xof *x, uint16_t c[PQI_FALCON_HASH_BLOCK]);

/* c: n values 0 <= c < q. x has absorbed nonce and message and was not squeezed yet. */
void pqi_falcon_hash_to_point(pqi_xof *x, uint16_t *c, unsigned logn);

#endif
