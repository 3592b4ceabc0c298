#include "wire/json_read.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "base/text.h"
#include "wire/field.h"
#include "wire/wire.h"

enum {
    MAX_MESSAGE_DEPTH = 16,
    PATH_BYTES = 256,
};

/* Where in the object a value stands; chained on the stack for messages. */
struct place {
    const struct place *outer;
    const char *name; /* NULL: an item */
    size_t index;
};

struct reader {
    const struct sp_any_types *types;
    struct sp_arena *arena;
    struct sp_error *error;
};

static size_t append_json_path(const struct place *place, char *path, size_t size) {
    if (place == NULL)
        return 0;
    size_t used = append_json_path(place->outer, path, size);
    if (used >= size)
        return used;
    int wrote = place->name == NULL ? snprintf(path + used, size - used, "[%zu]", place->index)
                                    : snprintf(path + used, size - used, "%s%s", used > 0 ? "." : "", place->name);
    return wrote < 0 ? used : used + (size_t)wrote;
}

static enum sp_status refuse_json_value(const struct reader *reader, const struct place *place, const char *what) {
    char path[PATH_BYTES] = "";
    append_json_path(place, path, sizeof(path));
    sp_error_set(reader->error, SP_ERR_INVALID, "%s%s%s", path, path[0] == '\0' ? "" : ": ", what);
    return SP_ERR_INVALID;
}

static enum sp_status refuse_memory(const struct reader *reader) {
    sp_error_set(reader->error, SP_ERR_EXHAUSTED, "the message exceeds the memory limit of one call");
    return SP_ERR_EXHAUSTED;
}

/* A whole number from text without spaces, plus sign or leading zeros. */
static bool parse_whole(const char *text, size_t size, bool *ret_negative, uint64_t *ret_magnitude) {
    bool negative = size > 0 && text[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == size || (text[at] == '0' && size > at + 1))
        return false;
    uint64_t magnitude = 0;
    for (; at < size; at++) {
        unsigned digit = (unsigned)(unsigned char)text[at] - '0';
        if (digit > 9 || magnitude > (UINT64_MAX - digit) / 10)
            return false;
        magnitude = magnitude * 10 + digit;
    }
    *ret_negative = negative;
    *ret_magnitude = magnitude;
    return true;
}

/* The whole number of a JSON number (1, 1.0, 1e3) or string ("1"). */
static bool read_whole(const json_t *json, bool *ret_negative, uint64_t *ret_magnitude) {
    if (json_is_string(json))
        return parse_whole(json_string_value(json), json_string_length(json), ret_negative, ret_magnitude);
    if (json_is_integer(json)) {
        int64_t value = json_integer_value(json);
        *ret_negative = value < 0;
        *ret_magnitude = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
        return true;
    }
    const double exact = 9007199254740992.0; /* whole numbers up to here are exact in a double */
    double value = json_real_value(json);
    if (!json_is_real(json) || value < -exact || value > exact)
        return false;
    double magnitude = value < 0 ? -value : value;
    uint64_t whole = (uint64_t)magnitude;
    if ((double)whole < magnitude)
        return false;
    *ret_negative = value < 0;
    *ret_magnitude = whole;
    return true;
}

static enum sp_status json_to_signed(const struct reader *reader, const struct place *place, const json_t *json,
                                     int64_t least, int64_t most, int64_t *ret_value) {
    bool negative = false;
    uint64_t magnitude = 0;
    if (!read_whole(json, &negative, &magnitude))
        return refuse_json_value(reader, place, "must be a whole number");
    uint64_t limit = negative ? (uint64_t)0 - (uint64_t)least : (uint64_t)most;
    if (magnitude > limit)
        return refuse_json_value(reader, place, "number out of range");
    *ret_value = negative ? (int64_t)((uint64_t)0 - magnitude) : (int64_t)magnitude;
    return SP_OK;
}

/* Fields of type int64 are times, in seconds unless their names end in Ms: they may be written as
 * RFC 3339 too. */
static enum sp_status json_to_time(const struct reader *reader, const struct place *place, const json_t *json,
                                   int64_t *ret_value) {
    const char *name = place->name != NULL ? place->name : "";
    size_t size = strlen(name);
    bool seconds = size < 2 || (strcmp(name + size - 2, "Ms") != 0 && strcmp(name + size - 2, "ms") != 0);
    if (seconds && json_is_string(json) &&
        sp_moment_parse((struct sp_str){json_string_value(json), json_string_length(json)}, ret_value))
        return *ret_value != 0
                   ? SP_OK
                   : refuse_json_value(reader, place, "must be after 1970-01-01T00:00:00Z: 0 means no time");
    bool negative = false;
    uint64_t magnitude = 0;
    if (seconds && json_is_string(json) && !read_whole(json, &negative, &magnitude))
        return refuse_json_value(reader, place, "must be seconds since 1970, or a time such as 2026-12-31T23:59:59Z");
    return json_to_signed(reader, place, json, INT64_MIN, INT64_MAX, ret_value);
}

static enum sp_status json_to_unsigned(const struct reader *reader, const struct place *place, const json_t *json,
                                       uint64_t most, uint64_t *ret_value) {
    bool negative = false;
    uint64_t magnitude = 0;
    if (!read_whole(json, &negative, &magnitude))
        return refuse_json_value(reader, place, "must be a whole number");
    if ((negative && magnitude > 0) || magnitude > most)
        return refuse_json_value(reader, place, "number out of range");
    *ret_value = magnitude;
    return SP_OK;
}

static enum sp_status json_to_real(const struct reader *reader, const struct place *place, const json_t *json,
                                   double most, double *ret_value) {
    double value = json_number_value(json);
    if (json_is_string(json)) {
        struct sp_str text = {json_string_value(json), json_string_length(json)};
        if (sp_str_equal(text, SP_STR_LITERAL("NaN")))
            *ret_value = NAN;
        else if (sp_str_equal(text, SP_STR_LITERAL("Infinity")))
            *ret_value = INFINITY;
        else if (sp_str_equal(text, SP_STR_LITERAL("-Infinity")))
            *ret_value = -INFINITY;
        else
            return refuse_json_value(reader, place, "must be a number");
        return SP_OK;
    }
    if (!json_is_number(json))
        return refuse_json_value(reader, place, "must be a number");
    if (value > most || value < -most)
        return refuse_json_value(reader, place, "number out of range");
    *ret_value = value;
    return SP_OK;
}

static enum sp_status refuse_enum(const struct reader *reader, const struct place *place,
                                  const ProtobufCEnumDescriptor *descriptor) {
    char what[2 * PATH_BYTES] = "must be one of";
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        size_t used = strlen(what);
        (void)snprintf(what + used, sizeof(what) - used, "%s %s", i > 0 ? "," : "", descriptor->values[i].name);
    }
    return refuse_json_value(reader, place, what);
}

static enum sp_status json_to_enum(const struct reader *reader, const struct place *place, const json_t *json,
                                   const ProtobufCEnumDescriptor *descriptor, int *ret_value) {
    const ProtobufCEnumValue *value = NULL;
    if (json_is_string(json)) {
        for (unsigned i = 0; i < descriptor->n_value_names; i++)
            if (strcmp(descriptor->values_by_name[i].name, json_string_value(json)) == 0)
                value = &descriptor->values[descriptor->values_by_name[i].index];
    } else {
        int64_t number = 0;
        const struct reader silent = {.arena = reader->arena};
        if (json_to_signed(&silent, place, json, INT32_MIN, INT32_MAX, &number) == SP_OK)
            value = protobuf_c_enum_descriptor_get_value(descriptor, (int)number);
    }
    if (value == NULL)
        return refuse_enum(reader, place, descriptor);
    *ret_value = value->value;
    return SP_OK;
}

static enum sp_status json_to_text(const struct reader *reader, const struct place *place, const json_t *json,
                                   char **ret_text) {
    if (!json_is_string(json))
        return refuse_json_value(reader, place, "must be a string");
    struct sp_str text = {json_string_value(json), json_string_length(json)};
    if (memchr(text.data, 0, text.size) != NULL)
        return refuse_json_value(reader, place, "contains a NUL");
    char *copy = sp_arena_strdup(reader->arena, text);
    if (copy == NULL)
        return refuse_memory(reader);
    *ret_text = copy;
    return SP_OK;
}

/* The digit's value in either alphabet of base64; 64 for none. */
static unsigned base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : 64;
}

/* Decodes into `out`, which has room for three bytes for each four digits. Refuses bits that would
 * be dropped. */
static bool decode_base64(struct sp_str text, uint8_t *out, size_t *ret_size) {
    size_t size = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t digits = text.size;
    while (digits > 0 && text.size % 4 == 0 && text.size - digits < 2 && text.data[digits - 1] == '=')
        digits--;
    for (size_t i = 0; i < digits; i++) {
        unsigned digit = base64_digit(text.data[i]);
        if (digit > 63)
            return false;
        bits = (bits << 6 | digit) & 0xffff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[size++] = (uint8_t)(bits >> bit_count);
        }
    }
    if (digits % 4 == 1 || (bits & ((1U << bit_count) - 1)) != 0)
        return false;
    *ret_size = size;
    return true;
}

static enum sp_status json_to_bytes(const struct reader *reader, const struct place *place, const json_t *json,
                                    ProtobufCBinaryData *ret_bytes) {
    if (!json_is_string(json))
        return refuse_json_value(reader, place, "must be a base64 string");
    struct sp_str text = {json_string_value(json), json_string_length(json)};
    uint8_t *data = sp_arena_alloc(reader->arena, text.size / 4 * 3 + 3);
    size_t size = 0;
    if (data == NULL)
        return refuse_memory(reader);
    if (!decode_base64(text, data, &size))
        return refuse_json_value(reader, place, "must be a base64 string");
    *ret_bytes = (ProtobufCBinaryData){.len = size, .data = data};
    return SP_OK;
}

static enum sp_status json_to_message(const struct reader *reader, const struct place *place, const json_t *json,
                                      const ProtobufCMessageDescriptor *descriptor, unsigned depth,
                                      ProtobufCMessage **ret_message);

static enum sp_status json_to_number(const struct reader *reader, const struct place *place, const json_t *json,
                                     ProtobufCType type, void *ret_value) {
    enum sp_status status = SP_ERR_INTERNAL;
    int64_t number = 0;
    uint64_t magnitude = 0;
    double real = 0;
    switch ((int)type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        status = json_to_signed(reader, place, json, INT32_MIN, INT32_MAX, &number);
        *(int32_t *)ret_value = (int32_t)number;
        break;
    case PROTOBUF_C_TYPE_INT64:
        status = json_to_time(reader, place, json, &number);
        *(int64_t *)ret_value = number;
        break;
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        status = json_to_signed(reader, place, json, INT64_MIN, INT64_MAX, &number);
        *(int64_t *)ret_value = number;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        status = json_to_unsigned(reader, place, json, UINT32_MAX, &magnitude);
        *(uint32_t *)ret_value = (uint32_t)magnitude;
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        status = json_to_unsigned(reader, place, json, UINT64_MAX, &magnitude);
        *(uint64_t *)ret_value = magnitude;
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        status = json_to_real(reader, place, json, FLT_MAX, &real);
        *(float *)ret_value = (float)real;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        status = json_to_real(reader, place, json, DBL_MAX, &real);
        *(double *)ret_value = real;
        break;
    default:
        break;
    }
    return status;
}

/* Reads one value of the field's type to where `ret_value` points. */
static enum sp_status json_to_value(const struct reader *reader, const struct place *place, const json_t *json,
                                    const ProtobufCFieldDescriptor *field, unsigned depth, void *ret_value) {
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(json))
            return refuse_json_value(reader, place, "must be true or false");
        *(protobuf_c_boolean *)ret_value = json_is_true(json);
        return SP_OK;
    case PROTOBUF_C_TYPE_ENUM:
        return json_to_enum(reader, place, json, field->descriptor, ret_value);
    case PROTOBUF_C_TYPE_STRING:
        return json_to_text(reader, place, json, ret_value);
    case PROTOBUF_C_TYPE_BYTES:
        return json_to_bytes(reader, place, json, ret_value);
    case PROTOBUF_C_TYPE_MESSAGE:
        return json_to_message(reader, place, json, field->descriptor, depth + 1, ret_value);
    default:
        return json_to_number(reader, place, json, field->type, ret_value);
    }
}

static enum sp_status json_to_repeated(const struct reader *reader, const struct place *place, const json_t *json,
                                       const ProtobufCFieldDescriptor *field, unsigned depth, char *base) {
    if (!json_is_array(json))
        return refuse_json_value(reader, place, "must be an array");
    size_t count = json_array_size(json), size = sp_wire_value_bytes(field->type);
    char *values = sp_arena_calloc(reader->arena, count > 0 ? count : 1, size);
    if (values == NULL)
        return refuse_memory(reader);
    for (size_t i = 0; i < count; i++) {
        struct place item = {.outer = place, .index = i};
        enum sp_status status = json_to_value(reader, &item, json_array_get(json, i), field, depth, values + i * size);
        if (status != SP_OK)
            return status;
    }
    *(char **)(void *)(base + field->offset) = values;
    *(size_t *)(void *)(base + field->quantifier_offset) = count;
    return SP_OK;
}

static enum sp_status json_to_singular(const struct reader *reader, const struct place *place, const json_t *json,
                                       const ProtobufCFieldDescriptor *field, unsigned depth, char *base) {
    void *quantifier = base + field->quantifier_offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        if (*(uint32_t *)quantifier != 0)
            return refuse_json_value(reader, place, "another member of the same oneof is set too");
        *(uint32_t *)quantifier = field->id;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
               field->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)quantifier = 1;
    return json_to_value(reader, place, json, field, depth, base + field->offset);
}

static char raise_letter(char c) {
    if (c < 'a' || c > 'z')
        return c;
    return (char)(c - 'a' + 'A');
}

/* Whether `key` is the field's name, or that in lowerCamelCase. */
static bool is_name_of(const char *name, const char *key) {
    if (strcmp(name, key) == 0)
        return true;
    for (; *name != '\0'; name++, key++) {
        bool raise = false;
        for (; *name == '_'; name++)
            raise = true;
        char expected = *name;
        if (raise)
            expected = raise_letter(expected);
        if (*key != expected || *name == '\0')
            return false;
    }
    return *key == '\0';
}

const ProtobufCFieldDescriptor *sp_json_find_field(const ProtobufCMessageDescriptor *descriptor, const char *name) {
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (is_name_of(descriptor->fields[i].name, name))
            return &descriptor->fields[i];
    return NULL;
}

/* The same field may be there under both of its names. */
static bool is_given_in_both_spellings(const json_t *object, const ProtobufCFieldDescriptor *field, const char *key) {
    return strcmp(key, field->name) != 0 && json_object_get(object, field->name) != NULL;
}

/* Packs the fields beside "@type" as a message of that type. */
static enum sp_status json_to_any(const struct reader *reader, const struct place *place, const json_t *json,
                                  unsigned depth, ProtobufCMessage *any) {
    static const char key[] = "@type";
    struct place inner = {.outer = place, .name = key};
    ProtobufCMessage *held = NULL;
    char *type_url = NULL;
    struct sp_bytes value;
    const json_t *named = json_object_get(json, key);
    if (json_object_size(json) == 0)
        return SP_OK;
    if (named == NULL)
        return refuse_json_value(reader, &inner, "required");
    enum sp_status status = json_to_text(reader, &inner, named, &type_url);
    if (status != SP_OK)
        return status;
    const ProtobufCMessageDescriptor *type = sp_any_find_type(reader->types, type_url);
    if (type == NULL)
        return refuse_json_value(reader, &inner, "this type is not known here");
    json_t *fields = json_copy((json_t *)(uintptr_t)json);
    if (fields == NULL || json_object_del(fields, key) != 0) {
        json_decref(fields);
        return refuse_memory(reader);
    }
    status = json_to_message(reader, place, fields, type, depth + 1, &held);
    json_decref(fields);
    if (status != SP_OK)
        return status;
    if (sp_wire_pack(held, reader->arena, &value) != SP_OK)
        return refuse_memory(reader);
    sp_any_set(any, type_url, value);
    return SP_OK;
}

/* Reads the members of an object into a message. */
static enum sp_status json_to_fields(const struct reader *reader, const struct place *place, const json_t *json,
                                     unsigned depth, ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    void *at = json_object_iter((json_t *)(uintptr_t)json);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        struct place inner = {.outer = place, .name = key};
        const ProtobufCFieldDescriptor *field = sp_json_find_field(descriptor, key);
        if (field == NULL)
            return refuse_json_value(reader, &inner, "no such field");
        if (is_given_in_both_spellings(json, field, key))
            return refuse_json_value(reader, &inner, "set twice, in both spellings");
        if (json_is_null(value))
            continue;
        enum sp_status status = field->label == PROTOBUF_C_LABEL_REPEATED
                                    ? json_to_repeated(reader, &inner, value, field, depth, (char *)message)
                                    : json_to_singular(reader, &inner, value, field, depth, (char *)message);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status json_to_message(const struct reader *reader, const struct place *place, const json_t *json,
                                      const ProtobufCMessageDescriptor *descriptor, unsigned depth,
                                      ProtobufCMessage **ret_message) {
    if (!json_is_object(json))
        return refuse_json_value(reader, place, "must be an object");
    if (depth > MAX_MESSAGE_DEPTH)
        return refuse_json_value(reader, place, "more than 16 levels");
    ProtobufCMessage *message = sp_arena_alloc(reader->arena, descriptor->sizeof_message);
    if (message == NULL)
        return refuse_memory(reader);
    protobuf_c_message_init(descriptor, message);
    enum sp_status status = sp_any_is(descriptor) ? json_to_any(reader, place, json, depth, message)
                                                  : json_to_fields(reader, place, json, depth, message);
    if (status == SP_OK)
        *ret_message = message;
    return status;
}

enum sp_status sp_json_to_message_with(const ProtobufCMessageDescriptor *descriptor, const struct sp_any_types *types,
                                       const json_t *json, struct sp_arena *arena, ProtobufCMessage **ret_message,
                                       struct sp_error *error) {
    struct reader reader = {.types = types, .arena = arena, .error = error};
    return json_to_message(&reader, NULL, json, descriptor, 1, ret_message);
}

enum sp_status sp_json_to_message(const ProtobufCMessageDescriptor *descriptor, const json_t *json,
                                  struct sp_arena *arena, ProtobufCMessage **ret_message, struct sp_error *error) {
    return sp_json_to_message_with(descriptor, NULL, json, arena, ret_message, error);
}
