/* A message with every kind of field, and itself inside: no message of ours has so many. As
 * protoc-c would write it for
 *
 *   message Sample {
 *     Sample child = 1;            repeated sint32 numbers = 2;   fixed32 fixed = 3;      double ratio = 4;
 *     bool flag = 5;               int64 big = 6;                 bytes data = 7;         float part = 8;
 *     int32 small = 9;             uint64 huge = 10;              repeated string words = 11;
 *     sfixed64 offset = 12;        repeated Sample many = 13;     Level level = 14;       uint32 count = 15;
 *     string long_name = 16;       repeated bool flags = 17;
 *   } */
#ifndef SP_TESTS_WIRE_SAMPLE_H
#define SP_TESTS_WIRE_SAMPLE_H

#include <protobuf-c/protobuf-c.h>

typedef struct Sample Sample;
struct Sample {
    ProtobufCMessage base;
    Sample *child;
    size_t n_numbers;
    int32_t *numbers;
    uint32_t fixed;
    double ratio;
    protobuf_c_boolean flag;
    int64_t big;
    ProtobufCBinaryData data;
    float part;
    int32_t small;
    uint64_t huge;
    size_t n_words;
    char **words;
    int64_t offset;
    size_t n_many;
    Sample **many;
    int level;
    uint32_t count;
    char *long_name;
    size_t n_flags;
    protobuf_c_boolean *flags;
};

static const ProtobufCEnumValue level_values[] = {{"NONE", "NONE", 0}, {"LOW", "LOW", 1}, {"HIGH", "HIGH", 10}};
static const ProtobufCIntRange level_ranges[] = {{0, 0}, {10, 2}, {0, 3}};
static const ProtobufCEnumValueIndex level_names[] = {{"HIGH", 2}, {"LOW", 1}, {"NONE", 0}};
static const ProtobufCEnumDescriptor level_descriptor = {
    .magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,
    .name = "Level",
    .short_name = "Level",
    .c_name = "Level",
    .n_values = 3,
    .values = level_values,
    .n_value_names = 3,
    .values_by_name = level_names,
    .n_value_ranges = 2,
    .value_ranges = level_ranges,
};

static const ProtobufCMessageDescriptor sample_descriptor;

#define SAMPLE_ONE(number, member, kind, of)                                                                           \
    {                                                                                                                  \
        .name = #member, .id = (number), .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_##kind,               \
        .offset = offsetof(Sample, member), .descriptor = (of)                                                         \
    }
#define SAMPLE_MANY(number, member, kind, of, flag_bits)                                                               \
    {                                                                                                                  \
        .name = #member, .id = (number), .label = PROTOBUF_C_LABEL_REPEATED, .type = PROTOBUF_C_TYPE_##kind,           \
        .quantifier_offset = offsetof(Sample, n_##member), .offset = offsetof(Sample, member), .descriptor = (of),     \
        .flags = (flag_bits)                                                                                           \
    }

static const ProtobufCFieldDescriptor sample_fields[] = {
    SAMPLE_ONE(1, child, MESSAGE, &sample_descriptor),
    SAMPLE_MANY(2, numbers, SINT32, NULL, PROTOBUF_C_FIELD_FLAG_PACKED),
    SAMPLE_ONE(3, fixed, FIXED32, NULL),
    SAMPLE_ONE(4, ratio, DOUBLE, NULL),
    SAMPLE_ONE(5, flag, BOOL, NULL),
    SAMPLE_ONE(6, big, INT64, NULL),
    SAMPLE_ONE(7, data, BYTES, NULL),
    SAMPLE_ONE(8, part, FLOAT, NULL),
    SAMPLE_ONE(9, small, INT32, NULL),
    SAMPLE_ONE(10, huge, UINT64, NULL),
    SAMPLE_MANY(11, words, STRING, NULL, 0),
    SAMPLE_ONE(12, offset, SFIXED64, NULL),
    SAMPLE_MANY(13, many, MESSAGE, &sample_descriptor, 0),
    SAMPLE_ONE(14, level, ENUM, &level_descriptor),
    SAMPLE_ONE(15, count, UINT32, NULL),
    SAMPLE_ONE(16, long_name, STRING, NULL),
    SAMPLE_MANY(17, flags, BOOL, NULL, PROTOBUF_C_FIELD_FLAG_PACKED),
};
static const unsigned sample_by_name[] = {6 - 1,  1 - 1,  15 - 1, 7 - 1,  3 - 1, 5 - 1, 17 - 1, 10 - 1, 14 - 1,
                                          16 - 1, 13 - 1, 2 - 1,  12 - 1, 8 - 1, 4 - 1, 9 - 1,  11 - 1};
static const ProtobufCIntRange sample_ranges[] = {{1, 0}, {0, 17}};

static void sample_init(ProtobufCMessage *message) {
    static char empty[] = "";
    Sample sample = {.base = PROTOBUF_C_MESSAGE_INIT(&sample_descriptor), .long_name = empty};
    *(Sample *)(void *)message = sample;
}

static const ProtobufCMessageDescriptor sample_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "Sample",
    .short_name = "Sample",
    .c_name = "Sample",
    .sizeof_message = sizeof(Sample),
    .n_fields = 17,
    .fields = sample_fields,
    .fields_sorted_by_name = sample_by_name,
    .n_field_ranges = 1,
    .field_ranges = sample_ranges,
    .message_init = sample_init,
};

#endif
