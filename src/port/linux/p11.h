/* SPDX-License-Identifier: Apache-2.0
 * Inside of the PKCS#11 driver. docs/providers.md section 3.3.
 *
 *   p11_module.c   modules of the process: loaded once, initialised once, counted
 *   p11_token.c    tokens of a module: found, logged in once, a pool of sessions
 *   p11_run.c      one operation on a session, once more when the token came back
 *   p11_object.c   objects: search, attributes, removal
 *   p11_wrap.c     the key that wraps the provider's own
 *   p11_p256.c     P-256 keys
 *   p11_pq.c       ML-DSA and ML-KEM keys, PKCS#11 3.2
 *   p11_element.c  pqi_p11_element_open() */
#ifndef PQI_PORT_LINUX_P11_H
#define PQI_PORT_LINUX_P11_H

#define CRYPTOKI_GNU
#include <p11-kit/pkcs11.h>

#include "port/linux/element.h"
#include "port/linux/p11_32.h"
#include "port/linux/p11_rv.h"
#include "port/linux/p11_uri.h"
#include "port/linux/protected_mem.h"

#include <pthread.h>
#include <sys/types.h>

/* ---- modules ------------------------------------------------------------------------------------ */

typedef struct pqi_p11_token pqi_p11_token;

/* One shared object, loaded and initialised once in a process: that is how PKCS#11 has it, so the list
 * of them is static. All of it is guarded by pqi_p11_lock(). */
typedef struct pqi_p11_module {
    struct pqi_p11_module *next;
    struct ck_function_list *f;
    pqi_ck_decapsulate decapsulate; /* NULL: it is older than PKCS#11 3.2 */
    pqi_p11_token *tokens;
    unsigned users;
    bool ours; /* we called C_Initialize, so we call C_Finalize */
    pid_t pid;
    char path[PQI_P11_PATH_MAX + 1];
} pqi_p11_module;

void pqi_p11_lock(void);
void pqi_p11_unlock(void);

/* Under the lock. Loads and initialises the module of a URI, or counts one more user of it.
 * PQI_ERR_ARG: the URI names none; PQI_ERR_PROVIDER: it cannot be loaded. drop: C_Finalize after the
 * last one; the code stays loaded, for not every module can be unloaded. */
PQI_MUST_CHECK pqi_status pqi_p11_module_take(const pqi_p11_uri *uri, pqi_p11_module **out);
void pqi_p11_module_drop(pqi_p11_module *m);

/* ---- tokens ------------------------------------------------------------------------------------- */

#define PQI_P11_SESSIONS 16u
#define PQI_P11_PIN_MAX  255u

/* Which token it is: as in struct ck_token_info, padded with blanks. */
typedef struct pqi_p11_name {
    unsigned char label[32], manufacturer_id[32], model[16], serial_number[16];
} pqi_p11_name;

typedef struct pqi_p11_session {
    ck_session_handle_t handle;
    unsigned epoch; /* of the token when it was opened */
    bool open, busy;
} pqi_p11_session;

/* A token in use, shared by all elements of the process that are on it: its login is one. */
struct pqi_p11_token {
    pqi_p11_token *next;
    pqi_p11_module *module;
    unsigned users;
    pqi_p11_name name;
    ck_slot_id_t slot;
    bool hw_slot, has_rng, has_pin_pad;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t freed;
    pqi_p11_session sessions[PQI_P11_SESSIONS];
    unsigned max, epoch;
    bool lost;        /* the sessions of this epoch are gone */
    bool logged_in;   /* by us */
    bool pin_refused; /* never tried again: it would lock the token */
    pqi_pmem pin;
    size_t pin_len;
};

/* Under the lock of modules. Finds the one token of the URI, logs in (or compares the PIN with the one
 * of who is logged in), counts one more user.
 * PQI_ERR_PROVIDER: no such token; PQI_ERR_ARG: several; PQI_ERR_AUTH; PQI_ERR_LOCKED; PQI_ERR_LIMIT */
PQI_MUST_CHECK pqi_status pqi_p11_token_take(
    pqi_p11_module *m, const pqi_p11_uri *uri, pqi_cspan pin, pqi_p11_token **out);
void pqi_p11_token_drop(pqi_p11_token *t);

/* A session that is logged in, opened anew where the token was lost. Waits while all are busy. */
ck_rv_t pqi_p11_session_take(pqi_p11_token *t, pqi_p11_session **out, const char **step);
/* keep: nothing is under way in it, the next one may have it. lost: so are all of its epoch. */
void pqi_p11_session_give(pqi_p11_token *t, pqi_p11_session *s, bool keep, bool lost);

/* ---- one operation ------------------------------------------------------------------------------ */

typedef struct pqi_p11_call {
    const struct ck_function_list *f;
    const pqi_p11_token *token;
    ck_session_handle_t session;
    ck_rv_t rv;       /* of the step that failed */
    const char *step; /* its name */
} pqi_p11_call;

/* Notes a failed step; the status of rv. */
pqi_status pqi_p11_step(pqi_p11_call *c, const char *step, ck_rv_t rv);

typedef pqi_status (*pqi_p11_op)(pqi_p11_call *c, void *arg);

/* Runs op on a session of the pool, and a second time when the session was lost under it: op can be
 * repeated. On failure sets this thread's native error and pqi_why(). */
PQI_MUST_CHECK pqi_status pqi_p11_run(pqi_p11_token *t, pqi_p11_op op, void *arg);

/* Of this thread's last operation; for pqi_element.native_error. */
uint32_t pqi_p11_native_error(void *arg, const char **text);
void pqi_p11_note(ck_rv_t rv);

/* ---- objects ------------------------------------------------------------------------------------ */

#define PQI_P11_ID     16u /* of a provider: file p11.id */
#define PQI_P11_KEY_ID (PQI_P11_ID + 5u)

/* CKA_ID = id of the provider 16 || handle 4 || kind 1 */
typedef struct pqi_p11_key_id {
    unsigned char b[PQI_P11_KEY_ID];
} pqi_p11_key_id;

pqi_p11_key_id pqi_p11_key_id_of(const uint8_t id[PQI_P11_ID], pqi_key key, unsigned kind);

/* An attribute for a template. */
struct ck_attribute pqi_p11_attr(ck_attribute_type_t type, const void *value, size_t len);

/* PQI_ERR_MISSING: there is none; PQI_ERR_PROVIDER: there are several. */
PQI_MUST_CHECK pqi_status pqi_p11_find(
    pqi_p11_call *c, ck_object_class_t class, const pqi_p11_key_id *id, ck_object_handle_t *out);
/* Every object of the class under this id. */
PQI_MUST_CHECK pqi_status pqi_p11_remove(
    pqi_p11_call *c, ck_object_class_t class, const pqi_p11_key_id *id);
/* One attribute of at most *len bytes. */
PQI_MUST_CHECK pqi_status pqi_p11_get(
    pqi_p11_call *c, ck_object_handle_t object, ck_attribute_type_t type, void *out, size_t *len);
/* The token says that this key was made in it and cannot leave it: CKA_SENSITIVE, ALWAYS_SENSITIVE,
 * NEVER_EXTRACTABLE and LOCAL are true, EXTRACTABLE is false. PQI_ERR_PROVIDER: it does not. */
PQI_MUST_CHECK pqi_status pqi_p11_stays(pqi_p11_call *c, ck_object_handle_t object);
/* The token has this mechanism, for all of these uses (CKF_SIGN, ...). */
bool pqi_p11_has(const pqi_p11_token *t, ck_mechanism_type_t m, ck_flags_t uses);

/* ---- the element -------------------------------------------------------------------------------- */

typedef struct pqi_p11_element {
    pqi_host_element host; /* first */
    pqi_p11_token *token;
    uint8_t id[PQI_P11_ID];
    uint32_t pq_sets; /* algorithms that the token has wholly, p11_pq.c */
    bool ecdsa;       /* CKM_ECDSA; otherwise CKM_ECDSA_SHA256 */
    pid_t pid;        /* who opened it: a forked child has no sessions */
} pqi_p11_element;

/* PQI_ERR_STATE in a forked child. */
pqi_status pqi_p11_element_run(const pqi_p11_element *e, pqi_p11_op op, void *arg);

/* Finds the wrapping key, or makes it. PQI_ERR_MISSING. */
PQI_MUST_CHECK pqi_status pqi_p11_wrap_open(const pqi_p11_element *e, bool create);
pqi_status pqi_p11_wrap(
    pqi_host_element *h, const uint8_t kek[PQI_ELEMENT_KEK], pqi_span blob, size_t *len);
pqi_status pqi_p11_unwrap(pqi_host_element *h, pqi_cspan blob, uint8_t kek[PQI_ELEMENT_KEK]);

pqi_status pqi_p11_p256_generate(void *arg, pqi_key key, pqi_key_kind kind);
pqi_status pqi_p11_p256_destroy(void *arg, pqi_key key);
pqi_status pqi_p11_p256_public(void *arg, pqi_key key, uint8_t pk[65]);
pqi_status pqi_p11_p256_sign(void *arg, pqi_key key, pqi_cspan msg, uint8_t sig[64]);
pqi_status pqi_p11_p256_dh(void *arg, pqi_key key, const uint8_t peer[65], uint8_t ss[32]);
pqi_status pqi_p11_random(void *arg, pqi_span out);

/* Asks the token which post-quantum keys it has. */
void pqi_p11_pq_look(pqi_p11_element *e);
extern const pqi_element_pq pqi_p11_pq;

#endif
