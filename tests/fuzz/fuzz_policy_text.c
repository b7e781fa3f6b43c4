/* SPDX-License-Identifier: Apache-2.0
 * Policies as text, of the fleet and of attestation: what is taken is printed as a text that is taken again
 * and prints the same; what is refused has a reason. The first byte of the input says which. */
#include "attest.h"
#include "policy_text.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

bool pqi_cli_hex_decode(const char *hex, pqi_span *out)
{
    size_t n = 0;
    const pqi_cspan in = {(const uint8_t *)hex, strlen(hex)};
    const bool ok = pqi_hex_decode(in, *out, &n) == PQI_OK;
    out->len = ok ? n : out->len;
    return ok;
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

pqi_cspan pqi_cli_span(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

static bool fleet(char *text, size_t len, char **printed, size_t *n)
{
    char why[PQI_POLICY_WHY] = "";
    static pqi_policy p;
    if (!pqi_policy_parse(text, len, &p, why)) {
        must(why[0] != '\0');
        return false;
    }
    FILE *f = open_memstream(printed, n);
    must(f != NULL);
    pqi_policy_print(f, &p, false);
    must(fclose(f) == 0);
    return true;
}

static bool attestation(char *text, size_t len, char **printed, size_t *n)
{
    char why[PQI_ATTEST_WHY] = "";
    static pqi_attest_text t;
    (void)len;
    if (!pqi_attest_text_parse(text, &t, why)) {
        must(why[0] != '\0');
        return false;
    }
    FILE *f = open_memstream(printed, n);
    must(f != NULL);
    pqi_attest_text_print(f, &t.p);
    must(fclose(f) == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool (*take)(char *text, size_t len, char **printed, size_t *n);
    if (size == 0) {
        return 0;
    }
    take = (data[0] & 1u) != 0 ? attestation : fleet;
    char *text = malloc(size), *one = NULL, *two = NULL;
    size_t n = 0, m = 0;
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (take(text, size - 1, &one, &n)) {
        char *again = strdup(one);
        must(again != NULL && take(again, n, &two, &m));
        if (n != m || memcmp(one, two, n) != 0) {
            fprintf(stderr, "ONE\n%s\nTWO\n%s\n", one, two);
        }
        must(n == m && memcmp(one, two, n) == 0);
        free(again);
    }
    free(one);
    free(two);
    free(text);
    return 0;
}
