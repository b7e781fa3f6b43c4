/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT PQI_SOURCE_DIR "/tests/tpm/swtpm.sh"

static int run(const char *cmd)
{
    int rc = system(cmd); /* NOLINT: fixed commands of tests */
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

bool tpm_rig_have(void)
{
    return run(SCRIPT " have 2>&1 | sed 's/^/# /'; " SCRIPT " have 2>/dev/null") == 0;
}

void tpm_rig_make(tpm_rig *r)
{
    char cmd[300];
    memset(r, 0, sizeof *r);
    /* the stack tells of every error that the TPM answers, and these tests ask for many */
    assert_int_equal(setenv("TSS2_LOG", "all+none", 0), 0);
    memcpy(r->dir, "/tmp/pqi-tpm-XXXXXX", sizeof "/tmp/pqi-tpm-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(cmd, sizeof cmd, SCRIPT " make %s", r->dir);
    assert_int_equal(run(cmd), 0);
    tpm_rig_start(r);
    tpm_rig_options(r, NULL);
    tpm_rig_new_keys(r);
}

void tpm_rig_start(tpm_rig *r)
{
    char cmd[300];
    int pid = 0;
    (void)snprintf(cmd, sizeof cmd, SCRIPT " start %s", r->dir);
    FILE *f = popen(cmd, "re"); /* NOLINT */
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    assert_int_equal(pclose(f), 0);
    r->pid = pid;
}

void tpm_rig_kill(tpm_rig *r)
{
    assert_true(r->pid > 1);
    assert_int_equal(kill(r->pid, SIGKILL), 0);
    for (int i = 0; i < 500 && kill(r->pid, 0) == 0; i++) { /* init reaps it */
        (void)usleep(10000);
    }
    r->pid = 0;
}

void tpm_rig_end(tpm_rig *r)
{
    if (r->pid != 0) {
        tpm_rig_kill(r);
    }
    assert_int_equal(tpm_rig_sh(r, "rm -rf '%s'", r->dir), 0);
}

void tpm_rig_new_keys(tpm_rig *r)
{
    static unsigned n;
    (void)snprintf(r->keys, sizeof r->keys, "%s/keys-%u", r->dir, n++);
    assert_int_equal(mkdir(r->keys, 0700), 0);
}

void tpm_rig_options(tpm_rig *r, const char *options)
{
    (void)snprintf(r->uri, sizeof r->uri, "tpm:swtpm:path=%s/sock%s%s", r->dir,
        options != NULL ? "?" : "", options != NULL ? options : "");
}

int tpm_rig_sh(const tpm_rig *r, const char *format, ...)
{
    char cmd[600], tcti[120];
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(cmd, sizeof cmd, format, ap);
    va_end(ap);
    (void)snprintf(tcti, sizeof tcti, "swtpm:path=%s/sock", r->dir);
    assert_int_equal(setenv("TPM2TOOLS_TCTI", tcti, 1), 0);
    return run(cmd);
}

static unsigned count(tpm_conn *c, TPM2_HANDLE first)
{
    TPMI_YES_NO more;
    TPMS_CAPABILITY_DATA *d = NULL;
    assert_int_equal(Esys_GetCapability(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                         TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES, &more, &d),
        TSS2_RC_SUCCESS);
    unsigned n = d->data.handles.count;
    Esys_Free(d);
    return n;
}

static unsigned ask(const tpm_rig *r, bool persistent)
{
    tpm_uri u;
    tpm_conn c;
    char uri[120];
    (void)snprintf(uri, sizeof uri, "tpm:swtpm:path=%s/sock", r->dir);
    assert_int_equal(pqi_tpm_uri_parse(uri, &u), PQI_OK);
    assert_int_equal(pqi_tpm_open(&c, &u), PQI_OK);
    unsigned n = persistent ? count(&c, (TPM2_HANDLE)TPM2_HT_PERSISTENT << 24)
                            : count(&c, (TPM2_HANDLE)TPM2_HT_TRANSIENT << 24) +
                                  count(&c, (TPM2_HANDLE)TPM2_HT_LOADED_SESSION << 24);
    pqi_tpm_close(&c);
    return n;
}

unsigned tpm_rig_loaded(const tpm_rig *r)
{
    return ask(r, false);
}

unsigned tpm_rig_persistent(const tpm_rig *r)
{
    return ask(r, true);
}

pqi_status tpm_rig_open(tpm_rig *r, const char *secret, int create, pqi_host_element **out)
{
    const pqi_element_cfg cfg = {.uri = r->uri,
        .dir = r->keys,
        .secret = {(const uint8_t *)secret, secret != NULL ? strlen(secret) : 0},
        .create = create};
    pqi_why_clear();
    pqi_status st = pqi_tpm_element_open(out, &cfg);
    assert_true((st == PQI_OK) == (*out != NULL));
    return st;
}
