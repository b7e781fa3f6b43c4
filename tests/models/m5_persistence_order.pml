/* SPDX-License-Identifier: Apache-2.0
 *
 * m5: the order in which the resumption secret RMS of an epoch is written and erased.
 *
 * Modelled: P proposes a round from epoch e to e+1, Q answers; the roles are drawn anew for every
 * round. At any point the power of either or both may fail: what is left is what stands in flash,
 * and RESUME needs a generation of RMS that both hold. A write is whole or absent (the two-slot
 * journal sees to that). Not modelled: boot counters, restored images.
 *
 * W1 (INV-94): at every instant both flashes hold a generation in common, so RESUME needs no
 *     operator and no handshake.
 * W2 (INV-94): a generation is erased by the time the round after it ends: never more than two.
 *
 * @ci       MAXE=4
 * @full     MAXE=6
 * @broken   MAXE=4
 * @variant  LATE   W1  RMS of e+1 is written when the peer is heard in e+1, not before
 * @variant  ERASE  W1  RMS of e is erased when that of e+1 is derived
 * @variant  HOARD  W2  RMS of e is kept when the peer is heard in e+1
 */
#ifndef MAXE
#define MAXE 4
#endif
#define BIT(e) (1 << (e))

byte nv[2] = 1;            /* generations of RMS in each flash, one bit each */
byte cur[2];               /* epoch in RAM */
byte p;                    /* proposer of this round; the other side is Q */
bool answered, derived, flipped; /* Q answered, P sends in e+1, Q sends in e+1 */
byte common, e;

#if defined(ERASE)
#define WRITE(x) nv[x] = BIT(cur[p] + 1)
#elif defined(LATE)
#define WRITE(x) skip
#else
#define WRITE(x) nv[x] = nv[x] | BIT(cur[p] + 1)
#endif
#ifdef HOARD
#define HEARD(x) nv[x] = nv[x] | BIT(cur[p])
#else
#define HEARD(x) nv[x] = BIT(cur[p])
#endif
/* no bit left after taking the two lowest away */
#define AT_MOST_TWO(b) (((b) & ((b) - 1) & (((b) & ((b) - 1)) - 1)) == 0)

inline resume() {
    printf("power fails, RESUME; flash holds %d and %d\n", nv[0], nv[1]);
    common = nv[0] & nv[1];
    assert(common != 0); /* W1 */
    e = MAXE;
    do
    :: e > 0 && !(common & BIT(e)) -> e--
    :: else -> break
    od;
    cur[0] = e;
    cur[1] = e;
    nv[0] = BIT(e);
    nv[1] = BIT(e);
    answered = 0;
    derived = 0;
    flipped = 0;
    common = 0;
    e = 0
}

init {
    do
    :: atomic {
        !answered && cur[0] == cur[1] && cur[0] < MAXE ->
        if
        :: p = 0
        :: p = 1
        fi;
        WRITE(1 - p); /* before the first symbol of its answer leaves */
        answered = 1;
        printf("%d answers the round to epoch %d\n", 1 - p, cur[p] + 1)
    }
    :: d_step {
        answered && !derived ->
        WRITE(p); /* before its first packet in e+1 */
        cur[p] = cur[p] + 1;
        derived = 1;
        printf("%d sends in epoch %d\n", p, cur[p])
    }
    :: d_step {
        derived && !flipped ->
        cur[1 - p] = cur[p];
        flipped = 1;
        HEARD(1 - p);
        printf("%d hears it, sends in epoch %d\n", 1 - p, cur[p])
    }
    :: d_step {
        flipped ->
        HEARD(p);
        answered = 0;
        derived = 0;
        flipped = 0;
        printf("%d hears that\n", p)
    }
    :: d_step { true -> resume() }
    :: d_step { assert(AT_MOST_TWO(nv[0]) && AT_MOST_TWO(nv[1])) } /* W2 */
    :: cur[0] == MAXE && cur[1] == MAXE -> break
    od
}
