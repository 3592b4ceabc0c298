#include "admin/actor.h"

#include "admin/message.h"
#include "store/records/changeset.h"

Sallyport__V1__Actor *sp_admin_actor(struct sp_admin_context *ctx) {
    Sallyport__V1__Actor *actor = SP_ADMIN_NEW(ctx, Sallyport__V1__Actor, sallyport__v1__actor);
    if (actor == NULL)
        return NULL;
    if (ctx->is_operator) {
        actor->kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_OPERATOR;
        actor->id = sp_arena_strdup(ctx->arena, ctx->operator_name);
        return actor->id != NULL ? actor : NULL;
    }
    actor->kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_PRINCIPAL;
    actor->workspace = sp_arena_strdup(ctx->arena, ctx->key.workspace);
    actor->id = sp_arena_strdup(ctx->arena, ctx->key.principal);
    actor->key_id = sp_arena_strdup(ctx->arena, ctx->key.id);
    return actor->workspace != NULL && actor->id != NULL && actor->key_id != NULL ? actor : NULL;
}

enum sp_status sp_admin_begin_changes(struct sp_admin_context *ctx, const char *request_id) {
    Sallyport__V1__Change head;
    sallyport__v1__change__init(&head);
    head.time = ctx->now_s;
    head.actor = sp_admin_actor(ctx);
    head.address = sp_arena_strdup(ctx->arena, ctx->caller->address);
    head.method = sp_arena_strdup(ctx->arena, sp_str_from(sp_admin_method_name(ctx->method)));
    head.request_id = sp_arena_strdup(ctx->arena, sp_str_from(request_id));
    head.workspace = sp_arena_strdup(ctx->arena, ctx->workspace);
    if (head.actor == NULL || head.address == NULL || head.method == NULL || head.request_id == NULL ||
        head.workspace == NULL)
        return SP_ERR_MEMORY;
    struct sp_changeset *changes = sp_changeset_new(ctx->arena, &head);
    if (changes == NULL)
        return SP_ERR_MEMORY;
    ctx->changes = changes;
    return SP_OK;
}
