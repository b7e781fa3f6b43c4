/* SPDX-License-Identifier: Apache-2.0
 * Walks CBOR (RFC 8949) just far enough to say where an encoding breaks, and what the object calls
 * itself: the typ header of COSE (RFC 9596) or the text that begins our plain arrays. The walk is
 * iterative; depth and total are bounded. */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 8 };

typedef struct walk {
    pqi_cspan in;
    size_t at;
    uint64_t left[DEPTH_MAX]; /* items still to come, per level */
    unsigned depth;
    const char *what;
} walk;

static bool stop(walk *w, const char *what)
{
    w->what = what;
    return false;
}

/* One head: major type and argument in shortest form (section 4.2.1). */
static bool head(walk *w, unsigned *major, uint64_t *arg)
{
    if (w->at >= w->in.len) {
        return stop(w, "it ends too early");
    }
    uint8_t b = w->in.ptr[w->at];
    unsigned low = b & 31u;
    *major = b >> 5;
    *arg = low;
    if (low < 24) {
        w->at++;
        return true;
    }
    if (low > 27) {
        return stop(w, "a head is not allowed in deterministic CBOR");
    }
    size_t n = (size_t)1 << (low - 24u);
    if (w->in.len - w->at - 1 < n) {
        return stop(w, "it ends inside a head");
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | w->in.ptr[w->at + 1 + i];
    }
    if (low == 24 ? v < 24 : v >> (4 * n) == 0) {
        return stop(w, "a number is not in its shortest form");
    }
    *arg = v;
    w->at += 1 + n;
    return true;
}

static bool item(walk *w)
{
    unsigned major;
    uint64_t arg;
    size_t start = w->at;
    if (!head(w, &major, &arg)) {
        return false;
    }
    if (major == 2 || major == 3) {
        if (arg > w->in.len - w->at) {
            w->at = start;
            return stop(w, "a string reaches beyond the end");
        }
        w->at += (size_t)arg;
        return true;
    }
    if (major == 7) {
        w->at = start;
        return stop(w, "a simple value or float, which no object of ours has");
    }
    uint64_t children = major == 4 ? arg : major == 5 ? 2 * arg : major == 6 ? 1 : 0;
    if (children == 0) {
        return true;
    }
    if (arg > w->in.len || w->depth + 1 >= DEPTH_MAX) {
        w->at = start;
        return stop(w, arg > w->in.len ? "more items than bytes" : "nested too deeply");
    }
    w->left[++w->depth] = children;
    return true;
}

static bool walk_all(walk *w)
{
    w->left[0] = 1;
    for (;;) {
        while (w->left[w->depth] == 0) {
            if (w->depth == 0) {
                return w->at == w->in.len || stop(w, "bytes follow the object");
            }
            w->depth--;
        }
        w->left[w->depth]--;
        if (!item(w)) {
            return false;
        }
    }
}

static const struct {
    const char *name, *kind;
} names[] = {
    {"pqi-cert", "certificate"},
    {"pqi-root", "manifest"},
    {"pqi-rev", "revocations"},
    {"pqi-join", "join request"},
    {"pqi-factory", "factory record"},
    {"pqi-challenge", "challenge"},
    {"pqi-grant", "grant"},
};

/* The name stands in the first bytes of every object of ours. */
static const char *own_name(pqi_cspan in)
{
    size_t end = in.len < 96 ? in.len : 96;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i].name);
        for (size_t at = 0; at + n <= end; at++) {
            if (memcmp(in.ptr + at, names[i].name, n) == 0) {
                return names[i].kind;
            }
        }
    }
    return NULL;
}

bool pqi_inspect_cbor(pqi_cspan in, pqi_inspect_error *err)
{
    walk w;
    memset(&w, 0, sizeof w);
    w.in = in;
    err->kind = own_name(in);
    if (walk_all(&w)) {
        return true;
    }
    err->kind = err->kind != NULL ? err->kind : "object";
    err->what = w.what;
    err->offset = w.at;
    err->has_offset = true;
    return false;
}
