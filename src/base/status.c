/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/status.h>

typedef struct status_text {
    const char *name, *text;
} status_text;

static status_text lookup(pqi_status s)
{
    switch (s) {
    case PQI_OK:
        return (status_text){"PQI_OK", "done"};
    case PQI_AGAIN:
        return (status_text){"PQI_AGAIN", "not ready yet; call again with the same arguments"};
    case PQI_ERR_ARG:
        return (status_text){"PQI_ERR_ARG", "an argument is outside its documented range"};
    case PQI_ERR_STATE:
        return (status_text){"PQI_ERR_STATE", "the object does not allow this call now"};
    case PQI_ERR_SPACE:
        return (status_text){"PQI_ERR_SPACE", "the output or scratch buffer is too small"};
    case PQI_ERR_DECODE:
        return (status_text){
            "PQI_ERR_DECODE", "the bytes are not a well-formed object of this kind"};
    case PQI_ERR_AUTH:
        return (status_text){"PQI_ERR_AUTH", "not authentic: it was altered, is for somebody else, "
                                             "or its signer is not trusted here"};
    case PQI_ERR_REPLAY:
        return (status_text){"PQI_ERR_REPLAY", "seen before, or too old to be accepted"};
    case PQI_ERR_POLICY:
        return (status_text){
            "PQI_ERR_POLICY", "forbidden by the certificate's scope, by policy or by revocation"};
    case PQI_ERR_LIMIT:
        return (status_text){"PQI_ERR_LIMIT", "a budget or a fixed table is used up; try later"};
    case PQI_ERR_RNG:
        return (status_text){"PQI_ERR_RNG", "the random generator of the platform failed"};
    case PQI_ERR_STORAGE:
        return (status_text){"PQI_ERR_STORAGE",
            "the store failed or holds damaged bytes; restore it or provision the device again"};
    case PQI_ERR_PROVIDER:
        return (status_text){
            "PQI_ERR_PROVIDER", "the security provider failed; see its native error"};
    case PQI_ERR_UNSUPPORTED:
        return (status_text){
            "PQI_ERR_UNSUPPORTED", "the algorithm or operation is not available here"};
    case PQI_ERR_ROLLBACK:
        return (status_text){"PQI_ERR_ROLLBACK",
            "the stored state is older than the sealed counter; provision the device again"};
    case PQI_ERR_MISSING:
        return (status_text){"PQI_ERR_MISSING", "nothing is stored under this name"};
    case PQI_ERR_SELFTEST:
        return (status_text){"PQI_ERR_SELFTEST", "a self test failed; the module refuses to work"};
    case PQI_ERR_LOCKED:
        return (status_text){"PQI_ERR_LOCKED",
            "the device refuses every password or PIN for now, after too many wrong ones; wait or "
            "have it unlocked"};
    case PQI_STATUS_INT32_:
        break;
    }
    return (status_text){"PQI_STATUS_UNKNOWN", "unknown status"};
}

const char *pqi_status_name(pqi_status status)
{
    return lookup(status).name;
}

const char *pqi_status_text(pqi_status status)
{
    return lookup(status).text;
}
