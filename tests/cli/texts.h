/* JSON written with single quotes, and what a function prints. */
#ifndef TEST_CLI_TEXTS_H
#define TEST_CLI_TEXTS_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* JSON with single quotes for double ones; the caller decrefs. */
static inline json_t *parse_json(const char *text) {
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *at = copy; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *json = json_loads(copy, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        fail_msg("no JSON: %s", text);
    free(copy);
    return json;
}

/* Sorted, compact, with single quotes again; the caller frees. */
static inline char *write_json(const json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    assert_non_null(text);
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '"' ? '\'' : *at;
    return text;
}

struct printed {
    FILE *out;
    char *text; /* after end_print */
    size_t size;
};

static inline void begin_print(struct printed *printed) {
    *printed = (struct printed){0};
    printed->out = open_memstream(&printed->text, &printed->size);
    assert_non_null(printed->out);
}

/* The text; the caller frees. */
static inline char *end_print(struct printed *printed) {
    assert_int_equal(fclose(printed->out), 0);
    return printed->text;
}

#endif
