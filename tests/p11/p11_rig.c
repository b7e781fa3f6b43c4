/* SPDX-License-Identifier: Apache-2.0 */
#include "p11/p11_rig.h"

#include "port/linux/why.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int p11_rig_present(void)
{
    if (access(PQI_SOFTHSM, R_OK) == 0 && access("/usr/bin/softhsm2-util", X_OK) == 0) {
        return 1;
    }
    print_message("# SKIP softhsm2 is not installed\n");
    return 0;
}

static int run_to(const char *out, const char *const argv[])
{
    posix_spawn_file_actions_t fa;
    pid_t child = -1;
    int status = -1;
    char *args[32];
    size_t n = 0;
    for (; argv[n] != NULL; n++) {
        assert_true(n < 31);
        memcpy(&args[n], &argv[n], sizeof args[n]);
    }
    args[n] = NULL;
    assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&fa, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&fa, 1, 2), 0);
    assert_int_equal(posix_spawnp(&child, argv[0], &fa, NULL, args, environ), 0);
    (void)posix_spawn_file_actions_destroy(&fa);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int p11_rig_run(const p11_rig *r, const char *const argv[])
{
    char out[64];
    (void)snprintf(out, sizeof out, "%s/out", r->top);
    return run_to(out, argv);
}

const char *p11_rig_output(const p11_rig *r)
{
    static char text[16384];
    char out[64];
    (void)snprintf(out, sizeof out, "%s/out", r->top);
    FILE *f = fopen(out, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return text;
}

void p11_rig_token(const char *label, int again)
{
    const char *const fresh[] = {"softhsm2-util", "--init-token", "--free", "--label", label,
        "--pin", P11_PIN, "--so-pin", "567890", NULL};
    const char *const anew[] = {"softhsm2-util", "--init-token", "--token", label, "--label", label,
        "--pin", P11_PIN, "--so-pin", "567890", NULL};
    assert_int_equal(run_to("/dev/null", again ? anew : fresh), 0);
}

void p11_rig_uri(char out[256], const char *token, const char *more)
{
    int n = snprintf(out, 256, "pkcs11:token=%s?module-path=%s%s", token, PQI_SOFTHSM, more);
    assert_true(n > 0 && n < 256);
}

void p11_rig_make(p11_rig *r)
{
    char path[64];
    memset(r, 0, sizeof *r);
    memcpy(r->top, "/tmp/pqi-p11-XXXXXX", sizeof "/tmp/pqi-p11-XXXXXX");
    assert_non_null(mkdtemp(r->top));
    (void)snprintf(path, sizeof path, "%s/tokens", r->top);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(r->dir, sizeof r->dir, "%s/a", r->top);
    (void)snprintf(r->dir_b, sizeof r->dir_b, "%s/b", r->top);
    assert_int_equal(mkdir(r->dir, 0700), 0);
    assert_int_equal(mkdir(r->dir_b, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/softhsm2.conf", r->top);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f,
        "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
        r->top);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
    p11_rig_token("one", 0);
    p11_rig_uri(r->uri, "one", "");
    int n =
        snprintf(r->fake_uri, sizeof r->fake_uri, "pkcs11:token=one?module-path=%s", PQI_FAKE_P11);
    assert_true(n > 0 && (size_t)n < sizeof r->fake_uri);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s;
    (void)kind;
    return at->level == 0 ? 0 : remove(path);
}

void p11_rig_clear(const char *dir)
{
    assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void p11_rig_end(p11_rig *r)
{
    p11_rig_clear(r->top);
    assert_int_equal(rmdir(r->top), 0);
    (void)unsetenv("SOFTHSM2_CONF");
}

pqi_status p11_rig_try(
    const char *uri, const char *dir, const char *pin, int create, pqi_host_element **e)
{
    const pqi_element_cfg cfg = {.uri = uri,
        .dir = dir,
        .secret = {(const uint8_t *)pin, pin != NULL ? strlen(pin) : 0},
        .create = create};
    pqi_why_clear();
    pqi_status st = pqi_p11_element_open(e, &cfg);
    if (st != PQI_OK) {
        assert_null(*e);
        assert_true(pqi_why_get()[0] != '\0');
    }
    return st;
}

pqi_host_element *p11_rig_open(const char *uri, const char *dir, int create)
{
    pqi_host_element *e = NULL;
    pqi_status st = p11_rig_try(uri, dir, P11_PIN, create, &e);
    if (st != PQI_OK) {
        print_message("# %s\n", pqi_why_get());
    }
    assert_int_equal(st, PQI_OK);
    assert_non_null(e);
    return e;
}
