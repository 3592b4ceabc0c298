#include "wire/message_difference.h"

#include <stdbool.h>
#include <string.h>

#include "wire/field.h"

static bool are_values_equal(const ProtobufCFieldDescriptor *field, const void *a, const void *b) {
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *of_a = *(const ProtobufCMessage *const *)a, *of_b = *(const ProtobufCMessage *const *)b;
        return of_a == NULL || of_b == NULL ? of_a == of_b : sp_wire_find_difference(of_a, of_b) == NULL;
    }
    return memcmp(a, b, sp_wire_value_bytes(field->type)) == 0;
}

static bool are_lists_equal(const ProtobufCFieldDescriptor *field, const char *a, const char *b) {
    size_t count, count_of_b;
    const char *of_a, *of_b;
    memcpy(&count, a + field->quantifier_offset, sizeof(count));
    memcpy(&count_of_b, b + field->quantifier_offset, sizeof(count_of_b));
    if (count != count_of_b)
        return false;
    memcpy(&of_a, a + field->offset, sizeof(of_a));
    memcpy(&of_b, b + field->offset, sizeof(of_b));
    for (size_t i = 0; i < count; i++) {
        size_t at = i * sp_wire_value_bytes(field->type);
        if (!are_values_equal(field, of_a + at, of_b + at))
            return false;
    }
    return true;
}

/* Only the member of a oneof that is set has a value. */
static bool are_fields_equal(const ProtobufCFieldDescriptor *field, const char *a, const char *b) {
    uint32_t case_of_a = field->id, case_of_b = field->id;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return are_lists_equal(field, a, b);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        memcpy(&case_of_a, a + field->quantifier_offset, sizeof(case_of_a));
        memcpy(&case_of_b, b + field->quantifier_offset, sizeof(case_of_b));
    }
    if (case_of_a != case_of_b)
        return false;
    return case_of_a != field->id || are_values_equal(field, a + field->offset, b + field->offset);
}

const char *sp_wire_find_difference(const ProtobufCMessage *a, const ProtobufCMessage *b) {
    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &a->descriptor->fields[i];
        if (!are_fields_equal(field, (const char *)a, (const char *)b))
            return field->name;
    }
    return NULL;
}
