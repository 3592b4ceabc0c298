#include "wire/any.h"

#include <string.h>

#include "wire/wire.h"

enum { TYPE_URL = 1, VALUE = 2 };

bool sp_any_is(const ProtobufCMessageDescriptor *descriptor) {
    return strcmp(descriptor->name, "google.protobuf.Any") == 0;
}

static size_t find_any_field(const ProtobufCMessage *message, unsigned id) {
    return protobuf_c_message_descriptor_get_field(message->descriptor, id)->offset;
}

struct sp_any sp_any_of(const ProtobufCMessage *message) {
    const char *base = (const char *)message;
    const char *type_url = *(const char *const *)(const void *)(base + find_any_field(message, TYPE_URL));
    const ProtobufCBinaryData *value = (const void *)(base + find_any_field(message, VALUE));
    return (struct sp_any){type_url == NULL ? "" : type_url, sp_wire_bytes(*value)};
}

void sp_any_set(ProtobufCMessage *message, char *type_url, struct sp_bytes value) {
    char *base = (char *)message;
    *(char **)(void *)(base + find_any_field(message, TYPE_URL)) = type_url;
    *(ProtobufCBinaryData *)(void *)(base + find_any_field(message, VALUE)) = sp_wire_field(value);
}

const ProtobufCMessageDescriptor *sp_any_find_type(const struct sp_any_types *types, const char *type_url) {
    const char *slash = strrchr(type_url, '/');
    for (size_t i = 0; types != NULL && slash != NULL && i < types->count; i++)
        if (strcmp(types->messages[i]->name, slash + 1) == 0)
            return types->messages[i];
    return NULL;
}
