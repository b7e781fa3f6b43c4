/* SPDX-License-Identifier: Apache-2.0
 * A line in, a line out, for tests/session/erasure.py; bytes in hex.
 *   enc CHUNK OBJECT INDEX                    -> SYMBOL
 *   dec CHUNK LENGTH INDEX:SYMBOL...          -> OBJECT
 *   frame CHUNK KIND DIR ROUND INDEX COUNT OBJECT -> FRAME (COUNT 0: the whole object)
 * or "! STATUS". */
#include "session/chunk_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_ 40000u

static char line[LINE_MAX_];

static size_t unhex(uint8_t *out, size_t room, const char *s)
{
    size_t n = 0;
    unsigned v;
    while (n < room && s != NULL && sscanf(s, "%2x", &v) == 1) {
        out[n++] = (uint8_t)v;
        s += 2;
        if (*s == '\0' || *s == '\n') {
            break;
        }
    }
    return n;
}

static unsigned number(void)
{
    const char *w = strtok(NULL, " \n");
    return w == NULL ? 9999u : (unsigned)strtoul(w, NULL, 10);
}

static void answer(pqi_status st, const uint8_t *p, size_t n)
{
    if (st != PQI_OK) {
        (void)printf("! %s", pqi_status_name(st));
    }
    for (size_t i = 0; st == PQI_OK && i < n; i++) {
        (void)printf("%02x", p[i]);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

static void enc(void)
{
    uint8_t object[PQI_ERASURE_OBJECT_MAX], out[PQI_ERASURE_CHUNK_MAX];
    pqi_erasure_shape s;
    size_t chunk = number(), n = unhex(object, sizeof object, strtok(NULL, " \n"));
    unsigned index = number();
    pqi_status st = pqi_erasure_shape_of(n, chunk, &s);
    if (st == PQI_OK) {
        st = pqi_erasure_symbol(&s, (pqi_cspan){object, n}, index, (pqi_span){out, chunk});
    }
    answer(st, out, chunk);
}

static void dec(void)
{
    static uint8_t mem[PQI_ERASURE_DATA_MAX * PQI_ERASURE_CHUNK_MAX];
    const pqi_span m = {mem, sizeof mem};
    pqi_erasure d;
    size_t chunk = number(), len = number();
    pqi_status st = pqi_erasure_begin(&d, len, chunk);
    for (char *w = strtok(NULL, " \n"); w != NULL && st == PQI_OK; w = strtok(NULL, " \n")) {
        uint8_t symbol[PQI_ERASURE_CHUNK_MAX];
        const char *colon = strchr(w, ':');
        size_t n = unhex(symbol, sizeof symbol, colon == NULL ? NULL : colon + 1);
        st = pqi_erasure_add(&d, m, (unsigned)strtoul(w, NULL, 10), (pqi_cspan){symbol, n});
    }
    if (st == PQI_OK) {
        st = pqi_erasure_recover(&d, m);
    }
    answer(st, mem, len);
}

static void frame(void)
{
    static uint8_t out[PQI_CHUNK_HDR + PQI_ERASURE_SYMBOLS * PQI_ERASURE_CHUNK_MAX];
    uint8_t object[PQI_ERASURE_OBJECT_MAX];
    pqi_chunk c = {0};
    size_t chunk = number(), len = 0;
    c.of.kind = (uint8_t)number();
    c.of.dir = (uint8_t)number();
    c.of.round = (uint8_t)number();
    c.index = (uint8_t)number();
    c.count = (uint8_t)number();
    size_t n = unhex(object, sizeof object, strtok(NULL, " \n"));
    pqi_erasure_shape s;
    pqi_status st = pqi_erasure_shape_of(n, chunk, &s);
    if (st == PQI_OK && c.count == 0) {
        st = pqi_chunk_write_whole(c.of, (pqi_cspan){object, n}, (pqi_span){out, sizeof out}, &len);
    } else if (st == PQI_OK) {
        st = pqi_chunk_write(&c, &s, (pqi_cspan){object, n}, (pqi_span){out, sizeof out}, &len);
    }
    answer(st, out, len);
}

int main(void)
{
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *word = strtok(line, " \n");
        if (word != NULL && strcmp(word, "enc") == 0) {
            enc();
        } else if (word != NULL && strcmp(word, "dec") == 0) {
            dec();
        } else if (word != NULL && strcmp(word, "frame") == 0) {
            frame();
        } else {
            answer(PQI_ERR_ARG, NULL, 0);
        }
    }
    return 0;
}
