#include "admin/removal.h"

#include "admin/offline_changes.h"
#include "base/text.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/write.h"
#include "wire/wire.h"

enum { SCRATCH_BYTES = 4096, SCRATCH_BUDGET_BYTES = 1024 * 1024 };

/* The workspaces being deleted. */
struct deleting_workspaces {
    struct sp_arena scratch;
    char first[SP_ID_MAX_BYTES + 1];
    unsigned found; /* 2: or more */
};

static enum sp_status note_deleting(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)key;
    struct deleting_workspaces *search = context;
    ProtobufCMessage *message = NULL;
    sp_arena_reset(&search->scratch);
    enum sp_status status =
        sp_wire_unpack_trusted(&sallyport__store__v1__stored_workspace__descriptor, value, &search->scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__Workspace *workspace =
        ((const Sallyport__Store__V1__StoredWorkspace *)(const void *)message)->workspace;
    if (workspace == NULL)
        return SP_ERR_CORRUPT;
    if (!workspace->deleting)
        return SP_OK;
    if (search->found++ > 0)
        return SP_WALK_END;
    size_t size = strlen(workspace->id);
    if (size > SP_ID_MAX_BYTES)
        return SP_ERR_CORRUPT;
    memcpy(search->first, workspace->id, size + 1);
    return SP_OK;
}

static enum sp_status find_deleting(struct sp_view *view, struct deleting_workspaces *search) {
    enum sp_status status = sp_arena_init(&search->scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    static const uint8_t all[] = {SP_KIND_WORKSPACE};
    status = sp_entity_walk(view, (struct sp_bytes){all, sizeof(all)}, NULL, note_deleting, search);
    sp_arena_fini(&search->scratch);
    return status;
}

struct workspace_removal {
    struct sp_changeset *changes;
    size_t left; /* that may still be removed now */
    int64_t now_s;
    bool cut; /* there was more than that */
};

static enum sp_status remove_met_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)value;
    struct workspace_removal *removal = context;
    if (removal->left == 0) {
        removal->cut = true;
        return SP_WALK_END;
    }
    struct sp_entity_key met;
    enum sp_status status = sp_entity_key_copy(key, &met);
    if (status != SP_OK)
        return status;
    removal->left--;
    return sp_changeset_delete(removal->changes, &met, removal->now_s);
}

static enum sp_status remove_kind(struct sp_view *view, struct workspace_removal *removal, enum sp_kind kind,
                                  struct sp_str workspace) {
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_make(kind, workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    return sp_entity_walk(view, (struct sp_bytes){prefix.bytes, prefix.size}, NULL, remove_met_entity, removal);
}

/* What refers to something goes before it. Removing leaves tombstones, which get a pass of their
 * own when nothing else is left; the workspace itself comes last, with a tombstone that stays. */
static enum sp_status remove_batch(struct sp_view *view, struct workspace_removal *removal, struct sp_str workspace) {
    static const enum sp_kind kinds[] = {SP_KIND_KEY,        SP_KIND_GRANT, SP_KIND_RESOURCE,
                                         SP_KIND_MEMBERSHIP, SP_KIND_GROUP, SP_KIND_PRINCIPAL};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        enum sp_status status = remove_kind(view, removal, kinds[i], workspace);
        if (status != SP_OK)
            return status;
    }
    if (!sp_changeset_is_empty(removal->changes))
        return SP_OK;
    enum sp_status status = remove_kind(view, removal, SP_KIND_TOMBSTONE, workspace);
    if (status != SP_OK || removal->cut)
        return status;
    return remove_kind(view, removal, SP_KIND_WORKSPACE, workspace);
}

static enum sp_status apply_removal(struct sp_write *write, struct sp_str workspace, size_t limit, int64_t now_s,
                                    struct sp_arena *arena, struct sp_error *error) {
    struct sp_revision revision;
    struct sp_changeset *changes = sp_admin_offline_changes(arena, "remove deleted workspaces", workspace, now_s);
    if (changes == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "not enough memory to remove a workspace");
    struct workspace_removal removal = {.changes = changes, .left = limit, .now_s = now_s};
    enum sp_status status = remove_batch(sp_write_view(write), &removal, workspace);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot remove workspace %.*s", SP_STR_ARG(workspace));
    return sp_changeset_apply(write, removal.changes, &revision, error);
}

enum sp_status sp_admin_remove_deleted(struct sp_write *write, size_t limit, int64_t now_s, struct sp_arena *arena,
                                       bool *ret_more, struct sp_error *error) {
    struct deleting_workspaces search = {0};
    struct sp_entity_key key;
    bool remains = false;
    struct sp_view *view = sp_write_view(write);
    enum sp_status status = find_deleting(view, &search);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the workspaces");
    if (search.found == 0) {
        *ret_more = false;
        return SP_OK;
    }
    struct sp_str workspace = sp_str_from(search.first);
    status = apply_removal(write, workspace, limit, now_s, arena, error);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_make(SP_KIND_WORKSPACE, workspace, NULL, 0, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_exists(view, &key, &remains);
    if (status != SP_OK)
        return status;
    *ret_more = remains || search.found > 1;
    return SP_OK;
}
