/* What the follower does with what etcd sends it. Side 0 makes the changes; side 1 follows. */
#include "etcd/kv.h"
#include "etcd/watch.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/sides.h"
#include "store/records/head.h"
#include "store/records/journal.h"
#include "store/replica/cursor.h"

static void fills_an_empty_store_and_then_follows(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    int64_t before_ms = sp_clock_monotonic_ms();
    assert_false(state_of(other).filled);
    assert_int_equal(state_of(other).age_ms, -1);
    begin_to_follow(other);
    assert_true(state_of(other).filled);
    assert_true(state_of(other).following);
    assert_true(state_of(other).reachable);
    assert_int_equal(state_of(other).lists, 1);
    assert_int_equal(state_of(other).age_ms, sp_clock_monotonic_ms() - before_ms);
    assert_equals_etcd(other);
    assert_int_equal(revision_of(other).number, revision_of(&sides->side[0]).number);
}

static unsigned announced;

static void count_announcement(void *user) {
    (void)user;
    announced++;
}

static void applies_events_in_order_and_each_once(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    announced = 0;
    other->follower.applied = count_announcement;
    for (uint64_t user = 10; user < 15; user++)
        make_user(writer, user);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY) + 5, count_records(writer, SP_REPLICA_ENTITY));
    check(follow_once(other), &other->error);
    assert_int_equal(announced, 1); /* all five came together */
    assert_int_equal(revision_of(other).number, revision_of(writer).number);
    assert_equals_etcd(other);
    /* A watch that begins earlier than it has to brings what is here already. */
    sp_source_end_following(&other->follower);
    assert_false(state_of(other).following);
    sides->etcd.rewind = 3;
    begin_to_follow(other);
    catch_up(other);
    assert_int_equal(announced, 1);
    assert_int_equal(state_of(other).lists, 1);
    assert_equals_etcd(other);
}

static void joins_the_fragments_of_an_answer(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    sides->etcd.fragment_events = 1;
    begin_users(writer, 10, 20);
    check(try_to_commit(writer), &writer->error);
    check(follow_once(other), &other->error);
    assert_int_equal(revision_of(other).number, revision_of(writer).number);
    assert_equals_etcd(other);
}

static void applies_nothing_of_an_answer_whose_last_fragment_is_missing(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    uint64_t before = revision_of(other).number;
    sides->etcd.fragment_events = 2;
    sides->etcd.lose_last_fragment = true;
    begin_users(writer, 10, 20);
    check(try_to_commit(writer), &writer->error);
    assert_int_equal(follow_once(other), SP_ERR_UNAVAILABLE);
    assert_said(other, "only part of an answer");
    assert_int_equal(revision_of(other).number, before);
    assert_false(other->follower.list_wanted);
    sp_source_end_following(&other->follower);
    sides->etcd.lose_last_fragment = false;
    begin_to_follow(other);
    catch_up(other);
    assert_equals_etcd(other);
    assert_int_equal(state_of(other).lists, 1);
}

static void a_watch_that_is_never_confirmed_is_trouble(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    sides->etcd.silent_watches = true;
    assert_int_equal(try_to_follow(other), SP_ERR_UNAVAILABLE);
    assert_said(other, "did not confirm a watch");
    assert_false(state_of(other).following);
}

/* ---- listing again ---- */

static void lists_again_when_what_it_missed_was_compacted_away(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    sp_source_end_following(&other->follower);
    make_user(writer, 10);
    make_user(writer, 11);
    scripted_etcd_compact(&sides->etcd);
    /* etcd confirms such a watch, and then ends it. */
    begin_to_follow(other);
    assert_int_equal(follow_once(other), SP_ERR_ABORTED);
    assert_said(other, "compacted");
    assert_true(other->follower.list_wanted);
    sp_source_end_following(&other->follower);
    begin_to_follow(other);
    assert_int_equal(state_of(other).lists, 2);
    assert_equals_etcd(other);
    assert_int_equal(sp_source_get_restored_epoch(&other->shared), 0);
}

static void checking_the_head_keeps_an_idle_store_ahead_of_a_compaction(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    const struct sp_bytes value = {(const uint8_t *)"x", 1};
    begin_to_follow(other);
    for (int i = 0; i < 5; i++)
        (void)scripted_etcd_set(&sides->etcd, (struct sp_bytes){(const uint8_t *)"/other", 6}, &value);
    fake_clock_pass(1000);
    catch_up(other);
    sp_source_end_following(&other->follower);
    scripted_etcd_compact(&sides->etcd);
    begin_to_follow(other);
    catch_up(other);
    assert_int_equal(state_of(other).lists, 1);
}

static void a_deleted_head_is_not_followed_until_there_is_one_again(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    begin_to_follow(other);
    struct sp_bytes key = key_below(sides, "d/head");
    struct sp_bytes value = scripted_etcd_get(&sides->etcd, key);
    uint8_t kept[512];
    assert_true(value.size > 0 && value.size <= sizeof(kept));
    memcpy(kept, value.data, value.size);
    (void)scripted_etcd_set(&sides->etcd, key, NULL);
    assert_int_equal(follow_once(other), SP_ERR_ABORTED);
    assert_said(other, "head in etcd was deleted");
    assert_true(other->follower.list_wanted);
    sp_source_end_following(&other->follower);
    size_t before = count_records(other, SP_REPLICA_ENTITY);
    assert_int_equal(try_to_follow(other), SP_ERR_NOT_FOUND);
    assert_said(other, "migrate --to");
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), before);
    (void)scripted_etcd_set(&sides->etcd, key, &(struct sp_bytes){kept, value.size});
    begin_to_follow(other);
    assert_int_equal(state_of(other).lists, 2);
    assert_equals_etcd(other);
}

static void a_head_that_cannot_be_read_changes_nothing(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    const struct sp_bytes garbage = {(const uint8_t *)"\12\377garbage", 9};
    begin_to_follow(other);
    uint64_t before = revision_of(other).number;
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "d/head"), &garbage);
    assert_int_equal(follow_once(other), SP_ERR_INVALID);
    assert_said(other, "cannot read the head");
    assert_int_equal(revision_of(other).number, before);
}

static void lists_another_cluster_although_its_revisions_look_alike(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    begin_to_follow(other);
    sp_source_end_following(&other->follower);
    scripted_etcd_set_cluster(&sides->etcd, 78);
    assert_int_equal(try_to_follow(other), SP_ERR_ABORTED);
    assert_said(other, "a different etcd cluster");
    begin_to_follow(other);
    assert_int_equal(state_of(other).lists, 2);
}

static void a_restored_etcd_is_listed_and_a_new_epoch_wanted(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    make_user(writer, 10);
    uint64_t backup = sides->etcd.revision;
    size_t entities = count_records(writer, SP_REPLICA_ENTITY);
    begin_to_follow(other);
    make_user(writer, 11);
    catch_up(other);
    struct sp_revision lost = revision_of(other);
    sp_source_end_following(&other->follower);
    scripted_etcd_restore(&sides->etcd, backup);
    assert_int_equal(try_to_follow(other), SP_ERR_ABORTED);
    assert_said(other, "restored from a backup");
    begin_to_follow(other);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), entities);
    assert_equals_etcd(other);
    assert_int_equal(sp_source_get_restored_epoch(&other->shared), lost.epoch);
    /* Its writer begins it. */
    struct sp_arena arena;
    struct sp_error error = {0};
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    check(sp_source_write_restored_epoch(&other->writer, &arena, &error), &error);
    uint64_t begun = revision_of(other).epoch;
    assert_true(begun > lost.epoch);
    assert_int_equal(sp_source_get_restored_epoch(&other->shared), 0);
    sp_arena_fini(&arena);
    /* And the first side, whose newest change is gone, takes both over. */
    sp_source_end_following(&writer->follower);
    assert_int_equal(try_to_follow(writer), SP_ERR_ABORTED);
    begin_to_follow(writer);
    assert_int_equal(revision_of(writer).epoch, begun);
    assert_int_equal(sp_source_get_restored_epoch(&writer->shared), 0);
    assert_equals_etcd(writer);
}

static void a_change_that_does_not_fit_the_chain_is_not_applied(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    uint64_t before = revision_of(other).number;
    make_user(writer, 10);
    make_user(writer, 11);
    /* The watch loses the first of both. */
    struct sp_replica_cursor cursor;
    Sallyport__Store__V1__SourceHead *head = NULL;
    check(sp_source_read_newest_cursor(writer->world.store, &sides->arena, &cursor, &head, &writer->error),
          &writer->error);
    sp_source_end_following(&other->follower);
    struct sp_etcd_watch *watch = NULL;
    struct sp_bytes key = key_below(sides, "d/");
    check(sp_etcd_watch_open(other->follower.link.etcd, key, sp_etcd_prefix_end(key, &sides->arena),
                             cursor.head_revision, &watch, &other->error),
          &other->error);
    other->follower.watch = watch;
    assert_int_equal(follow_once(other), SP_ERR_ABORTED);
    assert_true(other->follower.list_wanted);
    assert_int_equal(revision_of(other).number, before);
    sp_source_end_following(&other->follower);
    begin_to_follow(other);
    assert_equals_etcd(other);
}

/* ---- time ---- */

static void a_stale_head_does_not_count_as_being_in_step(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    uint64_t stale = sides->etcd.revision;
    make_user(writer, 10);
    sides->etcd.stale_revision = stale;
    int64_t age_ms = state_of(writer).age_ms;
    fake_clock_pass(1500);
    check(follow_once(writer), &writer->error);
    assert_true(state_of(writer).age_ms >= age_ms + 1500);
    assert_false(writer->follower.list_wanted);
    sides->etcd.stale_revision = 0;
    fake_clock_pass(1500);
    catch_up(writer);
    assert_true(state_of(writer).age_ms <= 1000);
}

/* The writer of the same store is first to its lock. */
static void make_a_user_meanwhile(void *context) {
    make_user(context, 77);
}

static void a_change_that_is_made_while_the_head_is_asked_for_lists_nothing(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    make_user(writer, 10);
    catch_up(writer);
    sp_source_end_following(&writer->follower);
    uint64_t before = revision_of(writer).number;
    sides->etcd.after_range = make_a_user_meanwhile;
    sides->etcd.context = writer;
    begin_to_follow(writer);
    assert_false(writer->follower.list_wanted);
    assert_int_equal(state_of(writer).lists, 0);
    assert_int_equal(revision_of(writer).number, before + 1);
    assert_int_equal(state_of(writer).age_ms, 0); /* it was asked again at once */
    catch_up(writer);
    assert_equals_etcd(writer);
}

static void a_change_that_is_made_while_a_listing_begins_is_kept(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    sp_source_end_following(&writer->follower);
    uint64_t before = revision_of(writer).number;
    writer->follower.list_wanted = true;
    sides->etcd.after_range = make_a_user_meanwhile;
    sides->etcd.context = writer;
    begin_to_follow(writer);
    assert_int_equal(state_of(writer).lists, 1);
    assert_int_equal(revision_of(writer).number, before + 1);
    assert_int_equal(sp_source_get_restored_epoch(&writer->shared), 0);
    assert_equals_etcd(writer);
}

static void a_watch_that_makes_no_progress_is_replaced_after_ten_seconds(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    make_user(writer, 10);
    /* Each time the check of the head is due before the watch is read. */
    int passed_s = 0;
    enum sp_status status = SP_OK;
    for (; status == SP_OK && passed_s < 60; passed_s++) {
        fake_clock_pass(1001);
        status = follow_once(other);
    }
    assert_int_equal(status, SP_ERR_UNAVAILABLE);
    assert_said(other, "makes no progress");
    assert_in_range(passed_s, 10, 11);
}

static void etcd_counts_as_reachable_for_three_seconds(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    begin_to_follow(other);
    sides->etcd.unreachable = true;
    fake_clock_pass(1000);
    assert_int_equal(follow_once(other), SP_ERR_UNAVAILABLE);
    assert_said(other, "script:1");
    sp_source_end_following(&other->follower);
    assert_false(state_of(other).following);
    assert_true(state_of(other).reachable);
    fake_clock_pass(2001);
    assert_false(state_of(other).reachable);
    assert_true(state_of(other).filled);
    assert_true(state_of(other).age_ms >= 3001);
    assert_int_equal(try_to_follow(other), SP_ERR_UNAVAILABLE);
    sides->etcd.unreachable = false;
    begin_to_follow(other);
    assert_true(state_of(other).reachable);
    assert_int_equal(state_of(other).lists, 1);
}

static void await_comparison(struct side *side) {
    fake_clock_pass(3600 * 1000);
    check(follow_once(side), &side->error);
}

static void compares_when_due_and_lists_only_if_the_store_is_wrong(void **state) {
    struct sides *sides = *state;
    struct side *other = &sides->side[1];
    other->follower.compare_every_s = 3600;
    other->follower.compare_due_ms = sp_clock_monotonic_ms() + 3600 * 1000;
    begin_to_follow(other);
    /* Nothing but a comparison notices what changes without a head while nobody watches. */
    struct sp_bytes key = key_below(sides, "d/e/\1nobody");
    const struct sp_bytes value = {(const uint8_t *)"x", 1};
    sp_source_end_following(&other->follower);
    (void)scripted_etcd_set(&sides->etcd, key, &value);
    fake_clock_pass(1000);
    begin_to_follow(other); /* the check moves the cursor over it */
    assert_int_equal(state_of(other).differences, 0);
    fake_clock_pass(1001);
    check(follow_once(other), &other->error);
    assert_int_equal(state_of(other).differences, 0);
    await_comparison(other);
    assert_int_equal(state_of(other).differences, 1);
    assert_false(other->follower.list_wanted); /* the store is what the head says */
    assert_true(other->follower.compare_due_ms > sp_clock_monotonic_ms() + 3500 * 1000);
    /* An entity that the store has lost is listed again. */
    (void)scripted_etcd_set(&sides->etcd, key, NULL);
    side_lose_entity(other, SP_KIND_PRINCIPAL);
    await_comparison(other);
    assert_int_equal(state_of(other).differences, 3); /* the entity, and the sum of all */
    assert_true(other->follower.list_wanted);
    sp_source_end_following(&other->follower);
    begin_to_follow(other);
    assert_equals_etcd(other);
}

/* ---- large changes ---- */

static void a_staged_change_is_applied_at_once_and_its_folding_changes_nothing(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    size_t before = count_records(other, SP_REPLICA_ENTITY);
    begin_users(writer, 1000, 300);
    check(try_to_commit(writer), &writer->error);
    /* Made, folded, and all parts gone: the watch brings all of that. */
    assert_int_equal(scripted_etcd_count(&sides->etcd, SIDES_PREFIX "s/"), 0);
    catch_up(other);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), before + 300);
    assert_int_equal(state_of(other).lists, 1);
    assert_equals_etcd(other);
}

static void cut_off(void *context) {
    struct scripted_etcd *etcd = context;
    if (--etcd->page_max == 0)
        etcd->lost_transactions = 1000;
    else
        etcd->before_transaction = cut_off;
}

static void a_listing_reads_a_staged_change_over_its_places(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_users(writer, 1000, 300);
    /* Its writer is cut off after the head: a part, and the head, were sent. */
    sides->etcd.page_max = 3;
    sides->etcd.context = &sides->etcd;
    sides->etcd.before_transaction = cut_off;
    check(try_to_commit(writer), &writer->error);
    sides->etcd.page_max = 0;
    sides->etcd.lost_transactions = 0;
    assert_true(scripted_etcd_count(&sides->etcd, SIDES_PREFIX "s/") > 0);
    assert_true(scripted_etcd_count(&sides->etcd, SIDES_PREFIX "d/e/") + 300 ==
                count_records(writer, SP_REPLICA_ENTITY));
    begin_to_follow(other);
    assert_int_equal(count_records(other, SP_REPLICA_ENTITY), count_records(writer, SP_REPLICA_ENTITY));
    uint64_t compared, differences;
    assert_int_equal(sp_source_compare_all(&other->follower.link, NULL, NULL, &compared, &differences, &other->error),
                     SP_ERR_ABORTED);
    /* Another instance's writer folds it before its next change. */
    begin_change(other);
    world_put_user(&other->world, 1, 10, false, false);
    assert_int_equal(try_to_commit(other), SP_ERR_ABORTED);
    assert_true(sp_source_await_winner(&other->writer, 0));
    assert_int_equal(scripted_etcd_count(&sides->etcd, SIDES_PREFIX "s/"), 0);
    make_user(other, 10);
    catch_up(writer);
    assert_equals_etcd(writer);
    assert_equals_etcd(other);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, sides_begin, sides_end)
    const struct CMUnitTest tests[] = {
        CASE(fills_an_empty_store_and_then_follows),
        CASE(applies_events_in_order_and_each_once),
        CASE(joins_the_fragments_of_an_answer),
        CASE(applies_nothing_of_an_answer_whose_last_fragment_is_missing),
        CASE(a_watch_that_is_never_confirmed_is_trouble),
        CASE(lists_again_when_what_it_missed_was_compacted_away),
        CASE(checking_the_head_keeps_an_idle_store_ahead_of_a_compaction),
        CASE(a_deleted_head_is_not_followed_until_there_is_one_again),
        CASE(a_head_that_cannot_be_read_changes_nothing),
        CASE(lists_another_cluster_although_its_revisions_look_alike),
        CASE(a_restored_etcd_is_listed_and_a_new_epoch_wanted),
        CASE(a_change_that_does_not_fit_the_chain_is_not_applied),
        CASE(a_stale_head_does_not_count_as_being_in_step),
        CASE(a_change_that_is_made_while_the_head_is_asked_for_lists_nothing),
        CASE(a_change_that_is_made_while_a_listing_begins_is_kept),
        CASE(a_watch_that_makes_no_progress_is_replaced_after_ten_seconds),
        CASE(etcd_counts_as_reachable_for_three_seconds),
        CASE(compares_when_due_and_lists_only_if_the_store_is_wrong),
        CASE(a_staged_change_is_applied_at_once_and_its_folding_changes_nothing),
        CASE(a_listing_reads_a_staged_change_over_its_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
