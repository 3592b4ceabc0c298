/* Promises that must hold at full speed: no answer mixes two revisions, and no rotation costs an
 * allowed call. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { RUN_MS = 1500, READERS = 3 };

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES];
static struct caller admin;

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    programs_start(&programs, NULL);
    programs_workspace(&programs, "w1", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    operator_ok(&programs, "Admin/UpdateWorkspace",
                "{'workspace': {'id': 'w1', 'quotas': {'keys': 1000000}}, 'updateMask': ['quotas']}");
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* The wall clock as the server reads it: time(2) may still be in the second before. */
static int64_t wall_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* ---- atomicity ---- */

static char left_key[PROGRAMS_KEY_BYTES], right_key[PROGRAMS_KEY_BYTES];

struct reader {
    pthread_t thread;
    atomic_bool *stop;
    unsigned seen_left, seen_right;
    long long last_revision;
    char wrong[1200];
};

/* The share is with exactly one of the two groups at every revision, so exactly one of the two
 * users may use the voice. */
static void look_once(struct reader *reader, struct caller *caller) {
    enum sp_status status =
        caller_callf(caller, "Authorization/CheckBatch",
                     "{'items': ["
                     "{'apiKey': '%s', 'resource': {'type': 'voice', 'id': 'moving'}, 'action': 'use'},"
                     "{'apiKey': '%s', 'resource': {'type': 'voice', 'id': 'moving'}, 'action': 'use'},"
                     "{'apiKey': '%s', 'resource': {'type': 'voice', 'id': 'moving'}, 'action': 'use'}]}",
                     left_key, right_key, left_key);
    if (status != SP_OK) {
        snprintf(reader->wrong, sizeof(reader->wrong), "%s: %s", sp_status_name(status), caller->error.message);
        return;
    }
    bool left = strcmp(caller_text(caller, "results.0.reason"), "ALLOWED") == 0;
    bool right = strcmp(caller_text(caller, "results.1.reason"), "ALLOWED") == 0;
    bool left_again = strcmp(caller_text(caller, "results.2.reason"), "ALLOWED") == 0;
    long long revision = caller_number(caller, "revision.number");
    if (left == right || left != left_again)
        snprintf(reader->wrong, sizeof(reader->wrong), "at revision %lld: left %d, right %d, left again %d", revision,
                 left, right, left_again);
    if (revision < reader->last_revision)
        snprintf(reader->wrong, sizeof(reader->wrong), "revision %lld after %lld", revision, reader->last_revision);
    reader->last_revision = revision;
    reader->seen_left += left;
    reader->seen_right += right;
}

static void *read_on(void *user) {
    struct reader *reader = user;
    struct caller caller;
    if (!caller_open(&caller, programs.server_target, "")) {
        snprintf(reader->wrong, sizeof(reader->wrong), "no client");
        return NULL;
    }
    while (!atomic_load(reader->stop) && reader->wrong[0] == '\0')
        look_once(reader, &caller);
    caller_close(&caller);
    return NULL;
}

static void make_sides(void) {
    static const char *const sides[] = {"left", "right"};
    programs_user(&admin, "left", left_key);
    programs_user(&admin, "right", right_key);
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'moving'}}");
    for (size_t i = 0; i < COUNT(sides); i++) {
        caller_ok(&admin, "Admin/CreateGroup", "{'id': 'g-%s', 'name': 'g'}", sides[i]);
        caller_ok(&admin, "Admin/AddGroupMembers", "{'group': 'g-%s', 'principals': ['%s']}", sides[i], sides[i]);
    }
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'moving'}, 'subject': {'group': 'g-left'}, 'role': 'ROLE_VIEWER'}");
}

static void move_share(const char *from, const char *to) {
    caller_ok(&admin, "Admin/UpdateShares",
              "{'updates': ["
              "{'resource': {'type': 'voice', 'id': 'moving'}, 'subject': {'group': '%s'}},"
              "{'resource': {'type': 'voice', 'id': 'moving'}, 'subject': {'group': '%s'}, 'role': 'ROLE_VIEWER'}]}",
              from, to);
}

static void no_batch_sees_the_world_between_two_revisions(void **state) {
    (void)state;
    static struct reader readers[READERS];
    atomic_bool stop;
    unsigned moves = 0, left = 0, right = 0;
    make_sides();
    atomic_init(&stop, false);
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.stop = &stop};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (int64_t until = sp_clock_monotonic_ms() + RUN_MS; sp_clock_monotonic_ms() < until; moves++)
        move_share(moves % 2 == 0 ? "g-left" : "g-right", moves % 2 == 0 ? "g-right" : "g-left");
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_string_equal(readers[i].wrong, "");
        left += readers[i].seen_left;
        right += readers[i].seen_right;
    }
    print_message("%u moves, seen %u times left and %u times right\n", moves, left, right);
    assert_true(moves > 10);
    assert_true(left > 0 && right > 0);
}

/* ---- rotation ---- */

/* The keys of a service that rotates its key; the newest one that the service knows is at
 * `current`. */
static struct {
    pthread_mutex_t lock;
    char key[PROGRAMS_KEY_BYTES];
} current = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void set_current(const char *key) {
    pthread_mutex_lock(&current.lock);
    snprintf(current.key, sizeof(current.key), "%s", key);
    pthread_mutex_unlock(&current.lock);
}

struct user {
    pthread_t thread;
    atomic_bool *stop;
    unsigned answers;
    char wrong[1200];
};

static void *use_current(void *context) {
    struct user *user = context;
    struct caller caller;
    char key[PROGRAMS_KEY_BYTES];
    if (!caller_open(&caller, programs.server_target, "")) {
        snprintf(user->wrong, sizeof(user->wrong), "no client");
        return NULL;
    }
    while (!atomic_load(user->stop) && user->wrong[0] == '\0') {
        pthread_mutex_lock(&current.lock);
        snprintf(key, sizeof(key), "%s", current.key);
        pthread_mutex_unlock(&current.lock);
        const char *reason = check_reason(&caller, key, "voice", "", "preview");
        if (strcmp(reason, "ALLOWED") != 0)
            snprintf(user->wrong, sizeof(user->wrong), "%s after %u answers: %s", reason, user->answers,
                     caller.error.message);
        user->answers++;
    }
    caller_close(&caller);
    return NULL;
}

static void start_users(struct user *users, size_t count, atomic_bool *stop) {
    for (size_t i = 0; i < count; i++) {
        users[i] = (struct user){.stop = stop};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use_current, &users[i]), 0);
    }
}

static void join_users(struct user *users, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pthread_join(users[i].thread, NULL);
        assert_string_equal(users[i].wrong, "");
        assert_true(users[i].answers > 0);
    }
}

/* Rotates, tells the users the new key, and gives id and text of both. */
struct rotation {
    char old_id[80], new_id[80], old_key[PROGRAMS_KEY_BYTES], new_key[PROGRAMS_KEY_BYTES];
};

static void rotate(struct rotation *rotation, unsigned grace_s) {
    snprintf(rotation->old_id, sizeof(rotation->old_id), "%s", rotation->new_id);
    snprintf(rotation->old_key, sizeof(rotation->old_key), "%s", rotation->new_key);
    caller_ok(&admin, "Admin/RotateApiKey", "{'id': '%s', 'graceS': %u}", rotation->old_id, grace_s);
    snprintf(rotation->new_id, sizeof(rotation->new_id), "%s", caller_text(&admin, "apiKey.id"));
    snprintf(rotation->new_key, sizeof(rotation->new_key), "%s", caller_text(&admin, "secret"));
    set_current(rotation->new_key);
}

static void rotation_without_grace_loses_no_allowed_call(void **state) {
    (void)state;
    static struct user users[READERS];
    struct rotation rotation;
    atomic_bool stop;
    unsigned rotations = 0;
    programs_user(&admin, "service", rotation.new_key);
    snprintf(rotation.new_id, sizeof(rotation.new_id), "service-key");
    set_current(rotation.new_key);
    atomic_init(&stop, false);
    start_users(users, READERS, &stop);
    for (int64_t until = sp_clock_monotonic_ms() + RUN_MS; sp_clock_monotonic_ms() < until; rotations++) {
        rotate(&rotation, 0);
        /* Both work, until the old one is deleted; from then on it is unknown at once. */
        assert_string_equal(check_reason(&programs.checker, rotation.old_key, "voice", "", "preview"), "ALLOWED");
        assert_string_equal(check_reason(&programs.checker, rotation.new_key, "voice", "", "preview"), "ALLOWED");
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
        caller_ok(&programs.operator_caller, "Admin/GetApiKey", "{'workspace': 'w1', 'id': '%s'}", rotation.old_id);
    }
    atomic_store(&stop, true);
    join_users(users, READERS);
    assert_true(rotations > 3);
    caller_ok(&admin, "Admin/DeleteApiKey", "{'id': '%s'}", rotation.old_id);
    assert_string_equal(check_reason(&programs.checker, rotation.old_key, "voice", "", "preview"), "KEY_UNKNOWN");
    assert_string_equal(check_reason(&programs.checker, rotation.new_key, "voice", "", "preview"), "ALLOWED");
}

/* Asks with the old key until it is refused; from then on it must stay refused. */
static void assert_expires_and_stays_so(const struct rotation *rotation, long long expires_at) {
    bool refused = false;
    for (int64_t until = sp_clock_monotonic_ms() + 60000; sp_clock_monotonic_ms() < until;) {
        int64_t before = wall_s();
        const char *reason = check_reason(&programs.checker, rotation->old_key, "voice", "", "preview");
        int64_t after = wall_s();
        if (strcmp(reason, "KEY_EXPIRED") == 0) {
            assert_true(after >= expires_at);
            refused = true;
            if (before > expires_at)
                return;
        } else {
            assert_string_equal(reason, "ALLOWED");
            assert_true(before < expires_at);
            assert_false(refused);
        }
    }
    fail_msg("the old key never expired");
}

static void rotation_with_grace_ends_the_old_key_on_time_and_loses_no_allowed_call(void **state) {
    (void)state;
    static struct user users[READERS];
    struct rotation rotation;
    atomic_bool stop;
    programs_user(&admin, "graceful", rotation.new_key);
    snprintf(rotation.new_id, sizeof(rotation.new_id), "graceful-key");
    set_current(rotation.new_key);
    atomic_init(&stop, false);
    start_users(users, READERS, &stop);
    for (unsigned i = 0; i < 2; i++) {
        rotate(&rotation, 1);
        caller_ok(&admin, "Admin/GetApiKey", "{'id': '%s'}", rotation.old_id);
        assert_expires_and_stays_so(&rotation, caller_number(&admin, "expiresAt"));
    }
    atomic_store(&stop, true);
    join_users(users, READERS);
}

/* ---- revocation ---- */

static void a_disabled_key_is_refused_from_its_revision_on(void **state) {
    (void)state;
    char key[PROGRAMS_KEY_BYTES];
    programs_user(&admin, "leaked", key);
    for (unsigned i = 0; i < 50; i++) {
        caller_ok(&admin, "Admin/DisableApiKey", "{'id': 'leaked-key'}");
        /* The reply came after the commit, so every call that begins now sees it, without
         * min_revision. */
        assert_string_equal(check_reason(&programs.checker, key, "voice", "", "preview"), "KEY_DISABLED");
        caller_ok(&admin, "Admin/EnableApiKey", "{'id': 'leaked-key'}");
        assert_string_equal(check_reason(&programs.checker, key, "voice", "", "preview"), "ALLOWED");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_batch_sees_the_world_between_two_revisions),
        cmocka_unit_test(rotation_without_grace_loses_no_allowed_call),
        cmocka_unit_test(rotation_with_grace_ends_the_old_key_on_time_and_loses_no_allowed_call),
        cmocka_unit_test(a_disabled_key_is_refused_from_its_revision_on),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
