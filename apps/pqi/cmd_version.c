/* SPDX-License-Identifier: Apache-2.0
 * pqi version: what this program is built from and with. */
#include "algs.h"
#include "commands.h"

#include <pqi/profile.h>

#include <openssl/crypto.h>
#include <stdio.h>

static const char *compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

typedef struct lists {
    json_t *pre, *odd; /* names of what is pre-standard, not standardised */
} lists;

/* Names stand alone in JSON; what is no standard is listed once more. */
static void add(json_t *to, const lists *l, const char *name, unsigned flags)
{
    (void)json_array_append_new(to, json_string(name));
    if ((flags & PQI_ALG_NOT_STANDARD) != 0) {
        (void)json_array_append_new(l->odd, json_string(name));
    } else if ((flags & PQI_ALG_PRE_STANDARD) != 0) {
        (void)json_array_append_new(l->pre, json_string(name));
    }
}

static pqi_cli_exit print_json(const pqi_algs *a)
{
    json_t *suites = json_array();
    json_t *kems = json_array();
    json_t *sigs = json_array();
    const lists l = {json_array(), json_array()};
    for (size_t i = 0; i < a->n_kems; i++) {
        add(kems, &l, a->kems[i]->name, a->kems[i]->flags);
    }
    for (size_t i = 0; i < a->n_sigs; i++) {
        add(sigs, &l, a->sigs[i]->name, a->sigs[i]->flags);
    }
    for (size_t i = 0; i < a->n_suites; i++) {
        add(suites, &l, a->suites[i]->name, a->suites[i]->flags);
    }
    return pqi_cli_print_json(json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "version",
        PQI_VERSION, "compiler", compiler(), "openssl", OpenSSL_version(OPENSSL_VERSION), "classic",
        a->classic->name, "suites", suites, "kems", kems, "signatures", sigs, "not_standardised",
        l.odd, "pre_standard", l.pre));
}

static void print_text(const pqi_algs *a)
{
    printf("pqi %s\n", PQI_VERSION);
    printf("%-12s %s\n", "compiler", compiler());
    printf("%-12s %s\n", "openssl", OpenSSL_version(OPENSSL_VERSION));
    for (size_t i = 0; i < a->n_suites; i++) {
        const pqi_suite *s = a->suites[i];
        printf("%-12s %04x %s%s\n", "suite", s->id, s->name, pqi_alg_mark(s->flags));
    }
    for (size_t i = 0; i < a->n_kems; i++) {
        printf("%-12s %s%s\n", "kem", a->kems[i]->name, pqi_alg_mark(a->kems[i]->flags));
    }
    for (size_t i = 0; i < a->n_sigs; i++) {
        printf("%-12s %s%s\n", "signature", a->sigs[i]->name, pqi_alg_mark(a->sigs[i]->flags));
    }
}

pqi_cli_exit pqi_cmd_version(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Prints the version, the compiler, the OpenSSL library in use and the algorithms.", &argc,
        argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 0) {
        return pqi_cli_usage(self, "version takes no operand");
    }
    pqi_algs algs;
    pqi_cli_algs(&algs);
    if (json) {
        return print_json(&algs);
    }
    print_text(&algs);
    return PQI_CLI_OK;
}
