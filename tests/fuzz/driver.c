/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz target as a unit test, always in the same way: every file of its corpus, every strict
 * prefix of the short ones, then mutations of corpus items from a fixed seed. Each input lies in
 * memory of its exact size, so that AddressSanitizer sees a read past its end. TAP on standard
 * output; a target reports a broken property by abort(). */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS  20000u
#define MAX_ITEMS  256u
#define MAX_LEN    16384u
#define PREFIX_LEN 512u /* items up to this length are also cut at every byte */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct item {
    uint8_t *ptr;
    size_t len;
} item;

static item items[MAX_ITEMS];
static size_t n_items;
static uint64_t rng_state = 0x9e3779b97f4a7c15u;

/* xorshift64, Marsaglia 2003: shifts 13, 7, 17. */
static size_t below(size_t n)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return n == 0 ? 0 : (size_t)(rng_state % n);
}

static void run(const uint8_t *data, size_t len)
{
    uint8_t *exact = malloc(len != 0 ? len : 1);
    if (exact == NULL) {
        abort();
    }
    if (len != 0) {
        memcpy(exact, data, len);
    }
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static int load(const char *folder, const char *name)
{
    char path[1024];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        return -1;
    }
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return -1;
    }
    uint8_t *buf = malloc(MAX_LEN);
    size_t len = buf != NULL ? fread(buf, 1, MAX_LEN, f) : 0;
    (void)fclose(f);
    if (buf == NULL) {
        return -1;
    }
    items[n_items].ptr = buf;
    items[n_items].len = len;
    n_items++;
    return 0;
}

/* Items in the order of their names; -1 when there is none or one cannot be read. */
static int load_corpus(const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    int bad = 0;
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.' && n_items < MAX_ITEMS) {
            bad |= load(folder, names[i]->d_name);
        }
        free(names[i]);
    }
    if (n >= 0) {
        free(names);
    }
    return (n_items == 0 || bad != 0) ? -1 : 0;
}

static size_t flip_bits(uint8_t *buf, size_t len)
{
    for (size_t i = below(8) + 1; i > 0 && len != 0; i--) {
        size_t bit = below(8 * len);
        buf[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    return len;
}

static size_t extend(uint8_t *buf, size_t len)
{
    for (size_t i = below(16) + 1; i > 0 && len < MAX_LEN; i--) {
        buf[len++] = (uint8_t)below(256);
    }
    return len;
}

/* The head of this item and the tail of another one. */
static size_t splice(uint8_t *buf, size_t len)
{
    const item *other = &items[below(n_items)];
    size_t head = below(len + 1);
    size_t from = below(other->len + 1);
    size_t tail = other->len - from;
    if (tail > MAX_LEN - head) {
        tail = MAX_LEN - head;
    }
    if (tail != 0) {
        memcpy(buf + head, other->ptr + from, tail);
    }
    return head + tail;
}

static size_t set_bytes(uint8_t *buf, size_t len)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x17, 0x18, 0x7f, 0x80, 0xff};
    for (size_t i = below(3) + 1; i > 0 && len != 0; i--) {
        buf[below(len)] = edges[below(sizeof edges)];
    }
    return len;
}

static void mutate_once(uint8_t *buf)
{
    const item *from = &items[below(n_items)];
    size_t len = from->len;
    if (len != 0) {
        memcpy(buf, from->ptr, len);
    }
    for (size_t round = below(3) + 1; round > 0; round--) {
        switch (below(5)) {
        case 0:
            len = flip_bits(buf, len);
            break;
        case 1:
            len = below(len + 1);
            break;
        case 2:
            len = extend(buf, len);
            break;
        case 3:
            len = splice(buf, len);
            break;
        default:
            len = set_bytes(buf, len);
            break;
        }
    }
    run(buf, len);
}

int main(void)
{
    static uint8_t buf[MAX_LEN];
    (void)setvbuf(stdout, NULL, _IONBF, 0); /* an abort must not eat what was said */
    printf("1..3\n");
    if (load_corpus(PQI_FUZZ_CORPUS) != 0) {
        printf("Bail out! no corpus in %s\n", PQI_FUZZ_CORPUS);
        return 1;
    }
    for (size_t i = 0; i < n_items; i++) {
        run(items[i].ptr, items[i].len);
    }
    printf("ok 1 - corpus of %zu\n", n_items);
    for (size_t i = 0; i < n_items; i++) {
        for (size_t len = 0; len < items[i].len && items[i].len <= PREFIX_LEN; len++) {
            run(items[i].ptr, len);
        }
    }
    printf("ok 2 - prefixes\n");
    for (unsigned i = 0; i < MUTATIONS; i++) {
        mutate_once(buf);
    }
    printf("ok 3 - %u mutations\n", MUTATIONS);
    for (size_t i = 0; i < n_items; i++) {
        free(items[i].ptr);
    }
    return 0;
}
