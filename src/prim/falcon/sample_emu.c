/* SPDX-License-Identifier: Apache-2.0
 * Sampling with integers only: constant time wherever the product of two 32-bit words is. */
#include "prim/falcon/sample_impl.h"

static bool trusted(void)
{
    return true;
}

const pqi_falcon_backend pqi_falcon_emulated = {trusted, sample, sample_expanded, expand};
