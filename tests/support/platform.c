#include "support/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sallyport/v1/authorization.pb-c.h"
#include "support/evidence.h"
#include "wire/wire.h"

enum { MAX_KEYS = 512 };

/* A client is bound to a key, so each key that acts in a test has its own. */
struct key_client {
    char key[96];
    struct sp_rpc_client *client;
};

static struct key_client clients[MAX_KEYS];
static size_t client_count;

static struct sp_rpc_client *open_client(const char *target, const char *key) {
    struct sp_rpc_client *client;
    struct sp_error error = {0};
    struct sp_rpc_client_options options = {
        .target = target, .key = sp_str_from(key), .timeout_ms = 30000, .max_receive_bytes = 64U << 20};
    if (sp_rpc_client_open(&options, &client, &error) != SP_OK)
        fail_msg("%s", error.message);
    return client;
}

/* A message packed, called, and the reply unpacked into the platform's arena. */
static enum sp_status call(struct platform *platform, struct sp_rpc_client *client, const char *path,
                           const void *request, const ProtobufCMessageDescriptor *reply, void *ret_reply,
                           struct sp_error *ret_error) {
    struct sp_bytes packed, received;
    enum sp_status status = sp_wire_pack(request, &platform->arena, &packed);
    if (status == SP_OK)
        status = sp_rpc_client_call(client, path, packed, &platform->arena, &received, ret_error);
    ProtobufCMessage *message;
    if (status == SP_OK)
        status = sp_wire_unpack(reply, received, &platform->arena, &message, ret_error);
    if (status == SP_OK)
        *(ProtobufCMessage **)ret_reply = message;
    return status;
}

void platform_start(struct platform *platform, const char *schema_yaml) {
    memset(platform, 0, sizeof(*platform));
    assert_int_equal(sp_arena_init(&platform->arena, 64 * 1024, (size_t)1 << 30), SP_OK);
    sp_rpc_global_init();
    programs_start_with(&platform->programs, schema_yaml);
    platform->check_client = open_client(platform->programs.server_target, "");
}

void platform_stop(struct platform *platform) {
    for (size_t i = 0; i < client_count; i++)
        sp_rpc_client_close(clients[i].client);
    client_count = 0;
    sp_rpc_client_close(platform->check_client);
    programs_stop(&platform->programs);
    sp_rpc_global_fini();
    sp_arena_fini(&platform->arena);
}

static struct sp_rpc_client *client_of(struct platform *platform, const char *key) {
    for (size_t i = 0; i < client_count; i++) {
        if (strcmp(clients[i].key, key) == 0)
            return clients[i].client;
    }
    assert_true(client_count < MAX_KEYS);
    struct key_client *made = &clients[client_count++];
    snprintf(made->key, sizeof(made->key), "%s", key);
    made->client = open_client(platform->programs.sync_target, key);
    return made->client;
}

enum sp_status platform_admin_call(struct platform *platform, const char *key, const char *method, const void *request,
                                   void *ret_reply, struct sp_error *ret_error) {
    const ProtobufCMethodDescriptor *found =
        protobuf_c_service_descriptor_get_method_by_name(&sallyport__v1__admin__descriptor, method);
    assert_non_null(found);
    assert_ptr_equal(found->input, ((const ProtobufCMessage *)request)->descriptor);
    char path[96];
    snprintf(path, sizeof(path), "/sallyport.v1.Admin/%s", method);
    evidence_key(key);
    return call(platform, client_of(platform, key), path, request, found->output, ret_reply, ret_error);
}

Sallyport__V1__ImportResponse *platform_import(struct platform *platform, Sallyport__V1__ImportRecord **records,
                                               size_t count) {
    Sallyport__V1__ImportRequest request = SALLYPORT__V1__IMPORT_REQUEST__INIT;
    request.records = records;
    request.n_records = count;
    struct sp_bytes packed, received;
    struct sp_rpc_stream *stream;
    struct sp_error error = {0};
    ProtobufCMessage *response = NULL;
    assert_int_equal(sp_wire_pack(&request.base, &platform->arena, &packed), SP_OK);
    struct sp_rpc_client *client = client_of(platform, platform->programs.operator_key);
    enum sp_status status = sp_rpc_stream_open(client, "/sallyport.v1.Admin/Import", &stream, &error);
    assert_int_equal(status, SP_OK);
    if (sp_rpc_stream_send(stream, packed, &error) != SP_OK || sp_rpc_stream_done_sending(stream, &error) != SP_OK ||
        sp_rpc_stream_receive(stream, &platform->arena, &received, &error) != SP_OK ||
        sp_wire_unpack(&sallyport__v1__import_response__descriptor, received, &platform->arena, &response, &error) !=
            SP_OK)
        fail_msg("import: %s", error.message);
    struct sp_bytes none;
    assert_int_equal(sp_rpc_stream_receive(stream, &platform->arena, &none, &error), SP_STREAM_END);
    sp_rpc_stream_close(stream);
    return (Sallyport__V1__ImportResponse *)response;
}

/* protobuf-c's messages hold plain pointers; nothing here writes through them. */
static char *unconst(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text};
    return cast.out;
}

Sallyport__V1__CheckResponse *platform_check(struct platform *platform, const char *key, const char *ip,
                                             const char *type, const char *resource, const char *action,
                                             const char *workspace) {
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = unconst(type);
    ref.id = unconst(resource);
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = unconst(key);
    evidence_key(key);
    request.ip = unconst(ip);
    request.resource = &ref;
    request.action = unconst(action);
    request.workspace = unconst(workspace);
    Sallyport__V1__CheckResponse *reply = NULL;
    struct sp_error error = {0};
    if (call(platform, platform->check_client, "/sallyport.v1.Authorization/Check", &request,
             &sallyport__v1__check_response__descriptor, &reply, &error) != SP_OK)
        fail_msg("Check: %s: %s", sp_status_name(error.status), error.message);
    return reply;
}

Sallyport__V1__Permissions *platform_permissions(struct platform *platform, bool all, char (*names)[72], size_t count) {
    Sallyport__V1__Permissions *made = sp_arena_calloc(&platform->arena, 1, sizeof(*made));
    assert_non_null(made);
    sallyport__v1__permissions__init(made);
    made->all = all;
    made->names = platform_texts(platform, names, sizeof(*names), all ? 0 : count);
    made->n_names = all ? 0 : count;
    return made;
}

char **platform_texts(struct platform *platform, const void *table, size_t width, size_t count) {
    char **texts = sp_arena_calloc(&platform->arena, count + 1, sizeof(*texts));
    assert_non_null(texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = sp_arena_strdup(&platform->arena, sp_str_from((const char *)table + i * width));
        assert_non_null(texts[i]);
    }
    return texts;
}
