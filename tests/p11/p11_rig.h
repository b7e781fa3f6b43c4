/* SPDX-License-Identifier: Apache-2.0
 * SoftHSM in a private directory, with tokens of its own, for tests of the PKCS#11 driver. */
#ifndef PQI_TESTS_P11_RIG_H
#define PQI_TESTS_P11_RIG_H

#include "pqi_test.h"

#include "port/linux/element.h"

#include <pqi/host.h>

#define P11_PIN "1234"

typedef struct p11_rig {
    char top[40]; /* everything is below */
    char dir[64]; /* of the provider; "b" beside it is another one */
    char dir_b[64];
    char uri[256];      /* the token "one" by SoftHSM itself */
    char fake_uri[256]; /* the same through fake_p11_module.so */
} p11_rig;

/* 0: SoftHSM is not installed, and a line "# SKIP" was printed. */
int p11_rig_present(void);

/* Makes the directories and the token "one". */
void p11_rig_make(p11_rig *r);
void p11_rig_end(p11_rig *r);

/* One more token, or the one of this label once more: its objects are gone. */
void p11_rig_token(const char *label, int again);

/* Runs a program, its output goes to r->top/out. Returns its exit code. */
int p11_rig_run(const p11_rig *r, const char *const argv[]);
/* That output. */
const char *p11_rig_output(const p11_rig *r);

/* Empties a directory. */
void p11_rig_clear(const char *dir);

pqi_status p11_rig_try(
    const char *uri, const char *dir, const char *pin, int create, pqi_host_element **e);
pqi_host_element *p11_rig_open(const char *uri, const char *dir, int create);

/* "token=%s" of SoftHSM with a query. */
void p11_rig_uri(char out[256], const char *token, const char *more);

#endif
