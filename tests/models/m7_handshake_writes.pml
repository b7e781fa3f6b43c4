/* SPDX-License-Identifier: Apache-2.0
 *
 * m7: the order of writes when a full handshake runs beside resumptions (m6) and rounds of the ratchet.
 * Rules: the responder writes nothing before CONF; the initiator writes the new generation beside the
 * one it holds before CONF leaves; the responder replaces when CONF opens, the initiator when it hears
 * the responder. After CONF left, RESUME1 under the generation before is not answered. A session
 * writes only over a record that holds nothing but generations of its own.
 *
 * Modelled: two sides with a session in common, one handshake of either; network and power as in m6.
 * Not modelled: images; recovery, which is a handshake in any case (m2, m3).
 *
 * H1 (INV-94): both flashes hold a generation in common.
 * H2 (INV-45): no flash holds a generation of a handshake whose other side is not proved.
 *
 * @ci       NA=1
 * @full     NA=2
 * @broken   NA=1
 * @variant  HSONE  H1  the initiator keeps the new generation only, before CONF leaves
 * @variant  OLDTOO H1  after CONF left, RESUME1 under the generation before is answered
 * @variant  ROUND  H1  a session writes over generations of another one
 * @variant  EARLY  H2  the responder writes when it answers INIT
 */
#ifndef NA
#define NA 1               /* RESUME1 */
#endif
#define NG 4               /* generations, the first included */
#define HSK 255            /* at[] of a generation from a handshake */

byte ol[2] = 1, nw[2];     /* flash: generation held, and the unconfirmed one beside it */
bool sn[2];                /* flash: this side sent in the newer one, after CONF */
byte la[2], cn[2];         /* flash: highest start number taken from the peer; own */
byte st[2] = 1, ca[2], ro[2], pe[2], rq[2]; /* stable, candidate, role, attempt pending, round answered */
bool hp[2], hn, hx;        /* INIT pending; an INIT was sent, by whom */
byte na, ng = 1;
byte ag[NA + 1], ab[NA + 1]; /* attempt: generation it is made under, start number */
bool as[NA + 1];           /* who made it */
byte base[NG + 1], at[NG + 1]; /* from which generation; by which attempt, HSK, or a round (0) */
bool pr[NG + 1];           /* of a round: who proposed it */
bool s2[NG + 1], mI[NG + 1], mR[NG + 1], sS[NG + 1]; /* sent: answer, first packets, SETTLED */
byte i, k, q, d0;

#define HOLDS(x, g) ((g) != 0 && (ol[x] == (g) || nw[x] == (g)))
#define COMMON (HOLDS(0, ol[1]) || HOLDS(0, nw[1]))
#define IDLE(x) (st[x] == 0 && (ro[x] == 0 || ro[x] == 2) && pe[x] == 0)
#define GIVES(y) (pe[y] == 0 || (y) == 1 || (ag[k] == nw[y] && ag[pe[y]] == ol[y]))
#ifdef ROUND
#define OWN(x, a, b) true
#else
#define OWN(x, a, b) (ol[x] == (a) && nw[x] == (b)) /* the record holds nothing else */
#endif
#ifdef OLDTOO
#define MAYOLD(y) true
#else
#define MAYOLD(y) !(sn[y] && ag[k] == ol[y])
#endif
#define PROVED(x) (nw[x] == 0 || at[nw[x]] != HSK || hx == x || mI[nw[x]])

inline cut(x) {
    printf("%d: power fails\n", x);
    st[x] = 0;
    ca[x] = 0;
    ro[x] = 0;
    pe[x] = 0;
    rq[x] = 0;
    hp[x] = 0
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

/* as in m6; c: whether the power fails behind the write */
inline answer(y, c) {
    ng++;
    q = ng;
    at[q] = k;
    base[q] = d0;
    la[y] = ab[k];
    ol[y] = d0;
    nw[y] = q;
    sn[y] = 0;
    printf("%d: writes generation %d, answers RESUME1 %d\n", y, q, k);
    if
    :: c -> cut(y)
    :: else ->
        s2[q] = 1;
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

inline gotResume1(y, c) {
    if
    :: k <= na && as[k] == 1 - y && ab[k] > la[y] && GIVES(y) &&
            !(ro[y] == 2 && at[ca[y]] == k) && HOLDS(y, ag[k]) &&
            !(at[ca[y]] == HSK && ro[y] < 3) && MAYOLD(y) ->
        d0 = ag[k];
        answer(y, c)
    :: else
    fi
}

/* the flash of x holds g and nothing else */
inline replace(x, g) {
    ol[x] = g;
    nw[x] = 0;
    sn[x] = 0
}

inline gotResume2(x, c) {
    if
    :: q <= ng && s2[q] && at[q] != 0 && at[q] == pe[x] ->
        printf("%d: writes and sends on generation %d\n", x, q);
        replace(x, q);
        if
        :: c -> cut(x)
        :: else ->
            pe[x] = 0;
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
        replace(y, q);
        printf("%d: hears generation %d\n", y, q);
        if
        :: c -> cut(y)
        :: else ->
            ro[y] = 3;
            pe[y] = 0;
            rq[y] = 0;
            mR[q] = 1
        fi
    :: else
    fi
}

inline gotSecond(x) {
    if
    :: q != 0 && mR[q] && ca[x] == q && ro[x] == 1 ->
        printf("%d: SETTLED on generation %d\n", x, q);
        if
        :: at[q] == HSK -> replace(x, q)
        :: else
        fi;
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

inline roundAnswer(x, c) {
    ng++;
    base[ng] = st[x];
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
    :: q != 0 && at[q] == 0 && s2[q] && pr[q] == x && st[x] == base[q] && st[x] != 0 && !mI[q] &&
            OWN(x, base[q], 0) ->
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
    :: rq[x] != 0 && mI[rq[x]] && OWN(x, base[rq[x]], rq[x]) ->
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

inline hsAnswer(y) {
    if
    :: hn && hx == 1 - y && ro[y] != 1 && ro[y] != 3 && !(ro[y] == 2 && at[ca[y]] == HSK) ->
        ng++;
        at[ng] = HSK;
        s2[ng] = 1;
        ca[y] = ng;
        ro[y] = 2;
        pe[y] = 0;
#ifdef EARLY
        nw[y] = ng;
#endif
        printf("%d: RESP, generation %d\n", y, ng)
    :: else
    fi
}

inline hsTake(x, c) {
    if
    :: hp[x] && q <= ng && at[q] == HSK && s2[q] && nw[x] == 0 && ro[x] == 0 && !mI[q] ->
#ifdef HSONE
        replace(x, q);
#else
        nw[x] = q;
        sn[x] = 1;
#endif
        printf("%d: writes generation %d, CONF\n", x, q);
        if
        :: c -> cut(x)
        :: else ->
            hp[x] = 0;
            pe[x] = 0;
            ca[x] = q;
            ro[x] = 1;
            mI[q] = 1
        fi
    :: else
    fi
}

/* NOSESS to a candidate that nobody else has any more */
inline unknown(x) {
    if
    :: ro[x] == 1 && at[ca[x]] == HSK && ca[1 - x] != ca[x] && st[1 - x] != ca[x] ->
        printf("%d: NOSESS, drops generation %d\n", x, ca[x]);
        ca[x] = 0;
        ro[x] = 0
    :: else
    fi
}

inline clean() {
    i = 0;
    k = 0;
    q = 0
}

#define CUT(e) if :: i = 0 :: i = 1 fi; e
#define BETWEEN (ng < NG && st[0] != 0 && st[0] == st[1] && ca[0] == 0 && ca[1] == 0 && \
        rq[0] == 0 && rq[1] == 0)

init {
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
    :: atomic { BETWEEN && OWN(0, st[0], 0); CUT(roundAnswer(0, i)); clean() }
    :: atomic { BETWEEN && OWN(1, st[1], 0); CUT(roundAnswer(1, i)); clean() }
    :: atomic { st[0] != 0; select (q : 2 .. NG); CUT(roundDerive(0, i)); clean() }
    :: atomic { st[1] != 0; select (q : 2 .. NG); CUT(roundDerive(1, i)); clean() }
    :: atomic { rq[0] != 0; CUT(roundHear(0, i)); clean() }
    :: atomic { rq[1] != 0; CUT(roundHear(1, i)); clean() }
    :: d_step { !hn && ro[0] == 0 -> hn = 1; hx = 0; hp[0] = 1; printf("0: INIT\n") }
    :: d_step { !hn && ro[1] == 0 -> hn = 1; hx = 1; hp[1] = 1; printf("1: INIT\n") }
    :: d_step { ng < NG -> hsAnswer(0) }
    :: d_step { ng < NG -> hsAnswer(1) }
    :: atomic { hp[0]; select (q : 2 .. NG); CUT(hsTake(0, i)); clean() }
    :: atomic { hp[1]; select (q : 2 .. NG); CUT(hsTake(1, i)); clean() }
    :: d_step { unknown(0) }
    :: d_step { unknown(1) }
    :: d_step { st[0] + ca[0] + pe[0] > 0 -> cut(0) }
    :: d_step { st[1] + ca[1] + pe[1] > 0 -> cut(1) }
    :: d_step { assert(COMMON) } /* H1 */
    :: d_step { assert(PROVED(0) && PROVED(1)) } /* H2 */
    :: ng == NG && hn && st[0] + st[1] == 0 -> break
    od
}
