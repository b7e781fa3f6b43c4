/* SPDX-License-Identifier: Apache-2.0
 * PKCS#11 URIs (RFC 7512), as far as they name a token, a module and where the PIN is. No I/O. */
#ifndef PQI_PORT_LINUX_P11_URI_H
#define PQI_PORT_LINUX_P11_URI_H

#include <pqi/span.h>
#include <pqi/status.h>

#define PQI_P11_URI_MAX  1024u /* bytes of a URI */
#define PQI_P11_PATH_MAX 512u  /* of a decoded path */
#define PQI_P11_NAME_MAX 64u   /* of a decoded module name */

/* Attributes that were given. */
#define PQI_P11_TOKEN        0x01u
#define PQI_P11_MANUFACTURER 0x02u
#define PQI_P11_MODEL        0x04u
#define PQI_P11_SERIAL       0x08u
#define PQI_P11_SLOT_ID      0x10u
#define PQI_P11_MODULE_PATH  0x20u
#define PQI_P11_MODULE_NAME  0x40u
#define PQI_P11_PIN_SOURCE   0x80u

/* Values are decoded and end with 0; what was not given is empty. Sizes of CK_TOKEN_INFO. */
typedef struct pqi_p11_uri {
    uint32_t has; /* PQI_P11_* */
    uint32_t slot_id;
    char token[33], manufacturer[33], model[17], serial[17];
    char module_path[PQI_P11_PATH_MAX + 1]; /* absolute */
    char module_name[PQI_P11_NAME_MAX + 1]; /* no '/' */
    char pin_path[PQI_P11_PATH_MAX + 1];    /* absolute: of pin-source */
} pqi_p11_uri;

typedef struct pqi_p11_uri_error {
    size_t at;        /* byte of the URI, from 0 */
    const char *what; /* static: what is wrong and what to do */
} pqi_p11_uri_error;

/* Accepts token, manufacturer, model, serial, slot-id before '?', and module-path, module-name,
 * pin-source behind it; refuses everything else, also a pin-value (everybody reads command lines) and
 * attributes that name an object (the provider makes its own). Each attribute once, none empty.
 * PQI_OK; PQI_ERR_ARG: *err says what and where, and *out is zero. */
PQI_MUST_CHECK pqi_status pqi_p11_uri_parse(
    const char *uri, size_t len, pqi_p11_uri *out, pqi_p11_uri_error *err);

#endif
