/* The schema as operators change it: what is told, what is refused, and that nothing old is granted
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sallyport/v1/admin.pb-c.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

#define READ "  voices_read: Read\n"
#define WRITE "  voices_write: Write\n"
#define USE "      use: {permission: voices_read, role: viewer}\n"
#define LOOK "      look: {role: viewer}\n"
#define VOICE "  voice:\n    register: admin\n    actions:\n" USE
#define NOTE "  note:\n    ids: workspace\n    actions:\n" USE
#define NOTE_FREE "  note:\n    ids: workspace\n    actions:\n" LOOK
#define SCHEMA(permissions, types) "version: 1\npermissions:\n" permissions "types:\n" types

static const char first[] = SCHEMA(READ WRITE, VOICE NOTE);

struct scene {
    struct admin_fixture fixture;
    const char *admin;
    const char *operator_key;
};

/* Ann's key lists voices_read; she may view voice v1 and note n1. */
static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    struct admin_fixture *fixture = &scene->fixture;
    admin_fixture_open(fixture, first);
    scene->operator_key = fixture->operator_key;
    scene->admin = admin_workspace(fixture, "w1");
    admin_ok(fixture, scene->admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_new_key(fixture, scene->admin, "ann", "{'names': ['voices_read']}", ", 'id': 'k1'");
    admin_ok(fixture, scene->admin, "RegisterResource",
             "{'resource': {'type': 'voice', 'id': 'v1'}, 'creator': 'ann'}");
    admin_ok(fixture, scene->admin, "ShareResource",
             "{'resource': {'type': 'note', 'id': 'n1'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_VIEWER'}");
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}

/* A PutSchema request; line ends are written as JSON wants them. */
static const char *put(struct scene *scene, const char *yaml, const char *rest) {
    char escaped[4096];
    size_t size = 0;
    for (const char *at = yaml; *at != '\0'; at++) {
        assert_true(size + 3 < sizeof(escaped));
        if (*at == '\n')
            escaped[size++] = '\\';
        escaped[size++] = (char)(*at == '\n' ? 'n' : *at);
    }
    escaped[size] = '\0';
    return admin_format(&scene->fixture, "{'yaml': '%s'%s}", escaped, rest);
}

static const char *answer(struct scene *scene, const char *type, const char *id) {
    admin_ok(&scene->fixture, scene->admin, "ExplainKey",
             admin_format(&scene->fixture, "{'keyId': 'k1', 'resource': {'type': '%s', 'id': '%s'}, 'action': 'use'}",
                          type, id));
    return admin_text(&scene->fixture, "answer.reason");
}

static bool lists(struct scene *scene, const char *path, const char *line) {
    for (size_t i = 0; i < admin_length(&scene->fixture, path); i++)
        if (strcmp(admin_text(&scene->fixture, admin_format(&scene->fixture, "%s.%zu", path, i)), line) == 0)
            return true;
    return false;
}

static void operators_put_and_admins_read_it(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->admin, "GetSchema", "{}");
    assert_string_equal(admin_text(fixture, "yaml"), first);
    admin_fails(fixture, scene->admin, "PutSchema", put(scene, first, ""), SP_ERR_PERMISSION, "operator");
    uint64_t before = admin_revision(fixture);
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, first, ""));
    assert_int_equal(admin_length(fixture, "changes"), 0);
    assert_int_equal(admin_revision(fixture), before);
    admin_fails(fixture, scene->operator_key, "PutSchema", put(scene, "version: 1\ntypes: 7\n", ""), SP_ERR_INVALID,
                "line 2");
}

static void tells_each_name_added_changed_and_removed(void **state) {
    static const char next[] = "version: 1\n"
                               "permissions:\n"
                               "  voices_read: See\n"
                               "  agents_read: Agents\n"
                               "types:\n"
                               "  voice:\n"
                               "    register: permitted\n"
                               "    description: A voice\n"
                               "    actions:\n"
                               "      use: {permission: agents_read, role: editor}\n"
                               "      look: {}\n"
                               "  note:\n"
                               "    actions:\n" USE "  agent:\n"
                               "    ids: workspace\n"
                               "    actions:\n"
                               "      run: {permission: agents_read}\n";
    static const char *const changes[] = {
        "permission voices_read changed: its description",
        "permission voices_write removed",
        "permission agents_read added",
        "type voice changed: register permitted; was admin",
        "type voice changed: its description",
        "action voice.use changed: permission agents_read, role editor; was permission voices_read, role viewer",
        "action voice.look added: permission none, role none",
        "type note changed: ids global; were workspace",
        "type note changed: register operator; was admin",
        "type agent added: ids workspace, register admin",
        "action agent.run added: permission agents_read, role none",
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint64_t before = admin_revision(fixture);
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, next, ", 'dryRun': true"));
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
        if (!lists(scene, "changes", changes[i]))
            fail_msg("not told: %s", changes[i]);
    assert_int_equal(admin_length(fixture, "changes"), sizeof(changes) / sizeof(*changes));
    assert_true(lists(scene, "inUse", "type note: 0 resources, 1 grants"));
    assert_int_equal(admin_length(fixture, "inUse"), 1);
    assert_int_equal(admin_number(fixture, "revision.number"), before);
    assert_int_equal(admin_revision(fixture), before);
    admin_ok(fixture, scene->admin, "GetSchema", "{}");
    assert_string_equal(admin_text(fixture, "yaml"), first);
}

#define ROUTES(lines) SCHEMA(READ WRITE, VOICE LOOK NOTE) "routes:\n" lines

/* Routes only lead to what is decided: one that goes denies, and one that comes is decided as any
 * other question. */
static void tells_each_route_added_changed_and_removed_without_force(void **state) {
    static const char before[] = ROUTES("  GET /v1/voices/{id}: use voice/{id}\n"
                                        "  POST /v1/voices: look voice/rachel\n"
                                        "  GET /v1/notes/{id}: use note/{id}\n");
    static const char after[] = ROUTES("  GET /v1/voices/{id}: look voice/{id}\n"
                                       "  GET /v1/notes/{id}: use note/{id}\n"
                                       "  PUT /v1/notes: use note/all\n");
    static const char *const changes[] = {
        "route GET /v1/voices/{id} changed: look voice/{id}; was use voice/{id}",
        "route POST /v1/voices removed",
        "route PUT /v1/notes added: use note/all",
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, before, ""));
    assert_int_equal(admin_length(fixture, "changes"), 1 + 3);
    uint64_t revision = admin_revision(fixture);
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, after, ", 'dryRun': true"));
    assert_int_equal(admin_revision(fixture), revision);
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, after, ""));
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
        if (!lists(scene, "changes", changes[i]))
            fail_msg("not told: %s", changes[i]);
    assert_int_equal(admin_length(fixture, "changes"), sizeof(changes) / sizeof(*changes));
    assert_int_equal(admin_length(fixture, "inUse"), 0);
    assert_int_equal(admin_revision(fixture), revision + 1);
    admin_fails(fixture, scene->operator_key, "PutSchema", put(scene, ROUTES("  GET /a: use vioce\n"), ""),
                SP_ERR_INVALID, "there is no type vioce");
}

static void a_route_without_an_id_to_an_action_that_needs_a_role_is_refused(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint64_t revision = admin_revision(fixture);
    for (int dry = 0; dry < 2; dry++)
        admin_fails(fixture, scene->operator_key, "PutSchema",
                    put(scene, ROUTES("  GET /v1/voices: use voice\n"), dry ? ", 'dryRun': true" : ""), SP_ERR_INVALID,
                    "the route names none, so it can never allow; write voice/{segment} or voice/ID");
    assert_int_equal(admin_revision(fixture), revision);
}

struct removal {
    const char *yaml;
    const char *in_use; /* NULL: nothing of it is in use */
};

static void a_removal_in_use_needs_force(void **state) {
    static const struct removal removals[] = {
        {SCHEMA(READ, VOICE NOTE), NULL},
        {SCHEMA(WRITE, "  voice:\n    actions:\n      use: {role: viewer}\n  note:\n    ids: workspace\n    actions:\n"
                       "      use: {role: viewer}\n"),
         "permission voices_read: listed by 1 keys"},
        {SCHEMA(READ WRITE, NOTE), "type voice: 1 resources, 1 grants"},
        {SCHEMA(READ WRITE, VOICE), "type note: 0 resources, 1 grants"},
        {SCHEMA(READ WRITE, NOTE "  voice:\n    actions:\n" LOOK),
         "action voice.use: its type has 1 resources and 1 grants, 1 keys list its permission"},
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(removals) / sizeof(*removals); i++) {
        uint64_t before = admin_revision(fixture);
        admin_fails(fixture, scene->operator_key, "PutSchema", put(scene, removals[i].yaml, ""),
                    removals[i].in_use == NULL ? SP_OK : SP_ERR_PRECONDITION,
                    removals[i].in_use == NULL ? NULL : "force");
        assert_int_equal(admin_revision(fixture), before + (removals[i].in_use == NULL));
        admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, removals[i].yaml, ", 'force': true"));
        if (removals[i].in_use != NULL && !lists(scene, "inUse", removals[i].in_use))
            fail_msg("not told: %s", removals[i].in_use);
        /* Back, and in use as before: what was removed comes with new numbers. */
        admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, first, ", 'force': true"));
        admin_ok(fixture, scene->admin, "UpdateApiKey",
                 "{'id': 'k1', 'updateMask': ['permissions'], 'permissions': {'names': ['voices_read']}}");
        if (admin_call(fixture, scene->admin, "RegisterResource",
                       "{'resource': {'type': 'voice', 'id': 'v1'}, 'creator': 'ann'}") != SP_OK)
            assert_int_equal(fixture->error.status, SP_ERR_EXISTS);
        admin_ok(fixture, scene->admin, "ShareResource",
                 "{'resource': {'type': 'note', 'id': 'n1'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_VIEWER'}");
    }
}

static void what_was_removed_grants_nothing_even_when_its_name_comes_back(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    assert_string_equal(answer(scene, "voice", "v1"), "ALLOWED");
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, SCHEMA(READ, NOTE), ", 'force': true"));
    assert_string_equal(answer(scene, "voice", "v1"), "ACTION_UNKNOWN");
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, first, ""));
    assert_string_equal(answer(scene, "voice", "v1"), "RESOURCE_UNKNOWN");
    /* It is not listed either, and may be registered anew, by anybody. */
    admin_ok(fixture, scene->admin, "ListResources", "{}");
    assert_int_equal(admin_length(fixture, "resources"), 0);
    admin_ok(fixture, scene->admin, "ListShares", "{'subject': {'principal': 'ann'}}");
    assert_int_equal(admin_length(fixture, "grants"), 1);
    admin_fails(fixture, scene->admin, "GetResource", "{'resource': {'type': 'voice', 'id': 'v1'}}", SP_ERR_NOT_FOUND,
                NULL);
    admin_ok(fixture, scene->admin, "RegisterResource", "{'resource': {'type': 'voice', 'id': 'v1'}}");
    assert_string_equal(answer(scene, "voice", "v1"), "NOT_SHARED");
    /* The grant of old can be cleared away, and the creator's mark does not come back with a new
     * one. */
    admin_ok(fixture, scene->admin, "ShareResource",
             "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_VIEWER'}");
    assert_false(admin_flag(fixture, "grant.creator"));
    assert_string_equal(answer(scene, "voice", "v1"), "ALLOWED");
}

static void a_permission_that_comes_back_is_not_held_by_old_keys(void **state) {
    static const char without[] =
        SCHEMA(WRITE, "  voice:\n    actions:\n      use: {permission: voices_write, role: viewer}\n" NOTE_FREE);
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, without, ", 'force': true"));
    assert_string_equal(answer(scene, "voice", "v1"), "PERMISSION_MISSING");
    admin_fails(fixture, scene->admin, "CreateApiKey",
                "{'principal': 'ann', 'name': 'x', 'permissions': {'names': ['voices_read']}}", SP_ERR_INVALID,
                "voices_read");
    admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, first, ", 'force': true"));
    assert_string_equal(answer(scene, "voice", "v1"), "PERMISSION_MISSING");
    /* Nor does rotation, which copies verbatim, or a change of the name give it back. */
    admin_ok(fixture, scene->admin, "UpdateApiKey", "{'id': 'k1', 'updateMask': ['name'], 'name': 'New'}");
    assert_string_equal(answer(scene, "voice", "v1"), "PERMISSION_MISSING");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'newId': 'k2'}");
    admin_ok(fixture, scene->admin, "ExplainKey",
             "{'keyId': 'k2', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}");
    assert_string_equal(admin_text(fixture, "answer.reason"), "PERMISSION_MISSING");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k1', 'updateMask': ['permissions'], 'permissions': {'names': ['voices_read']}}");
    assert_string_equal(answer(scene, "voice", "v1"), "ALLOWED");
}

/* What each call shows of key k1's permissions, joined by commas; `key` is its text. */
static const char *shown_permissions(struct scene *scene, const char *key, const char *method) {
    static const struct {
        const char *method, *request, *path;
        bool as_itself;
    } rows[] = {
        {"GetApiKey", "{'id': 'k9'}", "permissions", false},
        {"ListApiKeys", "{'principal': 'eve'}", "apiKeys.0.permissions", false},
        {"WhoAmI", "{}", "apiKey.permissions", true},
        {"FindKey", NULL, "permissions", false},
        {"RotateApiKey", "{'id': 'k9'}", "apiKey.permissions", false},
        {"DisableApiKey", "{'id': 'k9'}", "apiKey.permissions", false},
        {"EnableApiKey", "{'id': 'k9'}", "apiKey.permissions", false},
        {"UpdateApiKey", "{'id': 'k9', 'updateMask': ['name'], 'name': 'Renamed'}", "apiKey.permissions", false},
    };
    struct admin_fixture *fixture = &scene->fixture;
    size_t i = 0;
    while (strcmp(rows[i].method, method) != 0)
        i++;
    const char *request = rows[i].request != NULL ? rows[i].request : admin_format(fixture, "{'apiKey': '%s'}", key);
    admin_ok(fixture, rows[i].as_itself ? key : scene->admin, method, request);
    const char *text = admin_flag(fixture, admin_format(fixture, "%s.all", rows[i].path)) ? "all" : "";
    const char *names = admin_format(fixture, "%s.names", rows[i].path);
    for (size_t n = 0; n < admin_length(fixture, names); n++)
        text = admin_format(fixture, "%s%s%s", text, text[0] == '\0' ? "" : ",",
                            admin_text(fixture, admin_format(fixture, "%s.%zu", names, n)));
    return text;
}

/* A key lists what it has, at every place, whatever was removed and came back under the same
 * name. */
static void every_call_shows_the_permissions_that_a_key_has(void **state) {
    static const char *const methods[] = {"GetApiKey",    "ListApiKeys",   "WhoAmI",       "FindKey",
                                          "RotateApiKey", "DisableApiKey", "EnableApiKey", "UpdateApiKey"};
    static const char without[] =
        SCHEMA(WRITE, "  voice:\n    actions:\n      use: {permission: voices_write, role: viewer}\n" NOTE_FREE);
    enum { METHODS = sizeof(methods) / sizeof(*methods) };
    for (size_t i = 0; i < 2 * METHODS; i++) {
        void *fresh = NULL;
        set_up(&fresh);
        struct scene *scene = fresh;
        struct admin_fixture *fixture = &scene->fixture;
        bool returns = i >= METHODS;
        admin_ok(fixture, scene->admin, "CreateUser", "{'id': 'eve', 'name': 'Eve'}");
        const char *key =
            admin_new_key(fixture, scene->admin, "eve", "{'names': ['voices_read', 'voices_write']}", ", 'id': 'k9'");
        assert_string_equal(shown_permissions(scene, key, "GetApiKey"), "voices_read,voices_write");
        admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, without, ", 'force': true"));
        if (returns)
            admin_ok(fixture, scene->operator_key, "PutSchema", put(scene, first, ", 'force': true"));
        const char *shown = shown_permissions(scene, key, methods[i % METHODS]);
        if (strcmp(shown, "voices_write") != 0)
            fail_msg("%s shows %s", methods[i % METHODS], shown);
        /* A read-modify-write gives nothing back. */
        if (strcmp(methods[i % METHODS], "DisableApiKey") != 0) {
            shown = shown_permissions(scene, key, "GetApiKey");
            admin_ok(fixture, scene->admin, "UpdateApiKey",
                     admin_format(fixture,
                                  "{'id': 'k9', 'updateMask': ['permissions', 'name'], 'name': 'Other', 'permissions': "
                                  "{'names': ['%s']}}",
                                  shown));
            admin_ok(fixture, scene->admin, "ExplainKey",
                     "{'keyId': 'k9', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}");
            assert_string_equal(admin_text(fixture, "answer.reason"), returns ? "PERMISSION_MISSING" : "NOT_SHARED");
        }
        tear_down(&fresh);
    }
    (void)state;
}

static void all_includes_permissions_that_come_later(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "ann", "{'all': true}", ", 'id': 'all'");
    admin_ok(fixture, scene->operator_key, "PutSchema",
             put(scene,
                 SCHEMA(READ WRITE "  voices_sell: Sell\n",
                        NOTE "  voice:\n    actions:\n" USE "      sell: {permission: voices_sell, role: admin}\n"),
                 ""));
    admin_ok(fixture, scene->admin, "ExplainKey",
             "{'keyId': 'all', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'sell'}");
    assert_string_equal(admin_text(fixture, "answer.reason"), "ALLOWED");
    admin_ok(fixture, scene->admin, "ExplainKey",
             "{'keyId': 'k1', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'sell'}");
    assert_string_equal(admin_text(fixture, "answer.reason"), "PERMISSION_MISSING");
}

/* ---- numbers ---- */

/* A schema with permissions `prefix`1 to `prefix`n besides those of `first`; for PutSchema. */
static const char *many_permissions(struct admin_fixture *fixture, const char *prefix, int count, const char *more) {
    char text[32 * 1024];
    size_t size = (size_t)snprintf(text, sizeof(text), "version: 1\\npermissions:\\n  voices_read: R\\n");
    for (int i = 1; i <= count; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "  %s%d: P\\n", prefix, i);
    (void)snprintf(text + size, sizeof(text) - size,
                   "types:\\n  voice:\\n    actions:\\n      use: {permission: "
                   "voices_read, role: viewer}\\n      look: {permission: %s1, role: "
                   "viewer}\\n",
                   prefix);
    char request[40 * 1024];
    (void)snprintf(request, sizeof(request), "{'yaml': '%s'%s}", text, more);
    return admin_keep(fixture, request);
}

static const char *reason_of(struct scene *scene, const char *key_id, const char *action) {
    struct admin_fixture *fixture = &scene->fixture;
    char request[256];
    (void)snprintf(request, sizeof(request),
                   "{'keyId': '%s', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': '%s'}", key_id, action);
    admin_ok(fixture, scene->admin, "ExplainKey", request);
    return admin_text(fixture, "answer.reason");
}

static void says_early_when_permission_numbers_become_few(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->operator_key, "PutSchema", many_permissions(fixture, "a", 200, ", 'force': true"));
    assert_int_equal(admin_length(fixture, "warnings"), 0);
    admin_ok(fixture, scene->operator_key, "PutSchema", many_permissions(fixture, "a", 236, ", 'dryRun': true"));
    assert_int_equal(admin_length(fixture, "warnings"), 1);
    assert_non_null(strstr(admin_text(fixture, "warnings.0"), "of 256 permission numbers are in use"));
}

static void warns_of_literals_that_look_like_captures(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->operator_key, "PutSchema",
             "{'dryRun': true, 'force': true, 'yaml': "
             "'version: 1\\ntypes: {v: {actions: {a: {}}}}\\nroutes:\\n  GET /:id: a v\\n  GET /b/{x}: a v\\n'}");
    assert_int_equal(admin_length(fixture, "warnings"), 1);
    assert_string_equal(admin_text(fixture, "warnings.0"),
                        "route GET /:id: \":id\" matches only itself; a capture is written {name}");
}

static void gives_numbers_again_that_no_key_lists(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->operator_key, "PutSchema", many_permissions(fixture, "a", 150, ", 'force': true"));
    admin_new_key(fixture, scene->admin, "ann", "{'names': ['a1', 'a150']}", ", 'id': 'k2'");
    assert_string_equal(reason_of(scene, "k2", "look"), "ALLOWED");
    for (int round = 0; round < 6; round++) {
        char prefix[] = {(char)('b' + round), '\0'};
        admin_ok(fixture, scene->operator_key, "PutSchema", many_permissions(fixture, prefix, 150, ", 'force': true"));
        assert_string_equal(reason_of(scene, "k2", "look"), "PERMISSION_MISSING");
        assert_string_equal(reason_of(scene, "k1", "look"), "PERMISSION_MISSING");
        assert_string_equal(reason_of(scene, "k1", "use"), "ALLOWED");
    }
}

static void numbers_that_keys_list_are_never_given_again(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    char names[16 * 1024] = "{'names': ['a1'";
    size_t size = strlen(names);
    for (int i = 2; i <= 150; i++)
        size += (size_t)snprintf(names + size, sizeof(names) - size, ", 'a%d'", i);
    (void)snprintf(names + size, sizeof(names) - size, "]}");
    admin_ok(fixture, scene->operator_key, "PutSchema", many_permissions(fixture, "a", 150, ", 'force': true"));
    admin_new_key(fixture, scene->admin, "ann", names, ", 'id': 'k2'");
    admin_fails(fixture, scene->operator_key, "PutSchema", many_permissions(fixture, "b", 150, ", 'force': true"),
                SP_ERR_EXHAUSTED, "removed names that keys still list");
    assert_string_equal(reason_of(scene, "k2", "look"), "ALLOWED");
}

/* With every budget up to the one that suffices. */
static void running_out_of_memory_is_not_called_damage(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    Sallyport__V1__PutSchemaRequest request = SALLYPORT__V1__PUT_SCHEMA_REQUEST__INIT;
    char yaml[] = SCHEMA(READ WRITE "  more: More\n", VOICE NOTE);
    const struct sp_admin_caller caller = {.credential = sp_str_from(scene->operator_key), .now_s = fixture->now_s};
    enum sp_status status = SP_ERR_MEMORY;
    size_t tries = 0;
    request.yaml = yaml;
    request.dry_run = true;
    for (size_t budget = 1024; status != SP_OK; budget += 512, tries++) {
        struct sp_arena arena;
        struct sp_write *write;
        struct sp_error error = {0};
        bool narrowed = false;
        ProtobufCMessage *reply;
        assert_int_equal(sp_arena_init(&arena, 512, budget), SP_OK);
        assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
        status = sp_admin_mutate(sp_admin_method_find("PutSchema"), write, &caller, &request.base, &arena, &reply,
                                 &narrowed, &error);
        if (status != SP_OK && status != SP_ERR_MEMORY)
            fail_msg("%zu bytes: %s: %s", budget, sp_status_name(status), error.message);
        sp_write_abort(write);
        sp_arena_fini(&arena);
    }
    assert_in_range(tries, 10, 10000);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(operators_put_and_admins_read_it),
        CASE(tells_each_name_added_changed_and_removed),
        CASE(tells_each_route_added_changed_and_removed_without_force),
        CASE(a_route_without_an_id_to_an_action_that_needs_a_role_is_refused),
        CASE(a_removal_in_use_needs_force),
        CASE(what_was_removed_grants_nothing_even_when_its_name_comes_back),
        CASE(a_permission_that_comes_back_is_not_held_by_old_keys),
        cmocka_unit_test(every_call_shows_the_permissions_that_a_key_has),
        CASE(all_includes_permissions_that_come_later),
        CASE(says_early_when_permission_numbers_become_few),
        CASE(warns_of_literals_that_look_like_captures),
        CASE(gives_numbers_again_that_no_key_lists),
        CASE(numbers_that_keys_list_are_never_given_again),
        CASE(running_out_of_memory_is_not_called_damage),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
