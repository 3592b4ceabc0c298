/* The writer's and the reader's user on one volume, as in a pod: who may replace the store. Needs
 * root, which becomes either user in a child process. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/lmdb/store.h"
#include "store/records/create.h"
#include "support/process.h"
#include "support/store_world.h"

enum { WRITER = 10401, READER = 10402, GROUP = 10400, OTHER = 10409 };

struct volume {
    char path[64];     /* made by root, open to all */
    char shared[96];   /* in it: root's, the group may write, as fsGroup leaves a volume */
    char store[128];   /* the writer's folder, somewhere */
    char message[512]; /* what the last child said */
};

/* ---- acting as a user ---- */

typedef int user_act(struct volume *volume);

/* Runs `act` in a child process as the user, and returns its small result. */
static int act_as(struct volume *volume, uid_t user, user_act *act) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const gid_t groups[] = {GROUP};
        if (setgroups(1, groups) != 0 || setresgid(GROUP, GROUP, GROUP) != 0 || setresuid(user, user, user) != 0)
            _exit(200);
        (void)umask(0);
        volume->message[0] = '\0';
        int result = act(volume);
        ssize_t wrote = write(ends[1], volume->message, strlen(volume->message) + 1);
        _exit(wrote < 0 ? 201 : result);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], volume->message, sizeof(volume->message) - 1);
    volume->message[size > 0 ? size : 0] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) < 200);
    return WEXITSTATUS(status);
}

static int note_error(struct volume *volume, enum sp_status status, const struct sp_error *error) {
    (void)snprintf(volume->message, sizeof(volume->message), "%.500s", error->message);
    return (int)status;
}

static int prepare(struct volume *volume) {
    struct sp_error error = {0};
    return note_error(volume, sp_store_prepare_folder(volume->store, &error), &error);
}

static int create(struct volume *volume) {
    struct sp_error error = {0};
    const struct sp_store_create_options options = {.map_size_bytes = 1 << 24,
                                                    .schema_yaml = sp_str_from(world_schema),
                                                    .key_prefix = SP_STR_LITERAL("sp_"),
                                                    .now_s = 1700000000};
    return note_error(volume, sp_store_create(volume->store, &options, &error), &error);
}

static int open_store(struct volume *volume, enum sp_store_mode mode) {
    struct sp_error error = {0};
    struct sp_store *store = NULL;
    enum sp_status status = sp_store_open(volume->store, &(struct sp_store_options){.mode = mode}, &store, &error);
    sp_store_close(store);
    return note_error(volume, status, &error);
}

static int open_to_write(struct volume *volume) {
    return open_store(volume, SP_STORE_WRITE);
}

static int open_to_read(struct volume *volume) {
    return open_store(volume, SP_STORE_READ);
}

static int check(struct volume *volume) {
    struct sp_error error = {0};
    return note_error(volume, sp_store_check_folder(volume->store, &error), &error);
}

/* ---- a volume ---- */

static void join(char *ret_path, size_t size, const char *folder, const char *name) {
    int length = snprintf(ret_path, size, "%s/%s", folder, name);
    assert_true(length > 0 && (size_t)length < size);
}

static void make_volume(struct volume *volume) {
    folder_make(volume->path);
    assert_int_equal(chmod(volume->path, 0755), 0);
    join(volume->shared, sizeof(volume->shared), volume->path, "shared");
    assert_int_equal(mkdir(volume->shared, 0770), 0);
    assert_int_equal(chown(volume->shared, 0, GROUP), 0);
    assert_int_equal(chmod(volume->shared, 02770), 0);
    join(volume->store, sizeof(volume->store), volume->path, "store");
    assert_int_equal(mkdir(volume->store, 0750), 0);
    assert_int_equal(chown(volume->store, WRITER, GROUP), 0);
}

static void make_store(struct volume *volume) {
    make_volume(volume);
    if (act_as(volume, WRITER, create) != SP_OK)
        fail_msg("%s", volume->message);
}

static void expect(struct volume *volume, int status, enum sp_status wanted, const char *message) {
    if (status != (int)wanted || strstr(volume->message, message) == NULL)
        fail_msg("status %d, not %d: \"%s\", not \"%s\"", status, (int)wanted, volume->message, message);
}

static void remove_volume(struct volume *volume) {
    folder_remove(volume->path);
}

/* ---- what a writer refuses ---- */

static void both_users_open_a_store_below_folders_that_only_the_writer_changes(void **state) {
    (void)state;
    struct volume volume;
    make_store(&volume);
    expect(&volume, act_as(&volume, WRITER, open_to_write), SP_OK, "");
    expect(&volume, act_as(&volume, READER, open_to_read), SP_OK, "");
    remove_volume(&volume);
}

static void refuses_a_store_whose_folder_others_may_rename(void **state) {
    (void)state;
    struct volume volume;
    char moved[160];
    make_store(&volume);
    join(moved, sizeof(moved), volume.shared, "store");
    assert_int_equal(rename(volume.store, moved), 0);
    join(volume.store, sizeof(volume.store), volume.shared, "store");
    expect(&volume, act_as(&volume, WRITER, open_to_write), SP_ERR_PRECONDITION, "others may replace");
    /* Unless the folder is sticky, in which each only renames what is theirs. */
    assert_int_equal(chmod(volume.shared, 03770), 0);
    expect(&volume, act_as(&volume, WRITER, open_to_write), SP_OK, "");
    remove_volume(&volume);
}

static void refuses_to_make_a_store_where_others_may_replace_it(void **state) {
    (void)state;
    struct volume volume;
    make_volume(&volume);
    join(volume.store, sizeof(volume.store), volume.shared, "new");
    expect(&volume, act_as(&volume, WRITER, create), SP_ERR_PRECONDITION, "others may replace");
    remove_volume(&volume);
}

struct change {
    const char *name; /* in the store's folder; "": the folder */
    uid_t owner;
    mode_t mode;
    const char *message;
};

static void refuses_folders_and_files_that_others_own_or_may_change(void **state) {
    (void)state;
    static const struct change changes[] = {
        {"", READER, 0750, "belongs to user 10402"},
        {"", WRITER, 0770, "others may write to"},
        {"", WRITER, 0757, "others may write to"},
        {"data.mdb", READER, 0640, "must be a file of user 10401"},
        {"data.mdb", OTHER, 0640, "must be a file of user 10401"},
        {"data.mdb", WRITER, 0660, "others may write to"},
        {"lock.mdb", READER, 0660, "must be a file of user 10401"},
        {"lock.mdb", WRITER, 0666, "others may write to"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        struct volume volume;
        char path[160];
        make_store(&volume);
        join(path, sizeof(path), volume.store, changes[i].name);
        assert_int_equal(chown(path, changes[i].owner, GROUP), 0);
        assert_int_equal(chmod(path, changes[i].mode), 0);
        expect(&volume, act_as(&volume, WRITER, open_to_write), SP_ERR_PRECONDITION, changes[i].message);
        remove_volume(&volume);
    }
}

static void refuses_links_in_place_of_its_files(void **state) {
    (void)state;
    struct volume volume;
    char path[160], kept[160];
    make_store(&volume);
    join(path, sizeof(path), volume.store, "data.mdb");
    join(kept, sizeof(kept), volume.store, "kept");
    assert_int_equal(link(path, kept), 0);
    expect(&volume, act_as(&volume, WRITER, open_to_write), SP_ERR_PRECONDITION, "with one name");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("kept", path), 0);
    expect(&volume, act_as(&volume, WRITER, open_to_write), SP_ERR_PRECONDITION, "must be a file");
    remove_volume(&volume);
}

static void refuses_a_path_through_a_link_that_others_may_replace(void **state) {
    (void)state;
    struct volume volume;
    char link_path[160];
    make_store(&volume);
    join(link_path, sizeof(link_path), volume.shared, "link");
    assert_int_equal(symlink(volume.store, link_path), 0);
    join(volume.store, sizeof(volume.store), volume.shared, "link");
    expect(&volume, act_as(&volume, WRITER, check), SP_ERR_PRECONDITION, "others may replace");
    remove_volume(&volume);
}

/* ---- the pod ---- */

static void prepare_narrows_what_the_mount_of_a_volume_gave_the_group(void **state) {
    (void)state;
    struct volume volume;
    char data[160], moved[160];
    make_store(&volume);
    join(moved, sizeof(moved), volume.shared, "store");
    assert_int_equal(rename(volume.store, moved), 0);
    join(volume.store, sizeof(volume.store), volume.shared, "store");
    join(data, sizeof(data), volume.store, "data.mdb");
    assert_int_equal(chmod(volume.store, 02770), 0);
    assert_int_equal(chmod(data, 0660), 0);
    expect(&volume, act_as(&volume, READER, prepare), SP_ERR_PRECONDITION, "belongs to user 10401");
    expect(&volume, act_as(&volume, WRITER, prepare), SP_OK, "");
    struct stat about;
    assert_int_equal(stat(volume.store, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0750);
    assert_int_equal(stat(data, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    remove_volume(&volume);
}

/* The reader's attempts on what is mounted at volume->store; how many of them worked. */
static int attack_mount(struct volume *volume) {
    char data[160], own[160], moved[160];
    join(data, sizeof(data), volume->store, "data.mdb");
    join(own, sizeof(own), volume->store, "own");
    (void)snprintf(moved, sizeof(moved), "%s.moved", volume->store);
    int worked = 0;
    worked += rename(volume->store, moved) == 0;
    worked += mkdir(own, 0700) == 0;
    worked += unlink(data) == 0;
    worked += rename(data, own) == 0;
    worked += open(data, O_WRONLY | O_CLOEXEC) >= 0;
    worked += open(own, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
    worked += chmod(volume->store, 0777) == 0;
    return worked;
}

/* Only the folder itself is mounted where the containers see it, as with subPath. */
static void the_readers_user_cannot_replace_a_store_that_is_mounted_by_itself(void **state) {
    (void)state;
    struct volume volume;
    char mounted[160];
    make_volume(&volume);
    join(volume.store, sizeof(volume.store), volume.shared, "store");
    expect(&volume, act_as(&volume, WRITER, prepare), SP_OK, "");
    join(mounted, sizeof(mounted), volume.path, "mounted");
    assert_int_equal(mkdir(mounted, 0755), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(volume.store, mounted, NULL, MS_BIND, NULL) != 0) {
        remove_volume(&volume);
        skip();
    }
    join(volume.store, sizeof(volume.store), volume.path, "mounted");
    expect(&volume, act_as(&volume, WRITER, create), SP_OK, "");
    assert_int_equal(act_as(&volume, READER, attack_mount), 0);
    expect(&volume, act_as(&volume, READER, open_to_read), SP_OK, "");
    expect(&volume, act_as(&volume, WRITER, open_to_write), SP_OK, "");
    assert_int_equal(umount(mounted), 0);
    remove_volume(&volume);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_users_open_a_store_below_folders_that_only_the_writer_changes),
        cmocka_unit_test(refuses_a_store_whose_folder_others_may_rename),
        cmocka_unit_test(refuses_to_make_a_store_where_others_may_replace_it),
        cmocka_unit_test(refuses_folders_and_files_that_others_own_or_may_change),
        cmocka_unit_test(refuses_links_in_place_of_its_files),
        cmocka_unit_test(refuses_a_path_through_a_link_that_others_may_replace),
        cmocka_unit_test(prepare_narrows_what_the_mount_of_a_volume_gave_the_group),
        cmocka_unit_test(the_readers_user_cannot_replace_a_store_that_is_mounted_by_itself),
    };
    if (geteuid() != 0) {
        (void)fputs("skipped: needs root to act as two users\n", stderr);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
