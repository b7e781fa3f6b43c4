/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/p11.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define SLOTS_MAX  64u
#define NAMES_ROOM 160u
#define RW_SESSION (CKF_SERIAL_SESSION | CKF_RW_SESSION)

/* ---- finding ------------------------------------------------------------------------------------ */

/* Fields of CK_TOKEN_INFO are padded with blanks. */
static bool field_is(const unsigned char *field, size_t room, const char *want)
{
    size_t n = strlen(want);
    while (room != 0 && field[room - 1] == ' ') {
        room--;
    }
    return n == room && memcmp(field, want, n) == 0;
}

static bool matches(const pqi_p11_uri *u, ck_slot_id_t slot, const struct ck_token_info *t)
{
    return ((u->has & PQI_P11_TOKEN) == 0 || field_is(t->label, sizeof t->label, u->token)) &&
           ((u->has & PQI_P11_MANUFACTURER) == 0 ||
               field_is(t->manufacturer_id, sizeof t->manufacturer_id, u->manufacturer)) &&
           ((u->has & PQI_P11_MODEL) == 0 || field_is(t->model, sizeof t->model, u->model)) &&
           ((u->has & PQI_P11_SERIAL) == 0 ||
               field_is(t->serial_number, sizeof t->serial_number, u->serial)) &&
           ((u->has & PQI_P11_SLOT_ID) == 0 || slot == u->slot_id);
}

static void name_of(const struct ck_token_info *t, pqi_p11_name *out)
{
    memcpy(out->label, t->label, sizeof out->label);
    memcpy(out->manufacturer_id, t->manufacturer_id, sizeof out->manufacturer_id);
    memcpy(out->model, t->model, sizeof out->model);
    memcpy(out->serial_number, t->serial_number, sizeof out->serial_number);
}

typedef struct slots {
    ck_slot_id_t id[SLOTS_MAX];
    unsigned long n;
} slots;

static ck_rv_t list_slots(const struct ck_function_list *f, slots *out)
{
    out->n = SLOTS_MAX;
    ck_rv_t rv = f->C_GetSlotList(1, out->id, &out->n);
    if (rv != CKR_OK || out->n > SLOTS_MAX) {
        out->n = 0;
    }
    return rv;
}

/* Adds a label, with what would break a terminal replaced. */
static void add_name(char *list, const unsigned char *label, size_t room)
{
    size_t at = strlen(list);
    while (room != 0 && label[room - 1] == ' ') {
        room--;
    }
    if (at + room + 3 > NAMES_ROOM) {
        return;
    }
    if (at != 0) {
        list[at++] = ',';
        list[at++] = ' ';
    }
    for (size_t i = 0; i < room; i++) {
        list[at++] = label[i] < 0x20 || label[i] == 0x7f ? '?' : (char)label[i];
    }
    list[at] = '\0';
}

typedef struct hit {
    ck_slot_id_t slot;
    struct ck_token_info info;
} hit;

static pqi_status find_token(const pqi_p11_module *m, const pqi_p11_uri *uri, hit *out)
{
    slots s;
    char names[NAMES_ROOM] = "";
    unsigned hits = 0;
    ck_rv_t rv = list_slots(m->f, &s);
    pqi_p11_note(rv);
    if (rv != CKR_OK) {
        return pqi_why(PQI_ERR_PROVIDER, "cannot list the tokens of %s: %s (0x%lx)", m->path,
            pqi_p11_rv_of(rv)->text, rv);
    }
    for (unsigned long i = 0; i < s.n; i++) {
        struct ck_token_info t;
        if (m->f->C_GetTokenInfo(s.id[i], &t) != CKR_OK || (t.flags & CKF_TOKEN_INITIALIZED) == 0) {
            continue;
        }
        add_name(names, t.label, sizeof t.label);
        if (matches(uri, s.id[i], &t)) {
            *out = (hit){s.id[i], t};
            hits++;
        }
    }
    if (hits == 0) {
        return pqi_why(PQI_ERR_PROVIDER, "no token of %s fits the URI; there %s: %s", m->path,
            names[0] == '\0' ? "is none" : "are", names);
    }
    if (hits > 1) {
        return pqi_why(PQI_ERR_ARG,
            "%u tokens of %s fit the URI: add token= or serial=; there are: %s", hits, m->path,
            names);
    }
    return PQI_OK;
}

/* ---- login -------------------------------------------------------------------------------------- */

/* The token is asked right before each try, also when it came back: others may have used up the rest. */
static ck_rv_t may_try(const pqi_p11_token *t)
{
    struct ck_token_info info;
    ck_rv_t rv = t->module->f->C_GetTokenInfo(t->slot, &info);
    if (rv != CKR_OK) {
        return rv;
    }
    if ((info.flags & CKF_USER_PIN_LOCKED) != 0) {
        return CKR_PIN_LOCKED;
    }
    const char *told = secure_getenv("PQI_PIN_LAST_TRY");
    return (info.flags & CKF_USER_PIN_FINAL_TRY) != 0 && (told == NULL || strcmp(told, "1") != 0)
               ? PQI_P11_LAST_TRY
               : CKR_OK;
}

/* The PIN opens for the call only. */
static ck_rv_t login(pqi_p11_token *t, ck_session_handle_t s)
{
    if (t->pin_refused) {
        return CKR_PIN_INCORRECT;
    }
    ck_rv_t rv = may_try(t);
    if (rv != CKR_OK) {
        return rv;
    }
    if (pqi_pmem_open(&t->pin) != PQI_OK) {
        return CKR_HOST_MEMORY;
    }
    unsigned char *pin = t->pin_len != 0 ? t->pin.data.ptr : NULL;
    rv = t->module->f->C_Login(s, CKU_USER, pin, t->pin_len);
    pqi_pmem_close(&t->pin);
    if (rv == CKR_OK) {
        t->logged_in = true;
    }
    t->pin_refused = pqi_p11_rv_of(rv)->st == PQI_ERR_AUTH && rv != CKR_USER_NOT_LOGGED_IN;
    return rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv;
}

/* What a refused PIN means for the next try. */
static pqi_status login_why(const pqi_p11_token *t, ck_rv_t rv)
{
    const pqi_p11_rv *r = pqi_p11_rv_of(rv);
    struct ck_token_info info;
    bool told = t->module->f->C_GetTokenInfo(t->slot, &info) == CKR_OK;
    ck_flags_t flags = told ? info.flags : 0;
    const char *next = "";
    pqi_status st = r->st;
    if ((flags & CKF_USER_PIN_LOCKED) != 0) {
        next = "; the PIN is locked now: the security officer of the token must set a new one";
        st = PQI_ERR_LOCKED;
    } else if ((flags & CKF_USER_PIN_FINAL_TRY) != 0 && rv != PQI_P11_LAST_TRY) {
        next = "; ONE try is left before the token locks it";
    } else if ((flags & CKF_USER_PIN_COUNT_LOW) != 0) {
        next = "; wrong ones have been counted, and the token locks the PIN after some more";
    }
    pqi_p11_note(rv);
    return pqi_why(st, "the token does not open: %s (%s, 0x%lx)%s", r->text, r->name, rv, next);
}

static ck_rv_t open_session(pqi_p11_token *t, pqi_p11_session *s)
{
    ck_rv_t rv = t->module->f->C_OpenSession(t->slot, RW_SESSION, NULL, NULL, &s->handle);
    s->open = rv == CKR_OK;
    s->epoch = t->epoch;
    return rv;
}

static void close_session(pqi_p11_token *t, pqi_p11_session *s)
{
    (void)t->module->f->C_CloseSession(s->handle);
    s->open = false;
}

/* The same token again, maybe in another slot. */
static ck_rv_t find_again(pqi_p11_token *t)
{
    slots s;
    ck_rv_t rv = list_slots(t->module->f, &s);
    for (unsigned long i = 0; i < s.n; i++) {
        struct ck_token_info info;
        pqi_p11_name name;
        if (t->module->f->C_GetTokenInfo(s.id[i], &info) != CKR_OK) {
            continue;
        }
        name_of(&info, &name);
        if (memcmp(&name, &t->name, sizeof name) == 0) {
            t->slot = s.id[i];
            return CKR_OK;
        }
    }
    return rv == CKR_OK ? CKR_TOKEN_NOT_PRESENT : rv;
}

/* ---- the pool ----------------------------------------------------------------------------------- */

/* Under t->lock. Idle sessions of a lost epoch are closed; busy ones are when they come back. */
static ck_rv_t reopen(pqi_p11_token *t, pqi_p11_session *s, const char **step)
{
    for (unsigned i = 0; i < PQI_P11_SESSIONS; i++) {
        if (t->sessions[i].open && !t->sessions[i].busy) {
            close_session(t, &t->sessions[i]);
        }
    }
    *step = "C_GetSlotList";
    ck_rv_t rv = find_again(t);
    if (rv == CKR_OK) {
        *step = "C_OpenSession";
        rv = open_session(t, s);
    }
    if (rv == CKR_OK) {
        *step = "C_Login";
        rv = login(t, s->handle);
        if (rv != CKR_OK) {
            close_session(t, s);
        }
    }
    t->lost = rv != CKR_OK;
    return rv;
}

/* An idle session, or room for one; NULL: all are busy. */
static pqi_p11_session *pick(pqi_p11_token *t)
{
    pqi_p11_session *room = NULL;
    unsigned n = 0;
    for (unsigned i = 0; i < PQI_P11_SESSIONS; i++) {
        pqi_p11_session *s = &t->sessions[i];
        if (s->open && !s->busy) {
            return s;
        }
        n += s->busy ? 1u : 0u;
        room = !s->open && !s->busy ? s : room;
    }
    return n < t->max ? room : NULL;
}

static bool any_busy(const pqi_p11_token *t)
{
    for (unsigned i = 0; i < PQI_P11_SESSIONS; i++) {
        if (t->sessions[i].busy) {
            return true;
        }
    }
    return false;
}

/* A token hides its private objects, rather than fail, from a session that is not logged in: an answer
 * "there is none" would be believed. So it is asked before each operation. */
static ck_rv_t ensure_login(pqi_p11_token *t, pqi_p11_session *s, const char **step)
{
    struct ck_session_info info;
    *step = "C_GetSessionInfo";
    ck_rv_t rv = t->module->f->C_GetSessionInfo(s->handle, &info);
    if (rv == CKR_OK && info.state != CKS_RW_USER_FUNCTIONS) {
        *step = "C_Login";
        rv = login(t, s->handle);
    }
    return rv;
}

/* Makes s one that can be used. */
static ck_rv_t prepare(pqi_p11_token *t, pqi_p11_session *s, const char **step)
{
    if (t->lost) {
        return reopen(t, s, step);
    }
    *step = "C_OpenSession";
    ck_rv_t rv = s->open ? CKR_OK : open_session(t, s);
    return rv == CKR_OK ? ensure_login(t, s, step) : rv;
}

ck_rv_t pqi_p11_session_take(pqi_p11_token *t, pqi_p11_session **out, const char **step)
{
    ck_rv_t rv = CKR_SESSION_COUNT;
    (void)pthread_mutex_lock(&t->lock);
    while (rv == CKR_SESSION_COUNT) {
        pqi_p11_session *s = pick(t);
        if (s != NULL) {
            rv = prepare(t, s, step);
            *out = s;
        }
        if (rv == CKR_SESSION_COUNT) { /* the token has no more: share what is there */
            if (!any_busy(t)) {
                break;
            }
            (void)pthread_cond_wait(&t->freed, &t->lock);
        }
    }
    if (rv == CKR_OK) {
        (*out)->busy = true;
    } else if (pqi_p11_rv_is_lost(rv) && !t->lost) {
        t->epoch++;
        t->lost = true;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return rv;
}

/* The new one first: with its last session a program is logged out, and a PIN pad would ask again. */
static void replace(pqi_p11_token *t, pqi_p11_session *s)
{
    const pqi_p11_session old = *s;
    pqi_p11_session *gone = s;
    pqi_p11_session closing = old;
    if (open_session(t, s) == CKR_OK) {
        gone = &closing;
    } else {
        *s = old;
    }
    close_session(t, gone);
}

void pqi_p11_session_give(pqi_p11_token *t, pqi_p11_session *s, bool keep, bool lost)
{
    (void)pthread_mutex_lock(&t->lock);
    if (lost && s->epoch == t->epoch) {
        t->epoch++;
        t->lost = true;
    }
    if (s->epoch != t->epoch) {
        close_session(t, s);
    } else if (!keep) {
        replace(t, s);
    }
    s->busy = false;
    (void)pthread_cond_broadcast(&t->freed);
    (void)pthread_mutex_unlock(&t->lock);
}

/* ---- life --------------------------------------------------------------------------------------- */

static pqi_status set_pin(pqi_p11_token *t, pqi_cspan pin)
{
    pqi_status st = pqi_pmem_map(&t->pin, PQI_P11_PIN_MAX + 1);
    if (st == PQI_OK) {
        if (pin.len != 0) {
            memcpy(t->pin.data.ptr, pin.ptr, pin.len);
        }
        t->pin_len = pin.len;
        pqi_pmem_close(&t->pin);
    }
    return st;
}

static pqi_status same_pin(pqi_p11_token *t, pqi_cspan pin)
{
    (void)pthread_mutex_lock(&t->lock);
    pqi_status st = pqi_pmem_open(&t->pin);
    if (st == PQI_OK) {
        bool same = pin.len == t->pin_len &&
                    (pin.len == 0 || CRYPTO_memcmp(t->pin.data.ptr, pin.ptr, pin.len) == 0);
        st = same
                 ? PQI_OK
                 : pqi_why(PQI_ERR_AUTH,
                       "the PIN is not the one with which this program has the token open already");
        pqi_pmem_close(&t->pin);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return st;
}

static void free_token(pqi_p11_token *t)
{
    pqi_pmem_unmap(&t->pin);
    (void)pthread_cond_destroy(&t->freed);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static pqi_status first_login(pqi_p11_token *t, const struct ck_token_info *info)
{
    if ((info->flags & CKF_USER_PIN_LOCKED) != 0) {
        return login_why(t, CKR_PIN_LOCKED);
    }
    if (t->pin_len == 0 && !t->has_pin_pad) {
        return pqi_why(
            PQI_ERR_AUTH, "the token needs its PIN: give it, or name its file by pin-source=");
    }
    const char *step = "";
    ck_rv_t rv = reopen(t, &t->sessions[0], &step);
    if (rv == CKR_OK) {
        return PQI_OK;
    }
    if (strcmp(step, "C_Login") == 0) {
        return login_why(t, rv);
    }
    pqi_p11_note(rv);
    const pqi_p11_rv *r = pqi_p11_rv_of(rv);
    return pqi_why(r->st, "PKCS#11 token: %s (%s, 0x%lx from %s)", r->text, r->name, rv, step);
}

static pqi_status new_token(pqi_p11_module *m, const hit *h, pqi_cspan pin, pqi_p11_token **out)
{
    struct ck_slot_info slot;
    memset(&slot, 0, sizeof slot);
    (void)m->f->C_GetSlotInfo(h->slot, &slot);
    pqi_p11_token *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return PQI_ERR_LIMIT;
    }
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->freed, NULL);
    t->module = m;
    t->slot = h->slot;
    t->hw_slot = (slot.flags & CKF_HW_SLOT) != 0;
    t->has_rng = (h->info.flags & CKF_RNG) != 0;
    t->has_pin_pad = (h->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    name_of(&h->info, &t->name);
    /* 0 is "any number", all ones "not told" */
    unsigned long most = h->info.max_rw_session_count;
    t->max = most != 0 && most < PQI_P11_SESSIONS ? (unsigned)most : PQI_P11_SESSIONS;
    pqi_status st = set_pin(t, pin);
    if (st == PQI_OK) {
        st = first_login(t, &h->info);
    }
    if (st != PQI_OK) {
        free_token(t);
        return st;
    }
    t->next = m->tokens;
    m->tokens = t;
    *out = t;
    return PQI_OK;
}

pqi_status pqi_p11_token_take(
    pqi_p11_module *m, const pqi_p11_uri *uri, pqi_cspan pin, pqi_p11_token **out)
{
    hit h = {0};
    pqi_p11_name name;
    if (pin.len > PQI_P11_PIN_MAX) {
        return pqi_why(PQI_ERR_AUTH, "a PIN has at most %u bytes", PQI_P11_PIN_MAX);
    }
    pqi_status st = find_token(m, uri, &h);
    if (st != PQI_OK) {
        return st;
    }
    name_of(&h.info, &name);
    pqi_p11_token *t = m->tokens;
    while (t != NULL && memcmp(&t->name, &name, sizeof name) != 0) {
        t = t->next;
    }
    st = t != NULL ? same_pin(t, pin) : new_token(m, &h, pin, &t);
    if (st == PQI_OK) {
        t->users++;
        *out = t;
    }
    return st;
}

void pqi_p11_token_drop(pqi_p11_token *t)
{
    if (--t->users != 0) {
        return;
    }
    pqi_p11_token **at = &t->module->tokens;
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    bool out = !t->logged_in;
    for (unsigned i = 0; i < PQI_P11_SESSIONS; i++) {
        if (t->sessions[i].open) {
            out = out || t->module->f->C_Logout(t->sessions[i].handle) == CKR_OK;
            close_session(t, &t->sessions[i]);
        }
    }
    free_token(t);
}
