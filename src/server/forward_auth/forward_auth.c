#include "server/forward_auth/forward_auth.h"

#include <string.h>

#include "base/log.h"
#include "daemon/admit.h"
#include "server/forward_auth/request.h"
#include "server/gateway/decide.h"
#include "server/gateway/headers.h"
#include "server/gateway/words.h"

enum { FIELDS_MAX = 1024 }; /* more do not fit into libmicrohttpd's buffer for them */

struct forward_auth_call {
    struct sp_gateway_call gateway; /* first: it is its call */
    struct sp_http_exchange *exchange;
};

/* ---- the reply ---- */

static enum sp_status reply_allowed(struct sp_http_exchange *exchange, const struct sp_gateway_verdict *verdict) {
    const struct sp_str values[SP_GATEWAY_SET_HEADERS] = {verdict->key.workspace, verdict->key.principal,
                                                          verdict->key.key_id, verdict->decision_id};
    for (size_t i = 0; i < SP_GATEWAY_SET_HEADERS; i++)
        if (!sp_http_add_header(exchange, sp_gateway_set_headers[i].data, values[i]))
            return SP_ERR_MEMORY;
    sp_http_reply(exchange, 200, NULL, (struct sp_bytes){NULL, 0});
    return SP_OK;
}

static enum sp_status reply_denied(struct sp_gateway_call *gateway, struct sp_http_exchange *exchange,
                                   const struct sp_gateway_verdict *verdict) {
    const struct sp_gateway_settings *settings = &gateway->service->config->gateway;
    unsigned status = sp_gateway_denied_status(verdict->reason);
    const char *body =
        sp_gateway_denied_body(settings, &gateway->request, verdict->reason, verdict->decision_id, gateway->arena);
    const char *challenge = status == 401 ? sp_gateway_challenge(settings, verdict->reason, gateway->arena) : "";
    if (body == NULL || challenge == NULL)
        return SP_ERR_MEMORY;
    if (status == 401)
        sp_http_add_header(exchange, "WWW-Authenticate", sp_str_from(challenge));
    sp_http_reply(exchange, status == 400 ? 403 : status, "application/json",
                  (struct sp_bytes){(const uint8_t *)body, strlen(body)});
    return SP_OK;
}

static enum sp_status reply_to_gateway(struct sp_gateway_call *gateway, const struct sp_gateway_verdict *verdict) {
    struct sp_http_exchange *exchange = ((struct forward_auth_call *)gateway)->exchange;
    if (verdict->reason == SP_REASON_ALLOWED)
        return reply_allowed(exchange, verdict);
    return reply_denied(gateway, exchange, verdict);
}

/* ---- who asks ---- */

/* Whether this gateway may say what it was asked. */
static bool is_trusted_gateway(const struct sp_service *service, const struct sp_http_exchange *exchange) {
    struct sp_ip ip;
    bool known = sp_ip_parse(sp_http_peer(exchange), &ip, NULL) == SP_OK;
    return sp_forwarded_trusts_peer(&service->config->gateway.trust, known ? &ip : NULL);
}

/* The caller's bearer token is the client's, so the connection alone proves who the gateway is. */
static enum sp_status check_gateway_connection(const struct sp_service *service, struct sp_http_exchange *exchange,
                                               struct sp_error *error) {
    enum sp_status status = sp_admit_connection(service->callers, exchange, SP_CALLER_CHECK, error);
    if (status != SP_OK || is_trusted_gateway(service, exchange))
        return status;
    return sp_error_set(error, SP_ERR_PERMISSION, "the gateway at %.*s is not among --trusted-peers",
                        SP_STR_ARG(sp_http_peer(exchange)));
}

static enum sp_status admit_gateway_connection(struct forward_auth_call *call, struct sp_error *error) {
    struct sp_service *service = call->gateway.service;
    enum sp_status status = check_gateway_connection(service, call->exchange, error);
    if (status == SP_OK)
        return SP_OK;
    sp_record_failure(&service->recorder, &call->gateway.asking, status);
    if (sp_gateway_may_log(service))
        sp_log(SP_LOG_WARNING, "forward_auth: denied the requests of a gateway: %s", error->message);
    return status;
}

/* ---- */

static enum sp_status read_fields(struct forward_auth_call *call) {
    struct sp_gateway_call *gateway = &call->gateway;
    size_t count = sp_http_headers(call->exchange, NULL, 0);
    struct sp_http_field *fields =
        count > FIELDS_MAX ? NULL : sp_arena_calloc(gateway->arena, count + 1, sizeof(*fields));
    if (fields == NULL)
        return SP_ERR_MEMORY;
    (void)sp_http_headers(call->exchange, fields, count);
    sp_forward_auth_read(&gateway->service->config->gateway, fields, count, gateway->arena, &gateway->request);
    gateway->asking.trace = gateway->request.trace;
    return SP_OK;
}

static void answer_forward_auth(struct forward_auth_call *call) {
    struct sp_gateway_call *gateway = &call->gateway;
    struct sp_error error = {0};
    if (admit_gateway_connection(call, &error) != SP_OK) {
        sp_http_fail(call->exchange, 403, error.message);
        return;
    }
    enum sp_status status = read_fields(call);
    if (status != SP_OK)
        sp_record_failure(&gateway->service->recorder, &gateway->asking, status);
    else
        status = sp_gateway_decide(gateway);
    if (status != SP_OK && sp_gateway_reply_without_answer(gateway) != SP_OK)
        sp_http_fail(call->exchange, 503, "the request cannot be authorized right now: try again");
}

static void handle_forward_auth(struct sp_http_exchange *exchange, void *user) {
    struct sp_service *service = user;
    struct forward_auth_call call = {.exchange = exchange};
    call.gateway.service = service;
    call.gateway.asking = sp_asking_http(exchange, SP_TRANSPORT_FORWARD_AUTH);
    call.gateway.arena = sp_http_arena(exchange);
    call.gateway.part = "header";
    call.gateway.reply = reply_to_gateway;
    sp_decision_id_next(&service->snapshots.workers[call.gateway.asking.worker].ids, call.gateway.decision_id);
    answer_forward_auth(&call);
    sp_record_end(&service->recorder, &call.gateway.asking);
}

struct sp_http_route sp_forward_auth_route(struct sp_service *service) {
    return (struct sp_http_route){.method = "GET", .path = "/auth", .handle = handle_forward_auth, .user = service};
}
