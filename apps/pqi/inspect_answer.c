/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: ticks, questions to a control plane and answers, docs/spec/control.md. */
#include "inspect.h"

#include <pqi/control.h>

pqi_status pqi_inspect_tick(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_tick t;
    (void)c;
    pqi_status st = pqi_tick_decode(in, &t);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    if (t.local) {
        pqi_inspect_put_uint(o, "delegate", t.index);
    }
    pqi_inspect_put_uint(o, "head_epoch", t.epoch);
    pqi_inspect_put_uint(o, "number", t.i);
    pqi_inspect_put_hex(o, "preimage", t.h, PQI_HASH_LEN);
    pqi_inspect_put_state(out, o, "chain", PQI_AGAIN, "needs the head of that epoch");
    return PQI_OK;
}

pqi_status pqi_inspect_ask(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    static const char *const want[] = {"statement", "path", "newest"};
    pqi_ask q;
    (void)c;
    pqi_status st = pqi_ask_decode(in, &q);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_text(o, "device_id", q.id);
    pqi_inspect_put(o, "want", pqi_inspect_bits(q.want, want, 3));
    pqi_inspect_put_hex(o, "kid", q.kid, PQI_KID_LEN);
    pqi_inspect_put_hex(o, "nonce", q.nonce, PQI_NONCE_LEN);
    pqi_inspect_put_uint(o, "root_version", q.root_version);
    pqi_inspect_put_uint(o, "head_epoch", q.head_epoch);
    pqi_inspect_put_uint(o, "tick", q.tick);
    pqi_inspect_put_uint(o, "policy_seq", q.policy_seq);
    pqi_inspect_put_uint(o, "revocations", q.rev_seq);
    pqi_inspect_put_uint(o, "roster_seq", q.roster_seq);
    pqi_inspect_put_uint(o, "roster_index", q.roster_index);
    pqi_inspect_put_state(out, o, "signature", PQI_AGAIN, "a question has none");
    return PQI_OK;
}

/* ---- answers: an object of another kind in an envelope ------------------------------------------ */

static pqi_status put_path(pqi_cspan in, const char *of, pqi_inspect_result *out)
{
    pqi_path p;
    pqi_status st = pqi_path_decode(in, &p);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = json_object();
    pqi_inspect_put_uint(o, "roster_seq", p.roster_seq);
    pqi_inspect_put_uint(o, "size", p.size);
    pqi_inspect_put_uint(o, "position", p.position);
    pqi_inspect_put_uint(o, "hashes", p.n);
    pqi_inspect_put_state(out, o, "path", PQI_AGAIN, of);
    pqi_inspect_put(out->fields, "path", o);
    return PQI_OK;
}

static pqi_status own_path(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    (void)c;
    return put_path(in, "needs the certificate and the roster in force", out);
}

/* LV16 statement || path */
static pqi_status with_nonce(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    if (in.len < 2) {
        return PQI_ERR_DECODE;
    }
    size_t n = (size_t)in.ptr[0] << 8 | in.ptr[1];
    if (n > in.len - 2) {
        return PQI_ERR_DECODE;
    }
    pqi_status st = pqi_inspect_statement(c, (pqi_cspan){in.ptr + 2, n}, out);
    return st == PQI_OK ? put_path((pqi_cspan){in.ptr + 2 + n, in.len - 2 - n},
                              "needs the question's nonce", out)
                        : st;
}

static const struct {
    const char *name;
    pqi_inspect_decode decode;
} bodies[PQI_OBJ_COUNT_] = {
    [PQI_OBJ_ROOT] = {"root manifest", pqi_inspect_manifest},
    [PQI_OBJ_HEAD] = {"control head", pqi_inspect_head},
    [PQI_OBJ_TICK] = {"tick", pqi_inspect_tick},
    [PQI_OBJ_ROSTER] = {"roster", pqi_inspect_roster},
    [PQI_OBJ_POLICY] = {"policy", pqi_inspect_policy},
    [PQI_OBJ_REVOCATIONS] = {"revocation log", pqi_inspect_revocations},
    [PQI_OBJ_STATEMENT] = {"statement", with_nonce},
    [PQI_OBJ_PATH] = {"path", own_path},
};

pqi_status pqi_inspect_answer(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_object kind = PQI_OBJ_NONE;
    pqi_cspan body = {NULL, 0};
    pqi_status st = pqi_answer_decode(in, &kind, &body);
    if (st != PQI_OK) {
        return st;
    }
    pqi_inspect_put_str(out->fields, "answer", bodies[kind].name);
    st = bodies[kind].decode(c, body, out);
    if (st != PQI_OK && out->why[0] == '\0') {
        (void)snprintf(out->why, sizeof out->why, "the %s in it is malformed", bodies[kind].name);
    }
    return st;
}
