/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/p11_rv.h"

#include <stddef.h>

#define FAULT PQI_ERR_PROVIDER
#define NO    PQI_ERR_UNSUPPORTED
#define FULL  PQI_ERR_LIMIT

static const char driver[] = "the module refused a call: its version does not fit this program";
static const char gone[] = "the token was removed or reset: insert it and try again";

/* Sorted by value. The values 0x1c0..0x1c4 are those of p11-kit's header, and so of modules built with
 * it; the standard has 0x1b5..0x1b9. */
/* clang-format off */
static const pqi_p11_rv table[] = {
    {0x000, "CKR_OK", PQI_OK, "no error"},
    {0x001, "CKR_CANCEL", FAULT, "somebody cancelled the operation at the token: try again"},
    {0x002, "CKR_HOST_MEMORY", FULL, "the module has no memory left"},
    {0x003, "CKR_SLOT_ID_INVALID", FAULT, "there is no such slot any more: look at the reader"},
    {0x005, "CKR_GENERAL_ERROR", FAULT, "the module failed and does not say why"},
    {0x006, "CKR_FUNCTION_FAILED", FAULT, "the token failed to do it and does not say why"},
    {0x007, "CKR_ARGUMENTS_BAD", FAULT, driver},
    {0x008, "CKR_NO_EVENT", FAULT, driver},
    {0x009, "CKR_NEED_TO_CREATE_THREADS", FAULT, "the module wants threads of its own, which it was denied"},
    {0x00a, "CKR_CANT_LOCK", FAULT, "the module is not made for several threads: use another one"},
    {0x010, "CKR_ATTRIBUTE_READ_ONLY", FAULT, driver},
    {0x011, "CKR_ATTRIBUTE_SENSITIVE", FAULT, "the token does not give this away"},
    {0x012, "CKR_ATTRIBUTE_TYPE_INVALID", NO, "the token does not know an attribute that keys need here"},
    {0x013, "CKR_ATTRIBUTE_VALUE_INVALID", NO, "the token refuses keys with the attributes that are needed here"},
    {0x01b, "CKR_ACTION_PROHIBITED", FAULT, "the token's policy forbids this"},
    {0x020, "CKR_DATA_INVALID", FAULT, driver},
    {0x021, "CKR_DATA_LEN_RANGE", FAULT, driver},
    {0x030, "CKR_DEVICE_ERROR", FAULT, "the token or its reader failed: take it out, insert it and try again"},
    {0x031, "CKR_DEVICE_MEMORY", FULL, "the token is full: remove objects that are no longer used"},
    {0x032, "CKR_DEVICE_REMOVED", FAULT, gone},
    {0x040, "CKR_ENCRYPTED_DATA_INVALID", PQI_ERR_AUTH, "these bytes were not encrypted by this token, or were altered"},
    {0x041, "CKR_ENCRYPTED_DATA_LEN_RANGE", PQI_ERR_AUTH, "these bytes were not encrypted by this token, or were altered"},
    {0x042, "CKR_AEAD_DECRYPT_FAILED", PQI_ERR_AUTH, "these bytes were not encrypted by this token, or were altered"},
    {0x050, "CKR_FUNCTION_CANCELED", FAULT, "somebody cancelled the operation at the token: try again"},
    {0x051, "CKR_FUNCTION_NOT_PARALLEL", FAULT, driver},
    {0x054, "CKR_FUNCTION_NOT_SUPPORTED", NO, "the module lacks a function that is needed here"},
    {0x060, "CKR_KEY_HANDLE_INVALID", PQI_ERR_MISSING, "the key is not in the token any more"},
    {0x062, "CKR_KEY_SIZE_RANGE", NO, "the token has no keys of this size"},
    {0x063, "CKR_KEY_TYPE_INCONSISTENT", FAULT, "the object in the token is no key of this kind"},
    {0x064, "CKR_KEY_NOT_NEEDED", FAULT, driver},
    {0x065, "CKR_KEY_CHANGED", FAULT, driver},
    {0x066, "CKR_KEY_NEEDED", FAULT, driver},
    {0x067, "CKR_KEY_INDIGESTIBLE", FAULT, driver},
    {0x068, "CKR_KEY_FUNCTION_NOT_PERMITTED", FAULT, "the key in the token may not be used for this"},
    {0x069, "CKR_KEY_NOT_WRAPPABLE", FAULT, driver},
    {0x06a, "CKR_KEY_UNEXTRACTABLE", FAULT, "the token does not give this key away"},
    {0x070, "CKR_MECHANISM_INVALID", NO, "the token lacks a mechanism that is needed here"},
    {0x071, "CKR_MECHANISM_PARAM_INVALID", NO, "the token's mechanism does not take the parameters that are needed here"},
    {0x082, "CKR_OBJECT_HANDLE_INVALID", PQI_ERR_MISSING, "the object is not in the token any more"},
    {0x090, "CKR_OPERATION_ACTIVE", FAULT, driver},
    {0x091, "CKR_OPERATION_NOT_INITIALIZED", FAULT, driver},
    {0x0a0, "CKR_PIN_INCORRECT", PQI_ERR_AUTH, "the PIN is wrong"},
    {0x0a1, "CKR_PIN_INVALID", PQI_ERR_AUTH, "the PIN has characters that this token does not take"},
    {0x0a2, "CKR_PIN_LEN_RANGE", PQI_ERR_AUTH, "the PIN is too short or too long for this token"},
    {0x0a3, "CKR_PIN_EXPIRED", PQI_ERR_AUTH, "the PIN has expired: set a new one with the token's tool"},
    {0x0a4, "CKR_PIN_LOCKED", PQI_ERR_LOCKED, "the PIN is locked after too many wrong ones: the security officer of the token must set a new one"},
    {0x0b0, "CKR_SESSION_CLOSED", FAULT, gone},
    {0x0b1, "CKR_SESSION_COUNT", FULL, "the token has no session left: close other programs that use it"},
    {0x0b3, "CKR_SESSION_HANDLE_INVALID", FAULT, gone},
    {0x0b4, "CKR_SESSION_PARALLEL_NOT_SUPPORTED", FAULT, driver},
    {0x0b5, "CKR_SESSION_READ_ONLY", PQI_ERR_STORAGE, "the token is open for reading only"},
    {0x0b6, "CKR_SESSION_EXISTS", FAULT, "another session has the token: close other programs that use it"},
    {0x0b7, "CKR_SESSION_READ_ONLY_EXISTS", FAULT, "another session has the token: close other programs that use it"},
    {0x0b8, "CKR_SESSION_READ_WRITE_SO_EXISTS", FAULT, "the security officer is at work on this token: wait until that is done"},
    {0x0c0, "CKR_SIGNATURE_INVALID", PQI_ERR_AUTH, "the signature is not good"},
    {0x0c1, "CKR_SIGNATURE_LEN_RANGE", PQI_ERR_AUTH, "the signature is not good"},
    {0x0d0, "CKR_TEMPLATE_INCOMPLETE", NO, "the token wants attributes for keys that are not known here"},
    {0x0d1, "CKR_TEMPLATE_INCONSISTENT", NO, "the token refuses keys with the attributes that are needed here"},
    {0x0e0, "CKR_TOKEN_NOT_PRESENT", FAULT, gone},
    {0x0e1, "CKR_TOKEN_NOT_RECOGNIZED", FAULT, "the module does not know this kind of token"},
    {0x0e2, "CKR_TOKEN_WRITE_PROTECTED", PQI_ERR_STORAGE, "the token is write-protected"},
    {0x0f0, "CKR_UNWRAPPING_KEY_HANDLE_INVALID", PQI_ERR_MISSING, "the key is not in the token any more"},
    {0x0f1, "CKR_UNWRAPPING_KEY_SIZE_RANGE", NO, "the token has no keys of this size"},
    {0x0f2, "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT", FAULT, "the object in the token is no key of this kind"},
    {0x100, "CKR_USER_ALREADY_LOGGED_IN", FAULT, driver},
    {0x101, "CKR_USER_NOT_LOGGED_IN", PQI_ERR_AUTH, "the token wants its PIN again"},
    {0x102, "CKR_USER_PIN_NOT_INITIALIZED", PQI_ERR_AUTH, "the token has no user PIN yet: set one with its tool"},
    {0x103, "CKR_USER_TYPE_INVALID", FAULT, driver},
    {0x104, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", FAULT, "another user of the token is logged in: close other programs that use it"},
    {0x105, "CKR_USER_TOO_MANY_TYPES", FAULT, "another user of the token is logged in: close other programs that use it"},
    {0x110, "CKR_WRAPPED_KEY_INVALID", PQI_ERR_AUTH, "these bytes were not encrypted by this token, or were altered"},
    {0x112, "CKR_WRAPPED_KEY_LEN_RANGE", PQI_ERR_AUTH, "these bytes were not encrypted by this token, or were altered"},
    {0x113, "CKR_WRAPPING_KEY_HANDLE_INVALID", PQI_ERR_MISSING, "the key is not in the token any more"},
    {0x114, "CKR_WRAPPING_KEY_SIZE_RANGE", NO, "the token has no keys of this size"},
    {0x115, "CKR_WRAPPING_KEY_TYPE_INCONSISTENT", FAULT, "the object in the token is no key of this kind"},
    {0x120, "CKR_RANDOM_SEED_NOT_SUPPORTED", PQI_ERR_RNG, "the token's random generator takes no seed"},
    {0x121, "CKR_RANDOM_NO_RNG", PQI_ERR_RNG, "the token has no random generator"},
    {0x130, "CKR_DOMAIN_PARAMS_INVALID", NO, "the token does not know the curve P-256"},
    {0x140, "CKR_CURVE_NOT_SUPPORTED", NO, "the token does not know the curve P-256"},
    {0x150, "CKR_BUFFER_TOO_SMALL", FAULT, "the token gave more bytes than the standard allows"},
    {0x160, "CKR_SAVED_STATE_INVALID", FAULT, driver},
    {0x170, "CKR_INFORMATION_SENSITIVE", FAULT, "the token does not give this away"},
    {0x180, "CKR_STATE_UNSAVEABLE", FAULT, driver},
    {0x190, "CKR_CRYPTOKI_NOT_INITIALIZED", FAULT, "another part of this program has shut the module down"},
    {0x191, "CKR_CRYPTOKI_ALREADY_INITIALIZED", FAULT, driver},
    {0x1a0, "CKR_MUTEX_BAD", FAULT, driver},
    {0x1a1, "CKR_MUTEX_NOT_LOCKED", FAULT, driver},
    {0x1b0, "CKR_NEW_PIN_MODE", PQI_ERR_AUTH, "the token wants a new PIN: set one with its tool"},
    {0x1b1, "CKR_NEXT_OTP", PQI_ERR_AUTH, "the token wants a one-time password, which is not known here"},
    {0x1b5, "CKR_EXCEEDED_MAX_ITERATIONS", FAULT, "the token gave up: try again"},
    {0x1b6, "CKR_FIPS_SELF_TEST_FAILED", PQI_ERR_SELFTEST, "the token failed its self test: replace it"},
    {0x1b7, "CKR_LIBRARY_LOAD_FAILED", FAULT, "the module could not load a library that it needs"},
    {0x1b8, "CKR_PIN_TOO_WEAK", PQI_ERR_AUTH, "the token takes no PIN that is so simple"},
    {0x1b9, "CKR_PUBLIC_KEY_INVALID", PQI_ERR_AUTH, "the public key is not valid"},
    {0x1c0, "CKR_EXCEEDED_MAX_ITERATIONS", FAULT, "the token gave up: try again"},
    {0x1c1, "CKR_FIPS_SELF_TEST_FAILED", PQI_ERR_SELFTEST, "the token failed its self test: replace it"},
    {0x1c2, "CKR_LIBRARY_LOAD_FAILED", FAULT, "the module could not load a library that it needs"},
    {0x1c3, "CKR_PIN_TOO_WEAK", PQI_ERR_AUTH, "the token takes no PIN that is so simple"},
    {0x1c4, "CKR_PUBLIC_KEY_INVALID", PQI_ERR_AUTH, "the public key is not valid"},
    {0x200, "CKR_FUNCTION_REJECTED", FAULT, "somebody refused the operation at the token"},
    {0x201, "CKR_TOKEN_RESOURCE_EXCEEDED", FULL, "the token has too much to do: close other programs that use it"},
    {0x202, "CKR_OPERATION_CANCEL_FAILED", FAULT, driver},
    {0x203, "CKR_KEY_EXHAUSTED", FULL, "the key has been used as often as the token allows: make a new one"},
    {0x204, "CKR_PENDING", FAULT, driver},
    {0x205, "CKR_SESSION_ASYNC_NOT_SUPPORTED", FAULT, driver},
    {0x206, "CKR_SEED_RANDOM_REQUIRED", PQI_ERR_RNG, "the token's random generator wants a seed"},
    {0x207, "CKR_OPERATION_NOT_VALIDATED", FAULT, "the token's validated mode forbids this"},
    {0x208, "CKR_TOKEN_NOT_INITIALIZED", PQI_ERR_MISSING, "the token is not initialised"},
    {0x209, "CKR_PARAMETER_SET_NOT_SUPPORTED", NO, "the token does not know this parameter set"},
};
/* clang-format on */

static const pqi_p11_rv vendor = {0x80000000u, "CKR_VENDOR_DEFINED", FAULT,
    "an error of the vendor's own: its manual has the code"};
static const pqi_p11_rv last_try = {PQI_P11_LAST_TRY, "CKF_USER_PIN_FINAL_TRY", PQI_ERR_LOCKED,
    "wrong PINs have left ONE try, and the PIN was not tried: find out who tried wrong ones, and "
    "unlock the token by its own tool with the right PIN, or set PQI_PIN_LAST_TRY=1 for one "
    "command; a wrong one then locks the token"};
static const pqi_p11_rv unknown = {
    0, "unknown CKR", FAULT, "the module answered with a code that PKCS#11 3.2 does not have"};

const pqi_p11_rv *pqi_p11_rv_of(unsigned long rv)
{
    size_t low = 0, high = sizeof table / sizeof table[0];
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (table[mid].rv == rv) {
            return &table[mid];
        }
        if (table[mid].rv < rv) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (rv == last_try.rv) {
        return &last_try;
    }
    return (rv & vendor.rv) != 0 ? &vendor : &unknown;
}

bool pqi_p11_rv_is_lost(unsigned long rv)
{
    static const unsigned long lost[] = {
        0x003, /* CKR_SLOT_ID_INVALID: the reader was unplugged and is another slot now */
        0x030, /* CKR_DEVICE_ERROR */
        0x032, /* CKR_DEVICE_REMOVED */
        0x0b0, /* CKR_SESSION_CLOSED */
        0x0b3, /* CKR_SESSION_HANDLE_INVALID */
        0x0e0, /* CKR_TOKEN_NOT_PRESENT */
        0x101, /* CKR_USER_NOT_LOGGED_IN */
    };
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        if (lost[i] == rv) {
            return true;
        }
    }
    return false;
}
