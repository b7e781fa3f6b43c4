/* SPDX-License-Identifier: Apache-2.0
 * Two ends of a session, driven by the input: messages that are held, altered, repeated or lost, plain
 * text that a peer with the keys makes up, work and storage done or not, time. What the rig checks holds
 * (a refusal changes nothing, scratch is zero); altered packets never open; each opens once; and while
 * neither peer lied, roots of the same epoch are the same. X25519 is simulated.
 * First byte: how the session is set up. Then operations of one byte with their arguments behind. */
#include "session/ratchet_rig.h"

#include <stdlib.h>
#include <string.h>

#define HELD 8u
#define OPS  200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

typedef struct held {
    bool opened, lie;
    unsigned from;
    rr_packet p;
} held;

typedef struct input {
    const uint8_t *p;
    size_t left;
} input;

static rr_rig g;
static held net[HELD];
static bool lied;

static uint8_t next(input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->p++;
}

static void start(uint8_t conf)
{
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 1u + (conf & 3u);
    l.h_msgs = (conf & 4u) != 0 ? 3 : 1000;
    l.burst = (conf & 8u) != 0;
    l.alarm = l.refuse = l.stop = 255;
    static const pqi_chain_profile *const profiles[2] = {&pqi_chain_tiny, &pqi_chain_std};
    rr_start(&g, &(rr_conf){.suite = &pqi_suite_0001,
                     .limits = &l,
                     .rounds = conf >> 4 & 1u,
                     .chunk = (conf & 32u) != 0 ? 64 : 16,
                     .toy = true,
                     .compact = (conf & 64u) != 0,
                     .profile = {profiles[conf >> 7], profiles[conf >> 7]}});
    memset(net, 0, sizeof net);
    lied = false;
}

static void send(input *in, unsigned from)
{
    held *h = &net[next(in) % HELD];
    *h = (held){.from = from};
    must(rr_seal(&g, from, 1, 60u + 6u * (size_t)next(in), &h->p) != PQI_ERR_ARG);
}

static void lie(input *in, unsigned from)
{
    held *h = &net[next(in) % HELD];
    const uint8_t bits = next(in);
    size_t len = next(in);
    len = len < in->left ? len : in->left;
    *h = (held){.from = from, .lie = true};
    rr_seal_raw(&g, from, bits, (pqi_cspan){in->p, len}, &h->p);
    in->p += len;
    in->left -= len;
}

static void deliver(held *h)
{
    if (h->p.len == 0) {
        return;
    }
    pqi_status st = rr_take(&g, h->from, &h->p);
    must(st != PQI_OK || !h->opened);
    must(st == PQI_OK || st == PQI_ERR_REPLAY || h->lie || lied);
    h->opened = h->opened || st == PQI_OK;
    lied = lied || (h->lie && st == PQI_OK);
}

static void alter(input *in, const held *h)
{
    if (h->p.len == 0) {
        return;
    }
    rr_packet p = h->p;
    const size_t at = (next(in) | (size_t)next(in) << 8) % p.len;
    const uint8_t bits = next(in);
    p.b[at] ^= bits;
    p.len -= next(in) % 3u == 1 ? 1 : 0;
    if (p.len == h->p.len && bits == 0) {
        return;
    }
    must(rr_take(&g, h->from, &p) != PQI_OK);
}

static void step(input *in, uint8_t op)
{
    const unsigned who = op & 1u;
    rr_side *s = &g.side[who];
    switch (op >> 1 & 7u) {
    case 0:
    case 1:
        send(in, who);
        break;
    case 2:
    case 3:
        deliver(&net[next(in) % HELD]);
        break;
    case 4:
        alter(in, &net[next(in) % HELD]);
        break;
    case 5:
        (void)!pqi_ratchet_work(&s->env, &s->v, s->now);
        break;
    case 6:
        must(pqi_ratchet_secrets(&s->env, &s->v, &s->flash) == PQI_OK);
        pqi_ratchet_stored(&s->v);
        break;
    default:
        if (op >= 0xc0u) {
            lie(in, who);
        } else {
            s->now += next(in);
        }
        break;
    }
    const pqi_ratchet *a = rr_head(&g, 0), *b = rr_head(&g, 1);
    must(a->state < PQI_ROUND_STATES && b->state < PQI_ROUND_STATES);
    must(lied || a->epoch != b->epoch || memcmp(a->rk, b->rk, sizeof a->rk) == 0);
    must(lied || a->epoch - b->epoch + 1u <= 2u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    start(next(&in));
    for (unsigned i = 0; i < OPS && in.left != 0; i++) {
        step(&in, next(&in));
    }
    for (unsigned who = 0; who < 2; who++) {
        rr_side *s = &g.side[who];
        pqi_ratchet_wipe(&s->env, &s->v);
        must(rr_zero(s->st.session, sizeof s->st.session));
        must(rr_zero(s->st.bufs, sizeof s->st.bufs));
    }
    return 0;
}
