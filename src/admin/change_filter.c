#include "admin/change_filter.h"

#include <string.h>

#include "base/moment.h"

/* The fields that both requests have. */
#define FILTER_OF(request)                                                                                             \
    ((struct sp_admin_change_filter){.actor = (request)->actor,                                                        \
                                     .object = (request)->object,                                                      \
                                     .kind = (request)->kind,                                                          \
                                     .since_time_s = (request)->since_time,                                            \
                                     .until_time_s = (request)->until_time})

struct sp_admin_change_filter sp_admin_change_filter_of_list(const Sallyport__V1__ListChangesRequest *request) {
    return FILTER_OF(request);
}

struct sp_admin_change_filter sp_admin_change_filter_of_watch(const Sallyport__V1__WatchChangesRequest *request) {
    return FILTER_OF(request);
}

enum sp_status sp_admin_change_filter_check(const struct sp_admin_change_filter *filter, struct sp_error *error) {
    if (protobuf_c_enum_descriptor_get_value(&sallyport__v1__entity_kind__descriptor, (int)filter->kind) == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "kind: %d is not a kind of entity", (int)filter->kind);
    enum sp_status status = sp_moment_check("since_time", filter->since_time_s, error);
    if (status != SP_OK)
        return status;
    status = sp_moment_check("until_time", filter->until_time_s, error);
    if (status != SP_OK)
        return status;
    if (filter->until_time_s != 0 && filter->until_time_s <= filter->since_time_s)
        return sp_error_set(error, SP_ERR_INVALID, "until_time: must be after since_time");
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

static bool fits_actor(const struct sp_admin_change_filter *filter, const Sallyport__V1__Actor *actor) {
    const char *wanted = filter->actor;
    if (wanted[0] == '\0')
        return true;
    if (actor == NULL)
        return false;
    if (filter->keys != NULL)
        return sp_batch_map_find(filter->keys, sp_bytes_of_str(sp_str_from(actor->key_id))) != NULL;
    return strcmp(actor->id, wanted) == 0 || strcmp(actor->key_id, wanted) == 0 || is_actor_with_prefix(actor, wanted);
}

/* ---- what ---- */

/* Whether the parts of an id that are joined by '/' have `wanted` among them, which may be
 * several. */
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

static bool fits_entity(const struct sp_admin_change_filter *filter, const Sallyport__V1__EntityChange *entity) {
    if (filter->kind != SALLYPORT__V1__ENTITY_KIND__ENTITY_KIND_UNSPECIFIED && entity->kind != filter->kind)
        return false;
    return filter->object[0] == '\0' || has_parts(entity->id, filter->object) || is_key_of(entity, filter->object);
}

static bool fits_some_entity(const struct sp_admin_change_filter *filter, struct sp_str workspace,
                             const Sallyport__V1__Change *change) {
    if (filter->kind == SALLYPORT__V1__ENTITY_KIND__ENTITY_KIND_UNSPECIFIED && filter->object[0] == '\0')
        return true;
    for (size_t i = 0; i < change->n_entities; i++) {
        const Sallyport__V1__EntityChange *entity = change->entities[i];
        bool seen = workspace.size == 0 || sp_str_equal(sp_str_from(entity->workspace), workspace);
        if (seen && fits_entity(filter, entity))
            return true;
    }
    return false;
}

bool sp_admin_change_filter_fits(const struct sp_admin_change_filter *filter, struct sp_str workspace,
                                 const Sallyport__V1__Change *change) {
    if (change->time < filter->since_time_s || (filter->until_time_s != 0 && change->time >= filter->until_time_s))
        return false;
    return fits_actor(filter, change->actor) && fits_some_entity(filter, workspace, change);
}
