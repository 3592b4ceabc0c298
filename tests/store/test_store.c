/* Opening, snapshots and writes, also beside other processes: those are this binary again, started
 * with a task. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/lmdb/databases.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/changeset.h"
#include "store/records/create.h"
#include "store/records/edit.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/key_forms.h"
#include "store/records/next_number.h"
#include "store/records/settings.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/store_world.h"

extern char **environ;

static struct world world;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    return 0;
}

static int set_up_small(void **state) {
    (void)state;
    world_init_with_map(&world, 1 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    world_fini(&world);
    return 0;
}

static struct sp_snapshot *open_snapshot(void) {
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    return snapshot;
}

static uint64_t revision_seen_by(struct sp_snapshot *snapshot) {
    struct sp_revision revision;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_revision(sp_snapshot_view(snapshot), &revision), SP_OK);
    sp_snapshot_release(snapshot);
    return revision.number;
}

static uint64_t revision_now(void) {
    struct sp_snapshot *snapshot = open_snapshot();
    uint64_t number = revision_seen_by(snapshot);
    sp_snapshot_close(snapshot);
    return number;
}

/* ---- other processes ---- */

struct helper {
    pid_t pid;
    int out;
};

static struct helper start_helper(const char *task, const char *path) {
    int ends[2];
    char self[] = "/proc/self/exe";
    char task_copy[32];
    char path_copy[64];
    struct helper helper;
    posix_spawn_file_actions_t actions;
    snprintf(task_copy, sizeof(task_copy), "%s", task);
    snprintf(path_copy, sizeof(path_copy), "%s", path);
    char *const argv[] = {self, task_copy, path_copy, NULL};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn(&helper.pid, self, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    helper.out = ends[0];
    return helper;
}

static void wait_until_ready(const struct helper *helper) {
    char byte;
    assert_int_equal(read(helper->out, &byte, 1), 1);
}

static int wait_for_end(const struct helper *helper) {
    int status;
    close(helper->out);
    assert_int_equal(waitpid(helper->pid, &status, 0), helper->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put_many_users(struct world *into, uint64_t count) {
    world_begin(into);
    for (uint64_t i = 1; i <= count; i++)
        world_put_user(into, 1, i, false, false);
}

/* Makes the map larger, and fills more of it than the old size. */
static void grow_task(struct world *other) {
    world_reopen(other, &(struct sp_store_options){.mode = SP_STORE_WRITE, .map_size_bytes = 64 << 20});
    put_many_users(other, 10000);
    world_commit(other);
    sp_store_close(other->store);
}

static void hang_with(const char *what) {
    printf("%s\n", what);
    fflush(stdout);
    for (;;)
        pause();
}

static void read_task(struct world *other) {
    struct sp_snapshot *snapshot;
    world_reopen(other, &(struct sp_store_options){.mode = SP_STORE_READ});
    assert_int_equal(sp_snapshot_open(other->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    hang_with("reading");
}

static void write_task(struct world *other) {
    struct sp_revision revision;
    struct sp_error error;
    world_reopen(other, &(struct sp_store_options){.mode = SP_STORE_WRITE});
    put_many_users(other, 100);
    assert_int_equal(sp_changeset_apply(other->write, other->set, &revision, &error), SP_OK);
    hang_with("writing");
}

static int run_task(const char *task, const char *path) {
    struct world other = {.store = NULL};
    snprintf(other.path, sizeof(other.path), "%s", path);
    if (sp_arena_init(&other.arena, 1 << 16, 1 << 28) != SP_OK)
        return 1;
    if (strcmp(task, "grow") == 0)
        grow_task(&other);
    else if (strcmp(task, "read") == 0)
        read_task(&other);
    else if (strcmp(task, "write") == 0)
        write_task(&other);
    sp_arena_fini(&other.arena);
    return 0;
}

static void run_helper(const char *task) {
    struct helper helper = start_helper(task, world.path);
    assert_int_equal(wait_for_end(&helper), 0);
}

static void kill_helper(const struct helper *helper) {
    assert_int_equal(kill(helper->pid, SIGKILL), 0);
    wait_for_end(helper);
}

/* ---- making and opening ---- */

static unsigned mode_of(const char *folder, const char *name) {
    char path[128];
    struct stat of_file;
    snprintf(path, sizeof(path), "%s%s%s", folder, *name != '\0' ? "/" : "", name);
    assert_int_equal(stat(path, &of_file), 0);
    return of_file.st_mode & 0777;
}

static enum sp_status create_in(const char *path, const char *yaml, struct sp_error *error) {
    struct sp_store_create_options options = {
        .map_size_bytes = 1 << 24, .schema_yaml = sp_str_from(yaml), .key_prefix = SP_STR_LITERAL("sp_"), .now_s = 1};
    return sp_store_create(path, &options, error);
}

static void remove_store(const char *path) {
    char name[128];
    snprintf(name, sizeof(name), "%s/data.mdb", path);
    unlink(name);
    snprintf(name, sizeof(name), "%s/lock.mdb", path);
    unlink(name);
    rmdir(path);
}

static void makes_a_store_with_its_modes_whatever_the_umask(void **state) {
    (void)state;
    static const mode_t umasks[] = {0, 022, 077};
    for (size_t i = 0; i < sizeof(umasks) / sizeof(*umasks); i++) {
        struct sp_error error;
        char path[96];
        snprintf(path, sizeof(path), "%s/new", world.path);
        mode_t old = umask(umasks[i]);
        enum sp_status status = create_in(path, world_schema, &error);
        umask(old);
        assert_int_equal(status, SP_OK);
        assert_int_equal(mode_of(path, ""), 0750);
        assert_int_equal(mode_of(path, "data.mdb"), 0640);
        assert_int_equal(mode_of(path, "lock.mdb"), 0660);
        remove_store(path);
    }
}

static void begins_with_epoch_1_revision_1_and_its_prefix(void **state) {
    (void)state;
    struct sp_snapshot *snapshot = open_snapshot();
    struct sp_revision revision;
    struct sp_key_forms forms;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_revision(sp_snapshot_view(snapshot), &revision), SP_OK);
    assert_int_equal(sp_view_key_forms(sp_snapshot_view(snapshot), &forms), SP_OK);
    assert_int_equal(revision.epoch, 1);
    assert_int_equal(revision.number, 1);
    assert_int_equal(forms.prefix_count, 1);
    assert_true(sp_str_equal(forms.prefixes[0], SP_STR_LITERAL("sp_")));
    assert_false(forms.accept_foreign);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
}

static void refuses_to_make_a_store_over_another(void **state) {
    (void)state;
    struct sp_error error;
    sp_store_close(world.store);
    world.store = NULL;
    assert_int_equal(create_in(world.path, world_schema, &error), SP_ERR_EXISTS);
    world_reopen(&world, &(struct sp_store_options){.mode = SP_STORE_READ});
    assert_int_equal(revision_now(), 1);
}

static void a_refused_schema_makes_no_store_and_the_next_try_may_succeed(void **state) {
    (void)state;
    struct sp_error error;
    char path[96];
    snprintf(path, sizeof(path), "%s/new", world.path);
    assert_int_equal(create_in(path, "version: 7\n", &error), SP_ERR_INVALID);
    assert_int_equal(create_in(path,
                               "version: 1\ntypes: {voice: {actions: {edit: {role: editor}}}}\n"
                               "routes: {PUT /v: edit voice}\n",
                               &error),
                     SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "the route names none"));
    assert_int_equal(create_in(path, world_schema, &error), SP_OK);
    remove_store(path);
}

static void says_how_to_make_a_store_where_there_is_none(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_store *store;
    struct sp_store_options options = {.mode = SP_STORE_READ};
    assert_int_equal(sp_store_open("/nonexistent/folder", &options, &store, &error), SP_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "sallyport-sync init"));
}

static void refuses_another_format(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    uint8_t format[4] = {0, 0, 0, SP_STORE_FORMAT + 1};
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_meta(write, "format", (struct sp_bytes){format, sizeof(format)}), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    sp_store_close(world.store);
    world.store = NULL;
    struct sp_store *store;
    struct sp_store_options options = {.mode = SP_STORE_READ};
    assert_int_equal(sp_store_open(world.path, &options, &store, &error), SP_ERR_PRECONDITION);
    assert_non_null(strstr(error.message, "format 3"));
}

static void says_that_a_data_file_is_empty(void **state) {
    (void)state;
    char folder[96], file[112];
    snprintf(folder, sizeof(folder), "%s/empty", world.path);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(file, sizeof(file), "%s/data.mdb", folder);
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    for (int mode = SP_STORE_READ; mode <= SP_STORE_WRITE; mode++) {
        const struct sp_store_options options = {.mode = (enum sp_store_mode)mode};
        struct sp_store *store = NULL;
        struct sp_error error = {0};
        assert_int_equal(sp_store_open(folder, &options, &store, &error), SP_ERR_CORRUPT);
        assert_non_null(strstr(error.message,
                               "/data.mdb is empty (0 bytes): restore a backup, or make a new store with "
                               "`sallyport-sync init --store "));
    }
    remove_store(folder);
}

static void refuses_lmdb_data_that_is_no_store(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_store *store;
    struct sp_store_options options = {.mode = SP_STORE_READ};
    MDB_env *env;
    char path[96];
    snprintf(path, sizeof(path), "%s/other", world.path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
    mdb_env_close(env);
    assert_int_equal(sp_store_open(path, &options, &store, &error), SP_ERR_PRECONDITION);
    remove_store(path);
}

static void a_store_opened_for_reading_writes_nothing(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    world_reopen(&world, &(struct sp_store_options){.mode = SP_STORE_READ});
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_ERR_PRECONDITION);
    assert_int_equal(revision_now(), 1);
}

/* ---- snapshots and writes ---- */

static void a_snapshot_sees_one_revision_until_it_is_acquired_again(void **state) {
    (void)state;
    struct sp_snapshot *snapshot = open_snapshot();
    struct sp_revision revision;
    struct sp_principal_state principal;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    put_many_users(&world, 1);
    assert_int_equal(world_commit(&world).number, 2);
    assert_int_equal(sp_view_revision(sp_snapshot_view(snapshot), &revision), SP_OK);
    assert_int_equal(revision.number, 1);
    assert_int_equal(sp_index_principal(sp_snapshot_view(snapshot), 1, &principal), SP_OK);
    assert_false(principal.found);
    sp_snapshot_release(snapshot);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_revision(sp_snapshot_view(snapshot), &revision), SP_OK);
    assert_int_equal(revision.number, 2);
    assert_int_equal(sp_index_principal(sp_snapshot_view(snapshot), 1, &principal), SP_OK);
    assert_true(principal.found);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
}

static void an_aborted_write_leaves_nothing(void **state) {
    (void)state;
    struct sp_error error;
    put_many_users(&world, 3);
    assert_int_equal(world_try(&world, &error), SP_OK);
    assert_int_equal(revision_now(), 1);
}

static void key_forms_are_seen_as_soon_as_they_are_committed(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    struct sp_key_forms forms;
    struct sp_snapshot *snapshot = open_snapshot();
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_key_forms(sp_snapshot_view(snapshot), &forms), SP_OK);
    assert_int_equal(forms.prefix_count, 1);
    sp_snapshot_release(snapshot);
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_add_prefix(write, SP_STR_LITERAL("acme_"), &error), SP_OK);
    assert_int_equal(sp_write_add_prefix(write, SP_STR_LITERAL("sp_"), &error), SP_OK);
    assert_int_equal(sp_write_add_prefix(write, SP_STR_LITERAL("no spaces"), &error), SP_ERR_INVALID);
    assert_int_equal(sp_write_accept_foreign(write), SP_OK);
    assert_int_equal(sp_view_key_forms(sp_write_view(write), &forms), SP_OK);
    assert_int_equal(forms.prefix_count, 2);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_key_forms(sp_snapshot_view(snapshot), &forms), SP_OK);
    assert_int_equal(forms.prefix_count, 2);
    assert_true(sp_str_equal(forms.prefixes[0], SP_STR_LITERAL("sp_")));
    assert_true(sp_str_equal(forms.prefixes[1], SP_STR_LITERAL("acme_")));
    assert_true(forms.accept_foreign);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    assert_int_equal(revision_now(), 1);
}

static void holds_sixteen_prefixes_and_no_more(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_write *write;
    char prefix[] = "sixteen_letter_?";
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    for (char i = 0; i < SP_STORE_MAX_PREFIXES; i++) {
        prefix[15] = (char)('a' + i);
        assert_int_equal(sp_write_add_prefix(write, sp_str_from(prefix), &error),
                         i < SP_STORE_MAX_PREFIXES - 1 ? SP_OK : SP_ERR_EXHAUSTED);
    }
    sp_write_abort(write);
}

static void numbers_are_given_once(void **state) {
    (void)state;
    struct sp_error error;
    uint64_t last_subject = 0;
    uint64_t last_workspace = 0;
    for (int round = 0; round < 3; round++) {
        struct sp_write *write;
        assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
        for (int i = 0; i < 3; i++) {
            uint64_t subject;
            uint64_t workspace;
            assert_int_equal(sp_write_next_subject(write, &subject), SP_OK);
            assert_int_equal(sp_write_next_workspace(write, &workspace), SP_OK);
            assert_true(subject > last_subject && workspace > last_workspace);
            last_subject = subject;
            last_workspace = workspace;
        }
        assert_int_equal(sp_write_commit(write, &error), SP_OK);
    }
}

/* ---- limits and neighbours ---- */

static void a_full_map_is_said_and_readers_go_on(void **state) {
    (void)state;
    struct sp_error error = {.status = SP_OK};
    struct sp_revision revision;
    struct sp_snapshot *snapshot = open_snapshot();
    enum sp_status status = SP_OK;
    uint64_t last = revision_seen_by(snapshot);
    while (status == SP_OK) {
        put_many_users(&world, 500);
        status = sp_changeset_apply(world.write, world.set, &revision, &error);
        if (status == SP_OK) {
            status = sp_write_commit(world.write, &error);
        } else {
            struct sp_error of_commit;
            assert_int_equal(sp_write_commit(world.write, &of_commit), SP_ERR_EXHAUSTED);
        }
        if (status == SP_OK)
            last = revision.number;
    }
    assert_int_equal(status, SP_ERR_EXHAUSTED);
    assert_non_null(strstr(error.message, "map"));
    assert_true(last > 1);
    assert_int_equal(revision_seen_by(snapshot), last);
    sp_snapshot_close(snapshot);
    world_reopen(&world, &(struct sp_store_options){.mode = SP_STORE_WRITE, .map_size_bytes = 16 << 20});
    put_many_users(&world, 500);
    assert_int_equal(world_commit(&world).number, last + 1);
}

static void *acquire_in_thread(void *context) {
    static uint64_t revision;
    struct sp_snapshot *snapshot = context;
    struct sp_revision seen;
    revision = 0;
    if (sp_snapshot_acquire(snapshot) == SP_OK) {
        if (sp_view_revision(sp_snapshot_view(snapshot), &seen) == SP_OK)
            revision = seen.number;
        sp_snapshot_release(snapshot);
    }
    return &revision;
}

static void takes_over_a_map_that_another_process_grew(void **state) {
    (void)state;
    pthread_t thread;
    void *seen;
    struct sp_principal_state principal;
    struct sp_snapshot *held = open_snapshot();
    struct sp_snapshot *other = open_snapshot();
    assert_int_equal(sp_snapshot_acquire(held), SP_OK);
    run_helper("grow");
    assert_int_equal(sp_index_principal(sp_snapshot_view(held), 10000, &principal), SP_OK);
    assert_false(principal.found);
    assert_int_equal(pthread_create(&thread, NULL, acquire_in_thread, other), 0);
    sp_snapshot_release(held);
    assert_int_equal(pthread_join(thread, &seen), 0);
    assert_int_equal(*(uint64_t *)seen, 2);
    assert_int_equal(sp_snapshot_acquire(held), SP_OK);
    assert_int_equal(sp_index_principal(sp_snapshot_view(held), 10000, &principal), SP_OK);
    assert_true(principal.found);
    sp_snapshot_release(held);
    sp_snapshot_close(held);
    sp_snapshot_close(other);
    struct sp_store_stats stats;
    assert_int_equal(sp_store_stats(world.store, &stats), SP_OK);
    assert_int_equal(stats.map_size_bytes, 64 << 20);
}

static void a_write_takes_over_a_grown_map_too(void **state) {
    (void)state;
    run_helper("grow");
    put_many_users(&world, 1);
    assert_int_equal(world_commit(&world).number, 3);
}

static void a_snapshot_that_is_kept_makes_a_grown_map_unavailable_and_not_a_deadlock(void **state) {
    (void)state;
    struct sp_snapshot *held = open_snapshot();
    struct sp_snapshot *other = open_snapshot();
    assert_int_equal(sp_snapshot_acquire(held), SP_OK);
    run_helper("grow");
    assert_int_equal(sp_snapshot_acquire(other), SP_ERR_UNAVAILABLE);
    sp_snapshot_release(held);
    assert_int_equal(revision_seen_by(other), 2);
    sp_snapshot_close(held);
    sp_snapshot_close(other);
}

static void clears_the_slots_of_a_killed_reader(void **state) {
    (void)state;
    struct sp_store_stats stats;
    int cleared = -1;
    struct helper helper = start_helper("read", world.path);
    wait_until_ready(&helper);
    assert_int_equal(sp_store_stats(world.store, &stats), SP_OK);
    unsigned with_reader = stats.readers;
    assert_int_equal(sp_store_clear_stale_readers(world.store, &cleared), SP_OK);
    assert_int_equal(cleared, 0);
    kill_helper(&helper);
    assert_int_equal(sp_store_clear_stale_readers(world.store, &cleared), SP_OK);
    assert_int_equal(cleared, 1);
    assert_int_equal(sp_store_stats(world.store, &stats), SP_OK);
    assert_int_equal(stats.readers, with_reader - 1);
}

static void a_killed_writer_leaves_the_old_state_and_no_lock(void **state) {
    (void)state;
    struct helper helper = start_helper("write", world.path);
    wait_until_ready(&helper);
    kill_helper(&helper);
    assert_int_equal(revision_now(), 1);
    put_many_users(&world, 1);
    assert_int_equal(world_commit(&world).number, 2);
}

static void tells_its_size_and_readers(void **state) {
    (void)state;
    struct sp_store_stats stats;
    struct sp_snapshot *snapshot = open_snapshot();
    assert_int_equal(sp_store_stats(world.store, &stats), SP_OK);
    assert_int_equal(stats.map_size_bytes, 1 << 30);
    assert_int_equal(stats.max_readers, 512);
    assert_true(stats.readers >= 1);
    struct stat of_file;
    char path[128];
    snprintf(path, sizeof(path), "%s/data.mdb", world.path);
    assert_int_equal(stat(path, &of_file), 0);
    assert_true(stats.used_bytes > 0 && stats.used_bytes <= (uint64_t)of_file.st_size + 8192);
    sp_snapshot_close(snapshot);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define SMALL_CASE(test) cmocka_unit_test_setup_teardown(test, set_up_small, tear_down)

int main(int argc, char **argv) {
    if (argc == 3)
        return run_task(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        CASE(makes_a_store_with_its_modes_whatever_the_umask),
        CASE(begins_with_epoch_1_revision_1_and_its_prefix),
        CASE(refuses_to_make_a_store_over_another),
        CASE(a_refused_schema_makes_no_store_and_the_next_try_may_succeed),
        CASE(says_how_to_make_a_store_where_there_is_none),
        CASE(refuses_another_format),
        CASE(refuses_lmdb_data_that_is_no_store),
        CASE(says_that_a_data_file_is_empty),
        CASE(a_store_opened_for_reading_writes_nothing),
        CASE(a_snapshot_sees_one_revision_until_it_is_acquired_again),
        CASE(an_aborted_write_leaves_nothing),
        CASE(key_forms_are_seen_as_soon_as_they_are_committed),
        CASE(holds_sixteen_prefixes_and_no_more),
        CASE(numbers_are_given_once),
        SMALL_CASE(a_full_map_is_said_and_readers_go_on),
        SMALL_CASE(takes_over_a_map_that_another_process_grew),
        SMALL_CASE(a_write_takes_over_a_grown_map_too),
        SMALL_CASE(a_snapshot_that_is_kept_makes_a_grown_map_unavailable_and_not_a_deadlock),
        CASE(clears_the_slots_of_a_killed_reader),
        CASE(a_killed_writer_leaves_the_old_state_and_no_lock),
        CASE(tells_its_size_and_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
