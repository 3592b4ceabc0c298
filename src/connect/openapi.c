#include "connect/openapi.h"

#include <stdio.h>
#include <string.h>

#include "connect/failure.h"
#include "wire/json_write.h"

#define SCHEMAS "#/components/schemas/"

enum { REF_BYTES = 256 };

/* Sets a member that was just made. False if either is NULL. */
static bool put_openapi_member(json_t *object, const char *name, json_t *value) {
    return value != NULL && json_object_set_new(object, name, value) == 0;
}

static json_t *refer_to_schema(const char *name) {
    char ref[REF_BYTES];
    (void)snprintf(ref, sizeof(ref), SCHEMAS "%s", name);
    return json_pack("{s:s}", "$ref", ref);
}

/* ---- schemas ---- */

static json_t *describe_enum(const ProtobufCEnumDescriptor *descriptor) {
    json_t *names = json_array();
    for (unsigned i = 0; i < descriptor->n_values && names != NULL; i++)
        if (json_array_append_new(names, json_string(descriptor->values[i].name)) != 0) {
            json_decref(names);
            return NULL;
        }
    return json_pack("{s:s, s:o}", "type", "string", "enum", names);
}

static bool add_message_schema(json_t *schemas, const ProtobufCMessageDescriptor *descriptor, bool is_strict);

static json_t *refer_to_enum(json_t *schemas, const ProtobufCEnumDescriptor *descriptor) {
    if (json_object_get(schemas, descriptor->name) == NULL &&
        !put_openapi_member(schemas, descriptor->name, describe_enum(descriptor)))
        return NULL;
    return refer_to_schema(descriptor->name);
}

static json_t *refer_to_message(json_t *schemas, const ProtobufCMessageDescriptor *descriptor, bool is_strict) {
    return add_message_schema(schemas, descriptor, is_strict) ? refer_to_schema(descriptor->name) : NULL;
}

/* One value of the field's type. */
static json_t *describe_value(json_t *schemas, const ProtobufCFieldDescriptor *field, bool is_strict) {
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case PROTOBUF_C_TYPE_STRING:
        return json_pack("{s:s}", "type", "string");
    case PROTOBUF_C_TYPE_BYTES:
        return json_pack("{s:s, s:s}", "type", "string", "contentEncoding", "base64");
    case PROTOBUF_C_TYPE_ENUM:
        return refer_to_enum(schemas, field->descriptor);
    case PROTOBUF_C_TYPE_MESSAGE:
        return refer_to_message(schemas, field->descriptor, is_strict);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", INT32_MIN, "maximum", INT32_MAX);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0, "maximum", (json_int_t)UINT32_MAX);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_pack("{s:[s, s]}", "type", "number", "string");
    default: /* 64 bits: strings in replies, and either in requests */
        return json_pack("{s:[s, s]}", "type", "integer", "string");
    }
}

static json_t *describe_field(json_t *schemas, const ProtobufCFieldDescriptor *field, bool is_strict) {
    json_t *value = describe_value(schemas, field, is_strict);
    if (value == NULL || field->label != PROTOBUF_C_LABEL_REPEATED)
        return value;
    return json_pack("{s:s, s:o}", "type", "array", "items", value);
}

/* Its own first, because it may be within itself. */
static bool add_message_schema(json_t *schemas, const ProtobufCMessageDescriptor *descriptor, bool is_strict) {
    char name[SP_JSON_NAME_BYTES];
    if (json_object_get(schemas, descriptor->name) != NULL)
        return true;
    json_t *properties = json_object();
    json_t *schema = json_pack("{s:s, s:O}", "type", "object", "properties", properties);
    json_decref(properties); /* the schema has it */
    if (schema == NULL || (is_strict && !put_openapi_member(schema, "additionalProperties", json_false())) ||
        json_object_set(schemas, descriptor->name, schema) != 0) {
        json_decref(schema);
        return false;
    }
    json_decref(schema);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        sp_json_name(descriptor->fields[i].name, name);
        if (!put_openapi_member(properties, name, describe_field(schemas, &descriptor->fields[i], is_strict)))
            return false;
    }
    return true;
}

static json_t *describe_failure(void) {
    json_t *codes = json_array();
    for (int code = 1; code <= 16 && codes != NULL; code++)
        (void)json_array_append_new(codes, json_string(sp_connect_code_of_grpc(code)));
    return json_pack("{s:s, s:[s], s:{s:{s:s, s:o}, s:{s:s}}}", "type", "object", "required", "code", "properties",
                     "code", "type", "string", "enum", codes, "message", "type", "string");
}

/* ---- methods ---- */

/* "/sallyport.v1.Admin/GetGroup": tag "sallyport.v1.Admin", operation "GetGroup". */
static json_t *describe_method(const struct connect_method *method) {
    const char *service = method->rpc.path + 1;
    size_t size = strcspn(service, "/");
    return json_pack("{s:{s:[s#], s:s, s:{s:b, s:{s:{s:o}}}, s:{s:{s:s, s:{s:{s:o}}}, s:{s:s, s:{s:{s:o}}}}}}", "post",
                     "tags", service, (int)size, "operationId", service + size + 1, "requestBody", "required", 1,
                     "content", "application/json", "schema", refer_to_schema(method->request->name), "responses",
                     "200", "description", "The reply.", "content", "application/json", "schema",
                     refer_to_schema(method->reply->name), "default", "description", "An error.", "content",
                     "application/json", "schema", refer_to_schema("connect.Error"));
}

static bool add_operations(json_t *document, json_t *schemas, const struct connect_method *methods, size_t count) {
    json_t *paths = json_object_get(document, "paths");
    /* What comes in requests is strict, in replies too. */
    for (size_t i = 0; i < count; i++)
        if (methods[i].rpc.kind == SP_RPC_UNARY && !add_message_schema(schemas, methods[i].request, true))
            return false;
    for (size_t i = 0; i < count; i++)
        if (methods[i].rpc.kind == SP_RPC_UNARY &&
            (!add_message_schema(schemas, methods[i].reply, false) ||
             !put_openapi_member(paths, methods[i].rpc.path, describe_method(&methods[i]))))
            return false;
    return put_openapi_member(schemas, "connect.Error", describe_failure());
}

json_t *sp_connect_openapi(const struct connect_method *methods, size_t count) {
    json_t *document = json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:[{s:[]}, {s:[]}, {}], s:{}, s:{s:{}, "
                                 "s:{s:{s:s, s:s}, s:{s:s, s:s, s:s}}}}",
                                 "openapi", "3.1.0", "info", "title", "Sallyport", "version", "v1", "description",
                                 "The unary methods, by the Connect protocol. Field names may also be spelled as in "
                                 "the .proto files, enums given "
                                 "by number, and times as RFC 3339.",
                                 "servers", "url", "/", "security", "bearer", "key", "paths", "components", "schemas",
                                 "securitySchemes", "bearer", "type", "http", "scheme", "bearer", "key", "type",
                                 "apiKey", "in", "header", "name", "X-API-Key");
    if (document == NULL)
        return NULL;
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    if (!add_operations(document, schemas, methods, count)) {
        json_decref(document);
        return NULL;
    }
    return document;
}
