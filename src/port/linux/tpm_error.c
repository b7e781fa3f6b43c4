/* SPDX-License-Identifier: Apache-2.0
 * The one table from codes of the TPM and the stack below to a status and a sentence.
 * TPM 2.0 part 2 section 6.6; TSS 2.0 overview and common structures, section 3.2. */
#include "port/linux/tpm.h"

#define FORMAT_ONE  0x80u
#define CODE_ONE    0xbfu  /* format one: format bit, error number */
#define CODE_ZERO   0x97fu /* format zero: severity, version, error number */
#define LAYER(rc)   ((rc)&TSS2_RC_LAYER_MASK)
#define BELOW(base) (TSS2_ESAPI_RC_LAYER | TSS2_BASE_RC_##base)

/* clang-format off */
static const tpm_error table[] = {
    /* passwords */
    {TPM2_RC_AUTH_FAIL, PQI_ERR_AUTH, "wrong authorisation value; the TPM counts the attempt"},
    {TPM2_RC_BAD_AUTH, PQI_ERR_AUTH, "wrong authorisation value"},
    {TPM2_RC_NV_AUTHORIZATION, PQI_ERR_AUTH, "this authorisation does not open the NV index"},
    {TPM2_RC_LOCKOUT, PQI_ERR_LOCKED, "locked after too many wrong authorisation values"},
    {TPM2_RC_SIGNATURE, PQI_ERR_AUTH, "the signature is not valid"},
    {TPM2_RC_TICKET, PQI_ERR_AUTH, "the ticket is not of this TPM, or of another digest"},
    {TPM2_RC_ECC_POINT, PQI_ERR_AUTH, "the point is not on the curve"},
    /* policies */
    {TPM2_RC_POLICY_FAIL, PQI_ERR_POLICY, "a policy check failed"},
    {TPM2_RC_POLICY, PQI_ERR_POLICY, "the policy does not hold"},
    {TPM2_RC_POLICY_CC, PQI_ERR_POLICY, "the policy is for another command"},
    {TPM2_RC_PCR, PQI_ERR_POLICY, "a PCR has not the value of the policy"},
    {TPM2_RC_PCR_CHANGED, PQI_ERR_POLICY, "a PCR changed since it was checked"},
    {TPM2_RC_EXPIRED, PQI_ERR_POLICY, "the policy has expired"},
    {TPM2_RC_LOCALITY, PQI_ERR_POLICY, "not from this locality"},
    /* room */
    {TPM2_RC_NV_SPACE, PQI_ERR_LIMIT, "the TPM's NV memory is full"},
    {TPM2_RC_OBJECT_MEMORY, PQI_ERR_LIMIT, "no room for another loaded object"},
    {TPM2_RC_OBJECT_HANDLES, PQI_ERR_LIMIT, "no handle for another object: a restart is needed"},
    {TPM2_RC_SESSION_MEMORY, PQI_ERR_LIMIT, "no room for another session"},
    {TPM2_RC_SESSION_HANDLES, PQI_ERR_LIMIT, "no handle for another session"},
    {TPM2_RC_MEMORY, PQI_ERR_LIMIT, "the TPM is out of memory"},
    {TPM2_RC_TOO_MANY_CONTEXTS, PQI_ERR_LIMIT, "the TPM's context counter is at its end"},
    {TPM2_RC_CONTEXT_GAP, PQI_ERR_LIMIT, "the gap between saved contexts is too large"},
    /* not there, damaged, in the way */
    {TPM2_RC_HANDLE, PQI_ERR_MISSING, "there is no object at this handle"},
    {TPM2_RC_NV_UNINITIALIZED, PQI_ERR_MISSING, "the NV index was never written"},
    {TPM2_RC_NV_DEFINED, PQI_ERR_STATE, "this handle or NV index is taken"},
    {TPM2_RC_NV_LOCKED, PQI_ERR_STATE, "the NV index is locked"},
    {TPM2_RC_INTEGRITY, PQI_ERR_STORAGE, "the sealed object is damaged or of another TPM"},
    {TPM2_RC_SENSITIVE, PQI_ERR_STORAGE, "the sealed object is damaged"},
    {TPM2_RC_BINDING, PQI_ERR_STORAGE, "the halves of the object do not belong together"},
    {TPM2_RC_BAD_CONTEXT, PQI_ERR_STORAGE, "the saved context is not valid"},
    /* not offered */
    {TPM2_RC_COMMAND_CODE, PQI_ERR_UNSUPPORTED, "the TPM does not have this command"},
    {TPM2_RC_DISABLED, PQI_ERR_UNSUPPORTED, "the command is disabled"},
    {TPM2_RC_HIERARCHY, PQI_ERR_UNSUPPORTED, "the hierarchy is disabled or the wrong one"},
    {TPM2_RC_ASYMMETRIC, PQI_ERR_UNSUPPORTED, "the algorithm is not supported"},
    {TPM2_RC_HASH, PQI_ERR_UNSUPPORTED, "the hash is not supported"},
    {TPM2_RC_SYMMETRIC, PQI_ERR_UNSUPPORTED, "the symmetric algorithm is not supported"},
    {TPM2_RC_MODE, PQI_ERR_UNSUPPORTED, "the mode of operation is not supported"},
    {TPM2_RC_KDF, PQI_ERR_UNSUPPORTED, "the key derivation is not supported"},
    {TPM2_RC_MGF, PQI_ERR_UNSUPPORTED, "the mask generation is not supported"},
    {TPM2_RC_SCHEME, PQI_ERR_UNSUPPORTED, "the scheme is not supported"},
    {TPM2_RC_CURVE, PQI_ERR_UNSUPPORTED, "the curve is not supported"},
    {TPM2_RC_KEY_SIZE, PQI_ERR_UNSUPPORTED, "the key size is not supported"},
    {TPM2_RC_PP, PQI_ERR_UNSUPPORTED, "physical presence is required"},
    {TPM2_RC_NV_SIZE, PQI_ERR_UNSUPPORTED, "the NV index is larger than the TPM allows"},
    /* later */
    {TPM2_RC_RETRY, PQI_AGAIN, "the TPM was not able to start the command"},
    {TPM2_RC_YIELDED, PQI_AGAIN, "the TPM has suspended the command"},
    {TPM2_RC_TESTING, PQI_AGAIN, "the TPM is testing itself"},
    {TPM2_RC_NV_RATE, PQI_AGAIN, "the TPM slows writes down to protect its memory"},
    /* the TPM */
    {TPM2_RC_INITIALIZE, PQI_ERR_PROVIDER, "the TPM lost its power: TPM2_Startup is needed"},
    {TPM2_RC_FAILURE, PQI_ERR_PROVIDER, "the TPM is in failure mode"},
    {TPM2_RC_REBOOT, PQI_ERR_PROVIDER, "the TPM needs a restart"},
    {TPM2_RC_UPGRADE, PQI_ERR_PROVIDER, "the TPM is in a firmware update"},
    {TPM2_RC_CANCELED, PQI_ERR_PROVIDER, "the command was cancelled"},
    {TPM2_RC_NV_UNAVAILABLE, PQI_ERR_PROVIDER, "the TPM's NV memory is not accessible"},
    {TPM2_RC_NEEDS_TEST, PQI_ERR_PROVIDER, "the TPM has not tested a function"},
    {TPM2_RC_NO_RESULT, PQI_ERR_PROVIDER, "the TPM has no result"},
    {TPM2_RC_BAD_TAG, PQI_ERR_UNSUPPORTED, "this is a TPM 1.2, or none"},
    /* what a correct driver never meets */
    {TPM2_RC_SEQUENCE, PQI_ERR_PROVIDER, "improper use of a sequence"},
    {TPM2_RC_PRIVATE, PQI_ERR_PROVIDER, "TPM_RC_PRIVATE"},
    {TPM2_RC_HMAC, PQI_ERR_PROVIDER, "TPM_RC_HMAC"},
    {TPM2_RC_EXCLUSIVE, PQI_ERR_PROVIDER, "an audit session is exclusive"},
    {TPM2_RC_AUTH_TYPE, PQI_ERR_PROVIDER, "the wrong kind of authorisation"},
    {TPM2_RC_AUTH_MISSING, PQI_ERR_PROVIDER, "an authorisation session is missing"},
    {TPM2_RC_AUTH_UNAVAILABLE, PQI_ERR_PROVIDER, "this authorisation is not offered by the object"},
    {TPM2_RC_UNBALANCED, PQI_ERR_PROVIDER, "hash and cipher do not match"},
    {TPM2_RC_COMMAND_SIZE, PQI_ERR_PROVIDER, "the command's size is wrong"},
    {TPM2_RC_AUTHSIZE, PQI_ERR_PROVIDER, "the authorisation's size is wrong"},
    {TPM2_RC_AUTH_CONTEXT, PQI_ERR_PROVIDER, "the command takes no session"},
    {TPM2_RC_NV_RANGE, PQI_ERR_PROVIDER, "beyond the end of the NV index"},
    {TPM2_RC_CPHASH, PQI_ERR_PROVIDER, "a command hash is set already"},
    {TPM2_RC_PARENT, PQI_ERR_PROVIDER, "the handle is no parent"},
    {TPM2_RC_ATTRIBUTES, PQI_ERR_PROVIDER, "inconsistent attributes"},
    {TPM2_RC_VALUE, PQI_ERR_PROVIDER, "a value is out of range"},
    {TPM2_RC_TYPE, PQI_ERR_PROVIDER, "the wrong type"},
    {TPM2_RC_RANGE, PQI_ERR_PROVIDER, "a value is out of range"},
    {TPM2_RC_NONCE, PQI_ERR_PROVIDER, "a nonce is wrong"},
    {TPM2_RC_SIZE, PQI_ERR_PROVIDER, "a structure has the wrong size"},
    {TPM2_RC_TAG, PQI_ERR_PROVIDER, "a structure has the wrong tag"},
    {TPM2_RC_SELECTOR, PQI_ERR_PROVIDER, "a union has the wrong selector"},
    {TPM2_RC_INSUFFICIENT, PQI_ERR_PROVIDER, "the command is too short"},
    {TPM2_RC_KEY, PQI_ERR_PROVIDER, "the key does not fit its use"},
    {TPM2_RC_RESERVED_BITS, PQI_ERR_PROVIDER, "reserved bits are set"},
    {TPM2_RC_NOT_USED, PQI_ERR_PROVIDER, "TPM_RC_NOT_USED"},
    {TPM2_RC_REFERENCE_H0, PQI_ERR_PROVIDER, "object 1 is not loaded"},
    {TPM2_RC_REFERENCE_H1, PQI_ERR_PROVIDER, "object 2 is not loaded"},
    {TPM2_RC_REFERENCE_H2, PQI_ERR_PROVIDER, "object 3 is not loaded"},
    {TPM2_RC_REFERENCE_H3, PQI_ERR_PROVIDER, "object 4 is not loaded"},
    {TPM2_RC_REFERENCE_H4, PQI_ERR_PROVIDER, "object 5 is not loaded"},
    {TPM2_RC_REFERENCE_H5, PQI_ERR_PROVIDER, "object 6 is not loaded"},
    {TPM2_RC_REFERENCE_H6, PQI_ERR_PROVIDER, "object 7 is not loaded"},
    {TPM2_RC_REFERENCE_S0, PQI_ERR_PROVIDER, "session 1 is not loaded"},
    {TPM2_RC_REFERENCE_S1, PQI_ERR_PROVIDER, "session 2 is not loaded"},
    {TPM2_RC_REFERENCE_S2, PQI_ERR_PROVIDER, "session 3 is not loaded"},
    {TPM2_RC_REFERENCE_S3, PQI_ERR_PROVIDER, "session 4 is not loaded"},
    {TPM2_RC_REFERENCE_S4, PQI_ERR_PROVIDER, "session 5 is not loaded"},
    {TPM2_RC_REFERENCE_S5, PQI_ERR_PROVIDER, "session 6 is not loaded"},
    {TPM2_RC_REFERENCE_S6, PQI_ERR_PROVIDER, "session 7 is not loaded"},
    /* the stack: the same codes in every layer above the TPM */
    {BELOW(GENERAL_FAILURE), PQI_ERR_PROVIDER, "the TPM software stack failed"},
    {BELOW(NOT_IMPLEMENTED), PQI_ERR_UNSUPPORTED, "the TPM software stack does not offer this"},
    {BELOW(BAD_CONTEXT), PQI_ERR_PROVIDER, "the stack's context is damaged"},
    {BELOW(ABI_MISMATCH), PQI_ERR_UNSUPPORTED, "the stack is of another version"},
    {BELOW(BAD_REFERENCE), PQI_ERR_PROVIDER, "the stack was given no pointer"},
    {BELOW(INSUFFICIENT_BUFFER), PQI_ERR_PROVIDER, "a buffer is too small for the TPM's answer"},
    {BELOW(BAD_SEQUENCE), PQI_ERR_PROVIDER, "the stack was called out of order"},
    {BELOW(NO_CONNECTION), PQI_ERR_PROVIDER, "no connection to the TPM"},
    {BELOW(TRY_AGAIN), PQI_AGAIN, "the TPM has not answered yet"},
    {BELOW(IO_ERROR), PQI_ERR_PROVIDER, "the TPM is not reachable"},
    {BELOW(BAD_VALUE), PQI_ERR_PROVIDER, "the stack refuses a value"},
    {BELOW(NOT_PERMITTED), PQI_ERR_PROVIDER, "access to the TPM is not permitted"},
    {BELOW(INVALID_SESSIONS), PQI_ERR_PROVIDER, "the command takes no session"},
    {BELOW(NO_DECRYPT_PARAM), PQI_ERR_PROVIDER, "the command has nothing to encrypt"},
    {BELOW(NO_ENCRYPT_PARAM), PQI_ERR_PROVIDER, "the answer has nothing to encrypt"},
    {BELOW(BAD_SIZE), PQI_ERR_PROVIDER, "a parameter has the wrong size"},
    {BELOW(MALFORMED_RESPONSE), PQI_ERR_PROVIDER, "the answer is not one of a TPM"},
    {BELOW(INSUFFICIENT_CONTEXT), PQI_ERR_PROVIDER, "the stack's context is too small"},
    {BELOW(INSUFFICIENT_RESPONSE), PQI_ERR_PROVIDER, "the answer is cut short"},
    {BELOW(INCOMPATIBLE_TCTI), PQI_ERR_UNSUPPORTED, "this TCTI does not fit the stack"},
    {BELOW(NOT_SUPPORTED), PQI_ERR_UNSUPPORTED, "the stack does not support this"},
    {BELOW(BAD_TCTI_STRUCTURE), PQI_ERR_PROVIDER, "the TCTI is damaged"},
    {BELOW(MEMORY), PQI_ERR_LIMIT, "out of memory"},
    {BELOW(BAD_TR), PQI_ERR_PROVIDER, "the stack does not know the object"},
    {BELOW(MULTIPLE_DECRYPT_SESSIONS), PQI_ERR_PROVIDER, "two sessions encrypt the command"},
    {BELOW(MULTIPLE_ENCRYPT_SESSIONS), PQI_ERR_PROVIDER, "two sessions encrypt the answer"},
    {BELOW(RSP_AUTH_FAILED), PQI_ERR_PROVIDER,
        "the answer is not the TPM's: something on the bus alters it"},
};
/* clang-format on */

TSS2_RC pqi_tpm_error_base(TSS2_RC rc)
{
    TSS2_RC layer = LAYER(rc), code = rc & ~TSS2_RC_LAYER_MASK;
    if (layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER) {
        return (code & FORMAT_ONE) != 0 ? code & CODE_ONE : code & CODE_ZERO;
    }
    return layer | (code & 0xffu);
}

/* A resource manager answers in the TPM's codes too, with a layer of its own. */
static TSS2_RC row_of(TSS2_RC rc)
{
    TSS2_RC base = pqi_tpm_error_base(rc);
    switch (LAYER(base)) {
    case TSS2_TPM_RC_LAYER:
        return base;
    case TSS2_RESMGR_RC_LAYER:
        return (rc & (FORMAT_ONE | TPM2_RC_VER1 | TPM2_RC_WARN)) != 0
                   ? pqi_tpm_error_base(rc & ~TSS2_RC_LAYER_MASK)
                   : TSS2_ESAPI_RC_LAYER | (rc & 0xffu);
    case TSS2_ESAPI_RC_LAYER:
    case TSS2_SYS_RC_LAYER:
    case TSS2_MU_RC_LAYER:
    case TSS2_TCTI_RC_LAYER:
        return TSS2_ESAPI_RC_LAYER | (base & ~TSS2_RC_LAYER_MASK);
    default:
        return base;
    }
}

const tpm_error *pqi_tpm_error_find(TSS2_RC rc)
{
    static const tpm_error unknown = {0, PQI_ERR_PROVIDER, "an unknown answer of the TPM"};
    TSS2_RC want = row_of(rc);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].rc == want) {
            return &table[i];
        }
    }
    return &unknown;
}
