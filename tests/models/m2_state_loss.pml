/* SPDX-License-Identifier: Apache-2.0
 *
 * m2: loss of state and the challenge. Rules: one candidate slot beside the stable session, the
 * cached RESP, init_seq as a filter, CHAL with a live nonce as the authority, NOSESS.
 *
 * Modelled: an initiator I and a responder R with a session in common; the network keeps every
 * packet and delivers it as often and as late as it likes, or never; it forges nothing (the gate
 * and the AEAD see to that). From the start it holds one INIT with a counter higher than any that
 * R has seen. Either side may lose its whole state once, counters included.
 * Attempt a: an INIT with fresh ephemeral keys, counter sq[a], nonce no[a] (0: none).
 * Session q: one RESP, made for attempt qa[q]. Not modelled: time, buckets, I's role as responder.
 *
 * L1 (INV-88, INV-89): since both last agreed on a stable session and while neither has lost its
 *     state, whatever is delivered, each side can open what the other sends.
 * L2 (INV-94): once packets arrive, I and R agree on a new session, whatever state they were left
 *     in, even if a replayed INIT is slipped in before every packet.
 * L3 (INV-46, INV-99): as long as R keeps its state, no INIT costs it public-key work twice.
 *
 * @ci       NA=4
 * @full     NA=5
 * @broken   NA=3
 * @variant  SWITCH   L1  R moves to the new session when it answers INIT
 * @variant  COUNTER3 L1  a confirmed candidate gives way to a higher counter, without a nonce
 * @variant  NOCHAL   L2  a low counter is dropped without a challenge
 * @variant  EITHER   L2  the counter alone still admits an INIT while a nonce is live
 * @variant  ROTATE   L2  each CHAL carries a new nonce, which ends the previous one
 * @variant  NONOSESS L2  an unknown session gets no answer
 * @variant  RECOMP   L3  R computes RESP again for a repeated INIT
 * @variant  KEEP     L3  a nonce stays live after its INIT was accepted
 */
#ifndef NA
#define NA 3              /* attempts before the network behaves, the one held included */
#endif
#define MORE (2 * NA + 8) /* attempts, sessions and nonces there is room for */
#define ROUNDS 4          /* rounds within which L2 must be reached */
#define START 20          /* init_seq R has accepted before; out of reach by counting up from 0 */

byte stI = 1, caI, pen, n = START + 3;       /* I: stable, candidate (role 1), attempt pending */
byte stR = 1, caR, roR, live, last = START;  /* R: role of caR 0 none, 2 unconfirmed, 3 confirmed */
byte na = 1, nq = 1, nc;                     /* attempts, sessions, nonces so far */
byte sq[MORE], no[MORE], qa[MORE];
bool conf, msg, settled;                     /* sent: CONF for caR, anything on caI, SETTLED for caR */
byte hint, nonce;                            /* of the CHAL that answers pen; hint is one more, 0: none */
bool lostI, lostR, agreed = 1, paid[MORE];   /* paid[a]: R did public-key work for a */
byte i, j, t, slip, q0;

#define SND_R (roR == 3 -> caR : stR)
#define OPENS_R(q) ((q) == stR || (q) == caR)
#define OPENS_I(q) ((q) == stI || (q) == caI)
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#if defined(COUNTER3)
#define BY_COUNTER(a) (sq[a] > last && live == 0)
#elif defined(EITHER)
#define BY_COUNTER(a) (sq[a] > last && roR != 3)
#else
#define BY_COUNTER(a) (sq[a] > last && roR != 3 && live == 0)
#endif

inline note() {
    if
    :: stI != 0 && stI == stR -> agreed = 1
    :: else
    fi
}

/* A packet that nobody would act on any more is forgotten: this merges equal states. */
inline forget() {
    for (j : 2 .. nq) {
        if
        :: j != caR && (pen == 0 || qa[j] != pen) -> qa[j] = 0
        :: else
        fi
    }
    j = 0
}

inline pend(a) {
    pen = a;
    hint = 0;
    nonce = 0;
    forget()
}

inline initiate(c) {
    na++;
    n++;
    sq[na] = n;
    no[na] = c;
    printf("I: INIT %d, counter %d, nonce %d\n", na, n, c);
    pend(na)
}

inline respond(a) {
    assert(!paid[a]); /* L3 */
    paid[a] = 1;
#ifndef KEEP
    live = 0;
#endif
    if
    :: roR == 3 -> stR = caR
    :: else
    fi;
    nq++;
    qa[nq] = a;
    caR = nq;
    roR = 2;
    conf = 0;
    settled = 0;
    forget();
#ifdef SWITCH
    stR = caR;
#endif
    printf("R: RESP, session %d for INIT %d\n", nq, a)
}

inline challenge(a) {
#ifndef NOCHAL
#ifndef ROTATE
    if
    :: live == 0 ->
#endif
        nc++;
        live = nc;
#ifndef ROTATE
    :: else
    fi;
#endif
    if
    :: a == pen ->
        hint = last + 1;
        nonce = live
    :: else
    fi;
    printf("R: CHAL to INIT %d, nonce %d, hint %d\n", a, live, last)
#else
    skip
#endif
}

inline gotInit(a) {
    if
    :: roR == 2 && qa[caR] == a ->
#ifdef RECOMP
        respond(a)
#else
        skip /* the cached RESP again; the network has it already */
#endif
    :: else ->
        if
        :: (live != 0 && no[a] == live) || BY_COUNTER(a) ->
            last = MAX(last, sq[a]);
            respond(a)
        :: else -> challenge(a)
        fi
    fi
}

inline gotResp(q) {
    if
    :: q > 1 && pen != 0 && qa[q] == pen && caI == 0 ->
        caI = q;
        msg = 0;
        if
        :: caR == q -> conf = 1
        :: else
        fi;
        pend(0);
        printf("I: CONF, session %d\n", q)
    :: else
    fi
}

inline gotChal() {
    if
    :: pen != 0 && hint != 0 ->
        n = MAX(n, hint - 1);
        initiate(nonce)
    :: else
    fi
}

inline gotConf(q) {
    if
    :: q != 0 && caR == q && roR == 2 && conf ->
        roR = 3;
        conf = 0;
        msg = (caI == q);
        printf("R: sends on session %d\n", q)
    :: else
    fi
}

inline gotMsg(q) {
    if
    :: q != 0 && caI == q && msg ->
        printf("I: SETTLED, session %d\n", q);
        settled = (caR == q);
        stI = q;
        caI = 0;
        msg = 0;
        note()
    :: else
    fi
}

inline gotSettled(q) {
    if
    :: q != 0 && caR == q && roR == 3 && settled ->
        printf("R: settled on session %d\n", q);
        stR = q;
        caR = 0;
        roR = 0;
        settled = 0;
        note()
    :: else
    fi
}

/* I's candidate is unknown to R, which says so. True for ever once said: R made the session before
 * I knew it, and never gets its keys back. (The arguments of an inline are text: where one names the
 * slot, clearing the slot comes last.) */
inline gotNosess(q) {
#ifndef NONOSESS
    if
    :: q != 0 && !OPENS_R(q) ->
        printf("I: NOSESS, drops session %d\n", q);
        caI = 0;
        msg = 0
    :: else
    fi
#else
    skip
#endif
}

inline loseI() {
    lostI = 1;
    stI = 0;
    caI = 0;
    msg = 0;
    pend(0);
    n = 0;
    agreed = 0;
    printf("I: loses its state\n")
}

inline loseR() {
    lostR = 1;
    stR = 0;
    caR = 0;
    roR = 0;
    conf = 0;
    settled = 0;
    live = 0;
    last = 0;
    forget();
    agreed = 0;
    for (j : 1 .. na) {
        paid[j] = 0
    }
    j = 0;
    printf("R: loses its state\n")
}

/* What I and R do of themselves when each packet arrives at once. */
inline turn() {
    gotConf(caI);
    gotNosess(caI);
    gotMsg(caI);
    gotSettled(caR);
    if
    :: caI == 0 && pen == 0 && !(stI > q0 && stI == stR) -> initiate(0)
    :: else
    fi
}

init {
    d_step {
        sq[1] = START + 3
    }
    do
    :: d_step { pen == 0 && caI == 0 && na < NA -> initiate(0) }
    :: d_step { pen != 0 -> pend(0) } /* stops waiting */
    :: d_step { !lostI -> loseI() }
    :: d_step { !lostR -> loseR() }
    :: atomic { nc < 2 * NA; select (i : 1 .. NA); if :: i <= na -> gotInit(i) :: else fi; i = 0 }
    :: d_step { na < NA -> gotChal() }
    :: atomic { select (i : 2 .. 2 * NA + 1); if :: i <= nq -> gotResp(i) :: else fi; i = 0 }
    :: d_step { gotConf(caR) }
    :: d_step { gotMsg(caI) }
    :: d_step { gotSettled(caR) }
    :: d_step { gotNosess(caI) }
    :: d_step { assert(!agreed || (OPENS_R(stI) && OPENS_I(SND_R))) } /* L1 */
    :: break
    od;
    skip; /* no loop may end inside a d_step */
    d_step {
        q0 = nq;
        t = 0;
        printf("the network behaves, but for replays of INIT\n")
    }
    do
    :: t < ROUNDS ->
        d_step {
            turn()
        }
        slip = 1;
        do
        :: pen != 0 && slip < 3 ->
            atomic {
                select (i : 1 .. pen);
                if
                :: slip == 2 -> i = pen /* after at most one replay, the INIT that is pending */
                :: else
                fi;
                gotInit(i);
                i = 0;
                slip++
            }
        :: else -> break
        od;
        skip;
        d_step {
            slip = 0;
            if
            :: pen != 0 && roR == 2 && qa[caR] == pen -> gotResp(caR)
            :: else -> gotChal()
            fi
        }
        t++
    :: else -> break
    od;
    assert(stI == stR && stI > q0 && caI == 0 && caR == 0) /* L2 */
}
