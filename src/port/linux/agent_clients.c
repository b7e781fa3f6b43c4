/* SPDX-License-Identifier: Apache-2.0
 * Connections of clients: admission, frames in, answers out. None of them can hold up another: nothing
 * here waits, and who is slow in the middle of a frame or an answer is cut off. */
#include "port/linux/agent_loop_int.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_MS  5000u  /* from connect to the end of HELLO */
#define FRAME_MS  10000u /* from the first byte of a frame to its last */
#define ANSWER_MS 10000u
#define HELLO_MAX 256u /* bytes of a frame of who is not known yet */
#define FIRST_CAP 16384u

static void drop(uint8_t **p, size_t len)
{
    if (*p != NULL) {
        pqi_wipe(*p, len);
        free(*p);
        *p = NULL;
    }
}

void pqi_agent_client_close(pqi_agent_client *c)
{
    if (c->state != PQI_AGENT_FREE) {
        (void)close(c->fd);
        drop(&c->in, c->in_cap);
        drop(&c->out, c->out_cap);
    }
    memset(c, 0, sizeof *c);
    c->fd = -1;
}

/* ---- admission ------------------------------------------------------------------------------------ */

static bool read_peer(int fd, pqi_agent_peer *who)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    memset(who, 0, sizeof *who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || len != sizeof cred) {
        return false;
    }
    who->uid = cred.uid;
    who->gid = cred.gid;
    who->pid = cred.pid;
    len = sizeof who->groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, who->groups, &len) == 0) {
        who->n_groups = len / sizeof who->groups[0]; /* more than fit: none counts */
    }
    return true;
}

static unsigned count_of(const pqi_agent_loop *l, uid_t uid)
{
    unsigned n = 0;
    for (size_t i = 0; i < l->n; i++) {
        n += l->client[i].state != PQI_AGENT_FREE && l->client[i].session.who.uid == uid;
    }
    return n;
}

static bool is_idle(const pqi_agent_client *c)
{
    return c->state == PQI_AGENT_READING && c->front_len == 0;
}

/* In a full house: who has not said who they are, else the longest idle one of whom has most. */
static pqi_agent_client *victim(pqi_agent_loop *l)
{
    pqi_agent_client *best = NULL;
    unsigned best_n = 0;
    for (size_t i = 0; i < l->n; i++) {
        pqi_agent_client *c = &l->client[i];
        if (c->state == PQI_AGENT_READING && c->session.store == NULL) {
            return c;
        }
        unsigned n = is_idle(c) ? count_of(l, c->session.who.uid) : 0;
        if (n > best_n || (n != 0 && n == best_n && best != NULL && c->since < best->since)) {
            best = c;
            best_n = n;
        }
    }
    return best_n > 1 ? best : NULL;
}

static pqi_agent_client *free_place(pqi_agent_loop *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->client[i].state == PQI_AGENT_FREE) {
            return &l->client[i];
        }
    }
    pqi_agent_client *c = victim(l);
    if (c != NULL) {
        pqi_agent_client_close(c);
    }
    return c;
}

static void refuse(pqi_agent_loop *l, int fd, const pqi_agent_peer *who)
{
    const pqi_agent_event e = {"connect", who, NULL, NULL, PQI_ERR_LIMIT};
    pqi_agent_audit_refused(&l->core->audit, &e);
    (void)close(fd);
}

void pqi_agent_client_accept(pqi_agent_loop *l, uint64_t now_ms)
{
    pqi_agent_peer who;
    int fd = accept4(l->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (!read_peer(fd, &who)) {
        (void)close(fd);
        return;
    }
    pqi_agent_client *c =
        count_of(l, who.uid) < l->core->config->clients_per_user ? free_place(l) : NULL;
    if (c == NULL) {
        refuse(l, fd, &who);
        return;
    }
    memset(c, 0, sizeof *c);
    c->fd = fd;
    c->session.who = who;
    c->state = PQI_AGENT_READING;
    c->since = ++l->order;
    c->until = now_ms + HELLO_MS;
}

/* ---- frames --------------------------------------------------------------------------------------- */

static void hang_up(pqi_agent_loop *l, pqi_agent_client *c, const char *why)
{
    const pqi_agent_event e = {why, &c->session.who, NULL, NULL, PQI_ERR_DECODE};
    pqi_agent_audit_refused(&l->core->audit, &e);
    pqi_agent_client_close(c);
}

/* Memory follows the bytes that came, not the length that was announced. */
static bool make_room(pqi_agent_client *c)
{
    if (c->in_len < c->in_cap) {
        return true;
    }
    size_t cap = c->in_cap == 0 ? FIRST_CAP : c->in_cap * 2;
    cap = cap < c->in_need ? cap : c->in_need;
    uint8_t *more = malloc(cap);
    if (more == NULL) {
        return false;
    }
    if (c->in_len != 0) {
        memcpy(more, c->in, c->in_len);
    }
    drop(&c->in, c->in_cap);
    c->in = more;
    c->in_cap = cap;
    return true;
}

/* > 0: bytes; 0: nothing now; -1: gone. */
static ssize_t receive(int fd, uint8_t *to, size_t room)
{
    ssize_t n = recv(fd, to, room, MSG_DONTWAIT);
    if (n > 0) {
        return n;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static bool read_front(pqi_agent_loop *l, pqi_agent_client *c, uint64_t now_ms)
{
    ssize_t n = receive(c->fd, c->front + c->front_len, sizeof c->front - c->front_len);
    if (n < 0) {
        pqi_agent_client_close(c);
        return false;
    }
    if (n > 0 && c->front_len == 0 && c->session.store != NULL) {
        c->until = now_ms + FRAME_MS;
    }
    c->front_len += (size_t)n;
    if (c->front_len != sizeof c->front) {
        return false;
    }
    c->in_need = pqi_agent_frame_len(c->front);
    if (c->in_need == 0 || (c->session.store == NULL && c->in_need > HELLO_MAX)) {
        hang_up(l, c, "frame");
        return false;
    }
    return true;
}

bool pqi_agent_client_read(pqi_agent_loop *l, pqi_agent_client *c, uint64_t now_ms)
{
    if (c->front_len != sizeof c->front && !read_front(l, c, now_ms)) {
        return false;
    }
    if (!make_room(c)) {
        pqi_agent_client_close(c);
        return false;
    }
    ssize_t n = receive(c->fd, c->in + c->in_len, c->in_cap - c->in_len);
    if (n < 0) {
        pqi_agent_client_close(c);
        return false;
    }
    c->in_len += (size_t)n;
    if (c->in_len != c->in_need) {
        return false;
    }
    if (pqi_agent_req_read((pqi_cspan){c->in, c->in_len}, &c->req) != PQI_OK) {
        hang_up(l, c, "frame");
        return false;
    }
    c->until = 0;
    c->since = ++l->order;
    c->state = PQI_AGENT_QUEUED;
    return true;
}

/* The request and its answer are gone; the next one may come. */
static void next_request(pqi_agent_loop *l, pqi_agent_client *c)
{
    drop(&c->in, c->in_cap);
    drop(&c->out, c->out_cap);
    c->in_need = c->in_cap = c->in_len = c->front_len = 0;
    c->out_cap = c->out_len = c->out_sent = 0;
    c->until = 0;
    c->since = ++l->order;
    c->state = PQI_AGENT_READING;
    if (c->session.store == NULL) {
        pqi_agent_client_close(c); /* was told that it is not admitted */
    }
}

void pqi_agent_client_write(pqi_agent_loop *l, pqi_agent_client *c, uint64_t now_ms)
{
    if (c->state == PQI_AGENT_DONE) {
        c->state = PQI_AGENT_WRITING;
        c->until = now_ms + ANSWER_MS;
    }
    if (c->out_len == 0) {
        pqi_agent_client_close(c);
        return;
    }
    ssize_t n =
        send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            pqi_agent_client_close(c);
        }
        return;
    }
    c->out_sent += (size_t)n;
    if (c->out_sent == c->out_len) {
        next_request(l, c);
    }
}
