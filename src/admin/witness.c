#include "admin/witness.h"

#include <string.h>

/* Ids have at most as many bytes as there is room for; anything longer is cut. */
static void copy_witness_text(struct sp_str text, char to[static SP_ADMIN_WITNESS_TEXT_BYTES]) {
    size_t size = text.size < SP_ADMIN_WITNESS_TEXT_BYTES ? text.size : SP_ADMIN_WITNESS_TEXT_BYTES - 1;
    if (size > 0)
        memcpy(to, text.data, size);
    to[size] = '\0';
}

void sp_admin_witness_begin(const struct sp_admin_context *ctx) {
    if (ctx->caller->witness != NULL)
        *ctx->caller->witness = (struct sp_admin_witness){.who = SP_ADMIN_NOBODY};
}

void sp_admin_witness_refusal(const struct sp_admin_context *ctx, enum sp_reason reason) {
    if (ctx->caller->witness != NULL)
        ctx->caller->witness->refused = reason;
}

void sp_admin_witness_key(const struct sp_admin_context *ctx, const struct sp_key *key) {
    struct sp_admin_witness *witness = ctx->caller->witness;
    if (witness == NULL)
        return;
    witness->who = SP_ADMIN_PRINCIPAL;
    copy_witness_text(key->workspace, witness->workspace);
    copy_witness_text(key->principal, witness->id);
    copy_witness_text(key->id, witness->key_id);
}

void sp_admin_witness_operator(const struct sp_admin_context *ctx) {
    struct sp_admin_witness *witness = ctx->caller->witness;
    if (witness == NULL)
        return;
    witness->who = SP_ADMIN_OPERATOR;
    copy_witness_text(ctx->operator_name, witness->id);
}

void sp_admin_witness_workspace(const struct sp_admin_context *ctx) {
    if (ctx->caller->witness != NULL)
        copy_witness_text(ctx->workspace, ctx->caller->witness->about);
}

void sp_admin_witness_revision(const struct sp_admin_context *ctx, struct sp_revision revision) {
    if (ctx->caller->witness != NULL)
        ctx->caller->witness->revision = revision;
}
