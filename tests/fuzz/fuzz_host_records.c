/* SPDX-License-Identifier: Apache-2.0
 * What the host keeps in its stores: a device's identity record, the delegates of a control plane, and the
 * file that names a directory's provider. What is taken is written again as the same bytes; what is
 * refused leaves nothing. The first byte of the input says which. */
#include "port/linux/control_int.h"
#include "port/linux/device_int.h"
#include "port/linux/provider_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[2 * sizeof(pqi_device_record)];

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void same(pqi_status st, size_t n, pqi_cspan in)
{
    must(st == PQI_OK && n == in.len && (n == 0 || memcmp(again, in.ptr, n) == 0));
}

static void identity(pqi_cspan in)
{
    static const pqi_device_record zero;
    static pqi_device_record r;
    size_t n = 0;
    if (pqi_device_record_decode(in, &r) != PQI_OK) {
        must(memcmp(&r, &zero, sizeof r) == 0);
        return;
    }
    pqi_status st = pqi_device_record_encode(&r, (pqi_span){again, sizeof again}, &n);
    same(st, n, in);
}

static void delegates(pqi_cspan in)
{
    static pqi_delegate d[PQI_DELEGATES_MAX];
    uint32_t n = 0;
    size_t len = 0;
    pqi_status st = pqi_control_delegates_read(in, d, &n);
    must(n <= PQI_DELEGATES_MAX);
    if (st == PQI_OK) {
        st = pqi_control_delegates_write(d, n, (pqi_span){again, sizeof again}, &len);
        same(st, len, in);
    }
}

/* Not synced: nothing here survives the process. */
static void put_file(const char *dir, const char *name, pqi_cspan b)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, b.ptr, b.len) == (ssize_t)b.len && ftruncate(fd, (off_t)b.len) == 0);
    must(close(fd) == 0);
}

static const char *folder(void)
{
    static char dir[] = "/tmp/pqi-fuzz-XXXXXX";
    static int made;
    if (!made) {
        must(mkdtemp(dir) != NULL);
        made = 1;
    }
    return dir;
}

static void drop(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/" PQI_URI_FILE, folder());
    (void)unlink(path);
    (void)rmdir(folder());
}

static void provider(pqi_cspan in)
{
    static int known_exit;
    static char uri[PQI_HOSTP_URI_MAX];
    bool known = true;
    if (!known_exit) {
        known_exit = 1;
        must(atexit(drop) == 0);
    }
    put_file(folder(), PQI_URI_FILE, in);
    if (pqi_uri_of_dir(folder(), NULL, uri, &known) != PQI_OK) {
        must(!known);
        return;
    }
    must(known && strlen(uri) + 1 == in.len && memcmp(uri, in.ptr, in.len - 1) == 0 &&
         in.ptr[in.len - 1] == '\n' && pqi_uri_scheme(uri) != PQI_SCHEME_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(pqi_cspan in) = {identity, delegates, provider};
    if (size != 0) {
        parts[data[0] % 3u]((pqi_cspan){data + 1, size - 1});
    }
    return 0;
}
