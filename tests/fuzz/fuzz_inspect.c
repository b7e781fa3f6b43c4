/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect without its files: any bytes give either fields or a reason, and what is printed of
 * them holds no control character. The bytes are tried as an object, as a topic of one, and as a
 * line of text. */
#include "inspect.h"

#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(16) uint8_t tmp[256 * 1024];

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* The two functions of cli.c that the core calls: it never fails here. */
pqi_cli_exit pqi_cli_fail(pqi_cli_exit code, const char *advice, const char *what, ...)
{
    (void)code;
    (void)advice;
    (void)what;
    abort();
}

void *pqi_cli_alloc(size_t n)
{
    void *p = calloc(n == 0 ? 1 : n, 1);
    must(p != NULL);
    return p;
}

void pqi_cli_hex_encode(char *out, const uint8_t *in, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15u];
    }
    out[2 * len] = '\0';
}

static void check_printed(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)text[i];
        must(b == '\n' || (b >= 0x20 && b != 0x7f));
        must(b != 0xc2 || (uint8_t)text[i + 1] >= 0xa0); /* C1 controls; a NUL is at the end */
    }
}

static void inspect(const pqi_inspect_ctx *c, pqi_cspan in)
{
    pqi_inspect_result r;
    bool ok = pqi_inspect_object(c, in, &r);
    must(ok == (r.fields != NULL));
    if (!ok) {
        must(r.why[0] != '\0' && memchr(r.why, 0, sizeof r.why) != NULL && !r.failed);
        check_printed(r.why, strlen(r.why));
        return;
    }
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    must(f != NULL);
    pqi_inspect_print(f, r.fields);
    must(fclose(f) == 0);
    check_printed(text, len);
    free(text);
    json_decref(r.fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t confirm[PQI_CONFIRM_LEN] = {0x74};
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    pqi_inspect_ctx c = {&algs, {tmp, sizeof tmp}, NULL, {NULL, 0}};
    inspect(&c, (pqi_cspan){data, size});

    c.topic = (pqi_cspan){data, size};
    inspect(&c, (pqi_cspan){confirm, sizeof confirm});

    uint8_t *line = malloc(size != 0 ? size : 1);
    must(line != NULL);
    memcpy(line, data, size);
    pqi_inspect_line l;
    (void)pqi_inspect_is_text((pqi_cspan){line, size});
    if (pqi_inspect_split((pqi_span){line, size}, &l) == NULL) {
        must(l.bytes.len <= size && l.topic.len <= size);
        c.topic = l.topic;
        inspect(&c, l.bytes);
    }
    free(line);
    return 0;
}
