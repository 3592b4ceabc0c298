#include "wire/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/field.h"
#include "wire/wire.h"

enum { NUMBER_BYTES = 24, MAX_ANY_DEPTH = 16 };

struct json_style {
    const struct sp_any_types *types;
    bool with_defaults;
    unsigned any_depth; /* within how many the message lies */
};

static json_t *json_from_message(const ProtobufCMessage *message, const struct json_style *style);

void sp_json_name(const char *name, char ret_name[static SP_JSON_NAME_BYTES]) {
    size_t used = 0;
    bool raise = false;
    for (const char *p = name; *p != '\0' && used + 1 < SP_JSON_NAME_BYTES; p++) {
        if (*p == '_') {
            raise = true;
            continue;
        }
        bool lower = *p >= 'a' && *p <= 'z';
        ret_name[used++] = (char)(raise && lower ? *p - 'a' + 'A' : *p);
        raise = false;
    }
    ret_name[used] = '\0';
}

json_t *sp_json_from_bytes(struct sp_bytes bytes, bool padded) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = (bytes.size + 2) / 3 * 4;
    char *text = malloc(size + 1);
    if (text == NULL)
        return NULL;
    char *out = text;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16 | (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
                         (left > 2 ? bytes.data[i + 2] : 0);
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = (char)(left > 1 ? digits[group >> 6 & 63] : '=');
        *out++ = (char)(left > 2 ? digits[group & 63] : '=');
    }
    if (!padded)
        size -= (3 - bytes.size % 3) % 3;
    json_t *json = json_stringn(text, size);
    free(text);
    return json;
}

static json_t *json_from_int64(int64_t value) {
    char text[NUMBER_BYTES];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    return json_string(text);
}

static json_t *json_from_uint64(uint64_t value) {
    char text[NUMBER_BYTES];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return json_string(text);
}

static json_t *json_from_real(double value) {
    if (isnan(value))
        return json_string("NaN");
    if (isinf(value))
        return json_string(value > 0 ? "Infinity" : "-Infinity");
    return json_real(value);
}

static json_t *json_from_enum(const ProtobufCEnumDescriptor *descriptor, int number) {
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);
    return value == NULL ? json_integer(number) : json_string(value->name);
}

static json_t *json_from_text(const char *text) {
    return json_string(text == NULL ? "" : text);
}

/* One value of the field's type that lies at `at`. */
static json_t *json_from_value(const ProtobufCFieldDescriptor *field, const void *at, const struct json_style *style) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer(*(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return json_from_int64(*(const int64_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return json_from_uint64(*(const uint64_t *)at);
    case PROTOBUF_C_TYPE_FLOAT:
        return json_from_real((double)*(const float *)at);
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_from_real(*(const double *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return json_from_enum(field->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_STRING:
        return json_from_text(*(const char *const *)at);
    case PROTOBUF_C_TYPE_BYTES:
        return sp_json_from_bytes(sp_wire_bytes(*(const ProtobufCBinaryData *)at), true);
    case PROTOBUF_C_TYPE_MESSAGE:
        return json_from_message(*(const ProtobufCMessage *const *)at, style);
    }
    return NULL;
}

static json_t *json_from_repeated(const ProtobufCFieldDescriptor *field, const char *values, size_t count,
                                  const struct json_style *style) {
    json_t *array = json_array();
    size_t size = sp_wire_value_bytes(field->type);
    for (size_t i = 0; array != NULL && i < count; i++)
        if (json_array_append_new(array, json_from_value(field, values + i * size, style)) != 0) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static bool is_text_empty(const char *text) {
    return text == NULL || *text == '\0';
}

/* Whether the value is what an absent field reads as. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *at) {
    static const char zeros[sizeof(double)];
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return is_text_empty(*(const char *const *)at);
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)at)->len == 0;
    return memcmp(at, zeros, sp_wire_value_bytes(field->type)) == 0;
}

/* Whether a field that is not repeated is written. */
static bool is_written(const ProtobufCFieldDescriptor *field, const char *base, bool with_defaults) {
    const void *at = base + field->offset;
    const void *quantifier = base + field->quantifier_offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)quantifier == field->id;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const void *const *)at != NULL;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        return field->type == PROTOBUF_C_TYPE_STRING ? *(const void *const *)at != NULL
                                                     : *(const protobuf_c_boolean *)quantifier != 0;
    return with_defaults || !is_default(field, at);
}

/* Adds the field to `object` if it is written at all. False when out of memory. */
static bool add_field(json_t *object, const char *base, const ProtobufCFieldDescriptor *field,
                      const struct json_style *style) {
    char name[SP_JSON_NAME_BYTES];
    json_t *value = NULL;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
        if (count == 0 && !style->with_defaults)
            return true;
        value = json_from_repeated(field, *(const char *const *)(const void *)(base + field->offset), count, style);
    } else {
        if (!is_written(field, base, style->with_defaults))
            return true;
        value = json_from_value(field, base + field->offset, style);
    }
    sp_json_name(field->name, name);
    return json_object_set_new(object, name, value) == 0;
}

/* The fields of the message that it holds, beside "@type". The bytes may be a client's. */
static json_t *json_from_any(const ProtobufCMessage *message, const struct json_style *style) {
    const struct sp_any any = sp_any_of(message);
    if (*any.type_url == '\0' && any.value.size == 0)
        return json_object();
    const ProtobufCMessageDescriptor *type = sp_any_find_type(style->types, any.type_url);
    if (type == NULL || style->any_depth == MAX_ANY_DEPTH || sp_wire_validate(type, any.value, NULL) != SP_OK)
        return NULL;
    ProtobufCMessage *held = protobuf_c_message_unpack(type, NULL, any.value.size, any.value.data);
    if (held == NULL)
        return NULL;
    struct json_style inner = *style;
    inner.any_depth++;
    json_t *object = json_from_message(held, &inner);
    protobuf_c_message_free_unpacked(held, NULL);
    if (object != NULL && json_object_set_new(object, "@type", json_string(any.type_url)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *json_from_message(const ProtobufCMessage *message, const struct json_style *style) {
    if (sp_any_is(message->descriptor))
        return json_from_any(message, style);
    json_t *object = json_object();
    for (unsigned i = 0; object != NULL && i < message->descriptor->n_fields; i++)
        if (!add_field(object, (const char *)message, &message->descriptor->fields[i], style)) {
            json_decref(object);
            object = NULL;
        }
    return object;
}

json_t *sp_json_from_message_with(const ProtobufCMessage *message, const struct sp_any_types *types,
                                  bool with_defaults) {
    const struct json_style style = {.types = types, .with_defaults = with_defaults};
    return json_from_message(message, &style);
}

json_t *sp_json_from_message(const ProtobufCMessage *message, bool with_defaults) {
    return sp_json_from_message_with(message, NULL, with_defaults);
}
