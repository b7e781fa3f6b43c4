/* SPDX-License-Identifier: Apache-2.0
 *
 * m9: the chain of heads, and the roster that they name. Rules (docs/spec/control.md section 5): a head
 * names the hash of the one before it. A second head of the epoch in force, or a next one that goes on
 * from another head than the one in force, is equivocation: stored, and class H stops until a new root.
 * A roster counts when an issuer signed it and the head in force names it; what counted when a head came
 * counts until the next one.
 *
 * Modelled: E honest heads; a thief with the head key, whose heads part from the honest ones at epoch
 * `fork` and go on from an honest head or from its own; heads again, late, never, in any order; power cuts;
 * one new root. Honest rosters are 1, 2, ..; a head names the same as the one before, or the next. A thief
 * with the issuer's key signs FAKE, which no honest head names; the thief with the head key names FAKE,
 * which no issuer signed, or the first roster. Not modelled: both thieves at once, time (m8), floors (m4).
 *
 * P10 (INV-60): class H stops when two heads of one epoch were seen, not otherwise, until a new root.
 * P13 (INV-31): a roster counts only if an issuer signed it and one of the last two heads names it.
 * P14 (INV-24): a roster that counted still counts when the next head names another.
 *
 * @ci       E=3
 * @full     E=5
 * @broken   E=3
 * @variant  LATEST   P10 a second head of the epoch in force is refused and nothing more
 * @variant  NOPREV   P10 the hash of the head before is not compared
 * @variant  SKIPPED  P10 it is compared although heads in between were missed
 * @variant  HEALS    P10 the next head ends the alarm
 * @variant  FORGET   P10 the alarm is not stored
 * @variant  ISSUER   P13 the newest roster that an issuer signed counts
 * @variant  SIGNER   P13 a roster counts when a head names it, whoever signed it
 * @variant  GRACE    P13 the roster before counts until another one does
 * @variant  NOGRACE  P14 a head ends the roster before at once
 */
#ifndef E
#define E 3
#endif
#define FAKE 7
#define HEAD_KEY 1
#define ISSUER_KEY 2

byte he, rn[E + 1];        /* honest heads and the rosters they name */
byte theft, fork, tr;      /* first epoch of the thief's heads; the roster they name */
bool root2;

byte ce, cw, nm;           /* head in force: epoch, whose (0 honest), roster it names */
byte cur, old;             /* rosters that count; 0: none */
bool eq;                   /* the alarm */

bool two;                  /* ghost: two heads of one epoch were seen */
byte nb, ob;               /* ghost: what the head before named, and whether that counted when this one came */
byte e, w, pw, k;

/* is the head that (w, e, pw) goes on from, or is, another one than the one in force? */
#define SECOND (e == ce && w != cw)
#define PARTS (pw != cw)

inline head() {
    if
    :: ce != 0 && (SECOND || (e == ce + 1 && PARTS)) -> two = 1
    :: else
    fi;
    if
#ifndef LATEST
    :: ce != 0 && SECOND -> eq = 1; printf("a second head of epoch %d\n", e)
#endif
#ifndef NOPREV
#ifdef SKIPPED
    :: ce != 0 && e > ce && PARTS ->
#else
    :: ce != 0 && e == ce + 1 && PARTS ->
#endif
        eq = 1;
        printf("head %d goes on from another head %d\n", e, ce)
#endif
    :: else
#ifdef HEALS
        -> eq = (e > ce -> 0 : eq)
#endif
    fi;
    if
    :: e > ce ->
        printf("head %d of %d names roster %d\n", e, w, k);
        nb = nm;
        ob = (cur == nm -> cur : 0);
        ce = e;
        cw = w;
        nm = k;
#if defined(NOGRACE)
        old = 0;
#elif defined(GRACE)
        old = (cur == 0 -> old : cur);
#else
        old = cur;
#endif
#ifdef SIGNER
        cur = nm
#else
        cur = (cur == nm -> cur : 0)
#endif
    :: else
    fi
}

/* roster k, which an issuer signed */
inline roster() {
    if
#ifdef ISSUER
    :: k > cur ->
#else
    :: ce != 0 && k == nm ->
#endif
        cur = k;
        printf("roster %d counts\n", k)
    :: else
    fi
}

inline newRoot() {
    printf("a new root\n");
    root2 = 1;
    ce = 0;
    cw = 0;
    eq = 0;
    two = 0
}

inline clean() {
    e = 0;
    w = 0;
    pw = 0;
    k = 0
}

#define COUNTS(r) ((r) != 0 && (cur == (r) || old == (r)))
#define SIGNED(r) ((r) != FAKE || theft == ISSUER_KEY)
#define NAMED(r) ((r) == nm || (r) == nb)

init {
    do
    :: d_step { he < E -> he++; rn[he] = rn[he - 1]; rn[he] = (he == 1 -> 1 : rn[he]) }
    :: d_step { he < E && he > 0 -> he++; rn[he] = rn[he - 1] + 1 }
    :: atomic {
        theft == 0;
        theft = HEAD_KEY;
        select (fork : 1 .. E);
        if
        :: tr = FAKE
        :: tr = 1
        fi;
        printf("the key of heads is stolen; a second head %d\n", fork)
    }
    :: d_step { theft == 0 -> theft = ISSUER_KEY; printf("an issuer's key is stolen\n") }
    :: atomic {
        he > 0;
        select (e : 1 .. E);
        d_step { e = (e > he -> he : e); k = rn[e]; head(); clean() }
    }
    :: atomic {
        theft == HEAD_KEY && !root2;
        select (e : 1 .. E);
        e = (e < fork -> fork : e);
        if
        :: e > fork -> pw = 1
        :: pw = 0
        fi;
        d_step { w = 1; k = tr; head(); clean() }
    }
    :: atomic { he > 0; select (k : 1 .. E); d_step { k = (k > rn[he] -> rn[he] : k); roster(); clean() } }
    :: d_step { theft == ISSUER_KEY -> k = FAKE; roster(); clean() }
    :: d_step { !root2 && ce != 0 -> newRoot() }
#ifdef FORGET
    :: d_step { eq -> eq = 0; printf("power fails\n") }
#endif
    :: d_step {
        assert(eq == two); /* P10 */
        assert(cur == 0 || (SIGNED(cur) && NAMED(cur))); /* P13 */
        assert(old == 0 || (SIGNED(old) && NAMED(old))); /* P13 */
        assert(ob == 0 || COUNTS(ob)) /* P14 */
    }
    :: break
    od
}
