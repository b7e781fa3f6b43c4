/* SPDX-License-Identifier: Apache-2.0
 * Linux, natively or under user-mode emulation: vectors and self tests only; costs are not known. */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>

int tgt_main(int argc, char **argv);

static FILE *file;

void tgt_puts(const char *text)
{
    (void)fputs(text, stdout);
}

void tgt_exit(int code)
{
    exit(code);
}

bool tgt_open(const char *path)
{
    file = fopen(path, "rb");
    return file != NULL;
}

size_t tgt_read(void *out, size_t room)
{
    return fread(out, 1, room, file);
}

void tgt_close(void)
{
    (void)fclose(file);
}

pqi_span tgt_memory(void)
{
    static uint64_t memory[65536];
    return (pqi_span){(uint8_t *)memory, sizeof memory};
}

tgt_cost tgt_run(void (*op)(void *arg), void *arg)
{
    op(arg);
    return (tgt_cost){0, 0};
}

bool tgt_misbehave(const char *how)
{
    (void)how;
    return false;
}

int main(int argc, char **argv)
{
    return tgt_main(argc, argv);
}
