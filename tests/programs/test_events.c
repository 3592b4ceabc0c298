/* What both programs report as security events, against what was done with them. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/http_client.h"
#include "support/programs.h"

/* In the form of a key, but in no store. */
static const char unknown_key[] = "sp_0000000000000000000000000000000000000000000000000";

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES], member_key[PROGRAMS_KEY_BYTES];
static struct caller admin, member;
static char sync_events[128], server_events[128];

static int start(void **state) {
    (void)state;
    programs_make_store(&programs, NULL);
    snprintf(sync_events, sizeof(sync_events), "%s/sync-events.log", programs.folder);
    snprintf(server_events, sizeof(server_events), "%s/server-events.log", programs.folder);
    setenv("SALLYPORT_SYNC_EVENT_LOG", sync_events, 1);
    setenv("SALLYPORTD_EVENT_LOG", server_events, 1);
    programs_start_sync(&programs);
    programs_start_server(&programs);
    programs_workspace(&programs, "acme", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "joe", member_key);
    assert_true(caller_open(&member, programs.sync_target, member_key));
    return 0;
}

static int stop(void **state) {
    (void)state;
    unsetenv("SALLYPORT_SYNC_EVENT_LOG");
    unsetenv("SALLYPORTD_EVENT_LOG");
    caller_close(&admin);
    caller_close(&member);
    programs_stop(&programs);
    return 0;
}

/* ---- events ---- */

static const char *text_at(json_t *event, const char *path) {
    static char number[32];
    char copy[64];
    json_t *at = event;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *part = strtok(copy, "."); part != NULL; part = strtok(NULL, "."))
        at = json_object_get(at, part);
    if (json_is_integer(at)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(at));
        return number;
    }
    return json_is_string(at) ? json_string_value(at) : "";
}

/* Whether the event has every "path=value" of `wanted`, separated by spaces. */
static bool fits(json_t *event, const char *wanted) {
    char copy[256];
    char *rest = NULL;
    snprintf(copy, sizeof(copy), "%s", wanted);
    for (char *pair = strtok_r(copy, " ", &rest); pair != NULL; pair = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(pair, '=');
        *value++ = '\0';
        if (strcmp(text_at(event, pair), value) != 0)
            return false;
    }
    return true;
}

static size_t count_fitting(const char *file, const char *wanted) {
    size_t count = 0;
    char *text = process_read(file), *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        json_error_t error;
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (event == NULL)
            fail_msg("%s: %s", error.text, line);
        count += fits(event, wanted);
        json_decref(event);
    }
    free(text);
    return count;
}

static void wait_for_event(const char *file, const char *wanted) {
    for (int i = 0; i < 1000; i++) {
        if (count_fitting(file, wanted) > 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    char *text = process_read(file);
    fail_msg("no event has %s in:\n%s", wanted, text);
}

static double sample(struct process *process, const char *name) {
    struct http_reply reply;
    char line[96];
    http_get(process_port_of(process, "listening for metrics on "), "/metrics", &reply);
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(reply.body, line);
    double value = at == NULL ? -1 : strtod(at + strlen(line), NULL);
    http_reply_fini(&reply);
    return value;
}

/* ---- the admin API ---- */

static void keys_that_do_not_authenticate_leave_an_event_with_the_reason(void **state) {
    struct caller nobody, stranger;
    (void)state;
    assert_true(caller_open(&nobody, programs.sync_target, ""));
    assert_true(caller_open(&stranger, programs.sync_target, unknown_key));
    assert_int_equal(caller_call(&nobody, "Admin/CreateGroup", "{'id': 'g'}"), SP_ERR_UNAUTHENTICATED);
    wait_for_event(sync_events, "type_uid=300201 status=Failure status_detail=CREDENTIAL_MISSING user.type=unknown "
                                "src_endpoint.ip=127.0.0.1 api.operation=CreateGroup");
    assert_int_equal(caller_call(&stranger, "Admin/ListApiKeys", "{}"), SP_ERR_UNAUTHENTICATED);
    wait_for_event(sync_events, "type_uid=300201 status_code=UNAUTHENTICATED status_detail=KEY_MALFORMED");
    caller_close(&nobody);
    caller_close(&stranger);
}

static void a_known_key_that_is_refused_is_named_by_its_id(void **state) {
    char key[PROGRAMS_KEY_BYTES];
    struct caller caller;
    (void)state;
    programs_user(&admin, "eve", key);
    caller_ok(&admin, "Admin/DisableApiKey", "{'id': 'eve-key'}");
    assert_true(caller_open(&caller, programs.sync_target, key));
    assert_int_equal(caller_call(&caller, "Admin/WhoAmI", "{}"), SP_ERR_UNAUTHENTICATED);
    wait_for_event(sync_events, "class_uid=3002 status_detail=KEY_DISABLED user.uid=eve user.domain=acme "
                                "user.credential_uid=eve-key");
    caller_close(&caller);
}

static void refusals_name_who_asked_for_what_and_never_repeat_the_request(void **state) {
    (void)state;
    assert_int_equal(caller_call(&member, "Admin/CreateUser", "{'id': 'mallory'}"), SP_ERR_PERMISSION);
    wait_for_event(sync_events, "class_uid=3001 activity_name=Create status_code=PERMISSION_DENIED "
                                "actor.user.uid=joe actor.user.domain=acme api.response.code=7");
    /* It could be a key that was pasted into the field of an id. */
    assert_int_equal(caller_call(&admin, "Admin/GetApiKey", "{'id': 'pasted-by-mistake'}"), SP_ERR_NOT_FOUND);
    wait_for_event(sync_events,
                   "class_uid=6003 api.operation=GetApiKey status_code=NOT_FOUND actor.user.uid=acme-admin");
    char *text = process_read(sync_events);
    assert_null(strstr(text, "mallory"));
    assert_null(strstr(text, "pasted-by-mistake"));
    free(text);
}

static void whatever_an_operator_does_leaves_an_event(void **state) {
    (void)state;
    operator_ok(&programs, "Admin/CreateWorkspace", "{'id': 'other', 'name': 'Other', 'seats': 3, 'adminId': 'root'}");
    wait_for_event(sync_events,
                   "type_uid=600301 status=Success actor.user.type=operator actor.user.uid=admin "
                   "api.operation=CreateWorkspace unmapped.target_kind=workspace unmapped.target_id=other");
    operator_ok(&programs, "Admin/GetWorkspace", "{'workspace': 'other'}");
    wait_for_event(sync_events, "type_uid=600302 actor.user.uid=admin api.operation=GetWorkspace");
}

static void reads_about_keys_leave_an_event_and_an_admin_s_changes_do_not(void **state) {
    (void)state;
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'quiet', 'name': 'Quiet'}");
    caller_ok(&admin, "Admin/ListApiKeys", "{}");
    wait_for_event(sync_events, "type_uid=600302 status=Success actor.user.uid=acme-admin api.operation=ListApiKeys "
                                "unmapped.workspace=acme");
    caller_ok(&admin, "Admin/GetApiKey", "{'id': 'joe-key'}");
    wait_for_event(sync_events, "api.operation=GetApiKey unmapped.target_kind=key unmapped.target_id=joe-key");
    caller_ok(&admin, "Admin/GetGroup", "{'id': 'quiet'}");
    assert_int_equal(count_fitting(sync_events, "api.operation=CreateGroup status=Success"), 0);
    assert_int_equal(count_fitting(sync_events, "api.operation=GetGroup"), 0);
}

static void a_flood_of_failures_is_suppressed_and_counted(void **state) {
    struct caller stranger;
    (void)state;
    assert_true(caller_open(&stranger, programs.sync_target, unknown_key));
    for (int i = 0; i < 500; i++)
        assert_int_equal(caller_call(&stranger, "Admin/WhoAmI", "{}"), SP_ERR_UNAUTHENTICATED);
    assert_true(sample(&programs.sync, "sallyport_events_suppressed_total") >= 400);
    assert_true(sample(&programs.sync, "sallyport_events_total") > 0);
    assert_int_equal((int)sample(&programs.sync, "sallyport_events_dropped_total"), 0);
    caller_close(&stranger);
}

/* ---- commands ---- */

static int run_sync_command(const char *const *arguments) {
    struct process process;
    int status = process_run(&process, programs.folder, "command", arguments);
    return status;
}

static void backups_and_restores_leave_an_event(void **state) {
    char backup[128], restored[128], key_file[128];
    struct process process;
    (void)state;
    snprintf(backup, sizeof(backup), "%s/backup.mdb", programs.folder);
    snprintf(restored, sizeof(restored), "%s/restored", programs.folder);
    snprintf(key_file, sizeof(key_file), "%s/operator.key", programs.folder);
    const char *take[] = {"sallyport", "backup", backup, NULL};
    setenv("SALLYPORT_ADMIN", programs.sync_target, 1);
    setenv("SALLYPORT_KEY_FILE", key_file, 1);
    assert_int_equal(process_run(&process, programs.folder, "backup", take), 0);
    wait_for_event(sync_events, "type_uid=600302 status=Success actor.user.uid=admin api.operation=Backup");
    const char *restore[] = {"sallyport-sync", "restore", "--store",          restored,
                             "--backup",       backup,    "--accept-revival", NULL};
    assert_int_equal(run_sync_command(restore), 0);
    wait_for_event(sync_events, "class_uid=6003 status=Success actor.user.type=command api.operation=restore");
    assert_int_equal(run_sync_command(restore), 1); /* it exists now */
    wait_for_event(sync_events, "status=Failure actor.user.type=command api.operation=restore");
}

static void operator_commands_leave_an_event(void **state) {
    char key_file[128];
    (void)state;
    snprintf(key_file, sizeof(key_file), "%s/bob.key", programs.folder);
    const char *add[] = {"sallyport-sync", "operator",   "add",    "bob", "--store",
                         programs.store,   "--key-file", key_file, NULL};
    const char *revoke[] = {"sallyport-sync", "operator", "revoke", "bob", "--store", programs.store, NULL};
    const char *wrong[] = {"sallyport-sync", "operator", "revoke", "nobody", "--store", programs.store, NULL};
    assert_int_equal(run_sync_command(add), 0);
    wait_for_event(sync_events, "type_uid=300101 api.operation=operator-add user.uid=bob");
    assert_int_equal(run_sync_command(revoke), 0);
    assert_int_equal(run_sync_command(wrong), 1);
    assert_int_equal(count_fitting(sync_events, "type_uid=300106 user.uid=bob status=Success"), 1);
    assert_int_equal(count_fitting(sync_events, "type_uid=300106 status=Failure"), 1);
    assert_int_equal(count_fitting(sync_events, "user.uid=nobody"), 0);
}

static void what_cannot_be_reported_is_not_begun(void **state) {
    char key_file[128];
    (void)state;
    snprintf(key_file, sizeof(key_file), "%s/carol.key", programs.folder);
    const char *add[] = {"sallyport-sync",
                         "operator",
                         "add",
                         "carol",
                         "--store",
                         programs.store,
                         "--key-file",
                         key_file,
                         "--event-log",
                         "/nonexistent/events",
                         NULL};
    assert_int_equal(run_sync_command(add), 1);
    assert_int_equal(access(key_file, F_OK), -1);
}

/* ---- the server ---- */

static void keys_that_do_not_authenticate_a_check_leave_an_event(void **state) {
    (void)state;
    assert_string_equal(check_reason(&programs.checker, unknown_key, "voice", "x", "use"), "KEY_MALFORMED");
    wait_for_event(server_events, "type_uid=300201 status_detail=KEY_MALFORMED service.name=sallyport.v1.Authorization "
                                  "api.operation=check user.type=unknown");
    assert_int_equal(caller_callf(&programs.checker, "Authorization/Check",
                                  "{'apiKey': '%s', 'ip': '198.51.100.9', 'resource': {'type': 'voice', 'id': 'x'}, "
                                  "'action': 'use'}",
                                  unknown_key),
                     SP_OK);
    wait_for_event(server_events, "class_uid=3002 src_endpoint.ip=198.51.100.9");
    assert_string_equal(check_reason(&programs.checker, admin_key, "voice", "x", "use"), "RESOURCE_UNKNOWN");
    assert_string_equal(check_reason(&programs.checker, admin_key, "voice", "x", "preview"), "RESOURCE_UNKNOWN");
    assert_int_equal(count_fitting(server_events, "status_detail=RESOURCE_UNKNOWN"), 0);
    assert_int_equal(count_fitting(server_events, "user.uid=acme-admin"), 0);
}

static void a_renamed_file_is_left_for_a_new_one_after_sighup(void **state) {
    char old[160];
    (void)state;
    snprintf(old, sizeof(old), "%s.1.log", server_events);
    assert_int_equal(rename(server_events, old), 0);
    assert_int_equal(kill(programs.server.pid, SIGHUP), 0);
    for (int i = 0; i < 3000 && access(server_events, F_OK) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL); /* until the source may cause events again */
    assert_string_equal(check_reason(&programs.checker, unknown_key, "voice", "x", "use"), "KEY_MALFORMED");
    wait_for_event(server_events, "status_detail=KEY_MALFORMED");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_do_not_authenticate_leave_an_event_with_the_reason),
        cmocka_unit_test(a_known_key_that_is_refused_is_named_by_its_id),
        cmocka_unit_test(refusals_name_who_asked_for_what_and_never_repeat_the_request),
        cmocka_unit_test(whatever_an_operator_does_leaves_an_event),
        cmocka_unit_test(reads_about_keys_leave_an_event_and_an_admin_s_changes_do_not),
        cmocka_unit_test(a_flood_of_failures_is_suppressed_and_counted),
        cmocka_unit_test(backups_and_restores_leave_an_event),
        cmocka_unit_test(operator_commands_leave_an_event),
        cmocka_unit_test(what_cannot_be_reported_is_not_begun),
        cmocka_unit_test(keys_that_do_not_authenticate_a_check_leave_an_event),
        cmocka_unit_test(a_renamed_file_is_left_for_a_new_one_after_sighup),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, start, stop);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
