/* SPDX-License-Identifier: Apache-2.0
 * A real mosquitto on a free loopback port, in a directory of its own, stopped by pid. */
#ifndef PQI_TESTS_BROKER_H
#define PQI_TESTS_BROKER_H

#include <sys/types.h>

typedef struct broker {
    pid_t pid;
    int port, held; /* a socket that keeps the port for us */
    char dir[64];
    char extra[1024]; /* lines of mosquitto.conf, kept over a restart */
} broker;

/* Starts and waits until the port answers. 0; -1: mosquitto is not installed; -2: it did not start.
 * `extra` are configuration lines beside the listener; NULL: anonymous clients are allowed. */
int broker_start(broker *b, const char *extra);
/* The same port and directory again, after broker_kill(). */
int broker_restart(broker *b);
void broker_kill(broker *b); /* SIGKILL, waits */
void broker_stop(broker *b); /* SIGTERM, waits, removes the directory */

#endif
