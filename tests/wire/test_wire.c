#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "sallyport/v1/admin.pb-c.h"
#include "sample.h"
#include "wire/wire.h"

enum { INPUT_BYTES = 4096, BUDGET_BYTES = 1 << 20 };

#define CHECK &sallyport__v1__check_request__descriptor
#define BATCH &sallyport__v1__check_batch_request__descriptor
#define SUBJECT &sallyport__v1__subject__descriptor
#define SHARES &sallyport__v1__list_shares_request__descriptor
#define WORKSPACE &sallyport__v1__workspace__descriptor
#define EMPTY &sallyport__v1__get_schema_request__descriptor
#define SAMPLE &sample_descriptor

struct vector {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    const char *hex;
    const char *error; /* NULL: accepted */
};

static const struct vector vectors[] = {
    {"accepts_no_bytes_at_all", CHECK, "", NULL},
    {"accepts_a_message_without_fields", EMPTY, "", NULL},
    {"accepts_a_question", CHECK, "0a0473705f78 1a07 312e322e332e34 22 0a 0a 05 766f696365 1201 61 2a03 757365", NULL},
    {"accepts_text_beyond_ascii", CHECK, "3204 c3a9 c3bc", NULL},
    {"accepts_text_of_four_byte_characters", CHECK, "320a 6161616161 61 f09f9880", NULL},
    {"accepts_unknown_fields_of_every_wire_type", CHECK, "f806 05 fa06 02 ffff fd06 01020304 f906 0102030405060708",
     NULL},
    {"accepts_numbers_packed", SAMPLE, "1203 01 8001", NULL},
    {"accepts_the_same_numbers_one_by_one", SAMPLE, "1001 10 8001", NULL},
    {"accepts_no_packed_numbers", SAMPLE, "1200", NULL},
    {"accepts_packed_enum_values", WORKSPACE, "2a02 0100", NULL},
    {"accepts_a_repeated_message_often", BATCH, "2a00 2a00 2a00", NULL},
    {"accepts_an_enum_value_far_from_the_others", SAMPLE, "70 0a", NULL},
    {"accepts_the_least_int32", SAMPLE, "48 80808080f8ffffffff01", NULL},
    {"accepts_the_largest_uint64", SAMPLE, "50 ffffffffffffffffff01", NULL},
    {"accepts_any_bytes_in_a_bytes_field", SAMPLE, "3a03 00ff80", NULL},
    {"accepts_one_member_of_a_oneof", SUBJECT, "1201 61", NULL},

    {"refuses_a_tag_cut_short", CHECK, "80", "CheckRequest: malformed field number"},
    {"refuses_field_number_zero", CHECK, "0000", "CheckRequest: malformed field number"},
    {"refuses_a_field_number_above_the_format", CHECK, "8080808010 00", "CheckRequest: malformed field number"},
    {"refuses_a_tag_of_six_bytes", CHECK, "aa8080808000 00", "CheckRequest: malformed field number"},
    {"refuses_a_length_of_six_bytes", CHECK, "2a 808080808000", "action: malformed: longer than its container"},
    {"refuses_an_unknown_field_with_a_length_of_six_bytes", CHECK, "fa06 808080808000",
     "CheckRequest: malformed unknown field"},
    {"refuses_a_length_cut_short", CHECK, "0a80", "api_key: malformed: longer than its container"},
    {"refuses_text_cut_short", CHECK, "0a05 61", "api_key: malformed: longer than its container"},
    {"refuses_a_length_of_nearly_two_to_the_64", CHECK, "0affffffffffffffffff01 61",
     "api_key: malformed: longer than its container"},
    {"refuses_a_length_above_64_bits", CHECK, "0affffffffffffffffff02 61",
     "api_key: malformed: longer than its container"},
    {"refuses_an_inner_message_longer_than_its_outer", BATCH, "2a03 2205 12",
     "items[0].resource: malformed: longer than its container"},
    {"refuses_a_number_cut_short", SAMPLE, "1d 010203", "fixed: malformed number"},
    {"refuses_a_varint_of_eleven_bytes", SAMPLE, "50 8080808080808080808001", "huge: malformed number"},
    {"refuses_an_unknown_field_cut_short", CHECK, "fa06 05 61", "CheckRequest: malformed unknown field"},
    {"refuses_an_unknown_group", CHECK, "fb06 fc06", "CheckRequest: malformed unknown field"},
    {"refuses_a_group_where_a_message_belongs", CHECK, "23 24", "resource: wrong wire type for the field"},
    {"refuses_a_number_where_text_belongs", CHECK, "0801", "api_key: wrong wire type for the field"},
    {"refuses_text_where_a_number_belongs", SAMPLE, "2a0101", "flag: wrong wire type for the field"},
    {"refuses_a_long_number_where_a_short_one_belongs", SAMPLE, "19 0102030405060708",
     "fixed: wrong wire type for the field"},
    {"refuses_packed_numbers_cut_short", SAMPLE, "1202 0180", "numbers[0]: malformed packed values"},
    {"refuses_a_packed_number_above_its_type", SAMPLE, "1206 01 8080808010", "numbers[0]: number out of range"},
    {"refuses_an_uint32_above_its_type", SAMPLE, "78 8080808010", "count: number out of range"},
    {"refuses_an_int32_above_its_type", SAMPLE, "48 8080808008", "small: number out of range"},

    {"refuses_a_nul_in_text", CHECK, "2a03 610062", "action: contains a NUL byte"},
    {"refuses_a_nul_at_the_end_of_text", CHECK, "2a09 616161616161616100", "action: contains a NUL byte"},
    {"refuses_a_lone_continuation_byte", CHECK, "2a01 80", "action: not valid UTF-8"},
    {"refuses_an_overlong_form", CHECK, "2a02 c080", "action: not valid UTF-8"},
    {"refuses_a_surrogate", CHECK, "2a03 eda080", "action: not valid UTF-8"},
    {"refuses_a_character_above_the_last", CHECK, "2a04 f4908080", "action: not valid UTF-8"},
    {"refuses_a_character_cut_short", CHECK, "2a09 6161616161616161c3", "action: not valid UTF-8"},
    {"names_the_path_of_what_is_wrong", BATCH, "2a00 2a00 1a0131 2a00 2a05 2203 1201ff",
     "items[3].resource.id: not valid UTF-8"},
    {"names_the_item_of_repeated_text", SAMPLE, "5a0161 5a0162 5a01ff", "words[2]: not valid UTF-8"},

    {"refuses_an_unknown_enum_value", WORKSPACE, "1863", "plan: unknown enum value"},
    {"refuses_a_negative_enum_value", WORKSPACE, "18 ffffffffffffffffff01", "plan: unknown enum value"},
    {"refuses_an_enum_value_that_would_be_cut_to_a_known_one", WORKSPACE, "18 8180808010", "plan: unknown enum value"},
    {"refuses_an_unknown_packed_enum_value", WORKSPACE, "2a02 0163", "features[0]: unknown enum value"},
    {"refuses_an_enum_value_between_the_known_ones", SAMPLE, "7005", "level: unknown enum value"},

    {"refuses_text_given_twice", CHECK, "2a0161 2a0162", "action: set twice"},
    {"refuses_a_message_given_twice", CHECK, "2203 0a0161 2203 120162", "resource: set twice"},
    {"refuses_a_number_given_twice", SAMPLE, "2801 2801", "flag: set twice"},
    {"refuses_two_members_of_a_oneof", SUBJECT, "0a0161 120162", "group: another member of the same oneof is set too"},
    {"refuses_two_messages_of_a_oneof", SHARES, "1200 1a00", "subject: another member of the same oneof is set too"},
    {"refuses_one_member_of_a_oneof_twice", SUBJECT, "0a0161 0a0162", "principal: set twice"},
    {"refuses_both_forms_of_a_credential", CHECK, "0a0161 120161",
     "api_key_sha256: another member of the same oneof is set too"},
};

static size_t unhex(const char *hex, uint8_t out[static INPUT_BYTES]) {
    size_t size = 0;
    for (const char *p = hex; *p != '\0'; p += 2) {
        while (*p == ' ')
            p++;
        char digits[] = {p[0], p[1], '\0'};
        char *end = NULL;
        out[size++] = (uint8_t)strtoul(digits, &end, 16);
        assert_ptr_equal(end, digits + 2);
    }
    return size;
}

static void new_arena(struct sp_arena *arena) {
    assert_int_equal(sp_arena_init(arena, 4096, BUDGET_BYTES), SP_OK);
}

/* The bytes in an allocation of exactly their size, so that a sanitizer sees a read beyond. */
static uint8_t *exact_copy(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static void judges_the_vector(void **state) {
    const struct vector *vector = *state;
    uint8_t buffer[INPUT_BYTES];
    size_t size = unhex(vector->hex, buffer);
    uint8_t *data = exact_copy(buffer, size);
    struct sp_error error = {0};
    struct sp_arena arena;
    new_arena(&arena);
    ProtobufCMessage *message = NULL;

    enum sp_status status = sp_wire_unpack(vector->descriptor, (struct sp_bytes){data, size}, &arena, &message, &error);
    enum sp_status only_validated = sp_wire_validate(vector->descriptor, (struct sp_bytes){data, size}, NULL);

    assert_int_equal(status, only_validated);
    if (vector->error == NULL) {
        assert_int_equal(status, SP_OK);
        assert_non_null(message);
    } else {
        assert_string_equal(error.message, vector->error);
        assert_int_equal(status, SP_ERR_INVALID);
        assert_null(message);
    }
    sp_arena_fini(&arena);
    free(data);
}

static bool naive_text_ok(const uint8_t *text, size_t size) {
    return memchr(text, 0, size) == NULL && sp_text_is_utf8((struct sp_str){(const char *)text, size});
}

static void judges_a_byte_alike_wherever_it_stands(void **state) {
    (void)state;
    static const uint8_t odd[] = {0x00, 0x01, 0x7f, 0x80, 0x81, 0xc3, 0xff};
    for (size_t size = 1; size <= 40; size++)
        for (size_t at = 0; at < size; at++)
            for (size_t i = 0; i < sizeof(odd); i++) {
                uint8_t bytes[42];
                memset(bytes, 'a', sizeof(bytes));
                bytes[0] = 0x2a; /* action */
                bytes[1] = (uint8_t)size;
                bytes[2 + at] = odd[i];
                bool accepted = sp_wire_validate(CHECK, (struct sp_bytes){bytes, size + 2}, NULL) == SP_OK;
                assert_int_equal(accepted, naive_text_ok(bytes + 2, size));
            }
}

/* A Sample that holds itself so many times. */
static size_t nest(unsigned levels, uint8_t out[static INPUT_BYTES]) {
    size_t size = 0;
    for (unsigned level = 1; level < levels; level++) {
        memmove(out + 2, out, size);
        out[0] = 0x0a;
        out[1] = (uint8_t)size;
        size += 2;
    }
    return size;
}

static void accepts_sixteen_levels_and_no_more(void **state) {
    (void)state;
    uint8_t bytes[INPUT_BYTES];
    struct sp_error error = {0};
    size_t size = nest(16, bytes);
    assert_int_equal(sp_wire_validate(SAMPLE, (struct sp_bytes){bytes, size}, &error), SP_OK);
    size = nest(17, bytes);
    assert_int_equal(sp_wire_validate(SAMPLE, (struct sp_bytes){bytes, size}, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "child.child: more than 16 levels"));
}

static void stays_within_the_arenas_budget(void **state) {
    (void)state;
    struct sp_arena arena;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    size_t size = (size_t)128 * 1024; /* 65,536 empty items would become some 5 MB */
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i += 2) {
        bytes[i] = 0x2a;
        bytes[i + 1] = 0;
    }
    new_arena(&arena);
    assert_int_equal(sp_wire_unpack(BATCH, (struct sp_bytes){bytes, size}, &arena, &message, &error), SP_ERR_EXHAUSTED);
    assert_null(message);
    assert_true(arena.used_bytes <= BUDGET_BYTES);
    sp_arena_fini(&arena);
    free(bytes);
}

static void drops_unknown_fields_at_every_level(void **state) {
    (void)state;
    struct sp_arena arena;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    struct sp_bytes packed = {0};
    uint8_t bytes[INPUT_BYTES], expected[INPUT_BYTES];
    size_t size = unhex("f80605 2a08 2206 f80601 120161 2a00", bytes);
    size_t expected_size = unhex("2a05 2203 120161 2a00", expected);
    new_arena(&arena);
    assert_int_equal(sp_wire_unpack(BATCH, (struct sp_bytes){bytes, size}, &arena, &message, &error), SP_OK);
    assert_int_equal(sp_wire_pack(message, &arena, &packed), SP_OK);
    assert_int_equal(packed.size, expected_size);
    assert_memory_equal(packed.data, expected, expected_size);
    sp_arena_fini(&arena);
}

static void copies_deeply(void **state) {
    (void)state;
    struct sp_arena arena;
    char id[] = "v1", type[] = "voice", action[] = "use";
    Sallyport__V1__ResourceRef resource;
    sallyport__v1__resource_ref__init(&resource);
    Sallyport__V1__CheckRequest request;
    sallyport__v1__check_request__init(&request);
    resource.id = id;
    resource.type = type;
    request.resource = &resource;
    request.action = action;
    new_arena(&arena);
    Sallyport__V1__CheckRequest *copy = (Sallyport__V1__CheckRequest *)(void *)sp_wire_copy(&request.base, &arena);
    assert_non_null(copy);
    id[0] = type[0] = action[0] = 'X';
    assert_string_equal(copy->resource->id, "v1");
    assert_string_equal(copy->resource->type, "voice");
    assert_string_equal(copy->action, "use");
    sp_arena_fini(&arena);
}

static void gives_no_copy_without_memory(void **state) {
    (void)state;
    struct sp_arena arena;
    Sallyport__V1__CheckRequest request;
    sallyport__v1__check_request__init(&request);
    assert_int_equal(sp_arena_init(&arena, 64, 64), SP_OK);
    assert_null(sp_wire_copy(&request.base, &arena));
    sp_arena_fini(&arena);
}

static void tells_damaged_trusted_bytes_from_missing_memory(void **state) {
    (void)state;
    struct sp_arena arena;
    ProtobufCMessage *message = NULL;
    uint8_t damaged[] = {0x0a, 0x05, 'a'};
    uint8_t good[] = {0x0a, 0x01, 'a'};
    new_arena(&arena);
    assert_int_equal(sp_wire_unpack_trusted(CHECK, (struct sp_bytes){damaged, 3}, &arena, &message), SP_ERR_CORRUPT);
    sp_arena_fini(&arena);
    assert_int_equal(sp_arena_init(&arena, 64, 64), SP_OK);
    assert_int_equal(sp_wire_unpack_trusted(CHECK, (struct sp_bytes){good, 3}, &arena, &message), SP_ERR_MEMORY);
    sp_arena_fini(&arena);
    assert_null(message);
}

/* What the validator lets through protobuf-c must understand, and packing must lose nothing of
 * it. */
static void whatever_is_accepted_unpacks_and_packs_to_the_same_meaning(void **state) {
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    struct sp_arena arena;
    new_arena(&arena);
    size_t accepted = 0;
    for (unsigned round = 0; round < 50000; round++) {
        const struct vector *vector = &vectors[(unsigned)rand_r(&seed) % (sizeof(vectors) / sizeof(*vectors))];
        uint8_t bytes[INPUT_BYTES];
        size_t size = unhex(vector->hex, bytes);
        for (int flips = rand_r(&seed) % 3; flips > 0 && size > 0; flips--)
            bytes[(unsigned)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
        ProtobufCMessage *message = NULL, *again = NULL;
        struct sp_bytes packed = {0}, repacked = {0};
        sp_arena_reset(&arena);
        if (sp_wire_unpack(vector->descriptor, (struct sp_bytes){bytes, size}, &arena, &message, NULL) != SP_OK)
            continue;
        accepted++;
        assert_int_equal(sp_wire_pack(message, &arena, &packed), SP_OK);
        assert_int_equal(sp_wire_unpack(vector->descriptor, packed, &arena, &again, NULL), SP_OK);
        assert_int_equal(sp_wire_pack(again, &arena, &repacked), SP_OK);
        assert_int_equal(packed.size, repacked.size);
        assert_memory_equal(packed.data, repacked.data, packed.size);
    }
    assert_true(accepted > 2500);
    sp_arena_fini(&arena);
}

int main(void) {
    enum { VECTORS = sizeof(vectors) / sizeof(*vectors) };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(judges_a_byte_alike_wherever_it_stands),
        cmocka_unit_test(accepts_sixteen_levels_and_no_more),
        cmocka_unit_test(stays_within_the_arenas_budget),
        cmocka_unit_test(drops_unknown_fields_at_every_level),
        cmocka_unit_test(copies_deeply),
        cmocka_unit_test(gives_no_copy_without_memory),
        cmocka_unit_test(tells_damaged_trusted_bytes_from_missing_memory),
        cmocka_unit_test(whatever_is_accepted_unpacks_and_packs_to_the_same_meaning),
    };
    struct CMUnitTest tests[VECTORS + sizeof(others) / sizeof(*others)];
    for (size_t i = 0; i < VECTORS; i++) {
        union {
            const void *in;
            void *out;
        } vector = {.in = &vectors[i]};
        tests[i] =
            (struct CMUnitTest){.name = vectors[i].name, .test_func = judges_the_vector, .initial_state = vector.out};
    }
    memcpy(tests + VECTORS, others, sizeof(others));
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL) > 0 ? 1 : 0;
}
