#include "admin/change_filter.h"

#include <string.h>

#include "base/moment.h"

enum sp_status sp_admin_change_filter_check(struct sp_admin_context *ctx,
                                            const Sallyport__V1__ListChangesRequest *request) {
    if (protobuf_c_enum_descriptor_get_value(&sallyport__v1__entity_kind__descriptor, (int)request->kind) == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "kind: %d is not a kind of entity", (int)request->kind);
    enum sp_status status = sp_moment_check("since_time", request->since_time, ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_moment_check("until_time", request->until_time, ctx->error);
    if (status != SP_OK)
        return status;
    if (request->until_time != 0 && request->until_time <= request->since_time)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "until_time: must be after since_time");
    return SP_OK;
}

/* ---- who ---- */

/* "operator:alice" or "offline:restore": what the text after the prefix names. */
static bool is_actor_with_prefix(const Sallyport__V1__Actor *actor, const char *wanted) {
    const char *prefix = actor->kind == SALLYPORT__V1__ACTOR_KIND__ACTOR_OPERATOR  ? "operator:"
                         : actor->kind == SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE ? "offline:"
                                                                                   : NULL;
    return prefix != NULL && strncmp(wanted, prefix, strlen(prefix)) == 0 &&
           strcmp(actor->id, wanted + strlen(prefix)) == 0;
}

static bool fits_actor(const char *wanted, const Sallyport__V1__Actor *actor) {
    if (wanted[0] == '\0')
        return true;
    if (actor == NULL)
        return false;
    return strcmp(actor->id, wanted) == 0 || strcmp(actor->key_id, wanted) == 0 || is_actor_with_prefix(actor, wanted);
}

/* ---- what ---- */

/* Whether the parts of an id that are joined by '/' have `wanted` among them, which may be several. */
static bool has_parts(const char *id, const char *wanted) {
    size_t size = strlen(wanted);
    for (const char *at = strstr(id, wanted); at != NULL; at = strstr(at + 1, wanted))
        if ((at == id || at[-1] == '/') && (at[size] == '\0' || at[size] == '/'))
            return true;
    return false;
}

/* A key is also a thing of its owner. */
static bool is_key_of(const Sallyport__V1__EntityChange *entity, const char *principal) {
    return entity->after_case == SALLYPORT__V1__ENTITY_CHANGE__AFTER_API_KEY_AFTER &&
           strcmp(entity->api_key_after->principal, principal) == 0;
}

static bool fits_entity(const Sallyport__V1__ListChangesRequest *request, const Sallyport__V1__EntityChange *entity) {
    if (request->kind != SALLYPORT__V1__ENTITY_KIND__ENTITY_KIND_UNSPECIFIED && entity->kind != request->kind)
        return false;
    return request->object[0] == '\0' || has_parts(entity->id, request->object) || is_key_of(entity, request->object);
}

static bool fits_some_entity(const Sallyport__V1__ListChangesRequest *request, struct sp_str workspace,
                             const Sallyport__V1__Change *change) {
    if (request->kind == SALLYPORT__V1__ENTITY_KIND__ENTITY_KIND_UNSPECIFIED && request->object[0] == '\0')
        return true;
    for (size_t i = 0; i < change->n_entities; i++) {
        const Sallyport__V1__EntityChange *entity = change->entities[i];
        bool seen = workspace.size == 0 || sp_str_equal(sp_str_from(entity->workspace), workspace);
        if (seen && fits_entity(request, entity))
            return true;
    }
    return false;
}

bool sp_admin_change_filter_fits(const Sallyport__V1__ListChangesRequest *request, struct sp_str workspace,
                                 const Sallyport__V1__Change *change) {
    if (change->time < request->since_time || (request->until_time != 0 && change->time >= request->until_time))
        return false;
    return fits_actor(request->actor, change->actor) && fits_some_entity(request, workspace, change);
}
