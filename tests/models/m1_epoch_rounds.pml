/* SPDX-License-Identifier: Apache-2.0
 *
 * m1: rounds of the hybrid ratchet, by which both sides of a session move from epoch e to e+1.
 *
 * Modelled: party 0 (the session's initiator) and party 1; either may propose a round at any time,
 * also both at once. The network holds NS packets in each direction: it delivers them in any order,
 * again, or never (a slot is overwritten). A root is an identity made of proposer, proposal and
 * answer; a packet carries the identity of the root its key came from. Not modelled: chunks (a round
 * travels whole), time, the length of the grace.
 *
 * P1 (INV-88): no packet ever arrives in an epoch that its receiver does not have yet.
 * P2 (INV-88): both sides hold the same root for the epoch of any packet that is opened.
 * P3 (INV-88): once packets arrive, the rounds go on to the last epoch with equal roots, whatever
 *     state both sides were left in.
 *
 * @ci       MAXE=3
 * @full     MAXE=4
 * @broken   MAXE=3
 * @variant  EAGER    P1  the answering side sends in the new epoch at once
 * @variant  REANSWER P2  a repeated proposal is answered again, with new keys
 * @variant  NOTIE    P3  when proposals cross, both sides give up their own and answer
 */
#ifndef MAXE
#define MAXE 3
#endif
#define NS 2
#define NONE 0
#define PROP 1
#define RESP 2

typedef Msg {
    bool u;                        /* in use */
    byte ep, key;                  /* epoch it is sent in, root of that epoch */
    byte ft, rnd, pq, rq           /* frame: type, epoch it leads to, proposal, answer */
};

Msg net[2 * NS];                   /* NS slots towards each party */
byte cur[2], snd[2];               /* newest epoch held, epoch sent in */
byte myp[2];                       /* own proposal pending, 0: none */
byte rpid[2], rsp[2];              /* proposal answered last, own answer to it */
bool unc[2];                       /* answered, the peer not yet heard in the new epoch */
byte rk[10];
byte np[2], nr[2];                 /* proposals, answers so far */
Msg m;
byte k, st, w;

#define RK(x, e) rk[(x) * 5 + (e)]
#define ROOT(p, pi, ri) (64 * (p) + 8 * (pi) + (ri) + 1)

inline clear() {
    k = 0;
    m.u = 0;
    m.ep = 0;
    m.key = 0;
    m.ft = NONE;
    m.rnd = 0;
    m.pq = 0;
    m.rq = 0
}

/* The message x would send now. */
inline mk(x) {
    m.u = 1;
    m.ep = snd[x];
    m.key = RK(x, snd[x]);
    m.ft = NONE;
    m.rnd = 0;
    m.pq = 0;
    m.rq = 0;
    if
    :: myp[x] != 0 ->
        m.ft = PROP;
        m.rnd = cur[x] + 1;
        m.pq = myp[x]
    :: myp[x] == 0 && unc[x] ->
        m.ft = RESP;
        m.rnd = cur[x];
        m.pq = rpid[x];
        m.rq = rsp[x]
    :: else
    fi
}

inline propose(x) {
    if
    :: !unc[x] && myp[x] == 0 && cur[x] < MAXE && np[x] < 7 ->
        np[x]++;
        myp[x] = np[x];
        printf("%d proposes epoch %d\n", x, cur[x] + 1)
    :: else
    fi
}

inline answer(y) {
    nr[y]++;
    rpid[y] = m.pq;
    rsp[y] = nr[y];
    RK(y, m.rnd) = ROOT(1 - y, m.pq, nr[y]);
    cur[y] = m.rnd;
    unc[y] = 1;
#ifdef EAGER
    snd[y] = m.rnd;
#endif
    printf("%d answers, has epoch %d\n", y, cur[y])
}

inline proposal(y) {
    if
    :: myp[y] == 0 -> answer(y)
#ifdef NOTIE
    :: myp[y] != 0 ->
#else
    :: myp[y] != 0 && y == 0 -> printf("0 keeps its own proposal\n")
    :: myp[y] != 0 && y == 1 -> /* the session's initiator wins */
#endif
        myp[y] = 0;
        answer(y)
    fi
}

inline frame(y) {
    if
    :: m.ft == PROP && m.rnd == cur[y] + 1 && !unc[y] -> proposal(y)
#ifdef REANSWER
    :: m.ft == PROP && m.rnd == cur[y] && unc[y] && nr[y] < 7 -> answer(y)
#endif
    :: m.ft == RESP && myp[y] != 0 && m.pq == myp[y] && m.rnd == cur[y] + 1 ->
        RK(y, m.rnd) = ROOT(y, m.pq, m.rq);
        cur[y] = m.rnd;
        snd[y] = m.rnd;
        myp[y] = 0;
        printf("%d has the answer, sends in epoch %d\n", y, cur[y])
    :: else
    fi
}

/* Party y receives m. */
inline rcv(y) {
    assert(m.ep <= cur[y]); /* P1 */
    if
    :: m.ep + 1 < cur[y] /* beyond the grace of one epoch: dropped */
    :: else ->
        assert(m.key == RK(y, m.ep)); /* P2 */
        if
        :: unc[y] && m.ep == cur[y] ->
            unc[y] = 0;
            snd[y] = cur[y];
            printf("%d hears the peer, sends in epoch %d\n", y, cur[y])
        :: else
        fi;
        frame(y)
    fi
}

#define COPY(D, S)                                                                                \
    D.u = 1;                                                                                      \
    D.ep = S.ep;                                                                                  \
    D.key = S.key;                                                                                \
    D.ft = S.ft;                                                                                  \
    D.rnd = S.rnd;                                                                                \
    D.pq = S.pq;                                                                                  \
    D.rq = S.rq

#define AT(y) net[(y) * NS + k]

inline send(x) {
    mk(x);
    select (k : 0 .. NS - 1);
    COPY(AT(1 - x), m);
    printf("%d sends in epoch %d\n", x, m.ep);
    clear()
}

inline deliver(y) {
    select (k : 0 .. NS - 1);
    if
    :: AT(y).u ->
        COPY(m, AT(y));
        rcv(y);
        if
        :: AT(y).u = 0
        :: skip /* it will come again */
        fi
    :: else
    fi;
    clear()
}

init {
    d_step {
        RK(0, 0) = 1;
        RK(1, 0) = 1
    }
    do
    :: d_step { propose(0) }
    :: d_step { propose(1) }
    :: atomic { send(0) }
    :: atomic { send(1) }
    :: atomic { select (w : 0 .. 1); deliver(w); w = 0 }
    :: break
    od;
    skip; /* no loop may end inside a d_step */
    d_step {
        printf("the network behaves\n");
        do
        :: st < 2 * MAXE + 2 ->
            propose(0);
            mk(0);
            w = 1;
            do
            :: rcv(w);
                if
                :: w == 0 -> break
                :: else
                fi;
                mk(1);
                w = 0
            od;
            st++
        :: else -> break
        od;
        assert(cur[0] == MAXE && cur[1] == MAXE && RK(0, MAXE) == RK(1, MAXE)) /* P3 */
    }
}
