/* SPDX-License-Identifier: Apache-2.0
 * Return values of PKCS#11 (OASIS PKCS#11 Specification 3.2, section 5.1 and pkcs11t.h). */
#ifndef PQI_PORT_LINUX_P11_RV_H
#define PQI_PORT_LINUX_P11_RV_H

#include <pqi/status.h>

#include <stdbool.h>

typedef struct pqi_p11_rv {
    unsigned long rv;
    const char *name; /* "CKR_PIN_INCORRECT" */
    pqi_status st;
    const char *text; /* for people: what it means and what to do */
} pqi_p11_rv;

/* Of the driver itself, among the values for vendors: C_Login was not called, for the token says
 * CKF_USER_PIN_FINAL_TRY. */
#define PQI_P11_LAST_TRY 0x80505149ul

/* A value outside of the standard's list gives PQI_ERR_PROVIDER. Static storage. */
const pqi_p11_rv *pqi_p11_rv_of(unsigned long rv);

/* The session is gone, with the token or by somebody else: opening it again may help. */
bool pqi_p11_rv_is_lost(unsigned long rv);

#endif
