/* SPDX-License-Identifier: Apache-2.0
 * Encryption in place of protected memory while it is closed; protected_mem.h says what for. */
#ifndef PQI_PORT_LINUX_PMEM_SHIELD_H
#define PQI_PORT_LINUX_PMEM_SHIELD_H

#include "port/linux/protected_mem.h"

/* For up to len bytes. NULL: no memory, or no AES in OpenSSL. */
pqi_pmem_shield *pqi_pmem_shield_new(size_t len);

/* Encrypts data, which is readable and writable, and decrypts it in its place again (nothing to do: true).
 * false: the content is lost, and wiped. */
PQI_MUST_CHECK bool pqi_pmem_shield_up(pqi_pmem_shield *s, pqi_span data);
PQI_MUST_CHECK bool pqi_pmem_shield_down(pqi_pmem_shield *s);

/* Forgets the key. Async-signal-safe. */
void pqi_pmem_shield_wipe(pqi_pmem_shield *s);
/* NULL is fine. In a forked child too. */
void pqi_pmem_shield_free(pqi_pmem_shield *s);

#endif
