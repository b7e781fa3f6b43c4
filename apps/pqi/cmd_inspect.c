/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: shows what an object or a packet says, and which of it was checked. */
#include "algs.h"
#include "commands.h"
#include "inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each byte as "xx ", behind the longest topic of MQTT. */
#define LINE_CAP (3u * (PQI_INSPECT_MAX + 1u) + 65536u)

typedef struct job {
    pqi_inspect_ctx ctx;
    bool json, hex;
    bool shown; /* something was printed */
    pqi_cli_exit rc;
    const char *path;
    FILE *in;
    size_t line_no; /* 0: the input is no text */
    pqi_span line;  /* LINE_CAP bytes and a NUL */
} job;

/* ---- one object --------------------------------------------------------------------------------- */

static void complain(job *j, const char *why)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (f != NULL) {
        pqi_inspect_print_safe(f, j->path, strlen(j->path));
        if (j->line_no != 0) {
            (void)fprintf(f, ", line %zu", j->line_no);
        }
        (void)fclose(f);
    }
    j->rc = pqi_cli_fail(PQI_CLI_FAILED, NULL, "%s: %s", text != NULL ? text : "input", why);
    free(text);
}

static void show(job *j, pqi_cspan topic, pqi_cspan bytes)
{
    pqi_inspect_result r;
    j->ctx.topic = topic;
    if (!pqi_inspect_object(&j->ctx, bytes, &r)) {
        complain(j, r.why);
        return;
    }
    if (j->json) {
        /* One line, ASCII only: nothing in it steers a terminal or a log. */
        (void)json_dumpf(r.fields, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        (void)putchar('\n');
    } else {
        (void)fputs(j->shown ? "\n" : "", stdout);
        pqi_inspect_print(stdout, r.fields);
    }
    (void)fflush(stdout); /* a stream may be watched; main() reports a failure */
    j->shown = true;
    j->rc = r.failed ? PQI_CLI_FAILED : j->rc;
    json_decref(r.fields);
}

/* ---- inputs ------------------------------------------------------------------------------------- */

/* Reads to the end of the line, to the end of the input or to the cap. false: nothing was left. */
static bool read_line(job *j, size_t from)
{
    int b = 0;
    j->line.len = from;
    while (j->line.len < LINE_CAP && (b = getc(j->in)) != EOF) {
        j->line.ptr[j->line.len++] = (uint8_t)b;
        if (b == '\n') {
            break;
        }
    }
    return j->line.len > from;
}

static bool line_too_long(job *j)
{
    if (j->line.len < LINE_CAP || j->line.ptr[j->line.len - 1] == '\n') {
        return false;
    }
    int b = 0;
    while ((b = getc(j->in)) != EOF && b != '\n') {
    }
    complain(j, "is longer than any of our objects");
    return true;
}

static void binary(job *j)
{
    size_t have = j->line.len;
    if (have <= PQI_INSPECT_MAX) {
        have += fread(j->line.ptr + have, 1, PQI_INSPECT_MAX + 1u - have, j->in);
    }
    if (have > PQI_INSPECT_MAX) {
        complain(j, "is longer than any of our objects");
    } else {
        show(j, (pqi_cspan){NULL, 0}, (pqi_cspan){j->line.ptr, have});
    }
}

static void show_line(job *j, pqi_span line)
{
    pqi_inspect_line l;
    const char *wrong = pqi_inspect_split(line, &l);
    if (wrong != NULL) {
        complain(j, wrong);
    } else if (l.bytes.len != 0 || l.topic.len != 0) {
        show(j, l.topic, l.bytes);
    }
}

/* Is this line a piece of a wrapped dump: hex alone, shorter than any object? */
static bool is_piece(pqi_cspan line)
{
    size_t digits = 0;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t b = line.ptr[i];
        bool hex = (b >= '0' && b <= '9') || ((b | 0x20) >= 'a' && (b | 0x20) <= 'f');
        if (!hex && strchr(" \t\r\n", b) == NULL) {
            return false;
        }
        digits += hex;
    }
    return digits < 2 * PQI_INSPECT_MIN;
}

/* Lines that are too short for an object are put together, up to the end or to a longer line. */
static bool wrapped(job *j)
{
    size_t kept = 0, last = 0;
    bool more = true;
    while (more && is_piece((pqi_cspan){j->line.ptr + last, j->line.len - last})) {
        kept = j->line.len;
        for (size_t i = last; i < kept; i++) {
            j->line.ptr[i] = j->line.ptr[i] == '\n' ? ' ' : j->line.ptr[i];
        }
        last = kept;
        more = read_line(j, kept);
        j->line_no += more;
    }
    pqi_span dump = {j->line.ptr, kept};
    pqi_span next = {j->line.ptr + kept, j->line.len - kept};
    size_t n = 0; /* the blanks go: groups may have any length */
    for (size_t i = 0; i < kept; i++) {
        if (strchr(" \t\r", dump.ptr[i]) == NULL) {
            dump.ptr[n++] = dump.ptr[i];
        }
    }
    dump.len = n;
    show_line(j, dump);
    memmove(j->line.ptr, next.ptr, next.len);
    j->line.len = next.len;
    return more;
}

static void text(job *j)
{
    bool more = true;
    j->line_no = 1;
    while (more) {
        if (is_piece((pqi_cspan){j->line.ptr, j->line.len})) {
            more = wrapped(j);
            continue;
        }
        if (!line_too_long(j)) {
            show_line(j, j->line);
        }
        more = read_line(j, 0);
        j->line_no += more;
    }
}

static void one_input(job *j)
{
    bool std = strcmp(j->path, "-") == 0;
    j->in = std ? stdin : fopen(j->path, "rb");
    j->line_no = 0;
    if (j->in == NULL) {
        j->rc = pqi_cli_fail(PQI_CLI_ENV, "check the name and that you may read it",
            "cannot open %s: %s", j->path, strerror(errno));
        return;
    }
    errno = 0;
    if (!read_line(j, 0)) {
        if (!ferror(j->in)) {
            complain(j, "is empty");
        }
    } else if (j->hex || pqi_inspect_is_text((pqi_cspan){j->line.ptr, j->line.len})) {
        text(j);
    } else {
        binary(j);
    }
    if (ferror(j->in)) {
        j->rc = pqi_cli_fail(PQI_CLI_ENV, "check that it is a file and the disk is healthy",
            "cannot read %s: %s", j->path, strerror(errno));
    }
    if (!std) {
        (void)fclose(j->in);
    }
}

/* ---- the root manifest -------------------------------------------------------------------------- */

static pqi_cli_exit refuse_root(const char *path, const char *why)
{
    return pqi_cli_fail(
        PQI_CLI_FAILED, "give the root manifest of the fleet, and its hash", "%s: %s", path, why);
}

/* Reads, decodes and checks it; *bytes is what `m` points into. */
static pqi_cli_exit load_root(
    job *j, const char *path, const char *hash, pqi_manifest *m, pqi_span *bytes)
{
    uint8_t want[32];
    pqi_span w = {want, sizeof want};
    if (hash != NULL && (!pqi_cli_hex_decode(hash, &w) || w.len != sizeof want)) {
        return pqi_cli_fail(PQI_CLI_USAGE, "see pqi inspect --help",
            "--root-hash takes the 64 hex digits of a SHA-256");
    }
    pqi_cli_exit rc = pqi_cli_read_file(path, 4u * PQI_MANIFEST_MAX, bytes);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cspan in = {bytes->ptr, bytes->len};
    if (in.len != 0 && pqi_inspect_is_text(in)) {
        pqi_inspect_line l;
        for (size_t i = 0; i < bytes->len; i++) {
            bytes->ptr[i] = bytes->ptr[i] == '\n' ? ' ' : bytes->ptr[i];
        }
        if (pqi_inspect_split(*bytes, &l) == NULL) {
            in = l.bytes;
        }
    }
    if (pqi_manifest_decode(j->ctx.algs, in, m) != PQI_OK) {
        return refuse_root(path, "is not a root manifest");
    }
    if (hash != NULL && memcmp(m->hash, want, sizeof want) != 0) {
        return refuse_root(path, "has another hash than --root-hash");
    }
    if (pqi_manifest_verify(j->ctx.algs, m, m, j->ctx.tmp) != PQI_OK) {
        return refuse_root(path, "its own signatures do not verify");
    }
    j->ctx.root = m;
    if (hash == NULL) {
        (void)fprintf(stderr,
            "pqi: note: whether %s is your fleet's root was not checked (give --root-hash)\n",
            path);
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit run(job *j, int argc, char **argv, const char *root, const char *hash)
{
    pqi_algs algs;
    pqi_span bytes = {NULL, 0};
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_cli_algs(&algs);
    j->ctx.algs = &algs;
    j->ctx.tmp.len = pqi_cli_tmp_len(&algs);
    j->ctx.tmp.ptr = pqi_cli_alloc(j->ctx.tmp.len);
    j->line.ptr = pqi_cli_alloc(LINE_CAP + 1);
    j->rc = pqi_cli_require_selftest();
    if (j->rc == PQI_CLI_OK && root != NULL) {
        j->rc = load_root(j, root, hash, m, &bytes);
    }
    if (j->rc == PQI_CLI_OK) {
        pqi_cli_exit worst = PQI_CLI_OK;
        for (int i = 0; i < argc; i++) {
            j->path = argv[i];
            j->rc = PQI_CLI_OK;
            one_input(j);
            worst = j->rc > worst ? j->rc : worst;
        }
        j->rc = worst;
    }
    free(j->line.ptr);
    free(j->ctx.tmp.ptr);
    free(bytes.ptr);
    free(m);
    return j->rc;
}

pqi_cli_exit pqi_cmd_inspect(const pqi_cli_command *self, int argc, char **argv)
{
    const char *root = NULL, *hash = NULL;
    job j = {.rc = PQI_CLI_OK};
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &j.json, "print one line of JSON per object"),
        PQI_CLI_FLAG("hex", &j.hex, "the input is hex, whatever it looks like"),
        PQI_CLI_STRING("root", "FILE", &root, "root manifest to check signatures with"),
        PQI_CLI_STRING("root-hash", "HEX", &hash, "SHA-256 that this manifest must have"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows what an object or packet says and which of it was checked. An input is one\n"
        "binary object, hex text, or lines of hex, each with or without a topic in front of it.\n"
        "Nothing is opened that is sealed; no secret is read or shown.\n\n"
        "Example: mosquitto_sub -t 'pq/4/#' -F '%t %x' | pqi inspect -",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc == 0) {
        return pqi_cli_usage(self, "inspect needs a file, or - for standard input");
    }
    if (hash != NULL && root == NULL) {
        return pqi_cli_usage(self, "--root-hash needs --root");
    }
    return run(&j, argc, argv, root, hash);
}
