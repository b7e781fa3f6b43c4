/* SPDX-License-Identifier: Apache-2.0
 * Runs vectors in the flat form that flatten.py writes. A test is
 *     T NAME
 *     FIELD HEX            an input
 *     R OPERATION STATUS   runs it; STATUS is a number of pqi/status.h
 *     =FIELD HEX           an output must have this value
 * Any number of R and = lines may follow; outputs are inputs of later operations. Values are
 * decoded and compared as they are read, so the memory needed is that of the values alone. */
#include "target.h"

#define SLOTS     12u
#define NAME_ROOM 24u

typedef struct slot {
    char name[NAME_ROOM];
    pqi_span value;
} slot;

static slot slots[SLOTS];
static unsigned n_slots;

static struct {
    uint8_t bytes[256];
    size_t pos, len;
} input;

static int next_char(void)
{
    if (input.pos == input.len) {
        input.len = tgt_read(input.bytes, sizeof input.bytes);
        input.pos = 0;
        if (input.len == 0) {
            return -1;
        }
    }
    return input.bytes[input.pos++];
}

/* A word up to a blank or the end of the line; returns the character that ended it. */
static int word(char out[NAME_ROOM])
{
    size_t n = 0;
    int c = next_char();
    for (; c > ' '; c = next_char()) {
        if (n + 1 < NAME_ROOM) {
            out[n++] = (char)c;
        }
    }
    out[n] = 0;
    return c;
}

static int nibble(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of two hex digits; -1 at the end of the line. */
static int next_byte(void)
{
    const int high = nibble(next_char());
    const int low = high < 0 ? -1 : nibble(next_char());
    return low < 0 ? -1 : high << 4 | low;
}

static slot *find(const char *name)
{
    for (unsigned i = 0; i < n_slots; i++) {
        if (tgt_same_text(slots[i].name, name)) {
            return &slots[i];
        }
    }
    return NULL;
}

pqi_cspan tgt_value(const char *name)
{
    const slot *s = find(name);
    return s == NULL ? (pqi_cspan){NULL, 0} : tgt_in(s->value);
}

static slot *add(const char *name)
{
    slot *s = find(name);
    if (s == NULL) {
        if (n_slots == SLOTS) {
            return NULL;
        }
        s = &slots[n_slots++];
        for (size_t i = 0; i < NAME_ROOM; i++) {
            s->name[i] = name[i];
            if (name[i] == 0) {
                break;
            }
        }
    }
    s->value = (pqi_span){NULL, 0};
    return s;
}

pqi_span tgt_output(const char *name, size_t len)
{
    slot *s = add(name);
    if (s == NULL) {
        return (pqi_span){NULL, 0};
    }
    s->value = tgt_take(len);
    return s->value;
}

void tgt_shorten(const char *name, size_t len)
{
    slot *s = find(name);
    if (s != NULL && len < s->value.len) {
        s->value.len = len;
    }
}

/* Decodes the rest of the line into a new value. */
static bool read_value(const char *name)
{
    const pqi_span rest = tgt_rest();
    size_t n = 0;
    bool fits = true;
    slot *s = add(name);
    for (int b = next_byte(); b >= 0; b = next_byte()) {
        if (n < rest.len) {
            rest.ptr[n++] = (uint8_t)b;
        } else {
            fits = false;
        }
    }
    if (s == NULL || !fits) {
        return false;
    }
    s->value = tgt_take(n);
    return s->value.ptr != NULL;
}

/* Compares the rest of the line with a value. */
static bool compare_value(const char *name)
{
    const pqi_cspan v = tgt_value(name);
    size_t n = 0;
    bool same = v.ptr != NULL;
    for (int b = next_byte(); b >= 0; b = next_byte(), n++) {
        if (n >= v.len || v.ptr[n] != b) {
            same = false;
        }
    }
    return same && n == v.len;
}

typedef struct test {
    char name[NAME_ROOM];
    bool open, good, fits;
} test;

typedef struct tally {
    uint32_t passed, too_big;
} tally;

static void finish(test *t, tally *sum)
{
    if (t->open && !t->fits) {
        sum->too_big++;
    } else if (t->open && !t->good) {
        tgt_ok(false, "vector", t->name);
    } else if (t->open) {
        sum->passed++;
    }
    t->open = false;
}

static void operate(test *t)
{
    char op[NAME_ROOM], status[NAME_ROOM];
    (void)word(op);
    (void)word(status);
    if (!t->fits) {
        return;
    }
    const bool minus = status[0] == '-';
    const int value = (int)tgt_number(status + (minus ? 1 : 0));
    const pqi_status st = tgt_operation(op);
    if (st == PQI_ERR_SPACE) {
        t->fits = false;
    } else if ((int)st != (minus ? -value : value)) {
        t->good = false;
    }
}

static void skip_line(int c)
{
    while (c >= 0 && c != '\n') {
        c = next_char();
    }
}

static void line(const char *head, test *t, tally *sum)
{
    if (tgt_same_text(head, "T")) {
        finish(t, sum);
        *t = (test){.open = true, .good = true, .fits = true};
        (void)word(t->name);
        tgt_reset_arena();
        n_slots = 0;
    } else if (tgt_same_text(head, "R")) {
        operate(t);
    } else if (head[0] == '=') {
        const bool same = compare_value(head + 1);
        t->good = t->good && (same || !t->fits);
    } else if (!read_value(head)) {
        t->fits = false;
    }
}

bool tgt_vectors(const char *path)
{
    test t = {.open = false};
    tally sum = {0, 0};
    char head[NAME_ROOM];
    if (!tgt_open(path)) {
        return false;
    }
    input.pos = input.len = 0;
    for (;;) {
        const int c = word(head);
        if (head[0] != 0 && c == ' ') {
            line(head, &t, &sum);
        } else if (c < 0) {
            break;
        } else {
            skip_line(c);
        }
    }
    finish(&t, &sum);
    tgt_close();
    tgt_figure("vectors", "passed", sum.passed);
    tgt_figure("vectors", "too-big", sum.too_big);
    return true;
}
