/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_PORT_LINUX_P11_PIN_H
#define PQI_PORT_LINUX_P11_PIN_H

#include <pqi/span.h>
#include <pqi/status.h>

/* The first line of a PIN file, without its end; the file must be ours or root's and closed to others.
 * out is secret. PQI_ERR_STORAGE: with pqi_why(); out is wiped. */
PQI_MUST_CHECK pqi_status pqi_p11_pin_read(const char *path, pqi_span out, size_t *len);

#endif
