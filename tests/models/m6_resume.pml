/* SPDX-License-Identifier: Apache-2.0
 *
 * m6: RESUME itself, under power cuts and restored images. Rules: a resumption secret is known by
 * itself, not by its number; who answers writes the new one beside the old before the answer leaves;
 * who gets the answer replaces the old by the new before it sends; every RESUME1 has a higher start
 * number than the one before; only a side without a session resumes.
 *
 * Modelled: two sides with a session in common; the network keeps each packet and delivers it as
 * often and as late as it likes, or never. At any point, also between a write and the packet that
 * follows it, the power of a side fails: its session is gone, its flash stays. An image of each flash
 * is taken at some time and put back at some later time, once, its start counter with it.
 * Generation q of the secret comes from base[q]: by attempt at[q], or by a round of the ratchet (0).
 * Candidate roles: 1 sent RESUME1; 2 answered, unconfirmed; 3 answered, confirmed. Not modelled: time;
 * the packets of a full handshake (m2, m3), which stands for itself as one step of the recovery.
 *
 * R1 (INV-94): unless an image was put back, both flashes hold a generation in common.
 * R2 (INV-94): an image is refused by a peer that keeps its own flash, once that peer has gone on.
 * R3 (INV-96): no side starts the keys of one (secret, nonce, nonce) twice.
 * R4 (INV-94): once packets arrive both agree on a new session, even with a replayed RESUME1 before
 *     every packet; without a full handshake unless an image was put back.
 * R5 (INV-88): both ends of a resumption start from the same secret.
 *
 * @ci       IMAGES=1
 * @full     IMAGES=2
 * @broken   IMAGES=1
 * @variant  TWO     R1  who gets the answer keeps the old generation until it hears the other
 * @variant  ONE     R1  who answers keeps the new generation only
 * @variant  ANSWER  R1  the answer leaves before the new generation is written
 * @variant  SPEAK   R1  who gets the answer sends before it writes
 * @variant  HOARD   R2  who answers keeps the old generation when it hears the other
 * @variant  REPEAT  R3  a RESUME1 stays pending after its answer was taken
 * @variant  NONR    R3  who answers brings no nonce
 * @variant  CLONE   R3  an image brings its random numbers back
 * @variant  NOTIE   R4  when RESUME1 cross, both sides give up their own
 * @variant  STUBBORN R4 the lower side keeps its own RESUME1 against a newer generation too
 * @variant  NEWEST  R4  only the newest generation is offered
 * @variant  NOFALL  R4  a refused RESUME is not followed by a handshake
 * @variant  REPLAY  R1  start numbers are not compared
 * @variant  ALIVE   R1  a side with a session resumes too
 * @variant  NUMBER  R5  a generation is known by its number
 */
#ifndef IMAGES
#define IMAGES 1           /* 1: the flash of one side, 2: of both, is put back once */
#endif
#define NA 2               /* attempts before the network behaves */
#define NG (NA + 1)        /* generations before the network behaves, the first included */
#if defined(TWO) || defined(NOTIE) || defined(STUBBORN) || defined(NEWEST)
#define ANOTHER false /* broken without an image too: a smaller search */
#elif IMAGES > 1
#define ANOTHER true
#else
#define ANOTHER (!img[0] && !img[1]) /* one image, not one of each side */
#endif
#define ROUNDS 7           /* rounds within which R4 must be reached */
#ifdef REPLAY
#define MORE (NA + 40)
#else
#define MORE (NA + 11)     /* attempts and generations there is room for */
#endif

byte ol[2] = 1, nw[2];     /* flash: generation held, and the unconfirmed one beside it */
byte la[2], cn[2];         /* flash: highest start number taken from the peer; own */
byte st[2] = 1, ca[2], ro[2], pe[2], rq[2]; /* stable, candidate, role, attempt pending, round answered */
byte na, ng = 1;
byte ag[MORE], ab[MORE];   /* attempt: generation it is made under, start number */
bool as[MORE];             /* who made it */
byte base[MORE], at[MORE], num[MORE];
bool pr[MORE];             /* of a round: who proposed it */
bool s2[MORE], mI[MORE], mR[MORE], sS[MORE]; /* sent: answer, first packet of each side, SETTLED */
bool begun[2 * MORE], past[2 * MORE];
bool img[2], back[2], hs;
byte iol[2], inw[2], ila[2], icn[2], ina[2];
byte tries[2];
byte i, j, k, q, t, g0, d0;

#define HOLDS(x, g) ((g) != 0 && (ol[x] == (g) || nw[x] == (g)))
#define COMMON (HOLDS(0, ol[1]) || HOLDS(0, nw[1]))
#define B(x, n) (MORE * (x) + (n))
#ifdef ALIVE
#define IDLE(x) ((ro[x] == 0 || ro[x] == 2) && pe[x] == 0)
#else
#define IDLE(x) (st[x] == 0 && (ro[x] == 0 || ro[x] == 2) && pe[x] == 0)
#endif

inline cut(x) {
    printf("%d: power fails\n", x);
    st[x] = 0;
    ca[x] = 0;
    ro[x] = 0;
    pe[x] = 0;
    rq[x] = 0
}

inline begin(x, g) {
    assert(!begun[B(x, g)]); /* R3 */
    begun[B(x, g)] = 1
}

inline start(x, g) {
    na++;
    cn[x]++;
    as[na] = x;
    ag[na] = g;
    ab[na] = cn[x];
    pe[x] = na;
    printf("%d: RESUME1 %d under generation %d, number %d\n", x, na, g, cn[x])
}

/* k: the attempt, q: the new generation, d0: the generation of this side that it is made under,
 * c: whether the power fails behind the first of write and answer */
inline answer(y, c) {
    assert(back[y] || !past[B(y, d0)]); /* R2 */
#ifdef NONR
    q = 0;
    for (j : 1 .. ng) {
        if
        :: at[j] == k -> q = j
        :: else
        fi
    }
    j = 0;
    if
    :: q == 0 -> ng++; q = ng
    :: else
    fi;
#else
    ng++;
    q = ng;
#endif
    at[q] = k;
    base[q] = d0;
    num[q] = num[d0] + 1;
#ifdef ANSWER
    s2[q] = 1;
    if
    :: c -> skip
    :: else ->
#endif
        la[y] = ab[k];
#ifdef ONE
        ol[y] = q;
        nw[y] = 0;
#else
        ol[y] = d0;
        nw[y] = q;
#endif
#ifdef ANSWER
    fi;
#endif
    printf("%d: writes generation %d, answers RESUME1 %d\n", y, q, k);
    if
    :: c -> cut(y)
    :: else ->
        s2[q] = 1;
        begin(y, q);
        if
        :: ro[y] == 3 -> st[y] = ca[y]
        :: else
        fi;
        pe[y] = 0;
        rq[y] = 0;
        ca[y] = q;
        ro[y] = 2
    fi;
    q = 0;
    d0 = 0
}

#ifdef NUMBER
#define MATCH(y, g) (num[ag[k]] == num[g] && (g) != 0)
#else
#define MATCH(y, g) (ag[k] == (g) && (g) != 0)
#endif
#ifdef REPLAY
#define FRESH(y) true
#else
#define FRESH(y) (ab[k] > la[y])
#endif
#ifdef NOTIE
#define GIVES(y) true
#elif defined(STUBBORN)
#define GIVES(y) (pe[y] == 0 || (y) == 1)
#else
#define GIVES(y) (pe[y] == 0 || (y) == 1 || (ag[k] == nw[y] && ag[pe[y]] == ol[y]))
#endif

inline gotResume1(y, c) {
    if
    :: k <= na && as[k] == 1 - y && FRESH(y) && GIVES(y) &&
            !(ro[y] == 2 && at[ca[y]] == k) && (MATCH(y, ol[y]) || MATCH(y, nw[y])) ->
        d0 = (MATCH(y, nw[y]) -> nw[y] : ol[y]);
        answer(y, c)
    :: else
    fi
}

/* x has gone on to g; index 0 is no generation */
inline keepPast(x, g) {
    past[B(x, ol[x])] = 1;
    past[B(x, nw[x])] = 1;
    past[B(x, g)] = 0;
    past[B(x, 0)] = 0
}

/* the flash of x holds g and nothing else */
inline replace(x, g) {
    keepPast(x, g);
    ol[x] = g;
    nw[x] = 0
}

inline gotResume2(x, c) {
    if
    :: q <= ng && s2[q] && at[q] != 0 && at[q] == pe[x] ->
        assert(base[q] == ag[pe[x]]); /* R5 */
        printf("%d: writes and sends on generation %d\n", x, q);
#ifdef SPEAK
        mI[q] = 1;
        if
        :: c -> skip
        :: else -> replace(x, q)
        fi;
#elif defined(TWO)
        ol[x] = ag[pe[x]];
        nw[x] = q;
#else
        replace(x, q);
#endif
        if
        :: c -> cut(x)
        :: else ->
            begin(x, q);
#ifndef REPEAT
            pe[x] = 0;
#endif
            ca[x] = q;
            ro[x] = 1;
            mI[q] = 1
        fi
    :: else
    fi
}

inline gotFirst(y, c) {
    if
    :: q != 0 && mI[q] && ca[y] == q && ro[y] == 2 ->
#ifndef HOARD
        replace(y, q);
#else
        keepPast(y, q);
#endif
        printf("%d: hears generation %d\n", y, q);
        if
        :: c -> cut(y)
        :: else ->
            ro[y] = 3;
            pe[y] = 0;
            mR[q] = 1
        fi
    :: else
    fi
}

inline gotSecond(x) {
    if
    :: q != 0 && mR[q] && ca[x] == q && ro[x] == 1 ->
        printf("%d: SETTLED on generation %d\n", x, q);
#ifdef TWO
        replace(x, q);
#endif
        st[x] = q;
        ca[x] = 0;
        ro[x] = 0;
        pe[x] = 0;
        sS[q] = 1
    :: else
    fi
}

inline gotSettled(y) {
    if
    :: q != 0 && sS[q] && ca[y] == q && ro[y] == 3 ->
        printf("%d: settled on generation %d\n", y, q);
        st[y] = q;
        ca[y] = 0;
        ro[y] = 0
    :: else
    fi
}

/* A round of the ratchet: 1 - x proposes, x answers. */
inline roundAnswer(x, c) {
    ng++;
    base[ng] = st[x];
    num[ng] = num[st[x]] + 1;
    pr[ng] = 1 - x;
    ol[x] = st[x];
    nw[x] = ng;
    printf("%d: answers the round to generation %d\n", x, ng);
    if
    :: c -> cut(x)
    :: else ->
        rq[x] = ng;
        s2[ng] = 1
    fi
}

inline roundDerive(x, c) {
    if
    :: q != 0 && at[q] == 0 && s2[q] && pr[q] == x && st[x] == base[q] && st[x] != 0 && !mI[q] ->
        replace(x, q);
        printf("%d: sends in generation %d\n", x, q);
        if
        :: c -> cut(x)
        :: else ->
            st[x] = q;
            mI[q] = 1
        fi
    :: else
    fi
}

inline roundHear(x, c) {
    if
    :: rq[x] != 0 && mI[rq[x]] ->
        q = rq[x];
        replace(x, q);
        printf("%d: hears it, sends in generation %d\n", x, q);
        if
        :: c -> cut(x)
        :: else ->
            st[x] = q;
            rq[x] = 0
        fi;
        q = 0
    :: else
    fi
}

inline restore(x) {
    printf("%d: an image is put back\n", x);
    cut(x);
    ol[x] = iol[x];
    nw[x] = inw[x];
    la[x] = ila[x];
    cn[x] = icn[x];
    back[x] = 1;
#ifdef CLONE
    /* the nonce of its last attempt comes again */
    pe[x] = ina[x];
#endif
}

inline handshake() {
    printf("full handshake\n");
    hs = 1;
    ng++;
    st[0] = ng;
    st[1] = ng;
    for (j : 0 .. 1) {
        ol[j] = ng;
        nw[j] = 0;
        ca[j] = 0;
        ro[j] = 0;
        pe[j] = 0;
        rq[j] = 0
    }
    j = 0
}

/* x, alone or together with the other: newest generation, then the one before, in turn */
inline tryAgain(x) {
    if
    :: st[x] == 0 && (ro[x] == 0 || ro[x] == 2) && !hs ->
        pe[x] = 0;
        tries[x]++;
        if
#ifndef NOFALL
        :: tries[x] > 4 -> handshake()
#endif
        :: tries[x] <= 4 && nw[x] != 0 && ro[x] == 0 && tries[x] % 2 == 1 -> start(x, nw[x])
#ifdef NEWEST
        :: tries[x] <= 4 && nw[x] != 0 && tries[x] % 2 == 0 -> start(x, nw[x])
        :: tries[x] <= 4 && nw[x] == 0 -> start(x, ol[x])
#else
        :: tries[x] <= 4 && (nw[x] == 0 || ro[x] != 0 || tries[x] % 2 == 0) -> start(x, ol[x])
#endif
        :: else
        fi
    :: else
    fi
}

inline deliver() {
    q = ca[0];
    gotFirst(1, false);
    q = ca[1];
    gotFirst(0, false);
    q = ca[0];
    gotSecond(0);
    q = ca[1];
    gotSecond(1);
    q = ca[0];
    gotSettled(0);
    q = ca[1];
    gotSettled(1);
    q = 0
}

inline replayed() {
    if
    :: k != 0 ->
        gotResume1(0, false);
        gotResume1(1, false)
    :: else
    fi
}

inline clean() {
    i = 0;
    k = 0;
    q = 0
}

#define CUT(e) if :: i = 0 :: i = 1 fi; e
#define DONE (st[0] == st[1] && st[0] != 0 && ca[0] == 0 && ca[1] == 0 && ol[0] == st[0] && ol[1] == st[0])

init {
    d_step {
        begun[B(0, 1)] = 1;
        begun[B(1, 1)] = 1
    }
    do
    :: d_step { IDLE(0) && na < NA -> start(0, ol[0]) }
    :: d_step { IDLE(1) && na < NA -> start(1, ol[1]) }
    :: d_step { IDLE(0) && na < NA && nw[0] != 0 && ro[0] == 0 -> start(0, nw[0]) }
    :: d_step { IDLE(1) && na < NA && nw[1] != 0 && ro[1] == 0 -> start(1, nw[1]) }
    :: d_step { pe[0] != 0 -> pe[0] = 0 } /* stops waiting */
    :: d_step { pe[1] != 0 -> pe[1] = 0 }
    :: atomic { ng < NG && na > 0; select (k : 1 .. NA); CUT(gotResume1(0, i)); clean() }
    :: atomic { ng < NG && na > 0; select (k : 1 .. NA); CUT(gotResume1(1, i)); clean() }
    :: atomic { pe[0] != 0; select (q : 2 .. NG); CUT(gotResume2(0, i)); clean() }
    :: atomic { pe[1] != 0; select (q : 2 .. NG); CUT(gotResume2(1, i)); clean() }
    :: atomic { ro[0] == 2; q = ca[0]; CUT(gotFirst(0, i)); clean() }
    :: atomic { ro[1] == 2; q = ca[1]; CUT(gotFirst(1, i)); clean() }
    :: d_step { ro[0] == 1 -> q = ca[0]; gotSecond(0); clean() }
    :: d_step { ro[1] == 1 -> q = ca[1]; gotSecond(1); clean() }
    :: d_step { ro[0] == 3 -> q = ca[0]; gotSettled(0); clean() }
    :: d_step { ro[1] == 3 -> q = ca[1]; gotSettled(1); clean() }
    :: atomic { ng < NG && st[0] != 0 && st[0] == st[1] && ca[0] == 0 && ca[1] == 0 && rq[0] == 0 &&
            rq[1] == 0; CUT(roundAnswer(0, i)); clean() }
    :: atomic { ng < NG && st[0] != 0 && st[0] == st[1] && ca[0] == 0 && ca[1] == 0 && rq[0] == 0 &&
            rq[1] == 0; CUT(roundAnswer(1, i)); clean() }
    :: atomic { st[0] != 0 && ca[0] == 0; select (q : 2 .. NG); CUT(roundDerive(0, i)); clean() }
    :: atomic { st[1] != 0 && ca[1] == 0; select (q : 2 .. NG); CUT(roundDerive(1, i)); clean() }
    :: atomic { rq[0] != 0; CUT(roundHear(0, i)); clean() }
    :: atomic { rq[1] != 0; CUT(roundHear(1, i)); clean() }
    :: d_step { st[0] + ca[0] + pe[0] > 0 -> cut(0) }
    :: d_step { st[1] + ca[1] + pe[1] > 0 -> cut(1) }
    :: d_step { !img[0] && ANOTHER -> img[0] = 1; iol[0] = ol[0]; inw[0] = nw[0]; ila[0] = la[0]; icn[0] = cn[0];
            ina[0] = pe[0] }
    :: d_step { !img[1] && ANOTHER -> img[1] = 1; iol[1] = ol[1]; inw[1] = nw[1]; ila[1] = la[1]; icn[1] = cn[1];
            ina[1] = pe[1] }
    :: d_step { img[0] && !back[0] -> restore(0) }
    :: d_step { img[1] && !back[1] -> restore(1) }
    :: d_step { assert(back[0] || back[1] || COMMON) } /* R1 */
    :: break
    od;
    skip; /* no loop may end inside a d_step */
    d_step {
        printf("the network behaves, but for replays of RESUME1\n");
        if
        :: st[0] != 0 && st[1] != 0 -> cut(1)
        :: else
        fi;
        t = 0
    }
    do
    :: t < ROUNDS && !DONE ->
        d_step {
            deliver();
            tryAgain(0);
            tryAgain(1)
        }
        atomic {
            select (k : 0 .. NA); /* replayed to both, twice; 0: none */
            d_step {
                g0 = k;
                replayed();
                k = pe[1];
                i = pe[0]; /* both at once */
                gotResume1(0, false);
                k = i;
                gotResume1(1, false);
                k = g0;
                replayed();
                q = (ro[1] == 2 -> ca[1] : 0);
                gotResume2(0, false);
                q = (ro[0] == 2 -> ca[0] : 0);
                gotResume2(1, false);
                g0 = 0;
                clean()
            }
        }
        t++
    :: else -> break
    od;
    assert(DONE && (back[0] || back[1] || !hs)) /* R4 */
}
