/* The table of what sallyportd counts and measures. */
#ifndef SP_SERVER_METRICS_H
#define SP_SERVER_METRICS_H

#include "observe/metrics.h"

/* Rows of the table. */
enum sp_server_metric {
    SP_SERVER_DECISIONS, /* series: sp_server_decision_series */
    SP_SERVER_CALL_SECONDS,
    SP_SERVER_CALL_ERRORS, /* series: sp_server_error_series */
    SP_SERVER_REVISION_WAITS,
    SP_SERVER_READY,
    SP_SERVER_SYNC_AGE,
    SP_SERVER_LOG_WRITTEN,
    SP_SERVER_LOG_DROPPED,
    SP_SERVER_LOG_WAITING,
    SP_SERVER_LOG_FULLNESS,
    SP_SERVER_GRPC_CONNECTIONS,
    SP_SERVER_HTTP_CONNECTIONS,
    SP_SERVER_REFUSALS,
    SP_SERVER_UNANSWERED,
    SP_SERVER_HTTP_TLS_REFUSALS,
    SP_SERVER_USE_REPORT_AGE,
    SP_SERVER_USE_LOSSES,
    SP_SERVER_BULK_QUEUE,
    SP_SERVER_BULK_REFUSED,
    SP_SERVER_METRIC_COUNT
};

unsigned sp_server_decision_series(unsigned transport, unsigned reason);
unsigned sp_server_error_series(unsigned transport, enum sp_status status);

/* SP_ERR_MEMORY. */
enum sp_status sp_server_metrics_create(struct sp_metrics **ret_metrics) SP_MUST_USE;

#endif
