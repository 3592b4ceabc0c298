/* Works on any method by its messages' descriptors. */
#include "admin/idempotency.h"

#include "admin/method_row.h"
#include "admin/new_text.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/request.h"
#include "store/records/store_time.h"
#include "wire/wire.h"

enum { KEPT_S = 24 * 60 * 60, REQUEST_ID_MAX_BYTES = 64 };

static const ProtobufCFieldDescriptor *find_single_field(const ProtobufCMessage *message, const char *name,
                                                         ProtobufCType type) {
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    bool fits = field != NULL && field->type == type && field->label != PROTOBUF_C_LABEL_REPEATED;
    return fits ? field : NULL;
}

static const char *read_text_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    const char *text = NULL;
    memcpy(&text, (const char *)message + field->offset, sizeof(text));
    return text == NULL ? "" : text;
}

static void clear_text_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    const char *empty = protobuf_c_empty_string;
    memcpy((char *)message + field->offset, &empty, sizeof(empty));
}

const char *sp_admin_request_id(const ProtobufCMessage *request) {
    const ProtobufCFieldDescriptor *field = find_single_field(request, "request_id", PROTOBUF_C_TYPE_STRING);
    return field == NULL ? "" : read_text_field(request, field);
}

static enum sp_status check_request_id(struct sp_admin_context *ctx, const char *request_id) {
    size_t size = strlen(request_id);
    if (size > REQUEST_ID_MAX_BYTES)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "request_id: at most %d bytes", REQUEST_ID_MAX_BYTES);
    for (size_t i = 0; i < size; i++)
        if (request_id[i] < ' ' || request_id[i] > '~')
            return sp_error_set(ctx->error, SP_ERR_INVALID, "request_id: printable ASCII only");
    return sp_admin_refuse_key_text(sp_str_from(request_id), "request_id", ctx->error);
}

/* If what a call may do, or what it is about ("self"), depends on the key and not only on the
 * principal, a replay is for that key alone. */
static struct sp_str choose_replaying_key(const struct sp_admin_context *ctx) {
    enum sp_admin_access access = ctx->method->access;
    bool by_key = access == SP_ACCESS_SHARE || access == SP_ACCESS_ROTATE || access == SP_ACCESS_ANY_KEY ||
                  access == SP_ACCESS_RESOURCE || (access == SP_ACCESS_CREATE_KEY && !ctx->is_admin);
    return by_key && !ctx->is_operator ? ctx->key.id : (struct sp_str){0};
}

/* None of the parts can hold the NUL that ends each. */
static enum sp_status name_request_record(struct sp_admin_context *ctx, const char *request_id,
                                          uint8_t ret_id[static 32]) {
    struct sp_str actor = ctx->is_operator ? ctx->operator_name : ctx->key.principal;
    char kind = ctx->is_operator ? 'o' : 'p';
    struct sp_str key = choose_replaying_key(ctx);
    char *text = sp_arena_printf(ctx->arena, "%.*s%c%c%.*s%c%s%c%s%c%.*s", SP_STR_ARG(ctx->workspace), '\0', kind,
                                 SP_STR_ARG(actor), '\0', ctx->method->name, '\0', request_id, '\0', SP_STR_ARG(key));
    if (text == NULL)
        return SP_ERR_MEMORY;
    size_t size = ctx->workspace.size + 1 + 1 + actor.size + 1 + strlen(ctx->method->name) + 1 + strlen(request_id) +
                  1 + key.size;
    sp_sha256(text, size, ret_id);
    return SP_OK;
}

static enum sp_status hash_request(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                   uint8_t ret_hash[static 32]) {
    const ProtobufCFieldDescriptor *field = find_single_field(request, "request_id", PROTOBUF_C_TYPE_STRING);
    ProtobufCMessage *copy = sp_arena_alloc(ctx->arena, request->descriptor->sizeof_message);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, request, request->descriptor->sizeof_message);
    if (field != NULL)
        clear_text_field(copy, field);
    struct sp_bytes bytes = {0};
    enum sp_status status = sp_wire_pack(copy, ctx->arena, &bytes);
    if (status != SP_OK)
        return status;
    sp_sha256(bytes.data, bytes.size, ret_hash);
    return SP_OK;
}

enum sp_status sp_admin_replay_open(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                    struct sp_admin_replay *ret_replay) {
    const char *request_id = sp_admin_request_id(request);
    struct sp_admin_replay replay = {.wanted = request_id[0] != '\0'};
    if (!replay.wanted) {
        *ret_replay = replay;
        return SP_OK;
    }
    enum sp_status status = check_request_id(ctx, request_id);
    if (status != SP_OK)
        return status;
    status = name_request_record(ctx, request_id, replay.id);
    if (status != SP_OK)
        return status;
    status = hash_request(ctx, request, replay.hash);
    if (status != SP_OK)
        return status;
    *ret_replay = replay;
    return SP_OK;
}

enum sp_status sp_admin_replay_find(struct sp_admin_context *ctx, const struct sp_admin_replay *replay,
                                    ProtobufCMessage **ret_reply) {
    const ProtobufCMethodDescriptor *rpc =
        protobuf_c_service_descriptor_get_method_by_name(&sallyport__v1__admin__descriptor, ctx->method->name);
    if (!replay->wanted)
        return SP_ERR_NOT_FOUND;
    Sallyport__Store__V1__StoredRequest *earlier = NULL;
    int64_t time_s;
    enum sp_status status = sp_view_store_time(ctx->view, ctx->caller->now_s, &time_s);
    if (status != SP_OK)
        return status;
    status = sp_request_get(ctx->view, replay->id, time_s, ctx->arena, &earlier);
    if (status != SP_OK)
        return status;
    if (!sp_bytes_equal(sp_wire_bytes(earlier->request_hash), (struct sp_bytes){replay->hash, sizeof(replay->hash)}))
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "request_id: already used for a different %s within 24 hours: choose a new one",
                            ctx->method->name);
    if (rpc == NULL)
        return SP_ERR_INTERNAL;
    return sp_wire_unpack_trusted(rpc->output, sp_wire_bytes(earlier->reply), ctx->arena, ret_reply);
}

/* The reply as a replay gets it. NULL when out of memory. */
static ProtobufCMessage *copy_without_secret(struct sp_admin_context *ctx, const ProtobufCMessage *reply) {
    ProtobufCMessage *copy = sp_arena_alloc(ctx->arena, reply->descriptor->sizeof_message);
    if (copy == NULL)
        return NULL;
    memcpy(copy, reply, reply->descriptor->sizeof_message);
    const ProtobufCFieldDescriptor *secret = find_single_field(reply, "secret", PROTOBUF_C_TYPE_STRING);
    const ProtobufCFieldDescriptor *issued = find_single_field(reply, "secret_already_issued", PROTOBUF_C_TYPE_BOOL);
    if (secret == NULL || read_text_field(reply, secret)[0] == '\0')
        return copy;
    clear_text_field(copy, secret);
    protobuf_c_boolean yes = 1;
    if (issued != NULL)
        memcpy((char *)copy + issued->offset, &yes, sizeof(yes));
    return copy;
}

enum sp_status sp_admin_replay_keep(struct sp_admin_context *ctx, const struct sp_admin_replay *replay,
                                    const ProtobufCMessage *reply) {
    if (!replay->wanted)
        return SP_OK;
    uint8_t hash[SP_DIGEST_BYTES];
    memcpy(hash, replay->hash, sizeof(hash));
    struct sp_bytes bytes = {0};
    const ProtobufCMessage *kept = copy_without_secret(ctx, reply);
    if (kept == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_wire_pack(kept, ctx->arena, &bytes);
    if (status != SP_OK)
        return status;
    Sallyport__Store__V1__StoredRequest stored = SALLYPORT__STORE__V1__STORED_REQUEST__INIT;
    stored.request_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    stored.reply = sp_wire_field(bytes);
    stored.expires_at = ctx->now_s + KEPT_S;
    return sp_request_put(ctx->write, replay->id, &stored);
}
