#include "cli/connection.h"

#include <string.h>

#include "base/clock.h"
#include "cli/address.h"
#include "cli/secret_file.h"
#include "sallyport/v1/admin.pb-c.h"
#include "wire/json_read.h"
#include "wire/json_write.h"
#include "wire/wire.h"

enum { ARENA_FIRST = 64 * 1024, ARENA_BUDGET = 256 * 1024 * 1024, TRIES = 3 };

/* Connections over Unix sockets are never TLS. */
static enum sp_status open_client_to(const struct cli_call *call, const char *target, struct sp_str key,
                                     struct sp_rpc_client **ret_client, struct sp_error *error) {
    struct sp_rpc_client_options options = {
        .target = target, .key = key, .timeout_ms = call->timeout_ms, .max_receive_bytes = (size_t)64 << 20};
    if (strncmp(target, "unix:", 5) != 0)
        options.tls = call->tls;
    if (options.tls.ca == NULL && (options.tls.certificate != NULL || options.tls.key != NULL))
        return sp_error_set(error, SP_ERR_INVALID,
                            "a client certificate needs the CA of the server's: give it with --tls-ca FILE, "
                            "SALLYPORT_TLS_CA or tls_ca of the profile");
    if ((options.tls.certificate == NULL) != (options.tls.key == NULL))
        return sp_error_set(error, SP_ERR_INVALID, "--tls-cert and --tls-key belong together: give %s, too",
                            options.tls.certificate == NULL ? "--tls-cert FILE" : "--tls-key FILE");
    return sp_rpc_client_open(&options, ret_client, error);
}

static const struct cli_service admin_service = {"sallyport-sync", SP_CLI_ADMIN_PORT, "--admin, SALLYPORT_ADMIN"},
                                server_service = {"sallyportd", SP_CLI_SERVER_PORT, "--server, SALLYPORT_SERVER"};

static enum sp_status note_asked(struct cli_call *call, const struct cli_service *service, const char *target,
                                 struct sp_error *error) {
    struct cli_address address;
    call->asked = service;
    call->asked_target = target;
    return sp_cli_read_address(target, service->set_by, service->port, &address, error);
}

enum sp_status sp_cli_open_server(struct cli_call *call, struct sp_rpc_client **ret_client, struct sp_error *error) {
    enum sp_status status = note_asked(call, &server_service, call->server_target, error);
    if (status != SP_OK)
        return status;
    return open_client_to(call, call->server_target, (struct sp_str){0}, ret_client, error);
}

enum sp_status sp_cli_open_admin(struct cli_call *call, struct sp_rpc_client **ret_client, struct sp_error *error) {
    enum sp_status status = note_asked(call, &admin_service, call->admin_target, error);
    if (status != SP_OK)
        return status;
    if (call->key_file == NULL)
        return sp_error_set(error, SP_ERR_UNAUTHENTICATED,
                            "no key to act with; set SALLYPORT_KEY_FILE, or key_file in a profile, to a file that "
                            "holds one (see sallyport --help)");
    struct sp_arena arena;
    struct sp_str key = {0};
    if (sp_arena_init(&arena, 4096, 8192) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    status = sp_cli_read_key_file(call->key_file, &arena, &key, error);
    if (status != SP_OK)
        goto out;
    status = open_client_to(call, call->admin_target, key, ret_client, error);
out:
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}

/* "Admin/WhoAmI" */
static const ProtobufCMethodDescriptor *find_service_method(const char *method) {
    const char *slash = strchr(method, '/');
    const ProtobufCServiceDescriptor *service = strncmp(method, "Admin/", 6) == 0
                                                    ? &sallyport__v1__admin__descriptor
                                                    : &sallyport__v1__authorization__descriptor;
    return slash == NULL ? NULL : protobuf_c_service_descriptor_get_method_by_name(service, slash + 1);
}

static enum sp_status pack_json_request(const char *method, const json_t *request, struct sp_arena *arena,
                                        struct sp_bytes *ret_bytes, struct sp_error *error) {
    const ProtobufCMethodDescriptor *found = find_service_method(method);
    if (found == NULL)
        return sp_error_set(error, SP_ERR_INTERNAL, "unknown method %s", method);
    ProtobufCMessage *message;
    enum sp_status status = sp_json_to_message(found->input, request, arena, &message, error);
    if (status != SP_OK)
        return status;
    return sp_wire_pack(message, arena, ret_bytes);
}

enum sp_status sp_cli_unpack_json(const char *method, struct sp_bytes bytes, struct sp_arena *arena, json_t **ret_json,
                                  struct sp_error *error) {
    const ProtobufCMethodDescriptor *found = find_service_method(method);
    if (found == NULL)
        return sp_error_set(error, SP_ERR_INTERNAL, "unknown method %s", method);
    ProtobufCMessage *message;
    enum sp_status status = sp_wire_unpack(found->output, bytes, arena, &message, error);
    if (status != SP_OK)
        return status;
    json_t *json = sp_json_from_message(message, true);
    if (json == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    *ret_json = json;
    return SP_OK;
}

/* What the first try says counts: the later ones were refused before they changed anything, and do
 * not know that it may have made the change. */
static enum sp_status report_unavailable(const struct sp_error *first, const char *request_id, struct sp_error *error) {
    if (strstr(first->message, "request_id") == NULL)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "%s", first->message);
    return sp_error_set(error, SP_ERR_UNAVAILABLE, "%s (--request-id %s)", first->message, request_id);
}

/* `request_id` NULL: once. */
static enum sp_status call_until_available(struct sp_rpc_client *client, const char *method, struct sp_bytes packed,
                                           const char *request_id, struct sp_arena *arena, struct sp_bytes *ret_reply,
                                           struct sp_error *error) {
    char path[128];
    struct sp_error first;
    (void)snprintf(path, sizeof(path), "/sallyport.v1.%s", method);
    for (unsigned tries = 1;; tries++) {
        enum sp_status status = sp_rpc_client_call(client, path, packed, arena, ret_reply, error);
        if (status != SP_ERR_UNAVAILABLE || request_id == NULL)
            return status;
        if (tries == 1)
            first = *error;
        if (tries == TRIES)
            return report_unavailable(&first, request_id, error);
        sp_clock_sleep_ms(200);
    }
}

enum sp_status sp_cli_call_json(struct sp_rpc_client *client, const char *method, const json_t *request,
                                json_t **ret_reply, struct sp_error *error) {
    struct sp_arena arena;
    struct sp_bytes packed, reply;
    if (sp_arena_init(&arena, ARENA_FIRST, ARENA_BUDGET) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    const char *request_id = json_string_value(json_object_get(request, "requestId"));
    enum sp_status status = pack_json_request(method, request, &arena, &packed, error);
    if (status != SP_OK)
        goto out;
    status = call_until_available(client, method, packed, request_id, &arena, &reply, error);
    if (status != SP_OK)
        goto out;
    status = sp_cli_unpack_json(method, reply, &arena, ret_reply, error);
out:
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_cli_call_once(struct cli_call *call, const char *method, const json_t *request, json_t **ret_reply,
                                struct sp_error *error) {
    struct sp_rpc_client *client = NULL;
    bool admin = strncmp(method, "Admin/", 6) == 0;
    enum sp_status status = admin ? sp_cli_open_admin(call, &client, error) : sp_cli_open_server(call, &client, error);
    if (status != SP_OK)
        return status;
    status = sp_cli_call_json(client, method, request, ret_reply, error);
    sp_rpc_client_close(client);
    return status;
}

enum sp_status sp_cli_open_stream(struct sp_rpc_client *client, const char *method, const json_t *request,
                                  struct sp_rpc_stream **ret_stream, struct sp_error *error) {
    char path[128];
    struct sp_arena arena;
    struct sp_bytes packed;
    struct sp_rpc_stream *stream = NULL;
    if (sp_arena_init(&arena, ARENA_FIRST, ARENA_BUDGET) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    (void)snprintf(path, sizeof(path), "/sallyport.v1.%s", method);
    enum sp_status status = pack_json_request(method, request, &arena, &packed, error);
    if (status != SP_OK)
        goto out;
    status = sp_rpc_stream_open(client, path, &stream, error);
    if (status != SP_OK)
        goto out;
    status = sp_rpc_stream_send(stream, packed, error);
    if (status != SP_OK)
        goto out;
    status = sp_rpc_stream_done_sending(stream, error);
    if (status != SP_OK)
        goto out;
    *ret_stream = stream;
    stream = NULL;
out:
    sp_rpc_stream_close(stream);
    sp_arena_wipe(&arena); /* the request may hold a key */
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_cli_receive(const struct cli_call *call, struct sp_rpc_stream *stream, struct sp_arena *arena,
                              struct sp_bytes *ret_bytes, struct sp_error *error) {
    enum sp_status status = sp_rpc_stream_receive_within(stream, call->timeout_ms, arena, ret_bytes, error);
    if (status == SP_ERR_DEADLINE)
        return sp_error_set(error, status, "deadline exceeded");
    return status;
}
