#include "server/record.h"

#include "rpc/server.h"
#include "server/decision_log.h"
#include "server/denial_event.h"
#include "server/metrics.h"
#include "server/usage.h"

void sp_record_decision(const struct sp_recorder *recorder, const struct sp_asking *asking,
                        const struct sp_query *query, const struct sp_answer *answer, const char *decision_id) {
    if (recorder->decision_log != NULL)
        sp_decision_log_note(recorder->decision_log, asking, query, answer, decision_id);
    if (!answer->allowed)
        sp_server_report_denial(asking, query, answer);
    if (query != NULL)
        sp_usage_reporter_note(recorder->usage, asking->worker, query, answer);
    if (recorder->metrics != NULL && answer->reason != SP_REASON_NONE)
        sp_metrics_add(recorder->metrics, asking->worker, SP_SERVER_DECISIONS,
                       sp_server_decision_series(asking->transport, answer->reason), 1);
}

void sp_record_wait(const struct sp_recorder *recorder, const struct sp_asking *asking) {
    if (recorder->metrics != NULL && asking->rpc != NULL && sp_rpc_call_retries(asking->rpc) == 0)
        sp_metrics_add(recorder->metrics, asking->worker, SP_SERVER_REVISION_WAITS, 0, 1);
}

void sp_record_failure(const struct sp_recorder *recorder, const struct sp_asking *asking, enum sp_status status) {
    if (recorder->metrics != NULL)
        sp_metrics_add(recorder->metrics, asking->worker, SP_SERVER_CALL_ERRORS,
                       sp_server_error_series(asking->transport, status), 1);
}

void sp_record_end(const struct sp_recorder *recorder, const struct sp_asking *asking) {
    if (recorder->metrics != NULL)
        sp_metrics_observe(recorder->metrics, asking->worker, SP_SERVER_CALL_SECONDS, asking->transport,
                           sp_asking_elapsed_ns(asking));
}
