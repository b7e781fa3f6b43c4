/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/agent_loop_int.h"

#include "port/linux/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* ---- workers -------------------------------------------------------------------------------------- */

static unsigned running_of(const pqi_agent_loop *l, uid_t uid)
{
    unsigned n = 0;
    for (size_t i = 0; i < l->n; i++) {
        n += l->client[i].state == PQI_AGENT_RUNNING && l->client[i].session.who.uid == uid;
    }
    return n;
}

/* The user with the fewest requests at work comes first, then who came first. One user never gets the
 * last worker, so that the others do not wait for a slow device that serves only him. */
static pqi_agent_client *next(pqi_agent_loop *l)
{
    pqi_agent_client *best = NULL;
    unsigned best_n = 0;
    const unsigned most = l->n_workers > 1 ? l->n_workers - 1 : 1;
    for (size_t i = 0; i < l->n; i++) {
        pqi_agent_client *c = &l->client[i];
        if (c->state != PQI_AGENT_QUEUED) {
            continue;
        }
        unsigned n = running_of(l, c->session.who.uid);
        if (n < most && (best == NULL || n < best_n || (n == best_n && c->since < best->since))) {
            best = c;
            best_n = n;
        }
    }
    return best;
}

static void work(pqi_agent_loop *l, pqi_agent_client *c)
{
    c->out_cap = pqi_agent_room(&c->req);
    c->out = malloc(c->out_cap);
    if (c->out != NULL) {
        pqi_agent_serve(l->core, &c->session, &c->req, (pqi_span){c->out, c->out_cap}, &c->out_len);
    }
}

static void *worker(void *arg)
{
    pqi_agent_loop *l = arg;
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&l->mutex);
    while (!l->quit) {
        pqi_agent_client *c = next(l);
        if (c == NULL) {
            (void)pthread_cond_wait(&l->cond, &l->mutex);
            continue;
        }
        c->state = PQI_AGENT_RUNNING;
        (void)pthread_mutex_unlock(&l->mutex);
        work(l, c);
        (void)pthread_mutex_lock(&l->mutex);
        c->state = PQI_AGENT_DONE;
        (void)pthread_cond_signal(&l->cond); /* its user may have one more at work now */
        if (write(l->wake_fd, &one, sizeof one) != (ssize_t)sizeof one) {
            continue; /* the counter is full: the I/O thread is woken anyway */
        }
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return NULL;
}

/* ---- I/O ------------------------------------------------------------------------------------------ */

/* Room in poll[] for every client in its place; who is with a worker is not looked at. */
static int prepare(pqi_agent_loop *l, uint64_t now)
{
    uint64_t soonest = now + 60000u;
    l->poll[0] = (struct pollfd){.fd = l->listen_fd, .events = POLLIN};
    l->poll[1] = (struct pollfd){.fd = l->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < l->n; i++) {
        const pqi_agent_client *c = &l->client[i];
        struct pollfd *p = &l->poll[i + 2];
        *p = (struct pollfd){.fd = -1};
        if (c->state == PQI_AGENT_READING || c->state == PQI_AGENT_WRITING) {
            p->fd = c->fd;
            p->events = c->state == PQI_AGENT_READING ? POLLIN : POLLOUT;
            if (c->until != 0 && c->until < soonest) {
                soonest = c->until;
            }
        }
    }
    return soonest <= now ? 0 : (int)(soonest - now);
}

static void serve_client(pqi_agent_loop *l, pqi_agent_client *c, short events, uint64_t now)
{
    if (c->state == PQI_AGENT_DONE) {
        pqi_agent_client_write(l, c, now);
    } else if (events != 0 && c->state == PQI_AGENT_WRITING) {
        pqi_agent_client_write(l, c, now);
    } else if (events != 0 && c->state == PQI_AGENT_READING) {
        if (pqi_agent_client_read(l, c, now)) {
            (void)pthread_cond_signal(&l->cond);
        }
    }
    bool ours = c->state == PQI_AGENT_READING || c->state == PQI_AGENT_WRITING;
    if (ours && c->until != 0 && now >= c->until) {
        pqi_agent_client_close(c);
    }
}

static void look(pqi_agent_loop *l, uint64_t now)
{
    uint64_t woken;
    if (l->poll[1].revents != 0 && read(l->wake_fd, &woken, sizeof woken) < 0) {
        l->poll[1].revents = 0; /* another round will tell */
    }
    (void)pthread_mutex_lock(&l->mutex);
    for (size_t i = 0; i < l->n; i++) {
        serve_client(l, &l->client[i], l->poll[i + 2].revents, now);
    }
    if (l->poll[0].revents != 0) {
        pqi_agent_client_accept(l, now);
    }
    (void)pthread_mutex_unlock(&l->mutex);
}

pqi_status pqi_agent_loop_run(pqi_agent_loop *l, const volatile sig_atomic_t *stop,
    volatile sig_atomic_t *again, void (*reload)(pqi_agent_core *core))
{
    sigset_t open;
    (void)sigemptyset(&open);
    while (*stop == 0) {
        if (*again != 0) {
            *again = 0;
            reload(l->core);
        }
        uint64_t now = now_ms();
        (void)pthread_mutex_lock(&l->mutex);
        int wait = prepare(l, now);
        (void)pthread_mutex_unlock(&l->mutex);
        const struct timespec t = {wait / 1000, wait % 1000 * 1000000L};
        int n = ppoll(l->poll, l->n + 2, &t, &open); /* signals come here only */
        if (n < 0 && errno != EINTR) {
            return pqi_why(PQI_ERR_PROVIDER, "poll: %s", strerror(errno));
        }
        if (n >= 0) {
            look(l, now_ms());
        }
        pqi_agent_audit_settle(&l->core->audit, false);
    }
    return PQI_OK;
}

/* ---- life ----------------------------------------------------------------------------------------- */

pqi_status pqi_agent_loop_new(pqi_agent_loop **out, pqi_agent_core *core, int listen_fd)
{
    pqi_agent_loop *l = calloc(1, sizeof *l);
    *out = l;
    if (l == NULL) {
        return PQI_ERR_LIMIT;
    }
    l->core = core;
    l->listen_fd = listen_fd;
    l->n = core->config->clients;
    for (size_t i = 0; i < PQI_AGENT_CLIENTS_MAX; i++) {
        l->client[i].fd = -1;
    }
    (void)pthread_mutex_init(&l->mutex, NULL);
    (void)pthread_cond_init(&l->cond, NULL);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->n_workers = core->config->workers;
    bool good = l->wake_fd >= 0;
    while (good && l->n_started < l->n_workers) {
        good = pthread_create(&l->worker[l->n_started], NULL, worker, l) == 0;
        l->n_started += good ? 1u : 0u;
    }
    if (!good) {
        pqi_agent_loop_free(l);
        *out = NULL;
        return pqi_why(PQI_ERR_LIMIT, "cannot start the workers");
    }
    return PQI_OK;
}

void pqi_agent_loop_free(pqi_agent_loop *l)
{
    if (l == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&l->mutex);
    l->quit = true;
    (void)pthread_cond_broadcast(&l->cond);
    (void)pthread_mutex_unlock(&l->mutex);
    for (unsigned i = 0; i < l->n_started; i++) {
        (void)pthread_join(l->worker[i], NULL);
    }
    for (size_t i = 0; i < l->n; i++) {
        pqi_agent_client_close(&l->client[i]);
    }
    if (l->wake_fd >= 0) {
        (void)close(l->wake_fd);
    }
    (void)close(l->listen_fd);
    (void)pthread_cond_destroy(&l->cond);
    (void)pthread_mutex_destroy(&l->mutex);
    free(l);
}
