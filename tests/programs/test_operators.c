/* Operators of a running instance: keys with limits, their last use, and revoking one online. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/programs.h"

static struct programs programs;

static int start(void **state) {
    (void)state;
    programs_start(&programs, NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    programs_stop(&programs);
    return 0;
}

static struct process last;

/* Runs a command; its stdout or, if it fails, its stderr. The caller frees. */
static char *run(int status, const char *const *arguments) {
    char key_file[128];
    snprintf(key_file, sizeof(key_file), "%s/operator.key", programs.folder);
    setenv("SALLYPORT_ADMIN", programs.sync_target, 1);
    setenv("SALLYPORT_KEY_FILE", key_file, 1);
    int got = process_run(&last, programs.folder, "command", arguments);
    char *said = process_read(status == 0 ? last.out : last.err);
    if (got != status)
        fail_msg("ended with %d: %s", got, said);
    return said;
}

static void assert_said(char *said, const char *fragment) {
    assert_says(said, fragment);
    free(said);
}

static void open_operator(struct caller *caller, const char *const *add) {
    char *key = run(0, add);
    key[strcspn(key, "\n")] = '\0';
    assert_true(caller_open(caller, programs.sync_target, key));
    free(key);
}

static void an_operator_with_limits_is_held_to_them(void **state) {
    struct caller auditor, elsewhere;
    const char *add_auditor[] = {"sallyport-sync", "operator",     "add",      "auditor",
                                 "--store",        programs.store, "--scopes", "audit,operators",
                                 "--expires-days", "30",           NULL};
    const char *add_elsewhere[] = {"sallyport-sync", "operator",      "add",        "elsewhere", "--store",
                                   programs.store,   "--allowed-ips", "10.0.0.0/8", NULL};
    (void)state;
    open_operator(&auditor, add_auditor);
    open_operator(&elsewhere, add_elsewhere);
    caller_ok(&auditor, "Admin/ListChanges", "{}");
    assert_int_equal(caller_call(&auditor, "Admin/ListWorkspaces", "{}"), SP_ERR_PERMISSION);
    assert_int_equal(caller_call(&elsewhere, "Admin/ListWorkspaces", "{}"), SP_ERR_PERMISSION);
    caller_close(&auditor);
    caller_close(&elsewhere);
}

static void wrong_limits_leave_no_operator(void **state) {
    const char *scopes[] = {"sallyport-sync", "operator", "add", "x", "--store",
                            programs.store,   "--scopes", "all", NULL};
    const char *addresses[] = {"sallyport-sync", "operator",      "add",        "x", "--store",
                               programs.store,   "--allowed-ips", "10.0.0.1/8", NULL};
    const char *list[] = {"sallyport-sync", "operator", "list", "--store", programs.store, NULL};
    (void)state;
    assert_said(run(2, scopes), "--scopes, entry 1: \"all\" is not a scope: use any of workspaces, ");
    assert_said(run(2, addresses), "--allowed-ips, entry 1: 10.0.0.1/8 has bits set");
    char *said = run(0, list);
    assert_null(strstr(said, "\nx "));
    assert_said(said, "scopes audit,operators");
}

/* What the instance notes of keys is written every few seconds. */
static long long wait_for_use(const char *name, const char *path) {
    for (int i = 0; i < 6000; i++) {
        operator_ok(&programs, "Admin/ListOperators", "{}");
        for (int j = 0; j < 10; j++) {
            char at[64];
            snprintf(at, sizeof(at), "operators.%d.operator.name", j);
            if (strcmp(caller_text(&programs.operator_caller, at), name) != 0)
                continue;
            snprintf(at, sizeof(at), "operators.%d.%s", j, path);
            if (caller_number(&programs.operator_caller, at) > 0)
                return caller_number(&programs.operator_caller, at);
        }
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    return 0;
}

static void last_use_of_an_operators_key_is_kept(void **state) {
    (void)state;
    assert_true(wait_for_use("auditor", "lastUsedAt") > 1700000000);
    assert_true(wait_for_use("elsewhere", "lastRejectedAt") > 1700000000);
}

static void an_operator_is_listed_and_revoked_online(void **state) {
    const char *list[] = {"sallyport", "operator", "list", NULL};
    const char *revoke[] = {"sallyport", "operator", "revoke", "auditor", NULL};
    const char *self[] = {"sallyport", "operator", "revoke", "admin", NULL};
    (void)state;
    assert_said(run(0, list), "auditor");
    assert_said(run(2, self), "your own key");
    free(run(0, revoke));
    assert_said(process_read(last.err), "Revoked operator auditor: the key is refused from the next call on.");
    char *said = run(0, list);
    assert_null(strstr(said, "auditor"));
    assert_said(said, "elsewhere");
}

static void offline_commands_say_what_they_did_and_warn_when_nobody_is_left(void **state) {
    char key_file[128];
    snprintf(key_file, sizeof(key_file), "%s/second.key", programs.folder);
    const char *add[] = {"sallyport-sync", "operator", "add", "second", "--store", programs.store, NULL};
    const char *revoke[] = {"sallyport-sync", "operator", "revoke", "second", "--store", programs.store, NULL};
    const char *add_to_file[] = {"sallyport-sync", "operator",   "add",    "second", "--store",
                                 programs.store,   "--key-file", key_file, NULL};
    const char *revoke_elsewhere[] = {"sallyport-sync", "operator",     "revoke", "elsewhere",
                                      "--store",        programs.store, NULL};
    const char *revoke_online[] = {"sallyport", "operator", "revoke", "second", NULL};
    const char *revoke_admin[] = {"sallyport-sync", "operator", "revoke", "admin", "--store", programs.store, NULL};
    const char *list[] = {"sallyport-sync", "operator", "list", "--store", programs.store, NULL};
    (void)state;
    free(run(0, add));
    assert_said(process_read(last.err), "Added operator second. The key is printed above; it is shown only once.\n");
    free(run(0, revoke));
    assert_said(process_read(last.err), "Revoked operator second: the key is refused from the next call on.\n");
    char *said = process_read(last.err);
    assert_null(strstr(said, "left"));
    free(said);
    free(run(0, revoke_elsewhere));
    assert_said(process_read(last.err), "Only operator admin is left: add another");
    free(run(0, add_to_file));
    snprintf(key_file, sizeof(key_file), "The key is in %s/second.key; it is shown only once.\n", programs.folder);
    assert_said(process_read(last.err), key_file);
    free(run(0, revoke_online));
    assert_said(process_read(last.err), "Only operator admin is left: add another");
    free(run(0, revoke_admin));
    assert_said(process_read(last.err), "Warning: no operator is left, so nobody can manage workspaces or the schema. "
                                        "Add one: sallyport-sync operator add NAME --store ");
    free(run(0, list));
    assert_said(process_read(last.err), "There are no operators.\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operator_with_limits_is_held_to_them),
        cmocka_unit_test(wrong_limits_leave_no_operator),
        cmocka_unit_test(last_use_of_an_operators_key_is_kept),
        cmocka_unit_test(an_operator_is_listed_and_revoked_online),
        cmocka_unit_test(offline_commands_say_what_they_did_and_warn_when_nobody_is_left),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, start, stop);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
