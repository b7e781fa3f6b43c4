/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/p11_pin.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pqi_status check(int fd, const char *path)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || (s.st_uid != geteuid() && s.st_uid != 0) ||
        (s.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return pqi_why(PQI_ERR_STORAGE,
            "the PIN file %s must be a file of yours that is closed to others (chmod 600)", path);
    }
    return PQI_OK;
}

static bool read_some(int fd, pqi_span out, size_t *n)
{
    while (*n < out.len) {
        ssize_t done = read(fd, out.ptr + *n, out.len - *n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return done == 0;
        }
        *n += (size_t)done;
    }
    return true;
}

pqi_status pqi_p11_pin_read(const char *path, pqi_span out, size_t *len)
{
    size_t n = 0, line = 0;
    *len = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return pqi_why(PQI_ERR_STORAGE, "cannot open the PIN file %s: %s", path, strerror(errno));
    }
    pqi_status st = check(fd, path);
    if (st == PQI_OK && !read_some(fd, out, &n)) {
        st = pqi_why(PQI_ERR_STORAGE, "cannot read the PIN file %s: %s", path, strerror(errno));
    }
    (void)close(fd);
    while (line < n && out.ptr[line] != '\n' && out.ptr[line] != '\r') {
        line++;
    }
    if (st == PQI_OK && (line == 0 || line == out.len)) {
        st = pqi_why(PQI_ERR_STORAGE,
            "the PIN file %s holds no PIN of 1 to %zu bytes in its first line", path, out.len - 1);
    }
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
        return st;
    }
    pqi_wipe(out.ptr + line, out.len - line);
    *len = line;
    return PQI_OK;
}
