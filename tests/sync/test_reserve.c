/* The room of a store that is kept for taking access away, and who may use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/lmdb/room.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/store_world.h"
#include "sync/reserve.h"

enum { MAP_BYTES = 16 << 20, RESERVE_BYTES = 2 << 20, STEP_BYTES = 8 * 1024 };

struct rig {
    struct world world;
    struct sp_reserve *reserve;
    uint64_t records;
    int64_t now_ms;
};

static void rig_start(struct rig *rig, uint64_t reserve_bytes) {
    *rig = (struct rig){.now_ms = 1000};
    world_init_with_map(&rig->world, MAP_BYTES);
    assert_int_equal(sp_reserve_create(rig->world.store, reserve_bytes, &rig->reserve), SP_OK);
}

static void rig_stop(struct rig *rig) {
    sp_reserve_free(rig->reserve);
    world_fini(&rig->world);
}

/* What the writer does with a job, which puts records of so many bytes that are new. */
static enum sp_status run(struct rig *rig, const char *workspace, enum sp_admin_narrowing narrowing, bool narrowed,
                          size_t bytes) {
    static uint8_t value[1 << 20];
    struct sp_job job = {.narrowing = narrowing, .narrowed = narrowed};
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    char name[32];
    snprintf(job.workspace, sizeof(job.workspace), "%s", workspace);
    snprintf(name, sizeof(name), "filler%llu", (unsigned long long)rig->records++);
    sp_reserve_measure(rig->reserve);
    enum sp_status status = sp_reserve_check_before(rig->reserve, &job, rig->now_ms, &error);
    if (status != SP_OK)
        return status;
    assert_int_equal(sp_write_begin(rig->world.store, &write, &error), SP_OK);
    status = sp_write_meta(write, name, (struct sp_bytes){value, bytes});
    if (status == SP_OK)
        status = sp_reserve_check_after(rig->reserve, &job, write, sp_write_bytes(write), &error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    status = sp_write_commit(write, &error);
    if (status == SP_OK)
        sp_reserve_charge(rig->reserve, &job, bytes, rig->now_ms);
    return status;
}

static size_t run_until_refused(struct rig *rig, const char *workspace, enum sp_admin_narrowing narrowing,
                                size_t bytes) {
    size_t done = 0;
    enum sp_status status = SP_OK;
    while ((status = run(rig, workspace, narrowing, false, bytes)) == SP_OK)
        done++;
    assert_int_equal(status, SP_ERR_EXHAUSTED);
    return done;
}

static uint64_t room_left(struct rig *rig) {
    struct sp_snapshot *snapshot;
    struct sp_room room;
    assert_int_equal(sp_snapshot_open(rig->world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_room(sp_snapshot_view(snapshot), &room), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return room.map_bytes + room.free_bytes;
}

static void ordinary_changes_leave_the_reserve_alone(void **state) {
    (void)state;
    static const size_t sizes[] = {100, STEP_BYTES, 100 * 1024, 900 * 1024};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        static struct rig rig;
        rig_start(&rig, RESERVE_BYTES);
        assert_true(run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, sizes[i]) > 0);
        assert_true(room_left(&rig) >= RESERVE_BYTES / 2);
        assert_int_equal(run(&rig, "quiet", SP_ADMIN_NARROWS, false, STEP_BYTES), SP_OK);
        rig_stop(&rig);
    }
}

static void operators_do_not_use_it_for_other_changes_either(void **state) {
    (void)state;
    static struct rig rig;
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "", SP_ADMIN_WIDENS, STEP_BYTES);
    assert_true(room_left(&rig) >= RESERVE_BYTES / 2);
    rig_stop(&rig);
}

static void a_workspace_uses_up_its_part_and_no_more(void **state) {
    (void)state;
    static struct rig rig;
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100 * 1024);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100);
    assert_in_range(run_until_refused(&rig, "noisy", SP_ADMIN_NARROWS, STEP_BYTES), 1,
                    RESERVE_BYTES / 64 / STEP_BYTES + 1);
    assert_int_equal(run(&rig, "noisy", SP_ADMIN_DISABLES_KEY, false, 500), SP_ERR_EXHAUSTED);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_NARROWS, false, STEP_BYTES), SP_OK);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    rig.now_ms += 10000;
    assert_int_equal(run(&rig, "noisy", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    rig_stop(&rig);
}

static void the_last_part_is_for_disabling_keys_and_for_operators(void **state) {
    (void)state;
    static struct rig rig;
    char workspace[16];
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100 * 1024);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100);
    /* A thousand tenants do what they can. */
    for (int i = 0; i < 1000; i++) {
        snprintf(workspace, sizeof(workspace), "w%d", i);
        run_until_refused(&rig, workspace, SP_ADMIN_NARROWS, STEP_BYTES);
    }
    assert_true(room_left(&rig) >= RESERVE_BYTES / 8);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_NARROWS, false, STEP_BYTES), SP_ERR_EXHAUSTED);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    assert_int_equal(run(&rig, "", SP_ADMIN_NARROWS, false, 500), SP_OK);
    rig_stop(&rig);
}

/* Disables keys, as fast as it is let and for as long as it is; returns how many. */
static size_t disable_for_hours(struct rig *rig, const char *workspace) {
    enum { HOURS_S = 100000, KEY_BYTES = 600 };
    size_t done = 0;
    for (int i = 0; i < HOURS_S; i++) {
        rig->now_ms += 1000;
        size_t more = run_until_refused(rig, workspace, SP_ADMIN_DISABLES_KEY, KEY_BYTES);
        if (more == 0)
            break;
        done += more;
    }
    return done * KEY_BYTES;
}

static void a_workspace_has_a_share_of_it_however_long_it_goes_on(void **state) {
    (void)state;
    static struct rig rig;
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100 * 1024);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100);
    assert_in_range(disable_for_hours(&rig, "noisy"), RESERVE_BYTES / 64, RESERVE_BYTES / 16 + 1024);
    assert_in_range(disable_for_hours(&rig, "quiet"), RESERVE_BYTES / 64, RESERVE_BYTES / 16 + 1024);
    assert_true(room_left(&rig) >= RESERVE_BYTES / 2);
    assert_int_equal(run(&rig, "third", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    assert_int_equal(run(&rig, "", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    rig_stop(&rig);
}

/* Whatever else its members take away, its admin can disable keys. */
static void a_workspace_keeps_some_of_its_share_for_disabling_keys(void **state) {
    (void)state;
    enum { TRIES = 10000 };
    static struct rig rig;
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100 * 1024);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100);
    for (int i = 0; i < TRIES; i++) {
        rig.now_ms += 1000;
        (void)run(&rig, "noisy", SP_ADMIN_NARROWS, false, 2048);
    }
    rig.now_ms += 60000;
    assert_int_equal(run(&rig, "noisy", SP_ADMIN_NARROWS, false, 500), SP_ERR_EXHAUSTED);
    assert_int_equal(run(&rig, "noisy", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    assert_in_range(disable_for_hours(&rig, "noisy"), 1, RESERVE_BYTES / 64);
    rig_stop(&rig);
}

static void all_tenants_together_leave_something_to_operators(void **state) {
    (void)state;
    static struct rig rig;
    char workspace[16];
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100 * 1024);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, 100);
    for (int i = 0; i < 60; i++) {
        snprintf(workspace, sizeof(workspace), "w%d", i);
        disable_for_hours(&rig, workspace);
    }
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_DISABLES_KEY, false, 500), SP_ERR_EXHAUSTED);
    assert_int_equal(run(&rig, "", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    assert_int_equal(run(&rig, "", SP_ADMIN_NARROWS, false, 500), SP_OK);
    rig_stop(&rig);
}

static void a_change_that_may_narrow_is_made_if_it_did(void **state) {
    (void)state;
    static struct rig rig;
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, STEP_BYTES);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_MAY_NARROW, true, 500), SP_OK);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_MAY_NARROW, false, 500), SP_ERR_EXHAUSTED);
    rig_stop(&rig);
}

static void one_change_in_the_reserve_is_bounded(void **state) {
    (void)state;
    static struct rig rig;
    rig_start(&rig, RESERVE_BYTES);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, STEP_BYTES);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_NARROWS, false, 257 * 1024), SP_ERR_EXHAUSTED);
    rig_stop(&rig);
}

static void a_reader_that_stays_does_not_let_ordinary_changes_into_the_reserve(void **state) {
    (void)state;
    static struct rig rig;
    struct sp_snapshot *snapshot;
    rig_start(&rig, RESERVE_BYTES);
    assert_int_equal(run(&rig, "noisy", SP_ADMIN_WIDENS, false, STEP_BYTES), SP_OK);
    assert_int_equal(sp_snapshot_open(rig.world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, STEP_BYTES);
    assert_true(room_left(&rig) >= RESERVE_BYTES / 2);
    assert_int_equal(run(&rig, "quiet", SP_ADMIN_DISABLES_KEY, false, 500), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    rig_stop(&rig);
}

static void without_a_reserve_everything_is_tried(void **state) {
    (void)state;
    static struct rig rig;
    rig_start(&rig, 0);
    run_until_refused(&rig, "noisy", SP_ADMIN_WIDENS, STEP_BYTES);
    assert_true(room_left(&rig) < RESERVE_BYTES / 8);
    assert_true(sp_reserve_room(rig.reserve) == UINT64_MAX);
    rig_stop(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_changes_leave_the_reserve_alone),
        cmocka_unit_test(operators_do_not_use_it_for_other_changes_either),
        cmocka_unit_test(a_workspace_uses_up_its_part_and_no_more),
        cmocka_unit_test(the_last_part_is_for_disabling_keys_and_for_operators),
        cmocka_unit_test(a_workspace_has_a_share_of_it_however_long_it_goes_on),
        cmocka_unit_test(a_workspace_keeps_some_of_its_share_for_disabling_keys),
        cmocka_unit_test(all_tenants_together_leave_something_to_operators),
        cmocka_unit_test(a_change_that_may_narrow_is_made_if_it_did),
        cmocka_unit_test(one_change_in_the_reserve_is_bounded),
        cmocka_unit_test(a_reader_that_stays_does_not_let_ordinary_changes_into_the_reserve),
        cmocka_unit_test(without_a_reserve_everything_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
