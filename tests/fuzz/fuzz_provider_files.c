/* SPDX-License-Identifier: Apache-2.0
 * The files of the software provider, docs/spec/provider-files.md section 6: the first byte says whether
 * provider.pqi or counters.pqi is replaced by the rest of the input. Only the genuine bytes open, whatever is
 * refused says why by its status, and no refusal writes to either file. */
#include "port/linux/file_atomic.h"
#include <pqi/host.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX 4096u

static const char *const names[] = {"provider.pqi", "counters.pqi"};
static char dir[] = "/tmp/pqi-fuzz-XXXXXX", key_file[64];
static uint8_t genuine[2][FILE_MAX];
static size_t lens[2];

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* Not synced: nothing here survives the process. */
static void put_file(const char *folder, const char *name, pqi_cspan b)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, b.ptr, b.len) == (ssize_t)b.len && ftruncate(fd, (off_t)b.len) == 0);
    must(close(fd) == 0);
}

static void drop(void)
{
    static const char *const all[] = {"provider.pqi", "counters.pqi", "lock", "kek"};
    char path[64];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, all[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

/* The seeds are the example of the specification. */
static void set_up(void)
{
    static const char *const seeds[] = {"provider", "counters"};
    uint8_t kek[32];
    memset(kek, 7, sizeof kek);
    must(setenv("PQI_SECRET_MEM", "0", 1) == 0); /* taking and giving back secret pages is slow */
    must(mkdtemp(dir) != NULL && atexit(drop) == 0);
    put_file(dir, "kek", (pqi_cspan){kek, sizeof kek});
    (void)snprintf(key_file, sizeof key_file, "%s/kek", dir);
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        (void)snprintf(
            path, sizeof path, PQI_SOURCE_DIR "/tests/fuzz/corpus/provider_files/%s", seeds[i]);
        FILE *f = fopen(path, "rb");
        must(f != NULL && fgetc(f) == (int)i);
        lens[i] = fread(genuine[i], 1, FILE_MAX, f);
        must(fclose(f) == 0);
    }
}

static int lies_there(size_t which, pqi_cspan want)
{
    uint8_t b[FILE_MAX];
    size_t n = 0;
    return pqi_file_read(dir, names[which], sizeof b, (pqi_span){b, sizeof b}, &n) == PQI_OK &&
           n == want.len && (n == 0 || memcmp(b, want.ptr, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static pqi_algs algs;
    pqi_provider *p = NULL;
    if (lens[0] == 0) {
        set_up();
        (void)pqi_host_algs(&algs);
    }
    if (size == 0 || size > FILE_MAX) {
        return 0;
    }
    const size_t which = data[0] & 1u, other = 1 - which;
    const pqi_cspan put = {data + 1, size - 1}, kept = {genuine[other], lens[other]};
    put_file(dir, names[which], put);
    put_file(dir, names[other], kept);
    const pqi_host_provider_cfg cfg = {
        .algs = &algs, .dir = dir, .kek = {.key_file = key_file}, .workers = 1};
    pqi_status st = pqi_host_provider_open(&p, &cfg);
    if (put.len == lens[which] && memcmp(put.ptr, genuine[which], put.len) == 0) {
        must(st == PQI_OK);
        pqi_host_provider_close(p);
    } else {
        must(p == NULL && (st == PQI_ERR_STORAGE || st == PQI_ERR_AUTH));
    }
    must(lies_there(which, put) && lies_there(other, kept));
    return 0;
}
