/* The URL of a source, keys in etcd, and records that come in parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "etcd/kv.h"
#include "source/shared/records.h"
#include "source/shared/url.h"
#include "store/records/journal.h"

/* ---- the URL ---- */

static void reads_a_url(void **state) {
    static const struct {
        const char *url, *endpoints, *prefix;
    } good[] = {
        {"etcd://a:1", "a:1", "/sallyport/v1/"},
        {"etcd://a:1,b:2", "a:1,b:2", "/sallyport/v1/"},
        {"etcd://a:1/p/", "a:1", "/p/"},
        {"etcd://[::1]:2379,b:2/deep/er/", "[::1]:2379,b:2", "/deep/er/"},
        {"etcd://etcd:2379,etcd-1.etcd.svc:2379/a.b-c_d~1:x@y/", "etcd:2379,etcd-1.etcd.svc:2379", "/a.b-c_d~1:x@y/"},
    };
    static const struct {
        const char *url, *reason;
    } bad[] = {
        {"", "begin with etcd://"},
        {"http://a:1/p/", "begin with etcd://"},
        {"ETCD://a:1", "begin with etcd://"},
        {"etcd://", "has no endpoint"},
        {"etcd:///p/", "has no endpoint"},
        {"etcd://a:1/", "begin and end with a slash"},
        {"etcd://a:1/p", "begin and end with a slash"},
        /* Whole URLs put one after the other. */
        {"etcd://a:2379,http://b:2379/sallyport/v1/", "\"http:\": a scheme is not part of it"},
        {"etcd://a:1,etcd://b:1/p/", "\"etcd:\": a scheme is not part of it"},
        {"etcd://http://a:1/p/", "\"http:\": a scheme is not part of it"},
        {"etcd://a:1/p/,b:1/p/", "character 4 of the prefix"},
        {"etcd://a:1/p/,etcd://b:1/p/", "character 4 of the prefix"},
        /* Endpoints. */
        {"etcd://a/p/", "\"a\": it has no port"},
        {"etcd://a:/p/", "\"a:\": it has no port"},
        {"etcd://a:1,b:/p/", "\"b:\": it has no port"},
        {"etcd://:1/p/", "its host is not"},
        {"etcd://a:0/p/", "not a number from 1 to 65535"},
        {"etcd://a:65536/p/", "not a number from 1 to 65535"},
        {"etcd://a:2379x/p/", "not a number from 1 to 65535"},
        {"etcd://::1:2379/p/", "its host is not"},
        {"etcd://[::1]/p/", "not a number from 1 to 65535"},
        {"etcd://a b:1/p/", "its host is not"},
        {"etcd://a:1,/p/", "ends in a comma"},
        {"etcd://a:1,,b:1/p/", "invalid source: an endpoint is empty; expected etcd://"},
        /* Prefixes. */
        {"etcd://a:1//", "two slashes in a row"},
        {"etcd://a:1//p/", "two slashes in a row"},
        {"etcd://a:1/p//q/", "two slashes in a row"},
        {"etcd://a:1/p//", "two slashes in a row"},
        {"etcd://a:1/x/../y/", "has a segment \".\" or \"..\", which etcd would take as letters of the keys; write the "
                               "prefix that is meant: expected etcd://HOST:PORT,HOST:PORT/PREFIX/"},
        {"etcd://a:1/./", "has a segment"},
        {"etcd://a:1/../", "has a segment"},
        {"etcd://a:1/p/q/../", "has a segment"},
        {"etcd://a:1/b:2/p/", "has a segment \"b:2\", which looks like an endpoint; separate endpoints with commas"},
        {"etcd://a:1/b:2/", "looks like an endpoint"},
        {"etcd://a:1/p/b:/", "looks like an endpoint"},
        {"etcd://a:1/etcd:/b:2/p/", "has a segment \"etcd:\""},
        {"etcd://a:1/[::1]:2/p/", "looks like an endpoint"},
        {"etcd://a:1/p q/", "character 3 of the prefix"},
        {"etcd://a:1/p?x=1/", "character 3 of the prefix"},
        {"etcd://a:1/p#q/", "character 3 of the prefix"},
    };
    struct sp_str endpoints, prefix;
    struct sp_error error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(sp_source_read_url(good[i].url, &endpoints, &prefix, &error), SP_OK);
        assert_true(sp_str_equal(endpoints, sp_str_from(good[i].endpoints)));
        assert_true(sp_str_equal(prefix, sp_str_from(good[i].prefix)));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(sp_source_read_url(bad[i].url, &endpoints, &prefix, &error), SP_ERR_INVALID);
        if (strstr(error.message, bad[i].reason) == NULL)
            fail_msg("%s: %s", bad[i].url, error.message);
    }
}

static void a_password_in_a_url_is_refused_and_not_repeated(void **state) {
    struct sp_str endpoints, prefix;
    struct sp_error error = {0};
    (void)state;
    assert_int_equal(sp_source_read_url("etcd://pod:hunter2@a:1,b:2/p/", &endpoints, &prefix, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "--etcd-password-file"));
    assert_null(strstr(error.message, "hunter2"));
}

static void a_name_holds_the_prefix_and_no_endpoint(void **state) {
    char name[SP_SOURCE_NAME_BYTES], url[2 * SP_SOURCE_NAME_BYTES];
    struct sp_error error = {0};
    (void)state;
    assert_int_equal(sp_source_make_name("etcd://a:1,b:2/p/", name, &error), SP_OK);
    assert_string_equal(name, "etcd:/p/");
    memset(url, 'x', sizeof(url));
    memcpy(url, "etcd://a:1/", 11);
    memcpy(url + sizeof(url) - 2, "/", 2);
    assert_int_equal(sp_source_make_name(url, name, &error), SP_ERR_INVALID);
    assert_string_equal(name, "etcd:/p/");
}

/* ---- keys ---- */

static const struct sp_str prefix = {"/p/", 3};

static struct sp_bytes bytes(const char *text) {
    return (struct sp_bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_bytes(struct sp_bytes got, const void *expected, size_t size) {
    assert_int_equal(got.size, size);
    assert_memory_equal(got.data, expected, size);
}

static void makes_the_keys_that_the_documentation_names(void **state) {
    struct sp_arena arena;
    (void)state;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    assert_bytes(sp_source_head_key(prefix, &arena), "/p/d/head", 9);
    assert_bytes(sp_source_data_key(prefix, &arena), "/p/d/", 5);
    assert_bytes(sp_source_space_key(prefix, SP_REPLICA_ENTITY, &arena), "/p/d/e/", 7);
    assert_bytes(sp_source_space_key(prefix, SP_REPLICA_CHANGE, &arena), "/p/d/c/", 7);
    assert_bytes(sp_source_space_key(prefix, SP_REPLICA_REQUEST, &arena), "/p/d/r/", 7);
    assert_bytes(sp_source_record_key(prefix, SP_REPLICA_ENTITY, bytes("key"), 9, &arena), "/p/d/e/key", 10);
    assert_bytes(sp_source_record_key(prefix, SP_REPLICA_CHANGE, bytes("12345678"), 258, &arena),
                 "/p/d/c/12345678\0\0\1\2", 19);
    assert_bytes(sp_source_all_staged_key(prefix, &arena), "/p/s/", 5);
    assert_bytes(sp_source_staged_key(prefix, bytes("id"), &arena), "/p/s/id", 7);
    assert_bytes(sp_source_staged_part_key(prefix, bytes("id"), 1, &arena), "/p/s/id\0\0\0\1", 11);
    assert_bytes(sp_source_full_key(prefix, bytes("d/e/key"), &arena), "/p/d/e/key", 10);
    sp_arena_fini(&arena);
}

static void reads_every_key_that_it_makes_and_no_other(void **state) {
    static const char *const others[] = {
        "",         "/p/",        "/p/d/",       "/p/d/x/key",          "/p/d/e", "/q/d/e/key", "/p/s/id",
        "/p/d/hea", "/p/d/head2", "/p/d/c/1234", "/p/d/c/1234567812345"};
    struct sp_arena arena;
    (void)state;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    assert_int_equal(sp_source_read_key(prefix, sp_source_head_key(prefix, &arena)).kind, SP_SOURCE_HEAD_KEY);
    for (int space = 0; space < SP_REPLICA_SPACES; space++) {
        struct sp_source_key key = sp_source_read_key(
            prefix, sp_source_record_key(prefix, (enum sp_replica_space)space, bytes("12345678"), 7, &arena));
        assert_int_equal(key.kind, SP_SOURCE_RECORD_KEY);
        assert_int_equal(key.space, space);
        assert_bytes(key.name, "12345678", 8);
        assert_int_equal(key.part, space == SP_REPLICA_CHANGE ? 7 : 0);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_int_equal(sp_source_read_key(prefix, bytes(others[i])).kind, SP_SOURCE_OTHER_KEY);
    sp_arena_fini(&arena);
}

static void shows_keys_without_bytes_that_a_terminal_obeys(void **state) {
    char text[SP_SOURCE_KEY_TEXT_BYTES], letters[100];
    (void)state;
    sp_source_show_key((struct sp_bytes){(const uint8_t *)"a\0\33[b\377 c", 8}, text);
    assert_string_equal(text, "a..[b..c");
    memset(letters, 'x', sizeof(letters));
    sp_source_show_key((struct sp_bytes){(const uint8_t *)letters, sizeof(letters)}, text);
    assert_int_equal(strlen(text), SP_SOURCE_KEY_TEXT_BYTES - 1);
}

/* ---- records ---- */

static enum sp_status add(struct sp_source_records *records, const char *number, uint32_t part, const char *value) {
    const struct sp_source_key key = {
        .kind = SP_SOURCE_RECORD_KEY, .space = SP_REPLICA_CHANGE, .name = bytes(number), .part = part};
    return sp_source_add_record(records, &key, bytes(value), false);
}

static void joins_the_parts_of_a_change(void **state) {
    struct sp_arena arena;
    (void)state;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    struct sp_source_records records = {.arena = &arena};
    assert_int_equal(add(&records, "00000001", 1, "stray"), SP_OK); /* its first part is elsewhere */
    assert_int_equal(records.count, 0);
    assert_int_equal(add(&records, "00000002", 0, "a"), SP_OK);
    assert_int_equal(add(&records, "00000002", 1, "b"), SP_OK);
    assert_int_equal(add(&records, "00000003", 1, "stray"), SP_OK);
    assert_int_equal(add(&records, "00000003", 0, "c"), SP_OK);
    assert_int_equal(records.count, 2);
    assert_bytes(records.items[0].value, "ab", 2);
    assert_bytes(records.items[1].value, "c", 1);
    const struct sp_source_key head = {.kind = SP_SOURCE_HEAD_KEY};
    assert_int_equal(sp_source_add_record(&records, &head, bytes("h"), false), SP_OK);
    assert_int_equal(records.count, 2);
    sp_arena_fini(&arena);
}

static void a_change_becomes_operations_of_512_KiB_and_back(void **state) {
    enum { VALUE_BYTES = 3 * SP_SOURCE_CHANGE_PART_BYTES / 2 };
    struct sp_arena arena;
    (void)state;
    assert_int_equal(sp_arena_init(&arena, 1 << 20, 16 << 20), SP_OK);
    uint8_t *value = sp_arena_calloc(&arena, 1, VALUE_BYTES);
    assert_non_null(value);
    value[VALUE_BYTES - 1] = 'z';
    const struct sp_replica_record change = {
        .space = SP_REPLICA_CHANGE, .key = bytes("12345678"), .value = {value, VALUE_BYTES}};
    const struct sp_replica_record gone = {.space = SP_REPLICA_ENTITY, .key = bytes("e"), .deleted = true};
    struct sp_source_operations operations = {.arena = &arena};
    struct sp_source_records records = {.arena = &arena};
    assert_int_equal(sp_source_add_record_operations(&operations, prefix, &change), SP_OK);
    assert_int_equal(sp_source_add_record_operations(&operations, prefix, &gone), SP_OK);
    assert_int_equal(operations.count, 3);
    assert_int_equal(operations.items[0].value.size, SP_SOURCE_CHANGE_PART_BYTES);
    assert_int_equal(operations.items[2].what, SP_ETCD_DELETE);
    for (size_t i = 0; i < operations.count; i++) {
        struct sp_source_key key = sp_source_read_key(prefix, operations.items[i].key);
        assert_int_equal(
            sp_source_add_record(&records, &key, operations.items[i].value, operations.items[i].what == SP_ETCD_DELETE),
            SP_OK);
    }
    assert_int_equal(records.count, 2);
    assert_bytes(records.items[0].value, value, VALUE_BYTES);
    assert_true(records.items[1].deleted);
    assert_int_equal(sp_source_add_operation(&operations, (struct sp_etcd_operation){.what = SP_ETCD_PUT}),
                     SP_ERR_MEMORY);
    sp_arena_fini(&arena);
}

static void transactions_hold_what_etcd_takes_and_at_least_one_operation(void **state) {
    static uint8_t large[SP_SOURCE_TXN_BYTES];
    struct sp_arena arena;
    (void)state;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    struct sp_source_operations operations = {.arena = &arena};
    const struct sp_etcd_operation small = {.key = bytes("k")};
    for (int i = 0; i < SP_SOURCE_TXN_OPERATIONS + 5; i++)
        assert_int_equal(sp_source_add_operation(&operations, small), SP_OK);
    const struct sp_etcd_operation big = {.key = bytes("k"), .value = {large, sizeof(large)}};
    assert_int_equal(sp_source_add_operation(&operations, big), SP_OK);
    assert_int_equal(sp_source_fit_operations(&operations, 0, SP_SOURCE_TXN_OPERATIONS), SP_SOURCE_TXN_OPERATIONS);
    assert_int_equal(sp_source_fit_operations(&operations, SP_SOURCE_TXN_OPERATIONS, SP_SOURCE_TXN_OPERATIONS), 5);
    assert_int_equal(sp_source_fit_operations(&operations, SP_SOURCE_TXN_OPERATIONS + 5, SP_SOURCE_TXN_OPERATIONS), 1);
    assert_int_equal(sp_source_fit_operations(&operations, SP_SOURCE_TXN_OPERATIONS + 6, SP_SOURCE_TXN_OPERATIONS), 0);
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_url),
        cmocka_unit_test(a_password_in_a_url_is_refused_and_not_repeated),
        cmocka_unit_test(a_name_holds_the_prefix_and_no_endpoint),
        cmocka_unit_test(makes_the_keys_that_the_documentation_names),
        cmocka_unit_test(reads_every_key_that_it_makes_and_no_other),
        cmocka_unit_test(shows_keys_without_bytes_that_a_terminal_obeys),
        cmocka_unit_test(joins_the_parts_of_a_change),
        cmocka_unit_test(a_change_becomes_operations_of_512_KiB_and_back),
        cmocka_unit_test(transactions_hold_what_etcd_takes_and_at_least_one_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
