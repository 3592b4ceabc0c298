#include "support/caller.h"

#include <stdio.h>
#include <stdlib.h>

#include "grpc/health/v1/health.pb-c.h"
#include "sallyport/v1/admin.pb-c.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "sallyport/v1/usage.pb-c.h"
#include "support/evidence.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"
#include "wire/wire.h"

enum { ARENA_FIRST_BYTES = 16 * 1024, ARENA_BUDGET_BYTES = 256 * 1024 * 1024, METHOD_BYTES = 96 };

bool caller_open_limited(struct caller *caller, const char *target, const char *key, unsigned timeout_ms) {
    const struct sp_rpc_client_options options = {
        .target = target,
        .key = sp_str_from(key),
        .timeout_ms = timeout_ms,
    };
    *caller = (struct caller){0};
    evidence_key(key);
    if (sp_arena_init(&caller->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK)
        return false;
    return sp_rpc_client_open(&options, &caller->client, &caller->error) == SP_OK;
}

bool caller_open(struct caller *caller, const char *target, const char *key) {
    return caller_open_limited(caller, target, key, 0);
}

void caller_close(struct caller *caller) {
    if (caller->client == NULL)
        return;
    json_decref(caller->reply);
    sp_rpc_client_close(caller->client);
    sp_arena_fini(&caller->arena);
    *caller = (struct caller){0};
}

/* ---- methods ---- */

static const ProtobufCMethodDescriptor *find_method(const char *method, char *ret_path) {
    static const struct {
        const char *name;
        const ProtobufCServiceDescriptor *service;
    } services[] = {
        {"Admin", &sallyport__v1__admin__descriptor},
        {"Authorization", &sallyport__v1__authorization__descriptor},
        {"Usage", &sallyport__v1__usage__descriptor},
        {"grpc.health.v1.Health", &grpc__health__v1__health__descriptor},
    };
    const char *slash = strchr(method, '/');
    for (size_t i = 0; slash != NULL && i < sizeof(services) / sizeof(*services); i++) {
        if (strlen(services[i].name) != (size_t)(slash - method) ||
            strncmp(services[i].name, method, (size_t)(slash - method)) != 0)
            continue;
        snprintf(ret_path, METHOD_BYTES, "/%s%s", services[i].service->name, slash);
        return protobuf_c_service_descriptor_get_method_by_name(services[i].service, slash + 1);
    }
    return NULL;
}

static json_t *parse(const char *request) {
    char *text = strdup(request);
    json_t *json = NULL;
    struct sp_error error;
    if (text == NULL)
        return NULL;
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    if (sp_json_parse(sp_str_from(text), &json, &error) != SP_OK)
        json = NULL;
    free(text);
    return json;
}

static bool pack(struct caller *caller, const ProtobufCMessageDescriptor *descriptor, const char *request,
                 struct sp_bytes *ret_bytes) {
    ProtobufCMessage *message = NULL;
    json_t *json = parse(request);
    if (json == NULL) {
        sp_error_set(&caller->error, SP_ERR_INTERNAL, "the test's request is no JSON: %s", request);
        return false;
    }
    enum sp_status status = sp_json_to_message(descriptor, json, &caller->arena, &message, &caller->error);
    json_decref(json);
    return status == SP_OK && sp_wire_pack(message, &caller->arena, ret_bytes) == SP_OK;
}

bool caller_pack(struct caller *caller, const char *method, const char *request, struct sp_bytes *ret_bytes) {
    char path[METHOD_BYTES];
    const ProtobufCMethodDescriptor *about = find_method(method, path);
    return about != NULL && pack(caller, about->input, request, ret_bytes);
}

/* ---- calls ---- */

enum sp_status caller_raw(struct caller *caller, const char *path, struct sp_bytes request,
                          struct sp_bytes *ret_reply) {
    caller->error = (struct sp_error){0};
    return sp_rpc_client_call(caller->client, path, request, &caller->arena, ret_reply, &caller->error);
}

/* Keys in the fields of messages that are sent and received, and the texts of errors. */
static void keep_evidence(const struct caller *caller, const char *request) {
    evidence_keys_in(request);
    const char *secret = json_string_value(json_object_get(caller->reply, "secret"));
    if (secret != NULL)
        evidence_key(secret);
    if (caller->error.message[0] != '\0')
        evidence_said("an error", caller->error.message, strlen(caller->error.message));
}

enum sp_status caller_call(struct caller *caller, const char *method, const char *request) {
    char path[METHOD_BYTES];
    struct sp_bytes packed, received;
    ProtobufCMessage *message = NULL;
    if (caller->client == NULL) /* as after a test that failed while it restarted a pod */
        return sp_error_set(&caller->error, SP_ERR_INTERNAL, "the test's caller is not open");
    json_decref(caller->reply);
    caller->reply = NULL;
    caller->error = (struct sp_error){0};
    sp_arena_reset(&caller->arena);
    const ProtobufCMethodDescriptor *about = find_method(method, path);
    if (about == NULL)
        return sp_error_set(&caller->error, SP_ERR_INTERNAL, "the test knows no method %s", method);
    if (!pack(caller, about->input, request, &packed))
        return SP_ERR_INTERNAL;
    enum sp_status status = caller_raw(caller, path, packed, &received);
    if (status == SP_OK)
        status = sp_wire_unpack(about->output, received, &caller->arena, &message, &caller->error);
    if (status == SP_OK)
        caller->reply = sp_json_from_message(message, true);
    keep_evidence(caller, request);
    return status == SP_OK && caller->reply == NULL ? SP_ERR_INTERNAL : status;
}

enum sp_status caller_callf(struct caller *caller, const char *method, const char *format, ...) {
    char *request = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&request, format, arguments);
    va_end(arguments);
    if (size < 0)
        return SP_ERR_MEMORY;
    enum sp_status status = caller_call(caller, method, request);
    free(request);
    return status;
}

/* ---- replies ---- */

json_t *caller_at(const struct caller *caller, const char *path) {
    json_t *at = caller->reply;
    while (at != NULL && *path != '\0') {
        char part[64];
        size_t size = strcspn(path, ".");
        if (size >= sizeof(part))
            return NULL;
        memcpy(part, path, size);
        part[size] = '\0';
        at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10)) : json_object_get(at, part);
        path += size + (path[size] == '.' ? 1 : 0);
    }
    return at;
}

const char *caller_text(const struct caller *caller, const char *path) {
    const char *text = json_string_value(caller_at(caller, path));
    return text == NULL ? "" : text;
}

long long caller_number(const struct caller *caller, const char *path) {
    const json_t *at = caller_at(caller, path);
    if (json_is_string(at))
        return strtoll(json_string_value(at), NULL, 10);
    return json_is_integer(at) ? json_integer_value(at) : -1;
}
