/* A store that was backed up and went on, and a folder that the backup is restored to: for tests of
 * restoring. Everything asserts success, except scene_restore. */
#ifndef TESTS_SUPPORT_RESTORE_SCENE_H
#define TESTS_SUPPORT_RESTORE_SCENE_H

#include "core/permission_set.h"
#include "sallyport/v1/entities.pb-c.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/view.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/recovery/restore.h"
#include "support/store_world.h"

enum { SCENE_LATER_S = 1700100000, SCENE_PATH_BYTES = 128, SCENE_REPORT_BYTES = 16384, SCENE_MAX_NAMES = 4 };

struct scene {
    struct world world;
    char folder[SCENE_PATH_BYTES]; /* holds the files below */
    char backup[SCENE_PATH_BYTES];
    char changes[SCENE_PATH_BYTES];
    char target[SCENE_PATH_BYTES];
    char report[SCENE_REPORT_BYTES];
    struct sp_error error;
    struct sp_revision revision; /* after a restore */
    struct sp_store *store;      /* the restored one */
    struct sp_snapshot *snapshot;
    struct sp_view *view;
    struct sp_arena arena; /* of what is read from it */
};

void scene_begin(struct scene *scene);
/* Asserts that the restore left nothing but the target. */
void scene_end(struct scene *scene);

/* Writes the backup; `revision` becomes its revision. */
void scene_back_up(struct scene *scene);

/* Writes the world's changes from a revision on as NDJSON, as the command line does. */
void scene_write_changes(struct scene *scene, uint64_t from);

/* Restores the backup to the target at SCENE_LATER_S; `options` has the rest. */
enum sp_status scene_restore(struct scene *scene, struct sp_restore_options options);
void scene_open(struct scene *scene);

/* Restores with the changes since the backup, and opens the result. */
void scene_restore_by_changes(struct scene *scene);

/* Asserts that the report contains the text. */
void scene_told(const struct scene *scene, const char *text);

/* An entity of the restored store with a single part after the workspace (id empty: none); NULL if
 * there is none. */
ProtobufCMessage *scene_entity(struct scene *scene, enum sp_kind kind, const char *workspace, const char *id);

/* The entity of the key "k<number>" of workspace 1; and whether a decision would find the key. */
const Sallyport__V1__ApiKey *scene_key(struct scene *scene, uint64_t number);
bool scene_has_key(struct scene *scene, uint64_t number);

/* How to make a key. */
struct key_state {
    const char *names[SCENE_MAX_NAMES + 1]; /* none: all */
    const char *ips[3];
    int64_t expires_at_s;
    bool disabled;
    bool deleted;
};

/* Puts (or deletes) the key "k<number>" of principal 10 in workspace 1, in the open changeset. */
void scene_put_key(struct world *world, uint64_t number, const struct key_state *state);

/* The bits of permissions of world_schema. */
void scene_permission_bits(const char *const *names, size_t count, uint8_t bits[static SP_PERMISSION_SET_BYTES]);

/* Workspace 1 with the admin 10 and the member 11, and group 20 with both. */
void scene_put_people(struct world *world);

#endif
