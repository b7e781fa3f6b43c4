/* SPDX-License-Identifier: Apache-2.0
 * The groups of pqi bench, in the order of the report. */
#include "bench.h"

const pqi_bench_group pqi_bench_groups[] = {
    {"kem", pqi_bench_kem, false},
    {"sig", pqi_bench_sig, false},
    {"sig", pqi_bench_falcon, false},
    {"kem", pqi_bench_xwing, false},
    {"hash", pqi_bench_hash, false},
    {"aead", pqi_bench_aead, false},
    {"curve", pqi_bench_curve, false},
    {"v1", pqi_bench_v1, false},
    {"session", pqi_bench_session, false},
    {"session", pqi_bench_handshake, false},
    {"session", pqi_bench_healing, false},
    {"fleet", pqi_bench_fleet, true},
    {"control", pqi_bench_control, true},
    {"providers", pqi_bench_providers, true},
    {"memory", pqi_bench_memory, true},
    {NULL, NULL, false},
};
