/* SPDX-License-Identifier: Apache-2.0
 * pqi attest log: prints and replays an event log. */
#include "attest.h"

#include "algs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOG_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"

typedef struct log_args {
    const char *pcrs;
    bool json, events;
    uint32_t mask;
    pqi_algs algs;
} log_args;

static bool wanted(const log_args *a, uint32_t pcr)
{
    return (a->mask >> pcr & 1u) != 0;
}

static json_t *events_json(const log_args *a, pqi_cspan in)
{
    pqi_eventlog l;
    pqi_log_event e;
    json_t *out = json_array();
    if (pqi_eventlog_begin(&l, in) == PQI_OK) {
        while (pqi_eventlog_next(&l, &e) == PQI_OK) {
            if (wanted(a, e.pcr)) {
                (void)json_array_append_new(
                    out, json_pack("{s:I, s:s, s:I, s:o, s:I}", "pcr", (json_int_t)e.pcr, "type",
                             pqi_eventlog_type(e.type), "type_number", (json_int_t)e.type, "sha256",
                             pqi_cli_json_hex(e.digest, 32), "bytes", (json_int_t)e.data.len));
            }
        }
    }
    return out;
}

static pqi_cli_exit print_json(const log_args *a, pqi_cspan in, const pqi_pcrs *p)
{
    char name[4];
    json_t *pcrs = json_object();
    for (unsigned i = 0; i < PQI_TPM_PCRS; i++) {
        if (wanted(a, i) && (p->extended >> i & 1u) != 0) {
            (void)snprintf(name, sizeof name, "%u", i);
            (void)json_object_set_new(pcrs, name, pqi_cli_json_hex(p->v[i], 32));
        }
    }
    return pqi_cli_print_json(json_pack("{s:I, s:o, s:o}", "events", (json_int_t)p->events, "pcrs",
        pcrs, "log", events_json(a, in)));
}

/* As lines of a policy: what this machine did is what is golden. */
static void print_golden(const log_args *a, pqi_cspan in)
{
    pqi_eventlog l;
    pqi_log_event e;
    char hex[65];
    if (pqi_eventlog_begin(&l, in) != PQI_OK) {
        return;
    }
    while (pqi_eventlog_next(&l, &e) == PQI_OK) {
        if (wanted(a, e.pcr) && e.type != PQI_EV_NO_ACTION) {
            pqi_cli_hex_encode(hex, e.digest, 32);
            printf("event = %" PRIu32 " %s  # %s\n", e.pcr, hex, pqi_eventlog_type(e.type));
        }
    }
}

static void print_text(const log_args *a, pqi_cspan in, const pqi_pcrs *p)
{
    pqi_eventlog l;
    pqi_log_event e;
    char hex[65];
    if (pqi_eventlog_begin(&l, in) != PQI_OK) {
        return;
    }
    printf("%-4s %-36s %-64s %s\n", "PCR", "TYPE", "SHA-256", "BYTES");
    while (pqi_eventlog_next(&l, &e) == PQI_OK) {
        if (wanted(a, e.pcr)) {
            pqi_cli_hex_encode(hex, e.digest, 32);
            printf(
                "%-4" PRIu32 " %-36s %s %zu\n", e.pcr, pqi_eventlog_type(e.type), hex, e.data.len);
        }
    }
    printf("\nthe PCRs after it:\n");
    for (unsigned i = 0; i < PQI_TPM_PCRS; i++) {
        if (wanted(a, i) && (p->extended >> i & 1u) != 0) {
            pqi_cli_hex_encode(hex, p->v[i], 32);
            printf("%-4u %s\n", i, hex);
        }
    }
    if (a->pcrs != NULL) {
        uint8_t digest[32];
        if (pqi_pcrs_digest(&a->algs, p, a->mask, digest) == PQI_OK) {
            pqi_cli_hex_encode(hex, digest, 32);
            printf("digest of these: %s\n", hex);
        }
    }
}

pqi_cli_exit pqi_cmd_attest_log(const pqi_cli_command *self, int argc, char **argv)
{
    log_args a = {.mask = PQI_PCR_MASK_ALL};
    pqi_span bytes = {NULL, 0};
    pqi_pcrs p;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("pcrs", "LIST", &a.pcrs, "these PCRs only, as in 0,2,7; and their digest"),
        PQI_CLI_FLAG("events", &a.events, "print the lines of a policy that allow these events"),
        PQI_CLI_FLAG("json", &a.json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Prints the event log of the firmware and what the PCRs are after it. Without a FILE it "
        "is\n"
        "that of this machine: " LOG_PATH ".\n\n"
        "Example: pqi attest log --pcrs 0,2,7 --events",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 1 || (a.json && a.events)) {
        return pqi_cli_usage(self, "log takes one file, and one of --json and --events");
    }
    if (a.pcrs != NULL && !pqi_attest_parse_pcrs(a.pcrs, &a.mask)) {
        return pqi_cli_usage(self, "--pcrs takes numbers from 0 to 23, as in 0,2,7");
    }
    const char *path = argc == 1 ? argv[0] : LOG_PATH;
    pqi_cli_algs(&a.algs);
    rc = pqi_cli_read_file(path, PQI_EVENTLOG_MAX, &bytes);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_cspan in = {bytes.ptr, bytes.len};
    const pqi_status st = pqi_eventlog_replay(&a.algs, in, &p);
    if (st == PQI_ERR_UNSUPPORTED) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "switch the SHA-256 bank on in the firmware's setup",
            "%s has no SHA-256 digests", path);
    } else if (st != PQI_OK) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, NULL,
            "%s is no event log in the form of TPM 2.0, or it is damaged", path);
    } else if (a.json) {
        rc = print_json(&a, in, &p);
    } else if (a.events) {
        print_golden(&a, in);
    } else {
        print_text(&a, in, &p);
    }
    free(bytes.ptr);
    return rc;
}
