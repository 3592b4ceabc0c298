/* Each record but a key is flushed at once, so that the next one finds it in the store. Keys, of
 * which there may be millions, are flushed together: what they need to know of each other (ids,
 * digests, how many) is kept in a table. */
#include "admin/import.h"

#include "admin/access.h"
#include "admin/actor.h"
#include "admin/batch_map.h"
#include "admin/entities.h"
#include "admin/grant.h"
#include "admin/group.h"
#include "admin/import_equal.h"
#include "admin/key.h"
#include "admin/message.h"
#include "admin/methods.h"
#include "admin/principal.h"
#include "admin/quota.h"
#include "admin/resource.h"
#include "admin/workspace.h"
#include "base/moment.h"
#include "base/text.h"
#include "core/digest_text.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/write.h"

/* A workspace that records belong to. */
struct home {
    Sallyport__Store__V1__StoredWorkspace *stored;
    struct sp_str id;
    uint64_t unflushed_keys; /* since the flush with this number */
    uint64_t flush;
};

struct import {
    struct sp_admin_context ctx;
    struct sp_batch_map known; /* kind of thing and its name → home, principal, or just that it is taken */
    struct home *home;
    uint64_t flushes;
    bool unflushed;
    uint64_t line;
    bool skip_equal;
    uint64_t skipped;
    struct sp_admin_import_refusals *refusals;
    Sallyport__V1__ImportResponse *response;
};

static enum sp_status flush_records(struct import *import) {
    if (!import->unflushed)
        return SP_OK;
    import->unflushed = false;
    import->flushes++;
    return sp_changeset_flush(import->ctx.write, import->ctx.changes, import->ctx.error);
}

/* ---- what is known ---- */

enum {
    WORKSPACE = 'w',
    PRINCIPAL = 'p',
    KEY = 'k',
    DIGEST = 'd',
    NAME_MAX_BYTES = 1 + SP_ID_MAX_BYTES + 1 + SP_PRINCIPAL_ID_MAX_BYTES
};

/* Callers have checked that ids are at most 64 bytes. */
static struct sp_bytes name_known(char what, struct sp_str workspace, struct sp_str id, uint8_t *buffer) {
    size_t size = 0;
    buffer[size++] = (uint8_t)what;
    memcpy(buffer + size, workspace.data, workspace.size);
    size += workspace.size;
    buffer[size++] = 0;
    if (id.size > 0)
        memcpy(buffer + size, id.data, id.size);
    return (struct sp_bytes){buffer, size + id.size};
}

static void go_home(struct import *import, struct home *home) {
    import->home = home;
    import->ctx.workspace = home->id;
    import->ctx.stored_workspace = home->stored;
}

/* Makes the context's workspace the home, and remembers it. */
static enum sp_status remember_home(struct import *import) {
    uint8_t buffer[NAME_MAX_BYTES];
    struct home *home = sp_arena_calloc(import->ctx.arena, 1, sizeof(*home));
    if (home == NULL)
        return SP_ERR_MEMORY;
    home->stored = import->ctx.stored_workspace;
    home->id = import->ctx.workspace;
    go_home(import, home);
    return sp_batch_map_put(&import->known, name_known(WORKSPACE, home->id, (struct sp_str){0}, buffer), home);
}

static enum sp_status enter_home(struct import *import, const char *workspace) {
    struct sp_str id = sp_str_from(workspace);
    uint8_t buffer[NAME_MAX_BYTES];
    if (import->home != NULL && sp_str_equal(id, import->home->id))
        return SP_OK;
    enum sp_status status = sp_text_check_id(id, "workspace", import->ctx.error);
    if (status != SP_OK)
        return status;
    struct home *home = sp_batch_map_find(&import->known, name_known(WORKSPACE, id, (struct sp_str){0}, buffer));
    if (home != NULL) {
        go_home(import, home);
        return SP_OK;
    }
    status = sp_admin_enter_workspace(&import->ctx, id);
    if (status != SP_OK)
        return status;
    if (import->ctx.stored_workspace->workspace->deleting)
        return sp_error_set(import->ctx.error, SP_ERR_PRECONDITION, "workspace %s is being deleted", workspace);
    return remember_home(import);
}

static enum sp_status find_imported_principal(struct import *import, const char *id,
                                              Sallyport__Store__V1__StoredPrincipal **ret_principal) {
    uint8_t buffer[NAME_MAX_BYTES];
    enum sp_status status = sp_text_check_principal_id(sp_str_from(id), "principal", import->ctx.error);
    if (status != SP_OK)
        return status;
    struct sp_bytes name = name_known(PRINCIPAL, import->home->id, sp_str_from(id), buffer);
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

/* ---- records, by kind ---- */

static enum sp_status refuse_record(struct import *import, const char *why) {
    return sp_error_set(import->ctx.error, SP_ERR_INVALID, "%s", why);
}

/* A time that a record brings along; 0 is now. */
static enum sp_status check_past_time(struct import *import, const char *field, int64_t time_s) {
    return sp_moment_check_past(field, time_s, import->ctx.now_s, import->ctx.error);
}

static enum sp_status import_workspace(struct import *import, const Sallyport__V1__Workspace *record) {
    enum sp_status status = check_past_time(import, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    status = sp_admin_add_workspace(&import->ctx, record);
    if (status != SP_OK)
        return status;
    return remember_home(import);
}

/* What records of things in a workspace begin with. */
static enum sp_status begin_record(struct import *import, const char *workspace, const char *time_field,
                                   int64_t time_s) {
    enum sp_status status = enter_home(import, workspace);
    if (status != SP_OK)
        return status;
    return check_past_time(import, time_field, time_s);
}

static enum sp_status import_principal(struct import *import, const Sallyport__V1__Principal *record) {
    Sallyport__Store__V1__StoredPrincipal *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    return sp_admin_add_principal(&import->ctx, record, &made);
}

static enum sp_status import_group(struct import *import, const Sallyport__V1__Group *record) {
    Sallyport__Store__V1__StoredGroup *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    return sp_admin_add_group(&import->ctx, record, &made);
}

static enum sp_status import_membership(struct import *import, const Sallyport__V1__Membership *record) {
    struct sp_admin_context *ctx = &import->ctx;
    Sallyport__Store__V1__StoredGroup *group = NULL;
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    bool is_member = false;
    enum sp_status status = begin_record(import, record->workspace, "added_at", record->added_at);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_group(ctx, record->group, &group);
    if (status != SP_OK)
        return status;
    status = find_imported_principal(import, record->principal, &principal);
    if (status != SP_OK)
        return status;
    status = sp_admin_is_member(ctx, record->group, record->principal, &is_member);
    if (status != SP_OK)
        return status;
    if (is_member)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "principal %s is already a member of group %s",
                            record->principal, record->group);
    status = sp_admin_check_quota(ctx, SP_COUNT_MEMBERS, 1);
    if (status != SP_OK)
        return status;
    return sp_admin_add_member(ctx, group, principal, record->added_at);
}

/* The creator is recorded and given nothing: its grant is a record of its own, as it is in an
 * export. */
static enum sp_status import_resource(struct import *import, const Sallyport__V1__Resource *record) {
    struct sp_admin_target target;
    Sallyport__V1__Resource *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    if (record->creator[0] != '\0') {
        status = sp_text_check_principal_id(sp_str_from(record->creator), "creator", import->ctx.error);
        if (status != SP_OK)
            return status;
    }
    status = sp_admin_find_target(&import->ctx, record->ref, &target);
    if (status != SP_OK)
        return status;
    return sp_admin_add_resource(&import->ctx, &target, record, &made);
}

static enum sp_status import_grant(struct import *import, const Sallyport__V1__Grant *record) {
    struct sp_admin_context *ctx = &import->ctx;
    struct sp_admin_new_grant grant = {.subject = record->subject,
                                       .role = record->role,
                                       .creator = record->creator,
                                       .granted_at_s = record->granted_at};
    const Sallyport__V1__Grant *there = NULL;
    Sallyport__V1__Grant *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "granted_at", record->granted_at);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_target(ctx, record->resource, &grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_target(ctx, &grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_grant(ctx, &grant.target, record->subject, &there);
    if (status != SP_OK)
        return status;
    if (there != NULL)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "%s %s is already shared with this subject",
                            record->resource->type, record->resource->id);
    return sp_admin_put_grant(ctx, &grant, &made);
}

/* ---- keys ---- */

/* Takes what only one key may have, for the keys of this batch that the store does not show yet. */
static enum sp_status take_unique(struct import *import, struct sp_bytes name, const char *what) {
    if (sp_batch_map_find(&import->known, name) != NULL)
        return sp_error_set(import->ctx.error, SP_ERR_EXISTS, "%s: an earlier record of this import has the same value",
                            what);
    return sp_batch_map_put(&import->known, name, import);
}

static enum sp_status take_key_id(struct import *import, const char *id) {
    uint8_t buffer[NAME_MAX_BYTES];
    enum sp_status status = sp_text_check_id(sp_str_from(id), "id", import->ctx.error);
    if (status != SP_OK)
        return status;
    return take_unique(import, name_known(KEY, import->home->id, sp_str_from(id), buffer), "id");
}

static enum sp_status take_key_names(struct import *import, const Sallyport__V1__ApiKey *key, const uint8_t *sha256) {
    uint8_t buffer[NAME_MAX_BYTES];
    enum sp_status status = key->id[0] != '\0' ? take_key_id(import, key->id) : SP_OK;
    if (status != SP_OK || sha256 == NULL)
        return status;
    buffer[0] = DIGEST;
    memcpy(buffer + 1, sha256, SP_DIGEST_BYTES);
    return take_unique(import, (struct sp_bytes){buffer, 1 + SP_DIGEST_BYTES}, "sha256");
}

/* The fields of a key that only an import sets. */
static enum sp_status check_key_history(struct import *import, const Sallyport__V1__ApiKey *key) {
    struct sp_error *error = import->ctx.error;
    enum sp_status status = check_past_time(import, "created_at", key->created_at);
    if (status != SP_OK)
        return status;
    if (key->disabled_reason[0] != '\0') {
        status = sp_text_check_name(sp_str_from(key->disabled_reason), "disabled_reason", error);
        if (status != SP_OK)
            return status;
    }
    if (key->created_by_key[0] != '\0') {
        status = sp_text_check_id(sp_str_from(key->created_by_key), "created_by_key", error);
        if (status != SP_OK)
            return status;
    }
    if (key->rotated_from[0] != '\0')
        return sp_text_check_id(sp_str_from(key->rotated_from), "rotated_from", error);
    return SP_OK;
}

static enum sp_status append_secret(struct import *import, const Sallyport__V1__ApiKey *key, char *text) {
    Sallyport__V1__ImportResponse__Secret *secret =
        sp_admin_new_message(import->ctx.arena, &sallyport__v1__import_response__secret__descriptor);
    if (secret == NULL)
        return SP_ERR_MEMORY;
    secret->line = import->line;
    secret->workspace = key->workspace;
    secret->key_id = key->id;
    secret->secret = text;
    import->response->secrets[import->response->n_secrets++] = secret;
    return SP_OK;
}

/* How many keys of the home the store does not show yet. */
static uint64_t *unflushed_keys(struct import *import) {
    struct home *home = import->home;
    if (home->flush != import->flushes)
        home->unflushed_keys = 0;
    home->flush = import->flushes;
    return &home->unflushed_keys;
}

static enum sp_status add_imported_key(struct import *import, const Sallyport__V1__ApiKey *record,
                                       const uint8_t *sha256) {
    Sallyport__V1__ApiKey *made = NULL;
    char *secret = NULL;
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    enum sp_status status = find_imported_principal(import, record->principal, &principal);
    if (status != SP_OK)
        return status;
    struct sp_admin_new_key new_key = {.id = record->id,
                                       .principal = principal,
                                       .template = record,
                                       .imported = true,
                                       .imported_sha256 = sha256,
                                       .unflushed = *unflushed_keys(import)};
    status = sp_admin_add_key(&import->ctx, &new_key, sha256 == NULL ? &made : NULL, &secret);
    if (status != SP_OK)
        return status;
    (*unflushed_keys(import))++;
    return secret == NULL || made == NULL ? SP_OK : append_secret(import, made, secret);
}

/* *ret_sha256 is `room`, or NULL for a new key. */
static enum sp_status read_key_digest(struct import *import, const Sallyport__V1__ImportApiKey *record,
                                      uint8_t room[static SP_DIGEST_BYTES], const uint8_t **ret_sha256) {
    if (record->key == NULL)
        return refuse_record(import, "api_key.key: required");
    if (record->sha256[0] != '\0' && !sp_sha256_read_text(sp_str_from(record->sha256), room))
        return refuse_record(import,
                             "api_key.sha256: the SHA-256 of the key's text as 64 hexadecimal digits, or as 43 or "
                             "44 characters of base64, with or without \"sha256:\"; empty for a new key");
    *ret_sha256 = record->sha256[0] != '\0' ? room : NULL;
    return SP_OK;
}

static enum sp_status import_key(struct import *import, const Sallyport__V1__ImportApiKey *record) {
    uint8_t room[SP_DIGEST_BYTES];
    const uint8_t *sha256 = NULL;
    enum sp_status status = read_key_digest(import, record, room, &sha256);
    if (status != SP_OK)
        return status;
    status = enter_home(import, record->key->workspace);
    if (status != SP_OK)
        return status;
    status = check_key_history(import, record->key);
    if (status != SP_OK)
        return status;
    status = take_key_names(import, record->key, sha256);
    if (status != SP_OK)
        return status;
    return add_imported_key(import, record->key, sha256);
}

/* ---- a batch ---- */

static enum sp_status import_by_kind(struct import *import, const Sallyport__V1__ImportRecord *record) {
    switch (record->record_case) {
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE:
        return import_workspace(import, record->workspace);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL:
        return import_principal(import, record->principal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP:
        return import_group(import, record->group);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP:
        return import_membership(import, record->membership);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE:
        return import_resource(import, record->resource);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT:
        return import_grant(import, record->grant);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY:
        return import_key(import, record->api_key);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD__NOT_SET:
    case _SALLYPORT__V1__IMPORT_RECORD__RECORD__CASE_IS_INT_SIZE:
        break;
    }
    return refuse_record(import,
                         "record: required: one of workspace, principal, group, membership, resource, grant, api_key");
}

static enum sp_status flush_and_import(struct import *import, const Sallyport__V1__ImportRecord *record) {
    if (record->record_case == SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY) {
        import->unflushed = true;
        return import_by_kind(import, record);
    }
    enum sp_status status = flush_records(import);
    if (status != SP_OK)
        return status;
    status = import_by_kind(import, record);
    if (status != SP_OK)
        return status;
    import->unflushed = true;
    return flush_records(import);
}

/* ---- what is there already ---- */

static const char *home_of_record(const Sallyport__V1__ImportRecord *record) {
    switch ((int)record->record_case) {
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL:
        return record->principal->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP:
        return record->group->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP:
        return record->membership->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE:
        return record->resource->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT:
        return record->grant->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY:
        return record->api_key->key->workspace;
    default:
        return NULL;
    }
}

/* Whether the record is skipped. */
static enum sp_status find_equal(struct import *import, const Sallyport__V1__ImportRecord *record, bool *ret_equal) {
    uint8_t room[SP_DIGEST_BYTES];
    const uint8_t *sha256 = NULL;
    enum sp_status status = SP_OK;
    *ret_equal = false;
    if (!import->skip_equal)
        return SP_OK;
    if (record->record_case == SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY)
        status = read_key_digest(import, record->api_key, room, &sha256);
    if (status != SP_OK)
        return status;
    const char *home = home_of_record(record);
    if (home != NULL)
        status = enter_home(import, home);
    if (status != SP_OK)
        return status;
    return sp_admin_import_is_equal(&import->ctx, record, sha256, ret_equal);
}

static enum sp_status import_record(struct import *import, const Sallyport__V1__ImportRecord *record) {
    bool equal = false;
    enum sp_status status = find_equal(import, record, &equal);
    if (status != SP_OK)
        return status;
    if (!equal)
        return flush_and_import(import, record);
    import->skipped++;
    return SP_OK;
}

/* ---- a batch ---- */

static void end_record_error(struct import *import, enum sp_status status) {
    struct sp_error *error = import->ctx.error;
    if (error->status == SP_OK)
        (void)sp_error_set(error, SP_ERR_INTERNAL, "cannot store the record");
    error->status = status;
}

/* A record that was refused may have left things staged, and the context in a workspace that is not there. */
static void leave_refused_record(struct import *import) {
    sp_changeset_forget_unapplied(import->ctx.changes);
    import->unflushed = false;
    import->ctx.workspace = (struct sp_str){0};
    import->ctx.stored_workspace = NULL;
    import->home = NULL;
    *import->ctx.error = (struct sp_error){0};
}

static enum sp_status import_or_refuse(struct import *import, const Sallyport__V1__ImportRecord *record,
                                       bool *ret_goes_on) {
    *ret_goes_on = true;
    if (sp_admin_import_builds_on_refused(import->refusals, record))
        return SP_OK;
    enum sp_status status = import_record(import, record);
    if (status == SP_OK)
        return SP_OK;
    end_record_error(import, status);
    *ret_goes_on = sp_admin_import_keep_refusal(import->refusals, record, import->line, import->ctx.error);
    if (*ret_goes_on)
        leave_refused_record(import);
    return status;
}

/* The first refusal is the import's. */
static enum sp_status end_refused_import(struct import *import) {
    const struct sp_admin_import_refusals *refusals = import->refusals;
    import->line = refusals->kept[0]->line;
    return sp_error_set(import->ctx.error, refusals->status, "%s", refusals->kept[0]->message);
}

static bool has_caller_gone(const struct sp_admin_caller *caller) {
    return caller->gone != NULL && atomic_load_explicit(caller->gone, memory_order_relaxed);
}

static enum sp_status import_all(struct import *import, const Sallyport__V1__ImportRequest *request) {
    bool goes_on = true;
    enum sp_status status = SP_OK;
    for (size_t i = 0; i < request->n_records && goes_on; i++) {
        const Sallyport__V1__ImportRecord *record = request->records[i];
        if (has_caller_gone(import->ctx.caller)) {
            import->line = 0;
            return sp_error_set(import->ctx.error, SP_ERR_CANCELLED,
                                "the client has gone: none of the batch is imported");
        }
        import->line = record->line == 0 ? i + 1 : record->line;
        status = import_or_refuse(import, record, &goes_on);
    }
    if (import->refusals->count > 0)
        return end_refused_import(import);
    if (status != SP_OK)
        return status;
    import->line = 0; /* what fails from here on is the fault of no record */
    return SP_OK;
}

static enum sp_status apply_import(struct import *import, const Sallyport__V1__ImportRequest *request) {
    struct sp_revision revision;
    Sallyport__V1__Revision *message = SP_ADMIN_NEW(&import->ctx, Sallyport__V1__Revision, sallyport__v1__revision);
    if (message == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_changeset_apply(import->ctx.write, import->ctx.changes, &revision, import->ctx.error);
    if (status != SP_OK)
        return status;
    message->epoch = revision.epoch;
    message->number = revision.number;
    import->response->revision = message;
    import->response->applied = request->n_records - import->skipped;
    import->response->skipped = import->skipped;
    return SP_OK;
}

static enum sp_status begin_import(struct import *import, const Sallyport__V1__ImportRequest *request) {
    struct sp_admin_context *ctx = &import->ctx;
    import->response = SP_ADMIN_NEW(ctx, Sallyport__V1__ImportResponse, sallyport__v1__import_response);
    if (import->response == NULL)
        return SP_ERR_MEMORY;
    import->response->secrets = sp_arena_calloc(ctx->arena, request->n_records + 1, sizeof(*import->response->secrets));
    if (import->response->secrets == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_authenticate(ctx);
    if (status != SP_OK)
        return status;
    status = sp_admin_authorize(ctx);
    if (status != SP_OK)
        return status;
    return sp_admin_begin_changes(ctx, "");
}

static enum sp_status run_import(struct import *import, const Sallyport__V1__ImportRequest *request) {
    enum sp_status status = begin_import(import, request);
    if (status != SP_OK)
        return status;
    status = import_all(import, request);
    if (status != SP_OK)
        return status;
    return apply_import(import, request);
}

/* A message that is too long already is cut, but begins with its line. */
static void name_refused_line(const struct import *import) {
    struct sp_error *error = import->ctx.error;
    char why[sizeof(error->message)];
    memcpy(why, error->message, sizeof(why));
    (void)sp_error_set(error, error->status, "line %llu: %s", (unsigned long long)import->line, why);
}

enum sp_status sp_admin_import(struct sp_write *write, const struct sp_admin_caller *caller,
                               const Sallyport__V1__ImportRequest *request, struct sp_arena *arena,
                               struct sp_admin_import_refusals *refusals, Sallyport__V1__ImportResponse **ret_response,
                               struct sp_error *error) {
    struct sp_error why = {0};
    struct import import = {.ctx = {.method = sp_admin_method_find("Import"),
                                    .view = sp_write_view(write),
                                    .write = write,
                                    .arena = arena,
                                    .caller = caller,
                                    .error = &why,
                                    .now_s = caller->now_s},
                            .skip_equal = request->skip_equal,
                            .refusals = refusals,
                            .known = {.arena = arena}};
    refusals->arena = refusals->missing.arena = arena;
    refusals->wanted = request->max_refusals;
    uint64_t operations_before = sp_write_operations(write);
    enum sp_status status = run_import(&import, request);
    if (status == SP_OK) {
        *ret_response = import.response;
        return SP_OK;
    }
    (void)sp_write_refuse(write, operations_before);
    if (import.line != 0)
        name_refused_line(&import);
    if (why.status == SP_OK)
        (void)sp_error_set(&why, status, "cannot store the import");
    why.status = status;
    if (error != NULL)
        *error = why;
    return status;
}
