/* SPDX-License-Identifier: Apache-2.0
 * Numbered points between the steps of a durable write, where tests end the process or let a step
 * fail. In a program that sets no hook a point costs one load. */
#ifndef PQI_PORT_LINUX_TEST_POINT_H
#define PQI_PORT_LINUX_TEST_POINT_H

/* Each point stands before the step that it names. */
enum pqi_point {
    PQI_POINT_FILE_TEMP = 1,   /* nothing happened yet */
    PQI_POINT_FILE_WRITE = 2,  /* an empty temporary file exists */
    PQI_POINT_FILE_HALF = 3,   /* half of the content is in it */
    PQI_POINT_FILE_SYNC = 4,   /* all of it, not yet on the disk */
    PQI_POINT_FILE_RENAME = 5, /* on the disk under the temporary name */
    PQI_POINT_FILE_DIR = 6,    /* renamed, the directory not yet synced */
    PQI_POINT_FILE_DONE = 7,   /* durable; a failure here has no meaning and is ignored */
    PQI_POINT_FILE_LAST = 7,
    PQI_POINT_DB_SEND = 16, /* a statement goes to PostgreSQL */
    PQI_POINT_DB_DONE = 17  /* its answer is here */
};

/* Returns 0 to go on or an errno value with which the step fails. */
typedef int (*pqi_point_hook)(unsigned point);

/* For tests, before any thread uses the port; NULL removes it. */
void pqi_host_set_point_hook(pqi_point_hook hook);

/* 0, or the errno value asked for by the hook. */
int pqi_host_kill_point(unsigned point);

#endif
