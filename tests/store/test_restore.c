#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/permission_set.h"
#include "core/schema.h"
#include "store/change.h"
#include "store/index.h"
#include "store/maintain.h"
#include "store/schema_numbers.h"
#include "support/store_world.h"
#include "wire/json.h"

enum { LATER_S = 1700100000, PATH_BYTES = 128, REPORT_BYTES = 16384, MAX_NAMES = 4 };

/* A store that was backed up and went on; and the folder that is restored to. */
struct scene {
    struct world world;
    char folder[PATH_BYTES]; /* holds the files below */
    char backup[PATH_BYTES];
    char changes[PATH_BYTES];
    char target[PATH_BYTES];
    char report[REPORT_BYTES];
    struct sp_error error;
    struct sp_revision revision; /* after a restore */
    struct sp_store *store;      /* the restored one */
    struct sp_snapshot *snapshot;
    struct sp_view *view;
    struct sp_arena arena; /* of what is read from it */
};

/* ---- the scene ---- */

static void path_in(const struct scene *scene, const char *name, char ret_path[static PATH_BYTES]) {
    int size = snprintf(ret_path, PATH_BYTES, "%s/%s", scene->folder, name);
    assert_in_range(size, 1, PATH_BYTES - 1);
}

static void begin_scene(struct scene *scene) {
    char folder[] = "/tmp/sp-restore-test-XXXXXX";
    memset(scene, 0, sizeof(*scene));
    world_init(&scene->world);
    assert_non_null(mkdtemp(folder));
    memcpy(scene->folder, folder, sizeof(folder));
    path_in(scene, "backup", scene->backup);
    path_in(scene, "changes.ndjson", scene->changes);
    path_in(scene, "target", scene->target);
    assert_int_equal(sp_arena_init(&scene->arena, 4096, 64 << 20), SP_OK);
}

static void close_restored(struct scene *scene) {
    if (scene->view != NULL)
        sp_snapshot_release(scene->snapshot);
    sp_snapshot_close(scene->snapshot);
    sp_store_close(scene->store);
    scene->snapshot = NULL;
    scene->store = NULL;
    scene->view = NULL;
}

static void remove_files(const char *folder) {
    char path[2 * PATH_BYTES];
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void end_scene(struct scene *scene) {
    close_restored(scene);
    unlink(scene->backup);
    unlink(scene->changes);
    remove_files(scene->target);
    assert_int_equal(rmdir(scene->folder), 0); /* and so nothing else was left there */
    sp_arena_fini(&scene->arena);
    world_fini(&scene->world);
}

static void back_up(struct scene *scene) {
    int fd = open(scene->backup, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (sp_store_backup(scene->world.store, fd, &scene->revision, &scene->error) != SP_OK)
        fail_msg("%s", scene->error.message);
    close(fd);
}

static enum sp_status write_line(void *context, const Sallyport__V1__Change *change) {
    json_t *json = sp_json_from_message(&change->base, false);
    assert_non_null(json);
    assert_int_equal(json_dumpf(json, context, JSON_COMPACT), 0);
    assert_int_equal(fputc('\n', context), '\n');
    json_decref(json);
    return SP_OK;
}

/* Writes the world's changes from a revision on, as the command line does. */
static void write_changes(struct scene *scene, uint64_t from) {
    struct sp_snapshot *snapshot = NULL;
    FILE *file = fopen(scene->changes, "we");
    assert_non_null(file);
    assert_int_equal(sp_snapshot_open(scene->world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    sp_arena_reset(&scene->arena);
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), from, &scene->arena, write_line, file), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    assert_int_equal(fclose(file), 0);
}

static void gather(void *context, const char *line) {
    struct scene *scene = context;
    size_t used = strlen(scene->report);
    (void)snprintf(scene->report + used, sizeof(scene->report) - used, "%s\n", line);
}

static enum sp_status restore_with(struct scene *scene, struct sp_restore_options options) {
    options.backup_file = scene->backup;
    options.store_path = scene->target;
    options.now_s = LATER_S;
    scene->report[0] = '\0';
    return sp_store_restore(&options, gather, scene, &scene->revision, &scene->error);
}

static void open_restored(struct scene *scene) {
    assert_int_equal(
        sp_store_open(scene->target, &(struct sp_store_options){.mode = SP_STORE_READ}, &scene->store, &scene->error),
        SP_OK);
    assert_int_equal(sp_snapshot_open(scene->store, &scene->snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(scene->snapshot), SP_OK);
    scene->view = sp_snapshot_view(scene->snapshot);
}

/* Restores by the changes since the backup, and opens the result. */
static void restore_by_changes(struct scene *scene) {
    write_changes(scene, scene->revision.number + 1);
    if (restore_with(scene, (struct sp_restore_options){.changes_file = scene->changes}) != SP_OK)
        fail_msg("%s", scene->error.message);
    open_restored(scene);
}

static void refuses_to_restore(struct scene *scene, struct sp_restore_options options, enum sp_status status,
                               const char *fragment) {
    struct sp_revision before = scene->revision;
    struct stat there;
    assert_int_equal(restore_with(scene, options), status);
    if (strstr(scene->error.message, fragment) == NULL)
        fail_msg("\"%s\" does not tell of \"%s\"", scene->error.message, fragment);
    assert_int_equal(scene->revision.number, before.number);
    assert_int_equal(stat(scene->target, &there), -1); /* nothing is left of the attempt */
}

static void told(const struct scene *scene, const char *line) {
    if (strstr(scene->report, line) == NULL)
        fail_msg("not told: \"%s\" in:\n%s", line, scene->report);
}

/* ---- looking at the restored store ---- */

static ProtobufCMessage *entity(struct scene *scene, enum sp_kind kind, const char *workspace, const char *id) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    struct sp_str part = sp_str_from(id);
    assert_int_equal(sp_entity_key_make(kind, sp_str_from(workspace), &part, id[0] != '\0' ? 1 : 0, &key), SP_OK);
    enum sp_status status = sp_entity_get(scene->view, &key, &scene->arena, &message);
    assert_true(status == SP_OK || status == SP_ERR_NOT_FOUND);
    return message;
}

static const Sallyport__V1__ApiKey *key_of(struct scene *scene, uint64_t number) {
    char id[32];
    (void)snprintf(id, sizeof(id), "k%" PRIu64, number);
    void *stored = entity(scene, SP_KIND_KEY, "w1", id);
    return stored == NULL ? NULL : ((Sallyport__Store__V1__StoredKey *)stored)->key;
}

static bool is_key_indexed(struct scene *scene, uint64_t number) {
    struct sp_key key;
    uint8_t digest[32];
    world_digest_of(number, digest);
    enum sp_status status = sp_index_key(scene->view, digest, &key);
    assert_true(status == SP_OK || status == SP_ERR_NOT_FOUND);
    return status == SP_OK;
}

static enum sp_role role_on_v1(struct scene *scene, uint64_t principal) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    enum sp_role role = SP_ROLE_NONE;
    assert_int_equal(sp_index_effective_role(scene->view, world_resource_key(1, true, "v1", buffer), principal, &role),
                     SP_OK);
    return role;
}

/* ---- keys with named permissions ---- */

struct key_state {
    const char *names[MAX_NAMES + 1]; /* none: all */
    const char *ips[3];
    int64_t expires_at_s;
    bool disabled;
    bool deleted;
};

static size_t copy_texts(struct world *world, const char *const *texts, char ***ret_copies) {
    size_t count = 0;
    while (texts[count] != NULL)
        count++;
    char **copies = sp_arena_calloc(&world->arena, count + 1, sizeof(*copies));
    assert_non_null(copies);
    for (size_t i = 0; i < count; i++) {
        copies[i] = sp_arena_strdup(&world->arena, sp_str_from(texts[i]));
        assert_non_null(copies[i]);
    }
    *ret_copies = copies;
    return count;
}

/* world_schema's permissions in the order of their names, which is that of their numbers. */
static const char *const permission_names[] = {"api_key_rotate", "resource_register", "text_to_speech",
                                               "voices_write",   "workspace_read",    "workspace_write"};

static void bits_of(const char *const *names, size_t count, uint8_t bits[static SP_PERMISSION_SET_BYTES]) {
    struct sp_permission_set set = {.all = false};
    for (size_t i = 0; i < count; i++)
        for (uint8_t j = 0; j < sizeof(permission_names) / sizeof(permission_names[0]); j++)
            if (strcmp(names[i], permission_names[j]) == 0)
                sp_permission_set_add(&set, j);
    memcpy(bits, set.bits, SP_PERMISSION_SET_BYTES);
}

static void put_key(struct world *world, uint64_t number, const struct key_state *state) {
    uint8_t digest[32], bits[SP_PERMISSION_SET_BYTES];
    char workspace[] = "w1", principal[] = "p10", reason[] = "leaked";
    Sallyport__V1__Permissions permissions;
    sallyport__v1__permissions__init(&permissions);
    Sallyport__V1__ApiKey content;
    sallyport__v1__api_key__init(&content);
    Sallyport__Store__V1__StoredKey stored;
    sallyport__store__v1__stored_key__init(&stored);
    struct sp_entity_key key;
    world_digest_of(number, digest);
    permissions.n_names = copy_texts(world, state->names, &permissions.names);
    permissions.all = permissions.n_names == 0;
    bits_of(state->names, permissions.n_names, bits);
    content.workspace = workspace;
    content.id = sp_arena_printf(&world->arena, "k%" PRIu64, number);
    content.principal = principal;
    content.permissions = &permissions;
    content.n_allowed_ips = copy_texts(world, state->ips, &content.allowed_ips);
    content.expires_at = state->expires_at_s;
    content.disabled = state->disabled;
    if (state->disabled)
        content.disabled_reason = reason;
    stored.key = &content;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    stored.permission_bits = (ProtobufCBinaryData){permissions.all ? 0 : sizeof(bits), bits};
    stored.principal_number = 10;
    stored.workspace_number = 1;
    stored.principal_kind = SALLYPORT__V1__PRINCIPAL_KIND__USER;
    assert_int_equal(sp_entity_key_1(SP_KIND_KEY, sp_str_from("w1"), sp_str_from(content.id), &key), SP_OK);
    assert_int_equal(state->deleted ? sp_changeset_delete(world->set, &key, LATER_S)
                                    : sp_changeset_put(world->set, &key, &stored.base),
                     SP_OK);
}

/* Workspace 1 with the admin 10 and the member 11, and group 20 with both. */
static void put_people(struct world *world) {
    world_put_workspace(world, 1, false);
    world_put_user(world, 1, 10, true, false);
    world_put_user(world, 1, 11, false, false);
    world_put_group(world, 1, 20);
    world_put_member(world, 1, 20, 10);
    world_put_member(world, 1, 20, 11);
}

struct key_case {
    const char *name;
    struct key_state backup, later, restored;
    const char *told; /* NULL: nothing about this key */
};

static const struct key_case key_cases[] = {
    {"an untouched change keeps the key", {.names = {NULL}}, {.names = {NULL}}, {.names = {NULL}}, NULL},
    {"disabled", {.names = {NULL}}, {.disabled = true}, {.disabled = true}, "disabled"},
    {"deleted", {.names = {NULL}}, {.deleted = true}, {.deleted = true}, "deleted"},
    {"enabled later", {.disabled = true}, {.disabled = false}, {.disabled = true}, NULL},
    {"all to names",
     {.names = {NULL}},
     {.names = {"voices_write"}},
     {.names = {"voices_write"}},
     "permissions narrowed"},
    {"names to fewer",
     {.names = {"text_to_speech", "voices_write"}},
     {.names = {"voices_write"}},
     {.names = {"voices_write"}},
     "permissions narrowed"},
    {"names to others",
     {.names = {"text_to_speech", "voices_write"}},
     {.names = {"voices_write", "workspace_read"}},
     {.names = {"voices_write"}},
     "permissions narrowed"},
    {"names to more",
     {.names = {"voices_write"}},
     {.names = {"voices_write", "workspace_read"}},
     {.names = {"voices_write"}},
     NULL},
    {"names to all", {.names = {"voices_write"}}, {.names = {NULL}}, {.names = {"voices_write"}}, NULL},
    {"allowlist set", {.ips = {NULL}}, {.ips = {"203.0.113.0/24"}}, {.ips = {"203.0.113.0/24"}}, "allowlist set"},
    {"allowlist narrowed",
     {.ips = {"203.0.113.0/24"}},
     {.ips = {"203.0.113.7/32"}},
     {.ips = {"203.0.113.7/32"}},
     "allowlist changed"},
    {"allowlist moved",
     {.ips = {"203.0.113.0/24"}},
     {.ips = {"198.51.100.0/24"}},
     {.ips = {"198.51.100.0/24"}},
     "allowlist changed"},
    {"allowlist widened",
     {.ips = {"203.0.113.7/32"}},
     {.ips = {"203.0.113.0/24", "198.51.100.0/24"}},
     {.ips = {"203.0.113.7/32"}},
     NULL},
    {"allowlist cleared", {.ips = {"203.0.113.7/32"}}, {.ips = {NULL}}, {.ips = {"203.0.113.7/32"}}, NULL},
    {"expiry set", {.expires_at_s = 0}, {.expires_at_s = 9}, {.expires_at_s = 9}, "expiry brought forward"},
    {"expiry earlier", {.expires_at_s = 10}, {.expires_at_s = 9}, {.expires_at_s = 9}, "expiry brought forward"},
    {"expiry later", {.expires_at_s = 10}, {.expires_at_s = 11}, {.expires_at_s = 10}, NULL},
    {"expiry removed", {.expires_at_s = 10}, {.expires_at_s = 0}, {.expires_at_s = 10}, NULL},
    {"all at once",
     {.names = {NULL}},
     {.names = {"voices_write"}, .expires_at_s = 9, .disabled = true},
     {.names = {"voices_write"}, .expires_at_s = 9, .disabled = true},
     "disabled, expiry brought forward, permissions narrowed"},
};
enum { KEY_CASES = sizeof(key_cases) / sizeof(key_cases[0]) };

static void assert_texts(char **texts, size_t count, const char *const *expected, const char *name) {
    size_t expected_count = 0;
    while (expected[expected_count] != NULL)
        expected_count++;
    if (count != expected_count)
        fail_msg("%s: %zu texts, not %zu", name, count, expected_count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(texts[i], expected[i]);
}

static void check_key(struct scene *scene, uint64_t number, const struct key_case *vector) {
    const struct key_state *expected = &vector->restored;
    const Sallyport__V1__ApiKey *key = key_of(scene, number);
    if ((key == NULL) != expected->deleted || is_key_indexed(scene, number) != (key != NULL))
        fail_msg("%s: %s", vector->name, key == NULL ? "gone" : "there");
    if (key == NULL)
        return;
    size_t names = 0;
    while (expected->names[names] != NULL)
        names++;
    assert_int_equal(key->permissions->all, names == 0);
    assert_texts(key->permissions->names, key->permissions->n_names, expected->names, vector->name);
    assert_texts(key->allowed_ips, key->n_allowed_ips, expected->ips, vector->name);
    if (key->expires_at != expected->expires_at_s || (bool)key->disabled != expected->disabled)
        fail_msg("%s: expires at %" PRId64 ", disabled %d", vector->name, key->expires_at, key->disabled);
    struct sp_key indexed;
    uint8_t digest[32], bits[SP_PERMISSION_SET_BYTES];
    world_digest_of(number, digest);
    assert_int_equal(sp_index_key(scene->view, digest, &indexed), SP_OK);
    bits_of(expected->names, names, bits);
    assert_int_equal(indexed.permissions.all, names == 0);
    if (names > 0)
        assert_memory_equal(indexed.permissions.bits, bits, sizeof(bits));
}

static void check_told(const struct scene *scene, uint64_t number, const char *what) {
    char begin[64], line[256];
    (void)snprintf(begin, sizeof(begin), "API key w1/k%" PRIu64 ": ", number);
    (void)snprintf(line, sizeof(line), "%s%s\n", begin, what != NULL ? what : "");
    if ((strstr(scene->report, what != NULL ? line : begin) != NULL) != (what != NULL))
        fail_msg("k%" PRIu64 " in:\n%s", number, scene->report);
}

/* Keys are numbered from 100 on. */
static void takes_back_what_was_revoked_of_a_key(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_people(&scene.world);
    for (uint64_t i = 0; i < KEY_CASES; i++)
        put_key(&scene.world, 100 + i, &key_cases[i].backup);
    world_commit(&scene.world);
    back_up(&scene);
    for (uint64_t i = 0; i < KEY_CASES; i++) {
        world_begin(&scene.world);
        put_key(&scene.world, 100 + i, &key_cases[i].later);
        world_commit(&scene.world);
    }
    restore_by_changes(&scene);
    for (uint64_t i = 0; i < KEY_CASES; i++) {
        check_key(&scene, 100 + i, &key_cases[i]);
        check_told(&scene, 100 + i, key_cases[i].told);
    }
    end_scene(&scene);
}

static void judges_a_key_by_its_last_state_only(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_people(&scene.world);
    put_key(&scene.world, 1, &(struct key_state){.disabled = false});
    world_commit(&scene.world);
    back_up(&scene);
    for (int i = 0; i < 2; i++) {
        world_begin(&scene.world);
        put_key(&scene.world, 1, &(struct key_state){.disabled = i == 0});
        world_commit(&scene.world);
    }
    restore_by_changes(&scene);
    assert_false(key_of(&scene, 1)->disabled);
    end_scene(&scene);
}

static const struct world_grant direct = {true, "v1", 'p', 11, SP_ROLE_EDITOR};
static const struct world_grant by_group = {true, "v1", 'g', 20, SP_ROLE_COMMENTER};

static void put_shares(struct world *world) {
    put_people(world);
    world_put_resource(world, 1, true, "v1");
    world_put_grant(world, 1, &direct);
    world_put_grant(world, 1, &by_group);
    put_key(world, 1, &(struct key_state){.disabled = false});
}

struct share_case {
    const char *name;
    void (*change)(struct world *world);
    enum sp_role restored; /* of principal 11 on v1 */
    const char *told;
};

static void remove_direct(struct world *world) {
    world_delete_grant(world, 1, &direct);
}

static void lower_direct(struct world *world) {
    struct world_grant lowered = direct;
    lowered.role = SP_ROLE_VIEWER;
    world_put_grant(world, 1, &lowered);
    world_delete_grant(world, 1, &by_group);
}

static void raise_direct(struct world *world) {
    struct world_grant raised = direct;
    raised.role = SP_ROLE_ADMIN;
    world_put_grant(world, 1, &raised);
}

static void remove_direct_and_member(struct world *world) {
    world_delete_grant(world, 1, &direct);
    world_delete_member(world, 1, 20, 11);
}

static void delete_group(struct world *world) {
    world_delete_grant(world, 1, &direct);
    world_delete_grant(world, 1, &by_group);
    world_delete_member(world, 1, 20, 10);
    world_delete_member(world, 1, 20, 11);
    world_delete(world, SP_KIND_GROUP, 1, "g20");
}

static void delete_resource(struct world *world) {
    world_delete_grant(world, 1, &direct);
    world_delete_grant(world, 1, &by_group);
    world_delete_resource(world, 1, true, "v1");
}

static void share_more(struct world *world) {
    world_put_resource(world, 1, true, "v2");
    world_put_grant(world, 1, &(struct world_grant){true, "v2", 'p', 11, SP_ROLE_ADMIN});
}

static const struct share_case share_cases[] = {
    {"a removed grant", remove_direct, SP_ROLE_COMMENTER, "grant w1/voice/v1/p11: deleted\n"},
    {"a lowered role", lower_direct, SP_ROLE_VIEWER, "grant w1/voice/v1/p11: role lowered\n"},
    {"a raised role", raise_direct, SP_ROLE_EDITOR, "the later change log tells"},
    {"a removed member", remove_direct_and_member, SP_ROLE_NONE, "membership w1/g20/p11: deleted\n"},
    {"a deleted group", delete_group, SP_ROLE_NONE, "group w1/g20: deleted\n"},
    {"a deleted resource", delete_resource, SP_ROLE_NONE, "resource w1/voice/v1: deleted\n"},
    {"a later share", share_more, SP_ROLE_EDITOR, "the later change log tells"},
};

static void takes_back_what_was_unshared(void **state) {
    const struct share_case *vector = *state;
    struct scene scene;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_shares(&scene.world);
    world_commit(&scene.world);
    back_up(&scene);
    world_begin(&scene.world);
    vector->change(&scene.world);
    world_commit(&scene.world);
    restore_by_changes(&scene);
    assert_int_equal(role_on_v1(&scene, 11), vector->restored);
    told(&scene, vector->told);
    end_scene(&scene);
}

static void takes_back_people_and_workspaces(void **state) {
    (void)state;
    struct scene scene;
    struct sp_principal_state principal;
    struct sp_workspace_state workspace;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_people(&scene.world);
    world_put_workspace(&scene.world, 2, false);
    world_commit(&scene.world);
    back_up(&scene);
    world_begin(&scene.world);
    world_put_user(&scene.world, 1, 10, false, false);
    world_put_user(&scene.world, 1, 11, true, true);
    world_put_workspace(&scene.world, 2, true);
    world_put_user(&scene.world, 1, 12, true, false);
    world_commit(&scene.world);
    restore_by_changes(&scene);
    told(&scene, "principal w1/p10: no longer an admin of the workspace\n");
    told(&scene, "principal w1/p11: disabled\n");
    told(&scene, "workspace w2: disabled\n");
    assert_int_equal(sp_index_principal(scene.view, 10, &principal), SP_OK);
    assert_false(principal.workspace_admin);
    assert_int_equal(sp_index_principal(scene.view, 11, &principal), SP_OK);
    assert_true(principal.disabled && !principal.workspace_admin);
    assert_int_equal(sp_index_workspace(scene.view, 1, &workspace), SP_OK);
    assert_false(workspace.disabled);
    assert_int_equal(sp_index_workspace(scene.view, 2, &workspace), SP_OK);
    assert_true(workspace.disabled);
    assert_null(entity(&scene, SP_KIND_PRINCIPAL, "w1", "p12"));
    end_scene(&scene);
}

static void put_operator(struct world *world, const char *name, int64_t created_at_s, uint8_t first) {
    uint8_t digest[32] = {first};
    Sallyport__V1__Operator content;
    sallyport__v1__operator__init(&content);
    Sallyport__Store__V1__StoredOperator stored;
    sallyport__store__v1__stored_operator__init(&stored);
    struct sp_entity_key key;
    content.name = sp_arena_strdup(&world->arena, sp_str_from(name));
    content.created_at = created_at_s;
    stored.operator_ = &content;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    assert_int_equal(sp_entity_key_1(SP_KIND_OPERATOR, (struct sp_str){0}, sp_str_from(name), &key), SP_OK);
    assert_int_equal(sp_changeset_put(world->set, &key, &stored.base), SP_OK);
}

static void takes_back_operators_and_names_given_anew(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_operator(&scene.world, "kept", 5, 1);
    put_operator(&scene.world, "revoked", 5, 2);
    put_operator(&scene.world, "renewed", 5, 3);
    world_commit(&scene.world);
    back_up(&scene);
    world_begin(&scene.world);
    world_delete(&scene.world, SP_KIND_OPERATOR, 0, "revoked");
    world_delete(&scene.world, SP_KIND_OPERATOR, 0, "renewed");
    world_commit(&scene.world);
    world_begin(&scene.world);
    put_operator(&scene.world, "renewed", 6, 4);
    put_operator(&scene.world, "kept", 5, 1);
    world_commit(&scene.world);
    restore_by_changes(&scene);
    assert_non_null(entity(&scene, SP_KIND_OPERATOR, "", "kept"));
    assert_null(entity(&scene, SP_KIND_OPERATOR, "", "revoked"));
    assert_null(entity(&scene, SP_KIND_OPERATOR, "", "renewed"));
    told(&scene, "operator renewed: deleted; its name was given to another key later\n");
    end_scene(&scene);
}

/* ---- the schema ---- */

static void put_schema(struct world *world, const char *yaml) {
    struct sp_entity_key key;
    struct sp_error error = {0};
    ProtobufCMessage *old = NULL;
    Sallyport__Store__V1__StoredSchema *stored = NULL;
    assert_int_equal(sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key), SP_OK);
    assert_int_equal(sp_entity_get(sp_write_view(world->write), &key, &world->arena, &old), SP_OK);
    assert_int_equal(sp_schema_number(sp_str_from(yaml), (Sallyport__Store__V1__StoredSchema *)(void *)old,
                                      &world->arena, &stored, &error),
                     SP_OK);
    assert_int_equal(sp_changeset_put(world->set, &key, &stored->base), SP_OK);
}

struct schema_case {
    const char *name;
    const char *later;
    bool applied;
};

static const struct schema_case schema_cases[] = {
    {"the same schema", world_schema, false},
    {"a schema without an action",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x}\ntypes:\n  note: {ids: workspace, actions: {read: "
     "{role: viewer}}}\n  voice: {actions: {use: {permission: text_to_speech, role: viewer}, preview: {}}}\n",
     true},
    {"a schema that needs a higher role",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x}\ntypes:\n  note: {ids: workspace, actions: {read: "
     "{role: viewer}}}\n  voice: {actions: {use: {permission: text_to_speech, role: editor}, edit: {permission: "
     "voices_write, role: editor}, preview: {}}}\n",
     true},
    {"a schema that needs a permission more",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x}\ntypes:\n  note: {ids: workspace, actions: {read: "
     "{role: viewer}}}\n  voice: {actions: {use: {permission: text_to_speech, role: viewer}, edit: {permission: "
     "voices_write, role: editor}, preview: {permission: text_to_speech}}}\n",
     true},
    {"a schema that adds and eases",
     "version: 1\npermissions: {text_to_speech: x, voices_write: x, more: x}\ntypes:\n  note: {ids: workspace, "
     "actions: "
     "{read: {}}}\n  voice: {actions: {use: {permission: text_to_speech}, edit: {permission: voices_write, role: "
     "viewer}, preview: {}, more: {permission: more}}}\n",
     false},
};

static void takes_the_later_schema_where_it_is_stricter(void **state) {
    const struct schema_case *vector = *state;
    struct scene scene;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_people(&scene.world);
    put_key(&scene.world, 1, &(struct key_state){.names = {NULL}});
    world_commit(&scene.world);
    back_up(&scene);
    world_begin(&scene.world);
    put_schema(&scene.world, vector->later);
    put_key(&scene.world, 1, &(struct key_state){.names = {"voices_write"}});
    world_commit(&scene.world);
    restore_by_changes(&scene);
    void *schema = entity(&scene, SP_KIND_SCHEMA, "", "");
    assert_string_equal(((Sallyport__Store__V1__StoredSchema *)schema)->yaml,
                        vector->applied ? vector->later : world_schema);
    assert_int_equal(key_of(&scene, 1)->permissions->n_names, 1);
    end_scene(&scene);
}

/* ---- epochs and the trail ---- */

static enum sp_status count_restores(void *context, const Sallyport__V1__Change *change) {
    unsigned *count = context;
    if (strcmp(change->method, "Restore") == 0) {
        assert_int_equal(change->actor->kind, SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE);
        assert_int_equal(change->time, LATER_S);
        (*count)++;
    }
    return SP_OK;
}

static void begins_a_new_epoch_that_the_trail_tells_of(void **state) {
    (void)state;
    struct scene scene;
    struct sp_revision revision;
    unsigned restores = 0;
    begin_scene(&scene);
    back_up(&scene);
    uint64_t backup_number = scene.revision.number;
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    open_restored(&scene);
    assert_int_equal(sp_view_revision(scene.view, &revision), SP_OK);
    assert_int_equal(revision.epoch, scene.revision.epoch);
    assert_int_equal(revision.number, scene.revision.number);
    assert_int_equal(revision.epoch, LATER_S);
    assert_int_equal(revision.number, backup_number + 1);
    assert_int_equal(sp_change_walk(scene.view, 0, &scene.arena, count_restores, &restores), SP_OK);
    assert_int_equal(restores, 1);
    end_scene(&scene);
}

static void revives_only_when_that_is_accepted(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_people(&scene.world);
    put_key(&scene.world, 1, &(struct key_state){.disabled = false});
    world_commit(&scene.world);
    back_up(&scene);
    world_begin(&scene.world);
    put_key(&scene.world, 1, &(struct key_state){.deleted = true});
    world_commit(&scene.world);
    refuses_to_restore(&scene, (struct sp_restore_options){0}, SP_ERR_PRECONDITION, "--accept-revival");
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    open_restored(&scene);
    told(&scene, "what was revoked after revision 2 is valid again");
    assert_true(is_key_indexed(&scene, 1));
    end_scene(&scene);
}

static void takes_the_log_of_a_later_store(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    world_begin(&scene.world);
    put_people(&scene.world);
    put_key(&scene.world, 1, &(struct key_state){.disabled = false});
    world_commit(&scene.world);
    back_up(&scene);
    world_begin(&scene.world);
    put_key(&scene.world, 1, &(struct key_state){.deleted = true});
    world_commit(&scene.world);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    if (restore_with(&scene, (struct sp_restore_options){.later_store = scene.world.path}) != SP_OK)
        fail_msg("%s", scene.error.message);
    open_restored(&scene);
    assert_false(is_key_indexed(&scene, 1));
    end_scene(&scene);
}

static void a_later_store_may_have_nothing_new(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    back_up(&scene);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.later_store = scene.world.path}), SP_OK);
    end_scene(&scene);
}

/* ---- logs that will not do ---- */

/* A store with keys 1 to 5, each deleted in a change of its own after the backup. */
static void delete_five_keys(struct scene *scene) {
    begin_scene(scene);
    world_begin(&scene->world);
    put_people(&scene->world);
    for (uint64_t i = 1; i <= 5; i++)
        put_key(&scene->world, i, &(struct key_state){.disabled = false});
    world_commit(&scene->world);
    back_up(scene);
    for (uint64_t i = 1; i <= 5; i++) {
        world_begin(&scene->world);
        put_key(&scene->world, i, &(struct key_state){.deleted = true});
        world_commit(&scene->world);
    }
}

/* Copies the lines of the change log, but for one; or with a text replaced in it. */
static void edit_changes(const struct scene *scene, unsigned drop, const char *from, const char *to) {
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    FILE *file = fopen(scene->changes, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    (void)fclose(file);
    file = fopen(scene->changes, "we");
    assert_non_null(file);
    unsigned number = 0;
    for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        char *found = from != NULL ? strstr(line, from) : NULL;
        if (++number == drop)
            continue;
        if (found != NULL) {
            assert_int_equal(strlen(from), strlen(to));
            memcpy(found, to, strlen(to));
        }
        (void)fprintf(file, "%s\n", line);
    }
    (void)fclose(file);
    free(text);
}

static void refuses_a_log_that_begins_too_late(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    write_changes(&scene, scene.revision.number + 3);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "lacks revisions 3 to 4");
    end_scene(&scene);
}

static void refuses_a_log_with_a_gap(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    write_changes(&scene, scene.revision.number + 1);
    edit_changes(&scene, 3, NULL, NULL);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "lacks revisions 5 to 5");
    end_scene(&scene);
}

static void refuses_a_log_that_was_altered(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    write_changes(&scene, scene.revision.number + 1);
    edit_changes(&scene, 0, "\"k4\"", "\"k9\"");
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "line 4: the change log does not continue the backup at revision 6");
    end_scene(&scene);
}

static void refuses_a_log_of_another_store(void **state) {
    (void)state;
    struct scene scene, other;
    delete_five_keys(&scene);
    begin_scene(&other);
    for (uint64_t i = 1; i <= 4; i++) {
        world_begin(&other.world);
        world_put_workspace(&other.world, i, false);
        world_commit(&other.world);
    }
    write_changes(&other, 3);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = other.changes}, SP_ERR_PRECONDITION,
                       "does not continue the backup at revision 3");
    write_changes(&other, 2);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = other.changes}, SP_ERR_PRECONDITION,
                       "does not continue the backup at revision 2");
    sp_store_close(other.world.store);
    other.world.store = NULL;
    refuses_to_restore(&scene, (struct sp_restore_options){.later_store = other.world.path}, SP_ERR_PRECONDITION,
                       "does not continue the backup at revision 3");
    end_scene(&other);
    end_scene(&scene);
}

static void takes_a_log_that_begins_before_the_backup(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    write_changes(&scene, 1);
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.changes_file = scene.changes}), SP_OK);
    open_restored(&scene);
    for (uint64_t i = 1; i <= 5; i++)
        assert_false(is_key_indexed(&scene, i));
    end_scene(&scene);
}

static void refuses_a_log_with_nothing_after_the_backup(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    write_changes(&scene, 1000);
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_PRECONDITION,
                       "holds no entry after the backup's revision 2");
    end_scene(&scene);
}

static void refuses_a_log_that_is_no_json(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    write_changes(&scene, 3);
    edit_changes(&scene, 0, "\"method\"", "\"mothed\"");
    refuses_to_restore(&scene, (struct sp_restore_options){.changes_file = scene.changes}, SP_ERR_INVALID,
                       "line 1: mothed: there is no such field");
    end_scene(&scene);
}

static void refuses_a_later_store_that_trimmed_its_log(void **state) {
    (void)state;
    struct scene scene;
    struct sp_write *write = NULL;
    size_t removed = 0;
    delete_five_keys(&scene);
    assert_int_equal(sp_write_begin(scene.world.store, &write, &scene.error), SP_OK);
    assert_int_equal(sp_change_trim(write, LATER_S, 4, &removed), SP_OK);
    assert_int_equal(removed, 4);
    assert_int_equal(sp_write_commit(write, &scene.error), SP_OK);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    refuses_to_restore(&scene, (struct sp_restore_options){.later_store = scene.world.path}, SP_ERR_PRECONDITION,
                       "no longer keeps the changes from revision 3 on");
    end_scene(&scene);
}

static void refuses_two_logs(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    back_up(&scene);
    refuses_to_restore(&scene,
                       (struct sp_restore_options){.changes_file = scene.changes, .later_store = scene.world.path},
                       SP_ERR_INVALID, "not both");
    end_scene(&scene);
}

/* ---- backups and targets that will not do ---- */

static void refuses_a_backup_that_is_cut_short(void **state) {
    (void)state;
    struct scene scene;
    struct stat whole;
    delete_five_keys(&scene);
    assert_int_equal(stat(scene.backup, &whole), 0);
    assert_int_equal(truncate(scene.backup, whole.st_size - 1), 0);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_CORRUPT, "is cut short");
    assert_int_equal(truncate(scene.backup, 2 * 4096), 0);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_CORRUPT, "is cut short");
    end_scene(&scene);
}

static void refuses_a_file_that_is_no_backup(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    FILE *file = fopen(scene.backup, "we");
    assert_non_null(file);
    for (int i = 0; i < 2000; i++)
        (void)fprintf(file, "not a backup\n");
    (void)fclose(file);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_CORRUPT, "cannot be used");
    unlink(scene.backup);
    refuses_to_restore(&scene, (struct sp_restore_options){.accept_revival = true}, SP_ERR_IO, "cannot open");
    end_scene(&scene);
}

static void replaces_a_store_only_when_told_to(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    back_up(&scene);
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true}), SP_ERR_EXISTS);
    assert_non_null(strstr(scene.error.message, "--replace"));
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true, .replace = true}), SP_OK);
    open_restored(&scene);
    end_scene(&scene);
}

static void restores_to_an_empty_folder(void **state) {
    (void)state;
    struct scene scene;
    begin_scene(&scene);
    back_up(&scene);
    assert_int_equal(mkdir(scene.target, 0700), 0);
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    open_restored(&scene);
    end_scene(&scene);
}

/* A store may be replaced by its own backup and its own log. */
static void restores_a_store_over_itself(void **state) {
    (void)state;
    struct scene scene;
    delete_five_keys(&scene);
    sp_store_close(scene.world.store);
    scene.world.store = NULL;
    struct sp_restore_options options = {.backup_file = scene.backup,
                                         .store_path = scene.world.path,
                                         .later_store = scene.world.path,
                                         .replace = true,
                                         .now_s = LATER_S};
    if (sp_store_restore(&options, gather, &scene, &scene.revision, &scene.error) != SP_OK)
        fail_msg("%s", scene.error.message);
    assert_int_equal(sp_store_open(scene.world.path, &(struct sp_store_options){.mode = SP_STORE_WRITE},
                                   &scene.world.store, &scene.error),
                     SP_OK);
    world_begin(&scene.world);
    world_put_workspace(&scene.world, 9, false);
    struct sp_revision next = world_commit(&scene.world);
    assert_int_equal(next.epoch, scene.revision.epoch);
    assert_int_equal(next.number, scene.revision.number + 1);
    end_scene(&scene);
}

/* Another process has the target open: told by its lock. */
static void refuses_to_replace_a_store_in_use(void **state) {
    (void)state;
    struct scene scene;
    int opened[2], done[2];
    char byte = 0;
    begin_scene(&scene);
    back_up(&scene);
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true}), SP_OK);
    assert_int_equal(pipe(opened), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sp_store *store = NULL;
        close(done[1]);
        bool ok =
            sp_store_open(scene.target, &(struct sp_store_options){.mode = SP_STORE_WRITE}, &store, NULL) == SP_OK;
        if (write(opened[1], ok ? "y" : "n", 1) == 1 && read(done[0], &byte, 1) >= 0)
            sp_store_close(store);
        _exit(0);
    }
    close(done[0]);
    assert_int_equal(read(opened[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true, .replace = true}),
                     SP_ERR_PRECONDITION);
    assert_non_null(strstr(scene.error.message, "is in use by process"));
    close(done[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(restore_with(&scene, (struct sp_restore_options){.accept_revival = true, .replace = true}), SP_OK);
    close(opened[0]);
    close(opened[1]);
    end_scene(&scene);
}

static struct CMUnitTest case_of(const char *name, CMUnitTestFunction test, const void *vector) {
    union {
        const void *in;
        void *out;
    } state = {.in = vector};
    return (struct CMUnitTest){.name = name, .test_func = test, .initial_state = state.out};
}

int main(void) {
    enum { SHARES = sizeof(share_cases) / sizeof(share_cases[0]) };
    enum { SCHEMAS = sizeof(schema_cases) / sizeof(schema_cases[0]) };
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(takes_back_what_was_revoked_of_a_key),
        cmocka_unit_test(judges_a_key_by_its_last_state_only),
        cmocka_unit_test(takes_back_people_and_workspaces),
        cmocka_unit_test(takes_back_operators_and_names_given_anew),
        cmocka_unit_test(begins_a_new_epoch_that_the_trail_tells_of),
        cmocka_unit_test(revives_only_when_that_is_accepted),
        cmocka_unit_test(takes_the_log_of_a_later_store),
        cmocka_unit_test(a_later_store_may_have_nothing_new),
        cmocka_unit_test(refuses_a_log_that_begins_too_late),
        cmocka_unit_test(refuses_a_log_with_a_gap),
        cmocka_unit_test(refuses_a_log_that_was_altered),
        cmocka_unit_test(refuses_a_log_of_another_store),
        cmocka_unit_test(takes_a_log_that_begins_before_the_backup),
        cmocka_unit_test(refuses_a_log_with_nothing_after_the_backup),
        cmocka_unit_test(refuses_a_log_that_is_no_json),
        cmocka_unit_test(refuses_a_later_store_that_trimmed_its_log),
        cmocka_unit_test(refuses_two_logs),
        cmocka_unit_test(refuses_a_backup_that_is_cut_short),
        cmocka_unit_test(refuses_a_file_that_is_no_backup),
        cmocka_unit_test(replaces_a_store_only_when_told_to),
        cmocka_unit_test(restores_to_an_empty_folder),
        cmocka_unit_test(restores_a_store_over_itself),
        cmocka_unit_test(refuses_to_replace_a_store_in_use),
    };
    struct CMUnitTest tests[SHARES + SCHEMAS + sizeof(others) / sizeof(others[0])];
    size_t count = 0;
    for (size_t i = 0; i < SHARES; i++)
        tests[count++] = case_of(share_cases[i].name, takes_back_what_was_unshared, &share_cases[i]);
    for (size_t i = 0; i < SCHEMAS; i++)
        tests[count++] = case_of(schema_cases[i].name, takes_the_later_schema_where_it_is_stricter, &schema_cases[i]);
    memcpy(tests + count, others, sizeof(others));
    return cmocka_run_group_tests_name("restore", tests, NULL, NULL) > 0 ? 1 : 0;
}
