/* The head of a request: what is kept of it, and what its fields mean. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/h2/head.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { LIMIT = 1024 };

static bool add(struct head *head, const char *name, const char *value) {
    return sp_rpc_h2_head_add(head, sp_str_from(name), sp_str_from(value), LIMIT);
}

static struct head begin_head(void) {
    struct head head = {0};
    sp_rpc_h2_head_clear(&head);
    return head;
}

static void timeouts_are_read_in_every_unit(void **state) {
    static const struct {
        const char *text;
        int64_t ms; /* -1: cannot be read */
    } rows[] = {
        {"1H", 3600000},     {"2M", 120000}, {"3S", 3000}, {"100m", 100}, {"1500u", 2},
        {"1u", 1},           {"1n", 1},      {"0m", 0},    {"0n", 0},     {"99999999H", 359999996400000},
        {"00000001S", 1000}, {"", -1},       {"S", -1},    {"1", -1},     {"1s", -1},
        {"1 S", -1},         {"-1S", -1},    {"+1S", -1},  {"1.5S", -1},  {"1SS", -1},
        {"100000000m", -1},  {"0x1S", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = -1;
        bool read = sp_rpc_h2_parse_timeout(sp_str_from(rows[i].text), &ms);
        if (read != (rows[i].ms >= 0) || ms != rows[i].ms)
            fail_msg("\"%s\": %d, %lld ms", rows[i].text, read, (long long)ms);
    }
}

static void content_types_of_grpc_are_known(void **state) {
    static const struct {
        const char *type;
        bool is_grpc;
    } rows[] = {{"application/grpc", true},      {"application/grpc+proto", true},
                {"application/grpc+json", true}, {"application/grpc;charset=utf-8", true},
                {"application/grpc-web", false}, {"application/grpcx", false},
                {"application/json", false},     {"", false},
                {" application/grpc", false}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head = begin_head();
        assert_true(add(&head, "content-type", rows[i].type));
        if (head.is_grpc != rows[i].is_grpc)
            fail_msg("\"%s\"", rows[i].type);
        sp_rpc_h2_head_fini(&head);
    }
}

static void values_are_found_by_name_in_their_order(void **state) {
    struct head head = begin_head();
    struct sp_str values[2];
    (void)state;
    assert_true(add(&head, ":method", "POST"));
    assert_true(add(&head, ":path", "/a.B/C"));
    assert_true(add(&head, "x-api-key", "one"));
    assert_true(add(&head, "x-api", "no"));
    assert_true(add(&head, "x-api-key", ""));
    assert_true(add(&head, "x-api-key", "three"));
    assert_int_equal(sp_rpc_h2_head_find(&head, "x-api-key", values, 2), 3);
    assert_true(sp_str_equal(values[0], sp_str_from("one")));
    assert_int_equal(values[1].size, 0);
    assert_int_equal(sp_rpc_h2_head_find(&head, ":path", values, 2), 0);
    assert_true(sp_str_equal(sp_rpc_h2_head_path(&head), sp_str_from("/a.B/C")));
    assert_true(head.is_post);
    sp_rpc_h2_head_fini(&head);
}

static void a_list_a_byte_over_the_limit_is_marked_and_not_kept(void **state) {
    char value[LIMIT];
    (void)state;
    memset(value, 'x', sizeof(value));
    for (size_t over = 0; over < 2; over++) {
        struct head head = begin_head();
        struct sp_str found;
        const struct sp_str name = sp_str_from("x"), text = {value, LIMIT - 32 - 1 + over};
        assert_true(sp_rpc_h2_head_add(&head, name, text, LIMIT));
        assert_int_equal(head.is_too_large, over == 1);
        assert_true(add(&head, "", ""));
        assert_true(head.is_too_large);
        assert_int_equal(sp_rpc_h2_head_find(&head, "x", &found, 1), over == 0);
        sp_rpc_h2_head_fini(&head);
    }
}

static void a_cleared_head_keeps_nothing_of_the_call_before(void **state) {
    struct head head = begin_head();
    struct sp_str found;
    (void)state;
    assert_true(add(&head, ":path", "/a.B/C"));
    assert_true(add(&head, "authorization", "Bearer sp_secret"));
    assert_true(add(&head, "grpc-timeout", "1S"));
    assert_true(add(&head, "grpc-encoding", "gzip"));
    assert_true(add(&head, "some-bin", "!"));
    assert_true(head.is_encoded && head.is_undecodable && head.timeout_ms == 1000);
    const char *text = head.text;
    size_t size = head.text_size;
    sp_rpc_h2_head_clear(&head);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(text[i], 0);
    assert_int_equal(sp_rpc_h2_head_find(&head, "authorization", &found, 1), 0);
    assert_int_equal(sp_rpc_h2_head_path(&head).size, 0);
    assert_false(head.is_encoded || head.is_undecodable || head.is_post);
    assert_true(head.timeout_ms == INT64_MAX);
    sp_rpc_h2_head_fini(&head);
}

static void binary_values_are_base64_or_marked(void **state) {
    static const struct {
        const char *name, *value;
        bool marked;
    } rows[] = {{"a-bin", "AAEC", false}, {"a-bin", "AAE=", false},  {"a-bin", "AA", false},
                {"a-bin", "", false},     {"a-bin", "AA,BB", false}, {"a-bin", "A-_A", true},
                {"a-bin", "A A", true},   {"a-bins", "!", false},    {"-bin", "!", false}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head = begin_head();
        assert_true(add(&head, rows[i].name, rows[i].value));
        if (head.is_undecodable != rows[i].marked)
            fail_msg("%s: \"%s\"", rows[i].name, rows[i].value);
        sp_rpc_h2_head_fini(&head);
    }
}

static void messages_are_percent_encoded(void **state) {
    static const struct {
        const char *message, *text;
    } rows[] = {{"", ""},
                {"plain, with \"quotes\"", "plain, with \"quotes\""},
                {"100%", "100%25"},
                {"a\nb\x7f", "a%0Ab%7F"},
                {"gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F"}};
    char text[64];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t size = sp_rpc_h2_encode_message(rows[i].message, text, sizeof(text));
        assert_int_equal(size, strlen(rows[i].text));
        assert_memory_equal(text, rows[i].text, size);
    }
    assert_int_equal(sp_rpc_h2_encode_message("ab%", text, 4), 2); /* no half of an escape */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_are_read_in_every_unit),
        cmocka_unit_test(content_types_of_grpc_are_known),
        cmocka_unit_test(values_are_found_by_name_in_their_order),
        cmocka_unit_test(a_list_a_byte_over_the_limit_is_marked_and_not_kept),
        cmocka_unit_test(a_cleared_head_keeps_nothing_of_the_call_before),
        cmocka_unit_test(binary_values_are_base64_or_marked),
        cmocka_unit_test(messages_are_percent_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
