/* SPDX-License-Identifier: Apache-2.0
 * What PKCS#11 3.0 to 3.2 added and p11-kit's header of 2.40 lacks. Values: pkcs11t.h and pkcs11f.h of
 * the OASIS "PKCS #11 Specification Version 3.2". */
#ifndef PQI_PORT_LINUX_P11_32_H
#define PQI_PORT_LINUX_P11_32_H

#define CRYPTOKI_GNU
#include <p11-kit/pkcs11.h>

#define PQI_CKM_ML_KEM_KEY_PAIR_GEN 0x0fUL
#define PQI_CKM_ML_KEM              0x17UL
#define PQI_CKM_ML_DSA_KEY_PAIR_GEN 0x1cUL
#define PQI_CKM_ML_DSA              0x1dUL
#define PQI_CKK_ML_KEM              0x49UL
#define PQI_CKK_ML_DSA              0x4aUL
#define PQI_CKA_PARAMETER_SET       0x61dUL
#define PQI_CKA_ENCAPSULATE         0x633UL
#define PQI_CKA_DECAPSULATE         0x634UL
#define PQI_CKF_DECAPSULATE         0x20000000UL
#define PQI_CKH_HEDGE_REQUIRED      1UL

/* CKP_ML_KEM_512, 768, 1024 and CKP_ML_DSA_44, 65, 87 are 1, 2, 3. */

/* CK_SIGN_ADDITIONAL_CONTEXT, section 6.67 */
typedef struct pqi_ck_sign_context {
    unsigned long hedge;
    unsigned char *context;
    unsigned long context_len;
} pqi_ck_sign_context;

/* CK_INTERFACE, section 3.7 */
typedef struct pqi_ck_interface {
    char *name; /* "PKCS 11" */
    void *functions;
    ck_flags_t flags;
} pqi_ck_interface;

typedef ck_rv_t (*pqi_ck_get_interface)(
    unsigned char *name, struct ck_version *version, pqi_ck_interface **out, ck_flags_t flags);

typedef ck_rv_t (*pqi_ck_decapsulate)(ck_session_handle_t session, struct ck_mechanism *mechanism,
    ck_object_handle_t private_key, struct ck_attribute *template, unsigned long count,
    unsigned char *ciphertext, unsigned long ciphertext_len, ck_object_handle_t *key);

/* CK_FUNCTION_LIST_3_2 up to what is used here: 2.40, then the 24 functions of 3.0 from
 * C_GetInterfaceList to C_MessageVerifyFinal. */
typedef struct pqi_ck_functions_32 {
    struct ck_function_list base;
    void (*of_30[24])(void);
    void (*encapsulate)(void);
    pqi_ck_decapsulate decapsulate;
} pqi_ck_functions_32;

#endif
