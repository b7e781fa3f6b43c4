/* SPDX-License-Identifier: Apache-2.0
 * Fields of a test, comparison, and the names of algorithms. */
#include "vectors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 8u /* bytes of a differing value that are printed */

json_t *pqi_vec_field(const pqi_vec *v, const char *name)
{
    json_t *f = json_object_get(v->test, name);
    if (f == NULL) {
        f = json_object_get(v->group, name);
    }
    return json_is_null(f) ? NULL : f;
}

bool pqi_vec_has(const pqi_vec *v, const char *name)
{
    return pqi_vec_field(v, name) != NULL;
}

void pqi_vec_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

void pqi_vec_note(pqi_vec *v, const char *format, ...)
{
    if (v->note[0] != '\0') {
        return; /* the first difference is the one to look at */
    }
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(v->note, sizeof v->note, format, ap);
    va_end(ap);
    pqi_vec_printable(v->note);
}

pqi_span pqi_vec_room(pqi_vec *v, size_t len)
{
    if (v->n_held == PQI_VEC_FIELDS) {
        pqi_vec_note(v, "too many fields");
        return (pqi_span){NULL, 0};
    }
    uint8_t *p = pqi_cli_alloc(len);
    v->held[v->n_held++] = p;
    return (pqi_span){p, len};
}

pqi_cspan pqi_vec_hex_opt(pqi_vec *v, const char *name)
{
    const char *text = json_string_value(pqi_vec_field(v, name));
    if (text == NULL) {
        return (pqi_cspan){NULL, 0};
    }
    pqi_span room = pqi_vec_room(v, strlen(text) / 2);
    if (!pqi_cli_hex_decode(text, &room)) {
        pqi_vec_note(v, "field %s is not hex", name);
        room.len = 0;
    }
    return pqi_vec_c(room);
}

pqi_cspan pqi_vec_hex(pqi_vec *v, const char *name)
{
    if (json_string_value(pqi_vec_field(v, name)) == NULL) {
        pqi_vec_note(v, "field %s is missing", name);
    }
    return pqi_vec_hex_opt(v, name);
}

size_t pqi_vec_number(pqi_vec *v, const char *name)
{
    json_t *f = pqi_vec_field(v, name);
    json_int_t n = json_integer_value(f);
    if (!json_is_integer(f) || n < 0) {
        pqi_vec_note(v, "field %s is missing", name);
        return 0;
    }
    return (size_t)n;
}

pqi_cspan pqi_vec_hex_bits(pqi_vec *v, const char *name, const char *bits_name)
{
    pqi_cspan s = pqi_vec_hex(v, name);
    size_t bits = pqi_vec_number(v, bits_name);
    if (bits % 8 != 0) {
        v->skip = "not whole bytes";
    } else if (bits / 8 > s.len) {
        pqi_vec_note(v, "field %s is shorter than %s", name, bits_name);
    } else {
        s.len = bits / 8; /* an empty message is written "00" in some files */
    }
    return s;
}

const char *pqi_vec_text(const pqi_vec *v, const char *name)
{
    const char *text = json_string_value(pqi_vec_field(v, name));
    return text == NULL ? "" : text;
}

bool pqi_vec_true(const pqi_vec *v, const char *name)
{
    return json_is_true(pqi_vec_field(v, name));
}

pqi_vec_result pqi_vec_expected(pqi_vec *v)
{
    const char *text = pqi_vec_text(v, "result");
    if (strcmp(text, "valid") == 0) {
        return PQI_VEC_VALID;
    }
    if (strcmp(text, "acceptable") == 0) {
        return PQI_VEC_ACCEPTABLE;
    }
    if (strcmp(text, "invalid") != 0) {
        pqi_vec_note(v, "field result is missing");
    }
    return PQI_VEC_INVALID;
}

bool pqi_vec_equal(pqi_vec *v, const char *name, pqi_cspan got, pqi_cspan want)
{
    if (got.len == want.len && (got.len == 0 || memcmp(got.ptr, want.ptr, got.len) == 0)) {
        return true;
    }
    size_t at = 0;
    size_t both = got.len < want.len ? got.len : want.len;
    while (at < both && got.ptr[at] == want.ptr[at]) {
        at++;
    }
    char g[2 * SHOWN + 1], w[2 * SHOWN + 1];
    size_t ng = got.len - at < SHOWN ? got.len - at : SHOWN;
    size_t nw = want.len - at < SHOWN ? want.len - at : SHOWN;
    pqi_cli_hex_encode(g, got.ptr + at, ng);
    pqi_cli_hex_encode(w, want.ptr + at, nw);
    pqi_vec_note(v, "%s differs at byte %zu: got %s, want %s (%zu and %zu bytes)", name, at, g, w,
        got.len, want.len);
    return false;
}

bool pqi_vec_status(pqi_vec *v, const char *what, pqi_status got, pqi_status want)
{
    if (got == want) {
        return true;
    }
    pqi_vec_note(v, "%s gave %s, expected %s", what, pqi_status_name(got), pqi_status_name(want));
    return false;
}

const pqi_kem *pqi_vec_kem(pqi_vec *v, const char *name)
{
    for (size_t i = 0; i < v->algs->n_kems; i++) {
        if (strcmp(v->algs->kems[i]->name, name) == 0) {
            return v->algs->kems[i];
        }
    }
    v->skip = PQI_VEC_NOT_BUILT_IN;
    return NULL;
}

const pqi_sig *pqi_vec_sig(pqi_vec *v, const char *name)
{
    for (size_t i = 0; i < v->algs->n_sigs; i++) {
        if (strcmp(v->algs->sigs[i]->name, name) == 0) {
            return v->algs->sigs[i];
        }
    }
    v->skip = PQI_VEC_NOT_BUILT_IN;
    return NULL;
}

pqi_hash_id pqi_vec_hash(const char *name)
{
    static const struct {
        const char *name;
        pqi_hash_id id;
    } names[] = {
        {"SHA2-224", PQI_HASH_SHA224},
        {"SHA2-256", PQI_HASH_SHA256},
        {"SHA2-384", PQI_HASH_SHA384},
        {"SHA2-512", PQI_HASH_SHA512},
        {"SHA2-512/224", PQI_HASH_SHA512_224},
        {"SHA2-512/256", PQI_HASH_SHA512_256},
        {"SHA-224", PQI_HASH_SHA224},
        {"SHA-256", PQI_HASH_SHA256},
        {"SHA-384", PQI_HASH_SHA384},
        {"SHA-512", PQI_HASH_SHA512},
        {"SHA3-224", PQI_HASH_SHA3_224},
        {"SHA3-256", PQI_HASH_SHA3_256},
        {"SHA3-384", PQI_HASH_SHA3_384},
        {"SHA3-512", PQI_HASH_SHA3_512},
        {"SHAKE-128", PQI_HASH_SHAKE128},
        {"SHAKE-256", PQI_HASH_SHAKE256},
        {"SHA224", PQI_HASH_SHA224},
        {"SHA256", PQI_HASH_SHA256},
        {"SHA384", PQI_HASH_SHA384},
        {"SHA512", PQI_HASH_SHA512},
        {"SHA512/224", PQI_HASH_SHA512_224},
        {"SHA512/256", PQI_HASH_SHA512_256},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].id;
        }
    }
    return PQI_HASH_NONE;
}

pqi_status pqi_vec_digest(
    const pqi_vec *v, pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, pqi_span out)
{
    pqi_status st = pqi_sha3(id, parts, n_parts, out.ptr, out.len);
    if (st != PQI_ERR_UNSUPPORTED) {
        return st;
    }
    if (out.len != pqi_hash_len(id)) {
        return PQI_ERR_ARG;
    }
    return v->algs->classic->hash(id, parts, n_parts, out.ptr);
}
