#include "support/restore_scene.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/change.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/recovery/backup.h"
#include "store/recovery/restore.h"
#include "wire/json_write.h"

/* ---- the scene ---- */

static void path_in(const struct scene *scene, const char *name, char ret_path[static SCENE_PATH_BYTES]) {
    int size = snprintf(ret_path, SCENE_PATH_BYTES, "%s/%s", scene->folder, name);
    assert_in_range(size, 1, SCENE_PATH_BYTES - 1);
}

void scene_begin(struct scene *scene) {
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
    char path[2 * SCENE_PATH_BYTES];
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

void scene_end(struct scene *scene) {
    close_restored(scene);
    unlink(scene->backup);
    unlink(scene->changes);
    remove_files(scene->target);
    assert_int_equal(rmdir(scene->folder), 0); /* nothing else was left there */
    sp_arena_fini(&scene->arena);
    world_fini(&scene->world);
}

void scene_back_up(struct scene *scene) {
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
void scene_write_changes(struct scene *scene, uint64_t from) {
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

enum sp_status scene_restore(struct scene *scene, struct sp_restore_options options) {
    options.backup_file = scene->backup;
    options.store_path = scene->target;
    options.now_s = SCENE_LATER_S;
    scene->report[0] = '\0';
    return sp_store_restore(&options, gather, scene, &scene->revision, &scene->error);
}

void scene_open(struct scene *scene) {
    assert_int_equal(
        sp_store_open(scene->target, &(struct sp_store_options){.mode = SP_STORE_READ}, &scene->store, &scene->error),
        SP_OK);
    assert_int_equal(sp_snapshot_open(scene->store, &scene->snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(scene->snapshot), SP_OK);
    scene->view = sp_snapshot_view(scene->snapshot);
}

/* Restores with the changes since the backup, and opens the result. */
void scene_restore_by_changes(struct scene *scene) {
    scene_write_changes(scene, scene->revision.number + 1);
    if (scene_restore(scene, (struct sp_restore_options){.changes_file = scene->changes}) != SP_OK)
        fail_msg("%s", scene->error.message);
    scene_open(scene);
}

void scene_told(const struct scene *scene, const char *line) {
    if (strstr(scene->report, line) == NULL)
        fail_msg("not told: \"%s\" in:\n%s", line, scene->report);
}

/* ---- reading the restored store ---- */

ProtobufCMessage *scene_entity(struct scene *scene, enum sp_kind kind, const char *workspace, const char *id) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    struct sp_str part = sp_str_from(id);
    assert_int_equal(sp_entity_key_make(kind, sp_str_from(workspace), &part, id[0] != '\0' ? 1 : 0, &key), SP_OK);
    enum sp_status status = sp_entity_get(scene->view, &key, &scene->arena, &message);
    assert_true(status == SP_OK || status == SP_ERR_NOT_FOUND);
    return message;
}

const Sallyport__V1__ApiKey *scene_key(struct scene *scene, uint64_t number) {
    char id[32];
    (void)snprintf(id, sizeof(id), "k%" PRIu64, number);
    void *stored = scene_entity(scene, SP_KIND_KEY, "w1", id);
    return stored == NULL ? NULL : ((Sallyport__Store__V1__StoredKey *)stored)->key;
}

bool scene_has_key(struct scene *scene, uint64_t number) {
    struct sp_key key;
    uint8_t digest[32];
    world_digest_of(number, digest);
    enum sp_status status = sp_index_key(scene->view, digest, &key);
    assert_true(status == SP_OK || status == SP_ERR_NOT_FOUND);
    return status == SP_OK;
}

/* ---- keys with named permissions ---- */

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

/* The permissions of world_schema in the order of their names, and so of their numbers. */
static const char *const permission_names[] = {"api_key_rotate", "resource_register", "text_to_speech",
                                               "voices_write",   "workspace_read",    "workspace_write"};

void scene_permission_bits(const char *const *names, size_t count, uint8_t bits[static SP_PERMISSION_SET_BYTES]) {
    struct sp_permission_set set = {.all = false};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof(permission_names) / sizeof(*permission_names); j++)
            if (strcmp(names[i], permission_names[j]) == 0)
                sp_permission_set_add(&set, (uint8_t)j);
    memcpy(bits, set.bits, SP_PERMISSION_SET_BYTES);
}

void scene_put_key(struct world *world, uint64_t number, const struct key_state *state) {
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
    scene_permission_bits(state->names, permissions.n_names, bits);
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
    assert_int_equal(state->deleted ? sp_changeset_delete(world->set, &key, SCENE_LATER_S)
                                    : sp_changeset_put(world->set, &key, &stored.base),
                     SP_OK);
}

void scene_put_people(struct world *world) {
    world_put_workspace(world, 1, false);
    world_put_user(world, 1, 10, true, false);
    world_put_user(world, 1, 11, false, false);
    world_put_group(world, 1, 20);
    world_put_member(world, 1, 20, 10);
    world_put_member(world, 1, 20, 11);
}
