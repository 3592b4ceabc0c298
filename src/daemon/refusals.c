#include "daemon/refusals.h"

#include "daemon/tls_refusals.h"

size_t sp_refusals_labels(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    ret_labels[0] = (struct sp_metric_label){"cause", sp_rpc_bound_name((enum sp_rpc_bound)series)};
    return 1;
}

void sp_refusals_gather(const struct sp_rpc_server *server, struct sp_metrics *metrics,
                        const struct sp_refusals_rows *rows) {
    uint64_t counts[SP_RPC_BOUND_COUNT];
    size_t held = sp_rpc_server_bounds(server, counts);
    for (unsigned i = 0; i < SP_RPC_BOUND_COUNT; i++)
        sp_metrics_set(metrics, rows->refusals, i, (double)counts[i]);
    sp_metrics_set(metrics, rows->unanswered, 0, (double)held);
    sp_metrics_set(metrics, rows->http_tls, 0, (double)sp_daemon_http_tls_refusals());
}
