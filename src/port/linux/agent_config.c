/* SPDX-License-Identifier: Apache-2.0
 * The configuration of a key agent, docs/man/pqi-agent.8. One error, with its line. */
#include "port/linux/agent_server.h"
#include "port/linux/provider_int.h"

#include <stdio.h>
#include <string.h>

typedef struct parser {
    pqi_agent_config *c;
    const char *wrong;
} parser;

static bool fail(parser *p, const char *wrong)
{
    p->wrong = wrong;
    return false;
}

static bool path_of(const char *value, char out[PQI_AGENT_PATH])
{
    return pqi_agent_one(value, out, PQI_AGENT_PATH) && out[0] == '/';
}

static bool number_of(const char *value, uint64_t low, uint64_t high, unsigned *out)
{
    char item[24];
    uint64_t v = 0;
    if (!pqi_agent_one(value, item, sizeof item) || !pqi_agent_number(item, high, &v) || v < low) {
        return false;
    }
    *out = (unsigned)v;
    return true;
}

static bool yes_of(const char *value, bool *out)
{
    *out = strcmp(value, "yes") == 0;
    return *out || strcmp(value, "no") == 0;
}

/* 4M: 4 times 1048576. */
static bool size_of(const char *value, uint64_t *out)
{
    char item[24];
    if (!pqi_agent_one(value, item, sizeof item)) {
        return false;
    }
    size_t n = strlen(item);
    uint64_t unit = item[n - 1] == 'K' ? 1024u : item[n - 1] == 'M' ? 1048576u : 1u;
    if (unit != 1) {
        item[n - 1] = '\0';
    }
    if (!pqi_agent_number(item, 1u << 20, out)) {
        return false;
    }
    *out *= unit;
    return true;
}

/* Four octal digits. */
static bool mode_of(const char *v, unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < 4; i++) {
        if (v[i] < '0' || v[i] > '7') {
            return false;
        }
        *out = *out * 8u + (unsigned)(v[i] - '0');
    }
    return v[4] == '\0' && *out <= 0777u;
}

/* ---- lines of several words ----------------------------------------------------------------------- */

static bool store_word(parser *p, pqi_agent_store *s, const pqi_agent_word *w)
{
    unsigned slots = 0;
    bool good = true;
    if (strcmp(w->name, "dir") == 0) {
        good = path_of(w->value, s->dir);
    } else if (strcmp(w->name, "key-file") == 0) {
        good = path_of(w->value, s->key_file);
    } else if (strcmp(w->name, "passphrase-file") == 0) {
        good = path_of(w->value, s->passphrase_file);
    } else if (strcmp(w->name, "credential") == 0) {
        good = pqi_agent_one(w->value, s->credential, sizeof s->credential);
    } else if (strcmp(w->name, "provider") == 0) {
        good = pqi_agent_one(w->value, s->provider, sizeof s->provider);
    } else if (strcmp(w->name, "create") == 0) {
        good = yes_of(w->value, &s->create);
    } else if (strcmp(w->name, "slots") == 0) {
        good = number_of(w->value, 1, 4096, &slots);
        s->slots = slots;
    } else {
        return fail(p, "a word of a store that does not exist");
    }
    return good || fail(p, "a value of a store is malformed; paths are absolute");
}

static bool take_store(parser *p, const pqi_agent_line *l)
{
    if (p->c->n_stores == PQI_AGENT_STORES) {
        return fail(p, "more than 32 stores");
    }
    pqi_agent_store *s = &p->c->store[p->c->n_stores];
    if (l->n < 2 || l->word[1].name[0] != '\0' ||
        !pqi_agent_one(l->word[1].value, s->name, sizeof s->name)) {
        return fail(p, "write store NAME dir=PATH ...");
    }
    for (size_t i = 0; i < p->c->n_stores; i++) {
        if (strcmp(p->c->store[i].name, s->name) == 0) {
            return fail(p, "a store that is there twice");
        }
    }
    for (size_t i = 2; i < l->n; i++) {
        if (!store_word(p, s, &l->word[i])) {
            return false;
        }
    }
    if (s->dir[0] == '\0') {
        return fail(p, "a store needs dir=PATH");
    }
    p->c->n_stores++;
    return true;
}

static bool take_audit(parser *p, const pqi_agent_line *l)
{
    if (l->n < 2 || l->word[1].name[0] != '\0' || !path_of(l->word[1].value, p->c->audit)) {
        return fail(p, "write audit PATH [size=16M] [keep=8] [sync=yes]");
    }
    for (size_t i = 2; i < l->n; i++) {
        const pqi_agent_word *w = &l->word[i];
        bool good = strcmp(w->name, "size") == 0 ? size_of(w->value, &p->c->audit_size)
                    : strcmp(w->name, "keep") == 0
                        ? number_of(w->value, 0, PQI_AGENT_KEEP, &p->c->audit_keep)
                    : strcmp(w->name, "sync") == 0 ? yes_of(w->value, &p->c->audit_sync)
                                                   : false;
        if (!good) {
            return fail(p, "write audit PATH [size=16M] [keep=8] [sync=yes]");
        }
    }
    return true;
}

/* ---- lines of one value --------------------------------------------------------------------------- */

static bool take_allow(pqi_agent_config *c, const char *value)
{
    return c->n_allow < PQI_AGENT_PATHS && path_of(value, c->allow[c->n_allow]) &&
           ++c->n_allow != 0;
}

static bool take_sandbox(pqi_agent_config *c, const char *value)
{
    c->weak_sandbox = strcmp(value, "weak") == 0;
    return c->weak_sandbox || strcmp(value, "required") == 0;
}

static bool take_single(pqi_agent_config *c, const char *name, const char *value)
{
    if (strcmp(name, "socket") == 0) {
        return path_of(value, c->socket);
    }
    if (strcmp(name, "acl") == 0) {
        return path_of(value, c->acl);
    }
    if (strcmp(name, "mode") == 0) {
        return mode_of(value, &c->mode);
    }
    if (strcmp(name, "user") == 0) {
        return pqi_agent_one(value, c->user, sizeof c->user);
    }
    if (strcmp(name, "group") == 0) {
        return pqi_agent_one(value, c->group, sizeof c->group);
    }
    if (strcmp(name, "workers") == 0) {
        return number_of(value, 1, PQI_AGENT_WORKERS_MAX, &c->workers);
    }
    if (strcmp(name, "clients") == 0) {
        return number_of(value, 1, PQI_AGENT_CLIENTS_MAX, &c->clients);
    }
    if (strcmp(name, "clients-per-user") == 0) {
        return number_of(value, 1, PQI_AGENT_CLIENTS_MAX, &c->clients_per_user);
    }
    if (strcmp(name, "allow") == 0) {
        return take_allow(c, value);
    }
    return strcmp(name, "sandbox") == 0 && take_sandbox(c, value);
}

static bool take_line(parser *p, const pqi_agent_line *l)
{
    if (l->word[0].name[0] != '\0') {
        return fail(p, "a line begins with the name of a setting");
    }
    if (strcmp(l->word[0].value, "store") == 0) {
        return take_store(p, l);
    }
    if (strcmp(l->word[0].value, "audit") == 0) {
        return take_audit(p, l);
    }
    return (l->n == 2 && l->word[1].name[0] == '\0' &&
               take_single(p->c, l->word[0].value, l->word[1].value)) ||
           fail(p, "a setting that does not exist, or its value is wrong");
}

static bool is_whole(const pqi_agent_config *c, char error[PQI_AGENT_ERROR])
{
    const char *wrong = c->n_stores == 0       ? "no store"
                        : c->acl[0] == '\0'    ? "no acl"
                        : c->audit[0] == '\0'  ? "no audit"
                        : c->socket[0] == '\0' ? "no socket"
                                               : NULL;
    if (wrong != NULL) {
        (void)snprintf(error, PQI_AGENT_ERROR, "%s is configured", wrong);
    }
    return wrong == NULL;
}

pqi_status pqi_agent_config_parse(
    pqi_agent_config *c, const char *text, size_t len, char error[PQI_AGENT_ERROR])
{
    memset(c, 0, sizeof *c);
    c->mode = 0660;
    c->audit_size = 16u * 1048576u;
    c->audit_keep = 8;
    c->workers = 4;
    c->clients = 64;
    c->clients_per_user = 16;
    error[0] = '\0';
    unsigned line = 1;
    for (size_t at = 0; at < len; line++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end != NULL ? (size_t)(end - (text + at)) : len - at;
        pqi_agent_line l;
        parser p = {c, NULL};
        if (!pqi_agent_split(text + at, n, &l, &p.wrong) || (l.n != 0 && !take_line(&p, &l))) {
            (void)snprintf(error, PQI_AGENT_ERROR, "line %u: %s", line, p.wrong);
            return PQI_ERR_DECODE;
        }
        at += n + 1;
    }
    return is_whole(c, error) ? PQI_OK : PQI_ERR_DECODE;
}

bool pqi_agent_store_by_bus(const pqi_agent_store *s)
{
    static const char bus[] = "tpm:tabrmd";
    char uri[PQI_HOSTP_URI_MAX];
    bool known = false;
    const char *wanted = s->provider[0] != '\0' ? s->provider : NULL;
    return pqi_uri_of_dir(s->dir, wanted, uri, &known) == PQI_OK &&
           strncmp(uri, bus, sizeof bus - 1) == 0;
}
