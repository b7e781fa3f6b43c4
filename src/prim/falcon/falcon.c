/* SPDX-License-Identifier: Apache-2.0
 * What falcon.h tells of the formats. */
#include "prim/falcon/impl.h"

size_t pqi_falcon_sig_len(const pqi_sig *alg, pqi_falcon_format format)
{
    unsigned logn = alg == NULL ? 0 : pqi_falcon_logn(alg);
    return logn == 0 ? 0 : pqi_falcon_len(logn, format);
}
