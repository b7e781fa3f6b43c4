/* SPDX-License-Identifier: Apache-2.0
 * Between driver and software TPM, as an interposer on the bus would be. One client at a time, as the TPM
 * has it: commands and answers are whole messages with their length in bytes 2 to 5 (TPM 2.0 part 1
 * section 18.2). */
#include "rig.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int local(const char *path, bool listening)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof a.sun_path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (listening) {
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(fd, 8), 0);
        return fd;
    }
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool full(int fd, uint8_t *p, size_t n, bool writing)
{
    while (n != 0) {
        ssize_t k = writing ? send(fd, p, n, MSG_NOSIGNAL) : recv(fd, p, n, 0);
        if (k <= 0) {
            return false;
        }
        p += k;
        n -= (size_t)k;
    }
    return true;
}

static bool message(int fd, uint8_t *buf, size_t *len)
{
    if (!full(fd, buf, 10, false)) {
        return false;
    }
    size_t n = (size_t)buf[2] << 24 | (size_t)buf[3] << 16 | (size_t)buf[4] << 8 | buf[5];
    if (n < 10 || n > 4096 || !full(fd, buf + 10, n - 10, false)) {
        return false;
    }
    *len = n;
    return true;
}

static void note(tpm_relay *y, const uint8_t *p, size_t n)
{
    if (n <= RELAY_MAX - y->n) {
        memcpy(y->seen + y->n, p, n);
        y->n += n;
    }
}

static void commands(tpm_relay *y, int down, int up)
{
    uint8_t cmd[4096], rsp[4096];
    size_t n = 0, k = 0;
    while (message(down, cmd, &n)) {
        note(y, cmd, n);
        if (!full(up, cmd, n, true) || !message(up, rsp, &k)) {
            return;
        }
        note(y, rsp, k);
        if ((y->change != NULL && !y->change(cmd, n, rsp, &k)) || !full(down, rsp, k, true)) {
            return;
        }
    }
}

/* The control channel has no secrets; bytes pass as they come. */
static void control(int down, int up)
{
    uint8_t b[512];
    for (;;) {
        struct pollfd p[2] = {{.fd = down, .events = POLLIN}, {.fd = up, .events = POLLIN}};
        if (poll(p, 2, 5000) <= 0) {
            return;
        }
        for (int i = 0; i < 2; i++) {
            if (p[i].revents != 0) {
                ssize_t n = recv(p[i].fd, b, sizeof b, 0);
                if (n <= 0 || !full(p[1 - i].fd, b, (size_t)n, true)) {
                    return;
                }
            }
        }
    }
}

static void serve(tpm_relay *y, int which)
{
    char path[120];
    int down = accept(y->listener[which], NULL, NULL);
    (void)snprintf(path, sizeof path, "%s/sock%s", y->rig->dir, which == 0 ? "" : ".ctrl");
    int up = local(path, false);
    if (down >= 0 && up >= 0) {
        if (which == 0) {
            commands(y, down, up);
        } else {
            control(down, up);
        }
    }
    if (down >= 0) {
        (void)close(down);
    }
    if (up >= 0) {
        (void)close(up);
    }
}

static void *loop(void *arg, int which)
{
    tpm_relay *y = arg;
    for (;;) {
        struct pollfd p[2] = {
            {.fd = y->listener[which], .events = POLLIN}, {.fd = y->stop[0], .events = POLLIN}};
        if (poll(p, 2, -1) < 0 || p[1].revents != 0) {
            return NULL;
        }
        serve(y, which);
    }
}

static void *loop_control(void *arg)
{
    return loop(arg, 1);
}

static void *loop_commands(void *arg)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, loop_control, arg), 0);
    (void)loop(arg, 0);
    (void)pthread_join(t, NULL);
    return NULL;
}

void tpm_relay_start(tpm_relay *y, const tpm_rig *r)
{
    static unsigned n;
    char ctrl[120];
    memset(y, 0, sizeof *y);
    y->rig = r;
    y->seen = malloc(RELAY_MAX);
    assert_non_null(y->seen);
    (void)snprintf(y->path, sizeof y->path, "%s/relay-%u", r->dir, n++);
    (void)snprintf(ctrl, sizeof ctrl, "%s.ctrl", y->path);
    y->listener[0] = local(y->path, true);
    y->listener[1] = local(ctrl, true);
    assert_int_equal(pipe(y->stop), 0);
    assert_int_equal(pthread_create(&y->thread, NULL, loop_commands, y), 0);
}

void tpm_relay_end(tpm_relay *y)
{
    assert_int_equal(write(y->stop[1], "xx", 2), 2);
    assert_int_equal(pthread_join(y->thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(y->listener[i]);
        (void)close(y->stop[i]);
    }
    free(y->seen);
}

bool tpm_relay_saw(const tpm_relay *y, const uint8_t *what, size_t n)
{
    return memmem(y->seen, y->n, what, n) != NULL;
}
