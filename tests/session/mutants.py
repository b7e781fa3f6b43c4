#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutants.py BUILD [NAME...]: shows that the schedules can fail. Each mutant is the C code with one rule broken, in
a scratch copy that is compiled into a schedule_peer of its own; the campaign must find it. Prints TAP and
how many schedules each needed. MUTANT_SCHEDULES (default 8000) is the most, for each kind of schedule.

A mutant whose text is no longer in the code is a failure: move it along with the code."""
import os
import shutil
import subprocess
import sys
import tempfile

import schedule

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MOST = int(os.environ.get("MUTANT_SCHEDULES", "8000"))

# (name, file of src/session, text, text in its place, what it breaks)
MUTANTS = (
    # --- message chain ---
    ("nonce", "chain.c", "s->head->next = next + 1u;", "s->head->next = next + (next != 9u);",
     "a number and its key are given out twice"),
    ("horizon", "chain.c", "next - p->horizon : 0;", "next - p->horizon + PQI_CHAIN_GRAIN : 0;",
     "the horizon is 16 numbers too near"),
    ("steps", "chain.c", "n - next > PQI_CHAIN_STEPS_MAX << depth", "n - next > (PQI_CHAIN_STEPS_MAX + 1u) << depth",
     "a jump of one superblock too many"),
    # --- epochs ---
    ("no-fin", "ratchet_seal.c", "        r->flags |= PQI_R_FIN;\n", "",
     "P forgets FIN"),
    ("fin-short", "ratchet_open.c", "t->at == CURRENT && r->state != PQI_ROUND_P_UNHEARD &&",
     "t->at == CURRENT &&", "P stops FIN before it is heard in the new epoch"),
    ("late-gone", "ratchet_open.c", "r->grace_s = t->now_s + t->env->limits->grace_s;",
     "r->grace_s = t->now_s;", "the chain of the epoch before is dropped at once"),
    ("late-stays", "ratchet.c", "return now_s - r->grace_s <= INT32_MAX;", "return now_s - r->grace_s <= 0;",
     "the grace does not end"),
    ("eager-p", "ratchet_seal.c", "if (st == PQI_OK && v->r->state == PQI_ROUND_P_READY) {",
     "if (st == PQI_OK && (v->r->state == PQI_ROUND_P_READY || v->r->state == PQI_ROUND_P_STORE)) {",
     "P sends in the new epoch before its secret is in storage"),
    ("poison", "ratchet_open.c", "    pqi_status st = find_epoch(d, t);\n",
     "    t->v->r->msgs += (t->env->counts == NULL);\n    pqi_status st = find_epoch(d, t);\n",
     "a refused packet changes the state"),
    ("no-topic", "ratchet_open.c", "pqi_ratchet_aad(d->hdr, ctx, aad)",
     "pqi_ratchet_aad(d->hdr, &(pqi_ratchet_ctx){PQI_HS_CTX_TOPIC, {(const uint8_t *)\"plant/a\", 7}}, aad)",
     "the receiver does not bind the topic"),
    # --- rounds ---
    ("no-tie", "round_frames.c", "        if (r->side == PQI_HS_SIDE_I) {\n            plan->act = state",
     "        if (r->side > PQI_HS_SIDE_R) {\n            plan->act = state", "crossing proposals: both give way"),
    ("tie-other", "round_frames.c", "        if (r->side == PQI_HS_SIDE_I) {\n            plan->act = state",
     "        if (r->side == PQI_HS_SIDE_R) {\n            plan->act = state",
     "crossing proposals: that of the responder stays"),
    ("yield-heal", "round_frames.c", "        r->flags |= PQI_R_HEAL; /* also", "        r->flags |= 0; /* also",
     "an H proposal that gives way is forgotten"),
    ("old-round", "ratchet_open.c", "t->epoch != epoch || t->f.chunk.of.round != (epoch & 31u)", "t->epoch > epoch",
     "symbols of a finished round are taken"),
    ("pace", "round_frames.c", "(3u * k + 1u) / 2u", "(3u * k + 3u) / 2u", "more symbols than the pacing has"),
    ("gap", "round_frames.c", "#define GAP 7u", "#define GAP 8u", "one message in nine"),
    ("healed-late", "round.c", "    r->d_mark = r->draw_mark;\n", "    r->d_mark = r->msgs;\n",
     "a round heals what was stolen after its coins were drawn"),
    ("rms-one", "ratchet.c", "out->both = true; /* Q cannot", "out->both = false; /* Q cannot",
     "Q drops the old resumption secret before it is heard (m5 ERASE)"),
    ("answer-early", "round.c", "    pqi_round_to(r, PQI_ROUND_Q_STORE);", "    pqi_round_to(r, PQI_ROUND_Q_ANSWER);",
     "Q answers before its secret is in storage"),
    # --- slots ---
    ("eager-i", "pair_data.c", "if (k->stable == 0 && k->role == PQI_PAIR_I) {", "if (k->role == PQI_PAIR_I) {",
     "the initiator sends on the candidate at once (m3 EAGER)"),
    ("role-1", "pair_hs.c", "k->role == PQI_PAIR_R3 || k->role == PQI_PAIR_I;", "k->role == PQI_PAIR_R3;",
     "an INIT replaces a candidate that this side began"),
    ("counter-3", "pair_hs.c", "k->role == PQI_PAIR_R3 || k->role == PQI_PAIR_I;", "k->role == PQI_PAIR_I;",
     "a confirmed candidate gives way to a higher counter (m2 COUNTER3)"),
    ("either", "pair_hs.c", "init->seq <= k->last || p->nonce_live ||", "init->seq <= k->last ||",
     "the counter admits an INIT while a nonce is live (m2 EITHER)"),
    ("rotate", "pair_hs.c", "    if (!p->nonce_live) {\n        uint8_t drawn", "    {\n        uint8_t drawn",
     "each CHAL carries a new nonce (m2 ROTATE)"),
    ("keep", "pair_hs.c", "        p->nonce_live = 0; /* it admits", "        p->nonce_live = 1; /* it admits",
     "a nonce stays live after its INIT (m2 KEEP)"),
    ("recomp", "pair_hs.c", "m != NULL && !k->resumed && init->seq == k->cand_seq &&",
     "m != NULL && !k->resumed && init->seq != k->cand_seq &&",
     "a repeated INIT does not get the stored RESP (m2 RECOMP)"),
    ("no-count", "pair_data.c", "    k->last = f->settled_ctr > k->last ? f->settled_ctr : k->last;\n", "",
     "SETTLED does not raise the counter (m3 NOCNT)"),
    ("init-tie", "pair_hs.c", "k->role == PQI_PAIR_PEND && pqi_pair_is_lower(in->env, in->at)",
     "k->role == PQI_PAIR_PEND && !pqi_pair_is_lower(in->env, in->at)",
     "crossing INITs: that of the higher id stays"),
    ("gate-stays", "pair_hs.c", "    k->hot = 1;\n    k->role = PQI_PAIR_R3;", "    k->role = PQI_PAIR_R3;",
     "the responder keeps the cold gate keys"),
    ("no-hello", "pair_data.c", "if (ref == k->cand && k->role == PQI_PAIR_R3) {\n        f->has |=",
     "if (ref == k->cand && k->role == PQI_PAIR_I) {\n        f->has |=", "the responder says no HELLO"),
    ("abort-any", "pair_data.c", "k->role == PQI_PAIR_R && seq == k->cand_seq", "k->role == PQI_PAIR_R && seq != 0",
     "ABORT ends a candidate of another INIT"),
    ("old-gone", "pair.c", "k->old_until_ms = at->now_ms + env->limits->grace_ms;", "k->old_until_ms = at->now_ms;",
     "what is on its way in the old session is lost"),
    ("nosess-any", "pair_short.c", "        if (!of_ours(in, s->nonce.ptr)) {", "        if (s->rsid == 0) {",
     "a NOSESS of another packet ends the candidate"),
    ("no-nosess", "pair.c", "route.rsid == 0 || is_reply(packet.ptr[0])", "route.rsid != 0",
     "an unknown session gets no answer (m2 NONOSESS)"),
    ("free-init", "pair_hs.c", "    *charged = fresh ? PQI_PAIR_C_PROOF : PQI_PAIR_C_WORK;", "    *charged = 0;",
     "an INIT costs no token of its peer"),
    ("why-stays", "pair.c", "    p->why = PQI_PAIR_WHY_NONE;\n    p->gave_up = 0;", "    p->gave_up = 0;",
     "a session that was confirmed is wanted again"),
    # --- RESUME ---
    ("one-gen", "sess_record.c", "return r->n == 2 && !waiting && attempt % 2u == 0 ? 1u : 0u;",
     "return r->n == 2 && !waiting ? 1u : 0u;", "only the newest generation is offered"),
    ("start-again", "sess_record.c", "if (start <= r->last_start) {", "if (start < r->last_start) {",
     "a RESUME1 is taken twice"),
    ("resume-tie", "sess_record.c", "return waits && s->lower && !newer ? PQI_ERR_STATE : PQI_OK;",
     "return waits && s->lower && at > 2u ? PQI_ERR_STATE : PQI_OK;", "crossing RESUME1: both are answered (m6 NOTIE)"),
    ("stubborn", "sess_record.c", "bool newer = waits && at > s->pending;", "bool newer = waits && at > PQI_SESS_GENS;",
     "the own RESUME1 stays though it can never be answered (m6 STUBBORN)"),
    ("speak", "pair_resume.c", "        k->role = PQI_PAIR_R;\n        k->cand_seq = 0;\n        k->resumed = 1;\n        k->hold = 1;",
     "        k->role = PQI_PAIR_R;\n        k->cand_seq = 0;\n        k->resumed = 1;\n        k->hold = 0;",
     "RESUME2 leaves before the record is written"),
    ("no-fall", "pair_short.c", "/* of RESUME1: the peer has no record of ours */\n        p->resumes = PQI_PAIR_RESUMES;\n", "\n", "RESUME goes on though the peer has no record"),
    ("forget-ctr", "pair_resume.c", "    k->ctr = rec->init_ceiling;\n", "", "INIT counters begin anew after a restart"),
)


def link_line(build):
    """How the build links schedule_peer: words of its command, and the directory it runs in."""
    out = subprocess.run(["ninja", "-C", build, "-t", "commands", "schedule_peer"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout.splitlines()
    line = [s for s in out if " -o tests/schedule_peer " in s][-1]
    words = line.replace(": && ", "").replace(" && :", "").split()
    return words


def compile_mutant(build, where, source, text):
    """A schedule_peer with this source in place of the library's."""
    path = os.path.join(where, os.path.basename(source))
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.makedirs(os.path.join(where, "tests"), exist_ok=True)
    words = link_line(build)
    i = words.index("-o")
    words[i + 1] = os.path.join(where, "tests", "schedule_peer")
    obj = path[:-2] + ".o"
    subprocess.run([words[0], "-std=c11", "-O1", "-w", "-fPIE", "-I" + os.path.join(TOP, "src"),
                    "-I" + os.path.join(TOP, "include"), "-c", path, "-o", obj], check=True)
    subprocess.run(words[:i] + [obj] + words[i:], check=True, cwd=build)


def search(where, kinds):
    """(kind, schedules needed), or None."""
    for kind in kinds:
        first, size = 0, 10
        while first < MOST:
            bad = schedule.batch((where, kind, False, first, min(size, MOST - first)))[3]
            if bad is not None:
                return kind, bad + 1
            first, size = first + size, min(2 * size, 1000)
    return None


def judge(build, mutant):
    """(found?, text)"""
    name, source, old, new, what = mutant
    path = os.path.join(TOP, "src", "session", source)
    with open(path, encoding="ascii") as f:
        text = f.read()
    if text.count(old) != 1:
        return False, "%s: the text stands %d times in %s" % (name, text.count(old), source)
    where = tempfile.mkdtemp(prefix="mutant-")
    try:
        compile_mutant(build, where, path, text.replace(old, new))
        slots = source.startswith(("pair", "sess_record"))
        kinds = ("devices",) if slots else ("session", "devices")
        found = search(where, kinds)
    finally:
        shutil.rmtree(where)
    if found is None:
        return False, "%s: %s: not found" % (name, what)
    return True, "%s: %s: found by schedule %d of kind %s" % (name, what, found[1], found[0])


def main():
    build = os.path.abspath(sys.argv[1])
    schedule.SECONDS = 60
    wanted = [m for m in MUTANTS if (len(sys.argv) == 2 or m[0] in sys.argv[2:])]
    print("1..%d" % len(wanted))
    failed = 0
    for i, m in enumerate(wanted, 1):
        found, text = judge(build, m)
        failed += not found
        print("%sok %d - %s" % ("" if found else "not ", i, text), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
