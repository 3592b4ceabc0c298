#include "trial/change.h"

#include <string.h>

#include "admin/methods.h"
#include "policy/files.h"
#include "policy/transfer.h"
#include "sallyport/v1/admin.pb-c.h"
#include "trial/file_errors.h"
#include "trial/insider.h"
#include "wire/json_read.h"
#include "wire/json_text.h"

enum { ARENA_FIRST_BYTES = 1 << 20, CALL_BUDGET_BYTES = 64 << 20 };
static const size_t model_budget_bytes = (size_t)4 << 30;

/* ---- the schema ---- */

static enum sp_status put_changed_schema(const char *path, struct sp_trial_scratch *scratch, struct sp_arena *arena,
                                         struct sp_error *error) {
    Sallyport__V1__PutSchemaRequest request = SALLYPORT__V1__PUT_SCHEMA_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct sp_error why = {0};
    struct sp_str text = {0};
    enum sp_status status = sp_policy_load_file(path, arena, &text, error);
    if (status != SP_OK)
        return status;
    request.yaml = sp_arena_strdup(arena, text);
    if (request.yaml == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    request.force = true; /* what it removes is what the question is about */
    status = sp_trial_scratch_call(scratch, NULL, "PutSchema", &request.base, arena, &reply, &why);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "%s: %s", path, why.message);
}

/* ---- the files ---- */

/* The other end of a link. */
struct scratch_link {
    struct sp_trial_scratch *scratch;
    const struct sp_trial_insider *insider;
};

static enum sp_status call_scratch(void *context, const char *method, const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *reply, struct sp_arena *arena,
                                   ProtobufCMessage **ret_reply, struct sp_error *error) {
    const struct scratch_link *link = context;
    (void)reply; /* of its method */
    return sp_trial_scratch_call(link->scratch, link->insider->key, method, request, arena, ret_reply, error);
}

static enum sp_status choose_changed_workspace(const struct sp_trial_change *change, const struct sp_policy *want,
                                               const char **ret_workspace, struct sp_error *error) {
    const char *given = change->workspace, *in_files = want->workspace;
    if (given != NULL && in_files != NULL && strcmp(given, in_files) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "the files are for workspace %s, not for %s", in_files, given);
    if (given == NULL && in_files == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "the files name no workspace; name it with --workspace");
    *ret_workspace = given != NULL ? given : in_files;
    return SP_OK;
}

static enum sp_status make_file_edits(const struct sp_trial_change *change, struct sp_trial_scratch *scratch,
                                      struct sp_trial_insider *insider, struct sp_policy *have, struct sp_policy *want,
                                      struct sp_policy_errors *errors, struct sp_error *error) {
    struct scratch_link end = {scratch, insider};
    const struct sp_policy_link link = {.call = call_scratch, .context = &end};
    struct sp_policy_change edits_made = {.want = want, .in_parts = true};
    struct sp_policy_edits edits = {0};
    struct sp_policy_revision revision = {0};
    size_t made = 0;
    enum sp_status status = choose_changed_workspace(change, want, &edits_made.workspace, error);
    if (status != SP_OK)
        return status;
    status = sp_trial_insider_enter(scratch, edits_made.workspace, want, insider, error);
    if (status != SP_OK)
        return status;
    status = sp_policy_read_store(&link, edits_made.workspace, have, &revision, error);
    if (status != SP_OK)
        return status;
    status = sp_policy_diff(have, want, change->prune, &edits, errors);
    if (status != SP_OK)
        return sp_error_set(error, status, "the difference does not fit into memory");
    status = sp_trial_report_file_errors(errors, error);
    if (status != SP_OK)
        return status;
    if (edits.kept > 0 && !change->keep)
        return sp_error_set(error, SP_ERR_INVALID,
                            "the files do not list %zu %s of the workspace: remove with --prune, or keep with --keep",
                            edits.kept, edits.kept == 1 ? "entry" : "entries");
    edits_made.edits = &edits;
    return sp_policy_change_store(&link, &edits_made, &revision, &made, error);
}

static enum sp_status apply_changed_files(const struct sp_trial_change *change, struct sp_trial_scratch *scratch,
                                          struct sp_trial_insider *insider, struct sp_arena *arena,
                                          struct sp_error *error) {
    struct sp_policy want = {.arena = arena}, have = {0};
    struct sp_policy_errors errors = {.arena = arena};
    struct sp_arena have_arena;
    enum sp_status status = sp_policy_read_files(change->files, change->file_count, &want, &errors, error);
    if (status != SP_OK)
        return status;
    status = sp_trial_report_file_errors(&errors, error);
    if (status != SP_OK)
        return status;
    if (sp_arena_init(&have_arena, ARENA_FIRST_BYTES, model_budget_bytes) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    have.arena = &have_arena;
    status = make_file_edits(change, scratch, insider, &have, &want, &errors, error);
    sp_arena_fini(&have_arena);
    return status;
}

/* ---- calls ---- */

/* As an operator, and what no operator may do as an ADMIN user of the request's workspace. */
static enum sp_status call_as_somebody(const char *method, const char *workspace, const ProtobufCMessage *request,
                                       struct sp_trial_scratch *scratch, struct sp_trial_insider *insider,
                                       struct sp_arena *arena, struct sp_error *error) {
    ProtobufCMessage *reply = NULL;
    enum sp_status status = sp_trial_scratch_call(scratch, NULL, method, request, arena, &reply, error);
    if (status != SP_ERR_PERMISSION || workspace == NULL)
        return status;
    status = sp_trial_insider_enter(scratch, workspace, NULL, insider, error);
    if (status != SP_OK)
        return status;
    return sp_trial_scratch_call(scratch, insider->key, method, request, arena, &reply, error);
}

static enum sp_status make_changed_call(const json_t *call, struct sp_trial_scratch *scratch,
                                        struct sp_trial_insider *insider, struct sp_arena *arena,
                                        struct sp_error *error) {
    const char *name = json_string_value(json_object_get(call, "method"));
    const json_t *json = json_object_get(call, "request");
    const struct sp_admin_method *method = name == NULL ? NULL : sp_admin_method_find(name);
    ProtobufCMessage *request = NULL;
    if (method == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "there is no such method");
    enum sp_status status = sp_json_to_message(sp_admin_method_request(method), json, arena, &request, error);
    if (status != SP_OK)
        return status;
    const char *workspace = json_string_value(json_object_get(call, "workspace"));
    status = call_as_somebody(name, workspace, request, scratch, insider, arena, error);
    sp_arena_wipe(arena);
    return status;
}

static enum sp_status read_and_make_call(const char *text, struct sp_trial_scratch *scratch,
                                         struct sp_trial_insider *insider, struct sp_arena *arena,
                                         struct sp_error *error) {
    struct sp_error why = {0};
    json_t *call = NULL;
    enum sp_status status = sp_json_parse(sp_str_from(text), &call, error);
    if (status != SP_OK)
        return status;
    status = make_changed_call(call, scratch, insider, arena, &why);
    if (status != SP_OK) {
        const char *words = json_string_value(json_object_get(call, "words"));
        (void)sp_error_set(error, status, "--set '%s': %s", words == NULL ? "" : words, why.message);
    }
    json_decref(call);
    return status;
}

enum sp_status sp_trial_change_make(const struct sp_trial_change *change, struct sp_trial_scratch *scratch,
                                    struct sp_error *error) {
    struct sp_trial_insider insider = {.workspace = ""};
    struct sp_arena arena;
    enum sp_status status = SP_OK;
    if (sp_arena_init(&arena, ARENA_FIRST_BYTES, change->file_count > 0 ? model_budget_bytes : CALL_BUDGET_BYTES) !=
        SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    if (change->schema != NULL)
        status = put_changed_schema(change->schema, scratch, &arena, error);
    if (status == SP_OK && change->file_count > 0)
        status = apply_changed_files(change, scratch, &insider, &arena, error);
    for (size_t i = 0; status == SP_OK && i < change->call_count; i++) {
        sp_arena_reset(&arena);
        status = read_and_make_call(change->calls[i], scratch, &insider, &arena, error);
    }
    explicit_bzero(&insider, sizeof(insider));
    sp_arena_fini(&arena);
    return status;
}
