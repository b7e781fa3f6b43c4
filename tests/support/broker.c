/* SPDX-License-Identifier: Apache-2.0 */
#include "support/broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int tcp(int port, int listening)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        return -1;
    }
    const int on = 1;
    int rc = listening ? setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) |
                             bind(fd, (struct sockaddr *)&a, sizeof a)
                       : connect(fd, (struct sockaddr *)&a, sizeof a);
    if (rc != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A port that nobody else gets as long as this socket is open; a socket with SO_REUSEADDR as
 * mosquitto's can listen on it all the same. */
static int reserve_port(broker *b)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    b->port = -1;
    b->held = tcp(0, 1);
    if (b->held >= 0 && getsockname(b->held, (struct sockaddr *)&a, &n) == 0) {
        b->port = ntohs(a.sin_port);
    }
    return b->port > 0;
}

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    (void)nanosleep(&t, NULL);
}

static int write_conf(const broker *b)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/m.conf", b->dir);
    FILE *f = fopen(path, "w");
    if (!f) {
        return -1;
    }
    (void)fprintf(f,
        "listener %d 127.0.0.1\n%s\nmax_inflight_messages 1000\nmax_queued_messages 0\n"
        "set_tcp_nodelay true\n",
        b->port, b->extra[0] ? b->extra : "allow_anonymous true");
    if (geteuid() == 0) {
        (void)fprintf(f, "user root\n");
    }
    return fclose(f);
}

int broker_restart(broker *b)
{
    const char *exe = "/usr/sbin/mosquitto";
    if (access(exe, X_OK) != 0) {
        return -1;
    }
    if (write_conf(b) != 0) {
        return -2;
    }
    char conf[128], log[128];
    (void)snprintf(conf, sizeof conf, "%s/m.conf", b->dir);
    (void)snprintf(log, sizeof log, "%s/m.log", b->dir);
    b->pid = fork();
    if (b->pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (fd >= 0) {
            (void)dup2(fd, 1);
            (void)dup2(fd, 2);
        }
        (void)execl(exe, "mosquitto", "-c", conf, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; b->pid > 0 && i < 12000; i++) {
        int fd = tcp(b->port, 0);
        if (fd >= 0) {
            (void)close(fd);
            return 0;
        }
        if (waitpid(b->pid, NULL, WNOHANG) == b->pid) {
            break;
        }
        pause_ms(10);
    }
    return -2;
}

int broker_start(broker *b, const char *extra)
{
    memset(b, 0, sizeof *b);
    (void)snprintf(b->dir, sizeof b->dir, "/tmp/pqi-broker-XXXXXX");
    if (!mkdtemp(b->dir)) {
        return -2;
    }
    (void)snprintf(b->extra, sizeof b->extra, "%s", extra ? extra : "");
    return reserve_port(b) ? broker_restart(b) : -2;
}

static void end(broker *b, int sig)
{
    if (b->pid > 0) {
        (void)kill(b->pid, sig);
        (void)waitpid(b->pid, NULL, 0);
        b->pid = 0;
    }
}

void broker_kill(broker *b)
{
    end(b, SIGKILL);
}

void broker_stop(broker *b)
{
    end(b, SIGTERM);
    (void)close(b->held);
    const char *files[] = {"m.conf", "m.log", "pw", "acl", "ca.pem", "ca.key", "s.pem", "s.key",
        "s.csr", "ca.srl", "other.pem", "other.key"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", b->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(b->dir);
}
