#include "server/gateway/decide.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/records/entity.h"
#include "store/records/snapshot.h"

bool sp_gateway_may_log(struct sp_service *service) {
    long long second = sp_clock_monotonic_ms() / 1000;
    long long last = atomic_load(&service->last_gateway_log_s);
    return last != second && atomic_compare_exchange_strong(&service->last_gateway_log_s, &last, second);
}

static void log_gateway_fault(const struct sp_gateway_call *call) {
    const struct sp_gateway_request *request = &call->request;
    if (sp_gateway_may_log(call->service))
        sp_log(SP_LOG_WARNING, "%s: a request was denied because the gateway is misconfigured: its %s \"%.*s\" %s",
               sp_transport_name(call->asking.transport), call->part, SP_STR_ARG(request->culprit), request->fault);
}

static enum sp_status make_reply(struct sp_gateway_call *call, const struct sp_answer *answer, struct sp_str plan) {
    const struct sp_gateway_verdict verdict = {
        .reason = answer->reason,
        .key = sp_answer_disclose(answer),
        .decision_id = sp_str_from(call->decision_id),
        .plan = plan,
    };
    return call->reply(call, &verdict);
}

enum sp_status sp_gateway_reply_without_answer(struct sp_gateway_call *call) {
    const struct sp_answer none = {.reason = SP_REASON_NONE};
    return make_reply(call, &none, (struct sp_str){NULL, 0});
}

/* Denied before anything was asked. */
static enum sp_status deny_unasked(struct sp_gateway_call *call) {
    const struct sp_answer answer = {.reason = call->request.reason};
    if (call->request.fault != NULL)
        log_gateway_fault(call);
    sp_record_decision(&call->service->recorder, &call->asking, NULL, &answer, call->decision_id);
    return make_reply(call, &answer, (struct sp_str){NULL, 0});
}

static struct sp_str name_plan(Sallyport__V1__Plan plan) {
    switch ((int)plan) {
    case SALLYPORT__V1__PLAN__PLAN_FREE:
        return SP_STR_LITERAL("free");
    case SALLYPORT__V1__PLAN__PLAN_STANDARD:
        return SP_STR_LITERAL("standard");
    case SALLYPORT__V1__PLAN__PLAN_ENTERPRISE:
        return SP_STR_LITERAL("enterprise");
    default:
        return (struct sp_str){NULL, 0};
    }
}

/* The plan of an allowed request, if the settings want it told. */
static enum sp_status find_plan(const struct sp_gateway_call *call, struct sp_view *view,
                                const struct sp_answer *answer, struct sp_str *ret_plan) {
    struct sp_entity_key key;
    ProtobufCMessage *message;
    if (!call->service->config->gateway.tells_plan || !answer->allowed)
        return SP_OK;
    enum sp_status status = sp_entity_key_make(SP_KIND_WORKSPACE, answer->workspace, NULL, 0, &key);
    if (status != SP_OK)
        return SP_ERR_CORRUPT;
    status = sp_entity_get(view, &key, call->arena, &message);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    *ret_plan = name_plan(((const Sallyport__Store__V1__StoredWorkspace *)message)->workspace->plan);
    return SP_OK;
}

static enum sp_status find_target(struct sp_gateway_call *call, struct sp_view *view) {
    const struct sp_routes *routes;
    if (call->request.has_target)
        return SP_OK;
    char *scratch = sp_arena_alloc(call->arena, SP_ROUTE_SCRATCH_BYTES);
    if (scratch == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_snapshots_routes(&call->service->snapshots, call->asking.worker, view, &routes);
    if (status != SP_OK)
        return status;
    sp_gateway_find_target(&call->service->config->gateway, routes, scratch, &call->request);
    return SP_OK;
}

/* From an open snapshot: the target, the decision, and the reply while what it borrows is there. */
static enum sp_status decide_at(struct sp_gateway_call *call, struct sp_view *view) {
    struct sp_answer answer = {0};
    const struct sp_query *asked = NULL;
    struct sp_str plan = {NULL, 0};
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
    status = find_plan(call, view, &answer, &plan);
    if (status != SP_OK)
        return status;
    status = make_reply(call, &answer, plan);
    if (status != SP_OK)
        return status;
    call->asking.route = call->request.route;
    sp_record_decision(&call->service->recorder, &call->asking, asked, &answer, call->decision_id);
    return SP_OK;
}

static enum sp_status decide_from_store(struct sp_gateway_call *call) {
    struct sp_service *service = call->service;
    struct sp_snapshot *snapshot = NULL;
    struct sp_error error;
    enum sp_status status = sp_snapshots_acquire(&service->snapshots, call->asking.worker, &snapshot, &error);
    if (status != SP_OK)
        return status;
    status = decide_at(call, sp_snapshot_view(snapshot));
    sp_snapshot_release(snapshot);
    if (status != SP_OK)
        sp_service_explain_failure(service, status, &error);
    return status;
}

/* A path that is refused comes before the credential, and only the schema's routes say which is.
 * A store that cannot say leaves the credential's reason. */
static void look_at_path(struct sp_gateway_call *call) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_error error;
    if (sp_snapshots_acquire(&call->service->snapshots, call->asking.worker, &snapshot, &error) != SP_OK)
        return;
    enum sp_status status = find_target(call, sp_snapshot_view(snapshot));
    sp_snapshot_release(snapshot);
    if (status != SP_OK)
        sp_service_explain_failure(call->service, status, &error);
}

enum sp_status sp_gateway_decide(struct sp_gateway_call *call) {
    if (sp_gateway_lacks_credential(&call->request))
        look_at_path(call);
    if (call->request.reason != SP_REASON_NONE)
        return deny_unasked(call);
    enum sp_status status = decide_from_store(call);
    if (status != SP_OK)
        sp_record_failure(&call->service->recorder, &call->asking, status);
    return status;
}
