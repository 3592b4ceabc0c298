#include "admin/operator_limits.h"

#include <string.h>

#include "admin/method_row.h"
#include "base/moment.h"
#include "core/allowlist.h"

/* Those that a key can be given. */
static const char *const scope_texts[SP_ADMIN_SCOPES] = {
    [SP_SCOPE_WORKSPACES] = "workspaces", [SP_SCOPE_RESOURCES] = "resources", [SP_SCOPE_KEYS] = "keys",
    [SP_SCOPE_SCHEMA] = "schema",         [SP_SCOPE_IMPORT] = "import",       [SP_SCOPE_BACKUP] = "backup",
    [SP_SCOPE_AUDIT] = "audit",           [SP_SCOPE_SERVERS] = "servers",     [SP_SCOPE_OPERATORS] = "operators",
};

static const char scope_names[] = "workspaces, resources, keys, schema, import, backup, audit, servers, operators";

static bool is_known_scope(struct sp_str scope) {
    for (size_t i = 0; i < SP_ADMIN_SCOPES; i++)
        if (scope_texts[i] != NULL && sp_str_equal(scope, sp_str_from(scope_texts[i])))
            return true;
    return false;
}

/* ---- what a new key is given ---- */

static enum sp_status take_scopes(const struct sp_admin_operator_terms *terms, struct sp_arena *arena,
                                  Sallyport__V1__Operator *operator_message, struct sp_error *error) {
    operator_message->scopes = sp_arena_calloc(arena, terms->scope_count + 1, sizeof(char *));
    if (operator_message->scopes == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < terms->scope_count; i++) {
        if (!is_known_scope(terms->scopes[i]))
            return sp_error_set(error, SP_ERR_INVALID, "scopes[%zu]: \"%.*s\" is not a scope: use any of %s", i,
                                SP_STR_ARG(terms->scopes[i]), scope_names);
        char *scope = sp_arena_strdup(arena, terms->scopes[i]);
        if (scope == NULL)
            return SP_ERR_MEMORY;
        operator_message->scopes[operator_message->n_scopes++] = scope;
    }
    return SP_OK;
}

static enum sp_status take_addresses(const struct sp_admin_operator_terms *terms, struct sp_arena *arena,
                                     Sallyport__V1__Operator *operator_message, struct sp_error *error) {
    const char **texts = NULL;
    size_t count = 0;
    if (terms->allowed_ip_count == 0)
        return SP_OK;
    enum sp_status status =
        sp_allowlist_normalise(terms->allowed_ips, terms->allowed_ip_count, true, arena, &texts, &count, error);
    if (status != SP_OK)
        return status;
    operator_message->allowed_ips = sp_arena_calloc(arena, count, sizeof(char *));
    if (operator_message->allowed_ips == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        char *text = sp_arena_strdup(arena, sp_str_from(texts[i]));
        if (text == NULL)
            return SP_ERR_MEMORY;
        operator_message->allowed_ips[operator_message->n_allowed_ips++] = text;
    }
    return SP_OK;
}

enum sp_status sp_admin_operator_take_terms(const struct sp_admin_operator_terms *terms, int64_t now_s,
                                            struct sp_arena *arena, Sallyport__V1__Operator *operator_message,
                                            struct sp_error *error) {
    enum sp_status status = sp_moment_check_end("expires_at", terms->expires_at_s, now_s, error);
    if (status != SP_OK)
        return status;
    operator_message->expires_at = terms->expires_at_s;
    status = take_scopes(terms, arena, operator_message, error);
    if (status != SP_OK)
        return status;
    return take_addresses(terms, arena, operator_message, error);
}

/* ---- what a key may do ---- */

/* A list that cannot be read allows no address. */
static enum sp_status is_address_allowed(struct sp_admin_context *ctx, bool *ret_allowed) {
    const Sallyport__V1__Operator *about = ctx->acting_operator;
    const char **texts = sp_arena_calloc(ctx->arena, about->n_allowed_ips + 1, sizeof(*texts));
    struct sp_bytes ranges;
    if (texts == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < about->n_allowed_ips; i++)
        texts[i] = about->allowed_ips[i];
    enum sp_status status = sp_allowlist_compile(texts, about->n_allowed_ips, ctx->arena, &ranges, NULL);
    if (status == SP_ERR_MEMORY)
        return status;
    *ret_allowed = status == SP_OK && ctx->caller->ip != NULL && sp_allowlist_contains(ranges, ctx->caller->ip);
    return SP_OK;
}

enum sp_status sp_admin_operator_judge(struct sp_admin_context *ctx, enum sp_reason *ret_reason) {
    const Sallyport__V1__Operator *about = ctx->acting_operator;
    bool allowed = true;
    *ret_reason = SP_REASON_NONE;
    if (about->expires_at != 0 && ctx->now_s >= about->expires_at) {
        *ret_reason = SP_REASON_KEY_EXPIRED;
        return SP_OK;
    }
    if (about->n_allowed_ips == 0)
        return SP_OK;
    enum sp_status status = is_address_allowed(ctx, &allowed);
    if (status != SP_OK)
        return status;
    if (!allowed)
        *ret_reason = SP_REASON_IP_NOT_ALLOWED;
    return SP_OK;
}

enum sp_status sp_admin_operator_check_scope(struct sp_admin_context *ctx) {
    const Sallyport__V1__Operator *about = ctx->acting_operator;
    const char *wanted = scope_texts[ctx->method->scope];
    if (about->n_scopes == 0 || ctx->method->scope == SP_SCOPE_ANY)
        return SP_OK;
    for (size_t i = 0; wanted != NULL && i < about->n_scopes; i++)
        if (strcmp(about->scopes[i], wanted) == 0)
            return SP_OK;
    if (wanted == NULL)
        return sp_error_set(ctx->error, SP_ERR_PERMISSION, "%s requires an operator's key without scopes",
                            ctx->method->name);
    return sp_error_set(ctx->error, SP_ERR_PERMISSION, "%s requires an operator's key with the scope \"%s\"",
                        ctx->method->name, wanted);
}
