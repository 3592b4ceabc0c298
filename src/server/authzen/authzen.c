#include "server/authzen/authzen.h"

#include "server/authzen/evaluate.h"
#include "server/authzen/respond.h"
#include "server/authzen/search.h"
#include "wire/json_text.h"

static bool never_takes_long(const struct sp_authzen_call *call) {
    (void)call;
    return false;
}

static bool always_takes_long(const struct sp_authzen_call *call) {
    (void)call;
    return true;
}

static const struct {
    const char *path;
    const char *metadata;
    sp_authzen_endpoint *endpoint;
    enum sp_caller_role role;
    sp_authzen_judge *takes_long;
} endpoints[] = {
    {"/access/v1/evaluation", "access_evaluation_endpoint", sp_authzen_evaluation, SP_CALLER_CHECK, never_takes_long},
    {"/access/v1/evaluations", "access_evaluations_endpoint", sp_authzen_evaluations, SP_CALLER_CHECK,
     sp_authzen_evaluations_take_long},
    {"/access/v1/search/subject", "search_subject_endpoint", sp_authzen_search_subject, SP_CALLER_SUBJECTS,
     always_takes_long},
    {"/access/v1/search/resource", "search_resource_endpoint", sp_authzen_search_resource, SP_CALLER_LIST,
     always_takes_long},
    {"/access/v1/search/action", "search_action_endpoint", sp_authzen_search_action, SP_CALLER_LIST, always_takes_long},
};
enum { ENDPOINTS = sizeof(endpoints) / sizeof(*endpoints) };
_Static_assert(ENDPOINTS + 1 == SP_AUTHZEN_ROUTES, "the endpoints and the metadata");

static void handle_endpoint(struct sp_http_exchange *exchange, struct sp_service *service, size_t which) {
    struct sp_authzen_call call = {
        .service = service,
        .exchange = exchange,
        .asking = sp_asking_http(exchange, SP_TRANSPORT_AUTHZEN),
        .path = endpoints[which].path,
        .role = endpoints[which].role,
        .endpoint = endpoints[which].endpoint,
        .takes_long = endpoints[which].takes_long,
    };
    sp_authzen_respond(&call);
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
    struct sp_bytes text;
    if (sp_authzen_write_json(exchange, json, &text) == SP_OK)
        sp_http_reply(exchange, 200, SP_AUTHZEN_MEDIA_TYPE, text);
    else
        sp_http_fail(exchange, 503, "the reply needs more memory than a request may use");
    json_decref(json);
}

/* ---- */

void sp_authzen_routes(struct sp_service *service, struct sp_http_route ret_routes[static SP_AUTHZEN_ROUTES]) {
    static void (*const handlers[ENDPOINTS])(struct sp_http_exchange * exchange, void *user) = {
        handle_evaluation, handle_evaluations, handle_search_subject, handle_search_resource, handle_search_action};
    sp_json_prepare();
    for (size_t i = 0; i < ENDPOINTS; i++)
        ret_routes[i] =
            (struct sp_http_route){.method = "POST", .path = endpoints[i].path, .handle = handlers[i], .user = service};
    ret_routes[ENDPOINTS] = (struct sp_http_route){
        .method = "GET", .path = "/.well-known/authzen-configuration", .handle = handle_metadata, .user = service};
}
