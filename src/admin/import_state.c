#include "admin/import_state.h"

#include "admin/access.h"
#include "admin/entities.h"
#include "admin/principal.h"
#include "base/moment.h"
#include "base/text.h"
#include "store/records/changeset.h"

enum sp_status sp_admin_import_flush(struct sp_admin_import_state *import) {
    if (!import->unflushed)
        return SP_OK;
    import->unflushed = false;
    import->flushes++;
    return sp_changeset_flush(import->ctx.write, import->ctx.changes, import->ctx.error);
}

struct sp_bytes sp_admin_import_name(enum sp_admin_import_kind kind, struct sp_str workspace, struct sp_str id,
                                     uint8_t buffer[static SP_IMPORT_NAME_MAX_BYTES]) {
    size_t size = 0;
    buffer[size++] = (uint8_t)kind;
    memcpy(buffer + size, workspace.data, workspace.size);
    size += workspace.size;
    buffer[size++] = 0;
    if (id.size > 0)
        memcpy(buffer + size, id.data, id.size);
    return (struct sp_bytes){buffer, size + id.size};
}

static void enter_import_home(struct sp_admin_import_state *import, struct sp_admin_import_home *home) {
    import->home = home;
    import->ctx.workspace = home->id;
    import->ctx.stored_workspace = home->stored;
}

enum sp_status sp_admin_import_remember_home(struct sp_admin_import_state *import) {
    uint8_t buffer[SP_IMPORT_NAME_MAX_BYTES];
    struct sp_admin_import_home *home = sp_arena_calloc(import->ctx.arena, 1, sizeof(*home));
    if (home == NULL)
        return SP_ERR_MEMORY;
    home->stored = import->ctx.stored_workspace;
    home->id = import->ctx.workspace;
    enter_import_home(import, home);
    return sp_batch_map_put(&import->known,
                            sp_admin_import_name(SP_IMPORT_WORKSPACE, home->id, (struct sp_str){0}, buffer), home);
}

enum sp_status sp_admin_import_enter_home(struct sp_admin_import_state *import, const char *workspace) {
    struct sp_str id = sp_str_from(workspace);
    uint8_t buffer[SP_IMPORT_NAME_MAX_BYTES];
    if (import->home != NULL && sp_str_equal(id, import->home->id))
        return SP_OK;
    enum sp_status status = sp_text_check_id(id, "workspace", import->ctx.error);
    if (status != SP_OK)
        return status;
    struct sp_admin_import_home *home =
        sp_batch_map_find(&import->known, sp_admin_import_name(SP_IMPORT_WORKSPACE, id, (struct sp_str){0}, buffer));
    if (home != NULL) {
        enter_import_home(import, home);
        return SP_OK;
    }
    status = sp_admin_enter_workspace(&import->ctx, id);
    if (status != SP_OK)
        return status;
    if (import->ctx.stored_workspace->workspace->deleting)
        return sp_error_set(import->ctx.error, SP_ERR_PRECONDITION, "workspace %s is being deleted", workspace);
    return sp_admin_import_remember_home(import);
}

enum sp_status sp_admin_import_find_principal(struct sp_admin_import_state *import, const char *id,
                                              Sallyport__Store__V1__StoredPrincipal **ret_principal) {
    uint8_t buffer[SP_IMPORT_NAME_MAX_BYTES];
    enum sp_status status = sp_text_check_principal_id(sp_str_from(id), "principal", import->ctx.error);
    if (status != SP_OK)
        return status;
    struct sp_bytes name = sp_admin_import_name(SP_IMPORT_PRINCIPAL, import->home->id, sp_str_from(id), buffer);
    Sallyport__Store__V1__StoredPrincipal *known = sp_batch_map_find(&import->known, name);
    if (known == NULL) {
        status = sp_admin_load_principal(&import->ctx, id, &known);
        if (status != SP_OK)
            return status;
        status = sp_batch_map_put(&import->known, name, known);
        if (status != SP_OK)
            return status;
    }
    *ret_principal = known;
    return SP_OK;
}

enum sp_status sp_admin_import_refuse(struct sp_admin_import_state *import, const char *why) {
    return sp_error_set(import->ctx.error, SP_ERR_INVALID, "%s", why);
}

enum sp_status sp_admin_import_check_time(struct sp_admin_import_state *import, const char *field, int64_t time_s) {
    return sp_moment_check_past(field, time_s, import->ctx.now_s, import->ctx.error);
}
