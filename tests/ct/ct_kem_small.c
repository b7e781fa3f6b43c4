/* SPDX-License-Identifier: Apache-2.0
 * ct_kem.c for the small variants. */
#include "../support/small.h"

#include "ct_kem.c"
