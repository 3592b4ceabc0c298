#include "admin/access.h"

#include "admin/method_row.h"
#include "admin/operator_limits.h"
#include "admin/schema_names.h"
#include "admin/witness.h"
#include "base/text.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "decide/check.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/store_time.h"
#include "usage/judge.h"

static struct sp_str copy_caller_text(struct sp_arena *arena, struct sp_str text, bool *ok) {
    char *copy = sp_arena_strdup(arena, text);
    *ok &= copy != NULL;
    return (struct sp_str){copy, copy == NULL ? 0 : text.size};
}

/* A write moves what was read before it, so nothing of the key stays borrowed from the map. */
static enum sp_status keep_caller_key(struct sp_admin_context *ctx, const struct sp_key *key) {
    bool ok = true;
    struct sp_key kept = *key;
    kept.id = copy_caller_text(ctx->arena, key->id, &ok);
    kept.principal = copy_caller_text(ctx->arena, key->principal, &ok);
    kept.workspace = copy_caller_text(ctx->arena, key->workspace, &ok);
    uint8_t *ranges = sp_arena_alloc(ctx->arena, key->allowed_ranges.size + 1);
    if (!ok || ranges == NULL)
        return SP_ERR_MEMORY;
    if (key->allowed_ranges.size > 0)
        memcpy(ranges, key->allowed_ranges.data, key->allowed_ranges.size);
    kept.allowed_ranges = (struct sp_bytes){ranges, key->allowed_ranges.size};
    ctx->key = kept;
    return SP_OK;
}

static const char *explain_refusal(enum sp_reason reason) {
    switch ((int)reason) {
    case SP_REASON_KEY_MALFORMED:
        return "the text is not that of a key";
    case SP_REASON_KEY_UNKNOWN:
        return "no such key";
    case SP_REASON_KEY_DISABLED:
        return "the key is disabled";
    case SP_REASON_KEY_EXPIRED:
        return "the key has expired";
    case SP_REASON_WORKSPACE_DISABLED:
        return "the key's workspace is disabled";
    case SP_REASON_PRINCIPAL_DISABLED:
        return "the key's owner is disabled";
    case SP_REASON_WORKSPACE_UNKNOWN:
        return "the key's workspace does not exist";
    case SP_REASON_PRINCIPAL_UNKNOWN:
        return "the key's owner does not exist";
    case SP_REASON_IP_NOT_ALLOWED:
        return "the caller's address is not in the key's allowlist";
    default:
        return "the key cannot be used";
    }
}

static enum sp_status refuse_key(struct sp_admin_context *ctx, enum sp_reason reason) {
    enum sp_status status = reason == SP_REASON_IP_NOT_ALLOWED ? SP_ERR_PERMISSION : SP_ERR_UNAUTHENTICATED;
    sp_admin_witness_refusal(ctx, reason);
    return sp_error_set(ctx->error, status, "[%s] %s", sp_reason_name(reason), explain_refusal(reason));
}

/* A call to the admin API is a use of the operator's key. */
static void note_operator_use(struct sp_admin_context *ctx, enum sp_reason rejected) {
    const struct sp_admin_usage *usage = ctx->caller->usage;
    if (usage != NULL)
        usage->note(usage->user, SP_STR_LITERAL(SP_USAGE_OPERATORS), ctx->operator_name, ctx->caller->ip, rejected);
}

/* An index entry for an operator who does not exist proves nothing. */
static enum sp_status load_operator(struct sp_admin_context *ctx) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_1(SP_KIND_OPERATOR, (struct sp_str){0}, ctx->operator_name, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    ctx->acting_operator = ((const Sallyport__Store__V1__StoredOperator *)(const void *)message)->operator_;
    return ctx->acting_operator == NULL ? SP_ERR_CORRUPT : SP_OK;
}

static enum sp_status accept_operator(struct sp_admin_context *ctx, struct sp_str name) {
    bool ok = true;
    enum sp_reason reason = SP_REASON_NONE;
    ctx->operator_name = copy_caller_text(ctx->arena, name, &ok);
    if (!ok)
        return SP_ERR_MEMORY;
    enum sp_status status = load_operator(ctx);
    if (status != SP_OK)
        return status;
    sp_admin_witness_operator(ctx);
    status = sp_admin_operator_judge(ctx, &reason);
    if (status != SP_OK)
        return status;
    note_operator_use(ctx, reason);
    return reason == SP_REASON_NONE ? SP_OK : refuse_key(ctx, reason);
}

/* *ret_found: the key is an operator's, and may be used. */
static enum sp_status find_operator(struct sp_admin_context *ctx, bool *ret_found) {
    uint8_t digest[SP_DIGEST_BYTES];
    sp_key_digest_from_text(ctx->caller->credential, digest);
    struct sp_str name = {0};
    enum sp_status status = sp_index_operator(ctx->view, digest, &name);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK)
        return status;
    status = accept_operator(ctx, name);
    if (status != SP_OK)
        return status;
    *ret_found = true;
    return SP_OK;
}

/* Whether the key is that of an ADMIN user, permitted what this method needs. */
static enum sp_status is_admin_key(struct sp_admin_context *ctx, const struct sp_principal_state *principal,
                                   bool *ret_is_admin) {
    *ret_is_admin = false;
    if (ctx->key.principal_kind != SALLYPORT__V1__PRINCIPAL_KIND__USER || !principal->workspace_admin)
        return SP_OK;
    bool reads = ctx->method->type == SP_ADMIN_READ || ctx->method->type == SP_ADMIN_STREAM;
    return sp_admin_key_has_permission(ctx, reads ? "workspace_read" : "workspace_write", ret_is_admin);
}

/* A call to the admin API is a use of the key like any other. */
static void note_caller_use(struct sp_admin_context *ctx, const struct sp_presented *presented) {
    const struct sp_admin_usage *usage = ctx->caller->usage;
    if (usage != NULL && presented->key_found)
        usage->note(usage->user, presented->key.workspace, presented->key.id, ctx->caller->ip, presented->reason);
}

static enum sp_status authenticate_key(struct sp_admin_context *ctx) {
    struct sp_str text = ctx->caller->credential;
    struct sp_query query = {
        .credential_kind = SP_CREDENTIAL_TEXT,
        .credential = {(const uint8_t *)text.data, text.size},
        .ip = ctx->caller->ip,
        .now_s = ctx->now_s,
    };
    struct sp_presented presented = {0};
    enum sp_status status = sp_check_credential(ctx->view, &query, &presented);
    if (status != SP_OK)
        return status;
    note_caller_use(ctx, &presented);
    if (presented.key_found)
        sp_admin_witness_key(ctx, &presented.key);
    if (presented.reason != SP_REASON_NONE)
        return refuse_key(ctx, presented.reason);
    if (!presented.key_found || !presented.principal.found)
        return refuse_key(ctx, SP_REASON_KEY_UNKNOWN);
    status = keep_caller_key(ctx, &presented.key);
    if (status != SP_OK)
        return status;
    return is_admin_key(ctx, &presented.principal, &ctx->is_admin);
}

/* Nothing that could be looked up was presented. */
static enum sp_status refuse_no_key(struct sp_admin_context *ctx, enum sp_reason reason, const char *message) {
    sp_admin_witness_refusal(ctx, reason);
    return sp_error_set(ctx->error, SP_ERR_UNAUTHENTICATED, "%s", message);
}

static enum sp_status authenticate_caller(struct sp_admin_context *ctx) {
    sp_admin_witness_begin(ctx);
    enum sp_status status = sp_view_floor_time(ctx->view, ctx->now_s, &ctx->now_s);
    if (status != SP_OK)
        return status;
    if (ctx->caller->ambiguous)
        return refuse_no_key(ctx, SP_REASON_CREDENTIAL_AMBIGUOUS,
                             "different credentials presented: send one key, in authorization or x-api-key");
    if (ctx->caller->credential.size == 0)
        return refuse_no_key(ctx, SP_REASON_CREDENTIAL_MISSING,
                             "no key: send 'authorization: Bearer <key>' or 'x-api-key: <key>'");
    if (ctx->caller->credential.size > SP_KEY_PRESENTED_MAX_BYTES)
        return refuse_key(ctx, SP_REASON_KEY_MALFORMED);
    status = find_operator(ctx, &ctx->is_operator);
    if (status != SP_OK || ctx->is_operator)
        return status;
    return authenticate_key(ctx);
}

static const char *describe_needed_access(enum sp_admin_access access) {
    switch (access) {
    case SP_ACCESS_OPERATOR:
        return "an operator's key";
    case SP_ACCESS_ADMIN_WRITE:
        return "the key of an ADMIN user of the workspace, permitted workspace_write";
    case SP_ACCESS_ADMIN_READ:
        return "the key of an ADMIN user of the workspace, permitted workspace_read";
    case SP_ACCESS_OPERATOR_OR_ADMIN:
        return "an operator's key, or the key of an ADMIN user of the workspace, permitted workspace_write";
    case SP_ACCESS_RESOURCE:
    case SP_ACCESS_CREATE_KEY:
    case SP_ACCESS_SHARE:
    case SP_ACCESS_ROTATE:
    case SP_ACCESS_ANY_KEY:
        break;
    }
    return "a workspace's key";
}

static enum sp_status may_call_method(struct sp_admin_context *ctx, bool *ret_may) {
    switch (ctx->method->access) {
    case SP_ACCESS_OPERATOR:
        *ret_may = ctx->is_operator;
        return SP_OK;
    case SP_ACCESS_ADMIN_WRITE:
        *ret_may = ctx->is_admin;
        return SP_OK;
    case SP_ACCESS_ADMIN_READ:
    case SP_ACCESS_OPERATOR_OR_ADMIN:
        *ret_may = ctx->is_admin || ctx->is_operator;
        return SP_OK;
    case SP_ACCESS_SHARE:
    case SP_ACCESS_ROTATE:
        *ret_may = !ctx->is_operator;
        return SP_OK;
    case SP_ACCESS_RESOURCE:
    case SP_ACCESS_CREATE_KEY:
    case SP_ACCESS_ANY_KEY:
        *ret_may = true;
        return SP_OK;
    }
    *ret_may = false;
    return SP_OK;
}

static enum sp_status authorize_caller(struct sp_admin_context *ctx) {
    bool may = false;
    enum sp_status status = may_call_method(ctx, &may);
    if (status != SP_OK)
        return status;
    if (may)
        return ctx->is_operator ? sp_admin_operator_check_scope(ctx) : SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION, "%s requires %s", ctx->method->name,
                        describe_needed_access(ctx->method->access));
}

enum sp_status sp_admin_admit_caller(struct sp_admin_context *ctx) {
    enum sp_status status = authenticate_caller(ctx);
    if (status != SP_OK)
        return status;
    return authorize_caller(ctx);
}

static struct sp_str get_named_workspace(const struct sp_admin_method *method, const ProtobufCMessage *request) {
    if (method->workspace_of != NULL)
        return method->workspace_of(request);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "workspace");
    if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING)
        return (struct sp_str){0};
    const char *text = NULL;
    memcpy(&text, (const char *)request + field->offset, sizeof(text));
    return sp_str_from(text);
}

static bool takes_workspace(const struct sp_admin_method *method) {
    return method->workspace_of != NULL ||
           protobuf_c_message_descriptor_get_field_by_name(method->request, "workspace") != NULL;
}

static enum sp_status refuse_workspace(struct sp_admin_context *ctx, struct sp_str id) {
    return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "workspace %.*s not found", SP_STR_ARG(id));
}

enum sp_status sp_admin_enter_workspace(struct sp_admin_context *ctx, struct sp_str id) {
    struct sp_entity_key key;
    enum sp_status status = sp_entity_key_make(SP_KIND_WORKSPACE, id, NULL, 0, &key);
    if (status != SP_OK)
        return status;
    ProtobufCMessage *message = NULL;
    status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status == SP_ERR_NOT_FOUND)
        return refuse_workspace(ctx, id);
    if (status != SP_OK)
        return status;
    char *kept = sp_arena_strdup(ctx->arena, id);
    if (kept == NULL)
        return SP_ERR_MEMORY;
    ctx->workspace = (struct sp_str){kept, id.size};
    ctx->stored_workspace = (Sallyport__Store__V1__StoredWorkspace *)(void *)message;
    return SP_OK;
}

static enum sp_status enter_operators_workspace(struct sp_admin_context *ctx, struct sp_str named) {
    if (!takes_workspace(ctx->method))
        return SP_OK;
    if (named.size == 0 && ctx->method->workspace_optional)
        return SP_OK;
    if (named.size == 0)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "workspace: required when an operator calls");
    enum sp_status status = sp_admin_enter_workspace(ctx, named);
    if (status != SP_ERR_NOT_FOUND || !ctx->method->workspace_optional)
        return status;
    /* The audit trail of a workspace outlives it. */
    *ctx->error = (struct sp_error){0};
    bool ok = true;
    ctx->workspace = copy_caller_text(ctx->arena, named, &ok);
    return ok ? SP_OK : SP_ERR_MEMORY;
}

enum sp_status sp_admin_resolve_workspace(struct sp_admin_context *ctx, const ProtobufCMessage *request) {
    struct sp_str named = get_named_workspace(ctx->method, request);
    if (named.size > 0) {
        enum sp_status status = sp_text_check_id(named, "workspace", ctx->error);
        if (status != SP_OK)
            return status;
    }
    if (ctx->is_operator)
        return enter_operators_workspace(ctx, named);
    if (named.size > 0 && !sp_str_equal(named, ctx->key.workspace))
        return refuse_workspace(ctx, named);
    return sp_admin_enter_workspace(ctx, ctx->key.workspace);
}
