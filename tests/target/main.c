/* SPDX-License-Identifier: Apache-2.0
 * usage: PROGRAM selftest | kat ROUNDS | vectors FILE | constant | measure | fault HOW
 * over the one algorithm of this program. Exit code: 0, 1 for a failed check, 2 for wrong usage. */
#include "target.h"

#include <pqi/selftest.h>

int tgt_main(int argc, char **argv);

static void selftest(void)
{
    pqi_algs algs;
    tgt_algs(&algs);
    tgt_reset_arena();
    const size_t needs = pqi_selftest_tmp_len(&algs);
    const pqi_span tmp = tgt_rest();
    if (tmp.len < needs) {
        tgt_skip("selftest", "needs", needs, tmp.len);
        return;
    }
    for (unsigned i = 0; i < pqi_selftest_count(&algs); i++) {
        const char *name = pqi_selftest_name(&algs, i);
        const pqi_status st = pqi_selftest_one(&algs, i, (pqi_span){tmp.ptr, needs});
        if (st == PQI_ERR_UNSUPPORTED) {
            tgt_skip(name, "not in this program", 0, 0);
        } else {
            tgt_ok(st == PQI_OK, "selftest", name);
        }
    }
}

static bool run(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    const char *more = argc > 2 ? argv[2] : NULL;
    if (tgt_same_text(mode, "selftest")) {
        selftest();
    } else if (tgt_same_text(mode, "kat") && more != NULL) {
        tgt_known_answers(tgt_number(more));
    } else if (tgt_same_text(mode, "vectors") && more != NULL) {
        return tgt_vectors(more);
    } else if (tgt_same_text(mode, "constant")) {
        tgt_constant_controls();
        tgt_constant();
    } else if (tgt_same_text(mode, "measure")) {
        tgt_measure();
    } else if (tgt_same_text(mode, "fault") && more != NULL) {
        return tgt_misbehave(more);
    } else {
        return false;
    }
    return true;
}

int tgt_main(int argc, char **argv)
{
    if (!run(argc, argv)) {
        tgt_puts("cannot do that\n");
        return 2;
    }
    tgt_puts("end\n");
    return tgt_failures() == 0 ? 0 : 1;
}
