/* The metrics of what the bounds of a gRPC server closed and refused, and of clients that TLS
 * refused on HTTP ports. For the thread that writes the page. */
#ifndef SP_DAEMON_REFUSALS_H
#define SP_DAEMON_REFUSALS_H

#include "observe/metrics.h"
#include "rpc/server.h"

/* The three rows of a program's table: a counter with a series for each cause, a gauge, and a
 * counter. */
#define SP_REFUSALS_ROW                                                                                                \
    {                                                                                                                  \
        .name = "sallyport_grpc_refusals_total",                                                                       \
        .help =                                                                                                        \
            "Connections closed or refused, and calls refused, by the bounds of the gRPC server: connections "         \
            "that held too much without an answer (unanswered, and budget over all of them), whose request was "       \
            "not complete in time (slow), that made room for others (idle), came from an address with too many "       \
            "(peer) or with a client that TLS refused (tls), cancelled calls too often (resets), sent control or "     \
            "empty frames too often (frames), or did not take their answers (stalled); calls with too large a "        \
            "message (message) or metadata (head), that were not complete in time (incomplete), or for which there "   \
            "was no memory (memory).",                                                                                 \
        .kind = SP_METRIC_GATHERED_COUNTER, .series = SP_RPC_BOUND_COUNT, .labels = sp_refusals_labels                 \
    }
#define SP_UNANSWERED_ROW                                                                                              \
    {                                                                                                                  \
        .name = "sallyport_grpc_unanswered_bytes",                                                                     \
        .help = "Bytes that gRPC connections have received and no reply has answered.", .kind = SP_METRIC_GAUGE        \
    }
#define SP_HTTP_TLS_REFUSALS_ROW                                                                                       \
    {                                                                                                                  \
        .name = "sallyport_http_tls_refusals_total",                                                                   \
        .help = "Clients of the HTTP and metrics ports that TLS refused, or whose requests were refused because they " \
                "had no accepted certificate; each connection counts once.",                                           \
        .kind = SP_METRIC_GATHERED_COUNTER                                                                             \
    }

size_t sp_refusals_labels(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]);

/* The places of the rows in the table. */
struct sp_refusals_rows {
    unsigned refusals, unanswered, http_tls;
};

void sp_refusals_gather(const struct sp_rpc_server *server, struct sp_metrics *metrics,
                        const struct sp_refusals_rows *rows);

#endif
