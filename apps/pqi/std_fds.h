/* SPDX-License-Identifier: Apache-2.0
 * Descriptors 0, 1 and 2, for the first lines of main(). */
#ifndef PQI_APPS_STD_FDS_H
#define PQI_APPS_STD_FDS_H

#include <stdbool.h>

/* Who starts a program may have closed them. The next files that it opens would get these numbers, and what it
 * prints would go into a lock, a log or a socket. A place holder takes each that is closed; it lets nothing be
 * read or written, so that output which goes nowhere is an error as before. false: that cannot be done. */
bool pqi_std_fds(void);

#endif
