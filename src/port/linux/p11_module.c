/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/p11.h"
#include "port/linux/why.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define LIBS "/usr/lib/x86_64-linux-gnu"
#elif defined(__aarch64__)
#define LIBS "/usr/lib/aarch64-linux-gnu"
#elif defined(__arm__)
#define LIBS "/usr/lib/arm-linux-gnueabihf"
#elif defined(__s390x__)
#define LIBS "/usr/lib/s390x-linux-gnu"
#else
#define LIBS "/usr/lib"
#endif
#define LIBS_SOFTHSM LIBS "/softhsm"
#define LIBS_PKCS11  LIBS "/pkcs11"

/* Where distributions put modules; the first hit counts. */
static const char *const places[] = {
    LIBS_PKCS11,
    LIBS_SOFTHSM,
    LIBS,
    "/usr/lib64/pkcs11",
    "/usr/lib64/softhsm",
    "/usr/lib64",
    "/usr/lib/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib",
    "/usr/local/lib/pkcs11",
    "/usr/local/lib/softhsm",
    "/usr/local/lib",
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static pqi_p11_module *registry;

void pqi_p11_lock(void)
{
    (void)pthread_mutex_lock(&registry_lock);
}

void pqi_p11_unlock(void)
{
    (void)pthread_mutex_unlock(&registry_lock);
}

/* RFC 7512 section 2.3: a module name is the file name without "lib" and the suffix. */
static pqi_status resolve(const char *name, char *out, size_t room)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (size_t j = 0; j < 2; j++) {
            int n = j == 0 ? snprintf(out, room, "%s/lib%s.so", places[i], name)
                           : snprintf(out, room, "%s/%s.so", places[i], name);
            if (n > 0 && (size_t)n < room && access(out, R_OK) == 0) {
                return PQI_OK;
            }
        }
    }
    return pqi_why(PQI_ERR_PROVIDER,
        "there is no PKCS#11 module %s in the usual directories: give its file by module-path=",
        name);
}

static bool is_ours(const struct stat *s)
{
    return s->st_uid == 0 || s->st_uid == geteuid();
}

static bool others_write(const struct stat *s)
{
    return (s->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* Who can write a folder can put another file there between a look and the loading; in a sticky one he
 * cannot touch what is ours. */
static pqi_status check_folders(const char *path)
{
    char part[PQI_P11_PATH_MAX + 1];
    size_t n = strlen(path);
    memcpy(part, path, n + 1);
    while (n > 1) {
        struct stat s;
        while (n > 1 && part[n - 1] != '/') {
            n--;
        }
        n -= n > 1 ? 1u : 0u;
        part[n] = '\0';
        if (stat(part, &s) != 0 || !is_ours(&s) ||
            (others_write(&s) && (s.st_mode & S_ISVTX) == 0)) {
            return pqi_why(PQI_ERR_PROVIDER,
                "the PKCS#11 module %s is in the folder %s, which must be yours or root's and "
                "which "
                "nobody else may write",
                path, part);
        }
    }
    return PQI_OK;
}

/* Code of the module gets the PIN: nobody else may be able to change it. */
static pqi_status check_file(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0) {
        return pqi_why(
            PQI_ERR_PROVIDER, "cannot open the PKCS#11 module %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(s.st_mode) || !is_ours(&s) || others_write(&s)) {
        return pqi_why(PQI_ERR_PROVIDER,
            "the PKCS#11 module %s must be a file of yours or root's that nobody else can write",
            path);
    }
    return check_folders(path);
}

/* The one name of a file, without links: known() knows it by that. */
static pqi_status real_path(char path[PQI_P11_PATH_MAX + 1])
{
    char *real = realpath(path, NULL);
    if (real == NULL || strlen(real) > PQI_P11_PATH_MAX) {
        int e = real == NULL ? errno : ENAMETOOLONG;
        free(real);
        return pqi_why(
            PQI_ERR_PROVIDER, "cannot open the PKCS#11 module %s: %s", path, strerror(e));
    }
    (void)snprintf(path, PQI_P11_PATH_MAX + 1, "%s", real);
    free(real);
    return PQI_OK;
}

/* The functions of PKCS#11 3.2, where the module itself has them: dlsym() also finds those of a library
 * that it needs, as libp11-kit. `own` is a symbol of the module. */
static void look_for_32(pqi_p11_module *m, void *dl, void *own)
{
    Dl_info here, there;
    pqi_ck_get_interface get;
    pqi_ck_interface *found = NULL;
    struct ck_version version = {3, 2};
    unsigned char name[] = "PKCS 11";
    void *symbol = dlsym(dl, "C_GetInterface");
    if (symbol == NULL || dladdr(own, &here) == 0 || dladdr(symbol, &there) == 0 ||
        here.dli_fbase != there.dli_fbase) {
        return;
    }
    memcpy(&get, &symbol, sizeof get);
    if (get(name, &version, &found, 0) != CKR_OK || found == NULL || found->functions == NULL) {
        return;
    }
    pqi_ck_functions_32 *f = found->functions;
    if (f->base.version.major == 3 && f->base.version.minor >= 2) {
        m->f = &f->base;
        m->decapsulate = f->decapsulate;
    }
}

static pqi_status load(pqi_p11_module *m)
{
    ck_rv_t (*get)(struct ck_function_list * *list);
    pqi_status st = check_file(m->path);
    if (st != PQI_OK) {
        return st;
    }
    void *dl =
        dlopen(m->path, RTLD_NOW | RTLD_LOCAL); /* for good: not every module can be unloaded */
    if (dl == NULL) {
        return pqi_why(PQI_ERR_PROVIDER, "cannot load the PKCS#11 module: %.200s", dlerror());
    }
    void *symbol = dlsym(dl, "C_GetFunctionList");
    if (symbol == NULL) {
        (void)dlclose(dl);
        return pqi_why(PQI_ERR_PROVIDER, "%s is no PKCS#11 module", m->path);
    }
    memcpy(&get, &symbol, sizeof get);
    ck_rv_t rv = get(&m->f);
    if (rv != CKR_OK || m->f == NULL || m->f->version.major < 2) {
        m->f = NULL;
        return pqi_why(PQI_ERR_PROVIDER, "the PKCS#11 module %s is older than version 2", m->path);
    }
    look_for_32(m, dl, symbol);
    return PQI_OK;
}

static pqi_status initialise(pqi_p11_module *m)
{
    struct ck_c_initialize_args args;
    memset(&args, 0, sizeof args);
    args.flags = CKF_OS_LOCKING_OK;
    ck_rv_t rv = m->f->C_Initialize(&args);
    m->ours = rv == CKR_OK || (m->ours && m->pid == getpid());
    m->pid = getpid();
    pqi_p11_note(rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv);
    if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        return PQI_OK;
    }
    const pqi_p11_rv *r = pqi_p11_rv_of(rv);
    return pqi_why(PQI_ERR_PROVIDER, "the PKCS#11 module %s does not start: %s (%s, 0x%lx)",
        m->path, r->text, r->name, rv);
}

static pqi_p11_module *known(const char *path)
{
    for (pqi_p11_module *m = registry; m != NULL; m = m->next) {
        if (strcmp(m->path, path) == 0) {
            return m;
        }
    }
    return NULL;
}

static pqi_status new_module(const char *path, pqi_p11_module **out)
{
    pqi_p11_module *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return PQI_ERR_LIMIT;
    }
    (void)snprintf(m->path, sizeof m->path, "%s", path);
    pqi_status st = load(m);
    if (st != PQI_OK) {
        free(m);
        return st;
    }
    m->next = registry;
    registry = m;
    *out = m;
    return PQI_OK;
}

pqi_status pqi_p11_module_take(const pqi_p11_uri *uri, pqi_p11_module **out)
{
    char path[PQI_P11_PATH_MAX + 1];
    pqi_status st = PQI_OK;
    if ((uri->has & PQI_P11_MODULE_PATH) != 0) {
        (void)snprintf(path, sizeof path, "%s", uri->module_path);
    } else if ((uri->has & PQI_P11_MODULE_NAME) != 0) {
        st = resolve(uri->module_name, path, sizeof path);
    } else {
        st = pqi_why(PQI_ERR_ARG, "the URI names no module: add ?module-path=/path/of/module.so");
    }
    if (st == PQI_OK) {
        st = real_path(path);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_p11_module *m = known(path);
    if (m == NULL) {
        st = new_module(path, &m);
    }
    if (st == PQI_OK && m->pid != getpid()) { /* after a fork the child starts anew */
        m->users = 0;
        m->tokens = NULL; /* those of the parent: its memory is not ours to free */
    }
    if (st == PQI_OK && m->users == 0) {
        st = initialise(m);
    }
    if (st == PQI_OK) {
        m->users++;
        *out = m;
    }
    return st;
}

void pqi_p11_module_drop(pqi_p11_module *m)
{
    if (m->pid == getpid() && --m->users == 0 && m->ours) {
        m->ours = m->f->C_Finalize(NULL) != CKR_OK; /* or the next C_Initialize finds it running */
    }
}
