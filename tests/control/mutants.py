#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutants.py BUILD [NAME...]: shows that the schedules can fail. Each mutant is the C code with one rule broken, in
a scratch copy that is compiled into a ctl_driver of its own; the campaign must find it. Prints TAP and how many
schedules each needed. MUTANT_SCHEDULES (default 20000) is the most.

A mutant whose text is no longer in the code is a failure: move it along with the code."""
import os
import shutil
import subprocess
import sys
import tempfile

import schedule

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MOST = int(os.environ.get("MUTANT_SCHEDULES", "20000"))

# (name, file of src/control, text, text in its place, what it breaks)
MUTANTS = (
    # --- floors and records ---
    ("no-floor", "ctl_store.c", "    return have < c->floor[floor];", "    return have < c->floor[floor] && floor > 99;",
     "records are not compared with their counters (m4 NOFLOOR)"),
    ("floor-flat", "ctl_store.c", "return root_of(mark) == c->manifest.root_version ? (uint32_t)mark : 0;",
     "return (uint32_t)mark;", "floors are not bound to a root version (m4 FLAT)"),
    ("floor-strict", "ctl_take.c", "h->head_epoch < pqi_ctl_floor(c, FLOOR_HEAD)",
     "h->head_epoch <= pqi_ctl_floor(c, FLOOR_HEAD)", "the head that was lost does not come back (m4 STRICT)"),
    ("counter-first", "ctl_named.c",
     "    st = pqi_ctl_save(c, PQI_CTL_REC_POLICY, payload, c->cfg.tmp);\n    if (st == PQI_OK) {\n"
     "        st = pqi_ctl_floor_move(c, FLOOR_POLICY, mark);\n    }\n",
     "    st = pqi_ctl_floor_move(c, FLOOR_POLICY, mark);\n    if (st == PQI_OK) {\n"
     "        st = pqi_ctl_save(c, PQI_CTL_REC_POLICY, payload, c->cfg.tmp);\n    }\n",
     "the counter of policies moves before the record is written (m4 COUNTER)"),
    ("no-lift", "ctl_store.c", "        c->s = *d;\n        st = move_floors(c, d);\n", "        c->s = *d;\n",
     "the start does not lift a counter to its record (m4 NOLIFT)"),
    ("root-uncounted", "ctl_take.c",
     "        st = pqi_ctl_floor_move(c, FLOOR_ROOT, pqi_ctl_mark(version, 0));\n", "",
     "a new root moves no counter (m4 ROOTLESS)"),
    ("old-root-speaks", "ctl_take.c", "kind != &pqi_ctl_kind_root && pqi_ctl_root_behind(c)",
     "kind == NULL && pqi_ctl_root_behind(c)", "keys of a root that was replaced sign on"),
    ("policy-forgotten", "ctl_named.c", "pqi_ctl_policy_none(c, c->floor[FLOOR_POLICY] != 0);",
     "pqi_ctl_policy_none(c, false);", "a lost policy counts as if there never was one (INV-101)"),
    # --- heads ---
    ("token-open", "ctl_take.c", "return pqi_token_check(c->cfg.algs, own->token, h->token, n);",
     "return n > 0 ? PQI_OK : PQI_ERR_AUTH;", "tokens are not looked at"),
    ("second-head", "ctl_take.c", "if (same || other) {", "if (other) {",
     "a second head of our epoch is no alarm (m9 LATEST)"),
    ("prev-open", "ctl_take.c", "if (same || other) {", "if (same) {",
     "the hash of the head before is not compared (m9 NOPREV)"),
    ("prev-skipped", "ctl_take.c", "h.head_epoch - own->head_epoch == 1 &&", "h.head_epoch - own->head_epoch >= 1 &&",
     "it is compared although heads were missed (m9 SKIPPED)"),
    ("alarm-over-root", "ctl.c", "c->s.equivocation_root == c->manifest.root_version", "c->s.equivocation_root != 0",
     "a new root does not end the alarm"),
    # --- rosters ---
    ("roster-unnamed", "ctl_named.c", "if (r->size != h->roster_size || !same_hash(r->root, h->roster_root)) {",
     "if (r->size > PQI_TICKS_MAX) {", "a roster of that number counts, whatever the head names"),
    ("roster-unsigned", "ctl_named.c", "        st = pqi_roster_verify(c->cfg.algs, &r, &c->manifest, c->cfg.tmp);\n",
     "", "a roster counts though no issuer signed it (m9 SIGNER)"),
    ("grace-for-ever", "ctl_take.c", "    s->before.counts = PQI_CTL_GONE;\n", "",
     "the roster before counts for ever (m9 GRACE)"),
    ("no-grace", "ctl_take.c", "r->counts = r->counts == PQI_CTL_NAMED ? PQI_CTL_LAST : PQI_CTL_GONE;",
     "r->counts = PQI_CTL_GONE;", "a head ends the roster before at once (m9 NOGRACE)"),
    # --- policy ---
    ("policy-mix", "ctl_named.c", "return number < named ? PQI_ERR_REPLAY : PQI_OK;", "return PQI_OK;",
     "a lower number than the head names is looked at"),
    ("policy-unhashed", "ctl_named.c", "    if (!same_hash(x->hash, h->policy_hash)) {\n",
     "    if (x->seq == 0) {\n", "a policy of that number counts, whatever the head names"),
    ("policy-one-key", "ctl_named.c",
     "        pqi_policy_verify(c->cfg.algs, x, &c->manifest, pqi_ctl_tmp(c, sizeof(pqi_policy)));",
     "        x->signatures.len != 0 ? PQI_OK : PQI_ERR_AUTH;", "whoever signs a policy is believed"),
    # --- revocations ---
    ("rev-gap", "ctl_rev.c", "    if (r->from > have(c)) {\n        return PQI_ERR_MISSING;\n    }\n", "",
     "a delta with any higher number is looked at (m4 DELTA)"),
    ("rev-unlinked", "ctl_rev.c", "if (contradicts(c, p) || (!p->links && !repairs(c, p))) {",
     "if (contradicts(c, p)) {", "a log need not go on from ours"),
    ("rev-contradicts", "ctl_rev.c", "if (contradicts(c, p) || (!p->links && !repairs(c, p))) {",
     "if (!p->links && !repairs(c, p)) {", "a log may pass the head's number with another hash"),
    ("rev-share", "ctl_rev.c", "if (more <= rev_cap(c) && p->alone <= rev_cap(c) - more) {",
     "if (more <= rev_cap(c)) {", "a revoker adds its share again and again (m4 NOCAP)"),
    ("rev-taken-back", "ctl_rev.c", "p->n = replaces(c, p) ? 0 : c->rev.n;", "p->n = p->r.from == 0 ? 0 : c->rev.n;",
     "a whole log takes entries back"),
    ("rev-lower", "ctl_rev.c", "if (entry_at(at).min_key_epoch < e->min_key_epoch) {", "if (e->min_key_epoch != 0) {",
     "a later entry with a lower epoch counts"),
    ("rev-carried", "ctl_rev.c", "v.carried = replaces(c, p) ? 0 : v.carried;", "v.carried = 0;",
     "entries of an old root are never dropped"),
    ("rev-hidden", "ctl_rev.c", "return h->rev_seq < seq && h->rev_seq <= c->rev.named;", "return h->rev_seq < seq;",
     "a longer log hides what the head names (m4 HIDES)"),
    ("rev-tail", "ctl_rev.c", "return p->r.from == 0 && p->covers && !p->links && !is_here(c);",
     "return p->r.from > PQI_REV_LOG_MAX;", "a log that parted from the head's never heals (m4 TAIL)"),
    ("rev-not-void", "ctl_rev.c", "        v.void_floor = pqi_ctl_floor(c, FLOOR_REV);\n", "        v.void_floor = 0;\n",
     "the counter of entries that gave way still counts (m4 NOVOID)"),
    ("rev-later", "ctl_rev.c", "if (old_is_lost(c) && !p->covers) {", "if (old_is_lost(c) && p->covers && !p->covers) {",
     "entries of a new root stand for lost ones of the old (m4 LATER)"),
    ("rev-carry", "ctl_rev.c", "v->carried != 0 && v->named == 0", "v->carried > 1 && v->named == 0",
     "they move the counter (m4 CARRY)"),
    # --- time ---
    ("ran-ahead", "ctl_take.c", "if (!has && d->newest > h.tick_base) {", "if (has && d->newest > h.tick_base) {",
     "ticks of a stolen key keep a new root's from counting (m8 KEEP)"),
    ("answer-late", "ctl_vouch.c", "vouch(c, d, k->up, d->head.tick_base + s.tick, k->up - c->asked_ms);",
     "vouch(c, d, k->up, d->head.tick_base + s.tick, 0);", "an answer holds as of when it came (m8 LATE)"),
    ("age-deleted", "ctl_store.c", "        pqi_ctl_clock_lose(&c->s);\n", "",
     "a deleted record says that what comes next is new (m8 DELETED)"),
    ("age-recounted", "ctl_named.c", "if (c->counted == 0 || tick_s == c->policy.rules.tick_s) {",
     "if (tick_s != 0) {", "ticks counted with another length tell the age"),
    ("grace-again", "ctl.c", "    return up - c->boot_ms <= (uint64_t)r->grace_s * 1000u &&",
     "    return up - c->boot_ms <= (uint64_t)r->grace_s * 1000u ||", "a start brings grace back"),
    ("age-last", "ctl_time.c", "k->ms = age > less ? age - less : 0;", "k->ms = 0;",
     "the age is the uptime since the last tick (m8 AGE)"),
    ("age-forgot", "ctl_store.c", "    s->clock.ms = rd_u64(&r);\n", "    (void)rd_u64(&r);\n",
     "the age begins anew with each start (m8 FORGET)"),
    ("known-at-start", "ctl_store.c", "    c->s.clock.at_ms = c->boot_ms;\n",
     "    c->s.clock.at_ms = c->boot_ms;\n    c->s.clock.known = c->s.newest != 0;\n",
     "after a start the time goes on from the record (m8 REMEMBER)"),
    ("answer-old", "ctl_vouch.c", "return st == PQI_OK ? pqi_nonce_check(c->cfg.algs, leaf, path, s->root) : st;",
     "return st;", "an answer to another question is taken (m8 NONCE)"),
    ("answer-older", "ctl_vouch.c", "h->tick_base + tick < c->s.newest", "h->tick_base + tick + 9u < c->s.newest",
     "an answer that knows less than we do is taken"),
    ("witness-age", "ctl_vouch.c", "up - c->asked_ms + (uint64_t)w->age_s * S_MS", "up - c->asked_ms",
     "a witness' own age does not count"),
    ("local-for-ever", "ctl.c", "           age <= r->local_ticks_max * pqi_ctl_tick_ms(c) &&\n", "",
     "a delegate's ticks count without end (m8 NOLIMIT)"),
    ("step-any", "ctl_time.c", "bool far = has_time(c, s) && time_s >", "bool far = !has_time(c, s) && time_s + 1u < time_s +",
     "a head moves the date by any step (INV-105)"),
    ("date-back", "ctl_time.c", "bool back = has_time(c, s) && time_s < s->time_s;", "bool back = false;",
     "a statement moves the date back (INV-74)"),
    ("old-policy", "ctl.c", "f |= policy_old(c, pqi_ctl_up(c, now)) ? PQI_GATE_POLICY_OLD : 0;", "",
     "a policy lives for ever (INV-66)"),
)


def link_line(build):
    """How the build links ctl_driver: words of its command."""
    out = subprocess.run(["ninja", "-C", build, "-t", "commands", "ctl_driver"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout.splitlines()
    line = [s for s in out if " -o tests/ctl_driver " in s][-1]
    return line.replace(": && ", "").replace(" && :", "").split()


def compile_mutant(build, where, source, text):
    """A ctl_driver with this source in place of the library's."""
    path = os.path.join(where, os.path.basename(source))
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    words = link_line(build)
    i = words.index("-o")
    driver = os.path.join(where, "ctl_driver")
    words[i + 1] = driver
    obj = path[:-2] + ".o"
    subprocess.run([words[0], "-std=c11", "-O1", "-w", "-fPIE", "-I" + os.path.join(TOP, "src"),
                    "-I" + os.path.join(TOP, "include"), "-c", path, "-o", obj], check=True)
    subprocess.run(words[:i] + [obj] + words[i:], check=True, cwd=build)
    return driver


def search(driver):
    """Schedules needed, or None."""
    first, size = 0, 20
    while first < MOST:
        bad = schedule.batch((driver, first, min(size, MOST - first)))[3]
        if bad is not None:
            return bad + 1
        first, size = first + size, min(2 * size, 1000)
    return None


def judge(build, mutant):
    """(found?, text)"""
    name, source, old, new, what = mutant
    path = os.path.join(TOP, "src", "control", source)
    with open(path, encoding="ascii") as f:
        text = f.read()
    if text.count(old) != 1:
        return False, "%s: the text stands %d times in %s" % (name, text.count(old), source)
    where = tempfile.mkdtemp(prefix="mutant-")
    try:
        found = search(compile_mutant(build, where, path, text.replace(old, new)))
    finally:
        shutil.rmtree(where)
    if found is None:
        return False, "%s: %s: not found" % (name, what)
    return True, "%s: %s: found by schedule %d" % (name, what, found)


def main():
    build = os.path.abspath(sys.argv[1])
    schedule.SECONDS = 60
    wanted = [m for m in MUTANTS if len(sys.argv) == 2 or m[0] in sys.argv[2:]]
    print("1..%d" % len(wanted))
    failed = 0
    for i, m in enumerate(wanted, 1):
        found, text = judge(build, m)
        failed += not found
        print("%sok %d - %s" % ("" if found else "not ", i, text), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
