#include "rpc/h2/head.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum {
    TEXT_FIRST_BYTES = 512,
    KEPT_TEXT_BYTES = 1024, /* of a cleared head, for the next call */
    KEPT_FIELDS = 32,
    FIELD_OVERHEAD_BYTES = 32, /* RFC 9113 section 6.5.2 */
    TIMEOUT_DIGITS_MAX = 8,
};

/* There may be a key in it. */
static void wipe_head_text(struct head *head) {
    if (head->text_size > 0)
        explicit_bzero(head->text, head->text_size);
}

void sp_rpc_h2_head_clear(struct head *head) {
    wipe_head_text(head);
    char *text = head->text;
    size_t text_capacity = head->text_capacity;
    if (text_capacity > KEPT_TEXT_BYTES) {
        free(text);
        text = NULL;
        text_capacity = 0;
    }
    struct head_field *fields = head->fields;
    size_t capacity = head->capacity;
    if (capacity > KEPT_FIELDS) {
        free(fields);
        fields = NULL;
        capacity = 0;
    }
    *head = (struct head){
        .text = text, .text_capacity = text_capacity, .fields = fields, .capacity = capacity, .timeout_ms = INT64_MAX};
}

void sp_rpc_h2_head_fini(struct head *head) {
    wipe_head_text(head);
    free(head->text);
    free(head->fields);
    *head = (struct head){0};
}

/* ---- gathering ---- */

static bool reserve_text(struct head *head, size_t more) {
    size_t wanted = head->text_size + more;
    if (wanted <= head->text_capacity)
        return true;
    size_t capacity = wanted < TEXT_FIRST_BYTES ? TEXT_FIRST_BYTES : wanted + wanted / 4;
    char *text = malloc(capacity);
    if (text == NULL)
        return false;
    if (head->text_size > 0) {
        memcpy(text, head->text, head->text_size);
        explicit_bzero(head->text, head->text_size);
    }
    free(head->text);
    head->text = text;
    head->text_capacity = capacity;
    return true;
}

static void append_head_text(struct head *head, struct sp_str text) {
    if (text.size > 0)
        memcpy(head->text + head->text_size, text.data, text.size);
    head->text_size += text.size;
}

static bool keep_field(struct head *head, struct sp_str name, struct sp_str value) {
    struct head_field *fields = sp_array_reserve(head->fields, head->count, &head->capacity, sizeof(*fields));
    if (fields == NULL)
        return false;
    head->fields = fields;
    if (!reserve_text(head, name.size + value.size))
        return false;
    fields[head->count++] = (struct head_field){(uint32_t)head->text_size, (uint32_t)name.size, (uint32_t)value.size};
    append_head_text(head, name);
    append_head_text(head, value);
    return true;
}

static bool keep_path(struct head *head, struct sp_str path) {
    if (!reserve_text(head, path.size))
        return false;
    head->path_at = head->text_size;
    head->path_size = path.size;
    append_head_text(head, path);
    return true;
}

/* ---- fields with a meaning ---- */

/* "application/grpc", alone or before '+' or ';'. */
static bool is_grpc_content(struct sp_str type) {
    const struct sp_str grpc = SP_STR_LITERAL("application/grpc");
    return sp_str_begins_with(type, grpc) &&
           (type.size == grpc.size || type.data[grpc.size] == '+' || type.data[grpc.size] == ';');
}

/* Values that came in one field may be joined by commas. */
static bool is_base64_list(struct sp_str value) {
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        bool fits = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
                    c == '/' || c == '=' || c == ',';
        if (!fits)
            return false;
    }
    return true;
}

bool sp_rpc_h2_parse_timeout(struct sp_str text, int64_t *ret_ms) {
    static const struct {
        char unit;
        int64_t ns;
    } units[] = {{'H', 3600 * INT64_C(1000000000)},
                 {'M', 60 * INT64_C(1000000000)},
                 {'S', INT64_C(1000000000)},
                 {'m', 1000000},
                 {'u', 1000},
                 {'n', 1}};
    int64_t number = 0;
    if (text.size < 2 || text.size > TIMEOUT_DIGITS_MAX + 1)
        return false;
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (text.data[i] - '0');
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (units[i].unit != text.data[text.size - 1])
            continue;
        int64_t ms_ns = 1000000;
        *ret_ms = units[i].ns >= ms_ns ? number * (units[i].ns / ms_ns) : (number * units[i].ns + ms_ns - 1) / ms_ns;
        return true;
    }
    return false;
}

static void note_meaning(struct head *head, struct sp_str name, struct sp_str value) {
    const struct sp_str binary = SP_STR_LITERAL("-bin");
    if (sp_str_equal(name, SP_STR_LITERAL("content-type")))
        head->is_grpc = is_grpc_content(value);
    else if (sp_str_equal(name, SP_STR_LITERAL("grpc-encoding")))
        head->is_encoded = !sp_str_equal(value, SP_STR_LITERAL("identity"));
    else if (sp_str_equal(name, SP_STR_LITERAL("grpc-timeout")) && !sp_rpc_h2_parse_timeout(value, &head->timeout_ms))
        head->timeout_ms = INT64_MAX;
    if (name.size > binary.size && memcmp(name.data + name.size - binary.size, binary.data, binary.size) == 0 &&
        !is_base64_list(value))
        head->is_undecodable = true;
}

bool sp_rpc_h2_head_add(struct head *head, struct sp_str name, struct sp_str value, size_t max_list_bytes) {
    head->list_bytes += name.size + value.size + FIELD_OVERHEAD_BYTES;
    if (head->list_bytes > max_list_bytes)
        head->is_too_large = true;
    if (head->is_too_large)
        return true;
    if (sp_str_equal(name, SP_STR_LITERAL(":path")))
        return keep_path(head, value);
    if (sp_str_equal(name, SP_STR_LITERAL(":method")))
        head->is_post = sp_str_equal(value, SP_STR_LITERAL("POST"));
    if (name.size > 0 && name.data[0] == ':')
        return true;
    note_meaning(head, name, value);
    return keep_field(head, name, value);
}

/* ---- reading ---- */

struct sp_str sp_rpc_h2_head_path(const struct head *head) {
    return (struct sp_str){head->text + head->path_at, head->path_size};
}

size_t sp_rpc_h2_head_find(const struct head *head, const char *name, struct sp_str *ret_values, size_t room) {
    size_t count = 0;
    const struct sp_str wanted = sp_str_from(name);
    for (size_t i = 0; i < head->count; i++) {
        const struct head_field *field = &head->fields[i];
        const char *text = head->text + field->at;
        if (!sp_str_equal((struct sp_str){text, field->name_size}, wanted))
            continue;
        if (count < room)
            ret_values[count] = (struct sp_str){text + field->name_size, field->value_size};
        count++;
    }
    return count;
}

/* ---- writing ---- */

size_t sp_rpc_h2_encode_message(const char *message, char *ret_text, size_t room) {
    static const char digits[] = "0123456789ABCDEF";
    size_t size = 0;
    for (const char *at = message; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        bool plain = c >= ' ' && c <= '~' && c != '%';
        if (size + (plain ? 1 : 3) > room)
            break;
        if (plain) {
            ret_text[size++] = *at;
        } else {
            ret_text[size++] = '%';
            ret_text[size++] = digits[c >> 4];
            ret_text[size++] = digits[c & 15];
        }
    }
    return size;
}
