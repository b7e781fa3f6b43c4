/* SPDX-License-Identifier: Apache-2.0
 * The result of every function that can fail. The range of a value tells who is at fault. */
#ifndef PQI_STATUS_H
#define PQI_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PQI_MUST_CHECK __attribute__((warn_unused_result))
#define PQI_API        __attribute__((visibility("default")))
#else
#define PQI_MUST_CHECK
#define PQI_API
#endif

typedef enum pqi_status {
    PQI_OK = 0,
    PQI_AGAIN = 1, /* not an error: call again with the same arguments */

    /* -1..-15: the caller broke the contract in the header. */
    PQI_ERR_ARG = -1,   /* an argument is outside its documented range */
    PQI_ERR_STATE = -2, /* the object does not allow this call now */
    PQI_ERR_SPACE = -3, /* output or tmp too small; *out_len, where there is one, holds the need */

    /* -16..-31: the peer or its bytes. Never says which check failed. */
    PQI_ERR_DECODE = -16, /* not the one encoding of a message */
    PQI_ERR_AUTH = -17,   /* a tag, signature, certificate or binding does not verify */
    PQI_ERR_REPLAY = -18, /* authentic or not, it was seen before or is too old */
    PQI_ERR_POLICY = -19, /* forbidden by scope, fleet policy or revocation */
    PQI_ERR_LIMIT = -20,  /* a budget or a fixed table is used up */

    /* -32..-47: the platform. Fail closed. */
    PQI_ERR_RNG = -32,
    PQI_ERR_STORAGE = -33,     /* the store failed or holds bytes that are not its own */
    PQI_ERR_PROVIDER = -34,    /* the provider failed; pqi_provider_native_error() tells more */
    PQI_ERR_UNSUPPORTED = -35, /* the algorithm or operation is not built in or not offered */
    PQI_ERR_ROLLBACK = -36,    /* the sealed counter is ahead of the stored state */
    PQI_ERR_MISSING = -37,     /* nothing is stored there: never used for damaged bytes */
    PQI_ERR_SELFTEST = -38,    /* a known answer came out wrong: the module refuses to work */
    PQI_ERR_LOCKED = -39, /* too many wrong passwords or PINs: the device refuses all for a while */

    PQI_STATUS_INT32_ = -2147483647 - 1 /* 32 bits also under -fshort-enums (Arm EABI default) */
} pqi_status;

/* Name of a status, as "PQI_ERR_AUTH"; "PQI_STATUS_UNKNOWN" for any other value. Static storage;
 * thread-safe. */
PQI_API const char *pqi_status_name(pqi_status status);

/* One English sentence for people: what was wrong and, where a rule exists, what to do. Static
 * storage; thread-safe; holds no secret and no detail of the failed check. */
PQI_API const char *pqi_status_text(pqi_status status);

#ifdef __cplusplus
}
#endif
#endif
