/* SPDX-License-Identifier: Apache-2.0
 *
 * m8: time without clocks. Rules (docs/spec/control.md section 3): a device keeps its lead, the largest
 * (tick number - uptime) that it heard, so that uptime + lead is the least that the newest tick of the
 * fleet can be; what it knows is as old as that number is above the newest tick it has. An answer over its
 * own nonce sets the lead, up or down, as of when it asked. Stored is the number that uptime + lead gave;
 * it goes on from there after a start, but the device is UNKNOWN until it hears what is newer than what
 * it has, or an answer; where the record was deleted, until an answer. The first head of a new root sets the
 * newest tick, also down, and leaves the age.
 *
 * Modelled: the fleet makes TICKS ticks, the unit of time; the broker delivers each as late as it likes
 * or never, holds answers, gives old ones; power fails, with or without the hourly record, which may be
 * deleted; a thief with the head key makes a tick that is far ahead. Uptime goes as fast as the fleet. `est` is uptime + lead.
 * Not modelled: signatures, heads, dates; clocks of different speed.
 *
 * T1 (INV-74): after an answer to its own question a device never takes what it knows for younger than
 *     it is, until it was off.
 * T2 (INV-74): with ticks alone it is wrong by no more than the first tick of this start was late,
 *     however slowly later ones are let through.
 * T3 (INV-74): after a start it is wrong by no more than before, the time that it was off, and uptime that
 *     no record holds.
 * T4 (INV-101): after a start nothing that was known before makes it know the time.
 * T5 (INV-105): once the network behaves, and a theft was answered by a new root, it knows the time.
 * T6 (INV-66): ticks of a delegate count no longer after the fleet's last tick than the policy allows, but
 *     for the same error.
 *
 * @ci       TICKS=4
 * @full     TICKS=6
 * @broken   TICKS=4
 * @variant  LATE     T1  an answer holds as of when it arrives
 * @variant  NONCE    T1  an answer to an earlier question is taken
 * @variant  AGE      T2  the age is the uptime since the last tick
 * @variant  FORGET   T3  after a start the lead begins with the first tick
 * @variant  DELETED  T3  a deleted record says that what comes next is new
 * @variant  REMEMBER T4  after a start the time goes on from the record
 * @variant  AGAIN    T4  the tick that it has makes it know the time
 * @variant  RAISE    T5  an answer raises the lead only
 * @variant  KEEP     T5  under a new root the newest tick stays what it was
 * @variant  NOLIMIT  T6  ticks of a delegate count without end
 */
#ifndef TICKS
#define TICKS 4
#endif
#define FRESH 1            /* ages up to this are fresh */
#define LOCAL 2            /* ticks of a delegate count until the fleet's are so old */
#define FAR (TICKS + 9)    /* the thief's tick */
#define STARTS 1
#ifdef AGE
#define ASKS false         /* T2 is of ticks alone */
#else
#define ASKS true
#endif
#define FOREVER 200

byte fleet;                /* newest tick there is */
bool up = 1, known, asked, site;
byte newest, est, rec;     /* newest tick here; uptime + lead, in memory and in the record */
byte since, heard;         /* ticks of uptime since it asked, since it heard a delegate's tick */
byte ans, old;             /* answers that the network holds, + 1: to the open question, to an earlier one */
byte starts, before;       /* starts; newest tick here when it started */
bool lost;                 /* the record is gone: no tick tells the time */
bool told, thief, root2;   /* an answer was taken in this start; a thief's tick was made; a new root */
byte err = FOREVER;        /* ghost: by how much it may be wrong */
byte k;

#define MAX(a, b) ((a) > (b) -> (a) : (b))
#ifdef NOLIMIT
#define TOPICFRESH (site && heard <= FRESH)
#else
#define TOPICFRESH (site && heard <= FRESH && est <= newest + LOCAL)
#endif
#define WRONG (fleet > est -> fleet - est : 0)

inline sure() {
#ifdef DELETED
    known = 1;
#else
    known = !lost;
#endif
    err = (WRONG < err -> WRONG : err)
}

inline hear(t) {
    if
#ifdef AGAIN
    :: t >= newest && t != 0 ->
#else
    :: t > newest ->
#endif
        printf("hears tick %d of %d\n", t, fleet);
        newest = t;
#if defined(AGE)
        est = t;
#elif defined(FORGET)
        est = (known -> MAX(est, t) : t);
#else
        est = MAX(est, t);
#endif
        sure()
    :: else
    fi
}

inline takeAnswer(t) {
    lost = 0;
    printf("an answer says tick %d of %d, asked %d ago\n", t, fleet, since);
#if defined(LATE)
    est = t;
#elif defined(RAISE)
    est = MAX(est, t + since);
#else
    est = t + since;
#endif
    newest = MAX(newest, t);
    asked = 0;
    told = 1;
    since = 0;
    ans = 0;
    sure()
}

inline ask() {
    old = MAX(old, ans);
    ans = 0;
    asked = 1;
    since = 0
}

inline tick() {
    fleet++;
    if
    :: up ->
        est++;
        since = (asked -> since + 1 : 0);
        heard = (site && heard <= FRESH -> heard + 1 : heard)
    :: else -> err = (err < FOREVER -> err + 1 : err)
    fi
}

inline off() {
    up = 0;
    known = 0;
    asked = 0;
    told = 0;
    site = 0;
    heard = 0;
    since = 0;
    old = MAX(old, ans);
    ans = 0
}

inline start() {
    printf("starts, record says %d\n", rec);
    up = 1;
    est = rec;
    before = newest;
#ifdef REMEMBER
    known = 1;
#endif
    starts++
}

inline newRoot() {
    printf("a new root, whose head is at tick %d\n", k);
    root2 = 1;
#ifndef KEEP
    before = 0;
    est = (k >= newest -> MAX(est, k) : (est > newest -> k + est - newest : k));
    newest = k;
#endif
    told = 0;
    lost = 0;
    err = FOREVER;
    sure()
}

init {
    do
    :: d_step { fleet < TICKS -> tick() }
    :: atomic { up && fleet > 0; select (k : 1 .. TICKS); d_step { k = (k > fleet -> fleet : k); hear(k); k = 0 } }
    :: d_step { up && thief && !root2 -> hear(FAR) }
    :: d_step { !thief && fleet > 0 -> thief = 1; printf("a thief makes tick %d\n", FAR) }
    :: atomic { up && thief && !root2; select (k : 1 .. TICKS); d_step { k = (k > fleet -> fleet : k); newRoot(); k = 0 } }
    :: d_step { up && ASKS -> ask() }
    :: d_step { asked && ans == 0 -> ans = fleet + 1 }
    :: d_step { asked && ans != 0 && ans > newest -> k = ans - 1; takeAnswer(k); k = 0 }
#ifdef NONCE
    :: d_step { asked && old > newest -> k = old - 1; takeAnswer(k); k = 0 }
#endif
    :: d_step { up -> site = 1; heard = 0 }
    :: d_step { up && rec != est -> rec = est }
    :: d_step { up && starts < STARTS -> err = (err + est - rec > FOREVER -> FOREVER : err + est - rec); off() }
    :: d_step { !up -> start() }
    :: d_step { !up && newest != 0 && !lost -> lost = 1; newest = 0; rec = 0; printf("the record is deleted\n") }
    :: d_step {
        assert(!known || !told || fleet <= est); /* T1 */
        assert(!known || starts > 0 || fleet <= est + err); /* T2 */
        assert(!known || starts == 0 || fleet <= est + err); /* T3 */
        assert(!known || told || newest > before); /* T4 */
        assert(!known || !TOPICFRESH || fleet <= newest + LOCAL + err) /* T6 */
    }
    :: break
    od;
    skip; /* no loop may end inside a d_step */
    d_step {
        printf("the network behaves\n");
        if
        :: !up -> start()
        :: else
        fi;
        k = fleet;
        if
        :: thief && !root2 -> newRoot()
        :: else
        fi;
        hear(fleet);
        ask();
        if
        :: fleet >= newest -> takeAnswer(fleet)
        :: else
        fi;
        assert(known && newest == fleet && est == fleet) /* T5 */
    }
}
