/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/p11.h"
#include "port/linux/why.h"

#include <unistd.h>

static _Thread_local ck_rv_t last_rv;

void pqi_p11_note(ck_rv_t rv)
{
    last_rv = rv;
}

uint32_t pqi_p11_native_error(void *arg, const char **text)
{
    (void)arg;
    *text = last_rv != CKR_OK ? pqi_p11_rv_of(last_rv)->text : "";
    return (uint32_t)last_rv;
}

pqi_status pqi_p11_step(pqi_p11_call *c, const char *step, ck_rv_t rv)
{
    if (rv == CKR_OK) {
        return PQI_OK;
    }
    c->rv = rv;
    c->step = step;
    return pqi_p11_rv_of(rv)->st;
}

/* Somebody logged out in the middle, and so the key was hidden. */
static bool was_logged_out(const pqi_p11_call *c)
{
    struct ck_session_info info;
    return c->f->C_GetSessionInfo(c->session, &info) != CKR_OK ||
           info.state != CKS_RW_USER_FUNCTIONS;
}

static pqi_status once(pqi_p11_token *t, pqi_p11_op op, void *arg, pqi_p11_call *c)
{
    pqi_p11_session *s = NULL;
    *c = (pqi_p11_call){.f = t->module->f, .token = t};
    const char *step = "";
    pqi_status st = pqi_p11_step(c, "", pqi_p11_session_take(t, &s, &step));
    if (st != PQI_OK) {
        c->step = step;
        return st;
    }
    c->session = s->handle;
    st = op(c, arg);
    if (st == PQI_ERR_MISSING && c->rv == CKR_OK && was_logged_out(c)) {
        st = pqi_p11_step(c, "C_GetSessionInfo", CKR_USER_NOT_LOGGED_IN);
    }
    pqi_p11_session_give(t, s, c->rv == CKR_OK, st != PQI_OK && pqi_p11_rv_is_lost(c->rv));
    return st;
}

pqi_status pqi_p11_run(pqi_p11_token *t, pqi_p11_op op, void *arg)
{
    pqi_p11_call c;
    pqi_status st = once(t, op, arg, &c);
    if (st != PQI_OK && pqi_p11_rv_is_lost(c.rv)) {
        st = once(t, op, arg, &c);
    }
    pqi_p11_note(st == PQI_OK ? CKR_OK : c.rv);
    if (st != PQI_OK && c.rv != CKR_OK) {
        const pqi_p11_rv *r = pqi_p11_rv_of(c.rv);
        return pqi_why(st, "PKCS#11 token: %s (%s, 0x%lx from %s)", r->text, r->name, c.rv, c.step);
    }
    return st;
}
