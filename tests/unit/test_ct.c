/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "ct/ct.h"
#include <pqi/wipe.h>

static void eq_sees_every_bit(void **state)
{
    (void)state;
    uint8_t a[37], b[37];
    memset(a, 0x5a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_int_equal(pqi_ct_eq(a, b, sizeof a), 1);
    for (size_t bit = 0; bit < 8 * sizeof b; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(pqi_ct_eq(a, b, sizeof a), 0);
        assert_int_equal(pqi_ct_eq_mask(a, b, sizeof a), 0);
        b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(pqi_ct_eq(a, b, 0), 1);
}

static void masks_are_all_or_nothing(void **state)
{
    (void)state;
    const uint32_t v[] = {0, 1, 2, 0x7fffffffu, 0x80000000u, 0xffffffffu};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        assert_int_equal(pqi_ct_nonzero_u32(v[i]), v[i] != 0 ? UINT32_MAX : 0);
        for (size_t j = 0; j < sizeof v / sizeof v[0]; j++) {
            assert_int_equal(pqi_ct_eq_u32(v[i], v[j]), i == j ? UINT32_MAX : 0);
            assert_int_equal(pqi_ct_select_u32(UINT32_MAX, v[i], v[j]), v[i]);
            assert_int_equal(pqi_ct_select_u32(0, v[i], v[j]), v[j]);
        }
    }
}

static void copy_if_and_wipe(void **state)
{
    (void)state;
    uint8_t d[5] = {1, 2, 3, 4, 5};
    const uint8_t s[5] = {9, 8, 7, 6, 5};
    pqi_ct_copy_if(0, d, s, 5);
    assert_int_equal(d[0], 1);
    pqi_ct_copy_if(UINT32_MAX, d, s, 5);
    assert_memory_equal(d, s, 5);
    assert_int_equal(pqi_ct_is_zero_mask(d, 5), 0);
    pqi_wipe(d, 5);
    assert_int_equal(pqi_ct_is_zero_mask(d, 5), UINT32_MAX);
    pqi_wipe(NULL, 0);
}

PQI_TEST_MAIN(cmocka_unit_test(eq_sees_every_bit), cmocka_unit_test(masks_are_all_or_nothing),
    cmocka_unit_test(copy_if_and_wipe))
