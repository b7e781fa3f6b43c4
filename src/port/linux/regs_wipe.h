/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_PORT_LINUX_REGS_WIPE_H
#define PQI_PORT_LINUX_REGS_WIPE_H

/* Clears the vector registers. memcpy() and ciphers leave 16 to 64 bytes of what they moved there, until
 * something else needs the register; a core file, a debugger and a signal's frame on the stack show
 * them. Does nothing on processors other than x86-64 and AArch64. */
void pqi_regs_wipe(void);

#endif
