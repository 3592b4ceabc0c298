/* A volume that is full: access can still be taken away. On a small file system in memory that only
 * this process and its children see; skipped where that is not allowed. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/programs.h"

enum { SKIPPED = 77, KEYS = 30 };

/* Takes all that is left of the volume. */
static void fill_volume(const char *path) {
    static char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void a_full_disk_leaves_room_to_take_access_away(void **state) {
    (void)state;
    static struct programs programs;
    char key[PROGRAMS_KEY_BYTES], other_key[PROGRAMS_KEY_BYTES], leaked[KEYS][PROGRAMS_KEY_BYTES], ballast[128];
    struct caller admin, other;
    programs_start(&programs, NULL);
    programs_workspace(&programs, "acme", key);
    programs_workspace(&programs, "other", other_key);
    operator_ok(&programs, "Admin/UpdateWorkspace",
                "{'workspace':{'id':'other','quotas':{'groups':1000000}},'updateMask':['quotas']}");
    assert_true(caller_open(&admin, programs.sync_target, key));
    assert_true(caller_open(&other, programs.sync_target, other_key));
    for (int i = 0; i < KEYS; i++) {
        caller_ok(&admin, "Admin/CreateApiKey",
                  "{'id':'leaked%d','principal':'%s','name':'K','permissions':{'all':true}}", i, "acme-admin");
        snprintf(leaked[i], sizeof(leaked[i]), "%s", caller_text(&admin, "secret"));
    }
    snprintf(ballast, sizeof(ballast), "%s/ballast", programs.folder);
    fill_volume(ballast);
    /* The first of these still fit into what is free in the file, or was allocated ahead of
     * need. */
    enum sp_status status = SP_OK;
    for (int i = 0; i < 20000 && status == SP_OK; i++)
        status = caller_callf(&other, "Admin/CreateGroup", "{'id':'g%d','name':'%0100d'}", i, i);
    assert_int_equal(status, SP_ERR_EXHAUSTED);
    assert_non_null(strstr(other.error.message, "full"));
    for (int i = 0; i < KEYS; i++) {
        int64_t began_ms = sp_clock_monotonic_ms();
        caller_ok(&admin, "Admin/DisableApiKey", "{'id':'leaked%d'}", i);
        if (i % 10 == 0)
            print_message("disabled a key in %lld ms\n", (long long)(sp_clock_monotonic_ms() - began_ms));
        assert_string_equal(check_reason(&programs.checker, leaked[i], "voice", "v", "preview"), "KEY_DISABLED");
    }
    assert_int_equal(unlink(ballast), 0);
    caller_ok(&other, "Admin/CreateUser", "{'id':'late','name':'U'}");
    caller_close(&admin);
    caller_close(&other);
    programs_stop(&programs);
}

int main(void) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/tmp", "tmpfs", 0, "size=96m") != 0) {
        fprintf(stderr, "cannot mount a file system: %s\n", strerror(errno));
        return SKIPPED;
    }
    setenv("SALLYPORT_SYNC_RESERVE", "4M", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_leaves_room_to_take_access_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
