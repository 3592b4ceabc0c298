/* The disaster drill: a backup taken while everything changes is restored with the command line,
 * verifies, serves, and gives back nothing that was revoked since. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/programs.h"

enum { KEYS = 20, CHANGERS = 3 };

struct drill {
    struct programs programs;
    struct caller admin;
    char admin_key[PROGRAMS_KEY_BYTES];
    char keys[KEYS][PROGRAMS_KEY_BYTES];
    char backup[128], trail[128], operator_file[128];
};

/* ---- changes at full speed ---- */

struct changer {
    pthread_t thread;
    const struct drill *drill;
    unsigned number;
    atomic_bool *stop;
    unsigned long changes;
    char wrong[1200];
};

static void *change(void *user) {
    struct changer *changer = user;
    struct caller caller;
    if (!caller_open(&caller, changer->drill->programs.sync_target, changer->drill->admin_key)) {
        snprintf(changer->wrong, sizeof(changer->wrong), "no client");
        return NULL;
    }
    for (unsigned long i = 0; !atomic_load(changer->stop) && changer->wrong[0] == '\0'; i++) {
        if (caller_callf(&caller, "Admin/CreateGroup", "{'id': 'g%u_%lu', 'name': 'G'}", changer->number, i) != SP_OK ||
            caller_callf(&caller, "Admin/AddGroupMembers", "{'group': 'g%u_%lu', 'principals': ['bob']}",
                         changer->number, i) != SP_OK)
            snprintf(changer->wrong, sizeof(changer->wrong), "%s", caller.error.message);
        changer->changes += 2;
    }
    caller_close(&caller);
    return NULL;
}

/* ---- the command line ---- */

static void run_cli(struct drill *drill, const char *name, const char *const *arguments) {
    struct process process;
    setenv("SALLYPORT_ADMIN", drill->programs.sync_target, 1);
    setenv("SALLYPORT_KEY_FILE", drill->operator_file, 1);
    if (process_run(&process, drill->programs.folder, name, arguments) != 0) {
        char *said = process_read(process.err);
        fail_msg("%s: %s", name, said);
    }
}

static void save_trail(struct drill *drill) {
    struct process process;
    const char *arguments[] = {"sallyport", "changes", "-o", "ndjson", NULL};
    setenv("SALLYPORT_ADMIN", drill->programs.sync_target, 1);
    setenv("SALLYPORT_KEY_FILE", drill->operator_file, 1);
    assert_int_equal(process_run(&process, drill->programs.folder, "changes", arguments), 0);
    snprintf(drill->trail, sizeof(drill->trail), "%s", process.out);
}

/* ---- the world ---- */

static void make_world(struct drill *drill) {
    programs_start(&drill->programs, NULL);
    programs_workspace(&drill->programs, "w1", drill->admin_key);
    assert_true(caller_open(&drill->admin, drill->programs.sync_target, drill->admin_key));
    operator_ok(
        &drill->programs, "Admin/UpdateWorkspace",
        "{'workspace': {'id': 'w1', 'quotas': {'groups': 1000000, 'members': 1000000}}, 'updateMask': ['quotas']}");
    caller_ok(&drill->admin, "Admin/CreateUser", "{'id': 'bob', 'name': 'Bob'}");
    for (unsigned i = 0; i < KEYS; i++) {
        caller_ok(&drill->admin, "Admin/CreateApiKey",
                  "{'id': 'k%u', 'principal': 'bob', 'name': 'K', 'permissions': {'all': true}}", i);
        snprintf(drill->keys[i], sizeof(drill->keys[i]), "%s", caller_text(&drill->admin, "secret"));
    }
    snprintf(drill->operator_file, sizeof(drill->operator_file), "%s/drill-operator.key", drill->programs.folder);
    FILE *file = fopen(drill->operator_file, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "%s\n", drill->programs.operator_key) > 0);
    assert_int_equal(fclose(file), 0);
}

static void back_up_under_load(struct drill *drill) {
    struct changer changers[CHANGERS];
    atomic_bool stop;
    atomic_init(&stop, false);
    for (unsigned i = 0; i < CHANGERS; i++) {
        changers[i] = (struct changer){.drill = drill, .number = i, .stop = &stop};
        assert_int_equal(pthread_create(&changers[i].thread, NULL, change, &changers[i]), 0);
    }
    snprintf(drill->backup, sizeof(drill->backup), "%s/drill.mdb", drill->programs.folder);
    const char *arguments[] = {"sallyport", "backup", drill->backup, NULL};
    run_cli(drill, "backup", arguments);
    atomic_store(&stop, true);
    unsigned long changes = 0;
    for (unsigned i = 0; i < CHANGERS; i++) {
        pthread_join(changers[i].thread, NULL);
        assert_string_equal(changers[i].wrong, "");
        changes += changers[i].changes;
    }
    assert_true(changes > 0);
}

/* What happens to the keys after the backup. */
static void revoke_some(struct drill *drill) {
    caller_ok(&drill->admin, "Admin/DeleteApiKey", "{'id': 'k0'}");
    caller_ok(&drill->admin, "Admin/DisableApiKey", "{'id': 'k1', 'reason': 'leaked'}");
    caller_ok(&drill->admin, "Admin/UpdateApiKey",
              "{'id': 'k2', 'updateMask': ['permissions'], 'permissions': {'names': ['workspace_read']}}");
}

static const char *reason(struct drill *drill, unsigned key) {
    return check_reason(&drill->programs.checker, drill->keys[key], "voice", "", "preview");
}

static void serve_restored(struct drill *drill) {
    struct programs *programs = &drill->programs;
    caller_close(&drill->admin);
    caller_close(&programs->operator_caller);
    caller_close(&programs->checker);
    assert_int_equal(process_end(&programs->server, SIGTERM), 0);
    assert_int_equal(process_end(&programs->sync, SIGTERM), 0);
    const char *arguments[] = {"sallyport-sync", "restore",   "--backup",  drill->backup, "--store",
                               programs->store,  "--replace", "--changes", drill->trail,  NULL};
    run_cli(drill, "restore", arguments);
    programs_verify(programs);
    programs_start_sync(programs);
    programs_start_server(programs);
}

static void a_backup_under_load_restores_and_gives_back_nothing_revoked(void **state) {
    (void)state;
    static struct drill drill;
    sp_rpc_global_init();
    make_world(&drill);
    assert_string_equal(reason(&drill, 0), "ALLOWED");
    long long epoch = caller_number(&drill.programs.checker, "revision.epoch");
    long long number = caller_number(&drill.programs.checker, "revision.number");
    back_up_under_load(&drill);
    revoke_some(&drill);
    assert_string_equal(reason(&drill, 0), "KEY_UNKNOWN");
    save_trail(&drill);
    serve_restored(&drill);

    assert_string_equal(reason(&drill, 0), "KEY_UNKNOWN");
    assert_string_equal(reason(&drill, 1), "KEY_DISABLED");
    assert_string_equal(reason(&drill, 3), "ALLOWED");
    assert_true(caller_number(&drill.programs.checker, "revision.epoch") > epoch);
    assert_string_equal(check_reason(&drill.programs.checker, drill.keys[2], "voice", "v", "edit"),
                        "PERMISSION_MISSING");
    /* A token of the old epoch asks for something that there is no longer. */
    assert_int_equal(caller_callf(&drill.programs.checker, "Authorization/Check",
                                  "{'apiKey': '%s', 'resource': {'type': 'voice'}, 'action': 'preview', "
                                  "'minRevision': {'epoch': '%lld', 'number': '%lld'}}",
                                  drill.keys[3], epoch, number),
                     SP_ERR_PRECONDITION);
    programs_stop(&drill.programs);
    sp_rpc_global_fini();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_under_load_restores_and_gives_back_nothing_revoked),
    };
    return cmocka_run_group_tests_name("drill", tests, NULL, NULL) > 0 ? 1 : 0;
}
