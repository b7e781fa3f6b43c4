/* SPDX-License-Identifier: Apache-2.0
 * A root manifest that is being made, from the options of pqi root. */
#include "root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pqi_root_draft *pqi_root_draft_new(void)
{
    pqi_root_draft *d = pqi_cli_alloc(sizeof *d);
    d->spec.keys = d->keys;
    return d;
}

void pqi_root_draft_free(pqi_root_draft *d)
{
    for (size_t i = 0; i < d->n_files; i++) {
        free(d->files[i].ptr);
    }
    free(d);
}

void pqi_root_draft_from(pqi_root_draft *d, const pqi_manifest *m)
{
    memcpy(d->spec.fleet_id, m->fleet_id, sizeof d->spec.fleet_id);
    memcpy(d->spec.threshold, m->threshold, sizeof d->spec.threshold);
    memcpy(d->keys, m->keys, sizeof d->keys);
    d->spec.root_version = m->root_version;
    d->spec.n_keys = m->n_keys;
}

/* "policy=FILE": the role in front of the first '='; *rest gets what follows it. 0: no role. */
static pqi_role role_before(const char *text, const char **rest)
{
    char name[16];
    const char *eq = strchr(text, '=');
    if (eq == NULL || (size_t)(eq - text) >= sizeof name) {
        return PQI_ROLE_NONE;
    }
    memcpy(name, text, (size_t)(eq - text));
    name[eq - text] = '\0';
    *rest = eq + 1;
    return pqi_role_parse(name);
}

/* ---- what the options say ----------------------------------------------------------------------- */

static pqi_cli_exit add_key(const pqi_cli_command *self, pqi_root_draft *d, const char *text)
{
    const char *path = NULL;
    pqi_role role = role_before(text, &path);
    pqi_role_record r;
    if (role == 0) {
        return pqi_cli_usage(self, "\"%.60s\" is not ROLE=FILE", text);
    }
    if (d->spec.n_keys == PQI_MANIFEST_KEYS_MAX) {
        return pqi_cli_fail(
            PQI_CLI_FAILED, NULL, "a manifest names at most %u keys", PQI_MANIFEST_KEYS_MAX);
    }
    pqi_cli_exit rc = pqi_cli_role_record(path, &d->files[d->n_files], &r);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    d->n_files++;
    if (r.role != role) {
        return pqi_cli_fail(PQI_CLI_FAILED, "a key is for the role that it was made for",
            "%s is the record of a %s key, not of a %s key", path, pqi_role_name(r.role),
            pqi_role_name(role));
    }
    for (uint32_t i = 0; i < d->spec.n_keys; i++) {
        if (d->keys[i].role == role && memcmp(d->keys[i].kid, r.kid, sizeof r.kid) == 0) {
            return pqi_cli_fail(
                PQI_CLI_FAILED, NULL, "the %s key of %s stands there twice", text, path);
        }
    }
    pqi_manifest_key *k = &d->keys[d->spec.n_keys++];
    k->role = role;
    k->alg = r.alg;
    k->pk = r.pk;
    memcpy(k->kid, r.kid, sizeof k->kid);
    return PQI_CLI_OK;
}

static pqi_cli_exit remove_key(const pqi_cli_command *self, pqi_root_draft *d, const char *hex)
{
    uint8_t kid[PQI_KID_LEN];
    pqi_span room = {kid, sizeof kid};
    uint32_t kept = 0;
    if (!pqi_cli_hex_decode(hex, &room) || room.len != sizeof kid) {
        return pqi_cli_usage(self, "--remove-key takes the 16 hex digits of a kid");
    }
    for (uint32_t i = 0; i < d->spec.n_keys; i++) {
        if (memcmp(d->keys[i].kid, kid, sizeof kid) != 0) {
            d->keys[kept++] = d->keys[i];
        }
    }
    if (kept == d->spec.n_keys) {
        return pqi_cli_fail(
            PQI_CLI_FAILED, "pqi root show lists the keys", "the manifest has no key %s", hex);
    }
    d->spec.n_keys = kept;
    return PQI_CLI_OK;
}

static pqi_cli_exit set_threshold(const pqi_cli_command *self, pqi_root_draft *d, const char *text)
{
    const char *value = NULL;
    pqi_role role = role_before(text, &value);
    char *end = NULL;
    unsigned long n = role != 0 ? strtoul(value, &end, 10) : 0;
    if (n == 0 || n > PQI_MANIFEST_KEYS_MAX || *end != '\0' || value[0] < '0' || value[0] > '9') {
        return pqi_cli_usage(
            self, "\"%.60s\" is not ROLE=N with N from 1 to %u", text, PQI_MANIFEST_KEYS_MAX);
    }
    d->spec.threshold[role] = (uint8_t)n;
    return PQI_CLI_OK;
}

/* Every role with keys has a threshold from 1 to their number; one key signs certificates and heads. */
static pqi_cli_exit check_thresholds(pqi_root_draft *d)
{
    for (int r = PQI_ROLE_ROOT; r <= PQI_ROLE_HEAD; r++) {
        unsigned n = 0;
        const char *name = pqi_role_name((pqi_role)r);
        uint8_t *need = &d->spec.threshold[r];
        for (uint32_t i = 0; i < d->spec.n_keys; i++) {
            n += d->keys[i].role == (pqi_role)r;
        }
        if (n == 0) {
            if (*need > 1) {
                return pqi_cli_fail(PQI_CLI_FAILED, "give --key, or another --threshold",
                    "a threshold of %u %s keys, and there is none", *need, name);
            }
            *need = 0;
            continue;
        }
        *need = *need == 0 ? 1 : *need;
        if (*need > n) {
            return pqi_cli_fail(PQI_CLI_FAILED, "give more keys, or another --threshold",
                "a threshold of %u %s keys, and there are %u", *need, name, n);
        }
        if ((r == PQI_ROLE_ISSUER || r == PQI_ROLE_HEAD) && *need != 1) {
            return pqi_cli_fail(PQI_CLI_FAILED, "the threshold of issuer and head is 1",
                "one %s key alone signs, so a threshold of %u would refuse everything", name,
                *need);
        }
    }
    return d->spec.threshold[PQI_ROLE_ROOT] != 0
               ? PQI_CLI_OK
               : pqi_cli_fail(PQI_CLI_FAILED, "--key root=FILE", "a manifest needs a root key");
}

pqi_cli_exit pqi_root_draft_fill(
    const pqi_cli_command *self, pqi_root_draft *d, const pqi_root_changes *a)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    for (size_t i = 0; i < a->remove.n && rc == PQI_CLI_OK; i++) {
        rc = remove_key(self, d, a->remove.v[i]);
    }
    for (size_t i = 0; i < a->keys.n && rc == PQI_CLI_OK; i++) {
        rc = add_key(self, d, a->keys.v[i]);
    }
    for (size_t i = 0; i < a->thresholds.n && rc == PQI_CLI_OK; i++) {
        rc = set_threshold(self, d, a->thresholds.v[i]);
    }
    return rc == PQI_CLI_OK ? check_thresholds(d) : rc;
}
