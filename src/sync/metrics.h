/* The numbers of sallyport-sync, and its HTTP port: /metrics, /healthz, /readyz. */
#ifndef SP_SYNC_METRICS_H
#define SP_SYNC_METRICS_H

#include "config/options.h"
#include "http/server.h"
#include "sync/service.h"

struct sp_sync_metrics;

/* SP_ERR_MEMORY. */
enum sp_status sp_sync_metrics_create(struct sp_sync_metrics **ret_metrics) SP_MUST_USE;
/* NULL is allowed. */
void sp_sync_metrics_free(struct sp_sync_metrics *metrics);

/* A call of a method ended so, on a worker's thread; or on the writer's: SP_SYNC_WRITER_SHARD. */
void sp_sync_count_call(const struct sp_sync_method *of, unsigned shard, enum sp_status status);

/* One commit of so many jobs. On the writer's thread. `metrics` NULL: not counted, as for the next. */
void sp_sync_count_commit(struct sp_sync_metrics *metrics, uint64_t took_ns, size_t jobs);

/* Keys that expire within a week, as a whole look at all of them found. Any thread. */
void sp_sync_set_expiring(struct sp_sync_metrics *metrics, uint64_t keys);

/* A backup was sent whole. Any thread. */
void sp_sync_count_backup(struct sp_sync_metrics *metrics, int64_t now_s);

/* Binds and starts; *ret_server is NULL where no address is given. As sp_http_open. */
enum sp_status sp_sync_http_start(struct sp_sync *sync, const struct sp_option_texts *listen, bool insecure,
                                  const struct sp_tls_files *tls, struct sp_http_server **ret_server,
                                  struct sp_error *error) SP_MUST_USE;

#endif
