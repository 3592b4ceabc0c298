/* ListResources and ListSubjects as a service and as a person at the command line see them: long
 * lists, slow readers, mistakes. That the lists hold the right things is programs/test_world's and
 * decide/test_list's to show. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/command.h"
#include "support/listing.h"
#include "support/programs.h"
#include "wire/wire.h"

static const char schema[] = "version: 1\n"
                             "permissions:\n"
                             "  reading: Read\n"
                             "types:\n"
                             "  note:\n"
                             "    ids: workspace\n"
                             "    actions:\n"
                             "      read: {permission: reading, role: viewer}\n"
                             "      edit: {permission: reading, role: editor}\n"
                             "      glance: {}\n"
                             "  voice:\n"
                             "    actions:\n"
                             "      use: {role: viewer}\n";

enum { NOTES = 5000, LONG_ID = 240 };

static struct programs programs;
static struct caller admin;
static char admin_key[PROGRAMS_KEY_BYTES], bob_key[PROGRAMS_KEY_BYTES];

/* "n0007…7", 240 bytes, so that a list of them does not fit into what a transport buffers. */
static void note_id(unsigned i, char ret_id[static LONG_ID + 1]) {
    int size = snprintf(ret_id, LONG_ID + 1, "n%04u", i);
    memset(ret_id + size, 'x', (size_t)(LONG_ID - size));
    ret_id[LONG_ID] = '\0';
}

static void share_notes(void) {
    for (unsigned first = 0; first < NOTES; first += 500) {
        char *text = NULL, id[LONG_ID + 1];
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        fprintf(out, "{'updates': [");
        for (unsigned i = first; i < first + 500; i++) {
            note_id(i, id);
            fprintf(out, "%s{'resource': {'type': 'note', 'id': '%s'}, 'subject': {'%s': '%s'}, 'role': 'ROLE_VIEWER'}",
                    i > first ? ", " : "", id, i % 2 == 0 ? "principal" : "group", i % 2 == 0 ? "bob" : "team");
        }
        fprintf(out, "]}");
        assert_int_equal(fclose(out), 0);
        if (caller_call(&admin, "Admin/UpdateShares", text) != SP_OK)
            fail_msg("%s", admin.error.message);
        free(text);
    }
}

static int make_world(void **state) {
    (void)state;
    char unused[PROGRAMS_KEY_BYTES];
    sp_rpc_global_init();
    programs_start_with(&programs, schema);
    programs_workspace(&programs, "w1", admin_key);
    programs_workspace(&programs, "w2", unused);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    programs_user(&admin, "bob", bob_key);
    programs_user(&admin, "carol", unused);
    caller_ok(&admin, "Admin/CreateServiceAccount", "{'id': 'robot', 'name': 'robot'}");
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'team', 'name': 'team'}");
    caller_ok(&admin, "Admin/AddGroupMembers", "{'group': 'team', 'principals': ['bob', 'robot']}");
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}");
    share_notes();
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* ---- calls ---- */

static ProtobufCMessage *request_of(const char *method, const char *text) {
    struct sp_bytes bytes;
    struct sp_error error = {0};
    ProtobufCMessage *request;
    const ProtobufCMethodDescriptor *found = protobuf_c_service_descriptor_get_method_by_name(
        &sallyport__v1__authorization__descriptor, strchr(method, '/') + 1);
    assert_non_null(found);
    sp_arena_reset(&programs.checker.arena);
    assert_true(caller_pack(&programs.checker, method, text, &bytes));
    if (sp_wire_unpack(found->input, bytes, &programs.checker.arena, &request, &error) != SP_OK)
        fail_msg("%s", error.message);
    return request;
}

static enum sp_status list(const char *method, struct listing *ret_listing, struct sp_error *ret_error,
                           const char *format, ...) SP_PRINTF(4, 5);
static enum sp_status list(const char *method, struct listing *ret_listing, struct sp_error *ret_error,
                           const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    *ret_error = (struct sp_error){0};
    return listing_read(programs.checker.client, request_of(method, text), &programs.checker.arena, ret_listing,
                        ret_error);
}

static const char resources[] = "Authorization/ListResources", subjects[] = "Authorization/ListSubjects";

static void a_long_list_comes_whole_in_many_messages(void **state) {
    (void)state;
    struct listing listing;
    struct sp_error error;
    char id[LONG_ID + 1];
    assert_int_equal(list(resources, &listing, &error, "{'apiKey': '%s', 'type': 'note', 'action': 'read'}", bob_key),
                     SP_OK);
    assert_int_equal(listing.count, NOTES);
    assert_true(listing.messages > NOTES / 256);
    for (unsigned i = 0; i < NOTES; i++) {
        note_id(i, id);
        assert_string_equal(listing.ids[i], id);
    }
    assert_int_equal(listing.reason, SALLYPORT__V1__REASON__ALLOWED);
    assert_false(listing.more_than_listed);
}

static void a_list_goes_on_after_an_id(void **state) {
    (void)state;
    struct listing listing;
    struct sp_error error;
    char id[LONG_ID + 1];
    note_id(NOTES - 11, id);
    assert_int_equal(list(resources, &listing, &error,
                          "{'principal': {'workspace': 'w1', 'id': 'bob'}, 'type': 'note', 'action': 'read', "
                          "'after': '%s'}",
                          id),
                     SP_OK);
    assert_int_equal(listing.count, 10);
    note_id(NOTES - 10, id);
    assert_string_equal(listing.ids[0], id);
    assert_int_equal(list(subjects, &listing, &error,
                          "{'resource': {'type': 'note', 'id': '%s'}, 'action': 'read', 'workspace': 'w1', 'after': "
                          "'bob'}",
                          id),
                     SP_OK);
    assert_int_equal(listing.count, 1);
    assert_string_equal(listing.ids[0], "w1-admin");
}

/* Steps that find nothing send nothing. */
static void much_that_is_not_allowed_is_looked_through_to_the_end(void **state) {
    (void)state;
    struct listing listing;
    struct sp_error error;
    assert_int_equal(list(resources, &listing, &error, "{'apiKey': '%s', 'type': 'note', 'action': 'edit'}", bob_key),
                     SP_OK);
    assert_int_equal(listing.count, 0);
    assert_int_equal(listing.messages, 1);
    assert_int_equal(listing.reason, SALLYPORT__V1__REASON__ROLE_TOO_LOW);
}

static void an_admin_is_told_that_there_is_more_than_a_list_can_hold(void **state) {
    (void)state;
    struct listing listing;
    struct sp_error error;
    assert_int_equal(list(resources, &listing, &error, "{'apiKey': '%s', 'type': 'note', 'action': 'edit'}", admin_key),
                     SP_OK);
    assert_int_equal(listing.count, NOTES);
    assert_true(listing.more_than_listed);
    assert_int_equal(list(resources, &listing, &error, "{'apiKey': '%s', 'type': 'voice', 'action': 'use'}", admin_key),
                     SP_OK);
    assert_int_equal(listing.count, 1);
    assert_false(listing.more_than_listed);
}

static void subjects_are_listed_by_kind(void **state) {
    (void)state;
    static const struct {
        const char *kind, *first, *last;
        size_t count;
    } rows[] = {{"PRINCIPAL_KIND_UNSPECIFIED", "bob", "w1-admin", 3},
                {"USER", "bob", "w1-admin", 2},
                {"SERVICE_ACCOUNT", "robot", "robot", 1}};
    struct listing listing;
    struct sp_error error;
    char id[LONG_ID + 1];
    note_id(1, id); /* shared with the group */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(list(subjects, &listing, &error,
                              "{'resource': {'type': 'note', 'id': '%s'}, 'action': 'read', 'workspace': 'w1', 'kind': "
                              "'%s'}",
                              id, rows[i].kind),
                         SP_OK);
        assert_int_equal(listing.count, rows[i].count);
        assert_string_equal(listing.ids[0], rows[i].first);
        assert_string_equal(listing.ids[listing.count - 1], rows[i].last);
    }
}

/* ---- a reader that takes its time ---- */

/* On a connection of its own where the test has one: the windows of one that carried much are
 * wide. */
static struct sp_rpc_stream *begin(const struct caller *caller, const char *method, const char *format, ...)
    SP_PRINTF(3, 4);
static struct sp_rpc_stream *begin(const struct caller *caller, const char *method, const char *format, ...) {
    char text[1024], path[128];
    struct sp_rpc_stream *stream;
    struct sp_bytes bytes;
    struct sp_error error = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(path, sizeof(path), "/sallyport.v1.%s", method);
    assert_int_equal(sp_rpc_stream_open(caller->client, path, &stream, &error), SP_OK);
    sp_arena_reset(&programs.checker.arena);
    assert_true(caller_pack(&programs.checker, method, text, &bytes));
    assert_int_equal(sp_rpc_stream_send(stream, bytes, &error), SP_OK);
    assert_int_equal(sp_rpc_stream_done_sending(stream, &error), SP_OK);
    return stream;
}

static const Sallyport__V1__ListAllowedResourcesResponse *next(struct sp_rpc_stream *stream) {
    struct sp_bytes bytes;
    struct sp_error error = {0};
    ProtobufCMessage *message;
    if (sp_rpc_stream_receive(stream, &programs.checker.arena, &bytes, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sp_wire_unpack(&sallyport__v1__list_allowed_resources_response__descriptor, bytes,
                                    &programs.checker.arena, &message, &error),
                     SP_OK);
    return (const Sallyport__V1__ListAllowedResourcesResponse *)message;
}

/* The server is ahead of the client by what a connection buffers, so a change that is made after
 * the first message may come too late for the list. Then the list is read again. */
enum { TRIES = 50 };

static uint64_t revision_of(const struct caller *caller) {
    return (uint64_t)caller_number(caller, "revision.number");
}

/* Reads the list until the end while `change` is made; true where some of it was read from after
 * the change. Each message must hold what `check` says for before or after. */
static bool overlaps(uint64_t (*change)(void),
                     void (*check)(const Sallyport__V1__ListAllowedResourcesResponse *message, bool after)) {
    struct caller slow;
    assert_true(caller_open(&slow, programs.server_target, ""));
    struct sp_rpc_stream *stream =
        begin(&slow, resources, "{'apiKey': '%s', 'type': 'note', 'action': 'read'}", bob_key);
    const Sallyport__V1__ListAllowedResourcesResponse *message = next(stream);
    uint64_t changed_at = change();
    bool after = false;
    for (;; message = next(stream)) {
        after = message->revision->number >= changed_at;
        check(message, after);
        if (message->complete)
            break;
    }
    sp_rpc_stream_close(stream);
    caller_close(&slow);
    return after;
}

static uint64_t unshare_the_last(void) {
    char last[LONG_ID + 1];
    note_id(NOTES - 1, last); /* odd: shared with the group */
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'note', 'id': 'a'}, 'subject': {'group': 'team'}, 'role': 'ROLE_VIEWER'}");
    caller_ok(&admin, "Admin/UnshareResource",
              "{'resource': {'type': 'note', 'id': '%s'}, 'subject': {'group': 'team'}}", last);
    return revision_of(&admin);
}

static void share_it_again(void) {
    char last[LONG_ID + 1];
    note_id(NOTES - 1, last);
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'note', 'id': '%s'}, 'subject': {'group': 'team'}, 'role': 'ROLE_VIEWER'}", last);
    caller_ok(&admin, "Admin/UnshareResource",
              "{'resource': {'type': 'note', 'id': 'a'}, 'subject': {'group': 'team'}}");
}

static void check_the_last(const Sallyport__V1__ListAllowedResourcesResponse *message, bool after) {
    char last[LONG_ID + 1];
    bool found = false;
    note_id(NOTES - 1, last);
    for (size_t i = 0; i < message->n_ids; i++) {
        assert_string_not_equal(message->ids[i], "a"); /* before the place */
        found = found || strcmp(message->ids[i], last) == 0;
    }
    if (message->complete)
        assert_int_equal(found, !after);
}

static void what_changes_while_a_client_reads_slowly_shows_in_what_is_still_to_come(void **state) {
    (void)state;
    bool overlapped = false;
    for (int i = 0; i < TRIES && !overlapped; i++) {
        overlapped = overlaps(unshare_the_last, check_the_last);
        share_it_again();
    }
    assert_true(overlapped);
}

static uint64_t disable_the_key(void) {
    caller_ok(&admin, "Admin/DisableApiKey", "{'id': 'bob-key', 'reason': 'test'}");
    return revision_of(&admin);
}

static void check_the_reason(const Sallyport__V1__ListAllowedResourcesResponse *message, bool after) {
    assert_true(!after || (message->complete && message->n_ids == 0));
    if (message->complete)
        assert_int_equal(message->reason, after ? SALLYPORT__V1__REASON__KEY_DISABLED : SALLYPORT__V1__REASON__ALLOWED);
}

static void a_key_that_is_disabled_meanwhile_ends_its_list_with_the_reason(void **state) {
    (void)state;
    bool overlapped = false;
    for (int i = 0; i < TRIES && !overlapped; i++) {
        overlapped = overlaps(disable_the_key, check_the_reason);
        caller_ok(&admin, "Admin/EnableApiKey", "{'id': 'bob-key'}");
    }
    assert_true(overlapped);
}

static void clients_that_leave_in_the_middle_hold_nothing_up(void **state) {
    (void)state;
    struct listing listing;
    struct sp_error error;
    for (unsigned i = 0; i < 50; i++) {
        struct sp_rpc_stream *stream =
            begin(&programs.checker, resources, "{'apiKey': '%s', 'type': 'note', 'action': 'read'}", bob_key);
        if (i % 2 == 0)
            assert_true(next(stream)->n_ids > 0);
        sp_rpc_stream_close(stream);
    }
    assert_int_equal(list(resources, &listing, &error, "{'apiKey': '%s', 'type': 'note', 'action': 'read'}", bob_key),
                     SP_OK);
    assert_int_equal(listing.count, NOTES);
}

/* ---- what is denied, and mistakes ---- */

static void says_why_nothing_is_listed(void **state) {
    (void)state;
    static const struct {
        const char *method, *request;
        Sallyport__V1__Reason reason;
    } rows[] = {
        {resources, "{'apiKey': 'nonsense', 'type': 'note', 'action': 'read'}", SALLYPORT__V1__REASON__KEY_MALFORMED},
        {resources,
         "{'apiKeySha256': 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'type': 'note', 'action': 'read'}",
         SALLYPORT__V1__REASON__KEY_UNKNOWN},
        {resources, "{'principal': {'workspace': 'w1', 'id': 'nobody'}, 'type': 'note', 'action': 'read'}",
         SALLYPORT__V1__REASON__PRINCIPAL_UNKNOWN},
        {resources, "{'principal': {'workspace': 'w9', 'id': 'bob'}, 'type': 'note', 'action': 'read'}",
         SALLYPORT__V1__REASON__WORKSPACE_UNKNOWN},
        {resources,
         "{'principal': {'workspace': 'w1', 'id': 'bob'}, 'type': 'note', 'action': 'read', 'workspace': 'w2'}",
         SALLYPORT__V1__REASON__WORKSPACE_MISMATCH},
        {resources, "{'principal': {'workspace': 'w1', 'id': 'bob'}, 'type': 'note', 'action': 'sing'}",
         SALLYPORT__V1__REASON__ACTION_UNKNOWN},
        {subjects, "{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use', 'workspace': 'w2'}",
         SALLYPORT__V1__REASON__RESOURCE_UNKNOWN},
        {subjects, "{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use', 'workspace': 'w9'}",
         SALLYPORT__V1__REASON__WORKSPACE_UNKNOWN},
        {subjects, "{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'sing', 'workspace': 'w1'}",
         SALLYPORT__V1__REASON__ACTION_UNKNOWN},
    };
    struct listing listing;
    struct sp_error error;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(list(rows[i].method, &listing, &error, "%s", rows[i].request), SP_OK);
        assert_int_equal(listing.count, 0);
        assert_int_equal(listing.reason, rows[i].reason);
    }
}

static void a_mistake_names_its_field(void **state) {
    (void)state;
    static const struct {
        const char *method, *request;
        enum sp_status status;
        const char *field;
    } rows[] = {
        {resources, "{'type': 'note', 'action': 'read'}", SP_ERR_INVALID, "api_key"},
        {resources, "{'apiKey': 'x', 'action': 'read'}", SP_ERR_INVALID, "type: is required"},
        {resources, "{'apiKey': 'x', 'type': 'note'}", SP_ERR_INVALID, "action: is required"},
        {resources, "{'apiKey': 'x', 'type': 'note', 'action': 'read', 'ip': '1.2.3'}", SP_ERR_INVALID, "ip: "},
        {resources, "{'apiKeySha256': 'AAAA', 'type': 'note', 'action': 'read'}", SP_ERR_INVALID, "api_key_sha256"},
        {resources, "{'principal': {'id': 'bob'}, 'type': 'note', 'action': 'read'}", SP_ERR_INVALID,
         "principal.workspace: is required"},
        {resources, "{'principal': {'workspace': 'w1'}, 'type': 'note', 'action': 'read'}", SP_ERR_INVALID,
         "principal.id: is required"},
        {resources,
         "{'apiKey': 'x', 'type': 'note', 'action': 'read', 'minRevision': {'epoch': '1', 'number': '99999'}}",
         SP_ERR_UNAVAILABLE, "min_revision"},
        {resources, "{'apiKey': 'x', 'type': 'note', 'action': 'read', 'minRevision': {'epoch': '7', 'number': '1'}}",
         SP_ERR_PRECONDITION, "epoch"},
        {subjects, "{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}", SP_ERR_INVALID,
         "workspace: is required"},
        {subjects, "{'action': 'use', 'workspace': 'w1'}", SP_ERR_INVALID, "resource.type: is required"},
        {subjects, "{'resource': {'type': 'voice', 'id': 'v1'}, 'workspace': 'w1'}", SP_ERR_INVALID,
         "action: is required"},
        {subjects,
         "{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use', 'workspace': 'w1', 'after': "
         "'"
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc"
         "def0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
         "abcdef0123456789abcdef0123456789abcdef"
         "x'}",
         SP_ERR_INVALID, "after: "},
    };
    struct listing listing;
    struct sp_error error;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(list(rows[i].method, &listing, &error, "%s", rows[i].request), rows[i].status);
        if (strstr(error.message, rows[i].field) == NULL)
            fail_msg("row %zu: %s", i, error.message);
        assert_int_equal(listing.count, 0);
    }
}

/* A caller that may list what a key may do, and may not ask about principals. */
static void principals_are_named_only_by_those_who_may(void **state) {
    static const struct {
        const char *roles, *method, *request;
        enum sp_status status;
    } rows[] = {
        {"list", resources, NULL, SP_OK}, /* with a key */
        {"list", resources, "{'principal': {'workspace': 'acme', 'id': 'bob'}, 'type': 'note', 'action': 'read'}",
         SP_ERR_UNAUTHENTICATED},
        {"list", subjects, "{'workspace': 'acme', 'resource': {'type': 'note', 'id': 'x'}, 'action': 'read'}",
         SP_ERR_UNAUTHENTICATED},
        {"subjects", subjects, "{'workspace': 'acme', 'resource': {'type': 'note', 'id': 'x'}, 'action': 'read'}",
         SP_OK},
        {"list, subjects", resources,
         "{'principal': {'workspace': 'acme', 'id': 'bob'}, 'type': 'note', 'action': 'read'}", SP_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char path[128], target[64], text[512];
        struct process server;
        struct caller caller;
        struct listing listing;
        struct sp_error error = {0};
        snprintf(path, sizeof(path), "%.60s/callers.yaml", programs.folder);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fprintf(file, "plaintext: %s\n", rows[i].roles) > 0);
        assert_int_equal(fclose(file), 0);
        const char *arguments[] = {"sallyportd",  "--store",   programs.store, "--listen",
                                   "127.0.0.1:0", "--callers", path,           NULL};
        process_start(&server, programs.folder, "roles", arguments);
        snprintf(target, sizeof(target), "127.0.0.1:%d", process_port(&server));
        programs_wait_for_health(target, true);
        assert_true(caller_open(&caller, target, ""));
        snprintf(text, sizeof(text), "{'apiKey': '%s', 'type': 'note', 'action': 'read'}", bob_key);
        const ProtobufCMessage *request = request_of(rows[i].method, rows[i].request == NULL ? text : rows[i].request);
        enum sp_status status = listing_read(caller.client, request, &caller.arena, &listing, &error);
        if (status != rows[i].status)
            fail_msg("row %zu: %s: %s", i, sp_status_name(status), error.message);
        caller_close(&caller);
        assert_int_equal(process_end(&server, SIGTERM), 0);
    }
}

static void a_call_without_a_request_is_refused(void **state) {
    (void)state;
    struct sp_rpc_stream *stream;
    struct sp_bytes bytes;
    struct sp_error error = {0};
    assert_int_equal(
        sp_rpc_stream_open(programs.checker.client, "/sallyport.v1.Authorization/ListResources", &stream, &error),
        SP_OK);
    assert_int_equal(sp_rpc_stream_done_sending(stream, &error), SP_OK);
    assert_int_equal(sp_rpc_stream_receive(stream, &programs.checker.arena, &bytes, &error), SP_ERR_INVALID);
    sp_rpc_stream_close(stream);
}

/* ---- the command line ---- */

static const struct command *run(int status, const char *format, ...) SP_PRINTF(2, 3);
static const struct command *run(int status, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    const struct command *ran = command_run(&(struct command_setting){.input = bob_key}, "sallyport %s --server %s",
                                            line, programs.server_target);
    if (ran->status != status)
        fail_msg("%s: ended with %d: %s%s", line, ran->status, ran->out, ran->err);
    return ran;
}

static size_t lines_of(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void the_command_line_lists_all_rows(void **state) {
    (void)state;
    assert_int_equal(lines_of(run(0, "list-resources --key-file - --type note --action read")->out), NOTES + 1);
    assert_int_equal(lines_of(run(0, "list-resources --key-file - --type note --action read -o ndjson")->out), NOTES);
    assert_int_equal(lines_of(run(0, "list-resources --key-file - --type note --action read --limit 7")->out), 8);
    json_t *json = json_loads(
        run(0, "list-resources --workspace w1 --principal bob --type note --action read -o json")->out, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "ids")), NOTES);
    assert_true(json_is_true(json_object_get(json, "complete")));
    json_decref(json);
    const char *said = run(0, "list-resources --workspace w1 --principal w1-admin --type note --action edit")->err;
    assert_non_null(strstr(said, "never registered or shared are allowed too"));
    assert_string_equal(run(0, "list-subjects --workspace w1 --resource voice/v1 --action use")->out,
                        "ID        KIND\nw1-admin  user\n");
    assert_int_equal(
        lines_of(run(0, "list-subjects --workspace w1 --resource note --action glance --kind service-account")->out),
        2);
}

static void the_command_line_says_why_nothing_is_listed(void **state) {
    (void)state;
    assert_non_null(strstr(run(1, "list-resources --key-file - --type note --action sing")->err, "ACTION_UNKNOWN"));
    assert_non_null(strstr(run(2, "list-resources --type note --action read")->err, "--principal ID"));
    assert_non_null(strstr(run(2, "list-resources --principal bob --type note --action read")->err,
                           "--principal requires --workspace"));
    assert_non_null(
        strstr(run(2, "list-resources --principal bob --sha256 00 --workspace w1 --type note --action read")->err,
               "--principal cannot be combined with --key-file or --sha256"));
    command_forget();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_list_comes_whole_in_many_messages),
        cmocka_unit_test(a_list_goes_on_after_an_id),
        cmocka_unit_test(much_that_is_not_allowed_is_looked_through_to_the_end),
        cmocka_unit_test(an_admin_is_told_that_there_is_more_than_a_list_can_hold),
        cmocka_unit_test(subjects_are_listed_by_kind),
        cmocka_unit_test(what_changes_while_a_client_reads_slowly_shows_in_what_is_still_to_come),
        cmocka_unit_test(a_key_that_is_disabled_meanwhile_ends_its_list_with_the_reason),
        cmocka_unit_test(clients_that_leave_in_the_middle_hold_nothing_up),
        cmocka_unit_test(says_why_nothing_is_listed),
        cmocka_unit_test(a_mistake_names_its_field),
        cmocka_unit_test(principals_are_named_only_by_those_who_may),
        cmocka_unit_test(a_call_without_a_request_is_refused),
        cmocka_unit_test(the_command_line_lists_all_rows),
        cmocka_unit_test(the_command_line_says_why_nothing_is_listed),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world) == 0 ? 0 : 1;
}
