/* The audit trail, asked for by who, what and when, over the API and by the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/programs.h"

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES], other_key[PROGRAMS_KEY_BYTES];
static struct caller admin, other;

static int start(void **state) {
    char key[PROGRAMS_KEY_BYTES];
    (void)state;
    programs_start(&programs, NULL);
    programs_workspace(&programs, "acme", admin_key);
    programs_workspace(&programs, "other", other_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    assert_true(caller_open(&other, programs.sync_target, other_key));
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'acme', 'resource': {'type': 'voice', 'id': 'rachel'}}");
    programs_user(&admin, "bob", key);
    caller_ok(
        &admin, "Admin/ShareResource",
        "{'resource': {'type': 'voice', 'id': 'rachel'}, 'subject': {'principal': 'bob'}, 'role': 'ROLE_VIEWER'}");
    programs_user(&other, "bob", key);
    return 0;
}

static int stop(void **state) {
    (void)state;
    caller_close(&admin);
    caller_close(&other);
    programs_stop(&programs);
    return 0;
}

/* The methods of the changes that fit, in order, joined by spaces. */
static const char *methods_of(struct caller *caller, const char *request) {
    static char text[1024];
    text[0] = '\0';
    caller_ok(caller, "Admin/ListChanges", "%s", request);
    for (int i = 0; i < 100; i++) {
        char path[40];
        snprintf(path, sizeof(path), "changes.%d.method", i);
        const char *method = caller_text(caller, path);
        if (method[0] == '\0')
            break;
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i == 0 ? "" : " ", method);
    }
    return text;
}

static void changes_are_found_by_who_made_them(void **state) {
    (void)state;
    assert_string_equal(methods_of(&admin, "{'actor': 'acme-admin'}"), "CreateUser CreateApiKey ShareResource");
    assert_string_equal(methods_of(&admin, "{'actor': 'operator:admin'}"), "CreateWorkspace RegisterResource");
    assert_string_equal(methods_of(&programs.operator_caller, "{'actor': 'other-admin'}"), "CreateUser CreateApiKey");
    assert_string_equal(methods_of(&admin, "{'actor': 'other-admin'}"), "");
}

static void changes_are_found_by_what_they_touched(void **state) {
    (void)state;
    assert_string_equal(methods_of(&admin, "{'object': 'voice/rachel'}"), "RegisterResource ShareResource");
    assert_string_equal(methods_of(&admin, "{'object': 'bob'}"), "CreateUser CreateApiKey ShareResource");
    assert_string_equal(methods_of(&admin, "{'object': 'bob-key'}"), "CreateApiKey");
    assert_string_equal(methods_of(&admin, "{'kind': 'ENTITY_GRANT', 'object': 'bob'}"), "ShareResource");
    assert_string_equal(methods_of(&admin, "{'kind': 'ENTITY_GROUP', 'actor': 'acme-admin'}"), "");
}

static void changes_are_found_by_when_they_were_made(void **state) {
    (void)state;
    assert_string_equal(methods_of(&admin, "{'untilTime': '1700000000'}"), "");
    assert_string_equal(methods_of(&admin, "{'sinceTime': '1700000000', 'object': 'bob-key'}"), "CreateApiKey");
    assert_string_equal(methods_of(&admin, "{'sinceTime': '99999999999'}"), "");
    assert_int_equal(caller_call(&admin, "Admin/ListChanges", "{'sinceTime': '5', 'untilTime': '5'}"), SP_ERR_INVALID);
}

static void run_cli(int status, const char *fragment, const char *const *arguments) {
    struct process process;
    char key_file[128];
    snprintf(key_file, sizeof(key_file), "%s/operator.key", programs.folder);
    setenv("SALLYPORT_ADMIN", programs.sync_target, 1);
    setenv("SALLYPORT_KEY_FILE", key_file, 1);
    assert_int_equal(process_run(&process, programs.folder, "cli", arguments), status);
    char *said = process_read(status == 0 ? process.out : process.err);
    if (strstr(said, fragment) == NULL)
        fail_msg("\"%s\" is not in: %s", fragment, said);
    free(said);
}

static void the_command_line_takes_the_same_filters(void **state) {
    const char *grants[] = {"sallyport", "changes",      "--kind",     "grant", "--object",
                            "bob",       "--since-time", "2026-01-01", NULL};
    const char *actor[] = {"sallyport", "changes", "--actor", "acme-admin", "--kind", "api-key", NULL};
    const char *follow[] = {"sallyport", "changes", "--follow", "--actor", "acme-admin", NULL};
    (void)state;
    run_cli(0, "ShareResource", grants);
    run_cli(0, "CreateApiKey", actor);
    run_cli(2, "--follow shows every new change", follow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_found_by_who_made_them),
        cmocka_unit_test(changes_are_found_by_what_they_touched),
        cmocka_unit_test(changes_are_found_by_when_they_were_made),
        cmocka_unit_test(the_command_line_takes_the_same_filters),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, start, stop);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
