#include "store/records/action_records.h"

#include <assert.h>

#include "base/text.h"
#include "core/schema.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/record.h"

typedef Sallyport__Store__V1__StoredSchema__Numbered numbered;

/* The number of a name that is in use. */
static bool find_name_number(numbered *const *names, size_t count, struct sp_str name, uint32_t *ret_number) {
    for (size_t i = 0; i < count; i++) {
        if (!names[i]->removed && sp_str_equal(sp_str_from(names[i]->name), name)) {
            *ret_number = names[i]->number;
            return true;
        }
    }
    return false;
}

/* The schema's permissions by their index, as numbers: actions name them by index. */
static enum sp_status number_permissions(struct sp_index_build *build, const struct sp_schema *schema,
                                         const Sallyport__Store__V1__StoredSchema *stored, uint8_t **ret_numbers) {
    uint8_t *numbers = sp_arena_calloc(build->arena, schema->permission_count, 1);
    if (numbers == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < schema->permission_count; i++) {
        struct sp_str name = schema->permissions[i].name;
        uint32_t number;
        if (!find_name_number(stored->permissions, stored->n_permissions, name, &number) ||
            number >= SP_PERMISSIONS_MAX)
            return sp_error_set(build->error, SP_ERR_INVALID, "the stored schema gives no number to permission %.*s",
                                SP_STR_ARG(name));
        numbers[i] = (uint8_t)number;
    }
    *ret_numbers = numbers;
    return SP_OK;
}

static enum sp_status add_action(struct sp_index_build *build, const struct sp_schema *schema,
                                 const struct sp_schema_type *type, uint32_t type_number,
                                 const struct sp_schema_action *action, const uint8_t *permission_numbers) {
    uint8_t key[SP_ID_MAX_BYTES + 1 + SP_ID_MAX_BYTES];
    if (type->name.size > SP_ID_MAX_BYTES || action->name.size > SP_ID_MAX_BYTES)
        return sp_error_set(build->error, SP_ERR_INVALID, "a name in the schema is longer than %d bytes",
                            SP_ID_MAX_BYTES);
    memcpy(key, type->name.data, type->name.size);
    key[type->name.size] = 0;
    memcpy(key + type->name.size + 1, action->name.data, action->name.size);
    struct sp_bytes key_bytes = {key, type->name.size + 1 + action->name.size};
    assert(!action->needs_permission || permission_numbers != NULL);
    struct sp_action value = {
        .found = true,
        .workspace_scoped = type->workspace_scoped,
        .needs_permission = action->needs_permission,
        .permission = action->needs_permission ? permission_numbers[action->permission] : 0,
        .claiming =
            action->needs_permission && sp_schema_permission_claims(schema->permissions[action->permission].name),
        .type_number = type_number,
        .role = action->role,
    };
    uint8_t record[SP_ACTION_RECORD_BYTES];
    sp_action_record_encode(key_bytes, &value, record);
    return sp_index_build_add(build, SP_DB_ACTION, key_bytes, (struct sp_bytes){record, sizeof(record)});
}

static enum sp_status add_type_actions(struct sp_index_build *build, const Sallyport__Store__V1__StoredSchema *stored,
                                       const struct sp_schema *schema, const struct sp_schema_type *type,
                                       const uint8_t *permission_numbers) {
    uint32_t number;
    if (!find_name_number(stored->types, stored->n_types, type->name, &number) || number == 0 || number > UINT16_MAX)
        return sp_error_set(build->error, SP_ERR_INVALID, "the stored schema gives no number to type %.*s",
                            SP_STR_ARG(type->name));
    for (size_t i = 0; i < type->action_count; i++) {
        enum sp_status status = add_action(build, schema, type, number, &type->actions[i], permission_numbers);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_mark(struct sp_index_build *build, struct sp_str yaml) {
    uint8_t record[SP_SCHEMA_MARK_RECORD_BYTES];
    sp_schema_mark_record_encode(yaml, record);
    return sp_index_build_add(build, SP_DB_ACTION, SP_SCHEMA_MARK_KEY, (struct sp_bytes){record, sizeof(record)});
}

enum sp_status sp_derive_schema(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredSchema *stored = (const Sallyport__Store__V1__StoredSchema *)message;
    struct sp_schema schema;
    uint8_t *permission_numbers = NULL;
    enum sp_status status = sp_schema_parse_stored(sp_str_from(stored->yaml), build->arena, &schema, build->error);
    if (status != SP_OK)
        return status;
    status = number_permissions(build, &schema, stored, &permission_numbers);
    if (status != SP_OK)
        return status;
    status = add_mark(build, sp_str_from(stored->yaml));
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < schema.type_count; i++) {
        status = add_type_actions(build, stored, &schema, &schema.types[i], permission_numbers);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
