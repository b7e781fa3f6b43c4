/* SPDX-License-Identifier: Apache-2.0
 *
 * m3: the change of a session, make before break: one stable session and one candidate slot.
 *
 * Modelled: two peers with a session in common, either of which may start a handshake; the network
 * keeps every packet and delivers it as often and as late as it likes, or never. Session q is named
 * after initiator x, INIT n and response r. Not modelled: loss of state (m2), time.
 * Candidate roles: 1 initiator; 2 responder, unconfirmed; 3 responder, confirmed. A responder that wants
 * a session of its own may give up an unconfirmed candidate, whose initiator may be no more.
 *
 * P4  (INV-88, INV-89): at every instant each side can open what the other sends.
 * P5  (INV-88): one clean exchange later both have the same stable session and an empty slot.
 * P5b (INV-46): after that, no INIT of the past fills the slot.
 *
 * @ci       NI=2
 * @full     NI=3
 * @broken   NI=2
 * @variant  EAGER  P4   an initiator sends on the candidate at once
 * @variant  DROP3  P4   a responder drops a confirmed candidate, after some time
 * @variant  NONOSESS P5 a responder that gave up a candidate does not say so
 * @variant  NOCNT  P5b  RESP and SETTLED do not carry the sender's own INIT counter
 */
#ifndef NI
#define NI 2                       /* INITs of each side, at most 3 */
#endif

byte st[2] = 1;                    /* stable session */
byte ca[2], ro[2], caI[2];         /* candidate, its role, the INIT it answers */
byte pen[2], nI[2], nR[2];         /* INIT pending, INITs and RESPs sent */
byte last[2];                      /* highest INIT counter of the peer that may not come again */
bool sR[64], sC[64], sM[64], sS[64]; /* RESP, CONF, message on q, SETTLED were sent */
byte rn[64];                       /* own INIT counter that RESP q carries */
byte i, k, q, z;

#define KEY(x, n, r) (32 * (x) + 8 * (n) + (r))
#define FIRST 9                    /* KEY(0, 1, 1) */
#define LAST 31                    /* KEY(0, 3, 7) */
#ifdef EAGER
#define SENDS(x) (ca[x] != 0 -> ca[x] : st[x])
#else
#define SENDS(x) (ro[x] == 3 -> ca[x] : st[x])
#endif
#define OPENS(y, q) ((q) == st[y] || ((q) == ca[y] && (q) != 0))

inline start(x) {
    nI[x]++;
    pen[x] = nI[x];
    printf("%d: INIT %d\n", x, nI[x])
}

inline respond(y, n) {
    if
    :: ro[y] == 3 -> st[y] = ca[y]
    :: else
    fi;
    pen[y] = 0;
    nR[y]++;
    ca[y] = KEY(1 - y, n, nR[y]);
    ro[y] = 2;
    caI[y] = n;
    sR[ca[y]] = 1;
    rn[ca[y]] = nI[y];
    printf("%d: RESP, session %d for INIT %d\n", y, ca[y], n)
}

/* When INITs cross, party 0 (the lower id) keeps its own. */
inline gotInit(y, n) {
    if
    :: ro[y] == 2 && caI[y] == n /* the cached RESP again */
    :: !(ro[y] == 2 && caI[y] == n) && n > last[y] && (ro[y] < 2 || n > caI[y]) && ro[y] != 1 &&
            (pen[y] == 0 || y == 1) && nR[y] < 7 -> respond(y, n)
    :: else
    fi
}

inline gotResp(x, q) {
    if
    :: sR[q] && q / 32 == x && pen[x] != 0 && (q % 32) / 8 == pen[x] && ca[x] == 0 ->
        ca[x] = q;
        ro[x] = 1;
        pen[x] = 0;
        sC[q] = 1;
#ifndef NOCNT
        last[x] = (rn[q] > last[x] -> rn[q] : last[x]);
#endif
        printf("%d: CONF, session %d\n", x, q)
    :: else
    fi
}

/* In the inlines below q may name the slot itself: clearing the slot comes last. */
inline gotConf(y, q) {
    if
    :: sC[q] && ca[y] == q && ro[y] == 2 ->
        ro[y] = 3;
        last[y] = caI[y];
        sM[q] = 1;
        printf("%d: sends on session %d\n", y, q)
    :: else
    fi
}

inline gotMsg(x, q) {
    if
    :: sM[q] && ca[x] == q && ro[x] == 1 ->
        printf("%d: SETTLED, session %d\n", x, q);
        sS[q] = 1;
        st[x] = q;
        ca[x] = 0;
        ro[x] = 0
    :: else
    fi
}

inline gotSettled(y, q) {
    if
    :: sS[q] && ca[y] == q && ro[y] == 3 ->
        printf("%d: settled on session %d\n", y, q);
        st[y] = q;
        ca[y] = 0;
        ro[y] = 0
    :: else
    fi
}

/* The responder does not know this candidate, and says so. */
inline gotNosess(x, q) {
#ifndef NONOSESS
    if
    :: q != 0 && ca[x] == q && ro[x] == 1 && !OPENS(1 - x, q) ->
        printf("%d: NOSESS, drops session %d\n", x, q);
        ca[x] = 0;
        ro[x] = 0
    :: else
    fi
#else
    skip
#endif
}

inline drop(y, role) {
    if
    :: ro[y] == role ->
        printf("%d: drops session %d\n", y, ca[y]);
        ca[y] = 0;
        ro[y] = 0
    :: else
    fi
}

/* SETTLED carries the counters. */
inline counters() {
#ifndef NOCNT
    if
    :: st[0] == st[1] && ca[0] == 0 && ca[1] == 0 ->
        last[0] = nI[1];
        last[1] = nI[0]
    :: else
    fi
#else
    skip
#endif
}

#define ANY(x)                                                                                    \
    select (k : 0 .. 1);                                                                          \
    select (i : FIRST .. LAST);                                                                   \
    q = 32 * (x) + i

inline done() {
    i = 0;
    k = 0;
    q = 0
}

init {
    do
    :: d_step { pen[0] == 0 && ca[0] == 0 && nI[0] < NI -> start(0) }
    :: d_step { pen[1] == 0 && ca[1] == 0 && nI[1] < NI -> start(1) }
    :: d_step { pen[0] != 0 -> pen[0] = 0 } /* stops waiting */
    :: d_step { pen[1] != 0 -> pen[1] = 0 }
    :: atomic {
        select (i : 1 .. 3);
        select (k : 0 .. 1);
        if
        :: i <= nI[1 - k] -> gotInit(k, i)
        :: else
        fi;
        done()
    }
    :: d_step { ro[0] == 2 && nI[0] < NI -> drop(0, 2); start(0) }
    :: d_step { ro[1] == 2 && nI[1] < NI -> drop(1, 2); start(1) }
    :: d_step { gotNosess(0, ca[0]) }
    :: d_step { gotNosess(1, ca[1]) }
    :: atomic { ANY(k); gotResp(k, q); done() }
    :: atomic { ANY(1 - k); gotConf(k, q); done() }
    :: atomic { ANY(k); gotMsg(k, q); done() }
    :: atomic { ANY(1 - k); gotSettled(k, q); done() }
#ifdef DROP3
    :: d_step { drop(0, 3) }
    :: d_step { drop(1, 3) }
#endif
    :: d_step { assert(OPENS(1, SENDS(0)) && OPENS(0, SENDS(1))) } /* P4 */
    :: break
    od;
    skip; /* no loop may end inside a d_step */
    d_step {
        printf("the network behaves\n");
        do
        :: z < 3 ->
            gotConf(1, ca[0]);
            gotConf(0, ca[1]);
            gotNosess(0, ca[0]);
            gotNosess(1, ca[1]);
            gotMsg(0, ca[0]);
            gotMsg(1, ca[1]);
            gotSettled(1, ca[1]);
            gotSettled(0, ca[0]);
            z++
        :: else -> break
        od;
        drop(0, 2); /* ABORT on the stable session: nobody knows this candidate */
        drop(1, 2);
        assert(st[0] == st[1] && ca[0] == 0 && ca[1] == 0); /* P5 */
        pen[0] = 0;
        pen[1] = 0;
        counters();
        for (i : 1 .. 3) {
            if
            :: i <= nI[0] -> gotInit(1, i)
            :: else
            fi;
            if
            :: i <= nI[1] -> gotInit(0, i)
            :: else
            fi
        }
        assert(ca[0] == 0 && ca[1] == 0) /* P5b */
    }
}
