/* SPDX-License-Identifier: Apache-2.0 */
#include "std_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* open(2) gives the lowest number that is free, and 0 to fd - 1 are taken. The wrong way round on purpose. */
static bool hold(int fd)
{
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) {
        return true;
    }
    return open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) == fd;
}

bool pqi_std_fds(void)
{
    return hold(STDIN_FILENO) && hold(STDOUT_FILENO) && hold(STDERR_FILENO);
}
