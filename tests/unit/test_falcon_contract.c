/* SPDX-License-Identifier: Apache-2.0
 * Compiled with contraction of products and sums allowed, as a careless build would: the check that
 * signing makes must see it. */
#include "pqi_test.h"

#define PQI_FPR_NATIVE
#include "prim/falcon/fpr.h"

static void contraction_is_seen(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("fma")) {
        print_message("# SKIP this processor has no fused multiply-add\n");
        skip();
    }
#endif
    assert_false(fpr_native_trusted());
}

PQI_TEST_MAIN(cmocka_unit_test(contraction_is_seen))
