/* SPDX-License-Identifier: Apache-2.0
 * The groups of pqi bench, in the order of the report. */
#include "bench.h"

const pqi_bench_group pqi_bench_groups[] = {
    pqi_bench_kem,
    pqi_bench_sig,
    pqi_bench_falcon,
    pqi_bench_xwing,
    pqi_bench_hash,
    pqi_bench_aead,
    pqi_bench_curve,
    pqi_bench_v1,
    NULL,
};
