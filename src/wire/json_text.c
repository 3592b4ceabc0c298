#include "wire/json_text.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    MAX_TEXT_DEPTH = 32,
    /* What jansson takes for values, with malloc's heads: for each, much more than its text has. */
    OBJECT_BYTES = 224,
    ARRAY_BYTES = 176,
    PAIR_BYTES = 128,
    ITEM_BYTES = 64, /* the place of one in an array, or a number */
    STRING_BYTES = 80,
};

/* What a text takes once it is read, counted by its signs outside strings. */
static size_t count_memory_of_sign(char c) {
    switch (c) {
    case '{':
        return OBJECT_BYTES;
    case '[':
        return ARRAY_BYTES;
    case ':':
        return PAIR_BYTES;
    case ',':
        return ITEM_BYTES;
    case '"':
        return STRING_BYTES;
    default:
        return 1;
    }
}

struct text_place {
    unsigned line; /* 0: the text is a line of a file, whose number the caller knows */
    size_t line_begin;
};

static enum sp_status refuse_text(unsigned line, size_t column, struct sp_error *error, const char *what) {
    if (line == 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s at column %zu", what, column);
    return sp_error_set(error, SP_ERR_INVALID, "line %u, column %zu: %s", line, column, what);
}

/* Before jansson recurses over brackets, and allocates for each value. */
static enum sp_status check_text_bounds(struct sp_str text, unsigned first_line, size_t most_bytes,
                                        struct sp_error *error) {
    unsigned depth = 0;
    bool in_string = false;
    size_t memory = 0;
    struct text_place place = {.line = first_line};
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        memory += in_string ? 1 : count_memory_of_sign(c);
        if (memory > most_bytes)
            return refuse_text(place.line, i - place.line_begin + 1, error, "too many values");
        if (c == '\n') {
            place = (struct text_place){place.line + 1, i + 1};
        } else if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_TEXT_DEPTH)
                return refuse_text(place.line, i - place.line_begin + 1, error, "more than 32 levels");
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return SP_OK;
}

_Static_assert(MAX_TEXT_DEPTH == 32, "as the message says");

/* jansson's own texts quote the input, which may hold a key. */
static const char *fault_text(const json_error_t *fault) {
    switch ((int)json_error_code(fault)) {
    case json_error_invalid_utf8:
        return "not valid UTF-8";
    case json_error_premature_end_of_input:
        return "unexpected end";
    case json_error_end_of_input_expected:
        return "unexpected text after the value";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "contains a NUL";
    case json_error_duplicate_key:
        return "duplicate name in an object";
    case json_error_numeric_overflow:
        return "number too large";
    case json_error_out_of_memory:
        return "out of memory";
    default:
        return "not valid JSON";
    }
}

/* What a text is that holds a value and neither an object nor an array; NULL: not even that. */
static const char *name_lone_value(struct sp_str text) {
    size_t begin = 0;
    while (begin < text.size && sp_text_is_json_blank(text.data[begin]))
        begin++;
    if (begin == text.size)
        return "expected an object, found nothing";
    if (text.data[begin] == '{' || text.data[begin] == '[')
        return NULL;
    json_t *value = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    const char *name = json_is_null(value)      ? "expected an object, found null"
                       : json_is_string(value)  ? "expected an object, found text"
                       : json_is_number(value)  ? "expected an object, found a number"
                       : json_is_boolean(value) ? "expected an object, found true or false"
                                                : NULL;
    json_decref(value);
    return name;
}

static enum sp_status refuse_array_line(struct sp_error *error) {
    return sp_error_set(error, SP_ERR_INVALID,
                        "expected an object, found an array; write each of its objects on a line of its own, as "
                        "`jq -c '.[]'` does");
}

static enum sp_status refuse_unended_line(struct sp_str line, struct sp_error *error) {
    size_t begin = 0;
    while (begin < line.size && sp_text_is_json_blank(line.data[begin]))
        begin++;
    if (begin < line.size && line.data[begin] == '[')
        return refuse_array_line(error);
    return sp_error_set(error, SP_ERR_INVALID,
                        "the line ends before its object does; write each object on one line, as `jq -c .` does");
}

/* `first_line`: 0 for a line of a file. */
static enum sp_status parse_json_text(struct sp_str text, unsigned first_line, size_t flags, size_t most_bytes,
                                      json_t **ret_json, struct sp_error *error) {
    enum sp_status status = check_text_bounds(text, first_line, most_bytes, error);
    if (status != SP_OK)
        return status;
    json_error_t fault;
    json_t *json = json_loadb(text.size > 0 ? text.data : "", text.size, JSON_REJECT_DUPLICATES | flags, &fault);
    const char *lone = json == NULL ? name_lone_value(text) : NULL;
    if (lone != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s", lone);
    if (json == NULL && first_line == 0 && json_error_code(&fault) == json_error_premature_end_of_input)
        return refuse_unended_line(text, error);
    if (json == NULL)
        return refuse_text(first_line == 0 ? 0 : (unsigned)fault.line, (size_t)fault.column, error, fault_text(&fault));
    *ret_json = json;
    return SP_OK;
}

enum sp_status sp_json_parse(struct sp_str text, json_t **ret_json, struct sp_error *error) {
    return parse_json_text(text, 1, 0, SIZE_MAX, ret_json, error);
}

enum sp_status sp_json_parse_line(struct sp_str line, json_t **ret_json, struct sp_error *error) {
    json_t *json = NULL;
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    enum sp_status status = parse_json_text(line, 0, 0, SIZE_MAX, &json, error);
    if (status != SP_OK)
        return status;
    if (json_is_array(json)) {
        json_decref(json);
        return refuse_array_line(error);
    }
    *ret_json = json;
    return SP_OK;
}

bool sp_json_is_spread_over_lines(struct sp_str line) {
    size_t begin = 0;
    while (begin < line.size && sp_text_is_json_blank(line.data[begin]))
        begin++;
    while (line.size > begin && sp_text_is_json_blank(line.data[line.size - 1]))
        line.size--;
    if (begin == line.size || (line.data[begin] != '{' && line.data[begin] != '['))
        return false;
    char last = line.data[line.size - 1];
    return line.data[begin] == '[' || last == '{' || last == '[' || last == ',' || last == ':';
}

static enum sp_status parse_request_text(struct sp_str text, size_t flags, json_t **ret_json, struct sp_error *error) {
    json_t *json = NULL;
    enum sp_status status = parse_json_text(text, 1, flags, SP_JSON_REQUEST_BYTES, &json, error);
    if (status != SP_OK)
        return status;
    if (!json_is_object(json)) {
        json_decref(json);
        return sp_error_set(error, SP_ERR_INVALID, "expected an object, found an array");
    }
    *ret_json = json;
    return SP_OK;
}

enum sp_status sp_json_parse_request(struct sp_str text, json_t **ret_json, struct sp_error *error) {
    return parse_request_text(text, 0, ret_json, error);
}

enum sp_status sp_json_parse_request_with_nul(struct sp_str text, json_t **ret_json, struct sp_error *error) {
    return parse_request_text(text, JSON_ALLOW_NUL, ret_json, error);
}

/* ---- memory ---- */

static void wipe_and_free(void *memory) {
    if (memory != NULL)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

void sp_json_prepare(void) {
    json_set_alloc_funcs(malloc, wipe_and_free);
    json_object_seed(0); /* before threads do it at once */
}
