/* SPDX-License-Identifier: Apache-2.0
 * The text form: one aligned line per field. */
#include "inspect.h"

#include <string.h>

/* ---- strings ------------------------------------------------------------------------------------ */

void pqi_inspect_print_safe(FILE *f, const char *s, size_t len)
{
    const uint8_t *p = (const uint8_t *)s;
    for (size_t i = 0; i < len;) {
        uint32_t cp = 0;
        size_t n = pqi_inspect_utf8(p + i, len - i, &cp);
        if (n != 0 && pqi_inspect_harmless(cp) && cp != '\\') {
            (void)fwrite(p + i, 1, n, f);
            i += n;
            continue;
        }
        for (size_t end = i + (n != 0 ? n : 1); i < end; i++) {
            (void)fprintf(f, p[i] == '\\' ? "\\\\" : "\\x%02x", p[i]);
        }
    }
}

/* ---- values ------------------------------------------------------------------------------------- */

static void print_name(FILE *f, const char *name)
{
    for (; *name != '\0'; name++) {
        (void)fputc(*name == '_' ? ' ' : *name, f);
    }
}

static void print_scalar(FILE *f, const json_t *v)
{
    if (json_is_string(v)) {
        size_t len = json_string_length(v);
        if (len == 0) {
            (void)fputs("none", f);
        }
        pqi_inspect_print_safe(f, json_string_value(v), len);
    } else if (json_is_integer(v)) {
        (void)fprintf(f, "%lld", (long long)json_integer_value(v));
    } else {
        (void)fputs(json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "none", f);
    }
}

static bool has_objects(const json_t *v)
{
    return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

static void print_scalars(FILE *f, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        (void)fputs(i == 0 ? "" : ", ", f);
        print_scalar(f, json_array_get(list, i));
    }
    if (json_array_size(list) == 0) {
        (void)fputs("none", f);
    }
}

/* {"state", "note"} */
static void print_state(FILE *f, const json_t *o)
{
    const json_t *note = json_object_get(o, "note");
    print_scalar(f, json_object_get(o, "state"));
    if (note != NULL) {
        (void)fputs(" (", f);
        print_scalar(f, note);
        (void)fputc(')', f);
    }
}

/* {"algorithm", "bytes", "first", "sha256"} */
static void print_key(FILE *f, const json_t *o)
{
    print_scalar(f, json_object_get(o, "algorithm"));
    (void)fputs(", ", f);
    print_scalar(f, json_object_get(o, "bytes"));
    (void)fputs(" bytes, ", f);
    print_scalar(f, json_object_get(o, "first"));
    (void)fputs("..., SHA-256 ", f);
    print_scalar(f, json_object_get(o, "sha256"));
}

static void print_value(FILE *f, const json_t *v)
{
    if (json_object_get(v, "state") != NULL) {
        print_state(f, v);
    } else if (json_object_get(v, "algorithm") != NULL) {
        print_key(f, v);
    } else if (json_is_array(v)) {
        print_scalars(f, v);
    } else {
        print_scalar(f, v);
    }
}

/* "name value, name value" on one line. */
static void print_inline(FILE *f, json_t *o)
{
    const char *sep = "";
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        (void)fputs(sep, f);
        print_name(f, json_object_iter_key(it));
        (void)fputc(' ', f);
        print_value(f, json_object_iter_value(it));
        sep = ", ";
    }
}

/* ---- objects ------------------------------------------------------------------------------------ */

#define LABEL 24 /* column of the values */

static void print_label(FILE *f, const char *name, int indent)
{
    int n = indent + (int)strlen(name) + 1;
    (void)fprintf(f, "%*s", indent, "");
    print_name(f, name);
    (void)fprintf(f, ":%*s", n < LABEL ? LABEL - n : 1, "");
}

static void print_list(FILE *f, const char *name, const json_t *list, int indent)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i == 0) {
            print_label(f, name, indent);
        } else {
            (void)fprintf(f, "%*s", LABEL, "");
        }
        print_inline(f, json_array_get(list, i));
        (void)fputc('\n', f);
    }
}

/* Only the certificate in an announcement nests, and only once. */
static void print_fields(FILE *f, json_t *o, int indent)
{
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
        const char *name = json_object_iter_key(it);
        json_t *v = json_object_iter_value(it);
        if (has_objects(v)) {
            print_list(f, name, v, indent);
            continue;
        }
        print_label(f, name, indent);
        if (json_object_get(v, "device_id") != NULL) {
            (void)fputs("as follows\n", f);
            print_fields(f, v, indent + 2);
            continue;
        }
        if (json_is_object(v) && json_object_get(v, "state") == NULL &&
            json_object_get(v, "algorithm") == NULL) {
            print_inline(f, v);
        } else {
            print_value(f, v);
        }
        (void)fputc('\n', f);
    }
}

void pqi_inspect_print(FILE *f, json_t *fields)
{
    print_fields(f, fields, 0);
}
