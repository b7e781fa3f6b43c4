/* SPDX-License-Identifier: Apache-2.0
 * pqi head: the signed word of what is current, shown and made. */
#include "cli_broker.h"
#include "cli_role.h"
#include "commands.h"
#include "control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- show --------------------------------------------------------------------------------------- */

static void print_named(const char *what, uint32_t seq, const uint8_t hash[PQI_HASH_LEN])
{
    char sum[PQI_CHECKSUM_TEXT];
    pqi_checksum_text(hash, sum);
    if (seq == 0) {
        printf("%s none\n", what);
    } else {
        printf("%s %" PRIu32 ", checksum %s\n", what, seq, sum);
    }
}

static void print_head(const pqi_head *h)
{
    char sum[PQI_CHECKSUM_TEXT], date[PQI_CLI_DATE_LEN];
    pqi_checksum_text(h->hash, sum);
    pqi_cli_date(date, h->time);
    printf("head:        epoch %" PRIu32 ", root version %" PRIu32 ", %s\nchecksum:    %s\n",
        h->head_epoch, h->root_version, date, sum);
    print_named("policy:     ", h->policy_seq, h->policy_hash);
    print_named("revocations:", h->rev_seq, h->rev_hash);
    print_named("roster:     ", h->roster_seq, h->roster_root);
    if (h->roster_seq != 0) {
        printf("             of %" PRIu32 " devices\n", h->roster_size);
    }
    printf("ticks:       %" PRIu64 " to %" PRIu64 "\n", (uint64_t)h->tick_base + 1,
        (uint64_t)h->tick_base + h->tick_count);
    for (uint32_t i = 0; i < h->n_delegates; i++) {
        const pqi_delegate *d = &h->delegates[i];
        printf("delegate:    %.*s for %.*s, %" PRIu32 " ticks\n", (int)d->device_id.len,
            (const char *)d->device_id.ptr, (int)d->prefix.len, (const char *)d->prefix.ptr,
            d->count);
    }
}

static json_t *head_json(const pqi_head *h)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < h->n_delegates; i++) {
        const pqi_delegate *d = &h->delegates[i];
        (void)json_array_append_new(
            list, json_pack("{s:s%, s:s%, s:I}", "device_id", (const char *)d->device_id.ptr,
                      (int)d->device_id.len, "prefix", (const char *)d->prefix.ptr,
                      (int)d->prefix.len, "ticks", (json_int_t)d->count));
    }
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "head_epoch",
        (json_int_t)h->head_epoch, "root_version", (json_int_t)h->root_version, "hash",
        pqi_cli_json_hex(h->hash, PQI_HASH_LEN), "time", (json_int_t)h->time, "policy_seq",
        (json_int_t)h->policy_seq, "revocations", (json_int_t)h->rev_seq, "roster_seq",
        (json_int_t)h->roster_seq, "roster_size", (json_int_t)h->roster_size, "first_tick",
        (json_int_t)h->tick_base + 1, "ticks", (json_int_t)h->tick_count, "delegates", list);
}

/* Under a manifest: PQI_CLI_OK also without one. */
static pqi_cli_exit verify(const pqi_head *h, const char *root)
{
    pqi_algs algs;
    pqi_span bytes = {NULL, 0};
    if (root == NULL) {
        return PQI_CLI_OK;
    }
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_cli_exit rc = pqi_cli_manifest(root, &bytes, m);
    if (rc == PQI_CLI_OK) {
        pqi_cli_algs(&algs);
        pqi_span tmp = {pqi_cli_alloc(pqi_cli_tmp_len(&algs)), pqi_cli_tmp_len(&algs)};
        pqi_status st = pqi_head_verify(&algs, h, m, tmp);
        free(tmp.ptr);
        rc = st == PQI_OK ? PQI_CLI_OK
                          : pqi_cli_fail(PQI_CLI_FAILED, NULL,
                                "the head is not signed by a head key of version %" PRIu32 " in %s",
                                m->root_version, root);
    }
    free(bytes.ptr);
    free(m);
    return rc;
}

static pqi_cli_exit show(pqi_cspan in, const char *what, const char *root, bool json)
{
    pqi_algs algs;
    pqi_head h;
    pqi_cli_algs(&algs);
    if (pqi_head_decode(&algs, in, &h) != PQI_OK) {
        return pqi_cli_fail(
            PQI_CLI_FAILED, "pqi inspect FILE tells what the file is", "%s is no head", what);
    }
    pqi_cli_exit rc = verify(&h, root);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (json) {
        return pqi_cli_print_json(head_json(&h));
    }
    print_head(&h);
    printf("signature:   %s\n", root != NULL ? "verified" : "not checked (give --root)");
    return PQI_CLI_OK;
}

/* The newest head of a store. */
static pqi_cli_exit newest(const char *store, pqi_span *out)
{
    pqi_host_control *c = NULL;
    pqi_cli_exit rc = pqi_cli_control_open(store, &c);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_control_get(c, PQI_OBJ_HEAD, out);
    }
    pqi_host_control_close(c);
    if (rc == PQI_CLI_OK && out->ptr == NULL) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi head make, or pqid(1), makes the first",
            "the store has no head yet");
    }
    return rc;
}

static pqi_cli_exit cmd_show(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL, *root = NULL;
    pqi_span in = {NULL, 0};
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_STRING("root", "FILE", &root, "root manifest to check the signature with"),
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows a head: what it says is current, and until which tick.\n\n"
        "Example: pqi head show --store control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc + (store != NULL) != 1) {
        return pqi_cli_usage(self, "show takes one operand, the head, or --store");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = store != NULL ? newest(store, &in) : pqi_cli_read_file(argv[0], PQI_HEAD_MAX, &in);
    }
    if (rc == PQI_CLI_OK) {
        rc = show((pqi_cspan){in.ptr, in.len}, store != NULL ? store : argv[0], root, json);
    }
    free(in.ptr);
    return rc;
}

/* ---- make --------------------------------------------------------------------------------------- */

typedef struct outbox {
    pqi_host_mqtt *mqtt;
    pqi_cli_exit rc;
    unsigned n;
} outbox;

static void publish(void *ctx, const char *topic, pqi_cspan payload, int retain)
{
    outbox *o = ctx;
    if (o->mqtt != NULL && o->rc == PQI_CLI_OK) {
        o->rc = pqi_cli_broker_publish(o->mqtt, topic, payload, retain != 0);
        o->n++;
    }
}

static void say_why(unsigned what)
{
    static const char *const words[] = {"a new root", "a new policy", "new revocations",
        "a new roster", "the ticks ran out", "it was asked for", "new delegates"};
    const char *between = ": ";
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if ((what >> i & 1u) != 0) {
            printf("%s%s", between, words[i]);
            between = ", ";
        }
    }
}

static pqi_cli_exit make_open(pqi_host_control *c, bool force, outbox *o)
{
    pqi_control_made made;
    pqi_status st = pqi_host_control_advance(c, force, &made);
    if (st != PQI_OK) {
        return pqi_cli_control_why(st);
    }
    if (!made.leased) {
        return pqi_cli_fail(PQI_CLI_FAILED, "stop it, or let it make the head",
            "another server makes the heads of this store now");
    }
    printf("head epoch %" PRIu32 "%s", made.head_epoch, made.what != 0 ? " made" : ", nothing new");
    say_why(made.what);
    printf("\n");
    if (made.rev_held != 0) {
        printf("%" PRIu32 " revocations are held: policy keys must co-sign them, or time passes\n",
            made.rev_held);
    }
    if (o->mqtt != NULL) {
        st = pqi_host_control_publish(c);
        if (st != PQI_OK) {
            return pqi_cli_control_why(st);
        }
        if (o->rc == PQI_CLI_OK) {
            printf("%u objects published\n", o->n);
        }
    }
    return o->rc;
}

static pqi_cli_exit cmd_make(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_control_args a;
    pqi_cli_broker_args broker = {0};
    outbox o = {NULL, PQI_CLI_OK, 0};
    pqi_host_control *c = NULL;
    bool force = false;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CONTROL_KEY_OPTIONS(a),
        PQI_CLI_FLAG("force", &force, "make one although nothing is new"),
        PQI_CLI_BROKER_OPTIONS(broker, "publish everything that is retained there"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes and stores a head when something is new, as pqid(1) does by itself. DIR holds the\n"
        "head key. A daemon that uses the same keys must not run.\n\n"
        "Example: pqi head make --key-file control.key --broker 10.0.0.1 control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "make takes one operand: the directory");
    }
    if (a.cfg.store == NULL && !pqi_cli_has_store(argv[0])) {
        return pqi_cli_fail(
            PQI_CLI_ENV, "pqi control init makes one", "there is no control store in %s", argv[0]);
    }
    rc = pqi_control_kek(&a, argv[0]);
    if (rc == PQI_CLI_OK && broker.broker != NULL) {
        rc = pqi_cli_broker_open(&broker, &o.mqtt);
    }
    if (rc == PQI_CLI_OK) {
        a.cfg.io.ctx = &o;
        a.cfg.io.publish = publish;
        pqi_status st = pqi_host_control_open(&c, &a.cfg);
        rc = st == PQI_OK ? make_open(c, force, &o) : pqi_cli_control_why(st);
    }
    pqi_host_control_close(c);
    pqi_host_mqtt_close(o.mqtt);
    pqi_cli_kek_wipe(&a.cfg.kek);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_head_commands[] = {
    {"show", NULL, cmd_show, "[--json] [--root FILE] FILE | --store STORE",
        "show what a head says is current", NULL, "pqi head show"},
    {"make", NULL, cmd_make, "[--force] [--store URL] [--broker HOST] DIR",
        "make a head when something is new", NULL, "pqi head make"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
