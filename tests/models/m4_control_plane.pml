/* SPDX-License-Identifier: Apache-2.0
 *
 * m4: what a device believes about revocations and heads when the broker is hostile.
 *
 * Modelled: a log of N revocations, sent as deltas (entry k revokes key k) and as snapshots, in any
 * order, again, or never; a signed head that names a root version and a sequence number, with a floor
 * on the device; a thief with the online head key, until the root rotates it. Not modelled: the
 * signatures, time.
 *
 * P6 (INV-68): nothing the device counts as known is missing: each entry up to its counter is
 *     revoked.
 * P7 (INV-60): once the root has rotated the key and packets arrive, the device follows the head:
 *     a stolen online key cannot put the floor out of reach.
 *
 * @ci       N=4
 * @full     N=12
 * @broken   N=4
 * @variant  DELTA  P6  a delta with any higher number is taken
 * @variant  FLAT   P7  floors are not bound to a root version
 */
#ifndef N
#define N 4
#endif
#define STOLEN 200                 /* sequence number the thief signs */

bool rev[N + 1];                   /* key k is revoked on the device */
byte have, pub;                    /* entries known, entries published */
byte root = 1, floorR = 1, floorS; /* root version; floor of heads: root version, number */
bool thief, rotated;
byte d;

inline delta(k) {
    if
#ifdef DELTA
    :: k > have ->
#else
    :: k == have + 1 -> /* contiguous, or wait for a snapshot */
#endif
        rev[k] = 1;
        have = k;
        printf("delta %d taken\n", k)
    :: else
    fi
}

inline snapshot(k) {
    if
    :: k > have ->
        for (d : 1 .. k) {
            rev[d] = 1
        }
        have = k;
        d = 0;
        printf("snapshot %d taken\n", k)
    :: else
    fi
}

inline head(r, s) {
    if
#ifdef FLAT
    :: r == root && s > floorS ->
#else
    :: r == root && (r > floorR || (r == floorR && s > floorS)) ->
#endif
        floorR = r;
        floorS = s;
        printf("head %d of root %d taken\n", s, r)
    :: else
    fi
}

inline rotate() {
    rotated = 1;
    root = 2;
    printf("the root rotates the key of heads\n")
}

init {
    do
    :: d_step { pub < N -> pub++ }
    :: atomic {
        select (d : 1 .. N);
        if
        :: d <= pub -> delta(d)
        :: else
        fi;
        d = 0
    }
    :: d_step { pub > 0 -> snapshot(pub) }
    :: d_step { !thief -> thief = 1; head(1, STOLEN) }
    :: d_step { thief && !rotated -> rotate() }
    :: d_step { !thief || rotated -> head(root, pub) }
    :: break
    od;
    skip; /* no loop may end inside a d_step */
    d_step {
        for (d : 1 .. have) {
            assert(rev[d]) /* P6 */
        }
        if
        :: thief && !rotated -> rotate()
        :: else
        fi;
        pub = N;
        snapshot(pub);
        head(root, pub + 1);
        assert(floorR == root && floorS == pub + 1) /* P7 */
    }
}
