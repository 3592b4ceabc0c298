/* The method: reads what the proxy says, asks the store, and replies whatever happens. */
#include <time.h>

#include "base/log.h"
#include "daemon/admit.h"
#include "server/service.h"
#include "wire/wire.h"

typedef Envoy__Service__Auth__V3__CheckRequest CheckRequest;

/* At most once a second: every request of the route brings it up again. */
static bool may_log(struct sp_service *service) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long second = now.tv_sec;
    long long last = atomic_load(&service->last_gateway_log_s);
    return last != second && atomic_compare_exchange_strong(&service->last_gateway_log_s, &last, second);
}

static void log_fault(struct sp_service *service, const struct sp_ext_authz_request *request) {
    if (may_log(service))
        sp_log(SP_LOG_WARNING,
               "ext_authz: the gateway's configuration is wrong, and a request was denied for it: context extension "
               "\"%.*s\" %s",
               SP_STR_ARG(request->culprit), request->fault);
}

static void read_request(const struct sp_ext_authz_settings *settings, struct sp_rpc_call *call,
                         struct sp_ext_authz_request *ret_request) {
    struct sp_arena *arena = sp_rpc_call_arena(call);
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_wire_unpack(&envoy__service__auth__v3__check_request__descriptor,
                                           sp_rpc_call_request(call), arena, &message, NULL);
    if (status == SP_OK) {
        sp_ext_authz_read(settings, (const CheckRequest *)message, arena, ret_request);
        return;
    }
    /* What is left of the attempt takes the room that the reply needs. */
    sp_arena_wipe(arena);
    *ret_request = (struct sp_ext_authz_request){.reason = SP_REASON_REQUEST_MALFORMED};
}

/* A call under way. */
struct asked {
    struct sp_service *service;
    struct sp_rpc_call *call;
    struct sp_asking asking;
    struct sp_ext_authz_request request;
    char decision_id[SP_DECISION_ID_BYTES];
};

static enum sp_status pack(struct asked *asked, const struct sp_answer *answer, struct sp_bytes *ret_reply) {
    const struct sp_ext_authz_verdict verdict = {
        .reason = answer->reason,
        .workspace = answer->workspace,
        .principal = answer->principal,
        .key_id = answer->key_id,
        .decision_id = sp_str_from(asked->decision_id),
    };
    return sp_ext_authz_pack(&asked->service->config->ext_authz, &asked->request, &verdict,
                             sp_rpc_call_arena(asked->call), ret_reply);
}

static enum sp_status find_target(struct asked *asked, struct sp_view *view) {
    const struct sp_routes *routes;
    if (asked->request.has_target)
        return SP_OK;
    char *scratch = sp_arena_alloc(sp_rpc_call_arena(asked->call), SP_ROUTE_SCRATCH_BYTES);
    if (scratch == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_service_routes(asked->service, asked->asking.worker, view, &routes);
    if (status == SP_OK)
        sp_ext_authz_find_target(&asked->service->config->ext_authz, routes, scratch, &asked->request);
    return status;
}

/* From an open snapshot: the target, the decision, and the reply while what it borrows is there. */
static enum sp_status answer(struct asked *asked, struct sp_view *view, struct sp_bytes *ret_reply) {
    struct sp_answer answer = {0};
    enum sp_status status = find_target(asked, view);
    if (status != SP_OK)
        return status;
    bool asks = asked->request.reason == SP_REASON_NONE;
    if (asks)
        status = sp_service_answer(asked->service, view, &asked->request.query, &answer);
    else
        answer.reason = asked->request.reason;
    if (status == SP_OK)
        status = pack(asked, &answer, ret_reply);
    if (status == SP_OK)
        sp_record_decision(asked->service, &asked->asking, asks ? &asked->request.query : NULL, &answer,
                           asked->decision_id);
    return status;
}

static enum sp_status judge(struct asked *asked, struct sp_bytes *ret_reply) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_error error;
    enum sp_status status = sp_service_acquire(asked->service, asked->asking.worker, &snapshot, &error);
    if (status == SP_OK) {
        status = answer(asked, sp_snapshot_view(snapshot), ret_reply);
        sp_snapshot_release(snapshot);
        if (status != SP_OK)
            sp_service_explain_failure(asked->service, status, &error);
    }
    if (status != SP_OK)
        sp_record_failure(asked->service, &asked->asking, status);
    return status;
}

/* Denied before anything was asked. */
static enum sp_status deny(struct asked *asked, struct sp_bytes *ret_reply) {
    const struct sp_answer answer = {.reason = asked->request.reason};
    if (asked->request.fault != NULL)
        log_fault(asked->service, &asked->request);
    sp_record_decision(asked->service, &asked->asking, NULL, &answer, asked->decision_id);
    return pack(asked, &answer, ret_reply);
}

/* Whether the gateway may ask at all. */
static enum sp_status admit(struct asked *asked) {
    struct sp_error error = {0};
    enum sp_status status = sp_admit_call(asked->service->callers, asked->call, SP_CALLER_CHECK, &error);
    if (status == SP_OK)
        return SP_OK;
    sp_record_failure(asked->service, &asked->asking, status);
    if (may_log(asked->service))
        sp_log(SP_LOG_WARNING, "ext_authz: a gateway's requests are denied: %s", error.message);
    return status;
}

void sp_ext_authz_check(struct sp_rpc_call *call, void *user) {
    struct sp_service *service = user;
    const struct sp_ext_authz_settings *settings = &service->config->ext_authz;
    const struct sp_answer none = {.reason = SP_REASON_NONE};
    struct asked asked = {.service = service, .call = call, .asking = sp_asking_rpc(call, SP_TRANSPORT_EXT_AUTHZ)};
    struct sp_bytes reply;
    sp_decision_id_next(&service->workers[asked.asking.worker].ids, asked.decision_id);
    read_request(settings, call, &asked.request);
    asked.asking.trace = asked.request.trace;
    enum sp_status status = admit(&asked);
    if (status == SP_OK)
        status = asked.request.reason != SP_REASON_NONE ? deny(&asked, &reply) : judge(&asked, &reply);
    /* No answer is a denial of its own here, and must be said even where there is no memory left to say it with. */
    if (status != SP_OK)
        status = pack(&asked, &none, &reply);
    sp_rpc_reply(call, status == SP_OK ? reply : (struct sp_bytes){settings->last_word, settings->last_word_size});
    sp_record_end(service, &asked.asking);
}
