/* The servers that report last uses of keys: listing them, and retiring one. */
#include <inttypes.h>

#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/page.h"
#include "base/text.h"
#include "store/records/entity_key.h"
#include "store/usage/reports.h"
#include "store/usage/usage.h"

static enum sp_status require_usage_store(struct sp_admin_context *ctx) {
    const struct sp_admin_usage *usage = ctx->caller->usage;
    if (usage != NULL && usage->store != NULL)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_UNAVAILABLE,
                        "this instance does not record key usage: if it should, see its log");
}

struct server_list {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListServersResponse *response;
    size_t size;
    struct sp_usage_source last; /* of this page; at first, of the page before */
    bool more;
};

/* A page's token: id 00 instance(8) of its last server. */
static enum sp_status make_server_token(struct sp_admin_context *ctx, const struct sp_usage_source *last,
                                        char **ret_token) {
    uint8_t bytes[sizeof(last->id) + sizeof(uint64_t)];
    size_t id_size = strlen(last->id) + 1;
    memcpy(bytes, last->id, id_size);
    sp_store_be64(bytes + id_size, last->instance);
    return sp_admin_token_encode(ctx, (struct sp_bytes){bytes, id_size + sizeof(uint64_t)}, ret_token);
}

/* An empty id for an empty token. */
static enum sp_status read_server_token(struct sp_admin_context *ctx, const char *token,
                                        struct sp_usage_source *ret_last) {
    struct sp_entity_key bytes;
    struct sp_usage_source last = {.instance = 0};
    enum sp_status status = sp_admin_token_decode(ctx, token, &bytes);
    if (status != SP_OK)
        return status;
    if (bytes.size > 0) {
        size_t id_size = bytes.size > sizeof(uint64_t) ? bytes.size - sizeof(uint64_t) : 0;
        const uint8_t *end = memchr(bytes.bytes, '\0', id_size);
        if (id_size < 2 || id_size > sizeof(last.id) || end != bytes.bytes + id_size - 1)
            return sp_admin_refuse_token(ctx);
        memcpy(last.id, bytes.bytes, id_size);
        last.instance = sp_load_be64(bytes.bytes + id_size);
    }
    *ret_last = last;
    return SP_OK;
}

static Sallyport__V1__ServerState judge_server(const struct sp_admin_context *ctx,
                                               const struct sp_usage_source *source) {
    if (source->ended)
        return SALLYPORT__V1__SERVER_STATE__SERVER_STATE_ENDED;
    int64_t late_s = ctx->now_s - ctx->caller->usage->grace_s;
    if (source->last_report_s < late_s)
        return SALLYPORT__V1__SERVER_STATE__SERVER_STATE_SILENT;
    return source->until_s < late_s ? SALLYPORT__V1__SERVER_STATE__SERVER_STATE_BEHIND
                                    : SALLYPORT__V1__SERVER_STATE__SERVER_STATE_REPORTING;
}

static Sallyport__V1__ReportingServer *describe_server(struct sp_admin_context *ctx,
                                                       const struct sp_usage_source *source) {
    Sallyport__V1__ReportingServer *server =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ReportingServer, sallyport__v1__reporting_server);
    if (server == NULL)
        return NULL;
    server->id = sp_arena_strdup(ctx->arena, sp_str_from(source->id));
    server->instance = sp_arena_printf(ctx->arena, "%016" PRIx64, source->instance);
    server->state = judge_server(ctx, source);
    server->first_reported_at = source->first_report_s;
    server->last_reported_at = source->last_report_s;
    server->known_until = source->until_s;
    server->lost_until = source->lost_until_s;
    return server->id != NULL && server->instance != NULL ? server : NULL;
}

/* Left out: servers that said goodbye and lost nothing, which are remembered for a while; and the
 * admin instance, unless it lost something. */
static bool is_shown_server(const struct sp_usage_source *source) {
    bool admin = strcmp(source->id, SP_USAGE_ADMIN_ID) == 0;
    return source->lost_until_s != 0 || (!admin && !source->ended);
}

static enum sp_status keep_server(void *context, const struct sp_usage_source *source) {
    struct server_list *list = context;
    if (!is_shown_server(source))
        return SP_OK;
    if (list->response->n_servers == list->size) {
        list->more = true;
        return SP_WALK_END;
    }
    Sallyport__V1__ReportingServer *server = describe_server(list->ctx, source);
    if (server == NULL)
        return SP_ERR_MEMORY;
    list->response->servers[list->response->n_servers++] = server;
    list->last = *source;
    return SP_OK;
}

static enum sp_status fill_server_list(struct server_list *list) {
    struct sp_usage_view *view = NULL;
    enum sp_status status = sp_usage_view_begin(list->ctx->caller->usage->store, &view);
    if (status != SP_OK)
        return status;
    const struct sp_usage_source before = list->last;
    status = sp_usage_view_sources(view, before.id[0] != '\0' ? &before : NULL, keep_server, list);
    sp_usage_view_end(view);
    if (status != SP_OK || !list->more)
        return status;
    return make_server_token(list->ctx, &list->last, &list->response->next_page_token);
}

enum sp_status sp_admin_list_servers(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListServersRequest *request = (const void *)message;
    struct server_list list = {
        .ctx = ctx,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListServersResponse, sallyport__v1__list_servers_response)};
    if (list.response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = require_usage_store(ctx);
    if (status != SP_OK)
        return status;
    status = sp_admin_page_size(ctx, request->page_size, &list.size);
    if (status != SP_OK)
        return status;
    status = read_server_token(ctx, request->page_token, &list.last);
    if (status != SP_OK)
        return status;
    list.response->servers = sp_arena_calloc(ctx->arena, list.size, sizeof(*list.response->servers));
    if (list.response->servers == NULL)
        return SP_ERR_MEMORY;
    status = fill_server_list(&list);
    if (status != SP_OK)
        return status;
    *ret_reply = &list.response->base;
    return SP_OK;
}

/* Waits for the disk, on the thread of the call: operators do it seldom. */
static enum sp_status retire_instances(struct sp_admin_context *ctx, const char *id, size_t *ret_count) {
    struct sp_usage_batch *batch = NULL;
    const struct sp_admin_usage *usage = ctx->caller->usage;
    enum sp_status status = sp_usage_batch_begin(usage->store, &batch, ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_usage_batch_retire(batch, sp_str_from(id), ctx->now_s - usage->grace_s, ret_count);
    if (status != SP_OK) {
        sp_usage_batch_abort(batch);
        return status;
    }
    return sp_usage_batch_commit(batch, ctx->error);
}

enum sp_status sp_admin_retire_server(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__RetireServerRequest *request = (const void *)message;
    size_t count = 0;
    Sallyport__V1__RetireServerResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__RetireServerResponse, sallyport__v1__retire_server_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = require_usage_store(ctx);
    if (status != SP_OK)
        return status;
    if (strcmp(request->id, SP_USAGE_ADMIN_ID) != 0) {
        status = sp_text_check_id(sp_str_from(request->id), "id", ctx->error);
        if (status != SP_OK)
            return status;
    }
    status = retire_instances(ctx, request->id, &count);
    if (status != SP_OK)
        return status;
    if (count == 0)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "server %s not found", request->id);
    ctx->caller->usage->retired(ctx->caller->usage->user, ctx->operator_name, request->id);
    response->retired = (uint32_t)count;
    *ret_reply = &response->base;
    return SP_OK;
}
