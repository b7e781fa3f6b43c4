/* SPDX-License-Identifier: Apache-2.0
 *
 * m4: what a device believes about policy, revocations and root when the broker is hostile, a key is
 * stolen, power fails, and records are put back or deleted. Rules (docs/spec/control.md sections 4, 5):
 * a head names policy and log; the log is contiguous and known by its hash; an object is written, then
 * its counter moves, then it takes effect; counters are scoped by root version, and a new root moves one;
 * at the start each counter is lifted to its record; a record below its counter, of whatever root, is said
 * to be behind, and the very object that was lost mends it; a log is whole as far as a head named its
 * hash; where it gives way to the log that a head names, the counter is void up to where it was.
 *
 * Modelled: one device; a log of up to N entries, policies, heads that name both (head e policy e); each
 * object again, late, never, in any order. One theft: of the head key (one head of a number that nobody
 * reaches, which names what others signed or a policy that does not exist), or of the revoker's (a log
 * that parts from the honest one after entry `fork`). One new root. Power may fail between a write and its
 * counter. While it is off up to HURTS records are deleted, or one of the first root is put back from an
 * image. The hash of a log is its branch and length: two have the same up to where they part. Not
 * modelled: signatures; time (m8); rosters and two heads of one epoch (m9); two keys stolen at once.
 *
 * P6 (INV-68): a device that says its log is whole has revoked every entry that its head names.
 * P7 (INV-60): once a theft was answered and packets arrive, the device follows the plane: no stolen key
 *     puts a floor out of reach. A stolen head key is answered by a new root, a revoker's by a new head.
 * P8 (INV-63, INV-64, INV-100, INV-101): with records deleted or put back a device never says that it
 *     is whole with an older root, head, policy or log than one that was in force; the very objects that
 *     it lost make it whole again.
 * P9 (INV-102): a power cut, wherever it comes, loses nothing that was in force and while nobody
 *     touches a record none is behind its counter.
 * P11 (INV-68): with a stolen revoker's key alone no more than its share is added.
 * P12 (INV-60): no policy is in force that no head named.
 *
 * @ci       BOTH=0
 * @full     BOTH=1
 * @broken   BOTH=0
 * @variant  DELTA    P6  a delta with any higher number is taken
 * @variant  NOHASH   P6  a log is compared with the head by number alone
 * @variant  HIDES    P6  a log that goes on beyond the head's number is taken for whole
 * @variant  FLAT     P7  floors are not bound to a root version
 * @variant  NOVOID   P9  the counter of entries that give way to a head's log still counts
 * @variant  TAIL     P7  the whole log, too, is taken only if it goes on from what is here
 * @variant  NOFLOOR  P8  records are not compared with their counters
 * @variant  STRICT   P8  behind a floor only what is above it counts
 * @variant  NOLIFT   P8  the start does not lift a counter to its record
 * @variant  ROOTLESS P8  a new root moves no counter
 * @variant  OLDZERO  P8  what counted under an older root is not compared with its counter
 * @variant  LATER    P8  entries of a later root that no head names are taken while older ones are missing
 * @variant  CARRY    P8  entries of a later root that no head names move the counter on to it
 * @variant  ALLORNONE P7 a log that goes on too far ahead of the head is refused as a whole
 * @variant  COUNTER  P9  the counter moves before the record is written
 * @variant  EFFECT   P9  an object takes effect before it is written
 * @variant  NOCAP    P11 a revoker alone may add any number
 * @variant  MIX      P12 a newer policy is taken, whatever the head names
 */
#ifndef BOTH
#define BOTH 0             /* 1: a theft, and records deleted, in one run */
#endif
#define HURTS 2            /* records deleted or put back, in one run */
#define E 2                /* heads and policies of the first root; the second has one of each */
#define FAR 9              /* number of the thief's head */
#define NONE 7             /* policy that the thief names and nobody signed */
#ifdef ALLORNONE
#define N 3                /* entries */
#define CAP 1              /* entries that a revoker adds alone */
#else
#define N 2
#define CAP 2
#endif
#define HEAD_KEY 1
#define REV_KEY 2

/* the plane: root, entries, heads; what head 1 of the second root names */
byte wroot = 1, pub, he;
byte hl[E + 2];            /* entries that head e names; it names policy e, which may be out before it */
byte l2;
byte theft, tp, tl, fork;  /* what the thief's head names; where the thief's log parts */

/* records. A mark is root version << 4 | number. Root; head, with what it names; policy; log: root, length,
 * branch, entries that a head named, up to where the counter is void, entries revoked as bits */
byte root = 1, h, np, nl, p, lr, ll, lb, nm, vf, rv;
byte ft, fh, fp, fr;       /* counters, marks: root, head, policy, revocations */
bool up = 1;
byte now;                  /* what is written takes effect next */

byte hurt;                 /* records deleted or put back */
bool kept;                 /* an image was taken: of which, bytes */
byte ik, i1, i2, i3, i4, i5, i6;
byte gr = 1, gh, gp, grv, named; /* in force at some time: root, marks, entries; policies that heads named */
byte m, mr, a, b, x, c;    /* a message: kind, root version, what it says; power fails while it is taken */
byte k, t, n;
#define TAKEN 1
#define STARTED 2
#define ROOT 1
#define HEAD 2
#define POLICY 3
#define LOG 4

#define MARK(r, y) ((r) << 4 | (y))
#define NUMBER(y) ((y) & 15)
#define VERSION(y) ((y) >> 4)
#define OURS(y) (VERSION(y) == root -> NUMBER(y) : 0)
#define H OURS(h)          /* numbers under our root; 0: none */
#define P OURS(p)
#define L (lr == root -> ll : 0)
#define COV (lr == root -> nm : 0)
#ifdef NOVOID
#define LOGMARK MARK(lr, ll)
#else
#define LOGMARK MARK(lr, (ll > vf -> ll : vf))
#endif
#ifdef CARRY
#define COUNTS true
#else
#define COUNTS (fr == 0 || VERSION(fr) == lr || nm != 0) /* over a new root when a head names the log */
#endif
#ifdef FLAT
#define FLOOR(y) NUMBER(y)
#define BELOW(y, f) (NUMBER(y) < NUMBER(f))
#else
#define FLOOR(y) OURS(y)
#define BELOW(y, f) ((y) < (f))
#endif
#ifdef NOFLOOR
#define BEHIND false
#elif defined(OLDZERO)
#define BEHIND (VERSION(ft) > root || (VERSION(fh) == root && h < fh) || (VERSION(fp) == root && p < fp) || \
        (VERSION(fr) == root && LOGMARK < fr))
#else
#define BEHIND (VERSION(ft) > root || BELOW(h, fh) || BELOW(p, fp) || BELOW(LOGMARK, fr))
#endif
#ifdef NOHASH
#define SAME(y, n) true
#else
#define SAME(y, n) ((y) == 0 || (n) <= fork) /* branch y has the hash that a head names at n */
#endif
#define LINKS(y) ((y) == lb || L <= fork)    /* branch y goes on from our log */
#ifdef STRICT
#define REACHES(y, f) ((y) > (f))
#else
#define REACHES(y, f) ((y) >= (f))
#endif
#ifdef HIDES
#define LOGWHOLE (L > nl || COV >= nl)
#else
#define LOGWHOLE (COV >= nl)
#endif
#ifdef FLAT
#define ATCOUNTER true
#else
#define ATCOUNTER (h >= fh && p >= fp && LOGMARK >= fr)
#endif
#define OLDWHOLE (h == 0 || VERSION(h) != lr || nm >= nl) /* before the first head of a new root: by the old one */
#define WHOLE (up && !BEHIND && (H == 0 -> OLDWHOLE : (LOGWHOLE && P == np)))
#define ENTRIES(y) ((1 << (y)) - 1)
#define HONEST(y, n) ENTRIES(((y) == 0 || (n) < fork -> (n) : fork)) /* of the first n of branch y */
#define BIT(y) (1 << (root == 2 -> 4 : (y)))

inline settle() {
    if /* does our log have the hash that the head names? */
    :: H != 0 && L == nl && nl > COV && SAME(lb, nl) -> nm = nl
    :: else
    fi;
#ifdef NOLIFT
    if
    :: now == TAKEN ->
#endif
#ifndef ROOTLESS
    if
    :: root > 1 && VERSION(ft) < root -> ft = MARK(root, 0)
    :: else
    fi;
#endif
    if
    :: BELOW(fh, h) -> fh = h
    :: else
    fi;
    if
    :: BELOW(fp, p) -> fp = p
    :: else
    fi;
    if
    :: BELOW(fr, LOGMARK) && COUNTS -> fr = LOGMARK
    :: else
    fi;
#ifdef NOLIFT
    :: else
    fi;
#endif
    gr = (root > gr -> root : gr);
    gh = (h > gh -> h : gh);
    gp = (p > gp -> p : gp);
    grv = (COV != 0 -> grv | HONEST(lb, COV) : grv);
    named = (H != 0 -> named | BIT(np) : named);
    now = 0
}

inline cut() {
    printf("power fails\n");
    up = 0
}

inline start() {
    printf("starts\n");
    up = 1;
    now = STARTED
}

/* c: power fails between the first two of write, counter, effect */
#if defined(COUNTER)
#define TAKE(write, move, use) move; if :: c -> cut() :: else -> write; now = TAKEN fi
#elif defined(EFFECT)
#define TAKE(write, move, use) use; if :: c -> cut() :: else -> write; now = TAKEN fi
#else
#define TAKE(write, move, use) write; if :: c -> cut() :: else -> now = TAKEN fi
#endif

#ifdef MIX
#define MEANT (a > P)
#else
#define MEANT (H != 0 && a == np && a != P)
#endif
#ifdef NOCAP
#define SHARE(n, y) (n)
#else
#define SHARE(n, y) ((n) > (y) + CAP -> (LINKED && L > (y) -> L : (y)) : (n)) /* else what is ahead is left out */
#endif
#ifdef ALLORNONE
#define FITS (b <= k + CAP)
#else
#define FITS true
#endif
#ifdef DELTA
#define GOESON (t > L)
#else
#define GOESON (a <= L && t > L && LINKS(x) && (k > COV || H == 0 || b < nl || nl <= COV))
#endif
#define NAMES (H != 0 && b >= nl && SAME(x, nl))
#define LINKED (a <= L && L <= b && LINKS(x))
#define GIVESWAY (a == 0 && k > COV && !LINKED) /* ours is another log, or goes on behind b */
#ifdef LATER
#define LOSTOLD false
#else
#define LOSTOLD (lr != root && VERSION(fr) < root && (LOGMARK < fr || (H == 0 && !OLDWHOLE)) && !NAMES) /* of an older root, and no head names this */
#endif
#ifdef TAIL
#define ANEW false
#else
#define ANEW (a == 0 && k > COV)
#endif

/* entries a+1..b of branch x: of them those up to k are named by a head, and our share comes to t */
inline gotLog() {
    k = COV;
    if
    :: H != 0 && nl > COV && b >= nl && SAME(x, nl) -> k = nl
    :: else
    fi;
    t = SHARE(b, k);
    if
    :: FITS && (GOESON || ANEW) && !LOSTOLD ->
        printf("entries %d..%d of log %d\n", a + 1, t, x);
        vf = (GIVESWAY && OURS(fr) > t -> OURS(fr) : (lr == root -> vf : 0));
        TAKE(nm = (k > COV -> k : COV); lr = root; ll = t; lb = x; rv = rv | (HONEST(x, t) & ~ENTRIES(a)),
            fr = (MARK(root, t) > fr -> MARK(root, t) : fr), grv = grv | HONEST(x, k))
    :: else
    fi;
    k = 0;
    t = 0
}

#define ISNOW (mr == root && VERSION(ft) <= root) /* under an older root than we had nothing else is taken */

inline deliver() {
    if
    :: m == ROOT && mr > root ->
        printf("root 2\n");
        TAKE(root = 2, ft = MARK(2, 0), gr = 2)
    :: m == HEAD && ISNOW && a > H && REACHES(a, FLOOR(fh)) ->
        printf("head %d of root %d: policy %d, %d entries\n", a, root, x, b);
        TAKE(h = MARK(root, a); np = x; nl = b, fh = MARK(root, a), gh = MARK(root, a))
    :: m == POLICY && ISNOW && MEANT && REACHES(a, FLOOR(fp)) ->
        printf("policy %d of root %d\n", a, root);
        TAKE(p = MARK(root, a), fp = MARK(root, a), gp = MARK(root, a))
    :: m == LOG && ISNOW -> gotLog()
    :: else
    fi;
    clean()
}

inline clean() {
    m = 0;
    mr = 0;
    a = 0;
    b = 0;
    x = 0;
    c = 0
}

inline newHead() {
    he++;
    hl[he] = pub
}

inline rotate() {
    printf("the plane: a new root\n");
    wroot = 2;
    l2 = pub
}

/* the m-th of what is newest now */
inline newest() {
    mr = wroot;
    if
    :: m == HEAD -> a = (wroot == 2 -> 1 : he); x = a; b = (wroot == 2 -> l2 : hl[he])
    :: m == POLICY -> a = (wroot == 2 -> 1 : he)
    :: m == LOG -> b = pub
    :: else
    fi
}
#define FOLLOWS (WHOLE && root == wroot && H == (wroot == 2 -> 1 : he) && P == H && COV >= (wroot == 2 -> l2 : hl[he]))

inline restore() {
    hurt++;
    printf("an old record is put back\n");
    if
    :: ik == HEAD -> h = i1; np = i2; nl = i3
    :: ik == POLICY -> p = i1
    :: ik == LOG -> lr = i1; ll = i2; lb = i3; nm = i4; rv = i5; vf = i6
    fi;
    i1 = 0;
    i2 = 0;
    i3 = 0;
    i4 = 0;
    i5 = 0;
    i6 = 0;
    ik = 0
}

#if defined(CARRY) || defined(LATER)
#define THEFT false        /* refuted without one: a smaller search */
#else
#define THEFT (theft == 0 && (BOTH || hurt == 0))
#endif
#define TOUCH (!up && hurt < HURTS && (BOTH || theft == 0))

init {
    do
    :: d_step { now -> settle() }
    :: atomic {
        !now && up;
        if /* what arrives */
        :: wroot > root -> m = ROOT; mr = wroot
        :: root == 1 && he > 0 -> m = HEAD; mr = 1; select (a : 1 .. E); a = (a > he -> he : a); x = a; b = hl[a]
        :: root == 2 -> m = HEAD; mr = 2; a = 1; x = 1; b = l2
        :: root == 1 && theft == HEAD_KEY -> m = HEAD; mr = 1; a = FAR; x = tp; b = tl
        :: root == 1 -> m = POLICY; mr = 1; select (a : 1 .. E); a = (a > he + 1 -> he + 1 : a)
        :: root == 2 -> m = POLICY; mr = 2; a = 1
        :: pub > 0 -> m = LOG; mr = wroot; select (a : 0 .. N - 1); select (b : 1 .. N);
            b = (b > pub -> pub : b); a = (a >= b -> b - 1 : a)
        :: root == 1 && theft == REV_KEY -> m = LOG; mr = 1; x = 1; select (a : 0 .. N); select (b : 1 .. CAP + 1);
            a = (a > fork -> fork : a); b = fork + b
        fi;
        if
        :: c = 0
        :: c = 1
        fi;
        d_step {
            deliver()
        }
    }
    :: d_step { !now && wroot == 1 && pub < N -> pub++ }
    :: d_step { !now && wroot == 1 && he < E -> newHead() }
    :: d_step { !now && wroot == 1 && (BOTH || ik == 0) -> rotate() }
    :: atomic {
        !now && THEFT;
        theft = HEAD_KEY;
        tl = pub;
        printf("the key of heads is stolen\n");
        if
        :: tp = NONE
        :: tp = he
        :: tl = 0
        fi
    }
    :: atomic {
        !now && THEFT;
        theft = REV_KEY;
        select (fork : 0 .. N);
        fork = (fork > pub -> pub : fork);
        printf("the revoker's key is stolen; its log parts after %d\n", fork)
    }
    :: d_step { !now && up && hurt < HURTS && (BOTH || theft == 0) -> cut() }
    :: d_step { !up -> start() }
    :: d_step { TOUCH && h != 0 -> hurt++; h = 0; np = 0; nl = 0; printf("the head is deleted\n") }
    :: d_step { TOUCH && p != 0 -> hurt++; p = 0; printf("the policy is deleted\n") }
    :: d_step { TOUCH && ll != 0 -> hurt++; lr = 0; ll = 0; lb = 0; nm = 0; vf = 0; rv = 0; printf("the log is deleted\n") }
    :: d_step { TOUCH && root == 2 -> hurt++; root = 1; printf("the root is deleted\n") }
    :: d_step { !kept && TOUCH && wroot == 1 && theft == 0 && h != 0 -> kept = 1; ik = HEAD; i1 = h; i2 = np; i3 = nl }
    :: d_step { !kept && TOUCH && wroot == 1 && theft == 0 && p != 0 -> kept = 1; ik = POLICY; i1 = p }
    :: d_step { !kept && TOUCH && wroot == 1 && theft == 0 && ll != 0 -> kept = 1; ik = LOG; i1 = lr; i2 = ll; i3 = lb; i4 = nm; i5 = rv; i6 = vf }
    :: d_step { TOUCH && ik != 0 -> restore() }
    :: d_step { /* what must hold at every instant */
        !now;
        assert(!up || H == 0 || BEHIND || !LOGWHOLE || (rv & ENTRIES(nl)) == ENTRIES(nl)); /* P6 */
        assert(hurt == 0 || !WHOLE || (root == gr && h >= gh && p >= gp && (rv & grv) == grv)); /* P8 */
        assert(hurt != 0 || !up || (ATCOUNTER && root == gr && h >= gh && p >= gp && (rv & grv) == grv)); /* P9 */
        assert(lb == 0 || ll <= fork + CAP); /* P11 */
        assert(!up || P == 0 || (named & BIT(P)) != 0) /* P12 */
    }
    :: !now -> break
    od;
    skip; /* no loop may end inside a d_step */
    d_step {
        printf("the plane answers; the newest objects arrive\n");
        if
        :: !up -> start()
        :: else
        fi;
        if
        :: theft == HEAD_KEY && wroot == 1 -> rotate()
        :: theft == REV_KEY && wroot == 1 -> newHead()
        :: else
        fi
    }
    do
    :: d_step { now -> settle() }
    :: d_step { !now && n <= LOG -> m = n; newest(); deliver(); n++ }
    :: !now && n > LOG -> break
    od;
    skip;
    d_step {
        assert(hurt == 0 || theft != 0 || (he == 0 && wroot == 1) || FOLLOWS); /* P8 */
        assert(hurt != 0 || (he == 0 && wroot == 1) || FOLLOWS) /* P7 */
    }
}
