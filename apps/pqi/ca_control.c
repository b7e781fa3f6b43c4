/* SPDX-License-Identifier: Apache-2.0
 * pqi ca init --control: every role key of a fleet in DIR/roles, and a root manifest that names them. For
 * trying it out: who has this directory has everything. */
#include "cmd_ca.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    pqi_role role;
} plan[] = {
    {"root-1", PQI_ROLE_ROOT},
    {"root-2", PQI_ROLE_ROOT},
    {"root-3", PQI_ROLE_ROOT},
    {"issuer", PQI_ROLE_ISSUER},
    {"policy-1", PQI_ROLE_POLICY},
    {"policy-2", PQI_ROLE_POLICY},
    {"policy-3", PQI_ROLE_POLICY},
    {"revoker", PQI_ROLE_REVOKER},
    {"head", PQI_ROLE_HEAD},
};

#define N_PLAN  (sizeof plan / sizeof plan[0])
#define N_SIGN  2u /* the first two of the plan sign the manifest */
#define N_ROLES 6u

static char *path_of(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = pqi_cli_alloc(n);
    (void)snprintf(path, n, "%s/%s", dir, name);
    return path;
}

static pqi_cli_exit make_dir(const char *dir)
{
    if (mkdir(dir, 0700) == 0 || errno == EEXIST) {
        return PQI_CLI_OK;
    }
    return pqi_cli_fail(PQI_CLI_ENV, "check the name and who owns the directory above",
        "cannot make the directory %s: %s", dir, strerror(errno));
}

/* Makes the key where it is not there yet, and opens it. */
static pqi_cli_exit make_role(const pqi_host_kek_source *kek, const char *roles, size_t i,
    const pqi_profile *row, pqi_host_role **out)
{
    char *dir = path_of(roles, plan[i].name);
    const pqi_host_role_cfg cfg = {dir, *kek};
    bool top = plan[i].role == PQI_ROLE_ROOT || plan[i].role == PQI_ROLE_POLICY;
    pqi_status st = pqi_host_role_new(&cfg, plan[i].role, top ? row->root_sig_id : row->sig_id);
    if (st == PQI_OK) {
        st = pqi_host_role_open(out, &cfg);
    }
    free(dir);
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_role_why());
}

static pqi_cli_exit sign(
    pqi_host_role *const *v, const char *fleet, const char *path, pqi_span *manifest)
{
    pqi_manifest_key keys[N_PLAN];
    pqi_manifest_spec spec;
    memset(keys, 0, sizeof keys);
    memset(&spec, 0, sizeof spec);
    for (size_t i = 0; i < N_PLAN; i++) {
        const pqi_role_record *r = pqi_host_role_info(v[i]);
        keys[i].role = r->role;
        keys[i].alg = r->alg;
        keys[i].pk = r->pk;
    }
    for (size_t r = PQI_ROLE_ROOT; r < N_ROLES; r++) {
        spec.threshold[r] = r == PQI_ROLE_ROOT || r == PQI_ROLE_POLICY ? 2 : 1;
    }
    spec.root_version = 1;
    spec.keys = keys;
    spec.n_keys = N_PLAN;
    pqi_status st = pqi_fleet_id_of(pqi_host_role_algs(v[0]), pqi_cli_span(fleet), spec.fleet_id);
    if (st != PQI_OK) {
        return pqi_cli_fail(
            PQI_CLI_USAGE, NULL, "a fleet name has 1 to %u characters", PQI_FLEET_NAME_MAX);
    }
    manifest->ptr = pqi_cli_alloc(PQI_MANIFEST_MAX);
    pqi_span room = {manifest->ptr, PQI_MANIFEST_MAX};
    st = pqi_host_roles_sign_root(v, N_SIGN, &spec, (pqi_cspan){NULL, 0}, room, &manifest->len);
    return st == PQI_OK ? pqi_cli_write_file(path, (pqi_cspan){manifest->ptr, manifest->len})
                        : pqi_cli_why(st, pqi_host_role_why());
}

/* Signatures are never the same twice, so a manifest that a run before made stays. */
static pqi_cli_exit find_or_sign(
    pqi_host_role *const *v, const char *fleet, const char *dir, pqi_span *manifest)
{
    struct stat sb;
    char *path = path_of(dir, "root.cbor");
    pqi_cli_exit rc = stat(path, &sb) == 0 ? pqi_cli_read_file(path, PQI_MANIFEST_MAX, manifest)
                                           : sign(v, fleet, path, manifest);
    free(path);
    return rc;
}

pqi_cli_exit pqi_ca_control_roles(const ca_common *c, const char *fleet, const pqi_profile *row,
    pqi_span *manifest, char **issuer_dir)
{
    pqi_host_role *v[N_PLAN] = {NULL};
    char *roles = path_of(c->dir, "roles");
    pqi_cli_exit rc = make_dir(c->dir);
    if (rc == PQI_CLI_OK) {
        rc = make_dir(roles);
    }
    for (size_t i = 0; i < N_PLAN && rc == PQI_CLI_OK; i++) {
        rc = make_role(&c->cfg.kek, roles, i, row, &v[i]);
    }
    if (rc == PQI_CLI_OK) {
        rc = find_or_sign(v, fleet, c->dir, manifest);
    }
    for (size_t i = 0; i < N_PLAN; i++) {
        pqi_host_role_close(v[i]);
    }
    if (rc == PQI_CLI_OK) {
        *issuer_dir = path_of(roles, "issuer");
    }
    free(roles);
    return rc;
}
