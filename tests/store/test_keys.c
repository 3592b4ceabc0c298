/* The keys of entities and of the resource index: made, read, and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "support/store_world.h"

#define BYTES(text) ((struct sp_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void assert_text(struct sp_str text, const char *expected) {
    assert_int_equal(text.size, strlen(expected));
    if (text.size > 0)
        assert_memory_equal(text.data, expected, text.size);
}

/* ---- entities ---- */

static void makes_keys_that_sort_by_kind_workspace_and_parts(void **state) {
    (void)state;
    struct sp_entity_key key;
    struct sp_str parts[] = {SP_STR_LITERAL("voice"), SP_STR_LITERAL("v1")};
    assert_int_equal(sp_entity_key_make(SP_KIND_RESOURCE, SP_STR_LITERAL("w"), parts, 2, &key), SP_OK);
    assert_int_equal(key.size, 11);
    assert_memory_equal(key.bytes, "\7w\0voice\0v1", 11);
    assert_int_equal(
        sp_entity_key_grant(SP_STR_LITERAL("w"), parts[0], parts[1], SP_SUBJECT_GROUP, SP_STR_LITERAL("team"), &key),
        SP_OK);
    assert_memory_equal(key.bytes, "\10w\0voice\0v1\0gteam", 17);
    assert_int_equal(key.size, 17);
}

static void refuses_keys_with_nul_or_too_long(void **state) {
    (void)state;
    char long_text[600] = "";
    memset(long_text, 'x', sizeof(long_text) - 1);
    struct sp_entity_key key;
    assert_int_equal(sp_entity_key_1(SP_KIND_KEY, SP_STR_LITERAL("w"), SP_STR_LITERAL("a\0b"), &key), SP_ERR_INVALID);
    assert_int_equal(sp_entity_key_1(SP_KIND_KEY, SP_STR_LITERAL("a\0b"), SP_STR_LITERAL("k"), &key), SP_ERR_INVALID);
    assert_int_equal(sp_entity_key_1(SP_KIND_KEY, SP_STR_LITERAL("w"), sp_str_from(long_text), &key), SP_ERR_INVALID);
    assert_int_equal(sp_entity_key_grant(SP_STR_LITERAL("w"), SP_STR_LITERAL("t"), SP_STR_LITERAL("r"),
                                         (enum sp_subject_kind)'x', SP_STR_LITERAL("s"), &key),
                     SP_ERR_INVALID);
}

static void reads_the_parts_of_a_key(void **state) {
    (void)state;
    static const struct {
        struct sp_bytes key;
        enum sp_kind kind;
        enum sp_kind deleted_kind;
        const char *workspace;
        size_t part_count;
        const char *parts[SP_ENTITY_KEY_MAX_PARTS];
        enum sp_subject_kind subject_kind;
    } cases[] = {
        {.key = {(const uint8_t *)"\1", 2}, .kind = SP_KIND_SCHEMA, .workspace = ""},
        {.key = {(const uint8_t *)"\2\0ada", 5},
         .kind = SP_KIND_OPERATOR,
         .workspace = "",
         .part_count = 1,
         .parts = {"ada"}},
        {.key = {(const uint8_t *)"\3w", 3}, .kind = SP_KIND_WORKSPACE, .workspace = "w"},
        {.key = {(const uint8_t *)"\4w\0p", 4},
         .kind = SP_KIND_PRINCIPAL,
         .workspace = "w",
         .part_count = 1,
         .parts = {"p"}},
        {.key = {(const uint8_t *)"\6w\0g\0p", 6},
         .kind = SP_KIND_MEMBERSHIP,
         .workspace = "w",
         .part_count = 2,
         .parts = {"g", "p"}},
        {.key = {(const uint8_t *)"\7w\0note\0n/1", 11},
         .kind = SP_KIND_RESOURCE,
         .workspace = "w",
         .part_count = 2,
         .parts = {"note", "n/1"}},
        {.key = {(const uint8_t *)"\10w\0note\0n\0gteam", 15},
         .kind = SP_KIND_GRANT,
         .workspace = "w",
         .part_count = 3,
         .parts = {"note", "n", "team"},
         .subject_kind = SP_SUBJECT_GROUP},
        {.key = {(const uint8_t *)"\10w\0note\0n\0p", 11},
         .kind = SP_KIND_GRANT,
         .workspace = "w",
         .part_count = 3,
         .parts = {"note", "n", ""},
         .subject_kind = SP_SUBJECT_PRINCIPAL},
        {.key = {(const uint8_t *)"\12w\0\5g", 5},
         .kind = SP_KIND_TOMBSTONE,
         .deleted_kind = SP_KIND_GROUP,
         .workspace = "w",
         .part_count = 1,
         .parts = {"g"}},
        {.key = {(const uint8_t *)"\12\0\7voice\0v", 10},
         .kind = SP_KIND_TOMBSTONE,
         .deleted_kind = SP_KIND_RESOURCE,
         .workspace = "",
         .part_count = 2,
         .parts = {"voice", "v"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sp_entity_name name;
        assert_int_equal(sp_entity_key_read(cases[i].key, &name), SP_OK);
        assert_true(sp_entity_key_is_valid(cases[i].key));
        assert_int_equal(name.kind, cases[i].kind);
        assert_int_equal(name.deleted_kind, cases[i].deleted_kind);
        assert_int_equal(name.subject_kind, cases[i].subject_kind);
        assert_text(name.workspace, cases[i].workspace);
        assert_int_equal(name.part_count, cases[i].part_count);
        for (size_t j = 0; j < name.part_count; j++)
            assert_text(name.parts[j], cases[i].parts[j]);
    }
}

static void refuses_bytes_that_are_not_a_key(void **state) {
    (void)state;
    static const struct sp_bytes cases[] = {
        {NULL, 0},
        {(const uint8_t *)"\4", 1},                  /* no workspace */
        {(const uint8_t *)"\4w", 2},                 /* a workspace without its end */
        {(const uint8_t *)"\0w\0p", 4},              /* no such kind */
        {(const uint8_t *)"\13w\0p", 4},             /* nor this */
        {(const uint8_t *)"\377w\0p", 4},            /* nor this */
        {(const uint8_t *)"\10w", 3},                /* a grant without a subject */
        {(const uint8_t *)"\10w\0t\0r", 6},          /* a subject without a kind */
        {(const uint8_t *)"\10w\0t\0r\0xs", 9},      /* of another kind */
        {(const uint8_t *)"\10w\0t\0r", 7},          /* an empty one */
        {(const uint8_t *)"\12w", 3},                /* the tombstone of nothing */
        {(const uint8_t *)"\4w\0a\0b\0c\0d\0e", 12}, /* too many parts */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sp_entity_name name;
        struct sp_entity_key tombstone;
        if (sp_entity_key_read(cases[i], &name) != SP_ERR_CORRUPT || sp_entity_key_is_valid(cases[i]))
            fail_msg("case %zu was read", i);
        assert_int_equal(sp_entity_key_tombstone(cases[i], false, &tombstone), SP_ERR_INVALID);
    }
    uint8_t long_key[SP_ENTITY_KEY_MAX_BYTES + 1] = {SP_KIND_PRINCIPAL, 'w', 0};
    memset(long_key + 3, 'p', sizeof(long_key) - 3);
    struct sp_entity_key copy;
    assert_true(sp_entity_key_is_valid((struct sp_bytes){long_key, sizeof(long_key) - 1}));
    assert_false(sp_entity_key_is_valid((struct sp_bytes){long_key, sizeof(long_key)}));
    assert_int_equal(sp_entity_key_copy((struct sp_bytes){long_key, sizeof(long_key)}, &copy), SP_ERR_CORRUPT);
}

static void a_prefix_begins_the_keys_with_more_parts_and_no_others(void **state) {
    (void)state;
    struct sp_entity_key prefix, inside, outside;
    struct sp_str parts[] = {SP_STR_LITERAL("t"), SP_STR_LITERAL("r")};
    struct sp_str longer[] = {SP_STR_LITERAL("tt"), SP_STR_LITERAL("r")};
    assert_int_equal(sp_entity_key_prefix(SP_KIND_RESOURCE, SP_STR_LITERAL("w"), parts, 1, &prefix), SP_OK);
    assert_int_equal(sp_entity_key_make(SP_KIND_RESOURCE, SP_STR_LITERAL("w"), parts, 2, &inside), SP_OK);
    assert_int_equal(sp_entity_key_make(SP_KIND_RESOURCE, SP_STR_LITERAL("w"), longer, 2, &outside), SP_OK);
    assert_true(sp_bytes_begin_with(sp_entity_key_bytes(&inside), sp_entity_key_bytes(&prefix)));
    assert_false(sp_bytes_begin_with(sp_entity_key_bytes(&outside), sp_entity_key_bytes(&prefix)));
}

static struct sp_str random_text(uint64_t *random, char buffer[static 16]) {
    size_t size = 1 + world_random(random) % 15;
    for (size_t i = 0; i < size; i++)
        buffer[i] = (char)(1 + world_random(random) % 255);
    return (struct sp_str){buffer, size};
}

static void reading_gives_back_what_was_made(void **state) {
    (void)state;
    uint64_t random = world_seed("reading_gives_back_what_was_made");
    for (int round = 0; round < 2000; round++) {
        char texts[4][16];
        struct sp_str workspace = random_text(&random, texts[3]);
        struct sp_str parts[3];
        struct sp_entity_key key;
        struct sp_entity_name name;
        for (size_t i = 0; i < 3; i++)
            parts[i] = random_text(&random, texts[i]);
        enum sp_kind kind = (enum sp_kind)(SP_KIND_SCHEMA + world_random(&random) % (SP_KIND_TOMBSTONE - 1));
        enum sp_subject_kind subject_kind = world_random(&random) % 2 == 0 ? SP_SUBJECT_GROUP : SP_SUBJECT_PRINCIPAL;
        size_t part_count = kind == SP_KIND_GRANT ? 3 : world_random(&random) % 4;
        if (kind == SP_KIND_GRANT)
            assert_int_equal(sp_entity_key_grant(workspace, parts[0], parts[1], subject_kind, parts[2], &key), SP_OK);
        else
            assert_int_equal(sp_entity_key_make(kind, workspace, parts, part_count, &key), SP_OK);
        assert_int_equal(sp_entity_key_read(sp_entity_key_bytes(&key), &name), SP_OK);
        assert_int_equal(name.kind, kind);
        assert_true(sp_str_equal(name.workspace, workspace));
        assert_int_equal(name.part_count, part_count);
        for (size_t i = 0; i < part_count; i++)
            assert_true(sp_str_equal(name.parts[i], parts[i]));
        if (kind == SP_KIND_GRANT)
            assert_int_equal(name.subject_kind, subject_kind);
    }
}

/* ---- resources ---- */

static void makes_and_reads_resource_keys(void **state) {
    (void)state;
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_resource_name name;
    assert_int_equal(sp_resource_key(0x0102, 0x03, SP_STR_LITERAL("v1"), key), 12);
    assert_memory_equal(key, "\1\2\0\0\0\0\0\0\0\3v1", 12);
    assert_int_equal(sp_resource_key_read((struct sp_bytes){key, 12}, &name), SP_OK);
    assert_int_equal(name.type_number, 0x0102);
    assert_int_equal(name.scope, 3);
    assert_text(name.id, "v1");
    assert_int_equal(sp_resource_key_after(0x0102, 3, SP_STR_LITERAL("v1"), key), 12);
    assert_int_equal(sp_resource_key_after(0x0102, 3, (struct sp_str){NULL, 0}, key), SP_RESOURCE_KEY_HEAD_BYTES);
}

static void refuses_resource_keys_of_no_or_too_long_ids(void **state) {
    (void)state;
    char id[SP_RESOURCE_ID_MAX_BYTES + 1];
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES + 1] = {0};
    struct sp_resource_name name;
    memset(id, 'i', sizeof(id));
    assert_int_equal(sp_resource_key(1, 0, (struct sp_str){id, sizeof(id) - 1}, key), SP_RESOURCE_KEY_MAX_BYTES);
    assert_int_equal(sp_resource_key(1, 0, (struct sp_str){id, sizeof(id)}, key), 0);
    assert_int_equal(sp_resource_key(1, 0, (struct sp_str){NULL, 0}, key), 0);
    assert_int_equal(sp_resource_key(UINT16_MAX + 1, 0, SP_STR_LITERAL("v"), key), 0);
    assert_int_equal(sp_resource_key_read((struct sp_bytes){key, SP_RESOURCE_KEY_MAX_BYTES}, &name), SP_OK);
    assert_int_equal(sp_resource_key_read((struct sp_bytes){key, SP_RESOURCE_KEY_MAX_BYTES + 1}, &name),
                     SP_ERR_CORRUPT);
    assert_int_equal(sp_resource_key_read((struct sp_bytes){key, SP_RESOURCE_KEY_HEAD_BYTES}, &name), SP_ERR_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_keys_that_sort_by_kind_workspace_and_parts),
        cmocka_unit_test(refuses_keys_with_nul_or_too_long),
        cmocka_unit_test(reads_the_parts_of_a_key),
        cmocka_unit_test(refuses_bytes_that_are_not_a_key),
        cmocka_unit_test(a_prefix_begins_the_keys_with_more_parts_and_no_others),
        cmocka_unit_test(reading_gives_back_what_was_made),
        cmocka_unit_test(makes_and_reads_resource_keys),
        cmocka_unit_test(refuses_resource_keys_of_no_or_too_long_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
