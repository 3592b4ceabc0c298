/* Each record but a key is flushed at once, so that the next one finds it in the store. Keys, of
 * which there may be millions, are flushed together: what they need to know of each other (ids,
 * digests, how many) is kept in a table. */
#include "admin/import.h"

#include "admin/access.h"
#include "admin/actor.h"
#include "admin/failure.h"
#include "admin/import_equal.h"
#include "admin/import_key.h"
#include "admin/import_key_equal.h"
#include "admin/import_record.h"
#include "admin/message.h"
#include "admin/methods.h"
#include "core/digest.h"
#include "store/records/changeset.h"
#include "store/records/write.h"

static enum sp_status flush_and_import(struct sp_admin_import_state *import,
                                       const Sallyport__V1__ImportRecord *record) {
    if (record->record_case == SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY) {
        import->unflushed = true;
        return sp_admin_import_by_kind(import, record);
    }
    enum sp_status status = sp_admin_import_flush(import);
    if (status != SP_OK)
        return status;
    status = sp_admin_import_by_kind(import, record);
    if (status != SP_OK)
        return status;
    import->unflushed = true;
    return sp_admin_import_flush(import);
}

static enum sp_status find_equal_key(struct sp_admin_import_state *import, const Sallyport__V1__ImportApiKey *record,
                                     bool *ret_equal) {
    uint8_t room[SP_DIGEST_BYTES];
    const uint8_t *sha256 = NULL;
    enum sp_status status = sp_admin_import_open_key(import, record, room, &sha256);
    if (status != SP_OK)
        return status;
    return sp_admin_import_is_key_equal(import, record->key, sha256, ret_equal);
}

/* Whether the record is skipped. */
static enum sp_status find_equal(struct sp_admin_import_state *import, const Sallyport__V1__ImportRecord *record,
                                 bool *ret_equal) {
    *ret_equal = false;
    if (!import->skip_equal)
        return SP_OK;
    if (record->record_case == SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY)
        return find_equal_key(import, record->api_key, ret_equal);
    if (record->record_case != SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE &&
        record->record_case != SALLYPORT__V1__IMPORT_RECORD__RECORD__NOT_SET) {
        enum sp_status status = sp_admin_import_enter_home(import, sp_admin_import_workspace(record));
        if (status != SP_OK)
            return status;
    }
    return sp_admin_import_is_equal(&import->ctx, record, ret_equal);
}

static enum sp_status import_record(struct sp_admin_import_state *import, const Sallyport__V1__ImportRecord *record) {
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

static void end_record_error(struct sp_admin_import_state *import, enum sp_status status) {
    struct sp_error *error = import->ctx.error;
    if (error->status == SP_OK)
        (void)sp_error_set(error, SP_ERR_INTERNAL, "cannot store the record");
    error->status = status;
}

/* A record that was refused may have left things staged, and the context in a workspace that does
 * not exist. */
static void leave_refused_record(struct sp_admin_import_state *import) {
    sp_changeset_forget_unapplied(import->ctx.changes);
    import->unflushed = false;
    import->ctx.workspace = (struct sp_str){0};
    import->ctx.stored_workspace = NULL;
    import->home = NULL;
    *import->ctx.error = (struct sp_error){0};
}

static enum sp_status import_or_refuse(struct sp_admin_import_state *import, const Sallyport__V1__ImportRecord *record,
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
static enum sp_status end_refused_import(struct sp_admin_import_state *import) {
    const struct sp_admin_import_refusals *refusals = import->refusals;
    import->line = refusals->kept[0]->line;
    return sp_error_set(import->ctx.error, refusals->status, "%s", refusals->kept[0]->message);
}

static bool has_caller_gone(const struct sp_admin_caller *caller) {
    return caller->gone != NULL && atomic_load_explicit(caller->gone, memory_order_relaxed);
}

static enum sp_status import_all(struct sp_admin_import_state *import, const Sallyport__V1__ImportRequest *request) {
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

static enum sp_status apply_import(struct sp_admin_import_state *import, const Sallyport__V1__ImportRequest *request) {
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

static enum sp_status begin_import(struct sp_admin_import_state *import, const Sallyport__V1__ImportRequest *request) {
    struct sp_admin_context *ctx = &import->ctx;
    import->response = SP_ADMIN_NEW(ctx, Sallyport__V1__ImportResponse, sallyport__v1__import_response);
    if (import->response == NULL)
        return SP_ERR_MEMORY;
    import->response->secrets = sp_arena_calloc(ctx->arena, request->n_records + 1, sizeof(*import->response->secrets));
    if (import->response->secrets == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_admit_caller(ctx);
    if (status != SP_OK)
        return status;
    return sp_admin_begin_changes(ctx, "");
}

static enum sp_status run_import(struct sp_admin_import_state *import, const Sallyport__V1__ImportRequest *request) {
    enum sp_status status = begin_import(import, request);
    if (status != SP_OK)
        return status;
    status = import_all(import, request);
    if (status != SP_OK)
        return status;
    return apply_import(import, request);
}

/* A message that is too long already is cut, but begins with its line. */
static void name_refused_line(const struct sp_admin_import_state *import) {
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
    struct sp_admin_import_state import = {.ctx = {.method = sp_admin_method_find("Import"),
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
    if (why.status != SP_OK)
        why.status = status;
    return sp_admin_fail(&why, status, "cannot store the import", error);
}
