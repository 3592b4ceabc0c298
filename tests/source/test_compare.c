/* Reading etcd page by page: what a comparison finds, and what a page may hold. */
#include "etcd/client.h"
#include "etcd/kv.h"
#include "source/follow/list.h"
#include "source/follow/page_walk.h"
#include "source/sides.h"
#include "store/records/journal.h"

struct lines {
    char text[2000];
};

static void add_line(void *context, const char *difference) {
    struct lines *lines = context;
    size_t size = strlen(lines->text);
    snprintf(lines->text + size, sizeof(lines->text) - size, "%s\n", difference);
}

struct comparison_result {
    struct lines lines;
    uint64_t compared, differences;
    size_t pages;
};

static struct comparison_result compare_all(struct sides *sides, struct side *side) {
    struct comparison_result result = {.compared = 0};
    size_t before = sides->etcd.ranges;
    check(sp_source_compare_all(&side->follower.link, add_line, &result.lines, &result.compared, &result.differences,
                                &side->error),
          &side->error);
    result.pages = sides->etcd.ranges - before;
    return result;
}

/* Records that etcd and the store do not have alike, all in one follower that missed them. */
static void make_differences(struct sides *sides, struct side *side) {
    const struct sp_bytes value = {(const uint8_t *)"x", 1};
    struct sp_bytes name = {NULL, 0};
    struct sp_source_key key = {.kind = SP_SOURCE_OTHER_KEY};
    begin_to_follow(&sides->side[0]);
    for (uint64_t user = 10; user < 20; user++)
        make_user(&sides->side[0], user);
    begin_to_follow(side);
    /* The last entity, another one before all, and a change of one in between. */
    struct sp_etcd_page page;
    const struct sp_etcd_range range = {.key = key_below(sides, "d/e/"), .end = key_below(sides, "d/e0")};
    check(sp_etcd_get(side->follower.link.etcd, &range, &sides->arena, &page, &side->error), &side->error);
    assert_true(page.count > 10);
    key = sp_source_read_key(SP_STR_LITERAL(SIDES_PREFIX), page.kvs[3].key);
    name = key.name;
    assert_int_equal(key.kind, SP_SOURCE_RECORD_KEY);
    assert_true(name.size > 0);
    (void)scripted_etcd_set(&sides->etcd, page.kvs[3].key, &value);
    (void)scripted_etcd_set(&sides->etcd, page.kvs[page.count - 1].key, NULL);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/e/!"), &value);
    /* The cursor moves over it, as if it had been applied. */
    sp_source_end_following(&side->follower);
    begin_to_follow(side);
    fake_clock_pass(1001);
    check(follow_once(side), &side->error);
}

static size_t count_lines(const char *text, const char *what) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void finds_the_same_differences_whatever_the_pages(void **state) {
    static const size_t page_sizes[] = {0, 2, 3, 5, 7}; /* with 1, no change is known to be complete */
    struct sides *sides = *state;
    struct side *side = &sides->side[1];
    struct comparison_result whole = {.compared = 0};
    make_differences(sides, side);
    for (size_t i = 0; i < sizeof(page_sizes) / sizeof(*page_sizes); i++) {
        sides->etcd.page_max = page_sizes[i];
        struct comparison_result result = compare_all(sides, side);
        assert_int_equal(result.differences, 3);
        assert_int_equal(count_lines(result.lines.text, "exists only in etcd"), 1);
        assert_int_equal(count_lines(result.lines.text, "exists only in the store"), 1);
        assert_int_equal(count_lines(result.lines.text, "differs"), 1);
        if (i == 0)
            whole = result;
        assert_string_equal(result.lines.text, whole.lines.text);
        assert_int_equal(result.compared, whole.compared);
        if (i > 0)
            assert_true(result.pages > whole.pages);
    }
}

static void asks_for_fewer_keys_where_an_answer_is_too_large(void **state) {
    struct sides *sides = *state;
    struct side *side = &sides->side[1];
    make_differences(sides, side);
    struct comparison_result whole = compare_all(sides, side);
    sides->etcd.exhausted_above = 4;
    struct comparison_result result = compare_all(sides, side);
    assert_string_equal(result.lines.text, whole.lines.text);
    assert_int_equal(result.compared, whole.compared);
}

static void a_listing_makes_the_same_store_whatever_the_pages(void **state) {
    static const size_t page_sizes[] = {2, 3, 5, 7};
    struct sides *sides = *state;
    struct side *side = &sides->side[1], *writer = &sides->side[0];
    begin_to_follow(writer);
    begin_to_follow(side);
    for (size_t i = 0; i < sizeof(page_sizes) / sizeof(*page_sizes); i++) {
        for (uint64_t user = 0; user < 5; user++)
            make_user(writer, 100 + 10 * i + user);
        side_lose_entity(side, SP_KIND_PRINCIPAL);
        sides->etcd.page_max = page_sizes[i];
        check(sp_source_list_all(&side->follower.link, &side->error), &side->error);
        assert_equals_etcd(side);
    }
}

static void a_listing_that_does_not_add_up_is_refused_whatever_the_pages(void **state) {
    static const size_t page_sizes[] = {2, 3, 5, 7};
    struct sides *sides = *state;
    struct side *side = &sides->side[1], *empty = &sides->side[2];
    make_differences(sides, side);
    size_t entities = count_records(side, SP_REPLICA_ENTITY);
    for (size_t i = 0; i < sizeof(page_sizes) / sizeof(*page_sizes); i++) {
        sides->etcd.page_max = page_sizes[i];
        assert_int_equal(sp_source_list_all(&side->follower.link, &side->error), SP_ERR_PRECONDITION);
        assert_said(side, "do not add up");
        assert_int_equal(count_records(side, SP_REPLICA_ENTITY), entities);
        assert_int_equal(sp_source_list_all(&empty->follower.link, &empty->error), SP_ERR_PRECONDITION);
        assert_int_equal(revision_of(empty).number, 0);
        assert_false(state_of(empty).filled);
    }
    /* For a report it is read as it is. */
    empty->shared.inspect_only = true;
    check(sp_source_list_all(&empty->follower.link, &empty->error), &empty->error);
    assert_int_equal(state_of(empty).unreadable, 2);
}

static void a_revision_that_was_compacted_away_cannot_be_compared(void **state) {
    struct sides *sides = *state;
    struct side *side = &sides->side[1];
    uint64_t compared = 7, differences = 7;
    begin_to_follow(&sides->side[0]);
    begin_to_follow(side);
    make_user(&sides->side[0], 10);
    scripted_etcd_compact(&sides->etcd);
    assert_int_equal(sp_source_compare_all(&side->follower.link, NULL, NULL, &compared, &differences, &side->error),
                     SP_ERR_OUT_OF_RANGE);
    assert_int_equal(compared, 7);
    assert_int_equal(
        sp_source_compare_all(&sides->side[2].follower.link, NULL, NULL, &compared, &differences, &side->error),
        SP_ERR_NOT_FOUND);
}

static void a_stop_ends_a_comparison(void **state) {
    struct sides *sides = *state;
    struct side *side = &sides->side[1];
    uint64_t compared, differences;
    begin_to_follow(side);
    sp_source_request_stop(&side->shared);
    assert_int_equal(sp_source_compare_all(&side->follower.link, NULL, NULL, &compared, &differences, &side->error),
                     SP_ERR_CANCELLED);
}

/* ---- changes in parts ---- */

/* Changes 1, 2 and 3 in 2, 3 and 1 parts. */
static void put_parts(struct sides *sides) {
    static const uint32_t parts[] = {2, 3, 1};
    for (uint64_t change = 1; change <= 3; change++)
        for (uint32_t part = 0; part < parts[change - 1]; part++) {
            uint8_t number[8];
            sp_store_be64(number, change);
            char *text = sp_arena_printf(&sides->arena, "%d.%d ", (int)change, (int)part);
            const struct sp_bytes value = {(const uint8_t *)text, strlen(text)};
            (void)scripted_etcd_set(&sides->etcd,
                                    sp_source_record_key(SP_STR_LITERAL("/parts/"), SP_REPLICA_CHANGE,
                                                         (struct sp_bytes){number, 8}, part, &sides->arena),
                                    &value);
        }
}

/* Every change that the walk gives, in order, joined; and how it ended. */
static enum sp_status read_changes(struct sides *sides, struct sp_source_link *link, char *ret_text, size_t size) {
    struct sp_source_page_walk walk;
    struct sp_arena arena;
    struct sp_error error = {0};
    size_t at = 0;
    ret_text[0] = '\0';
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    assert_int_equal(sp_source_init_page_walk(&walk, link, sides->etcd.revision), SP_OK);
    enum sp_status status = sp_source_begin_space(&walk, SP_REPLICA_CHANGE, (struct sp_bytes){NULL, 0}, &error);
    while (status == SP_OK && walk.more) {
        status = sp_source_read_page(&walk, &arena, &error);
        for (size_t i = 0; status == SP_OK && i < walk.page.count; i++)
            at += (size_t)snprintf(ret_text + at, size - at, "%.*s|", (int)walk.page.items[i].value.size,
                                   (const char *)walk.page.items[i].value.data);
        if (status == SP_OK)
            status = sp_source_end_page(&walk, &error);
    }
    sp_source_fini_page_walk(&walk);
    sp_arena_fini(&arena);
    return status;
}

static void a_page_never_gives_part_of_a_change_for_all_of_it(void **state) {
    static const char all[] = "1.0 1.1 |2.0 2.1 2.2 |3.0 |";
    struct sides *sides = *state;
    struct sp_source_shared shared;
    char text[200];
    sp_source_init_shared(&shared, NULL, SP_STR_LITERAL("/parts/"), false);
    struct sp_source_link link = {.shared = &shared, .etcd = scripted_etcd_client(&sides->etcd)};
    put_parts(sides);
    for (size_t most = 4; most <= 7; most++) {
        sides->etcd.page_max = most;
        assert_int_equal(read_changes(sides, &link, text, sizeof(text)), SP_OK);
        assert_string_equal(text, all);
    }
    /* Answers that are too large make pages smaller than a change; then they grow again. */
    sides->etcd.page_max = 0;
    for (size_t most = 4; most <= 7; most++) {
        sides->etcd.exhausted_above = most;
        assert_int_equal(read_changes(sides, &link, text, sizeof(text)), SP_OK);
        assert_string_equal(text, all);
    }
    /* And where no page can hold one, the walk fails. */
    for (size_t most = 1; most <= 2; most++) {
        sides->etcd.exhausted_above = most;
        assert_int_equal(read_changes(sides, &link, text, sizeof(text)), SP_ERR_EXHAUSTED);
        sides->etcd.exhausted_above = 0;
        sides->etcd.page_max = most;
        assert_int_equal(read_changes(sides, &link, text, sizeof(text)), SP_ERR_EXHAUSTED);
        sides->etcd.page_max = 0;
    }
    sp_etcd_close(link.etcd);
    sp_source_fini_shared(&shared);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, sides_begin, sides_end)
    const struct CMUnitTest tests[] = {
        CASE(finds_the_same_differences_whatever_the_pages),
        CASE(asks_for_fewer_keys_where_an_answer_is_too_large),
        CASE(a_listing_makes_the_same_store_whatever_the_pages),
        CASE(a_listing_that_does_not_add_up_is_refused_whatever_the_pages),
        CASE(a_revision_that_was_compacted_away_cannot_be_compared),
        CASE(a_stop_ends_a_comparison),
        CASE(a_page_never_gives_part_of_a_change_for_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
