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
    bool fill_gaps; /* give out the lowest number that is free, not the next */
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

static uint32_t find_lowest_free_number(const struct numbering *list) {
    uint32_t number = 0;
    for (size_t i = 0; i < list->count;) {
        bool taken = list->names[i++]->number == number;
        number += taken;
        i = taken ? 0 : i;
    }
    return number;
}

static uint32_t give_out_name_number(struct numbering *list) {
    if (!list->fill_gaps)
        return list->next++;
    uint32_t number = find_lowest_free_number(list);
    list->next = number < list->next ? list->next : number + 1;
    return number;
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
    added->number = give_out_name_number(list);
    added->workspace_scoped = workspace_scoped;
    added->register_level = register_level;
    list->names[list->count++] = added;
    return added->name != NULL ? SP_OK : SP_ERR_MEMORY;
}

/* The old names without those that are gone, before or from now on, and that no key lists. */
static enum sp_status drop_unlisted_names(const struct sp_schema *schema, const Sallyport__Store__V1__StoredSchema *old,
                                          const struct sp_permission_set *listed, struct sp_arena *arena,
                                          Sallyport__Store__V1__StoredSchema *ret_kept) {
    size_t count = 0;
    numbered **kept = sp_arena_calloc(arena, old->n_permissions + 1, sizeof(*kept));
    if (kept == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < old->n_permissions; i++) {
        numbered *name = old->permissions[i];
        bool stays = !name->removed && sp_schema_find_permission(schema, sp_str_from(name->name)) != NULL;
        if (stays || name->number >= SP_PERMISSIONS_MAX || sp_permission_set_has(listed, (uint8_t)name->number, true))
            kept[count++] = name;
    }
    *ret_kept = *old;
    ret_kept->permissions = kept;
    ret_kept->n_permissions = count;
    return SP_OK;
}

static enum sp_status number_names(const struct sp_schema *schema, const Sallyport__Store__V1__StoredSchema *old,
                                   struct numbering *permissions, struct numbering *types) {
    enum sp_status status = begin_numbering(permissions, old != NULL ? old->permissions : NULL,
                                            old != NULL ? old->n_permissions : 0, schema->permission_count, 0);
    if (status != SP_OK)
        return status;
    status =
        begin_numbering(types, old != NULL ? old->types : NULL, old != NULL ? old->n_types : 0, schema->type_count, 1);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < schema->permission_count; i++) {
        status = number_name(permissions, schema->permissions[i].name, false, (enum sp_register)0);
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < schema->type_count; i++) {
        const struct sp_schema_type *type = &schema->types[i];
        status = number_name(types, type->name, type->workspace_scoped, type->register_level);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* Only if the next numbers do not suffice: a number that is given out again tells less in backups
 * and old logs. */
static enum sp_status number_names_again(const struct sp_schema *schema, const Sallyport__Store__V1__StoredSchema *old,
                                         const struct sp_permission_set *listed, struct numbering *permissions,
                                         struct numbering *types) {
    Sallyport__Store__V1__StoredSchema kept;
    enum sp_status status = drop_unlisted_names(schema, old, listed, permissions->arena, &kept);
    if (status != SP_OK)
        return status;
    permissions->fill_gaps = true;
    return number_names(schema, &kept, permissions, types);
}

static enum sp_status check_numbers_left(const struct numbering *permissions, const struct numbering *types,
                                         struct sp_error *error) {
    if (permissions->next > SP_PERMISSIONS_MAX)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "all %d permission numbers are in use, some by removed names that keys still list: remove "
                            "those names from the keys first",
                            SP_PERMISSIONS_MAX);
    if (types->next > UINT16_MAX + 1)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "the store has given out all %d type numbers, including those of removed names",
                            UINT16_MAX);
    return SP_OK;
}

static enum sp_status make_stored_schema(struct sp_str yaml, const struct numbering *permissions,
                                         const struct numbering *types, struct sp_arena *arena,
                                         Sallyport__Store__V1__StoredSchema **ret_stored) {
    Sallyport__Store__V1__StoredSchema *stored = sp_arena_alloc(arena, sizeof(*stored));
    char *text = sp_arena_strdup(arena, yaml);
    if (stored == NULL || text == NULL)
        return SP_ERR_MEMORY;
    sallyport__store__v1__stored_schema__init(stored);
    stored->yaml = text;
    stored->permissions = permissions->names;
    stored->n_permissions = permissions->count;
    stored->types = types->names;
    stored->n_types = types->count;
    *ret_stored = stored;
    return SP_OK;
}

enum sp_status sp_schema_number_again(struct sp_str yaml, const Sallyport__Store__V1__StoredSchema *old,
                                      const struct sp_permission_set *listed, struct sp_arena *arena,
                                      Sallyport__Store__V1__StoredSchema **ret_stored, struct sp_error *error) {
    struct sp_schema schema;
    struct numbering permissions = {.arena = arena};
    struct numbering types = {.arena = arena};
    enum sp_status status = sp_schema_parse_stored(yaml, arena, &schema, error);
    if (status != SP_OK)
        return status;
    status = number_names(&schema, old, &permissions, &types);
    if (status == SP_OK && permissions.next > SP_PERMISSIONS_MAX && old != NULL && listed != NULL)
        status = number_names_again(&schema, old, listed, &permissions, &types);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory while reading the schema");
    status = check_numbers_left(&permissions, &types, error);
    if (status != SP_OK)
        return status;
    status = make_stored_schema(yaml, &permissions, &types, arena, ret_stored);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory while reading the schema");
    return SP_OK;
}

enum sp_status sp_schema_number(struct sp_str yaml, const Sallyport__Store__V1__StoredSchema *old,
                                struct sp_arena *arena, Sallyport__Store__V1__StoredSchema **ret_stored,
                                struct sp_error *error) {
    return sp_schema_number_again(yaml, old, NULL, arena, ret_stored, error);
}
