/* SPDX-License-Identifier: Apache-2.0
 * Allow-lists as CSV, up to where the CA takes them: either one clear refusal and no entry, or entries
 * that are sound, one for each line that says something, each device once. */
#include "ca_item.h"

#include "base/hex.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
pqi_status __wrap_pqi_host_ca_allow_many(
    pqi_host_ca *ca, const pqi_host_ca_entry *e, size_t n, size_t counts[3], size_t *failed);

static pqi_cspan file;
static unsigned refusals, taken;
static size_t entries;

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- what the reader calls --------------------------------------------------------------------------- */

pqi_cli_exit pqi_cli_fail(pqi_cli_exit code, const char *advice, const char *what, ...)
{
    must(what[0] != '\0' && (advice == NULL || advice[0] != '\0'));
    refusals++;
    return code;
}

void *pqi_cli_alloc(size_t n)
{
    void *p = calloc(n == 0 ? 1 : n, 1);
    must(p != NULL);
    return p;
}

pqi_cli_exit pqi_cli_read_file(const char *path, size_t cap, pqi_span *out)
{
    must(path != NULL && file.len <= cap);
    out->ptr = pqi_cli_alloc(file.len + 1);
    memcpy(out->ptr, file.ptr, file.len);
    out->len = file.len;
    return PQI_CLI_OK;
}

pqi_cspan pqi_cli_span(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

void pqi_cli_progress(const char *what, size_t done, size_t total)
{
    must(what != NULL && done != 0 && done <= total);
}

pqi_cli_exit pqi_cli_refused(pqi_status st, const char *why)
{
    must(st == PQI_ERR_STATE && why != NULL);
    return PQI_CLI_FAILED;
}

bool pqi_ca_item_fingerprint(pqi_ca_item *it, const char *hex)
{
    size_t n = 0;
    const pqi_span room = {it->e.factory_fp, sizeof it->e.factory_fp};
    return pqi_hex_decode(pqi_cli_span(hex), room, &n) == PQI_OK && n == room.len;
}

pqi_cli_exit pqi_ca_item_factory(pqi_ca_item *it, const char *path)
{
    must(it->e.id.len != 0);
    return pqi_cli_fail(PQI_CLI_ENV, NULL, "no file %s", path);
}

pqi_cli_exit pqi_ca_item_words(pqi_ca_item *it, const char *roles, char *scopes)
{
    must(it->line != 0);
    return roles[0] == 'x' || scopes[0] == 'x' ? pqi_cli_fail(PQI_CLI_USAGE, NULL, "words")
                                               : PQI_CLI_OK;
}

pqi_status __wrap_pqi_host_ca_allow_many(
    pqi_host_ca *ca, const pqi_host_ca_entry *e, size_t n, size_t counts[3], size_t *failed)
{
    must(ca == NULL && counts != NULL);
    for (size_t i = 0; i < n; i++) {
        must(pqi_id_check(e[i].id) == PQI_OK && (e[i].assurance >> 6) == 0);
        for (size_t k = 0; k < i && n < 32; k++) {
            must(e[k].id.len != e[i].id.len || memcmp(e[k].id.ptr, e[i].id.ptr, e[i].id.len) != 0);
        }
    }
    entries = n;
    *failed = n;
    taken++;
    return PQI_ERR_STATE;
}

/* ---- the property ------------------------------------------------------------------------------------ */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *quiet;
    static ca_common c;
    if (quiet == NULL) {
        quiet = fopen("/dev/null", "w");
        must(quiet != NULL);
    }
    FILE *was = stderr;
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n';
    }
    file = (pqi_cspan){data, size};
    refusals = taken = 0;
    stderr = quiet; /* the line of an error is said there */
    pqi_cli_exit rc = pqi_ca_import_csv(&c, "list.csv", false, 3);
    stderr = was;
    must(rc == PQI_CLI_FAILED || rc == PQI_CLI_ENV || rc == PQI_CLI_USAGE);
    must(refusals + taken == 1 && (taken == 0 || entries <= lines));
    return 0;
}
