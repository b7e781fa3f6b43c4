/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/agent_conn.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* ---- one connection ------------------------------------------------------------------------------- */

/* 0; ETIMEDOUT; another errno value. */
static int wait_for(int fd, short events, uint64_t until)
{
    for (;;) {
        uint64_t now = now_ms();
        if (now >= until) {
            return ETIMEDOUT;
        }
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, (int)(until - now));
        if (n > 0) {
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            return errno;
        }
    }
}

static int send_all(int fd, pqi_cspan b, uint64_t until)
{
    while (b.len != 0) {
        ssize_t n = send(fd, b.ptr, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            b.ptr += n;
            b.len -= (size_t)n;
        } else if (errno == EAGAIN) {
            int e = wait_for(fd, POLLOUT, until);
            if (e != 0) {
                return e;
            }
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int recv_all(int fd, uint8_t *to, size_t len, uint64_t until)
{
    while (len != 0) {
        ssize_t n = recv(fd, to, len, MSG_DONTWAIT);
        if (n > 0) {
            to += n;
            len -= (size_t)n;
        } else if (n == 0) {
            return ECONNRESET;
        } else if (errno == EAGAIN) {
            int e = wait_for(fd, POLLIN, until);
            if (e != 0) {
                return e;
            }
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int receive(int fd, const pqi_agent_req *q, pqi_agent_reply *out, uint64_t until)
{
    uint8_t front[PQI_AGENT_LEN];
    int e = recv_all(fd, front, sizeof front, until);
    if (e != 0) {
        return e;
    }
    out->len = pqi_agent_frame_len(front);
    if (out->len == 0) {
        return EBADMSG;
    }
    out->mem = malloc(out->len);
    if (out->mem == NULL) {
        out->len = 0;
        return ENOMEM;
    }
    e = recv_all(fd, out->mem, out->len, until);
    if (e != 0) {
        return e;
    }
    pqi_status st = pqi_agent_resp_read((pqi_cspan){out->mem, out->len}, &out->resp);
    return st == PQI_OK && out->resp.op == q->op && out->resp.id == q->id ? 0 : EBADMSG;
}

void pqi_agent_reply_free(pqi_agent_reply *r)
{
    if (r->mem != NULL) {
        pqi_wipe(r->mem, r->len);
        free(r->mem);
    }
    memset(r, 0, sizeof *r);
}

/* The frame of a request in memory of its own. */
static pqi_status frame_of(const pqi_agent_req *q, pqi_span *out)
{
    size_t len = 0;
    *out = (pqi_span){NULL, 0};
    pqi_status st = pqi_agent_req_write(q, *out, &len);
    if (st != PQI_ERR_SPACE) {
        return st == PQI_OK ? PQI_ERR_ARG : st;
    }
    *out = (pqi_span){malloc(len), len};
    return out->ptr == NULL ? PQI_ERR_LIMIT : pqi_agent_req_write(q, *out, &len);
}

static void frame_free(pqi_span f)
{
    if (f.ptr != NULL) {
        pqi_wipe(f.ptr, f.len);
        free(f.ptr);
    }
}

static int exchange(
    int fd, const pqi_agent_req *q, pqi_cspan frame, pqi_agent_reply *out, uint64_t until)
{
    int e = send_all(fd, frame, until);
    if (e == 0) {
        e = receive(fd, q, out, until);
    }
    if (e != 0) {
        pqi_agent_reply_free(out);
    }
    return e;
}

/* ---- making one ----------------------------------------------------------------------------------- */

/* What the first connection told must hold for all: policy was decided on it. */
static int learn(pqi_agent_pool *p, const pqi_agent_resp *a)
{
    int e = 0;
    (void)pthread_mutex_lock(&p->mutex);
    if (!p->known) {
        p->known = true;
        p->caps = a->n;
        if (a->name.len != 0) {
            memcpy(p->name, a->name.ptr, a->name.len);
        }
    } else if (p->caps != a->n) {
        e = ESTALE;
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return e;
}

static pqi_status greet(pqi_agent_pool *p, int fd, uint64_t until, int *err)
{
    pqi_agent_reply r = {.mem = NULL};
    pqi_span frame;
    pqi_agent_req q = {
        .op = PQI_AGENT_HELLO, .name = {(const uint8_t *)p->store, strlen(p->store)}};
    pqi_status st = frame_of(&q, &frame);
    if (st == PQI_OK) {
        *err = exchange(fd, &q, (pqi_cspan){frame.ptr, frame.len}, &r, until);
        st = *err != 0 ? PQI_ERR_PROVIDER : r.resp.status;
    }
    if (st == PQI_OK) {
        *err = learn(p, &r.resp);
        st = *err != 0 ? PQI_ERR_PROVIDER : PQI_OK;
    }
    frame_free(frame);
    pqi_agent_reply_free(&r);
    return st;
}

static pqi_status dial(pqi_agent_pool *p, int *fd, uint64_t until, int *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    memcpy(to.sun_path, p->path, strlen(p->path) + 1);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* a full queue of a hung agent must not hold us in connect(2) */
    const struct timeval limit = {
        (time_t)(p->timeout_ms / 1000u), (suseconds_t)(p->timeout_ms % 1000u * 1000u)};
    if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        connect(*fd, (const struct sockaddr *)(const void *)&to, sizeof to) != 0) {
        *err = errno;
        if (*fd >= 0) {
            (void)close(*fd);
        }
        *fd = -1;
        return PQI_ERR_PROVIDER;
    }
    pqi_status st = greet(p, *fd, until, err);
    if (st != PQI_OK) {
        (void)close(*fd);
        *fd = -1;
    }
    return st;
}

/* ---- the pool ------------------------------------------------------------------------------------- */

void pqi_agent_pool_init(pqi_agent_pool *p)
{
    (void)pthread_mutex_init(&p->mutex, NULL); /* default attributes: these cannot fail on Linux */
    (void)pthread_cond_init(&p->cond, NULL);
    for (size_t i = 0; i < PQI_AGENT_POOL; i++) {
        p->slot[i].fd = -1;
    }
}

static void close_idle(pqi_agent_pool *p)
{
    for (size_t i = 0; i < PQI_AGENT_POOL; i++) {
        if (!p->slot[i].busy && p->slot[i].fd >= 0) {
            (void)close(p->slot[i].fd);
            p->slot[i].fd = -1;
        }
    }
}

void pqi_agent_pool_end(pqi_agent_pool *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->dead = true;
    close_idle(p);
    (void)pthread_cond_broadcast(&p->cond);
    (void)pthread_mutex_unlock(&p->mutex);
}

void pqi_agent_pool_close(pqi_agent_pool *p)
{
    close_idle(p);
    (void)pthread_cond_destroy(&p->cond);
    (void)pthread_mutex_destroy(&p->mutex);
}

/* A slot of our own, best one with a connection; NULL: the pool has ended. */
static pqi_agent_slot *take(pqi_agent_pool *p, uint32_t *id)
{
    pqi_agent_slot *got = NULL;
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->dead && got == NULL) {
        for (size_t i = 0; i < PQI_AGENT_POOL; i++) {
            pqi_agent_slot *s = &p->slot[i];
            if (!s->busy && (got == NULL || (got->fd < 0 && s->fd >= 0))) {
                got = s;
            }
        }
        if (got == NULL) {
            (void)pthread_cond_wait(&p->cond, &p->mutex);
        }
    }
    if (got != NULL) {
        got->busy = true;
        *id = ++p->next_id;
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return got;
}

/* After a broken connection the idle ones lead to the same agent that is gone. */
static void give_back(pqi_agent_pool *p, pqi_agent_slot *s, bool broken)
{
    (void)pthread_mutex_lock(&p->mutex);
    if (s->fd >= 0 && (broken || p->dead)) {
        (void)close(s->fd);
        s->fd = -1;
    }
    s->busy = false;
    if (broken) {
        close_idle(p);
    }
    (void)pthread_cond_signal(&p->cond);
    (void)pthread_mutex_unlock(&p->mutex);
}

/* The other end is gone, in contrast to slow or confused. */
static bool is_broken_off(int e)
{
    return e == EPIPE || e == ECONNRESET;
}

static pqi_status call_on(pqi_agent_pool *p, pqi_agent_slot *s, const pqi_agent_req *q,
    pqi_cspan frame, pqi_agent_reply *out, int *err)
{
    uint64_t until = now_ms() + p->timeout_ms;
    bool lost = false;
    for (int tries = 0; tries < 2; tries++) {
        if (s->fd < 0) {
            pqi_status st = dial(p, &s->fd, until, err);
            if (st != PQI_OK) {
                return st;
            }
        }
        *err = exchange(s->fd, q, frame, out, until);
        if (*err == 0) {
            out->retried = lost;
            return PQI_OK;
        }
        (void)close(s->fd);
        s->fd = -1;
        lost = true;
        if (!is_broken_off(*err)) {
            break;
        }
    }
    return PQI_ERR_PROVIDER;
}

pqi_status pqi_agent_call(pqi_agent_pool *p, pqi_agent_req *q, pqi_agent_reply *out, int *err)
{
    pqi_span frame;
    memset(out, 0, sizeof *out);
    *err = 0;
    pqi_agent_slot *s = take(p, &q->id);
    if (s == NULL) {
        return PQI_ERR_STATE;
    }
    pqi_status st = frame_of(q, &frame);
    if (st == PQI_OK) {
        st = call_on(p, s, q, (pqi_cspan){frame.ptr, frame.len}, out, err);
    }
    frame_free(frame);
    give_back(p, s, st == PQI_ERR_PROVIDER);
    return st;
}
