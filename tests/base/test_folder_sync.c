/* Which folder is synced. This program's own fsync writes down what it is asked for, and has the
 * kernel do it. */
#include "base/folder_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/process.h"

static char folder[64];
static char synced[PATH_MAX]; /* the last one */
static int refusal;           /* in place of the next sync; 0: none */

int fsync(int fd) {
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, synced, sizeof(synced) - 1);
    synced[size < 0 ? 0 : size] = '\0';
    if (refusal == 0)
        return (int)syscall(SYS_fsync, fd);
    errno = refusal;
    return -1;
}

static int set_up(void **state) {
    (void)state;
    folder_make(folder);
    synced[0] = '\0';
    refusal = 0;
    return chdir(folder);
}

static int tear_down(void **state) {
    (void)state;
    folder_remove(folder);
    return chdir("/");
}

static void the_folder_that_holds_a_name_is_synced(void **state) {
    static const struct {
        const char *path, *wanted; /* both after the test's folder; path as it is if it is relative */
        bool relative;
    } rows[] = {
        {"/a", "", false},          {"/a/", "", false},         {"/a//", "", false},    {"/sub/a", "/sub", false},
        {"/sub//a", "/sub", false}, {"/sub/a/", "/sub", false}, {"a", "", true},        {"./a", "", true},
        {"sub/a", "/sub", true},    {"a/", "", true},           {"sub/../a", "", true},
    };
    (void)state;
    assert_int_equal(mkdir("sub", 0700), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char path[PATH_MAX], wanted[PATH_MAX];
        struct sp_error error = {0};
        snprintf(path, sizeof(path), "%s%s", rows[i].relative ? "" : folder, rows[i].path);
        snprintf(wanted, sizeof(wanted), "%s%s", folder, rows[i].wanted);
        synced[0] = '\0';
        if (sp_folder_sync_parent(path, &error) != SP_OK || strcmp(synced, wanted) != 0)
            fail_msg("%s: %s was synced; %s", path, synced, error.message);
    }
}

static void the_root_holds_itself(void **state) {
    struct sp_error error = {0};
    (void)state;
    assert_int_equal(sp_folder_sync_parent("/a", &error), SP_OK);
    assert_string_equal(synced, "/");
    assert_int_equal(sp_folder_sync_parent("/", &error), SP_OK);
}

static void what_cannot_be_synced_is_an_error_with_its_reason(void **state) {
    struct sp_error error = {0};
    char longest[PATH_MAX + 10];
    (void)state;
    assert_int_equal(sp_folder_sync("none", &error), SP_ERR_IO);
    assert_non_null(strstr(error.message, strerror(ENOENT)));
    file_write("file", "text");
    assert_int_equal(sp_folder_sync("file", &error), SP_ERR_IO);
    assert_non_null(strstr(error.message, strerror(ENOTDIR)));
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    longest[PATH_MAX + 4] = '/';
    assert_int_equal(sp_folder_sync_parent(longest, &error), SP_ERR_INVALID);
    refusal = EIO;
    assert_int_equal(sp_folder_sync(".", &error), SP_ERR_IO);
    assert_non_null(strstr(error.message, strerror(EIO)));
}

static void a_file_whose_folder_cannot_be_synced_is_not_kept(void **state) {
    struct sp_error error = {0};
    (void)state;
    int fd = open("made", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(sp_folder_keep_made("made", fd, &error), SP_OK);
    assert_string_equal(synced, folder);
    assert_int_equal(access("made", F_OK), 0);
    refusal = EIO;
    assert_int_equal(sp_folder_keep_made("made", fd, &error), SP_ERR_IO);
    assert_int_not_equal(access("made", F_OK), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* They keep their names in order by themselves. */
static void a_file_system_that_syncs_no_folders_is_no_error(void **state) {
    static const int reasons[] = {EINVAL, ENOTSUP};
    struct sp_error error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        refusal = reasons[i];
        assert_int_equal(sp_folder_sync(".", &error), SP_OK);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_folder_that_holds_a_name_is_synced),
        TEST(the_root_holds_itself),
        TEST(what_cannot_be_synced_is_an_error_with_its_reason),
        TEST(a_file_whose_folder_cannot_be_synced_is_not_kept),
        TEST(a_file_system_that_syncs_no_folders_is_no_error),
    };
    return cmocka_run_group_tests_name("folder_sync", tests, NULL, NULL);
}
