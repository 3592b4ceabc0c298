/* The audit trail, asked for by who, what and when, over the API and by the command line. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sallyport/v1/admin.pb-c.h"
#include "support/programs.h"
#include "wire/wire.h"

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

/* ---- as it grows ---- */

static struct sp_rpc_stream *open_watch(struct caller *caller, const char *request) {
    struct sp_rpc_stream *stream = NULL;
    struct sp_bytes packed;
    assert_int_equal(sp_rpc_stream_open(caller->client, "/sallyport.v1.Admin/WatchChanges", &stream, &caller->error),
                     SP_OK);
    assert_true(caller_pack(caller, "Admin/WatchChanges", request, &packed));
    /* A server that ends the call at once may do so before this; receiving tells why. */
    if (sp_rpc_stream_send(stream, packed, &caller->error) != SP_OK)
        caller->error = (struct sp_error){0};
    return stream;
}

static enum sp_status receive_change(struct caller *caller, struct sp_rpc_stream *stream,
                                     Sallyport__V1__Change **ret_change) {
    struct sp_bytes bytes;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_rpc_stream_receive(stream, &caller->arena, &bytes, &caller->error);
    if (status != SP_OK)
        return status;
    assert_int_equal(
        sp_wire_unpack(&sallyport__v1__change__descriptor, bytes, &caller->arena, &message, &caller->error), SP_OK);
    *ret_change = (Sallyport__V1__Change *)message;
    return SP_OK;
}

/* Asserts which methods come, in their order. */
static void assert_comes(struct caller *caller, struct sp_rpc_stream *stream, const char *methods) {
    char text[512];
    char *rest = text;
    snprintf(text, sizeof(text), "%s", methods);
    for (const char *method = strsep(&rest, " "); method != NULL; method = strsep(&rest, " ")) {
        Sallyport__V1__Change *change = NULL;
        if (receive_change(caller, stream, &change) != SP_OK)
            fail_msg("%s: %s", method, caller->error.message);
        assert_string_equal(change->method, method);
    }
}

static void a_watch_tells_only_what_was_asked_for(void **state) {
    static const struct {
        const char *request, *methods; /* of old changes, then one of now */
    } rows[] = {
        {"{'fromOldest': true, 'actor': 'acme-admin'}", "CreateUser CreateApiKey ShareResource CreateGroup"},
        {"{'fromOldest': true, 'object': 'voice/rachel'}", "RegisterResource ShareResource ShareResource"},
        {"{'fromOldest': true, 'kind': 'ENTITY_GRANT', 'object': 'bob'}", "ShareResource ShareResource"},
        {"{'fromOldest': true, 'sinceTime': '1700000000', 'object': 'bob-key'}", "CreateApiKey UpdateApiKey"},
        {"{'actor': 'acme-admin', 'kind': 'ENTITY_GROUP'}", "CreateGroup"},
    };
    struct caller callers[sizeof(rows) / sizeof(*rows)];
    struct sp_rpc_stream *streams[sizeof(rows) / sizeof(*rows)];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_true(caller_open(&callers[i], programs.sync_target, admin_key));
        streams[i] = open_watch(&callers[i], rows[i].request);
    }
    usleep(300 * 1000);
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'watched', 'name': 'g'}");
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'rachel'}, 'subject': {'principal': 'bob'}, 'role': "
              "'ROLE_EDITOR'}");
    caller_ok(&admin, "Admin/UpdateApiKey", "{'id': 'bob-key', 'updateMask': ['name'], 'name': 'Renamed'}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_comes(&callers[i], streams[i], rows[i].methods);
        sp_rpc_stream_close(streams[i]);
        caller_close(&callers[i]);
    }
}

static void a_watch_goes_on_behind_what_was_read(void **state) {
    Sallyport__V1__Change *change = NULL;
    char request[128];
    (void)state;
    struct sp_rpc_stream *stream = open_watch(&admin, "{'fromOldest': true}");
    assert_comes(&admin, stream, "CreateWorkspace RegisterResource");
    assert_int_equal(receive_change(&admin, stream, &change), SP_OK);
    assert_string_equal(change->method, "CreateUser");
    sp_rpc_stream_close(stream);
    snprintf(request, sizeof(request), "{'since': {'epoch': %llu, 'number': %llu}}",
             (unsigned long long)change->revision->epoch, (unsigned long long)change->revision->number);
    stream = open_watch(&admin, request);
    assert_comes(&admin, stream, "CreateApiKey ShareResource");
    sp_rpc_stream_close(stream);
}

static void a_watch_that_cannot_begin_there_is_refused(void **state) {
    static const struct {
        const char *request;
        enum sp_status status;
        const char *says;
    } rows[] = {
        {"{'since': {'epoch': '1', 'number': '99999'}}", SP_ERR_PRECONDITION, "not in the history of this store"},
        {"{'since': {'epoch': '77', 'number': '2'}}", SP_ERR_PRECONDITION, "not in the history of this store"},
        {"{'since': {'number': '2'}, 'fromOldest': true}", SP_ERR_INVALID, "at most one"},
        {"{'fromNumber': '2', 'fromOldest': true}", SP_ERR_INVALID, "at most one"},
        {"{'sinceTime': '5', 'untilTime': '5'}", SP_ERR_INVALID, "until_time"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        Sallyport__V1__Change *change = NULL;
        struct sp_rpc_stream *stream = open_watch(&admin, rows[i].request);
        assert_int_equal(receive_change(&admin, stream, &change), rows[i].status);
        if (strstr(admin.error.message, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].request, admin.error.message);
        sp_rpc_stream_close(stream);
        /* Nobody learns anything without a key. */
        struct caller nobody;
        assert_true(caller_open(&nobody, programs.sync_target, ""));
        stream = open_watch(&nobody, rows[i].request);
        assert_int_equal(receive_change(&nobody, stream, &change), SP_ERR_UNAUTHENTICATED);
        sp_rpc_stream_close(stream);
        caller_close(&nobody);
    }
}

/* ---- the command line ---- */

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
    const char *both[] = {"sallyport", "changes", "--from", "2", "--since", "1:1", NULL};
    const char *line[] = {"sallyport", "changes", "--follow", "--actor", "k", "--descendants", NULL};
    (void)state;
    run_cli(0, "ShareResource", grants);
    run_cli(0, "CreateApiKey", actor);
    run_cli(2, "cannot be combined", both);
    run_cli(2, "cannot be combined", line);
}

/* Runs `changes --follow` until `last` was shown, and returns all that was. The caller frees. */
static char *follow_until(const char *last, const char *const *arguments) {
    struct process process;
    char key_file[128];
    char *said = NULL;
    snprintf(key_file, sizeof(key_file), "%s/operator.key", programs.folder);
    setenv("SALLYPORT_ADMIN", programs.sync_target, 1);
    setenv("SALLYPORT_KEY_FILE", key_file, 1);
    process_start(&process, programs.folder, "follow", arguments);
    for (int i = 0; i < 3000 && (said == NULL || strstr(said, last) == NULL); i++) {
        free(said);
        usleep(10 * 1000);
        said = process_read(process.out);
    }
    (void)process_end(&process, SIGINT);
    if (strstr(said, last) == NULL)
        fail_msg("\"%s\" is not in: %s", last, said);
    return said;
}

static void following_begins_with_the_oldest_and_goes_on_where_it_stopped(void **state) {
    const char *all[] = {"sallyport", "changes", "--follow", NULL};
    const char *some[] = {"sallyport", "changes", "--follow", "--actor", "acme-admin", "--kind", "grant", NULL};
    char since[48];
    unsigned long long epoch = 0, number = 0;
    (void)state;
    char *said = follow_until("ShareResource", all);
    assert_non_null(strstr(said, "CreateWorkspace  workspace acme"));
    assert_int_equal(sscanf(said, "%llu:%llu ", &epoch, &number), 2);
    free(said);
    snprintf(since, sizeof(since), "%llu:%llu", epoch, number);
    const char *rest[] = {"sallyport", "changes", "--follow", "--since", since, NULL};
    said = follow_until("ShareResource", rest);
    assert_int_equal(strncmp(said, since, strlen(since)) == 0, 0);
    unsigned long long next = 0;
    assert_int_equal(sscanf(said, "%llu:%llu ", &epoch, &next), 2);
    assert_int_equal(next, number + 1);
    free(said);
    said = follow_until("ShareResource", some);
    assert_null(strstr(said, "CreateWorkspace"));
    assert_null(strstr(said, "CreateUser"));
    free(said);
}

static void disabling_a_leaked_key_shows_what_was_done_with_it(void **state) {
    char leaked_text[PROGRAMS_KEY_BYTES];
    struct caller leaked;
    struct process process;
    (void)state;
    caller_ok(&admin, "Admin/CreateApiKey",
              "{'id': 'leaked', 'principal': 'acme-admin', 'name': 'l', 'permissions': {'all': true}}");
    snprintf(leaked_text, sizeof(leaked_text), "%s", caller_text(&admin, "secret"));
    assert_true(caller_open(&leaked, programs.sync_target, leaked_text));
    const char *disable[] = {"sallyport",          "key",         "disable", "leaked",
                             "--with-descendants", "--workspace", "acme",    NULL};
    run_cli(0, "The audit trail shows no changes made with the key", disable);
    caller_ok(&admin, "Admin/EnableApiKey", "{'id': 'leaked'}");
    caller_ok(&leaked, "Admin/UpdatePrincipal",
              "{'principal': {'id': 'bob', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}");
    caller_close(&leaked);
    run_cli(0, "UpdatePrincipal", disable);
    const char *json[] = {"sallyport",   "key",  "disable", "leaked", "--with-descendants",
                          "--workspace", "acme", "-o",      "json",   NULL};
    assert_int_equal(process_run(&process, programs.folder, "json", json), 0);
    char *said = process_read(process.out);
    json_t *reply = json_loads(said, 0, NULL);
    assert_non_null(reply);
    assert_int_equal(json_array_size(json_object_get(reply, "changes")), 1);
    assert_non_null(json_object_get(reply, "apiKey"));
    json_decref(reply);
    free(said);
    /* A key that may write and not read disables all the same. */
    char file[128];
    caller_ok(&admin, "Admin/CreateApiKey",
              "{'principal': 'acme-admin', 'name': 'w', 'permissions': {'names': ['workspace_write']}}");
    snprintf(file, sizeof(file), "%s/writer.key", programs.folder);
    FILE *writer = fopen(file, "w");
    assert_non_null(writer);
    assert_true(fputs(caller_text(&admin, "secret"), writer) >= 0);
    assert_int_equal(fclose(writer), 0);
    setenv("SALLYPORT_KEY_FILE", file, 1);
    assert_int_equal(process_run(&process, programs.folder, "writer", disable), 0);
    said = process_read(process.err);
    assert_non_null(strstr(said, "cannot be read"));
    free(said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_found_by_who_made_them),
        cmocka_unit_test(changes_are_found_by_what_they_touched),
        cmocka_unit_test(changes_are_found_by_when_they_were_made),
        cmocka_unit_test(a_watch_that_cannot_begin_there_is_refused),
        cmocka_unit_test(a_watch_goes_on_behind_what_was_read),
        cmocka_unit_test(the_command_line_takes_the_same_filters),
        cmocka_unit_test(following_begins_with_the_oldest_and_goes_on_where_it_stopped),
        cmocka_unit_test(a_watch_tells_only_what_was_asked_for),
        cmocka_unit_test(disabling_a_leaked_key_shows_what_was_done_with_it),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, start, stop);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
