/* SPDX-License-Identifier: Apache-2.0
 * Cost of packets that a pair refuses, by kind: pair_bench. Times are of this machine; medians of 9
 * runs. No test: nothing here passes or fails. What is accepted: pqi bench session, pqi bench fleet. */
#include "session/pair_rig.h"

#include <time.h>

static pr_net g;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

/* One refused packet, many times. */
static void refused(const char *what, const uint8_t *b, size_t len, const uint8_t *topic, size_t tl)
{
    enum { RUNS = 9, N = 400 };
    pr_end *e = &g.e[1];
    pqi_pair_event ev = {0};
    double v[RUNS];
    for (unsigned r = 0; r < RUNS; r++) {
        double t = now_us();
        for (unsigned i = 0; i < N; i++) {
            pqi_status st = pqi_pair_receive(&e->env, &e->at[0], (pqi_cspan){topic, tl},
                (pqi_cspan){b, len}, (pqi_span){pr_plain, sizeof pr_plain}, &ev);
            if (st != PQI_OK || !(ev.what & PQI_PAIR_EV_DROP)) {
                printf("%s: not refused\n", what);
                return;
            }
        }
        v[r] = (now_us() - t) / N;
    }
    printf("%-34s %5zu B  %7.2f us  %s\n", what, len, median(v, RUNS), pqi_drop_name(ev.drop));
}

static void changed(const char *what, size_t at, size_t byte)
{
    static uint8_t b[PR_PACKET];
    memcpy(b, pr_log[at].b, pr_log[at].len);
    b[byte] ^= 1;
    refused(what, b, pr_log[at].len, pr_log[at].topic, pr_log[at].topic_len);
}

static void packets(const pr_case *c)
{
    printf("%s\n", c->name);
    size_t k = 0, at = 0;
    pr_make(&g, c);
    pr_handshake(&g, 0, 1);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pr_pull(&g, 0, 1, &at);
    pr_give(&g, at); /* role R */
    size_t resp = 0, conf = 0;
    pr_pull(&g, 1, 0, &resp);
    changed("INIT, one bit wrong (hot, cold)", at, 100);
    refused("INIT, another topic", pr_log[at].b, pr_log[at].len, (const uint8_t *)"x", 1);
    refused("INIT, cut", pr_log[at].b, pr_log[at].len - 1, pr_log[at].topic, pr_log[at].topic_len);
    pr_give(&g, resp);
    pr_pull(&g, 0, 1, &conf);
    changed("CONF, one bit wrong", conf, 12);
    pr_give(&g, conf);
    pr_settle(&g, 0, 1);
    changed("CONF, replayed", conf, 3);
    refused("CONF, stale", pr_log[conf].b, pr_log[conf].len, pr_log[conf].topic,
        pr_log[conf].topic_len);
    refused("INIT, replayed (challenge)", pr_log[at].b, pr_log[at].len, pr_log[at].topic,
        pr_log[at].topic_len);
    if (pr_say(&g, 0, 1, "a message of forty bytes, more or less..", &k) == PQI_OK) {
        changed("DATA, one bit wrong", k, 20);
        static uint8_t far[100];
        memcpy(far, pr_log[k].b, pr_log[k].len);
        far[6] = 0;
        far[7] = 0x0f; /* a jump within the superblocks that may begin */
        refused("DATA, far ahead", far, pr_log[k].len, pr_log[k].topic, pr_log[k].topic_len);
        pr_give(&g, k);
        refused("DATA, replayed", pr_log[k].b, pr_log[k].len, pr_log[k].topic, pr_log[k].topic_len);
        memcpy(far, pr_log[k].b, pr_log[k].len);
        far[2] ^= 1;
        refused("DATA, unknown index", far, pr_log[k].len, pr_log[k].topic, pr_log[k].topic_len);
    }
    uint8_t nosess[PQI_HS_NOSESS_LEN] = {PQI_HS_T_NOSESS, 0, 1}, topic[PQI_TOPIC_MAX];
    size_t tl = pqi_pair_topic_write(PQI_PAIR_TOPIC_SESSION, g.e[1].self.id, g.e[0].self.id, topic);
    refused("NOSESS, forged (hot, cold)", nosess, sizeof nosess, topic, tl);
    uint8_t resume[PQI_HS_RESUME1_LEN] = {PQI_HS_T_RESUME1};
    resume[5] = resume[17] = 1;
    refused("RESUME1, forged", resume, sizeof resume, topic, tl);
}

int main(void)
{
    for (size_t i = 0; i < 2; i++) {
        packets(&pr_cases[i]);
    }
    return 0;
}
