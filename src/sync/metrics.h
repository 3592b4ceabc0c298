/* The metrics of sallyport-sync. */
#ifndef SP_SYNC_METRICS_H
#define SP_SYNC_METRICS_H

#include "base/text_out.h"
#include "observe/process.h"
#include "source/source.h"
#include "sync/writer_stats.h"

struct sp_rpc_server;
struct sp_sync_metrics;

/* What is known only when the page is written. */
struct sp_sync_gauges {
    struct sp_writer_stats writer;
    size_t watches;
    size_t reads_waiting;
    uint64_t reads_refused;
    unsigned grpc_connections, http_connections;
    const struct sp_rpc_server *rpc; /* whose bounds are shown; NULL: none */
    bool ready;
    const struct sp_source_state *source; /* NULL: the store follows no source */
    struct sp_observed_store store;
    struct sp_observed_process process;
};

/* SP_ERR_MEMORY. */
enum sp_status sp_sync_metrics_create(struct sp_sync_metrics **ret_metrics) SP_MUST_USE;
/* NULL is allowed. */
void sp_sync_metrics_free(struct sp_sync_metrics *metrics);

/* Counts a call of the admin API's method of that number, on the thread of the shard
 * (sync/worker_slots.h). */
void sp_sync_metrics_count_call(struct sp_sync_metrics *metrics, size_t method, unsigned shard, enum sp_status status);

/* Counts a commit of so many jobs, on the writer's thread. `metrics` may be NULL, as for the
 * next. */
void sp_sync_metrics_count_commit(struct sp_sync_metrics *metrics, uint64_t took_ns, size_t jobs);

/* A job was taken from the queue that waited so long, on the writer's thread. */
void sp_sync_metrics_count_wait(struct sp_sync_metrics *metrics, int64_t waited_ms);

/* Sets how many keys expire within a week. Any thread. */
void sp_sync_metrics_set_expiring(struct sp_sync_metrics *metrics, uint64_t keys);

/* A backup was sent to its end. Any thread. */
void sp_sync_metrics_count_backup(struct sp_sync_metrics *metrics, int64_t now_s);

/* Writes the page for Prometheus. One thread at a time. */
void sp_sync_metrics_write(struct sp_sync_metrics *metrics, const struct sp_sync_gauges *gauges,
                           struct sp_text_out *out);

#endif
