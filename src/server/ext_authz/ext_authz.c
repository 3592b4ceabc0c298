#include "server/ext_authz/ext_authz.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/admit.h"
#include "rpc/call.h"
#include "server/service.h"
#include "store/records/snapshot.h"
#include "wire/wire.h"

typedef Envoy__Service__Auth__V3__CheckRequest CheckRequest;

/* At most once a second: every request of a route has the same fault. */
static bool may_log_gateway(struct sp_service *service) {
    long long second = sp_clock_monotonic_ms() / 1000;
    long long last = atomic_load(&service->last_gateway_log_s);
    return last != second && atomic_compare_exchange_strong(&service->last_gateway_log_s, &last, second);
}

static void log_gateway_fault(struct sp_service *service, const struct sp_ext_authz_request *request) {
    if (may_log_gateway(service))
        sp_log(
            SP_LOG_WARNING,
            "ext_authz: a request was denied because the gateway is misconfigured: its context extension \"%.*s\" %s",
            SP_STR_ARG(request->culprit), request->fault);
}

/* Whether the gateway may say what its clients' addresses are. */
static bool trusts_gateway(struct sp_service *service, struct sp_rpc_call *call) {
    const struct sp_forwarded_trust *trust = &service->config->ext_authz.trust;
    struct sp_ip ip;
    if (!trust->names_peers)
        return true;
    struct sp_str peer = sp_rpc_call_peer(call);
    if (sp_forwarded_trusts_peer(trust, sp_ip_parse(peer, &ip, NULL) == SP_OK ? &ip : NULL))
        return true;
    if (may_log_gateway(service))
        sp_log(SP_LOG_WARNING,
               "ext_authz: ignored the client's address because the gateway at %.*s is not among --trusted-peers",
               SP_STR_ARG(peer));
    return false;
}

static void read_gateway_request(struct sp_service *service, struct sp_rpc_call *call,
                                 struct sp_ext_authz_request *ret_request) {
    struct sp_arena *arena = sp_rpc_call_arena(call);
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_wire_unpack(&envoy__service__auth__v3__check_request__descriptor,
                                           sp_rpc_call_request(call), arena, &message, NULL);
    if (status == SP_OK) {
        sp_ext_authz_read(&service->config->ext_authz, (const CheckRequest *)message, trusts_gateway(service, call),
                          arena, ret_request);
        return;
    }
    /* Make room for the reply. */
    sp_arena_wipe(arena);
    *ret_request = (struct sp_ext_authz_request){.reason = SP_REASON_REQUEST_MALFORMED};
}

/* A call under way. */
struct gateway_call {
    struct sp_service *service;
    struct sp_rpc_call *rpc;
    struct sp_asking asking;
    struct sp_ext_authz_request request;
    char decision_id[SP_DECISION_ID_BYTES];
};

static enum sp_status pack_verdict(const struct gateway_call *call, const struct sp_answer *answer,
                                   struct sp_bytes *ret_reply) {
    const struct sp_ext_authz_verdict verdict = {
        .reason = answer->reason,
        .key = sp_answer_disclose(answer),
        .decision_id = sp_str_from(call->decision_id),
    };
    return sp_ext_authz_pack(&call->service->config->ext_authz, &call->request, &verdict, sp_rpc_call_arena(call->rpc),
                             ret_reply);
}

/* Denied before anything was asked. */
static enum sp_status deny_unasked(struct gateway_call *call, struct sp_bytes *ret_reply) {
    const struct sp_answer answer = {.reason = call->request.reason};
    if (call->request.fault != NULL)
        log_gateway_fault(call->service, &call->request);
    sp_record_decision(&call->service->recorder, &call->asking, NULL, &answer, call->decision_id);
    return pack_verdict(call, &answer, ret_reply);
}

static enum sp_status find_target(struct gateway_call *call, struct sp_view *view) {
    const struct sp_routes *routes;
    if (call->request.has_target)
        return SP_OK;
    char *scratch = sp_arena_alloc(sp_rpc_call_arena(call->rpc), SP_ROUTE_SCRATCH_BYTES);
    if (scratch == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_snapshots_routes(&call->service->snapshots, call->asking.worker, view, &routes);
    if (status != SP_OK)
        return status;
    sp_ext_authz_find_target(&call->service->config->ext_authz, routes, scratch, &call->request);
    return SP_OK;
}

/* From an open snapshot: the target, the decision, and the reply while what it borrows is there. */
static enum sp_status decide_at(struct gateway_call *call, struct sp_view *view, struct sp_bytes *ret_reply) {
    struct sp_answer answer = {0};
    const struct sp_query *asked = NULL;
    enum sp_status status = find_target(call, view);
    if (status != SP_OK)
        return status;
    answer.reason = call->request.reason;
    if (call->request.reason == SP_REASON_NONE) {
        status = sp_service_answer(call->service, view, &call->request.query, &answer);
        if (status != SP_OK)
            return status;
        asked = &call->request.query;
    }
    status = pack_verdict(call, &answer, ret_reply);
    if (status != SP_OK)
        return status;
    sp_record_decision(&call->service->recorder, &call->asking, asked, &answer, call->decision_id);
    return SP_OK;
}

static enum sp_status decide_request(struct gateway_call *call, struct sp_bytes *ret_reply) {
    struct sp_service *service = call->service;
    struct sp_snapshot *snapshot = NULL;
    struct sp_error error;
    enum sp_status status = sp_snapshots_acquire(&service->snapshots, call->asking.worker, &snapshot, &error);
    if (status != SP_OK)
        goto fail;
    status = decide_at(call, sp_snapshot_view(snapshot), ret_reply);
    sp_snapshot_release(snapshot);
    if (status == SP_OK)
        return SP_OK;
    sp_service_explain_failure(service, status, &error);

fail:
    sp_record_failure(&service->recorder, &call->asking, status);
    return status;
}

/* Whether the gateway may ask at all. */
static enum sp_status admit_gateway(struct gateway_call *call) {
    struct sp_error error = {0};
    enum sp_status status = sp_admit_call(call->service->callers, call->rpc, SP_CALLER_CHECK, &error);
    if (status == SP_OK)
        return SP_OK;
    sp_record_failure(&call->service->recorder, &call->asking, status);
    if (may_log_gateway(call->service))
        sp_log(SP_LOG_WARNING, "ext_authz: denied the requests of a gateway: %s", error.message);
    return status;
}

static enum sp_status make_reply_for(struct gateway_call *call, struct sp_bytes *ret_reply) {
    enum sp_status status = admit_gateway(call);
    if (status != SP_OK)
        return status;
    if (call->request.reason != SP_REASON_NONE)
        return deny_unasked(call, ret_reply);
    return decide_request(call, ret_reply);
}

void sp_ext_authz_check(struct sp_rpc_call *rpc, void *user) {
    struct sp_service *service = user;
    const struct sp_answer none = {.reason = SP_REASON_NONE};
    struct gateway_call call = {.service = service, .rpc = rpc, .asking = sp_asking_rpc(rpc, SP_TRANSPORT_EXT_AUTHZ)};
    struct sp_bytes reply;
    sp_decision_id_next(&service->snapshots.workers[call.asking.worker].ids, call.decision_id);
    read_gateway_request(service, rpc, &call.request);
    call.asking.trace = call.request.trace;
    /* A call without an answer is denied too, even if no memory is left for its reply. */
    if (make_reply_for(&call, &reply) != SP_OK && pack_verdict(&call, &none, &reply) != SP_OK)
        reply = (struct sp_bytes){service->last_word.bytes, service->last_word.size};
    sp_rpc_reply(rpc, reply);
    sp_record_end(&service->recorder, &call.asking);
}
