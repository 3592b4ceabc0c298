#include "admin/aliases.h"

#include "core/principal_alias.h"
#include "wire/wire.h"

/* ---- requests ---- */

/* The messages whose field `id` names a principal that is there. */
static bool is_principals_id(const ProtobufCMessage *of, const ProtobufCMessage *request) {
    return of->descriptor == &sallyport__v1__get_principal_request__descriptor ||
           of->descriptor == &sallyport__v1__delete_principal_request__descriptor ||
           of->descriptor == &sallyport__v1__principal_ref__descriptor ||
           (of->descriptor == &sallyport__v1__principal__descriptor &&
            request->descriptor == &sallyport__v1__update_principal_request__descriptor);
}

static bool names_principal(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *of,
                            const ProtobufCMessage *request) {
    static const char *const names[] = {"principal", "principals", "creator"};
    if (field->type != PROTOBUF_C_TYPE_STRING)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(field->name, names[i]) == 0)
            return true;
    return strcmp(field->name, "id") == 0 && is_principals_id(of, request);
}

/* What is done with each text that names a principal; it may be replaced. */
typedef enum sp_status name_visitor(void *context, char **name);

struct name_walk {
    const ProtobufCMessage *request;
    name_visitor *visit;
    void *context;
};

static enum sp_status walk_names(const struct name_walk *walk, const ProtobufCMessage *message);

/* `values`: `count` pointers to texts or messages. */
static enum sp_status walk_alias_values(const struct name_walk *walk, const ProtobufCFieldDescriptor *field, bool named,
                                        char **values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = SP_OK;
        if (named)
            status = walk->visit(walk->context, &values[i]);
        else if (field->type == PROTOBUF_C_TYPE_MESSAGE && values[i] != NULL)
            status = walk_names(walk, (const ProtobufCMessage *)(const void *)values[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status walk_names(const struct name_walk *walk, const ProtobufCMessage *message) {
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message + field->offset;
        const char *quantifier = (const char *)message + field->quantifier_offset;
        bool named = names_principal(field, message, walk->request);
        char **values = (char **)(uintptr_t)at;
        size_t count = 1;
        uint32_t chosen = field->id;
        if (!named && field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            memcpy(&count, quantifier, sizeof(count));
            memcpy(&values, at, sizeof(values));
        } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            memcpy(&chosen, quantifier, sizeof(chosen));
        }
        enum sp_status status = chosen == field->id ? walk_alias_values(walk, field, named, values, count) : SP_OK;
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status look_for_alias(void *context, char **name) {
    char id[SP_PRINCIPAL_ID_MAX_BYTES];
    size_t size = 0;
    bool *found = context;
    *found = *found || sp_principal_alias_read(sp_str_from(*name), id, &size);
    return SP_OK;
}

static enum sp_status replace_alias(void *context, char **name) {
    struct sp_arena *arena = context;
    char id[SP_PRINCIPAL_ID_MAX_BYTES];
    size_t size = 0;
    if (!sp_principal_alias_read(sp_str_from(*name), id, &size))
        return SP_OK;
    *name = sp_arena_strdup(arena, (struct sp_str){id, size});
    return *name == NULL ? SP_ERR_MEMORY : SP_OK;
}

enum sp_status sp_admin_resolve_aliases(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                        const ProtobufCMessage **ret_request) {
    bool found = false;
    const struct name_walk look = {request, look_for_alias, &found};
    enum sp_status status = walk_names(&look, request);
    if (status != SP_OK)
        return status;
    if (!found) {
        *ret_request = request;
        return SP_OK;
    }
    ProtobufCMessage *copy = sp_wire_copy(request, ctx->arena);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    const struct name_walk replace = {copy, replace_alias, ctx->arena};
    status = walk_names(&replace, copy);
    if (status != SP_OK)
        return status;
    *ret_request = copy;
    return SP_OK;
}

/* ---- replies ---- */

static enum sp_status fill_alias(struct sp_admin_context *ctx, Sallyport__V1__Principal *principal) {
    char alias[SP_PRINCIPAL_ALIAS_BYTES];
    struct sp_str id = sp_str_from(principal->id);
    if (sp_principal_id_is_plain(id)) {
        principal->alias = principal->id;
        return SP_OK;
    }
    sp_principal_alias_write(id, alias);
    principal->alias = sp_arena_strdup(ctx->arena, sp_str_from(alias));
    return principal->alias == NULL ? SP_ERR_MEMORY : SP_OK;
}

static enum sp_status fill_aliases_of_field(struct sp_admin_context *ctx, ProtobufCMessage *reply,
                                            const ProtobufCFieldDescriptor *field) {
    char *at = (char *)reply + field->offset;
    Sallyport__V1__Principal **principals = (Sallyport__V1__Principal **)(void *)at;
    size_t count = 1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&count, (char *)reply + field->quantifier_offset, sizeof(count));
        memcpy(&principals, at, sizeof(principals));
    }
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = principals[i] == NULL ? SP_OK : fill_alias(ctx, principals[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_admin_fill_aliases(struct sp_admin_context *ctx, ProtobufCMessage *reply) {
    if (reply->descriptor == &sallyport__v1__principal__descriptor)
        return fill_alias(ctx, (Sallyport__V1__Principal *)(void *)reply);
    for (unsigned i = 0; i < reply->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &reply->descriptor->fields[i];
        if (field->descriptor != &sallyport__v1__principal__descriptor)
            continue;
        enum sp_status status = fill_aliases_of_field(ctx, reply, field);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
