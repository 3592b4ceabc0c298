#include "server/authzen/authzen.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/authzen/admit.h"
#include "server/authzen/evaluate.h"
#include "server/authzen/search.h"
#include "store/records/snapshot.h"
#include "wire/json.h"

static const char media_type[] = "application/json";

static const struct {
    const char *path;
    const char *metadata;
    sp_authzen_endpoint *endpoint;
    enum sp_caller_role role;
} endpoints[] = {
    {"/access/v1/evaluation", "access_evaluation_endpoint", sp_authzen_evaluation, SP_CALLER_CHECK},
    {"/access/v1/evaluations", "access_evaluations_endpoint", sp_authzen_evaluations, SP_CALLER_CHECK},
    {"/access/v1/search/subject", "search_subject_endpoint", sp_authzen_search_subject, SP_CALLER_SUBJECTS},
    {"/access/v1/search/resource", "search_resource_endpoint", sp_authzen_search_resource, SP_CALLER_LIST},
    {"/access/v1/search/action", "search_action_endpoint", sp_authzen_search_action, SP_CALLER_LIST},
};
enum { ENDPOINTS = sizeof(endpoints) / sizeof(*endpoints) };
_Static_assert(ENDPOINTS + 1 == SP_AUTHZEN_ROUTES, "the endpoints and the metadata");

/* ---- replying ---- */

static void reply_json(struct sp_http_exchange *exchange, const json_t *json) {
    size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    char *text = size == 0 ? NULL : sp_arena_alloc(sp_http_arena(exchange), size);
    if (text == NULL || json_dumpb(json, text, size, JSON_COMPACT) != size)
        sp_http_fail(exchange, 503, "the reply needs more memory than a request may use");
    else
        sp_http_reply(exchange, 200, media_type, (struct sp_bytes){(const uint8_t *)text, size});
}

static unsigned http_status_of(enum sp_status status) {
    if (status == SP_ERR_INVALID)
        return 400;
    if (status == SP_ERR_UNAUTHENTICATED)
        return 401;
    if (status == SP_ERR_PERMISSION)
        return 403;
    if (status == SP_ERR_UNIMPLEMENTED)
        return 415;
    if (status == SP_ERR_UNAVAILABLE || status == SP_ERR_MEMORY || status == SP_ERR_EXHAUSTED)
        return 503;
    return 500;
}

/* ---- reading ---- */

/* "application/json", in any case, with or without parameters. */
static bool is_json(struct sp_str type) {
    size_t size = sizeof(media_type) - 1;
    return type.size >= size && strncasecmp(type.data, media_type, size) == 0 &&
           (type.size == size || type.data[size] == ';' || type.data[size] == ' ');
}

/* A small body may become a very large one when it is decompressed. */
static enum sp_status refuse_encoding(struct sp_http_exchange *exchange, struct sp_error *error) {
    size_t count = 0;
    struct sp_str encoding = sp_http_header(exchange, "content-encoding", &count);
    if (count == 0 || (count == 1 && encoding.size == 8 && strncasecmp(encoding.data, "identity", 8) == 0))
        return SP_OK;
    sp_http_add_header(exchange, "Accept-Encoding", SP_STR_LITERAL("identity"));
    return sp_error_set(error, SP_ERR_UNIMPLEMENTED,
                        "Content-Encoding: this server takes no compressed bodies: send the JSON as it is, without "
                        "Content-Encoding");
}

static enum sp_status read_body(struct sp_http_exchange *exchange, json_t **ret_body, struct sp_error *error) {
    size_t count = 0;
    struct sp_str type = sp_http_header(exchange, "content-type", &count);
    struct sp_bytes bytes = sp_http_body(exchange);
    struct sp_error why = {0};
    json_t *body = NULL;
    enum sp_status status = refuse_encoding(exchange, error);
    if (status != SP_OK)
        return status;
    if (count != 1 || !is_json(type))
        return sp_error_set(error, SP_ERR_INVALID, "Content-Type: must be application/json");
    if (bytes.size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "the body is empty: send a JSON object");
    status = sp_json_parse_with_nul((struct sp_str){(const char *)bytes.data, bytes.size}, &body, &why);
    if (status != SP_OK)
        return sp_error_set(error, status, "the body is not a JSON object: %s", why.message);
    if (!json_is_object(body)) {
        json_decref(body);
        return sp_error_set(error, SP_ERR_INVALID, "the body is not a JSON object");
    }
    *ret_body = body;
    return SP_OK;
}

/* ---- a request ---- */

/* Calls the endpoint while the snapshot is held. */
static enum sp_status call_endpoint(struct sp_authzen_call *call, sp_authzen_endpoint *endpoint, json_t **ret_reply,
                                    struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshots_acquire(&call->service->snapshots, SP_SERVER_HTTP_WORKER, &snapshot, error);
    if (status != SP_OK)
        return status;
    call->view = sp_snapshot_view(snapshot);
    status = endpoint(call, ret_reply, error);
    sp_snapshot_release(snapshot);
    return status;
}

static enum sp_status answer_request(struct sp_authzen_call *call, size_t which, json_t **ret_reply,
                                     struct sp_error *error) {
    enum sp_status status = sp_authzen_admit(call, endpoints[which].role, error);
    if (status != SP_OK)
        return status;
    status = read_body(call->exchange, &call->body, error);
    if (status != SP_OK)
        return status;
    return call_endpoint(call, endpoints[which].endpoint, ret_reply, error);
}

static void handle_endpoint(struct sp_http_exchange *exchange, struct sp_service *service, size_t which) {
    struct sp_authzen_call call = {
        .service = service,
        .exchange = exchange,
        .asking = sp_asking_http(exchange, SP_TRANSPORT_AUTHZEN),
        .path = endpoints[which].path,
    };
    struct sp_error error = {0};
    json_t *reply = NULL;
    enum sp_status status = answer_request(&call, which, &reply, &error);
    if (status == SP_OK) {
        reply_json(exchange, reply);
    } else {
        sp_record_failure(&service->recorder, &call.asking, status);
        sp_http_fail(exchange, http_status_of(status), error.message);
    }
    json_decref(reply);
    json_decref(call.body);
    sp_record_end(&service->recorder, &call.asking);
}

static void handle_evaluation(struct sp_http_exchange *exchange, void *user) {
    handle_endpoint(exchange, user, 0);
}

static void handle_evaluations(struct sp_http_exchange *exchange, void *user) {
    handle_endpoint(exchange, user, 1);
}

static void handle_search_subject(struct sp_http_exchange *exchange, void *user) {
    handle_endpoint(exchange, user, 2);
}

static void handle_search_resource(struct sp_http_exchange *exchange, void *user) {
    handle_endpoint(exchange, user, 3);
}

static void handle_search_action(struct sp_http_exchange *exchange, void *user) {
    handle_endpoint(exchange, user, 4);
}

/* ---- metadata ---- */

static void handle_metadata(struct sp_http_exchange *exchange, void *user) {
    const struct sp_service *service = user;
    const char *url = service->config->authzen.url;
    if (url == NULL) {
        sp_http_fail(exchange, 404,
                     "no URL is configured (--authzen-url), so there is no metadata: use the default paths");
        return;
    }
    json_t *json = json_pack("{s:s}", "policy_decision_point", url);
    for (size_t i = 0; i < ENDPOINTS && json != NULL; i++)
        (void)json_object_set_new(json, endpoints[i].metadata, json_sprintf("%s%s", url, endpoints[i].path));
    reply_json(exchange, json);
    json_decref(json);
}

/* ---- */

/* A body may hold a key's text, of which the JSON library makes copies: they are cleared when it
 * frees them. */
static void wipe_and_free(void *memory) {
    if (memory != NULL)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

void sp_authzen_routes(struct sp_service *service, struct sp_http_route ret_routes[static SP_AUTHZEN_ROUTES]) {
    static void (*const handlers[ENDPOINTS])(struct sp_http_exchange * exchange, void *user) = {
        handle_evaluation, handle_evaluations, handle_search_subject, handle_search_resource, handle_search_action};
    json_set_alloc_funcs(malloc, wipe_and_free);
    for (size_t i = 0; i < ENDPOINTS; i++)
        ret_routes[i] =
            (struct sp_http_route){.method = "POST", .path = endpoints[i].path, .handle = handlers[i], .user = service};
    ret_routes[ENDPOINTS] = (struct sp_http_route){
        .method = "GET", .path = "/.well-known/authzen-configuration", .handle = handle_metadata, .user = service};
}
