/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_role.h"

#include "algs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- KEYDIR ------------------------------------------------------------------------------------- */

typedef struct keydir {
    char *dir; /* owned */
    pqi_cli_kek_args kek;
} keydir;

/* Cuts ":key=FILE" and the like off; the last of them counts, so that a directory may contain one. */
static keydir split(const char *text, const pqi_cli_kek_args *common)
{
    static const char *const marks[] = {":key=", ":pass=", ":cred="};
    keydir k;
    size_t n = strlen(text) + 1;
    char *cut = NULL;
    int which = -1;
    k.dir = pqi_cli_alloc(n);
    memcpy(k.dir, text, n);
    for (int i = 0; i < 3; i++) {
        for (char *at = strstr(k.dir, marks[i]); at != NULL; at = strstr(at + 1, marks[i])) {
            if (cut == NULL || at > cut) {
                cut = at;
                which = i;
            }
        }
    }
    memset(&k.kek, 0, sizeof k.kek);
    if (cut == NULL) {
        k.kek = *common;
    } else {
        *cut = '\0';
        const char *value = cut + strlen(marks[which]);
        k.kek.key_file = which == 0 ? value : NULL;
        k.kek.passphrase_file = which == 1 ? value : NULL;
        k.kek.credential = which == 2 ? value : NULL;
    }
    k.kek.what = k.dir;
    return k;
}

pqi_cli_exit pqi_cli_role_open(
    const char *text, const pqi_cli_kek_args *common, pqi_host_role **out)
{
    keydir k = split(text, common);
    pqi_host_role_cfg cfg = {k.dir, {NULL, NULL, NULL, {NULL, 0}, NULL}};
    *out = NULL;
    pqi_cli_exit rc = pqi_cli_kek_read(&k.kek, false, &cfg.kek);
    if (rc == PQI_CLI_OK) {
        pqi_status st = pqi_host_role_open(out, &cfg);
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_role_why());
    }
    pqi_cli_kek_wipe(&cfg.kek);
    free(k.dir);
    return rc;
}

pqi_cli_exit pqi_cli_keydir_read(
    const char *text, const pqi_cli_kek_args *common, char **dir, pqi_host_kek_source *kek)
{
    keydir k = split(text, common);
    pqi_cli_exit rc = pqi_cli_kek_read(&k.kek, false, kek);
    *dir = rc == PQI_CLI_OK ? k.dir : NULL; /* the names of its files stand behind it */
    if (rc != PQI_CLI_OK) {
        free(k.dir);
    }
    return rc;
}

/* Do both name one directory? It is locked by the first, so the second would wait for nothing. */
static bool same_dir(const char *a, const char *b)
{
    const pqi_cli_kek_args none = {0};
    struct stat sa, sb;
    keydir ka = split(a, &none), kb = split(b, &none);
    bool same = stat(ka.dir, &sa) == 0 && stat(kb.dir, &sb) == 0 && sa.st_dev == sb.st_dev &&
                sa.st_ino == sb.st_ino;
    free(ka.dir);
    free(kb.dir);
    return same;
}

static pqi_cli_exit fits(const pqi_cli_role_set *set, const char *text, pqi_role role)
{
    const pqi_role_record *k = pqi_host_role_info(set->v[set->n - 1]);
    if (role != 0 && k->role != role) {
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi role show DIR tells the role",
            "%s holds a %s key, and a %s key is needed", text, pqi_role_name(k->role),
            pqi_role_name(role));
    }
    for (size_t i = 0; i + 1 < set->n; i++) {
        const pqi_role_record *o = pqi_host_role_info(set->v[i]);
        if (memcmp(o->kid, k->kid, sizeof k->kid) == 0) {
            return pqi_cli_fail(PQI_CLI_FAILED, "each signature needs a key of its own",
                "%s holds the same key as another of the directories", text);
        }
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cli_roles_open(const pqi_cli_list *keydirs, const pqi_cli_kek_args *common,
    pqi_role role, pqi_cli_role_set *out)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < keydirs->n && rc == PQI_CLI_OK; i++) {
        for (size_t j = 0; j < i && rc == PQI_CLI_OK; j++) {
            if (same_dir(keydirs->v[i], keydirs->v[j])) {
                rc = pqi_cli_fail(PQI_CLI_USAGE, "each signature needs a key of its own",
                    "%s stands there twice", keydirs->v[i]);
            }
        }
        if (rc == PQI_CLI_OK) {
            rc = pqi_cli_role_open(keydirs->v[i], common, &out->v[out->n]);
        }
        if (rc == PQI_CLI_OK) {
            out->n++;
            rc = fits(out, keydirs->v[i], role);
        }
    }
    if (rc != PQI_CLI_OK) {
        pqi_cli_roles_close(out);
    }
    return rc;
}

void pqi_cli_roles_close(pqi_cli_role_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        pqi_host_role_close(set->v[i]);
    }
    memset(set, 0, sizeof *set);
}

/* ---- words and files ---------------------------------------------------------------------------- */

pqi_cli_exit pqi_cli_role_record(const char *path, pqi_span *bytes, pqi_role_record *out)
{
    pqi_algs algs;
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_ROLE_RECORD_MAX, bytes);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cli_algs(&algs);
    pqi_span tmp = {NULL, pqi_cli_tmp_len(&algs)};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    pqi_status st = pqi_role_record_open(&algs, (pqi_cspan){bytes->ptr, bytes->len}, out, tmp);
    free(tmp.ptr);
    if (st == PQI_OK) {
        return PQI_CLI_OK;
    }
    free(bytes->ptr);
    *bytes = (pqi_span){NULL, 0};
    return pqi_cli_fail(PQI_CLI_FAILED, "pqi role export writes one",
        st == PQI_ERR_AUTH ? "%s is altered: its signature does not verify"
                           : "%s is not a valid role record",
        path);
}

pqi_cli_exit pqi_cli_manifest(const char *path, pqi_span *bytes, pqi_manifest *out)
{
    pqi_algs algs;
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_MANIFEST_MAX, bytes);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cli_algs(&algs);
    if (pqi_manifest_decode(&algs, (pqi_cspan){bytes->ptr, bytes->len}, out) == PQI_OK) {
        return PQI_CLI_OK;
    }
    free(bytes->ptr);
    *bytes = (pqi_span){NULL, 0};
    return pqi_cli_fail(PQI_CLI_FAILED, "pqi inspect FILE tells what the file is",
        "%s is not a root manifest", path);
}
