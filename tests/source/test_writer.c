/* What becomes of changes: side 0 and side 1 both make them, over one etcd. */
#include "etcd/kv.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/records.h"
#include "source/sides.h"
#include "source/write/stage.h"
#include "store/records/changeset.h"
#include "store/records/head.h"
#include "store/records/journal.h"
#include "store/records/write.h"

static void follow_both(struct sides *sides) {
    for (int i = 0; i < 2; i++)
        begin_to_follow(&sides->side[i]);
}

/* ---- one change ---- */

static void a_change_is_in_etcd_before_it_is_in_the_store(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    uint64_t before = sides->etcd.revision;
    make_user(writer, 10);
    assert_int_equal(sides->etcd.revision, before + 1); /* one transaction */
    assert_equals_etcd(writer);
    check(sp_source_await_store(&writer->writer, 0, &writer->error), &writer->error);
}

static void refuses_to_begin_without_etcd_and_says_that_nothing_was_changed(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    size_t transactions = sides->etcd.transactions;
    assert_int_equal(try_to_begin_change(writer), SP_ERR_UNAVAILABLE);
    assert_said(writer, "cannot reach etcd; nothing was changed");
    begin_to_follow(writer);
    sp_source_set_followed(&writer->shared, true);
    sp_source_set_following(&writer->shared, false);
    assert_int_equal(try_to_begin_change(writer), SP_ERR_UNAVAILABLE);
    assert_said(writer, "still catching up");
    sp_source_set_following(&writer->shared, true);
    sp_source_set_unreadable(&writer->shared, 2);
    assert_int_equal(try_to_begin_change(writer), SP_ERR_PRECONDITION);
    assert_said(writer, "cannot read 2 entities");
    sp_source_set_unreadable(&writer->shared, 0);
    writer->shared.follow_only = true;
    assert_int_equal(try_to_begin_change(writer), SP_ERR_PRECONDITION);
    assert_said(writer, "only follows etcd");
    assert_int_equal(sides->etcd.transactions, transactions);
}

static void read_only_credentials_are_a_precondition(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    uint64_t before = revision_of(writer).number;
    sides->etcd.read_only = true;
    begin_users(writer, 10, 1);
    assert_int_equal(try_to_commit(writer), SP_ERR_PRECONDITION);
    assert_said(writer, "etcd credentials are read-only here");
    assert_int_equal(revision_of(writer).number, before);
}

/* ---- what etcd takes ---- */

static void small_transactions_are_learnt_and_larger_changes_written_in_parts(void **state) {
    static const size_t limits[] = {2, 3, 16, 50, 120, 121, 128};
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    begin_to_follow(writer);
    begin_to_follow(other);
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        sides->etcd.max_operations = limits[i];
        writer->writer.link.txn_operations = 0;
        make_user(writer, 1000 * (i + 1));
        assert_int_equal(writer->writer.link.txn_operations, limits[i] < 121 ? limits[i] - 1 : 120);
        /* As an import: the fold must not exceed it either. */
        begin_users(writer, 1000 * (i + 1) + 1, 150);
        check(try_to_commit(writer), &writer->error);
        make_user(writer, 1000 * (i + 1) + 200);
        catch_up(other);
        assert_equals_etcd(other);
        assert_int_equal(revision_of(other).number, revision_of(writer).number);
    }
    assert_int_equal(scripted_etcd_count(&sides->etcd, SIDES_PREFIX "probe/"), 0);
    sides->etcd.max_operations = 1;
    writer->writer.link.txn_operations = 0;
    assert_int_equal(try_to_begin_change(writer), SP_ERR_PRECONDITION);
    assert_said(writer, "--max-txn-ops");
}

static void a_limit_that_is_lowered_meanwhile_costs_one_more_try(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    make_user(writer, 10);
    sides->etcd.max_operations = 16;
    begin_users(writer, 11, 50);
    assert_int_equal(try_to_commit(writer), SP_ERR_ABORTED);
    assert_true(sp_source_await_winner(&writer->writer, 0));
    assert_int_equal(writer->writer.link.txn_operations, 15);
    begin_users(writer, 11, 50);
    check(try_to_commit(writer), &writer->error);
    assert_equals_etcd(writer);
}

static void a_change_that_etcd_finds_too_large_is_refused_for_good(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    sides->etcd.max_bytes = 4096;
    writer->writer.link.for_callers = true;
    begin_users(writer, 10, 50);
    assert_int_equal(try_to_commit(writer), SP_ERR_PRECONDITION);
    assert_said(writer, "exceeds etcd's limits for one transaction");
    sides->etcd.max_bytes = 0;
    make_user(writer, 10);
}

static void an_upload_says_which_limits_are_too_small(void **state) {
    struct sides *sides = *state;
    struct world world = {.path = ""};
    const struct sp_source_options options = {.url = "etcd://script:1/other/", .transport = &sides->etcd.transport};
    struct sp_source *source = NULL;
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    world_init(&world);
    check(sp_source_open_for_upload(&options, world.store, &source, &error), &error);
    check(sp_write_begin(world.store, &write, &error), &error);
    sides->etcd.max_bytes = 1 << 20;
    assert_int_equal(sp_source_upload(source, write, &error), SP_ERR_PRECONDITION);
    assert_non_null(strstr(error.message, "--max-request-bytes"));
    sides->etcd.max_bytes = 0;
    sides->etcd.max_operations = 4;
    check(sp_source_upload(source, write, &error), &error);
    sp_write_abort(write);
    sp_source_close(source);
    world_fini(&world);
}

static void near_etcd_s_quota_there_is_little_room(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    sides->etcd.quota_bytes = 3200;
    sides->etcd.size_bytes = 3099;
    make_user(writer, 10);
    assert_false(sp_source_get_little_room(&writer->shared));
    sides->etcd.size_bytes = 3100;
    fake_clock_pass(1000);
    make_user(writer, 11);
    assert_true(sp_source_get_little_room(&writer->shared));
    sides->etcd.size_bytes = 1000;
    fake_clock_pass(1000);
    make_user(writer, 12);
    assert_false(sp_source_get_little_room(&writer->shared));
}

static void part_of_a_refused_change_is_never_sent(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    struct sp_revision revision;
    begin_to_follow(writer);
    uint64_t before = sides->etcd.revision;
    size_t transactions = sides->etcd.transactions;
    begin_users(writer, 10, 1);
    uint64_t operations = sp_write_operations(writer->world.write);
    check(sp_changeset_apply(writer->world.write, writer->world.set, &revision, &writer->error), &writer->error);
    assert_false(sp_write_refuse(writer->world.write, operations));
    assert_int_equal(sp_source_commit_change(&writer->writer, writer->world.write, &writer->error), SP_ERR_INTERNAL);
    assert_int_equal(sides->etcd.revision, before);
    assert_int_equal(sides->etcd.transactions, transactions);
    assert_equals_etcd(writer);
    make_user(writer, 11);
}

/* ---- answers that do not come ---- */

static void a_change_whose_answer_was_lost_counts_as_made(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    sides->etcd.lost_replies = 1;
    uint64_t before = sides->etcd.revision;
    make_user(writer, 10);
    assert_int_equal(sides->etcd.revision, before + 1); /* once */
    assert_equals_etcd(writer);
}

static void a_change_that_was_lost_is_sent_again(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    sides->etcd.lost_transactions = 1;
    make_user(writer, 10);
    assert_equals_etcd(writer);
}

static void a_change_of_unknown_fate_says_so_and_the_store_learns_it_from_the_watch(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    uint64_t before = revision_of(writer).number;
    sides->etcd.lost_replies = 2;
    begin_users(writer, 10, 1);
    assert_int_equal(try_to_commit(writer), SP_ERR_UNAVAILABLE);
    assert_said(writer, "may or may not have been made");
    assert_said(writer, "request_id");
    assert_int_equal(revision_of(writer).number, before);
    catch_up(writer);
    assert_int_equal(revision_of(writer).number, before + 1);
    assert_equals_etcd(writer);
}

/* ---- races ---- */

static void the_second_of_two_changes_is_made_after_the_first_was_applied(void **state) {
    struct sides *sides = *state;
    struct side *first = &sides->side[0], *second = &sides->side[1];
    follow_both(sides);
    begin_users(second, 20, 1);
    make_user(first, 10);
    assert_int_equal(try_to_commit(second), SP_ERR_ABORTED);
    assert_said(second, "another change was made first");
    int64_t before_ms = sp_clock_monotonic_ms();
    assert_false(sp_source_await_winner(&second->writer, 500));
    assert_int_equal(sp_clock_monotonic_ms() - before_ms, 500);
    catch_up(second);
    assert_true(sp_source_await_winner(&second->writer, 500));
    assert_int_equal(state_of(second).lost_races, 2);
    assert_int_equal(state_of(first).lost_races, 0);
    make_user(second, 20);
    catch_up(first);
    for (int i = 0; i < 2; i++)
        assert_equals_etcd(&sides->side[i]);
}

static void a_refusal_is_judged_by_the_newest_state(void **state) {
    struct sides *sides = *state;
    struct side *first = &sides->side[0], *second = &sides->side[1];
    follow_both(sides);
    begin_change(second);
    check(sp_source_commit_change(&second->writer, second->world.write, &second->error), &second->error);
    begin_change(second);
    make_user(first, 10);
    assert_int_equal(sp_source_commit_change(&second->writer, second->world.write, &second->error), SP_ERR_ABORTED);
    assert_said(second, "behind etcd");
    catch_up(second);
    assert_true(sp_source_await_winner(&second->writer, 0));
}

static void win_the_race(void *context) {
    make_user(context, 10);
}

static void what_was_staged_for_a_lost_race_is_removed(void **state) {
    struct sides *sides = *state;
    struct side *first = &sides->side[0], *second = &sides->side[1];
    follow_both(sides);
    begin_users(second, 1000, 300);
    sides->etcd.context = first;
    sides->etcd.before_transaction = win_the_race;
    assert_int_equal(try_to_commit(second), SP_ERR_ABORTED);
    assert_int_equal(scripted_etcd_count(&sides->etcd, SIDES_PREFIX "s/"), 0);
    catch_up(second);
    for (int i = 0; i < 2; i++)
        assert_equals_etcd(&sides->side[i]);
}

static void a_command_waits_for_the_store_no_longer_than_it_was_told(void **state) {
    struct sides *sides = *state;
    struct side *first = &sides->side[0], *second = &sides->side[1];
    assert_int_equal(sp_source_await_store(&second->writer, 1000, &second->error), SP_ERR_UNAVAILABLE);
    follow_both(sides);
    check(sp_source_await_store(&second->writer, 0, &second->error), &second->error);
    make_user(first, 10);
    int64_t before_ms = sp_clock_monotonic_ms();
    assert_int_equal(sp_source_await_store(&second->writer, 1000, &second->error), SP_ERR_UNAVAILABLE);
    assert_said(second, "behind etcd");
    assert_in_range(sp_clock_monotonic_ms() - before_ms, 1000, 1100);
    catch_up(second);
    check(sp_source_await_store(&second->writer, 1000, &second->error), &second->error);
}

/* ---- cleaning ---- */

static void clean(struct side *side) {
    const struct sp_replica_record none = {.deleted = false};
    sp_source_note_reached(&side->shared);
    sp_source_clean(&side->writer.link, &side->writer.cleaner, &none, 0);
}

static size_t count_staged(struct sides *sides) {
    return scripted_etcd_count(&sides->etcd, SIDES_PREFIX "s/");
}

static void lose_what_follows(void *context) {
    struct scripted_etcd *etcd = context;
    etcd->lost_transactions = 1000;
}

static void parts_whose_writer_died_go_after_ten_minutes(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    struct sp_source_operations operations = {.arena = &sides->arena};
    Sallyport__Store__V1__StagedChange *staged = NULL;
    struct sp_etcd_compare last;
    begin_to_follow(writer);
    assert_int_equal(sp_source_add_operation(&operations, (struct sp_etcd_operation){.key = key_below(sides, "d/x")}),
                     SP_OK);
    check(sp_source_stage(&writer->writer.link, &operations, &sides->arena, &staged, &last, &writer->error),
          &writer->error);
    assert_int_equal(count_staged(sides), 1);
    clean(writer);
    assert_int_equal(count_staged(sides), 1);
    fake_clock_pass(599 * 1000);
    clean(writer);
    assert_int_equal(count_staged(sides), 1);
    fake_clock_pass(2 * 1000);
    clean(writer); /* it cleans once a minute */
    assert_int_equal(count_staged(sides), 1);
    fake_clock_pass(60 * 1000);
    writer->shared.follow_only = true;
    clean(writer);
    assert_int_equal(count_staged(sides), 1);
    writer->shared.follow_only = false;
    clean(writer);
    assert_int_equal(count_staged(sides), 0);
}

static void a_malformed_part_goes_at_once(void **state) {
    struct sides *sides = *state;
    struct sp_bytes malformed = {(const uint8_t *)"\x0a\xff", 2};
    begin_to_follow(&sides->side[0]);
    (void)scripted_etcd_set(&sides->etcd, key_below(sides, "s/part"), &malformed);
    assert_int_equal(count_staged(sides), 1);
    clean(&sides->side[0]);
    assert_int_equal(count_staged(sides), 0);
}

static void parts_that_the_head_names_stay_however_old(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    begin_to_follow(writer);
    begin_users(writer, 1000, 300);
    struct sp_revision revision;
    check(sp_changeset_apply(writer->world.write, writer->world.set, &revision, &writer->error), &writer->error);
    sp_arena_reset(&writer->writer.outgoing);
    check(sp_source_publish(&writer->writer.link, writer->world.write, &writer->writer.outgoing,
                            &writer->writer.pending, &writer->error),
          &writer->error);
    check(sp_write_commit(writer->world.write, &writer->error), &writer->error);
    size_t parts = count_staged(sides);
    assert_true(parts > 0);
    fake_clock_pass(3600 * 1000);
    clean(writer);
    assert_int_equal(count_staged(sides), parts);
    /* Its writer folds it before its next change; a fold that fails is tried again by the next. */
    assert_true(writer->writer.pending.fold_wanted);
    sides->etcd.context = &sides->etcd;
    sides->etcd.before_transaction = lose_what_follows;
    assert_int_equal(try_to_begin_change(writer), SP_ERR_UNAVAILABLE);
    sides->etcd.lost_transactions = 0;
    begin_users(writer, 10, 1);
    assert_int_equal(try_to_commit(writer), SP_ERR_ABORTED);
    (void)sp_source_await_winner(&writer->writer, 0);
    assert_int_equal(count_staged(sides), 0);
    make_user(writer, 10);
    assert_equals_etcd(writer);
}

static void expired_requests_and_trimmed_changes_go_from_etcd_too(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0];
    uint8_t digest[32] = {1};
    const struct sp_bytes value = {(const uint8_t *)"x", 1};
    const struct sp_replica_record expired[] = {
        {.space = SP_REPLICA_REQUEST, .key = {digest, sizeof(digest)}, .deleted = true},
        {.space = SP_REPLICA_ENTITY, .key = {digest, sizeof(digest)}, .deleted = true}, /* not its business */
    };
    begin_to_follow(writer);
    struct sp_bytes request =
        sp_source_record_key(SP_STR_LITERAL(SIDES_PREFIX), SP_REPLICA_REQUEST, expired[0].key, 0, &sides->arena);
    struct sp_bytes entity =
        sp_source_record_key(SP_STR_LITERAL(SIDES_PREFIX), SP_REPLICA_ENTITY, expired[1].key, 0, &sides->arena);
    (void)scripted_etcd_set(&sides->etcd, request, &value);
    (void)scripted_etcd_set(&sides->etcd, entity, &value);
    sides->etcd.unreachable = true;
    fake_clock_pass(5000);
    sp_source_clean(&writer->writer.link, &writer->writer.cleaner, expired, 2);
    assert_non_null(scripted_etcd_get(&sides->etcd, request).data);
    sides->etcd.unreachable = false;
    sp_source_note_reached(&writer->shared);
    sp_source_clean(&writer->writer.link, &writer->writer.cleaner, expired, 2);
    assert_null(scripted_etcd_get(&sides->etcd, request).data);
    assert_non_null(scripted_etcd_get(&sides->etcd, entity).data);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, sides_begin, sides_end)
    const struct CMUnitTest tests[] = {
        CASE(a_change_is_in_etcd_before_it_is_in_the_store),
        CASE(refuses_to_begin_without_etcd_and_says_that_nothing_was_changed),
        CASE(read_only_credentials_are_a_precondition),
        CASE(small_transactions_are_learnt_and_larger_changes_written_in_parts),
        CASE(a_limit_that_is_lowered_meanwhile_costs_one_more_try),
        CASE(a_change_that_etcd_finds_too_large_is_refused_for_good),
        CASE(an_upload_says_which_limits_are_too_small),
        CASE(near_etcd_s_quota_there_is_little_room),
        CASE(part_of_a_refused_change_is_never_sent),
        CASE(a_change_whose_answer_was_lost_counts_as_made),
        CASE(a_change_that_was_lost_is_sent_again),
        CASE(a_change_of_unknown_fate_says_so_and_the_store_learns_it_from_the_watch),
        CASE(the_second_of_two_changes_is_made_after_the_first_was_applied),
        CASE(a_refusal_is_judged_by_the_newest_state),
        CASE(what_was_staged_for_a_lost_race_is_removed),
        CASE(a_command_waits_for_the_store_no_longer_than_it_was_told),
        CASE(parts_whose_writer_died_go_after_ten_minutes),
        CASE(a_malformed_part_goes_at_once),
        CASE(parts_that_the_head_names_stay_however_old),
        CASE(expired_requests_and_trimmed_changes_go_from_etcd_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
