#include "store/records/schema_numbers.h"

#include "core/permission_set.h"
#include "core/schema.h"

typedef Sallyport__Store__V1__StoredSchema__Numbered numbered;

/* One list of numbered names: the old ones in their order, then the new ones. */
struct numbering {
    struct sp_arena *arena;
    numbered *const *old;
    size_t old_count;
    numbered **names;
    size_t count;
    uint32_t next;
};

static enum sp_status begin_numbering(struct numbering *list, numbered *const *old, size_t old_count, size_t new_count,
                                      uint32_t first) {
    list->names = sp_arena_calloc(list->arena, old_count + new_count + 1, sizeof(numbered *));
    if (list->names == NULL)
        return SP_ERR_MEMORY;
    list->old = old;
    list->old_count = old_count;
    list->count = 0;
    list->next = first;
    for (size_t i = 0; i < old_count; i++) {
        numbered *copy = sp_arena_alloc(list->arena, sizeof(*copy));
        if (copy == NULL)
            return SP_ERR_MEMORY;
        *copy = *old[i];
        copy->removed = true; /* until it is found in the new schema */
        list->names[list->count++] = copy;
        if (copy->number >= list->next)
            list->next = copy->number + 1;
    }
    return SP_OK;
}

/* A name that was removed before, and a type whose ids are read in another scope now, are new
 * ones: nothing that was granted under the old number is granted again. */
static enum sp_status number_name(struct numbering *list, struct sp_str name, bool workspace_scoped,
                                  enum sp_register register_level) {
    for (size_t i = 0; i < list->old_count; i++) {
        const numbered *old = list->old[i];
        if (!old->removed && old->workspace_scoped == workspace_scoped && sp_str_equal(sp_str_from(old->name), name)) {
            list->names[i]->removed = false;
            list->names[i]->register_level = register_level;
            return SP_OK;
        }
    }
    numbered *added = sp_arena_alloc(list->arena, sizeof(*added));
    if (added == NULL)
        return SP_ERR_MEMORY;
    sallyport__store__v1__stored_schema__numbered__init(added);
    added->name = sp_arena_strdup(list->arena, name);
    added->number = list->next++;
    added->workspace_scoped = workspace_scoped;
    added->register_level = register_level;
    list->names[list->count++] = added;
    return added->name != NULL ? SP_OK : SP_ERR_MEMORY;
}

static enum sp_status number_names(const struct sp_schema *schema, const Sallyport__Store__V1__StoredSchema *old,
                                   struct numbering *permissions, struct numbering *types) {
    enum sp_status status = begin_numbering(permissions, old != NULL ? old->permissions : NULL,
                                            old != NULL ? old->n_permissions : 0, schema->permission_count, 0);
    if (status != SP_OK)
        return status;
    status =
        begin_numbering(types, old != NULL ? old->types : NULL, old != NULL ? old->n_types : 0, schema->type_count, 1);
    for (size_t i = 0; status == SP_OK && i < schema->permission_count; i++)
        status = number_name(permissions, schema->permissions[i].name, false, (enum sp_register)0);
    for (size_t i = 0; status == SP_OK && i < schema->type_count; i++)
        status = number_name(types, schema->types[i].name, schema->types[i].workspace_scoped,
                             schema->types[i].register_level);
    return status;
}

enum sp_status sp_schema_number(struct sp_str yaml, const Sallyport__Store__V1__StoredSchema *old,
                                struct sp_arena *arena, Sallyport__Store__V1__StoredSchema **ret_stored,
                                struct sp_error *error) {
    struct sp_schema schema;
    struct numbering permissions = {.arena = arena};
    struct numbering types = {.arena = arena};
    enum sp_status status = sp_schema_parse(yaml, arena, &schema, error);
    if (status != SP_OK)
        return status;
    status = number_names(&schema, old, &permissions, &types);
    Sallyport__Store__V1__StoredSchema *stored = sp_arena_alloc(arena, sizeof(*stored));
    char *text = sp_arena_strdup(arena, yaml);
    if (status != SP_OK || stored == NULL || text == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory while reading the schema");
    if (permissions.next > SP_PERMISSIONS_MAX)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "the store has given out all %d permission numbers, including those of removed names",
                            SP_PERMISSIONS_MAX);
    if (types.next > UINT16_MAX + 1)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "the store has given out all %d type numbers, including those of removed names",
                            UINT16_MAX);
    sallyport__store__v1__stored_schema__init(stored);
    stored->yaml = text;
    stored->permissions = permissions.names;
    stored->n_permissions = permissions.count;
    stored->types = types.names;
    stored->n_types = types.count;
    *ret_stored = stored;
    return SP_OK;
}
