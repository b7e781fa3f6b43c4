/* SPDX-License-Identifier: Apache-2.0
 * pqi ca issue, and the care of a CA: backup, recover. */
#include "cmd_ca.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static pqi_cli_exit issue_one(
    ca_common *c, const char *path, uint32_t days, const char *out_dir, bool quiet)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_JOIN_REQUEST_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    uint8_t *mem = pqi_cli_alloc(PQI_GRANT_MAX);
    pqi_span room = {mem, PQI_GRANT_MAX};
    pqi_cspan request = {in.ptr, in.len};
    pqi_host_ca_issued done;
    size_t len = 0;
    char *name = NULL;
    pqi_status st = pqi_host_ca_issue(c->ca, request, days, room, &len, &done);
    free(in.ptr);
    if (st != PQI_OK) {
        free(mem);
        char text[512];
        const char *why = pqi_host_ca_why();
        (void)snprintf(
            text, sizeof text, "%s: %s", path, why[0] != '\0' ? why : pqi_status_text(st));
        return pqi_cli_refused(st, text);
    }
    const char *to = c->out;
    if (out_dir != NULL) {
        size_t room_for_name = strlen(out_dir) + sizeof done.id + sizeof "/.grant";
        name = pqi_cli_alloc(room_for_name);
        (void)snprintf(name, room_for_name, "%s/%s.grant", out_dir, done.id);
        to = name;
    }
    pqi_cspan grant = {mem, len};
    rc = pqi_cli_write_file(to, grant);
    free(mem);
    if (rc == PQI_CLI_OK && !quiet && to != NULL && strcmp(to, "-") != 0) {
        printf("%s: epoch %" PRIu32 " issued%s, grant in %s\n", done.id, done.key_epoch,
            done.repeated ? " before" : "", to);
    }
    free(name);
    return rc;
}

static pqi_cli_exit issue_all(
    ca_common *c, uint32_t days, const char *out_dir, int argc, char **argv)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    size_t bad = 0, total = (size_t)argc;
    const bool quiet = pqi_cli_has_progress(total);
    for (size_t i = 0; i < total; i++) {
        pqi_cli_exit one = issue_one(c, argv[i], days, out_dir, quiet);
        bad += one != PQI_CLI_OK;
        rc = rc == PQI_CLI_OK ? one : rc;
        pqi_cli_progress("issuing", i + 1, total);
    }
    if (total > 1) {
        printf("issued %zu of %zu\n", total - bad, total);
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* "DIR/NAME" of every regular file, sorted; names with a dot in front are left out. */
static pqi_cli_exit list_dir(const char *dir, char ***out, int *n)
{
    size_t room = 64;
    struct dirent *e = NULL;
    DIR *d = opendir(dir);
    *n = 0;
    *out = NULL;
    if (d == NULL) {
        return pqi_cli_fail(PQI_CLI_ENV, "check the name and that you may read it",
            "cannot open the directory %s: %s", dir, strerror(errno));
    }
    char **names = pqi_cli_alloc(room * sizeof *names);
    while ((e = readdir(d)) != NULL) {
        struct stat sb;
        size_t len = strlen(dir) + strlen(e->d_name) + 2;
        char *path = pqi_cli_alloc(len);
        (void)snprintf(path, len, "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.' || stat(path, &sb) != 0 || !S_ISREG(sb.st_mode)) {
            free(path);
            continue;
        }
        if ((size_t)*n == room) {
            char **grown = pqi_cli_alloc(2 * room * sizeof *grown);
            memcpy(grown, names, room * sizeof *names);
            free(names);
            names = grown;
            room *= 2;
        }
        names[(*n)++] = path;
    }
    (void)closedir(d);
    qsort(names, (size_t)*n, sizeof *names, by_name);
    *out = names;
    return PQI_CLI_OK;
}

/* Each request of a directory; the grants of those that are refused are missing, and all are tried. */
static pqi_cli_exit issue_dir(ca_common *c, uint32_t days, const char *from, const char *to)
{
    char **names = NULL;
    int n = 0;
    struct stat sb;
    if (stat(to, &sb) != 0 || !S_ISDIR(sb.st_mode)) {
        return pqi_cli_fail(PQI_CLI_ENV, "make it first", "%s is not a directory", to);
    }
    pqi_cli_exit rc = list_dir(from, &names, &n);
    if (rc == PQI_CLI_OK && n == 0) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, NULL, "there is no request in %s", from);
    } else if (rc == PQI_CLI_OK) {
        rc = issue_all(c, days, to, n, names);
    }
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    return rc;
}

pqi_cli_exit pqi_cmd_ca_issue(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    uint64_t days = PQI_HOST_CA_DAYS;
    const char *out_dir = NULL;
    bool all = false;
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        CA_ISSUER(c),
        PQI_CLI_UINT("days", "N", &days, 36500, "validity (default 365), 0: without end"),
        CA_OUT(c, "the grant"),
        PQI_CLI_STRING("out-dir", "DIR", &out_dir, "for several requests: DIR/ID.grant each"),
        PQI_CLI_FLAG(
            "all", &all, "every request in the directory FROM, grants to the directory TO"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Checks join requests and issues certificates, each in a grant that only its device can\n"
        "open. A request that was granted before gives the same grant again while it is "
        "pending.\n\n"
        "Example: pqi ca issue --dir ca --key-file ca.key --out pump-1.grant pump-1.join",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (all && (argc != 2 || c.out != NULL || out_dir != NULL)) {
        return pqi_cli_usage(self, "--all takes two operands: the directories FROM and TO");
    }
    if (argc < 1 || (argc > 1 && out_dir == NULL && !all) || (c.out != NULL && out_dir != NULL)) {
        return pqi_cli_usage(self, "issue takes one request and --out, or several and --out-dir");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = all ? issue_dir(&c, (uint32_t)days, argv[0], argv[1])
             : issue_all(&c, (uint32_t)days, out_dir, argc, argv);
    pqi_ca_done(&c);
    return rc;
}

pqi_cli_exit pqi_cmd_ca_backup(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    const pqi_cli_option options[] = {CA_OPTIONS(c), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Copies registry and encrypted keys to a new directory while the CA is in use. The key "
        "that\n"
        "encrypts them is not part of it. A restored copy needs pqi ca recover.\n\n"
        "Example: pqi ca backup --dir ca --key-file ca.key /backup/ca-$(date +%F)",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "backup takes one operand: the new directory");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_ca_backup(c.ca, argv[0]);
    rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_ca_why());
    pqi_ca_done(&c);
    if (rc == PQI_CLI_OK) {
        printf("backup in %s\n", argv[0]);
    }
    return rc;
}

static pqi_cli_exit recover(ca_common *c, const char *newest)
{
    pqi_span in = {NULL, 0};
    pqi_host_ca_recovered r;
    pqi_cli_exit rc =
        newest != NULL ? pqi_cli_read_file(newest, PQI_REVOCATIONS_MAX, &in) : PQI_CLI_OK;
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cspan log = {in.ptr, in.len};
    pqi_status st = pqi_host_ca_recover(&c->cfg, log, &r);
    free(in.ptr);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_ca_why());
    }
    printf("recovered: generation %" PRIu64 ", %" PRIu32
           " devices moved on by %u epochs, log of %" PRIu64 " revocations, %" PRIu32
           " of them added\n",
        r.generation, r.devices, PQI_HOST_CA_SKIP, r.rev_seq, r.merged);
    if (newest == NULL) {
        printf(
            "if a revocation was made after the copy, devices that know it refuse this log until "
            "the root is rotated\n");
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_ca_recover(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    const char *newest = NULL;
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        PQI_CLI_STRING(
            "revocations", "FILE", &newest, "the newest log that was published (pq/4/v)"),
        PQI_CLI_FLAG("yes", &c.yes, "do not ask"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a CA usable again after a backup was restored or a rollback was found: skips all\n"
        "numbers that may have been used since, ends open challenges and pending certificates, "
        "and\n"
        "writes it to the audit log.\n\n"
        "Example: pqi ca recover --dir ca --key-file ca.key --revocations newest.rev --yes",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "recover takes no operand");
    }
    if (!pqi_cli_sure(c.yes, "this skips key epochs and ends pending joins of every device")) {
        return PQI_CLI_USAGE;
    }
    rc = pqi_ca_kek(&c, self, false);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = recover(&c, newest);
    pqi_ca_done(&c);
    return rc;
}
