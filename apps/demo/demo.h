/* SPDX-License-Identifier: Apache-2.0
 * The programs behind `make demo`: devices that measure this machine, a control room, and an
 * attacker. They use the public headers only, as any application would. */
#ifndef PQI_APPS_DEMO_H
#define PQI_APPS_DEMO_H

#include <pqi/host_node.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define DEMO_TEXT_MAX 1024

/* Options shared by the roles: --name value, in any order. */
typedef struct demo_args {
    const char *role, *dir, *key_file, *broker_port, *kind, *to, *stats, *log, *capture, *out,
        *count, *interval_ms, *id, *seconds, *sessions, *stolen, *cls;
} demo_args;

int demo_device(const demo_args *a);
int demo_control(const demo_args *a);
int demo_attack(const demo_args *a);   /* capture, replay, alter, reroute, flood, republish */
int demo_insider(const demo_args *a);  /* a certified device that steps out of its scope */
int demo_announce(const demo_args *a); /* writes the announcement of a device directory to a file */
int demo_rate_send(const demo_args *a); /* tools/bench-mqtt */
int demo_rate_recv(const demo_args *a);

extern volatile sig_atomic_t demo_stop;
/* SIGUSR1: a thief takes the memory of this process; of a control room without --stolen: emergency stop */
extern volatile sig_atomic_t demo_steal;
extern volatile sig_atomic_t demo_refresh; /* SIGUSR2: a new session, although there is one */

uint64_t demo_us(void); /* monotonic microseconds: the same clock for all processes of a machine */
long demo_long(const char *s, long otherwise);
/* --class: of commands; M when it is not given */
pqi_class demo_class(const demo_args *a);

/* Opens device and node; NULL after printing why. */
pqi_host_device *demo_open_device(const demo_args *a);
pqi_host_node *demo_open_node(const demo_args *a, pqi_host_device *d);

/* What the signals ask for; call it in the loop. */
void demo_signals(const demo_args *a, pqi_host_node *n);

/* "plant/<id>/<leaf>" */
void demo_topic(char out[PQI_TOPIC_MAX], const char *id, const char *leaf);

/* Appends "peer topic payload" to the log that the demonstration compares at the end. */
void demo_log(FILE *f, const char *peer, pqi_cspan topic, pqi_cspan payload);

/* Counters of the endpoint as JSON, written whole or not at all. `more`: extra members, or "". */
void demo_stats(const demo_args *a, pqi_host_node *n, const char *more);

/* Readings of this machine, JSON text without the closing brace. */
void demo_read_load(char *out, size_t cap);
void demo_read_io(char *out, size_t cap);
double demo_temperature(void); /* degrees Celsius; below -273 when this machine has no sensor */

#endif
