#include "wire/json_peek.h"

#include "wire/json_read.h"
#include "wire/json_text.h"

/* Names and numbers are ASCII: what a text has beyond it, which may not be UTF-8, is of no
 * interest. */
static bool copy_as_ascii(struct sp_str text, struct sp_arena *arena, struct sp_str *ret_copy) {
    char *copy = sp_arena_strdup(arena, text);
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)copy[i] > 0x7f)
            copy[i] = '?';
    *ret_copy = (struct sp_str){copy, text.size};
    return true;
}

/* An object with nothing but the field, under the names that it has in `json`; NULL: out of
 * memory. */
static json_t *pick_field(const ProtobufCMessageDescriptor *descriptor, json_t *json, uint32_t field) {
    const char *name;
    json_t *value, *picked = json_object();
    json_object_foreach(json, name, value) {
        const ProtobufCFieldDescriptor *of = sp_json_find_field(descriptor, name);
        if (of == NULL || of->id != field || picked == NULL)
            continue;
        if (json_object_set(picked, name, value) != 0) {
            json_decref(picked);
            picked = NULL;
        }
    }
    return picked;
}

bool sp_json_peek_number(const ProtobufCMessageDescriptor *descriptor, struct sp_str text, uint32_t field,
                         struct sp_arena *arena, uint64_t *ret_value) {
    json_t *json = NULL;
    struct sp_str ascii;
    ProtobufCMessage *message = NULL;
    struct sp_error ignored = {0};
    const ProtobufCFieldDescriptor *of = protobuf_c_message_descriptor_get_field(descriptor, field);
    if (of == NULL || of->type != PROTOBUF_C_TYPE_UINT64 || of->label == PROTOBUF_C_LABEL_REPEATED)
        return false;
    if (!copy_as_ascii(text, arena, &ascii) || sp_json_parse_request_with_nul(ascii, &json, &ignored) != SP_OK)
        return false;
    json_t *picked = pick_field(descriptor, json, field);
    json_decref(json);
    bool reads = picked != NULL && sp_json_to_message(descriptor, picked, arena, &message, &ignored) == SP_OK;
    json_decref(picked);
    if (reads)
        memcpy(ret_value, (const char *)message + of->offset, sizeof(*ret_value));
    return reads;
}
