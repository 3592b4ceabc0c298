/* A store on a volume that is full: a small tmpfs in a mount namespace of this process. Needs
 * root. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/lmdb/store.h"
#include "store/records/create.h"
#include "store/records/entity.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/recovery/backup.h"
#include "store/recovery/verify.h"
#include "support/process.h"
#include "support/store_world.h"

enum { PIECE = 4096, RECORD_BYTES = 2000 };

struct volume {
    char path[64];
    char folder[96];
    char ballast[96];
    struct sp_store *store;
};

static bool mount_volume(struct volume *volume, const char *size) {
    struct sp_error error = {0};
    char options[64];
    const struct sp_store_create_options create = {
        .map_size_bytes = 1 << 28, .schema_yaml = sp_str_from(world_schema), .key_prefix = SP_STR_LITERAL("sp_")};
    folder_make(volume->path);
    (void)snprintf(options, sizeof(options), "size=%s,mode=0755", size);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", volume->path, "tmpfs", 0, options) != 0)
        return false;
    (void)snprintf(volume->folder, sizeof(volume->folder), "%s/store", volume->path);
    (void)snprintf(volume->ballast, sizeof(volume->ballast), "%s/ballast", volume->path);
    assert_int_equal(sp_store_create(volume->folder, &create, &error), SP_OK);
    assert_int_equal(
        sp_store_open(volume->folder, &(struct sp_store_options){.mode = SP_STORE_WRITE}, &volume->store, &error),
        SP_OK);
    return true;
}

static void unmount_volume(struct volume *volume) {
    sp_store_close(volume->store);
    assert_int_equal(umount2(volume->path, MNT_DETACH), 0);
    folder_remove(volume->path);
}

static void fill_volume(const struct volume *volume) {
    static const char piece[PIECE];
    int fd = open(volume->ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, piece, sizeof(piece)) > 0) {
    }
    close(fd);
}

/* Puts `count` records of two kilobytes under names of their own. */
static enum sp_status commit_records(struct volume *volume, unsigned first, unsigned count, struct sp_error *error) {
    static const uint8_t bytes[RECORD_BYTES];
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(volume->store, &write, error);
    for (unsigned i = 0; status == SP_OK && i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "test%u", first + i);
        status = sp_write_meta(write, name, (struct sp_bytes){bytes, sizeof(bytes)});
    }
    if (status != SP_OK) {
        status = sp_write_check(write, error);
        sp_write_abort(write);
        return status;
    }
    return sp_write_commit(write, error);
}

static void a_full_volume_is_called_by_its_name_and_harms_nothing(void **state) {
    struct volume volume = {.store = NULL};
    struct sp_error error = {0};
    (void)state;
    if (!mount_volume(&volume, "4m"))
        skip();
    assert_int_equal(commit_records(&volume, 0, 10, &error), SP_OK);
    fill_volume(&volume);
    struct stat ballast;
    assert_int_equal(stat(volume.ballast, &ballast), 0);
    /* With no page left, and with some, so that a write is cut short. */
    for (int pages = 0; pages < 12; pages++) {
        assert_int_equal(truncate(volume.ballast, ballast.st_size - pages * PIECE), 0);
        assert_int_equal(commit_records(&volume, 100, 200, &error), SP_ERR_EXHAUSTED);
        assert_non_null(strstr(error.message, "the volume is full"));
    }
    assert_int_equal(sp_store_verify(volume.store, NULL, NULL, NULL, &error), SP_OK);
    assert_int_equal(unlink(volume.ballast), 0);
    assert_int_equal(commit_records(&volume, 100, 200, &error), SP_OK);
    assert_int_equal(sp_store_verify(volume.store, NULL, NULL, NULL, &error), SP_OK);
    unmount_volume(&volume);
}

static void a_backup_without_room_leaves_room_for_changes(void **state) {
    struct volume volume = {.store = NULL};
    struct sp_error error = {0};
    struct sp_revision revision;
    struct statvfs about;
    (void)state;
    if (!mount_volume(&volume, "16m"))
        skip();
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(commit_records(&volume, i * 250, 250, &error), SP_OK);
    int fd = open(volume.ballast, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(sp_store_backup(volume.store, fd, &revision, &error), SP_ERR_EXHAUSTED);
    assert_non_null(strstr(error.message, "no room for a copy of the store"));
    /* While the copy still takes its place. */
    assert_int_equal(fstatvfs(fd, &about), 0);
    assert_true(about.f_bavail * about.f_frsize >= (1 << 20));
    assert_int_equal(commit_records(&volume, 0, 20, &error), SP_OK);
    close(fd);
    assert_int_equal(unlink(volume.ballast), 0);
    unmount_volume(&volume);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_volume_is_called_by_its_name_and_harms_nothing),
        cmocka_unit_test(a_backup_without_room_leaves_room_for_changes),
    };
    if (geteuid() != 0) {
        (void)fputs("skipped: needs root to mount a small volume\n", stderr);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
