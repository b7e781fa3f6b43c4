/* SPDX-License-Identifier: Apache-2.0
 * usage: adversary_sim [off|prefer|require [MODES [quick|slow [plane]]]]    Sessions, their modes (PQI_MODES_*,
 * hex), healing after a few messages, and a control plane.
 * Reads schedules from standard input, each ended by a line "end", and prints
 * the events of each, ended by a line ".". */
#include "adversary/sim.h"

static sim w;

static int run_line(char *line)
{
    char *save = NULL;
    uint64_t arg[SIM_ARGS] = {0};
    const char *verb = strtok_r(line, " \t\n", &save);
    if (verb == NULL || verb[0] == '#' || strcmp(verb, "qos-change") == 0) {
        /* what a network in memory has no use for */
        return 1;
    }
    for (size_t i = 0; i < SIM_ARGS; i++) {
        const char *word = strtok_r(NULL, " \t\n", &save);
        if (word == NULL) {
            break;
        }
        arg[i] = strtoull(word, NULL, 10);
    }
    return sim_op(&w, verb, arg);
}

int main(int argc, char **argv)
{
    char line[256];
    const char *use = argc > 1 ? argv[1] : "off";
    sim_make(&w,
        strcmp(use, "require") == 0  ? PQI_SESSIONS_REQUIRE
        : strcmp(use, "prefer") == 0 ? PQI_SESSIONS_PREFER
                                     : PQI_SESSIONS_OFF,
        (uint8_t)(argc > 2 ? strtoul(argv[2], NULL, 16) : 0),
        argc > 3 && strcmp(argv[3], "quick") == 0, argc > 4 && strcmp(argv[4], "plane") == 0);
    sim_reset(&w);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strcmp(line, "end\n") == 0) {
            sim_quiet(&w);
            printf(".\n");
            (void)fflush(stdout);
            sim_reset(&w);
        } else if (!run_line(line)) {
            (void)fprintf(stderr, "adversary_sim: no such verb: %s\n", line);
            return 2;
        }
    }
    sim_free(&w);
    return 0;
}
