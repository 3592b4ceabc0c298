/* Last use of keys with the real programs: two servers tell the admin instance what they see, and
 * die, leave and come back. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "support/command.h"
#include "support/programs.h"

enum { SERVERS = 2, GRACE_S = 3, POLLS = 3000, POLL_NS = 20000000 };

struct scene {
    struct programs programs;
    char report_to[128]; /* a socket: it stays where it is when the program comes back */
    struct server {
        struct process process;
        struct caller caller;
    } servers[SERVERS];
    struct caller admin; /* of the workspace */
    char admin_key[PROGRAMS_KEY_BYTES];
    char keys[8][PROGRAMS_KEY_BYTES]; /* "k0" … */
};

static const char *const server_ids[SERVERS] = {"alpha", "beta"};

/* ---- starting ---- */

static void start_sync(struct scene *scene) {
    struct programs *programs = &scene->programs;
    char grace[16];
    snprintf(grace, sizeof(grace), "%d", GRACE_S);
    const char *arguments[] = {"sallyport-sync", "serve",       "--store",  programs->store,
                               "--listen",       "127.0.0.1:0", "--listen", scene->report_to,
                               "--report-grace", grace,         NULL};
    process_start(&programs->sync, programs->folder, "sync", arguments);
    snprintf(programs->sync_target, sizeof(programs->sync_target), "127.0.0.1:%d", process_port(&programs->sync));
    programs_wait_for_health(programs->sync_target, true);
    caller_close(&programs->operator_caller);
    assert_true(caller_open(&programs->operator_caller, programs->sync_target, programs->operator_key));
    caller_close(&scene->admin);
    if (scene->admin_key[0] != '\0')
        assert_true(caller_open(&scene->admin, programs->sync_target, scene->admin_key));
}

static void start_server(struct scene *scene, size_t i) {
    struct server *server = &scene->servers[i];
    char target[64];
    const char *arguments[] = {
        "sallyportd",     "--store",     scene->programs.store, "--listen",          "127.0.0.1:0", "--report-to",
        scene->report_to, "--server-id", server_ids[i],         "--report-interval", "1",           NULL};
    process_start(&server->process, scene->programs.folder, server_ids[i], arguments);
    snprintf(target, sizeof(target), "127.0.0.1:%d", process_port(&server->process));
    programs_wait_for_health(target, true);
    assert_true(caller_open(&server->caller, target, ""));
}

static void end_server(struct scene *scene, size_t i, int signal) {
    struct server *server = &scene->servers[i];
    caller_close(&server->caller);
    assert_int_equal(process_end(&server->process, signal), signal == SIGKILL ? 128 + SIGKILL : 0);
    server->process.pid = 0;
}

static void make_keys(struct scene *scene) {
    caller_ok(&scene->admin, "Admin/CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    for (int i = 0; i < 8; i++) {
        caller_ok(&scene->admin, "Admin/CreateApiKey",
                  "{'id': 'k%d', 'principal': 'ann', 'name': 'key', 'permissions': {'all': true}}", i);
        snprintf(scene->keys[i], PROGRAMS_KEY_BYTES, "%s", caller_text(&scene->admin, "secret"));
    }
}

static int set_up(void **state) {
    static struct scene scene;
    scene = (struct scene){0};
    programs_make_store(&scene.programs, NULL);
    snprintf(scene.report_to, sizeof(scene.report_to), "unix:%s/sync.sock", scene.programs.folder);
    start_sync(&scene);
    programs_workspace(&scene.programs, "acme", scene.admin_key);
    assert_true(caller_open(&scene.admin, scene.programs.sync_target, scene.admin_key));
    make_keys(&scene);
    for (size_t i = 0; i < SERVERS; i++)
        start_server(&scene, i);
    *state = &scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    for (size_t i = 0; i < SERVERS; i++)
        if (scene->servers[i].process.pid != 0)
            end_server(scene, i, SIGTERM);
    caller_close(&scene->admin);
    programs_stop(&scene->programs);
    return 0;
}

/* ---- asking ---- */

static void present(struct scene *scene, size_t server, int key, const char *ip, const char *reason) {
    struct caller *caller = &scene->servers[server].caller;
    caller_ok(caller, "Authorization/Check",
              "{'apiKey': '%s', 'ip': '%s', 'resource': {'type': 'voice', 'id': 'rachel'}, 'action': 'use'}",
              scene->keys[key], ip);
    assert_string_equal(caller_text(caller, "reason"), reason);
}

static void ask(struct scene *scene, int key, int window_s) {
    caller_ok(&scene->admin, "Admin/GetKeyUsage", "{'id': 'k%d', 'windowS': %d}", key, window_s);
}

static bool says(struct scene *scene, const char *safety) {
    return strcmp(caller_text(&scene->admin, "safeToDelete"), safety) == 0;
}

static void pause_briefly(void) {
    nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
}

/* Asks until it says so. */
static void wait_for_safety(struct scene *scene, int key, int window_s, const char *safety) {
    for (int i = 0; i < POLLS; i++, pause_briefly()) {
        ask(scene, key, window_s);
        if (says(scene, safety))
            return;
    }
    fail_msg("k%d never became %s: %s", key, safety, caller_text(&scene->admin, "why"));
}

static void wait_for_use(struct scene *scene, int key, const char *field) {
    for (int i = 0; i < POLLS; i++, pause_briefly()) {
        ask(scene, key, 3600);
        if (caller_number(&scene->admin, field) > 0)
            return;
    }
    fail_msg("k%d never had %s", key, field);
}

static void assert_why(struct scene *scene, const char *fragment) {
    const char *why = caller_text(&scene->admin, "why");
    if (strstr(why, fragment) == NULL)
        fail_msg("\"%s\" is not in: %s", fragment, why);
}

/* Whether the list of servers has one of the name in the state (NULL: in any). */
static bool is_listed(struct scene *scene, const char *id, const char *state) {
    struct caller *caller = &scene->programs.operator_caller;
    bool found = false;
    operator_ok(&scene->programs, "Admin/ListServers", "{}");
    for (int i = 0; i < SERVERS + 2; i++) {
        char path[32];
        snprintf(path, sizeof(path), "servers.%d.id", i);
        bool same = strcmp(caller_text(caller, path), id) == 0;
        snprintf(path, sizeof(path), "servers.%d.state", i);
        found |= same && (state == NULL || strcmp(caller_text(caller, path), state) == 0);
    }
    return found;
}

static void wait_for_listing(struct scene *scene, const char *id, const char *state) {
    for (int i = 0; i < POLLS; i++, pause_briefly())
        if (is_listed(scene, id, state))
            return;
    fail_msg("%s never became %s", id, state);
}

static const struct command *run(struct scene *scene, const char *key, const char *line) {
    char key_file[160];
    char variable[192];
    snprintf(key_file, sizeof(key_file), "%s/cli.key", scene->programs.folder);
    snprintf(variable, sizeof(variable), "SALLYPORT_KEY_FILE=%s", key_file);
    FILE *file = fopen(key_file, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "%s\n", key) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(key_file, 0600), 0);
    const struct command *ran = command_run(&(struct command_setting){.variable = variable}, "sallyport %s --admin %s",
                                            line, scene->programs.sync_target);
    if (ran->status != 0)
        fail_msg("%s: %s", line, ran->err);
    return ran;
}

static void assert_holds(const char *text, const char *fragment) {
    if (strstr(text, fragment) == NULL)
        fail_msg("\"%s\" is not in: %s", fragment, text);
}

/* ---- tests ---- */

static void what_the_servers_saw_is_told_of_each_key(void **state) {
    struct scene *scene = *state;
    long long begun = time(NULL);
    present(scene, 0, 0, "203.0.113.7", "RESOURCE_UNKNOWN");
    present(scene, 1, 1, "2001:db8::1", "RESOURCE_UNKNOWN");
    caller_ok(&scene->admin, "Admin/DisableApiKey", "{'id': 'k2'}");
    present(scene, 1, 2, "203.0.113.9", "KEY_DISABLED");
    wait_for_use(scene, 0, "lastUsedAt");
    assert_true(caller_number(&scene->admin, "lastUsedAt") >= begun - 1);
    assert_string_equal(caller_text(&scene->admin, "lastUsedIp"), "203.0.113.7");
    assert_true(says(scene, "KEY_SAFETY_IN_USE"));
    wait_for_use(scene, 1, "lastUsedAt");
    assert_string_equal(caller_text(&scene->admin, "lastUsedIp"), "2001:db8::1");
    wait_for_use(scene, 2, "lastRejectedAt");
    assert_int_equal(caller_number(&scene->admin, "lastUsedAt"), 0);
    assert_string_equal(caller_text(&scene->admin, "lastRejectedIp"), "203.0.113.9");
    assert_string_equal(caller_text(&scene->admin, "lastRejectedReason"), "KEY_DISABLED");

    /* Nobody used it, and soon that is known. */
    wait_for_safety(scene, 3, 2, "KEY_SAFETY_SAFE");
    assert_why(scene, "not used on any server for 2 seconds before ");
    /* A longer window reaches back before it was made. */
    ask(scene, 3, 0);
    assert_true(says(scene, "KEY_SAFETY_UNKNOWN"));
    assert_int_equal(caller_number(&scene->admin, "windowS"), 30 * 86400);

    assert_holds(run(scene, scene->admin_key, "key usage k0 --window 1h")->out, "in-use");
    assert_holds(run(scene, scene->admin_key, "key get k0")->out, "203.0.113.7");
    assert_holds(run(scene, scene->admin_key, "key usage k2")->out, "KEY_DISABLED");
    const char *list = run(scene, scene->admin_key, "key list --safe-to-delete --window 2s -o wide")->out;
    assert_holds(list, "LAST USED");
    assert_holds(list, "k3 ");
    assert_holds(run(scene, scene->programs.operator_key, "server list")->out, "alpha   reporting");
}

static void a_server_that_died_leaves_doubt_until_it_is_retired(void **state) {
    struct scene *scene = *state;
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    end_server(scene, 1, SIGKILL);
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_UNKNOWN");
    assert_why(scene, "sallyport server retire beta");
    wait_for_listing(scene, "beta", "SERVER_STATE_SILENT");
    assert_true(is_listed(scene, "alpha", "SERVER_STATE_REPORTING"));
    /* What is known to be in use stays so. */
    present(scene, 0, 1, "203.0.113.7", "RESOURCE_UNKNOWN");
    wait_for_safety(scene, 1, 3600, "KEY_SAFETY_IN_USE");

    assert_holds(run(scene, scene->programs.operator_key, "server retire beta")->out, "retired  1");
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    assert_false(is_listed(scene, "beta", NULL));
    assert_int_equal(caller_call(&scene->programs.operator_caller, "Admin/RetireServer", "{'id': 'beta'}"),
                     SP_ERR_NOT_FOUND);
    char *said = process_read(scene->programs.sync.err);
    assert_holds(said, "operator admin retired server beta");
    free(said);
}

static void a_server_that_died_and_came_back_lost_only_a_moment(void **state) {
    struct scene *scene = *state;
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    end_server(scene, 1, SIGKILL);
    start_server(scene, 1);
    wait_for_listing(scene, "beta", "SERVER_STATE_ENDED");
    /* A window that holds that moment does not say; one that begins later does. */
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    ask(scene, 0, 1);
    long long known_since = caller_number(&scene->admin, "knownSince");
    for (int window = 1; window < 60; window++) {
        ask(scene, 0, window);
        if (!says(scene, "KEY_SAFETY_SAFE"))
            break;
    }
    assert_true(says(scene, "KEY_SAFETY_UNKNOWN"));
    assert_why(scene, "server beta lost some uses from before");
    assert_true(known_since > 0);
}

static void a_server_that_says_goodbye_has_told_everything(void **state) {
    struct scene *scene = *state;
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    present(scene, 1, 4, "203.0.113.7", "RESOURCE_UNKNOWN");
    end_server(scene, 1, SIGTERM);
    ask(scene, 4, 3600);
    assert_true(says(scene, "KEY_SAFETY_IN_USE"));
    assert_false(is_listed(scene, "beta", NULL));
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    /* With the last one gone, nobody can say. */
    end_server(scene, 0, SIGTERM);
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_UNKNOWN");
    assert_why(scene, "no server reports");
}

static void nothing_is_lost_while_the_admin_instance_is_away(void **state) {
    struct scene *scene = *state;
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    assert_int_equal(process_end(&scene->programs.sync, SIGTERM), 0);
    long long begun = time(NULL);
    present(scene, 0, 5, "203.0.113.7", "RESOURCE_UNKNOWN");
    present(scene, 1, 6, "203.0.113.8", "RESOURCE_UNKNOWN");
    process_wait_for(&scene->servers[0].process, "are kept until they can");
    start_sync(scene);
    long long back = time(NULL);
    ask(scene, 0, 1);
    assert_true(says(scene, "KEY_SAFETY_UNKNOWN"));
    wait_for_use(scene, 5, "lastUsedAt");
    assert_true(caller_number(&scene->admin, "lastUsedAt") >= begun - 1);
    assert_true(caller_number(&scene->admin, "lastUsedAt") <= back);
    wait_for_use(scene, 6, "lastUsedAt");
    wait_for_safety(scene, 0, 1, "KEY_SAFETY_SAFE");
    operator_ok(&scene->programs, "Admin/ListServers", "{}");
    assert_int_equal(caller_number(&scene->programs.operator_caller, "servers.0.lostUntil"), 0);
    assert_int_equal(caller_number(&scene->programs.operator_caller, "servers.1.lostUntil"), 0);
}

static void calls_of_the_admin_api_are_uses_too(void **state) {
    struct scene *scene = *state;
    struct caller caller;
    assert_true(caller_open(&caller, scene->programs.sync_target, scene->keys[7]));
    caller_ok(&caller, "Admin/WhoAmI", "{}");
    wait_for_use(scene, 7, "lastUsedAt");
    assert_string_equal(caller_text(&scene->admin, "lastUsedIp"), "127.0.0.1");
    caller_ok(&scene->admin, "Admin/DisableApiKey", "{'id': 'k7'}");
    assert_int_equal(caller_call(&caller, "Admin/WhoAmI", "{}"), SP_ERR_UNAUTHENTICATED);
    wait_for_use(scene, 7, "lastRejectedAt");
    assert_string_equal(caller_text(&scene->admin, "lastRejectedReason"), "KEY_DISABLED");
    /* The key that asks is in use, before anybody wrote it down. */
    caller_ok(&scene->admin, "Admin/WhoAmI", "{}");
    const char *id = caller_text(&scene->admin, "apiKey.id");
    char request[128];
    snprintf(request, sizeof(request), "{'id': '%s', 'windowS': 1}", id);
    assert_int_equal(caller_call(&scene->admin, "Admin/GetKeyUsage", request), SP_OK);
    assert_true(says(scene, "KEY_SAFETY_IN_USE"));
    caller_close(&caller);
}

static void a_killed_admin_instance_goes_on_where_it_was(void **state) {
    struct scene *scene = *state;
    present(scene, 0, 0, "203.0.113.7", "RESOURCE_UNKNOWN");
    wait_for_use(scene, 0, "lastUsedAt");
    assert_int_equal(process_end(&scene->programs.sync, SIGKILL), 128 + SIGKILL);
    start_sync(scene);
    ask(scene, 0, 3600);
    assert_true(says(scene, "KEY_SAFETY_IN_USE"));
    assert_string_equal(caller_text(&scene->admin, "lastUsedIp"), "203.0.113.7");
    wait_for_safety(scene, 1, 1, "KEY_SAFETY_SAFE");
}

static void a_deleted_key_is_forgotten_and_reports_of_it_are_left_out(void **state) {
    struct scene *scene = *state;
    struct caller *caller = &scene->programs.operator_caller;
    caller_ok(&scene->admin, "Admin/DeleteApiKey", "{'id': 'k0'}");
    operator_ok(&scene->programs, "Usage/Report",
                "{'server': 'gamma', 'instance': 1, 'sequence': 1, 'until': 5, 'uses': [{'workspace': 'acme', 'keyId': "
                "'k0', 'usedAt': 5}, {'workspace': 'acme', 'keyId': 'k1', 'usedAt': 5}]}");
    assert_int_equal(caller_number(caller, "unknownKeys"), 1);
    assert_int_equal(caller_call(&scene->admin, "Admin/GetKeyUsage", "{'id': 'k0'}"), SP_ERR_NOT_FOUND);
    operator_ok(&scene->programs, "Usage/Report",
                "{'server': 'gamma', 'instance': 1, 'sequence': 1, 'until': 9, 'uses': []}");
    assert_true(json_is_true(caller_at(caller, "duplicate")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_servers_saw_is_told_of_each_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_died_leaves_doubt_until_it_is_retired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_died_and_came_back_lost_only_a_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_says_goodbye_has_told_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_while_the_admin_instance_is_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_of_the_admin_api_are_uses_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_admin_instance_goes_on_where_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deleted_key_is_forgotten_and_reports_of_it_are_left_out, set_up, tear_down),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_rpc_global_fini();
    return failed != 0;
}
