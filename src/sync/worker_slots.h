/* The threads of sallyport-sync that have a snapshot and a shard of the metrics each. */
#ifndef SP_SYNC_WORKER_SLOTS_H
#define SP_SYNC_WORKER_SLOTS_H

enum {
    SP_SYNC_MAX_WORKERS = 64,
    SP_SYNC_METRICS_WORKER = SP_SYNC_MAX_WORKERS, /* the thread of the HTTP server for metrics */
    SP_SYNC_CONNECT_WORKER,                       /* Connect's thread */
    SP_SYNC_READER,                               /* the first thread of sync/readers.h */
    SP_SYNC_MAX_READERS = SP_SYNC_MAX_WORKERS,
    SP_SYNC_WORKER_SLOTS = SP_SYNC_READER + SP_SYNC_MAX_READERS, /* how many have a snapshot */
    SP_SYNC_WRITER_SHARD = SP_SYNC_WORKER_SLOTS,                 /* the writer's thread, of the metrics only */
    SP_SYNC_METRIC_SHARDS,
};

#endif
