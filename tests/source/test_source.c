/* A source as programs use it: opened on a store, with its thread, over a scripted etcd and the
 * system's clocks. */
#include <pthread.h>

#include "source/sides.h"
#include "store/records/changeset.h"
#include "store/records/head.h"
#include "store/records/write.h"

static int begin(void **state) {
    int failed = sides_begin(state);
    fake_clock_end(); /* the thread waits for real */
    return failed;
}

static struct sp_source_options options_of(struct sides *sides) {
    return (struct sp_source_options){.url = SIDES_URL, .transport = &sides->etcd.transport};
}

static void refuses_a_store_of_another_kind_and_says_what_to_do(void **state) {
    struct sides *sides = *state;
    struct world embedded;
    struct sp_source *source = NULL;
    struct sp_error error = {0};
    struct sp_source_options options = options_of(sides);
    world_init(&embedded);
    assert_int_equal(sp_source_open(&options, embedded.store, &source, &error), SP_ERR_PRECONDITION);
    assert_non_null(strstr(error.message, "this store does not use etcd"));
    assert_non_null(strstr(error.message, "migrate --to"));
    check(sp_source_check_embedded(embedded.store, &error), &error);
    world_fini(&embedded);

    struct sp_store *following = sides->side[1].world.store;
    assert_int_equal(sp_source_check_embedded(following, &error), SP_ERR_PRECONDITION);
    assert_non_null(strstr(error.message, "this store follows etcd:/sp/"));
    assert_non_null(strstr(error.message, "--source="));
    options.url = "etcd://script:1/elsewhere/";
    assert_int_equal(sp_source_open(&options, following, &source, &error), SP_ERR_PRECONDITION);
    assert_non_null(strstr(error.message, "this store follows etcd:/sp/"));
    options.url = "etcd://";
    assert_int_equal(sp_source_open(&options, following, &source, &error), SP_ERR_INVALID);
    options = options_of(sides);
    options.url = "etcd://no-port/sp/";
    assert_int_equal(sp_source_open(&options, following, &source, &error), SP_ERR_INVALID);
    assert_non_null(
        strstr(error.message, "endpoint \"no-port\": it has no port; expected etcd://HOST:PORT,HOST:PORT/PREFIX/"));
    options.url = SIDES_URL;
    options.user = "somebody";
    assert_int_equal(sp_source_open(&options, following, &source, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "password file"));
    assert_null(source);
}

static void a_place_that_holds_a_store_is_not_uploaded_over(void **state) {
    struct sides *sides = *state;
    struct world embedded;
    struct sp_source *source = NULL;
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    const struct sp_source_options options = options_of(sides);
    uint64_t before = sides->etcd.revision;
    world_init(&embedded);
    check(sp_source_open_for_upload(&options, embedded.store, &source, &error), &error);
    check(sp_write_begin(embedded.store, &write, &error), &error);
    assert_int_equal(sp_source_upload(source, write, &error), SP_ERR_EXISTS);
    assert_non_null(strstr(error.message, "etcd already holds a store below /sp/"));
    sp_write_abort(write);
    assert_int_equal(sides->etcd.revision, before);
    sp_source_close(source);
    world_fini(&embedded);
}

static void without_a_source_writes_are_the_store_s_own(void **state) {
    struct world embedded;
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    (void)state;
    world_init(&embedded);
    check(sp_source_begin(NULL, embedded.store, &write, &error), &error);
    assert_false(sp_source_is_full(NULL, write));
    check(sp_source_commit(NULL, write, &error), &error);
    check(sp_source_begin_tidying(NULL, embedded.store, &write, &error), &error);
    check(sp_source_commit_tidying(NULL, write, &error), &error);
    sp_source_stop(NULL);
    sp_source_close(NULL);
    world_fini(&embedded);
}

static void a_write_is_full_at_half_of_what_etcd_takes(void **state) {
    struct sides *sides = *state;
    struct side *side = &sides->side[0];
    const struct sp_source_options options = options_of(sides);
    struct sp_source *source = NULL;
    struct sp_revision revision;
    check(sp_source_open(&options, side->world.store, &source, &side->error), &side->error);
    begin_to_follow(side);
    begin_users(side, 10, 1);
    check(sp_changeset_apply(side->world.write, side->world.set, &revision, &side->error), &side->error);
    assert_false(sp_source_is_full(source, side->world.write));
    sp_write_abort(side->world.write);
    begin_users(side, 10, 100);
    check(sp_changeset_apply(side->world.write, side->world.set, &revision, &side->error), &side->error);
    assert_true(sp_source_is_full(source, side->world.write));
    sp_write_abort(side->world.write);
    sp_source_close(source);
}

/* ---- the thread ---- */

struct announcements {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned count;
};

static void announce(void *user) {
    struct announcements *announcements = user;
    pthread_mutex_lock(&announcements->lock);
    announcements->count++;
    pthread_cond_broadcast(&announcements->changed);
    pthread_mutex_unlock(&announcements->lock);
}

static void await_announcements(struct announcements *announcements, unsigned count) {
    int64_t until_ms = sp_clock_monotonic_ms() + 60 * 1000;
    pthread_mutex_lock(&announcements->lock);
    while (announcements->count < count && sp_clock_wait(&announcements->changed, &announcements->lock, until_ms)) {
    }
    unsigned there = announcements->count;
    pthread_mutex_unlock(&announcements->lock);
    assert_true(there >= count);
}

static void await_following(struct sp_source *source) {
    struct sp_source_state now = {.following = false};
    int64_t until_ms = sp_clock_monotonic_ms() + 60 * 1000;
    while (!now.following) {
        assert_true(sp_clock_monotonic_ms() < until_ms);
        sp_clock_sleep_ms(2);
        sp_source_get_state(source, &now);
    }
}

static void its_thread_lists_follows_and_stops_at_once(void **state) {
    struct sides *sides = *state;
    struct side *writer = &sides->side[0], *other = &sides->side[1];
    const struct sp_source_options options = options_of(sides);
    struct sp_source *source = NULL;
    struct sp_source_state now;
    struct sp_error error = {0};
    struct announcements announcements = {.lock = PTHREAD_MUTEX_INITIALIZER};
    sp_clock_init_condition(&announcements.changed);
    begin_to_follow(writer);
    check(sp_source_open(&options, other->world.store, &source, &error), &error);
    sp_source_get_state(source, &now);
    assert_false(now.filled);
    check(sp_source_start(source, announce, &announcements, &error), &error);
    await_announcements(&announcements, 1);
    await_following(source);
    sp_source_note_reached(&writer->shared);
    make_user(writer, 10);
    await_announcements(&announcements, 2);
    check(sp_source_join(source, 10000, &error), &error);
    int64_t began_ms = sp_clock_monotonic_ms();
    sp_source_stop(source);
    assert_true(sp_clock_monotonic_ms() - began_ms < 5000);
    sp_source_get_state(source, &now);
    assert_true(now.filled);
    assert_false(now.following);
    assert_int_equal(now.lists, 1);
    sp_source_close(source);
    /* Opened again, it goes on from there. */
    check(sp_source_open(&options, other->world.store, &source, &error), &error);
    sp_source_get_state(source, &now);
    assert_true(now.filled);
    check(sp_source_start(source, NULL, NULL, &error), &error);
    await_following(source);
    sp_source_stop(source);
    sp_source_get_state(source, &now);
    assert_int_equal(now.lists, 0);
    sp_source_close(source);
    assert_equals_etcd(other);
    pthread_cond_destroy(&announcements.changed);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, sides_end)
    const struct CMUnitTest tests[] = {
        CASE(refuses_a_store_of_another_kind_and_says_what_to_do),
        CASE(a_place_that_holds_a_store_is_not_uploaded_over),
        CASE(without_a_source_writes_are_the_store_s_own),
        CASE(a_write_is_full_at_half_of_what_etcd_takes),
        CASE(its_thread_lists_follows_and_stops_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
