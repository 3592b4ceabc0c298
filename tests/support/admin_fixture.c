#include "support/admin_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/operator.h"
#include "core/schema.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/create.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/records/store_time.h"
#include "store/records/write.h"
#include "store/recovery/verify.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"

enum { MAP_BYTES = 256 * 1024 * 1024, ARENA_BYTES = 256 * 1024 * 1024, FIRST_BLOCK_BYTES = 64 * 1024 };

static void assert_ok(enum sp_status status, const struct sp_error *error) {
    if (status != SP_OK)
        fail_msg("%s: %s", sp_status_name(status), error->message);
}

static void add_operator(struct admin_fixture *fixture) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    assert_ok(sp_write_begin(fixture->store, &write, &error), &error);
    assert_ok(sp_admin_operator_add(write, SP_STR_LITERAL("root"), &(struct sp_admin_operator_terms){0}, fixture->now_s,
                                    &fixture->arena, fixture->operator_key, &error),
              &error);
    assert_ok(sp_write_commit(write, &error), &error);
}

void admin_fixture_open(struct admin_fixture *fixture, const char *schema_yaml) {
    struct sp_error error = {0};
    *fixture = (struct admin_fixture){.now_s = ADMIN_FIXTURE_NOW_S, .address = "203.0.113.9"};
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "%s", "/tmp/sallyport-admin-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(sp_arena_init(&fixture->arena, FIRST_BLOCK_BYTES, ARENA_BYTES), SP_OK);
    assert_int_equal(sp_arena_init(&fixture->kept, FIRST_BLOCK_BYTES, ARENA_BYTES), SP_OK);
    struct sp_store_create_options create = {
        .map_size_bytes = MAP_BYTES,
        .schema_yaml = schema_yaml == NULL ? sp_schema_default_yaml() : sp_str_from(schema_yaml),
        .key_prefix = SP_STR_LITERAL("sp_"),
        /* Long ago: the store's time is a floor for that of calls, which tests set as they like. */
        .now_s = fixture->now_s - 1000 * SP_STORE_TIME_DAY_S,
    };
    assert_ok(sp_store_create(fixture->folder, &create, &error), &error);
    struct sp_store_options open = {.mode = SP_STORE_WRITE, .no_sync = true};
    assert_ok(sp_store_open(fixture->folder, &open, &fixture->store, &error), &error);
    add_operator(fixture);
}

static void report(void *context, const char *finding) {
    (void)context;
    print_error("verify: %s\n", finding);
}

static void remove_folder(const char *folder) {
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    struct dirent *entry = NULL;
    while ((entry = readdir(entries)) != NULL)
        (void)unlinkat(dirfd(entries), entry->d_name, 0);
    (void)closedir(entries);
    assert_int_equal(rmdir(folder), 0);
}

void admin_fixture_close(struct admin_fixture *fixture) {
    struct sp_error error = {0};
    assert_ok(sp_store_verify(fixture->store, report, NULL, NULL, &error), &error);
    sp_store_close(fixture->store);
    sp_arena_fini(&fixture->arena);
    sp_arena_fini(&fixture->kept);
    json_decref(fixture->reply);
    remove_folder(fixture->folder);
}

/* ---- calls ---- */

static ProtobufCMessage *read_request(struct admin_fixture *fixture, const struct sp_admin_method *method,
                                      const char *request) {
    char *text = sp_arena_strdup(&fixture->arena, sp_str_from(request));
    assert_non_null(text);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    json_t *json = NULL;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    assert_ok(sp_json_parse(sp_str_from(text), &json, &error), &error);
    assert_ok(sp_json_to_message(sp_admin_method_request(method), json, &fixture->arena, &message, &error), &error);
    json_decref(json);
    return message;
}

static enum sp_status call_on_view(struct admin_fixture *fixture, const struct sp_admin_method *method,
                                   const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                                   ProtobufCMessage **ret_reply) {
    struct sp_snapshot *snapshot = NULL;
    assert_int_equal(sp_snapshot_open(fixture->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    enum sp_status status = sp_admin_answer(method, sp_snapshot_view(snapshot), caller, request, &fixture->arena,
                                            ret_reply, &fixture->error);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return status;
}

static enum sp_status call_mutation(struct admin_fixture *fixture, const struct sp_admin_method *method,
                                    const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                                    ProtobufCMessage **ret_reply) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    assert_ok(sp_write_begin(fixture->store, &write, &error), &error);
    enum sp_status status = sp_admin_mutate(method, write, caller, request, &fixture->arena, ret_reply,
                                            &fixture->narrowed, &fixture->error);
    if (sp_write_check(write, NULL) != SP_OK)
        sp_write_abort(write);
    else
        assert_ok(sp_write_commit(write, &error), &error);
    return status;
}

enum sp_status admin_call(struct admin_fixture *fixture, const char *key, const char *method_name,
                          const char *request) {
    const struct sp_admin_method *method = sp_admin_method_find(method_name);
    if (method == NULL)
        fail_msg("no method %s", method_name);
    json_decref(fixture->reply);
    fixture->reply = NULL;
    fixture->error = (struct sp_error){0};
    sp_arena_reset(&fixture->arena);
    struct sp_ip ip = {0};
    struct sp_admin_caller caller = {.credential = sp_str_from(key),
                                     .address = sp_str_from(fixture->address),
                                     .now_s = fixture->now_s,
                                     .usage = fixture->usage};
    if (fixture->address != NULL) {
        struct sp_error error = {0};
        assert_ok(sp_ip_parse(caller.address, &ip, &error), &error);
        caller.ip = &ip;
    }
    const ProtobufCMessage *message = read_request(fixture, method, request);
    ProtobufCMessage *reply = NULL;
    enum sp_status status = sp_admin_method_type(method) == SP_ADMIN_MUTATION
                                ? call_mutation(fixture, method, &caller, message, &reply)
                                : call_on_view(fixture, method, &caller, message, &reply);
    if (status == SP_OK) {
        fixture->reply = sp_json_from_message(reply, true);
        assert_non_null(fixture->reply);
    } else {
        assert_int_equal(fixture->error.status, status);
        assert_true(fixture->error.message[0] != '\0');
    }
    return status;
}

json_t *admin_ok(struct admin_fixture *fixture, const char *key, const char *method, const char *request) {
    enum sp_status status = admin_call(fixture, key, method, request);
    if (status != SP_OK)
        fail_msg("%s %s: %s: %s", method, request, sp_status_name(status), fixture->error.message);
    return fixture->reply;
}

void admin_fails(struct admin_fixture *fixture, const char *key, const char *method, const char *request,
                 enum sp_status status, const char *fragment) {
    enum sp_status got = admin_call(fixture, key, method, request);
    if (got != status)
        fail_msg("%s %s: %s instead of %s: %s", method, request, got == SP_OK ? "OK" : sp_status_name(got),
                 sp_status_name(status), fixture->error.message);
    if (fragment != NULL && strstr(fixture->error.message, fragment) == NULL)
        fail_msg("%s %s: \"%s\" does not hold \"%s\"", method, request, fixture->error.message, fragment);
}

/* ---- replies ---- */

json_t *admin_at(const struct admin_fixture *fixture, const char *path) {
    json_t *at = fixture->reply;
    while (at != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        at = json_is_array(at) ? json_array_get(at, strtoul(path, NULL, 10)) : json_object_getn(at, path, size);
        path += size;
        path += *path == '.';
    }
    return at;
}

const char *admin_text(const struct admin_fixture *fixture, const char *path) {
    const char *text = json_string_value(admin_at(fixture, path));
    if (text == NULL)
        fail_msg("no text at %s", path);
    return text;
}

int64_t admin_number(const struct admin_fixture *fixture, const char *path) {
    json_t *at = admin_at(fixture, path);
    if (json_is_string(at))
        return strtoll(json_string_value(at), NULL, 10);
    if (!json_is_integer(at))
        fail_msg("no number at %s", path);
    return json_integer_value(at);
}

bool admin_flag(const struct admin_fixture *fixture, const char *path) {
    json_t *at = admin_at(fixture, path);
    if (!json_is_boolean(at))
        fail_msg("no boolean at %s", path);
    return json_is_true(at);
}

size_t admin_length(const struct admin_fixture *fixture, const char *path) {
    json_t *at = admin_at(fixture, path);
    if (!json_is_array(at))
        fail_msg("no list at %s", path);
    return json_array_size(at);
}

/* ---- what most tests begin with ---- */

const char *admin_keep(struct admin_fixture *fixture, const char *text) {
    char *kept = sp_arena_strdup(&fixture->kept, sp_str_from(text));
    assert_non_null(kept);
    return kept;
}

const char *admin_format(struct admin_fixture *fixture, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert_in_range(size, 0, sizeof(text) - 1);
    return admin_keep(fixture, text);
}

const char *admin_workspace(struct admin_fixture *fixture, const char *id) {
    admin_ok(fixture, fixture->operator_key, "CreateWorkspace",
             admin_format(fixture,
                          "{'id': '%s', 'name': 'Test', 'plan': 'PLAN_ENTERPRISE', 'seats': 5, "
                          "'features': ['FEATURE_IP_ALLOWLIST'], 'adminId': '%s-admin'}",
                          id, id));
    return admin_keep(fixture, admin_text(fixture, "secret"));
}

const char *admin_new_key(struct admin_fixture *fixture, const char *key, const char *principal,
                          const char *permissions, const char *rest) {
    admin_ok(fixture, key, "CreateApiKey",
             admin_format(fixture, "{'principal': '%s', 'name': 'test', 'permissions': %s%s}", principal, permissions,
                          rest));
    return admin_keep(fixture, admin_text(fixture, "secret"));
}

const char *admin_registrar(struct admin_fixture *fixture, const char *key, const char *workspace,
                            const char *principal) {
    const char *text = admin_new_key(fixture, key, principal, "{'names': ['workspace_read']}", "");
    admin_ok(fixture, key, "FindKey", admin_format(fixture, "{'apiKey': '%s'}", text));
    const char *id = admin_keep(fixture, admin_text(fixture, "id"));
    admin_ok(fixture, fixture->operator_key, "UpdateApiKey",
             admin_format(fixture,
                          "{'workspace': '%s', 'id': '%s', 'updateMask': ['permissions'], 'permissions': {'names': "
                          "['workspace_read', 'resource_register']}}",
                          workspace, id));
    return text;
}

uint64_t admin_revision(struct admin_fixture *fixture) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    assert_int_equal(sp_snapshot_open(fixture->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_revision(sp_snapshot_view(snapshot), &revision), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return revision.number;
}

struct admin_scene *admin_scene_open(const char *schema_yaml) {
    struct admin_scene *scene = test_calloc(1, sizeof(*scene));
    admin_fixture_open(&scene->fixture, schema_yaml);
    scene->admin = admin_workspace(&scene->fixture, "w1");
    return scene;
}

int admin_scene_tear_down(void **state) {
    struct admin_scene *scene = *state;
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}
