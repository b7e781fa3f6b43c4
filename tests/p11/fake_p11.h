/* SPDX-License-Identifier: Apache-2.0
 * Control of fake_p11_module.so: a PKCS#11 module for tests that hands everything to SoftHSM, and fails,
 * forgets sessions or ends the process on command. */
#ifndef PQI_TESTS_FAKE_P11_H
#define PQI_TESTS_FAKE_P11_H

#define CRYPTOKI_GNU
#include <p11-kit/pkcs11.h>

#include <stdatomic.h>

/* Functions that the driver calls after C_GetFunctionList. */
#define FAKE_P11_CALLS(X)                                                                          \
    X(C_Initialize)                                                                                \
    X(C_Finalize)                                                                                  \
    X(C_GetSlotList)                                                                               \
    X(C_GetSlotInfo)                                                                               \
    X(C_GetTokenInfo)                                                                              \
    X(C_GetMechanismInfo)                                                                          \
    X(C_OpenSession)                                                                               \
    X(C_CloseSession)                                                                              \
    X(C_GetSessionInfo)                                                                            \
    X(C_Login)                                                                                     \
    X(C_Logout)                                                                                    \
    X(C_FindObjectsInit)                                                                           \
    X(C_FindObjects)                                                                               \
    X(C_FindObjectsFinal)                                                                          \
    X(C_DestroyObject)                                                                             \
    X(C_GetAttributeValue)                                                                         \
    X(C_GenerateKey)                                                                               \
    X(C_GenerateKeyPair)                                                                           \
    X(C_DeriveKey)                                                                                 \
    X(C_SignInit)                                                                                  \
    X(C_Sign)                                                                                      \
    X(C_EncryptInit)                                                                               \
    X(C_Encrypt)                                                                                   \
    X(C_DecryptInit)                                                                               \
    X(C_Decrypt)                                                                                   \
    X(C_GenerateRandom)

enum fake_p11_call {
#define FAKE_P11_ENUM(name) FAKE_##name,
    FAKE_P11_CALLS(FAKE_P11_ENUM)
#undef FAKE_P11_ENUM
        FAKE_C_DecapsulateKey,
    FAKE_P11_N
};

typedef struct fake_p11_control {
    atomic_uint calls[FAKE_P11_N]; /* since the test set them to 0 */
    atomic_uint changes;           /* calls that may change the token */
    unsigned kill_at;              /* the process ends before this change (from 1) */
    unsigned kill_after;           /* the process ends after this change */
    int fail;                      /* this call fails, -1: none */
    unsigned fail_times;           /* as often */
    ck_rv_t fail_rv;
    int forget;                         /* sessions and login are gone when a call fails */
    int removed;                        /* the token is not there */
    int remove_at;                      /* at this call the token goes, -1: never */
    unsigned max_sessions;              /* 0: no limit */
    atomic_uint sessions;               /* that are open */
    atomic_uint most;                   /* sessions that were open at a time */
    ck_flags_t token_flags, slot_flags; /* added */
    ck_mechanism_type_t hide[4];        /* mechanisms that are not there; 0 ends */
    int pq;                             /* with the mechanisms of PKCS#11 3.2 */
    ck_attribute_type_t lie;            /* this attribute of one byte is told inverted; 0: none */
} fake_p11_control;

extern fake_p11_control fake_p11_state; /* by dlsym(): nobody links the module */

#endif
