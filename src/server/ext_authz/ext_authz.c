#include "server/ext_authz/ext_authz.h"

#include "base/log.h"
#include "daemon/admit.h"
#include "rpc/call.h"
#include "server/ext_authz/reply.h"
#include "server/ext_authz/request.h"
#include "server/gateway/decide.h"
#include "wire/wire.h"

typedef Envoy__Service__Auth__V3__CheckRequest CheckRequest;

/* Whether the gateway may say what its clients' addresses are. */
static bool trusts_gateway(struct sp_service *service, struct sp_rpc_call *call) {
    const struct sp_forwarded_trust *trust = &service->config->gateway.trust;
    struct sp_ip ip;
    if (!trust->names_peers)
        return true;
    struct sp_str peer = sp_rpc_call_peer(call);
    if (sp_forwarded_trusts_peer(trust, sp_ip_parse(peer, &ip, NULL) == SP_OK ? &ip : NULL))
        return true;
    if (sp_gateway_may_log(service))
        sp_log(SP_LOG_WARNING,
               "ext_authz: ignored the client's address because the gateway at %.*s is not among --trusted-peers",
               SP_STR_ARG(peer));
    return false;
}

static void read_gateway_request(struct sp_service *service, struct sp_rpc_call *call,
                                 struct sp_gateway_request *ret_request) {
    struct sp_arena *arena = sp_rpc_call_arena(call);
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_wire_unpack(&envoy__service__auth__v3__check_request__descriptor,
                                           sp_rpc_call_request(call), arena, &message, NULL);
    if (status == SP_OK) {
        sp_ext_authz_read(&service->config->gateway, (const CheckRequest *)message, trusts_gateway(service, call),
                          arena, ret_request);
        return;
    }
    /* Make room for the reply. */
    sp_arena_wipe(arena);
    *ret_request = (struct sp_gateway_request){.reason = SP_REASON_REQUEST_MALFORMED};
}

/* A call under way. */
struct ext_authz_call {
    struct sp_gateway_call gateway; /* first: it is its call */
    struct sp_rpc_call *rpc;
    struct sp_bytes reply;
};

static enum sp_status pack_gateway_reply(struct sp_gateway_call *gateway, const struct sp_gateway_verdict *verdict) {
    struct ext_authz_call *call = (struct ext_authz_call *)gateway;
    return sp_ext_authz_pack(&gateway->service->config->gateway, &gateway->request, verdict, gateway->arena,
                             &call->reply);
}

/* Whether the gateway may ask at all. */
static enum sp_status admit_gateway(struct ext_authz_call *call) {
    struct sp_service *service = call->gateway.service;
    struct sp_error error = {0};
    enum sp_status status = sp_admit_call(service->callers, call->rpc, SP_CALLER_CHECK, &error);
    if (status == SP_OK)
        return SP_OK;
    sp_rpc_refuse_caller(call->rpc);
    sp_record_failure(&service->recorder, &call->gateway.asking, status);
    if (sp_gateway_may_log(service))
        sp_log(SP_LOG_WARNING, "ext_authz: denied the requests of a gateway: %s", error.message);
    return status;
}

static enum sp_status answer_gateway(struct ext_authz_call *call) {
    enum sp_status status = admit_gateway(call);
    if (status != SP_OK)
        return status;
    return sp_gateway_decide(&call->gateway);
}

void sp_ext_authz_check(struct sp_rpc_call *rpc, void *user) {
    struct sp_service *service = user;
    struct ext_authz_call call = {.rpc = rpc};
    struct sp_gateway_call *gateway = &call.gateway;
    gateway->service = service;
    gateway->asking = sp_asking_rpc(rpc, SP_TRANSPORT_EXT_AUTHZ);
    gateway->arena = sp_rpc_call_arena(rpc);
    gateway->part = "context extension";
    gateway->reply = pack_gateway_reply;
    sp_decision_id_next(&service->snapshots.workers[gateway->asking.worker].ids, gateway->decision_id);
    read_gateway_request(service, rpc, &gateway->request);
    gateway->asking.trace = gateway->request.trace;
    /* A call without an answer is denied too, even if no memory is left for its reply. */
    if (answer_gateway(&call) != SP_OK && sp_gateway_reply_without_answer(gateway) != SP_OK)
        call.reply = (struct sp_bytes){service->last_word.bytes, service->last_word.size};
    sp_rpc_reply(rpc, call.reply);
    sp_record_end(&service->recorder, &gateway->asking);
}
