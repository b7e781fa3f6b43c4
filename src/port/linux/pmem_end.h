/* SPDX-License-Identifier: Apache-2.0
 * What becomes of protected memory when the process ends (INV-16): exit() and quick_exit() wipe it, and
 * so do signals once pqi_host_wipe_on_signals() was called. _exit() and SIGKILL wipe nothing; there the
 * kernel clears secret pages when it takes them back. */
#ifndef PQI_PORT_LINUX_PMEM_END_H
#define PQI_PORT_LINUX_PMEM_END_H

#include "port/linux/protected_mem.h"

/* Enters a new mapping into the list of all, and takes it out after a wipe. */
void pqi_pmem_end_add(pqi_pmem *m);
void pqi_pmem_end_remove(pqi_pmem *m);
/* Takes out an object that is mapped again without pqi_pmem_unmap(), as after a jump out of its frame: entered
 * twice it would make the list a ring, in which fork() and exit() never end. */
void pqi_pmem_end_forget(const pqi_pmem *m);

/* true: memory that was in use has been wiped. What was computed since may be built on zeros, so nothing
 * may be written any more (file_atomic.c). */
bool pqi_pmem_end_torn(void);

/* Never returns while a signal ends the process, on threads other than the one that got it: a
 * result that may be built on zeros must not leave the provider. Otherwise it does nothing. */
void pqi_pmem_end_wait(void);

#endif
