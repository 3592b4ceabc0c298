#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sallyport/v1/admin.pb-c.h"
#include "sample.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"
#include "wire/wire.h"

#define CHECK &sallyport__v1__check_request__descriptor
#define BATCH &sallyport__v1__check_batch_request__descriptor
#define SHARES &sallyport__v1__list_shares_request__descriptor
#define WORKSPACE &sallyport__v1__workspace__descriptor
#define SAMPLE &sample_descriptor

enum { FIRST_BLOCK_BYTES = 4096, BUDGET_BYTES = 1 << 20 };

/* Text that is read into a message, and what that message is written as (NULL: as it was read). */
struct accepted {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    const char *in;
    const char *out;
};

static const struct accepted accepted_texts[] = {
    {"reads_an_empty_object", CHECK, "{}", NULL},
    {"reads_a_question", CHECK,
     "{\"apiKey\":\"k\",\"ip\":\"1.2.3.4\",\"resource\":{\"type\":\"voice\",\"id\":\"v\"},\"action\":\"use\"}", NULL},
    {"reads_the_protos_own_spelling", CHECK, "{\"api_key\":\"k\",\"min_revision\":{\"epoch\":\"1\"}}",
     "{\"apiKey\":\"k\",\"minRevision\":{\"epoch\":\"1\"}}"},
    {"reads_null_as_not_given", CHECK, "{\"apiKey\":null,\"apiKeySha256\":\"AA==\",\"resource\":null}",
     "{\"apiKeySha256\":\"AA==\"}"},
    {"leaves_out_defaults", SAMPLE,
     "{\"flag\":false,\"big\":0,\"longName\":\"\",\"data\":\"\",\"words\":[],\"level\":\"NONE\",\"ratio\":0}", "{}"},
    {"keeps_an_empty_inner_message", CHECK, "{\"resource\":{}}", NULL},
    {"keeps_an_empty_member_of_a_oneof", CHECK, "{\"apiKey\":\"\"}", NULL},
    {"writes_64_bit_numbers_as_text", SAMPLE, "{\"big\":-5,\"huge\":7,\"offset\":9}",
     "{\"big\":\"-5\",\"huge\":\"7\",\"offset\":\"9\"}"},
    {"reads_the_extremes_of_every_number", SAMPLE,
     "{\"numbers\":[-2147483648,2147483647],\"fixed\":4294967295,\"big\":\"-9223372036854775808\",\"small\":-"
     "2147483648,"
     "\"huge\":\"18446744073709551615\",\"offset\":\"9223372036854775807\",\"count\":4294967295}",
     NULL},
    {"reads_whole_numbers_written_as_reals", SAMPLE, "{\"count\":1.0,\"small\":-2e2,\"big\":1e3}",
     "{\"count\":1,\"small\":-200,\"big\":\"1000\"}"},
    {"reads_short_numbers_as_text", SAMPLE, "{\"count\":\"7\",\"small\":\"-7\"}", "{\"count\":7,\"small\":-7}"},
    {"reads_numbers_that_are_none", SAMPLE, "{\"ratio\":\"-Infinity\",\"part\":\"NaN\"}", NULL},
    {"reads_reals", SAMPLE, "{\"ratio\":0.25,\"part\":1.5}", NULL},
    {"reads_enums_by_name", WORKSPACE, "{\"plan\":\"PLAN_ENTERPRISE\",\"features\":[\"FEATURE_IP_ALLOWLIST\"]}", NULL},
    {"reads_enums_by_number", WORKSPACE, "{\"plan\":3}", "{\"plan\":\"PLAN_ENTERPRISE\"}"},
    {"reads_enums_by_whole_numbers_written_as_reals", WORKSPACE, "{\"plan\":3.0}", "{\"plan\":\"PLAN_ENTERPRISE\"}"},
    {"reads_a_time_as_rfc_3339", SAMPLE, "{\"big\":\"2026-12-31T23:59:59Z\"}", "{\"big\":\"1798761599\"}"},
    {"reads_base64_of_one_to_four_bytes", SAMPLE,
     "{\"many\":[{\"data\":\"YQ==\"},{\"data\":\"YWI=\"},{\"data\":\"YWJj\"},{\"data\":\"YWJjZA==\"}]}", NULL},
    {"reads_base64_of_urls_without_padding", SAMPLE, "{\"data\":\"-_8\"}", "{\"data\":\"+/8=\"}"},
    {"reads_repeated_values", SAMPLE, "{\"flags\":[true,false],\"words\":[\"a\",\"\"],\"many\":[{},{\"flag\":true}]}",
     NULL},
    {"reads_text_beyond_ascii", SAMPLE, "{\"longName\":\"\\u00e9\\ud83d\\ude00\"}", NULL},
};

struct refused {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    const char *text;
    const char *error;
};

static const struct refused refused_texts[] = {
    {"refuses_an_unknown_name", CHECK, "{\"resource\":{\"kind\":\"voice\"}}", "resource.kind: no such field"},
    {"refuses_a_name_in_another_case", CHECK, "{\"ApiKey\":\"k\"}", "ApiKey: no such field"},
    {"refuses_both_spellings_of_a_name", CHECK, "{\"minRevision\":{},\"min_revision\":{}}",
     "minRevision: set twice, in both spellings"},
    {"refuses_two_members_of_a_oneof", CHECK, "{\"apiKey\":\"k\",\"apiKeySha256\":\"AA==\"}",
     "apiKeySha256: another member of the same oneof is set too"},
    {"refuses_two_messages_of_a_oneof", SHARES, "{\"resource\":{},\"subject\":{}}",
     "subject: another member of the same oneof is set too"},
    {"refuses_an_array_for_the_whole", CHECK, "[]", "must be an object"},
    {"refuses_text_for_a_message", CHECK, "{\"resource\":\"voice\"}", "resource: must be an object"},
    {"refuses_a_number_for_text", CHECK, "{\"action\":1}", "action: must be a string"},
    {"refuses_text_for_a_bool", SAMPLE, "{\"flag\":\"true\"}", "flag: must be true or false"},
    {"refuses_one_value_for_many", SAMPLE, "{\"words\":\"a\"}", "words: must be an array"},
    {"refuses_null_in_an_array", SAMPLE, "{\"words\":[\"a\",null]}", "words[1]: must be a string"},
    {"names_the_path_of_what_is_wrong", BATCH, "{\"items\":[{},{},{\"resource\":{\"id\":7}}]}",
     "items[2].resource.id: must be a string"},
    {"refuses_a_fraction_for_a_whole_number", SAMPLE, "{\"count\":1.5}", "count: must be a whole number"},
    {"refuses_a_negative_for_an_unsigned_number", SAMPLE, "{\"count\":-1}", "count: number out of range"},
    {"refuses_an_uint32_above_its_type", SAMPLE, "{\"count\":4294967296}", "count: number out of range"},
    {"refuses_an_int32_below_its_type", SAMPLE, "{\"small\":-2147483649}", "small: number out of range"},
    {"refuses_an_int32_above_its_type", SAMPLE, "{\"small\":2147483648}", "small: number out of range"},
    {"refuses_an_int64_above_its_type", SAMPLE, "{\"big\":\"9223372036854775808\"}", "big: number out of range"},
    {"refuses_the_time_that_would_be_none", SAMPLE, "{\"big\":\"1970-01-01T00:00:00Z\"}",
     "big: must be after 1970-01-01T00:00:00Z: 0 means no time"},
    {"refuses_a_time_of_another_form", SAMPLE, "{\"big\":\"2026-12-31\"}",
     "big: must be seconds since 1970, or a time such as 2026-12-31T23:59:59Z"},
    {"refuses_a_time_in_a_field_of_another_type", SAMPLE, "{\"offset\":\"2026-12-31T23:59:59Z\"}",
     "offset: must be a whole number"},
    {"refuses_an_int64_below_its_type", SAMPLE, "{\"big\":\"-9223372036854775809\"}", "big: number out of range"},
    {"refuses_an_uint64_above_its_type", SAMPLE, "{\"huge\":\"18446744073709551616\"}", "huge: must be a whole number"},
    {"refuses_a_leading_zero", SAMPLE, "{\"count\":\"07\"}", "count: must be a whole number"},
    {"refuses_a_plus_sign", SAMPLE, "{\"count\":\"+7\"}", "count: must be a whole number"},
    {"refuses_a_space_in_a_number", SAMPLE, "{\"count\":\" 7\"}", "count: must be a whole number"},
    {"refuses_a_minus_alone", SAMPLE, "{\"small\":\"-\"}", "small: must be a whole number"},
    {"refuses_text_for_a_real", SAMPLE, "{\"ratio\":\"1.5x\"}", "ratio: must be a number"},
    {"refuses_a_float_above_its_type", SAMPLE, "{\"part\":1e39}", "part: number out of range"},
    {"refuses_an_unknown_enum_name", WORKSPACE, "{\"plan\":\"PLAN_GOLD\"}",
     "plan: must be one of PLAN_UNSPECIFIED, PLAN_FREE, PLAN_STANDARD, PLAN_ENTERPRISE"},
    {"refuses_an_enum_name_in_another_case", WORKSPACE, "{\"plan\":\"plan_free\"}",
     "plan: must be one of PLAN_UNSPECIFIED, PLAN_FREE, PLAN_STANDARD, PLAN_ENTERPRISE"},
    {"refuses_an_unknown_enum_number", WORKSPACE, "{\"plan\":9}",
     "plan: must be one of PLAN_UNSPECIFIED, PLAN_FREE, PLAN_STANDARD, PLAN_ENTERPRISE"},
    {"refuses_base64_of_a_single_digit", SAMPLE, "{\"data\":\"Y\"}", "data: must be a base64 string"},
    {"refuses_base64_with_bits_left_over", SAMPLE, "{\"data\":\"YR==\"}", "data: must be a base64 string"},
    {"refuses_base64_with_too_much_padding", SAMPLE, "{\"data\":\"Y===\"}", "data: must be a base64 string"},
    {"refuses_base64_with_a_space", SAMPLE, "{\"data\":\"YW Jj\"}", "data: must be a base64 string"},
};

struct unparsed {
    const char *name;
    const char *text;
    const char *error;
};

static const struct unparsed unparsed_texts[] = {
    {"refuses_no_text", "", "expected an object, found nothing"},
    {"refuses_a_value_without_object", "1", "expected an object, found a number"},
    {"refuses_null_without_object", " null\n", "expected an object, found null"},
    {"refuses_text_without_object", "\"{}\"", "expected an object, found text"},
    {"refuses_a_word_that_is_no_value", "nul", "line 1, column 3: not valid JSON"},
    {"refuses_a_name_given_twice", "{\"a\":1,\n\"a\":2}", "line 2, column 3: duplicate name in an object"},
    {"refuses_more_after_the_end", "{} {}", "line 1, column 4: unexpected text after the value"},
    {"refuses_a_trailing_comma", "{\"a\":1,}", "line 1, column 8: not valid JSON"},
    {"refuses_a_comment", "{/**/}", "line 1, column 2: not valid JSON"},
    {"refuses_an_escaped_nul", "{\"a\":\"\\u0000\"}", "line 1, column 13: contains a NUL"},
    {"refuses_bytes_that_are_not_utf8", "{\"a\":\"\xff\"}", "line 1, column 6: not valid UTF-8"},
    {"refuses_an_overlong_form", "{\"a\":\"\xc0\x80\"}", "line 1, column 6: not valid UTF-8"},
    {"refuses_half_a_surrogate", "{\"a\":\"\\ud800\"}", "line 1, column 13: not valid JSON"},
    {"refuses_a_number_beyond_64_bits", "{\"a\":9223372036854775808}", "line 1, column 24: number too large"},
    {"refuses_text_that_ends_early", "{\"a\":[1,", "line 1, column 8: unexpected end"},
    {"never_repeats_the_text", "{\"apiKey\": sp_secret}", "line 1, column 13: not valid JSON"},
};

static void new_arena(struct sp_arena *arena) {
    assert_int_equal(sp_arena_init(arena, FIRST_BLOCK_BYTES, BUDGET_BYTES), SP_OK);
}

static json_t *parse(const char *text) {
    json_t *json = NULL;
    struct sp_error error = {0};
    if (sp_json_parse(sp_str_from(text), &json, &error) != SP_OK)
        fail_msg("%s: %s", text, error.message);
    return json;
}

static void assert_json_equal(const json_t *json, const char *expected_text) {
    json_t *expected = parse(expected_text);
    char *text = json_dumps(json, JSON_COMPACT);
    if (!json_equal(json, expected))
        fail_msg("%s is not %s", text, expected_text);
    free(text);
    json_decref(expected);
}

/* Reads, writes, and reads what was written; packing between proves that the message is whole. */
static void reads_and_writes(void **state) {
    const struct accepted *vector = *state;
    struct sp_arena arena;
    struct sp_error error = {0};
    struct sp_bytes packed = {0};
    ProtobufCMessage *message = NULL, *unpacked = NULL;
    json_t *json = parse(vector->in);
    new_arena(&arena);

    if (sp_json_to_message(vector->descriptor, json, &arena, &message, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sp_wire_pack(message, &arena, &packed), SP_OK);
    if (sp_wire_unpack(vector->descriptor, packed, &arena, &unpacked, &error) != SP_OK)
        fail_msg("%s", error.message);
    json_t *written = sp_json_from_message(unpacked, false);

    assert_non_null(written);
    assert_json_equal(written, vector->out != NULL ? vector->out : vector->in);
    json_decref(written);
    json_decref(json);
    sp_arena_fini(&arena);
}

static void refuses(void **state) {
    const struct refused *vector = *state;
    struct sp_arena arena;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    json_t *json = parse(vector->text);
    new_arena(&arena);
    assert_int_equal(sp_json_to_message(vector->descriptor, json, &arena, &message, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, vector->error);
    assert_null(message);
    json_decref(json);
    sp_arena_fini(&arena);
}

static void refuses_to_parse(void **state) {
    const struct unparsed *vector = *state;
    struct sp_error error = {0};
    json_t *json = NULL;
    assert_int_equal(sp_json_parse(sp_str_from(vector->text), &json, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, vector->error);
    assert_null(json);
}

static void refuses_nul_in_text_however_it_was_parsed(void **state) {
    (void)state;
    struct sp_arena arena;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    json_t *json = json_pack("{s:s#}", "action", "a\0b", 3);
    new_arena(&arena);
    assert_int_equal(sp_json_to_message(CHECK, json, &arena, &message, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "action: contains a NUL");
    json_decref(json);
    sp_arena_fini(&arena);
}

static void a_line_is_told_without_a_second_line_number(void **state) {
    (void)state;
    static const struct {
        const char *line, *error; /* NULL: it is read */
        bool spread;
    } rows[] = {
        {"{\"a\": 1}", NULL, false},
        {" {\"a\": 1} \r\n", NULL, false},
        {"{\"a\" 1}\n", "not valid JSON at column 6", false},
        {"{\"a\":1} x\n", "unexpected text after the value at column 9", false},
        {"{\"a\":1,\"a\":2}\n", "duplicate name in an object at column 10", false},
        {"{\n", "the line ends before its object does; write each object on one line, as `jq -c .` does", true},
        {"{\"a\":\n", "the line ends before its object does; write each object on one line, as `jq -c .` does", true},
        {"{\"a\": {}\n", "the line ends before its object does; write each object on one line, as `jq -c .` does",
         false},
        {"[{\"a\": 1}]\n",
         "expected an object, found an array; write each of its objects on a line of its own, as `jq -c '.[]'` does",
         true},
        {"[\n",
         "expected an object, found an array; write each of its objects on a line of its own, as `jq -c '.[]'` does",
         true},
        {"7\n", "expected an object, found a number", false},
        {" \n", "expected an object, found nothing", false},
        {"", "expected an object, found nothing", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_error error = {0};
        json_t *json = NULL;
        enum sp_status status = sp_json_parse_line(sp_str_from(rows[i].line), &json, &error);
        assert_int_equal(status, rows[i].error == NULL ? SP_OK : SP_ERR_INVALID);
        assert_string_equal(error.message, rows[i].error == NULL ? "" : rows[i].error);
        assert_int_equal(sp_json_is_spread_over_lines(sp_str_from(rows[i].line)), rows[i].spread);
        json_decref(json);
    }
}

static void nest(char *text, size_t levels, const char *open, const char *close) {
    size_t open_size = strlen(open), close_size = strlen(close);
    for (size_t i = 0; i < levels; i++)
        memcpy(text + i * open_size, open, open_size);
    for (size_t i = 0; i < levels; i++)
        memcpy(text + levels * open_size + i * close_size, close, close_size);
    text[levels * (open_size + close_size)] = '\0';
}

static void parses_32_levels_and_no_more(void **state) {
    (void)state;
    char text[200];
    struct sp_error error = {0};
    json_t *json = NULL;
    nest(text, 32, "[", "]");
    assert_int_equal(sp_json_parse(sp_str_from(text), &json, &error), SP_OK);
    json_decref(json);
    nest(text, 33, "[", "]");
    assert_int_equal(sp_json_parse(sp_str_from(text), &json, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "line 1, column 33: more than 32 levels");
}

/* ---- the memory of a request's values ---- */

static size_t memory_used, memory_most;

static void *count_and_allocate(size_t size) {
    void *memory = malloc(size);
    memory_used += memory == NULL ? 0 : malloc_usable_size(memory) + sizeof(size_t);
    memory_most = memory_used > memory_most ? memory_used : memory_most;
    return memory;
}

static void count_and_free(void *memory) {
    memory_used -= memory == NULL ? 0 : malloc_usable_size(memory) + sizeof(size_t);
    free(memory);
}

/* {"a":[…]} with so many; the caller frees it. */
static struct sp_str repeat_value(const char *value, size_t count) {
    static const char begin[] = "{\"a\":[";
    size_t size = strlen(value), at = sizeof(begin) - 1;
    char *text = malloc(at + count * (size + 1) + 1);
    assert_non_null(text);
    memcpy(text, begin, at);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + at, value, size);
        at += size;
        text[at++] = i + 1 < count ? ',' : ']';
    }
    text[at++] = '}';
    return (struct sp_str){text, at};
}

static void values_of_a_request_take_no_more_than_they_may(void **state) {
    static const char *const values[] = {
        "{}", "[]", "\"\"", "1", "1.5", "true", "{\"a\":1}", "{\"a\":\"\",\"b\":[]}", "[[],[[]]]", "{\"a\":{}}"};
    enum { LEAST = 16 * 1024, MOST = 16 * 1024 * 1024 };
    (void)state;
    json_set_alloc_funcs(count_and_allocate, count_and_free);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        for (size_t size = LEAST; size <= MOST; size *= 4) {
            struct sp_str text = repeat_value(values[i], size / (strlen(values[i]) + 1));
            struct sp_error error = {0};
            json_t *json = NULL;
            memory_most = memory_used;
            enum sp_status status = sp_json_parse_request(text, &json, &error);
            if (memory_most > SP_JSON_REQUEST_BYTES)
                fail_msg("%zu bytes of %s: %zu bytes", size, values[i], memory_most);
            if (status != SP_OK)
                assert_non_null(strstr(error.message, ": too many values"));
            assert_true(size < MOST || status != SP_OK);
            json_decref(json);
            free((char *)(uintptr_t)text.data);
        }
    json_set_alloc_funcs(malloc, free);
}

static void reads_the_largest_requests_that_there_are(void **state) {
    static const char edit[] =
        "{\"share\":{\"resource\":{\"type\":\"voice\",\"id\":\"0123456789012345678901234567890123456789\"},"
        "\"subject\":{\"principal\":\"0123456789\"},\"role\":\"ROLE_VIEWER\",\"creator\":true}}";
    struct sp_str text = repeat_value(edit, 10000);
    struct sp_error error = {0};
    json_t *json = NULL;
    (void)state;
    assert_int_equal(sp_json_parse_request(text, &json, &error), SP_OK);
    json_decref(json);
    free((char *)(uintptr_t)text.data);
}

static void counts_no_brackets_within_text(void **state) {
    (void)state;
    json_t *json = parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}");
    json_decref(json);
}

static void reads_16_messages_deep_and_no_deeper(void **state) {
    (void)state;
    char text[400];
    struct sp_arena arena;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    new_arena(&arena);
    for (size_t levels = 16; levels <= 17; levels++) {
        nest(text, levels - 1, "{\"child\":", "}");
        char *middle = strstr(text, "}");
        memmove(middle + 2, middle, strlen(middle) + 1);
        memcpy(middle, "{}", 2);
        json_t *json = parse(text);
        enum sp_status status = sp_json_to_message(SAMPLE, json, &arena, &message, &error);
        assert_int_equal(status, levels == 16 ? SP_OK : SP_ERR_INVALID);
        json_decref(json);
    }
    assert_non_null(strstr(error.message, ".child: more than 16 levels"));
    sp_arena_fini(&arena);
}

static void stays_within_the_arenas_budget(void **state) {
    (void)state;
    struct sp_arena arena;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    json_t *items = json_array(), *json = json_object();
    for (size_t i = 0; i < 100; i++)
        json_array_append_new(items, json_object());
    json_object_set_new(json, "items", items);
    assert_int_equal(sp_arena_init(&arena, 1024, 4096), SP_OK);
    assert_int_equal(sp_json_to_message(BATCH, json, &arena, &message, &error), SP_ERR_EXHAUSTED);
    assert_null(message);
    json_decref(json);
    sp_arena_fini(&arena);
}

static void writes_defaults_when_asked(void **state) {
    (void)state;
    Sallyport__V1__CheckResponse response;
    sallyport__v1__check_response__init(&response);
    json_t *json = sp_json_from_message(&response.base, true);
    assert_json_equal(json,
                      "{\"decision\":\"DENY\",\"reason\":\"REASON_UNSPECIFIED\",\"httpStatus\":0,\"workspace\":\"\","
                      "\"principal\":\"\",\"principalKind\":\"PRINCIPAL_KIND_UNSPECIFIED\",\"keyId\":\"\","
                      "\"role\":\"ROLE_UNSPECIFIED\",\"decisionId\":\"\"}");
    json_decref(json);
    Sallyport__V1__CheckRequest request;
    sallyport__v1__check_request__init(&request);
    json = sp_json_from_message(&request.base, true);
    assert_json_equal(json, "{\"ip\":\"\",\"action\":\"\",\"workspace\":\"\"}");
    json_decref(json);
}

static void writes_an_unknown_enum_value_as_its_number(void **state) {
    (void)state;
    Sallyport__V1__Workspace workspace;
    sallyport__v1__workspace__init(&workspace);
    workspace.plan = (Sallyport__V1__Plan)77;
    json_t *json = sp_json_from_message(&workspace.base, false);
    assert_json_equal(json, "{\"plan\":77}");
    json_decref(json);
}

static void gives_nothing_where_text_is_not_utf8(void **state) {
    (void)state;
    char name[] = "\xff";
    Sallyport__V1__Workspace workspace;
    sallyport__v1__workspace__init(&workspace);
    workspace.name = name;
    assert_null(sp_json_from_message(&workspace.base, false));
}

static void any_bytes_survive_base64(void **state) {
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    struct sp_arena arena;
    new_arena(&arena);
    for (size_t round = 0; round < 2000; round++) {
        uint8_t bytes[64];
        Sample sample, *again = NULL;
        ProtobufCMessage *message = NULL;
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)rand_r(&seed);
        sample_init(&sample.base);
        sample.data = (ProtobufCBinaryData){.len = (unsigned)rand_r(&seed) % sizeof(bytes), .data = bytes};
        json_t *json = sp_json_from_message(&sample.base, true);
        sp_arena_reset(&arena);
        assert_int_equal(sp_json_to_message(SAMPLE, json, &arena, &message, NULL), SP_OK);
        again = (Sample *)(void *)message;
        assert_int_equal(again->data.len, sample.data.len);
        assert_memory_equal(again->data.data, bytes, sample.data.len);
        json_decref(json);
    }
    sp_arena_fini(&arena);
}

enum { ACCEPTED = sizeof(accepted_texts) / sizeof(*accepted_texts) };
enum { REFUSED = sizeof(refused_texts) / sizeof(*refused_texts) };
enum { UNPARSED = sizeof(unparsed_texts) / sizeof(*unparsed_texts) };

static struct CMUnitTest case_of(const char *name, CMUnitTestFunction test, const void *vector) {
    union {
        const void *in;
        void *out;
    } state = {.in = vector};
    return (struct CMUnitTest){.name = name, .test_func = test, .initial_state = state.out};
}

int main(void) {
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(refuses_nul_in_text_however_it_was_parsed),
        cmocka_unit_test(a_line_is_told_without_a_second_line_number),
        cmocka_unit_test(parses_32_levels_and_no_more),
        cmocka_unit_test(values_of_a_request_take_no_more_than_they_may),
        cmocka_unit_test(reads_the_largest_requests_that_there_are),
        cmocka_unit_test(counts_no_brackets_within_text),
        cmocka_unit_test(reads_16_messages_deep_and_no_deeper),
        cmocka_unit_test(stays_within_the_arenas_budget),
        cmocka_unit_test(writes_defaults_when_asked),
        cmocka_unit_test(writes_an_unknown_enum_value_as_its_number),
        cmocka_unit_test(gives_nothing_where_text_is_not_utf8),
        cmocka_unit_test(any_bytes_survive_base64),
    };
    struct CMUnitTest tests[ACCEPTED + REFUSED + UNPARSED + sizeof(others) / sizeof(*others)];
    size_t count = 0;
    for (size_t i = 0; i < ACCEPTED; i++)
        tests[count++] = case_of(accepted_texts[i].name, reads_and_writes, &accepted_texts[i]);
    for (size_t i = 0; i < REFUSED; i++)
        tests[count++] = case_of(refused_texts[i].name, refuses, &refused_texts[i]);
    for (size_t i = 0; i < UNPARSED; i++)
        tests[count++] = case_of(unparsed_texts[i].name, refuses_to_parse, &unparsed_texts[i]);
    memcpy(tests + count, others, sizeof(others));
    return cmocka_run_group_tests_name("json", tests, NULL, NULL) > 0 ? 1 : 0;
}
