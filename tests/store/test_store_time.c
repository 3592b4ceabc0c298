/* The time that a store has seen pass, with a clock that the test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/records/change.h"
#include "store/records/create.h"
#include "store/records/snapshot.h"
#include "store/records/store_time.h"
#include "store/records/write.h"
#include "support/fake_clock.h"
#include "support/process.h"
#include "support/store_world.h"

enum { DAY_S = SP_STORE_TIME_DAY_S };

static void open_world(struct world *world) {
    struct sp_error error = {0};
    const struct sp_store_create_options create = {
        .schema_yaml = sp_str_from(world_schema), .key_prefix = SP_STR_LITERAL("sp_"), .now_s = sp_clock_now_s()};
    *world = (struct world){.store = NULL};
    folder_make(world->path);
    assert_int_equal(sp_store_create(world->path, &create, &error), SP_OK);
    assert_int_equal(sp_store_open(world->path, &(struct sp_store_options){.mode = SP_STORE_WRITE, .no_sync = true},
                                   &world->store, &error),
                     SP_OK);
}

static void begin(struct world *world) {
    fake_clock_start();
    open_world(world);
}

static void end(struct world *world) {
    sp_store_close(world->store);
    folder_remove(world->path);
    fake_clock_end();
}

static int64_t store_time(struct world *world) {
    struct sp_snapshot *snapshot;
    int64_t time_s = 0;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_store_time(sp_snapshot_view(snapshot), sp_clock_now_s(), &time_s), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return time_s;
}

static int64_t floor_time(struct world *world, int64_t now_s) {
    struct sp_snapshot *snapshot;
    int64_t time_s = 0;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_floor_time(sp_snapshot_view(snapshot), now_s, &time_s), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return time_s;
}

static void commit_something(struct world *world) {
    struct sp_write *write;
    struct sp_error error = {0};
    assert_int_equal(sp_write_begin(world->store, &write, &error), SP_OK);
    assert_int_equal(sp_write_meta(write, "test", sp_bytes_of_str(SP_STR_LITERAL("x"))), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

/* As if the machine had been started again since the last commit. */
static void pretend_reboot(struct world *world) {
    struct sp_write *write;
    struct sp_error error = {0};
    static const uint8_t other[SP_CLOCK_BOOT_ID_BYTES + 8] = {1};
    assert_int_equal(sp_write_begin(world->store, &write, &error), SP_OK);
    assert_int_equal(sp_write_meta(write, "boot", (struct sp_bytes){other, sizeof(other)}), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

static void moves_with_the_clock(void **state) {
    struct world *world = *state;
    begin(world);
    int64_t began_s = sp_clock_now_s();
    assert_int_equal(store_time(world), began_s);
    fake_clock_pass(3 * DAY_S * INT64_C(1000));
    assert_int_equal(store_time(world), began_s + 3 * DAY_S);
    assert_int_equal(floor_time(world, began_s), began_s);
    commit_something(world);
    assert_int_equal(floor_time(world, began_s), began_s + 3 * DAY_S);
    end(world);
}

static void never_goes_back(void **state) {
    struct world *world = *state;
    begin(world);
    int64_t began_s = sp_clock_now_s();
    fake_clock_jump(-DAY_S);
    commit_something(world);
    assert_int_equal(store_time(world), began_s);
    assert_int_equal(floor_time(world, sp_clock_now_s()), began_s);
    assert_int_equal(floor_time(world, began_s + 5), began_s + 5);
    end(world);
}

static void a_clock_that_jumps_ahead_for_a_minute_moves_it_by_two(void **state) {
    struct world *world = *state;
    begin(world);
    int64_t began_s = sp_clock_now_s();
    fake_clock_jump(500 * DAY_S);
    for (int i = 0; i < 600; i++) {
        fake_clock_pass(100);
        commit_something(world);
    }
    fake_clock_jump(-500 * DAY_S);
    assert_true(store_time(world) <= began_s + 120);
    assert_true(store_time(world) >= began_s + 60);
    end(world);
}

static void catches_up_at_two_seconds_a_second(void **state) {
    struct world *world = *state;
    begin(world);
    fake_clock_jump(10 * DAY_S);
    for (int i = 0; i < 240; i++) {
        fake_clock_pass(3600 * 1000);
        commit_something(world);
    }
    assert_int_equal(store_time(world), sp_clock_now_s());
    end(world);
}

static void moves_by_a_day_at_most_in_another_boot(void **state) {
    struct world *world = *state;
    begin(world);
    int64_t began_s = sp_clock_now_s();
    pretend_reboot(world);
    fake_clock_jump(DAY_S / 2);
    assert_int_equal(store_time(world), began_s + DAY_S / 2);
    fake_clock_jump(500 * DAY_S);
    assert_int_equal(store_time(world), began_s + DAY_S);
    commit_something(world);
    commit_something(world);
    assert_int_equal(store_time(world), began_s + DAY_S);
    end(world);
}

static void a_store_in_which_nothing_changes_keeps_its_time_each_hour(void **state) {
    struct world *world = *state;
    struct sp_error error = {0};
    begin(world);
    int64_t began_s = sp_clock_now_s();
    const int64_t kept_after_s[][2] = {{3599, 0}, {3600, 3600}};
    for (size_t i = 0; i < 2; i++) {
        struct sp_write *write;
        fake_clock_pass((kept_after_s[i][0] - (sp_clock_now_s() - began_s)) * 1000);
        assert_int_equal(sp_write_begin(world->store, &write, &error), SP_OK);
        assert_int_equal(sp_write_keep_time(write, sp_clock_now_s()), SP_OK);
        assert_int_equal(sp_write_commit(write, &error), SP_OK);
        assert_int_equal(floor_time(world, 0), began_s + kept_after_s[i][1]);
    }
    end(world);
}

static void what_a_person_runs_takes_the_clock_as_it_is(void **state) {
    struct world *world = *state;
    struct sp_error error = {0};
    struct sp_write *write;
    begin(world);
    int64_t now_s = sp_clock_now_s() + 400 * DAY_S;
    assert_int_equal(sp_write_begin(world->store, &write, &error), SP_OK);
    assert_int_equal(sp_write_accept_time(write, now_s), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(floor_time(world, 0), now_s);
    end(world);
}

int main(void) {
    static struct world world;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(moves_with_the_clock, &world),
        cmocka_unit_test_prestate(never_goes_back, &world),
        cmocka_unit_test_prestate(a_clock_that_jumps_ahead_for_a_minute_moves_it_by_two, &world),
        cmocka_unit_test_prestate(catches_up_at_two_seconds_a_second, &world),
        cmocka_unit_test_prestate(moves_by_a_day_at_most_in_another_boot, &world),
        cmocka_unit_test_prestate(a_store_in_which_nothing_changes_keeps_its_time_each_hour, &world),
        cmocka_unit_test_prestate(what_a_person_runs_takes_the_clock_as_it_is, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
