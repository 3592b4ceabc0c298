/* What both programs do when the store's files are no longer those at its path, and when the
 * kernel ends them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpc/client.h"
#include "support/programs.h"

/* Ended already: only the folder is left to remove. */
static void clean_up(struct programs *programs) {
    caller_close(&programs->operator_caller);
    caller_close(&programs->checker);
    folder_remove(programs->folder);
}

static void expect_end(struct process *process, const char *message) {
    assert_int_equal(process_wait(process), 1);
    char *said = process_read(process->err);
    if (strstr(said, message) == NULL)
        fail_msg("\"%s\" is not in: %s", message, said);
    free(said);
}

static void copy_file(struct programs *programs, const char *folder, const char *name) {
    char from[160], to[160];
    struct process process;
    (void)snprintf(from, sizeof(from), "%s.old/%s", folder, name);
    (void)snprintf(to, sizeof(to), "%s/%s", folder, name);
    const char *arguments[] = {"/bin/cp", from, to, NULL};
    assert_int_equal(process_run(&process, programs->folder, "copy", arguments), 0);
}

static void both_programs_end_when_the_folder_is_replaced(void **state) {
    (void)state;
    struct programs programs;
    char old[128], key[PROGRAMS_KEY_BYTES];
    programs_start(&programs, NULL);
    programs_workspace(&programs, "w1", key);
    (void)snprintf(old, sizeof(old), "%s.old", programs.store);
    assert_int_equal(rename(programs.store, old), 0);
    assert_int_equal(mkdir(programs.store, 0750), 0);
    copy_file(&programs, programs.store, "data.mdb");
    copy_file(&programs, programs.store, "lock.mdb");
    expect_end(&programs.server, "was replaced since it was opened");
    expect_end(&programs.sync, "was replaced since it was opened");
    clean_up(&programs);
}

static void no_change_is_acknowledged_after_the_data_file_was_removed(void **state) {
    (void)state;
    struct programs programs;
    char path[160], key[PROGRAMS_KEY_BYTES];
    programs_start(&programs, NULL);
    programs_workspace(&programs, "w1", key);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", programs.store);
    assert_int_equal(unlink(path), 0);
    const char *request = "{\"id\":\"w2\",\"name\":\"W2\"}";
    assert_int_not_equal(caller_call(&programs.operator_caller, "Admin/CreateWorkspace", request), SP_OK);
    expect_end(&programs.server, "data.mdb was removed");
    expect_end(&programs.sync, "data.mdb was removed");
    clean_up(&programs);
}

static void both_programs_end_when_the_lock_file_is_removed(void **state) {
    (void)state;
    struct programs programs;
    char path[160];
    programs_start(&programs, NULL);
    (void)snprintf(path, sizeof(path), "%s/lock.mdb", programs.store);
    assert_int_equal(unlink(path), 0);
    expect_end(&programs.server, "lock.mdb was removed");
    expect_end(&programs.sync, "lock.mdb was removed");
    clean_up(&programs);
}

/* Sanitizers have handlers of their own for these signals. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static void a_fault_leaves_one_line_and_the_signal(void **state) {
    (void)state;
    static const struct {
        int number;
        const char *line;
    } faults[] = {
        {SIGBUS, "{\"level\":\"error\",\"program\":\"sallyportd\",\"message\":\"killed by SIGBUS: "},
        {SIGSEGV, "{\"level\":\"error\",\"program\":\"sallyportd\",\"message\":\"killed by SIGSEGV: "},
    };
    if (SANITIZED)
        skip();
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        struct programs programs;
        programs_start(&programs, NULL);
        assert_int_equal(process_end(&programs.server, faults[i].number), 128 + faults[i].number);
        char *said = process_read(programs.server.err);
        assert_non_null(strstr(said, faults[i].line));
        free(said);
        programs_start_server(&programs);
        programs_stop(&programs);
    }
}

static int start_rpc(void **state) {
    (void)state;
    sp_rpc_global_init();
    return 0;
}

static int end_rpc(void **state) {
    (void)state;
    sp_rpc_global_fini();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_programs_end_when_the_folder_is_replaced),
        cmocka_unit_test(no_change_is_acknowledged_after_the_data_file_was_removed),
        cmocka_unit_test(both_programs_end_when_the_lock_file_is_removed),
        cmocka_unit_test(a_fault_leaves_one_line_and_the_signal),
    };
    return cmocka_run_group_tests(tests, start_rpc, end_rpc) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
