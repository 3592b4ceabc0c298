#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "admin/page.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/next_number.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"
#include "support/fake_clock.h"

/* Principals put into the store as they are, faster than by calls and larger than calls allow. */
static void put_principals(struct admin_fixture *fixture, size_t count, size_t name_bytes) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    sp_arena_reset(&fixture->arena);
    assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
    Sallyport__V1__Change head;
    sallyport__v1__change__init(&head);
    struct sp_changeset *changes = sp_changeset_new(&fixture->arena, &head);
    char name[4096] = "";
    memset(name, 'n', name_bytes);
    uint64_t workspace_number = 0;
    assert_int_equal(sp_write_next_workspace(write, &workspace_number), SP_OK);
    for (size_t i = 0; i < count; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "u%07zu", i);
        Sallyport__V1__Principal principal;
        sallyport__v1__principal__init(&principal);
        Sallyport__Store__V1__StoredPrincipal stored;
        sallyport__store__v1__stored_principal__init(&stored);
        char workspace[] = "w";
        principal.workspace = workspace;
        principal.id = id;
        principal.name = name;
        principal.kind = SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT;
        principal.role = SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
        stored.principal = &principal;
        assert_int_equal(sp_write_next_subject(write, &stored.number), SP_OK);
        stored.workspace_number = workspace_number;
        struct sp_entity_key key;
        assert_int_equal(sp_entity_key_1(SP_KIND_PRINCIPAL, SP_STR_LITERAL("w"), sp_str_from(id), &key), SP_OK);
        assert_int_equal(sp_changeset_put(changes, &key, &stored.base), SP_OK);
    }
    assert_int_equal(sp_changeset_apply(write, changes, &revision, &error), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

struct taken {
    size_t every;    /* keeps every nth that is looked at; 0: none */
    int64_t each_ms; /* passes on the fake clock with each */
    size_t visited;
    size_t kept;
};

static enum sp_status take(void *context, const ProtobufCMessage *stored, bool *ret_kept) {
    struct taken *taken = context;
    assert_ptr_equal(stored->descriptor, &sallyport__store__v1__stored_principal__descriptor);
    *ret_kept = taken->every > 0 && taken->visited % taken->every == 0;
    taken->visited++;
    taken->kept += *ret_kept;
    if (taken->each_ms > 0)
        fake_clock_pass(taken->each_ms);
    return SP_OK;
}

/* One page; returns the next token, "" at the end. */
static const char *page(struct admin_fixture *fixture, uint32_t page_size, const char *token, struct taken *taken) {
    struct sp_snapshot *snapshot = NULL;
    assert_int_equal(sp_snapshot_open(fixture->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    struct sp_admin_context ctx = {
        .view = sp_snapshot_view(snapshot), .arena = &fixture->arena, .error = &fixture->error};
    struct sp_entity_key prefix;
    assert_int_equal(sp_entity_key_make(SP_KIND_PRINCIPAL, SP_STR_LITERAL("w"), NULL, 0, &prefix), SP_OK);
    char nothing[] = "";
    char *next = nothing;
    assert_int_equal(sp_admin_page(&ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                                   &sallyport__store__v1__stored_principal__descriptor, page_size, token, take, taken,
                                   &next),
                     SP_OK);
    next = sp_arena_strdup(&fixture->kept, sp_str_from(next));
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    sp_arena_reset(&fixture->arena);
    return next;
}

static void ends_a_page_after_ten_thousand_visited(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    put_principals(&fixture, 10001, 1);
    struct taken taken = {.every = 0};
    fake_clock_start();
    const char *next = page(&fixture, 0, "", &taken);
    assert_int_equal(taken.visited, 10000);
    assert_string_not_equal(next, "");
    next = page(&fixture, 0, next, &taken);
    assert_int_equal(taken.visited, 10001);
    assert_string_equal(next, "");
    fake_clock_end();
    admin_fixture_close(&fixture);
}

static void ends_a_page_when_its_time_is_up_and_goes_on_there(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    put_principals(&fixture, 1000, 1);
    struct taken taken = {.every = 2, .each_ms = 1};
    size_t pages = 0;
    const char *next = "";
    fake_clock_start();
    do {
        size_t before = taken.visited;
        next = page(&fixture, 1000, next, &taken);
        assert_in_range(taken.visited - before, 1, 64); /* the clock is read once in 64 */
        pages++;
    } while (next[0] != '\0');
    fake_clock_end();
    assert_int_equal(taken.visited, 1000);
    assert_int_equal(taken.kept, 500);
    assert_int_equal(pages, 16);
    admin_fixture_close(&fixture);
}

static void ends_a_page_at_a_mebibyte(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    put_principals(&fixture, 1000, 2000);
    struct taken taken = {.every = 1};
    const char *next = page(&fixture, 1000, "", &taken);
    assert_in_range(taken.kept, 1024 * 1024 / 2100, 1024 * 1024 / 2000 + 1);
    while (next[0] != '\0')
        next = page(&fixture, 1000, next, &taken);
    assert_int_equal(taken.kept, 1000);
    admin_fixture_close(&fixture);
}

static void meets_everything_once_whatever_the_page_size(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    put_principals(&fixture, 250, 1);
    static const struct {
        uint32_t page_size;
        size_t pages;
    } cases[] = {{1, 250}, {7, 36}, {125, 2}, {250, 1}, {1000, 1}, {0, 3}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct taken taken = {.every = 1};
        size_t pages = 0;
        const char *next = "";
        do {
            next = page(&fixture, cases[i].page_size, next, &taken);
            pages++;
        } while (next[0] != '\0');
        assert_int_equal(taken.kept, 250);
        assert_int_equal(pages, cases[i].pages);
    }
    admin_fixture_close(&fixture);
}

static void a_token_decodes_to_the_key_that_it_was_made_of(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    struct sp_admin_context ctx = {.arena = &fixture.arena, .error = &fixture.error};
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (size_t size = 0; size <= SP_ENTITY_KEY_MAX_BYTES; size++) {
        uint8_t bytes[SP_ENTITY_KEY_MAX_BYTES];
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)rand();
        char *token = NULL;
        struct sp_entity_key key = {0};
        assert_int_equal(sp_admin_token_encode(&ctx, (struct sp_bytes){bytes, size}, &token), SP_OK);
        assert_int_equal(sp_admin_token_decode(&ctx, token, &key), SP_OK);
        assert_int_equal(key.size, size);
        assert_memory_equal(key.bytes, bytes, size);
    }
    admin_fixture_close(&fixture);
}

static void refuses_what_it_would_not_write(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    struct sp_admin_context ctx = {.arena = &fixture.arena, .error = &fixture.error};
    char large[SP_ENTITY_KEY_MAX_BYTES * 2];
    memset(large, 'A', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    const char *const tokens[] = {"A", "AAAAA", "AB", "AAB", "AA==", "AA+A", "AA/A", "AA A", "AA\nA", large};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
        struct sp_entity_key key = {.size = 7};
        assert_int_equal(sp_admin_token_decode(&ctx, tokens[i], &key), SP_ERR_INVALID);
        assert_int_equal(key.size, 7);
    }
    admin_fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_a_page_after_ten_thousand_visited),
        cmocka_unit_test(ends_a_page_when_its_time_is_up_and_goes_on_there),
        cmocka_unit_test(ends_a_page_at_a_mebibyte),
        cmocka_unit_test(meets_everything_once_whatever_the_page_size),
        cmocka_unit_test(a_token_decodes_to_the_key_that_it_was_made_of),
        cmocka_unit_test(refuses_what_it_would_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
