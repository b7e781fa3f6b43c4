/* SPDX-License-Identifier: Apache-2.0
 * A JSON tree as text for people. Depth is bounded by the objects: two levels. */
#include "inspect.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 4, LABEL_WIDTH = 16 };

static void print_scalar(const json_t *v)
{
    if (json_is_string(v)) {
        (void)fputs(json_string_value(v), stdout);
    } else if (json_is_integer(v)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (json_is_boolean(v)) {
        (void)fputs(json_is_true(v) ? "yes" : "no", stdout);
    } else {
        (void)fputs("-", stdout);
    }
}

static void print_inline(const json_t *v)
{
    const char *key;
    json_t *child;
    size_t i;
    const char *sep = "";
    if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, child)
        {
            printf("%s%s=", sep, key);
            print_scalar(child);
            sep = " ";
        }
        return;
    }
    if (json_is_array(v)) {
        json_array_foreach(v, i, child)
        {
            (void)fputs(sep, stdout);
            if (json_is_object(child)) {
                const char *gap = "{";
                json_t *leaf;
                json_object_foreach(child, key, leaf)
                {
                    printf("%s%s=", gap, key);
                    print_scalar(leaf);
                    gap = " ";
                }
                (void)fputs("}", stdout);
            } else {
                print_scalar(child);
            }
            sep = ", ";
        }
        return;
    }
    print_scalar(v);
}

void pqi_inspect_print(const json_t *tree, bool one_line)
{
    const char *key;
    json_t *child;
    const char *sep = "";
    json_object_foreach((json_t *)(uintptr_t)tree, key, child)
    {
        if (one_line) {
            printf("%s%s=", sep, key);
            (void)fputs(json_is_array(child) || json_is_object(child) ? "[" : "", stdout);
            print_inline(child);
            (void)fputs(json_is_array(child) || json_is_object(child) ? "]" : "", stdout);
            sep = " ";
            continue;
        }
        printf("%-*s ", LABEL_WIDTH, key);
        print_inline(child);
        (void)putchar('\n');
    }
    if (one_line) {
        (void)putchar('\n');
    }
}
