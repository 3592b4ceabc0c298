#include "server/record.h"

#include <time.h>

#include "server/metrics.h"
#include "server/service.h"

const char *sp_transport_name(enum sp_transport transport) {
    static const char *const names[SP_TRANSPORT_COUNT] = {"check", "batch", "stream", "ext_authz", "authzen"};
    return (unsigned)transport < SP_TRANSPORT_COUNT ? names[transport] : "unknown";
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct sp_asking sp_asking_rpc(const struct sp_rpc_call *call, enum sp_transport transport) {
    bool waited = transport != SP_TRANSPORT_STREAM && sp_rpc_call_retries(call) > 0;
    return (struct sp_asking){
        .worker = sp_rpc_call_worker(call),
        .transport = transport,
        .started_ns = waited ? (uint64_t)sp_rpc_call_started_ms(call) * 1000000 : now_ns(),
        .rpc = call,
    };
}

struct sp_asking sp_asking_http(const struct sp_http_exchange *exchange, enum sp_transport transport) {
    return (struct sp_asking){
        .worker = SP_SERVER_HTTP_WORKER, .transport = transport, .started_ns = now_ns(), .http = exchange};
}

void sp_record_decision(struct sp_service *service, const struct sp_asking *asking, const struct sp_query *query,
                        const struct sp_answer *answer, const char *decision_id) {
    if (service->decision_log != NULL)
        sp_decision_log_note(service->decision_log, asking, query, answer, decision_id);
    if (query != NULL)
        sp_usage_reporter_note(service->usage, asking->worker, query, answer);
    if (service->metrics != NULL && answer->reason != SP_REASON_NONE)
        sp_metrics_add(service->metrics, asking->worker, SP_SERVER_DECISIONS,
                       sp_server_decision_series(asking->transport, answer->reason), 1);
}

void sp_record_wait(struct sp_service *service, const struct sp_asking *asking) {
    if (service->metrics != NULL && asking->rpc != NULL && sp_rpc_call_retries(asking->rpc) == 0)
        sp_metrics_add(service->metrics, asking->worker, SP_SERVER_REVISION_WAITS, 0, 1);
}

void sp_record_failure(struct sp_service *service, const struct sp_asking *asking, enum sp_status status) {
    if (service->metrics != NULL)
        sp_metrics_add(service->metrics, asking->worker, SP_SERVER_CALL_ERRORS,
                       sp_server_error_series(asking->transport, status), 1);
}

void sp_record_end(struct sp_service *service, const struct sp_asking *asking) {
    if (service->metrics != NULL)
        sp_metrics_observe(service->metrics, asking->worker, SP_SERVER_CALL_SECONDS, asking->transport,
                           now_ns() - asking->started_ns);
}
