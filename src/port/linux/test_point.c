/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/test_point.h"

#include <stddef.h>

static pqi_point_hook hook_;

void pqi_host_set_point_hook(pqi_point_hook hook)
{
    hook_ = hook;
}

int pqi_host_kill_point(unsigned point)
{
    return hook_ != NULL ? hook_(point) : 0;
}
