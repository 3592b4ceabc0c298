#include "wire/wire.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"

enum {
    MAX_FIELDS = 64, /* of one message: they are remembered in the bits of one word */
    MAX_VARINT_BYTES = 10,
    MAX_SHORT_VARINT_BYTES = 5, /* of tags and lengths, longer forms of which protobuf-c refuses */
    MAX_FIELD_NUMBER = (1 << 29) - 1,
    PATH_BYTES = 256,
};

/* One message on the way down. The path of an error is reconstructed from the bytes, so that
 * success costs nothing. */
struct frame {
    const struct frame *parent;
    const ProtobufCMessageDescriptor *descriptor;
    const ProtobufCFieldDescriptor *field; /* being read; NULL between fields */
    const uint8_t *begin;
    const uint8_t *tag; /* of the field being read */
    const uint8_t *at;
    const uint8_t *end;
    uint64_t seen; /* bit n: field n of the descriptor was given */
};

struct walk {
    struct sp_error *error;
    bool met_unknown;
};

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value) {
    const uint8_t *p = *at;
    if (p < end && *p < 0x80) {
        *ret_value = *p;
        *at = p + 1;
        return true;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < MAX_VARINT_BYTES && p < end; i++) {
        uint8_t byte = *p++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            if (i == MAX_VARINT_BYTES - 1 && byte > 1)
                return false;
            *ret_value = value;
            *at = p;
            return true;
        }
    }
    return false;
}

static bool read_short_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret_value) {
    const uint8_t *begin = *at;
    return read_varint(at, end, ret_value) && *at - begin <= MAX_SHORT_VARINT_BYTES;
}

/* Field number and wire type. */
static bool read_tag(const uint8_t **at, const uint8_t *end, uint32_t *ret_number, unsigned *ret_wire_type) {
    uint64_t tag = 0;
    if (!read_short_varint(at, end, &tag) || tag >> 3 == 0 || tag >> 3 > MAX_FIELD_NUMBER)
        return false;
    *ret_number = (uint32_t)(tag >> 3);
    *ret_wire_type = (unsigned)(tag & 7);
    return true;
}

/* Steps over one value. Fails on groups, which proto3 does not have. */
static bool skip_value(const uint8_t **at, const uint8_t *end, unsigned wire_type) {
    uint64_t size = 0;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(at, end, &size);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        size = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        size = 4;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!read_short_varint(at, end, &size))
            return false;
        break;
    default:
        return false;
    }
    if (size > (uint64_t)(end - *at))
        return false;
    *at += size;
    return true;
}

/* How often the frame's current field was given before. */
static size_t earlier_occurrences(const struct frame *frame) {
    size_t count = 0;
    const uint8_t *at = frame->begin;
    uint32_t number = 0;
    unsigned wire_type = 0;
    while (at < frame->tag && read_tag(&at, frame->end, &number, &wire_type)) {
        count += number == frame->field->id;
        if (!skip_value(&at, frame->end, wire_type))
            break;
    }
    return count;
}

static size_t append_field_path(const struct frame *frame, char *path, size_t size) {
    size_t used = frame->parent == NULL ? 0 : append_field_path(frame->parent, path, size);
    if (frame->field == NULL || used >= size)
        return used;
    const char *dot = used > 0 ? "." : "";
    int wrote =
        frame->field->label == PROTOBUF_C_LABEL_REPEATED
            ? snprintf(path + used, size - used, "%s%s[%zu]", dot, frame->field->name, earlier_occurrences(frame))
            : snprintf(path + used, size - used, "%s%s", dot, frame->field->name);
    return wrote < 0 ? used : used + (size_t)wrote;
}

/* Refuses with "path: what". */
static enum sp_status refuse_field(const struct walk *walk, const struct frame *frame, const char *what) {
    char path[PATH_BYTES] = "";
    if (append_field_path(frame, path, sizeof(path)) == 0)
        return sp_error_set(walk->error, SP_ERR_INVALID, "%s: %s", frame->descriptor->short_name, what);
    return sp_error_set(walk->error, SP_ERR_INVALID, "%s: %s", path, what);
}

static const ProtobufCFieldDescriptor *find_numbered_field(const ProtobufCMessageDescriptor *descriptor,
                                                           uint32_t number) {
    if (number <= descriptor->n_fields && descriptor->fields[number - 1].id == number)
        return &descriptor->fields[number - 1];
    return protobuf_c_message_descriptor_get_field(descriptor, number);
}

static bool is_known_enum_value(const ProtobufCEnumDescriptor *descriptor, uint64_t value) {
    if (value < descriptor->n_values && descriptor->values[value].value == (int)value)
        return true;
    int64_t number = (int64_t)value;
    return number >= INT32_MIN && number <= INT32_MAX &&
           protobuf_c_enum_descriptor_get_value(descriptor, (int)number) != NULL;
}

/* What is wrong with a varint of the field's type; NULL for nothing. protobuf-c would cut numbers
 * too large. */
static const char *fault_of_varint(const ProtobufCFieldDescriptor *field, uint64_t value) {
    int64_t number = (int64_t)value;
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_ENUM:
        return is_known_enum_value(field->descriptor, value) ? NULL : "unknown enum value";
    case PROTOBUF_C_TYPE_INT32:
        return number >= INT32_MIN && number <= INT32_MAX ? NULL : "number out of range";
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        return value <= UINT32_MAX ? NULL : "number out of range";
    default:
        return NULL;
    }
}

enum { HAS_HIGH_BIT = 1, HAS_NUL = 2 };

/* Over eight bytes at once. The test for zero bytes may also answer yes for 0x01 above a zero:
 * never without one. */
static unsigned traits_of_word(uint64_t word) {
    const uint64_t high = UINT64_C(0x8080808080808080);
    const uint64_t ones = UINT64_C(0x0101010101010101);
    return ((word & high) != 0 ? HAS_HIGH_BIT : 0U) | (((word - ones) & ~word & high) != 0 ? HAS_NUL : 0U);
}

static unsigned traits_of_text(const uint8_t *at, size_t size) {
    unsigned traits = 0;
    uint64_t word = 0;
    if (size < sizeof(word)) {
        for (size_t i = 0; i < size; i++)
            traits |= (at[i] >= 0x80 ? HAS_HIGH_BIT : 0U) | (at[i] == 0 ? HAS_NUL : 0U);
        return traits;
    }
    for (size_t i = 0; i + sizeof(word) <= size; i += sizeof(word)) {
        memcpy(&word, at + i, sizeof(word));
        traits |= traits_of_word(word);
    }
    memcpy(&word, at + size - sizeof(word), sizeof(word));
    return traits | traits_of_word(word);
}

static const char *fault_of_text(const uint8_t *at, size_t size) {
    unsigned traits = traits_of_text(at, size);
    if (traits & HAS_NUL)
        return "contains a NUL byte";
    if (traits & HAS_HIGH_BIT && !sp_text_is_utf8((struct sp_str){(const char *)at, size}))
        return "not valid UTF-8";
    return NULL;
}

static unsigned wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static const char *fault_of_packed(const ProtobufCFieldDescriptor *field, const uint8_t *at, const uint8_t *end) {
    unsigned wire_type = wire_type_of(field->type);
    while (at < end) {
        const uint8_t *begin = at;
        uint64_t value = 0;
        if (!skip_value(&at, end, wire_type))
            return "malformed packed values";
        if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT && read_varint(&begin, end, &value)) {
            const char *fault = fault_of_varint(field, value);
            if (fault != NULL)
                return fault;
        }
    }
    return NULL;
}

/* Notes that the field is given. A second time is refused: readers differ in whether the last one
 * counts or both are merged, and so two of them could see two different questions in the same
 * bytes. */
static const char *note_given(struct frame *frame) {
    const ProtobufCFieldDescriptor *fields = frame->descriptor->fields;
    if (frame->field->label == PROTOBUF_C_LABEL_REPEATED)
        return NULL;
    unsigned index = (unsigned)(frame->field - fields);
    if (frame->seen >> index & 1)
        return "set twice";
    if (frame->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        for (unsigned i = 0; i < frame->descriptor->n_fields; i++)
            if (frame->seen >> i & 1 && fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
                fields[i].quantifier_offset == frame->field->quantifier_offset)
                return "another member of the same oneof is set too";
    frame->seen |= UINT64_C(1) << index;
    return NULL;
}

static enum sp_status walk_message(struct walk *walk, struct frame *frame, unsigned depth);

static enum sp_status walk_length_prefixed(struct walk *walk, struct frame *frame, unsigned depth) {
    uint64_t size = 0;
    const ProtobufCFieldDescriptor *field = frame->field;
    if (!read_short_varint(&frame->at, frame->end, &size) || size > (uint64_t)(frame->end - frame->at))
        return refuse_field(walk, frame, "malformed: longer than its container");
    const uint8_t *begin = frame->at;
    frame->at += size;
    const char *fault = NULL;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        fault = fault_of_text(begin, (size_t)size);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        struct frame inner = {
            .parent = frame, .descriptor = field->descriptor, .begin = begin, .at = begin, .end = frame->at};
        return walk_message(walk, &inner, depth + 1);
    } else if (field->type != PROTOBUF_C_TYPE_BYTES)
        fault = fault_of_packed(field, begin, frame->at);
    return fault == NULL ? SP_OK : refuse_field(walk, frame, fault);
}

static enum sp_status walk_field(struct walk *walk, struct frame *frame, unsigned wire_type, unsigned depth) {
    unsigned expected = wire_type_of(frame->field->type);
    bool packed = frame->field->label == PROTOBUF_C_LABEL_REPEATED && wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (wire_type != expected && !packed)
        return refuse_field(walk, frame, "wrong wire type for the field");
    const char *fault = note_given(frame);
    if (fault != NULL)
        return refuse_field(walk, frame, fault);
    if (wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        return walk_length_prefixed(walk, frame, depth);
    uint64_t value = 0;
    bool well_formed = wire_type == PROTOBUF_C_WIRE_TYPE_VARINT ? read_varint(&frame->at, frame->end, &value)
                                                                : skip_value(&frame->at, frame->end, wire_type);
    if (!well_formed)
        return refuse_field(walk, frame, "malformed number");
    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT)
        fault = fault_of_varint(frame->field, value);
    return fault == NULL ? SP_OK : refuse_field(walk, frame, fault);
}

static enum sp_status walk_message(struct walk *walk, struct frame *frame, unsigned depth) {
    if (depth > SP_WIRE_MAX_DEPTH)
        return refuse_field(walk, frame, "more than 16 levels");
    if (frame->descriptor->n_fields > MAX_FIELDS)
        return sp_error_set(walk->error, SP_ERR_INTERNAL, "%s has more than 64 fields", frame->descriptor->name);
    while (frame->at < frame->end) {
        uint32_t number = 0;
        unsigned wire_type = 0;
        frame->field = NULL;
        frame->tag = frame->at;
        if (!read_tag(&frame->at, frame->end, &number, &wire_type))
            return refuse_field(walk, frame, "malformed field number");
        frame->field = find_numbered_field(frame->descriptor, number);
        if (frame->field == NULL) {
            walk->met_unknown = true;
            if (!skip_value(&frame->at, frame->end, wire_type))
                return refuse_field(walk, frame, "malformed unknown field");
            continue;
        }
        enum sp_status status = walk_field(walk, frame, wire_type, depth);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status walk_root_message(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                                        struct walk *walk) {
    static const uint8_t nothing[1];
    const uint8_t *begin = bytes.size > 0 ? bytes.data : nothing;
    struct frame frame = {.descriptor = descriptor, .begin = begin, .at = begin, .end = begin + bytes.size};
    return walk_message(walk, &frame, 1);
}

enum sp_status sp_wire_validate(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                                struct sp_error *error) {
    struct walk walk = {.error = error};
    return walk_root_message(descriptor, bytes, &walk);
}

bool sp_wire_peek_number(struct sp_bytes bytes, uint32_t field, uint64_t *ret_value) {
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    uint64_t value = 0;
    bool found = false;
    while (at < end) {
        uint32_t number = 0;
        unsigned wire_type = 0;
        if (!read_tag(&at, end, &number, &wire_type))
            return false;
        const uint8_t *begin = at;
        if (!skip_value(&at, end, wire_type))
            return false;
        if (number != field)
            continue;
        if (found || wire_type != PROTOBUF_C_WIRE_TYPE_VARINT || !read_varint(&begin, end, &value))
            return false;
        found = true;
    }
    *ret_value = value;
    return true;
}

/* protobuf-c's allocator over an arena: freeing does nothing. */
struct arena_source {
    struct sp_arena *arena;
    bool refused;
};

static void *arena_source_alloc(void *data, size_t size) {
    struct arena_source *source = data;
    void *memory = sp_arena_alloc(source->arena, size > 0 ? size : 1);
    source->refused |= memory == NULL;
    return memory;
}

static void arena_source_free(void *data, void *memory) {
    (void)data;
    (void)memory;
}

static ProtobufCMessage *unpack_in_arena(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                                         struct sp_arena *arena, bool *ret_refused) {
    struct arena_source source = {.arena = arena};
    ProtobufCAllocator allocator = {arena_source_alloc, arena_source_free, &source};
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size, bytes.data);
    *ret_refused = source.refused;
    return message;
}

static void drop_unknown(ProtobufCMessage *message);

static void drop_unknown_of_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    char *base = (char *)message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(size_t *)(void *)(base + field->quantifier_offset);
        ProtobufCMessage **items = *(ProtobufCMessage ***)(void *)(base + field->offset);
        for (size_t i = 0; i < count; i++)
            drop_unknown(items[i]);
        return;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
        *(uint32_t *)(void *)(base + field->quantifier_offset) != field->id)
        return;
    ProtobufCMessage *inner = *(ProtobufCMessage **)(void *)(base + field->offset);
    if (inner != NULL)
        drop_unknown(inner);
}

/* protobuf-c would write unknown fields back when the message, or a part of it, is packed again. */
static void drop_unknown(ProtobufCMessage *message) {
    message->n_unknown_fields = 0;
    message->unknown_fields = NULL;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        if (message->descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            drop_unknown_of_field(message, &message->descriptor->fields[i]);
}

enum sp_status sp_wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                              struct sp_arena *arena, ProtobufCMessage **ret_message, struct sp_error *error) {
    struct walk walk = {.error = error};
    enum sp_status status = walk_root_message(descriptor, bytes, &walk);
    if (status != SP_OK)
        return status;
    bool refused = false;
    ProtobufCMessage *message = unpack_in_arena(descriptor, bytes, arena, &refused);
    if (message == NULL && refused)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "%s: exceeds the memory limit of one call",
                            descriptor->short_name);
    if (message == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s: malformed message", descriptor->short_name);
    if (walk.met_unknown)
        drop_unknown(message);
    *ret_message = message;
    return SP_OK;
}

enum sp_status sp_wire_unpack_trusted(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                                      struct sp_arena *arena, ProtobufCMessage **ret_message) {
    bool refused = false;
    ProtobufCMessage *message = unpack_in_arena(descriptor, bytes, arena, &refused);
    if (message == NULL)
        return refused ? SP_ERR_MEMORY : SP_ERR_CORRUPT;
    *ret_message = message;
    return SP_OK;
}

enum sp_status sp_wire_pack(const ProtobufCMessage *message, struct sp_arena *arena, struct sp_bytes *ret_bytes) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = sp_arena_alloc(arena, size > 0 ? size : 1);
    if (data == NULL)
        return SP_ERR_MEMORY;
    *ret_bytes = (struct sp_bytes){data, protobuf_c_message_pack(message, data)};
    return SP_OK;
}

ProtobufCMessage *sp_wire_copy(const ProtobufCMessage *message, struct sp_arena *arena) {
    struct sp_bytes bytes = {0};
    ProtobufCMessage *copy = NULL;
    if (sp_wire_pack(message, arena, &bytes) != SP_OK ||
        sp_wire_unpack_trusted(message->descriptor, bytes, arena, &copy) != SP_OK)
        return NULL;
    return copy;
}
