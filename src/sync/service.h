/* What the calls of the admin API share: the store, the writer, each worker's snapshot, and
 * those who watch. */
#ifndef SP_SYNC_SERVICE_H
#define SP_SYNC_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "admin/admin.h"
#include "core/forwarded.h"
#include "daemon/callers.h"
#include "daemon/health_pages.h"
#include "daemon/metrics_listener.h"
#include "daemon/watchdog.h"
#include "http/server.h"
#include "rpc/server.h"
#include "source/source.h"
#include "store/lmdb/environment.h"
#include "sync/metrics.h"
#include "sync/readers.h"
#include "sync/usage.h"
#include "sync/watch_list.h"
#include "sync/worker_slots.h"
#include "sync/writer.h"

enum {
    SP_SYNC_MAX_TASKS = 4,                      /* backups and dry runs at a time */
    SP_SYNC_MAX_METHODS = SP_ADMIN_METHODS + 1, /* and that for reports of last uses */
};

struct sp_connect;

struct sp_sync_worker {
    _Alignas(64) struct sp_snapshot *snapshot; /* NULL until the worker's first read */
    bool is_filled;                            /* the store was seen with something in it */
};

/* A method of the table, as its handler gets it. */
struct sp_sync_method {
    struct sp_sync *sync;
    const struct sp_admin_method *method;
};

struct sp_sync {
    struct sp_store *store;
    struct sp_callers *callers; /* roles of servers that report; NULL unless the server is open */
    const char *store_path;
    struct sp_sync_usage *usage; /* set before the first call; NULL: last uses are neither kept nor accepted */
    struct sp_source *source;    /* NULL: the store does not follow another source */
    struct sp_writer *writer;
    struct sp_readers *readers; /* while the server is open */
    struct sp_sync_metrics *metrics;
    const struct sp_rpc_server *rpc;     /* set before the HTTP server starts, and valid until it has ended */
    struct sp_connect *connect;          /* set before the next; NULL: none */
    struct sp_http_server *http;         /* set before its thread starts; NULL: none */
    struct sp_health_pages health_pages; /* of `http`, set with it */
    struct sp_http_server *metrics_http;
    struct sp_metrics_listener metrics_listener;
    struct sp_watchdog *watchdog; /* set before that too */
    struct sp_sync_worker workers[SP_SYNC_WORKER_SLOTS];
    struct sp_sync_method methods[SP_ADMIN_METHODS];
    struct sp_forwarded_trust trust; /* set before the first call; zeroed: an address is the connection's peer */
    struct sp_watch_list watches;
    atomic_bool ready;    /* calls are served: the same as the health service answers */
    pthread_mutex_t lock; /* guards `tasks` */
    pthread_cond_t task_ended;
    unsigned tasks; /* threads of backups and dry runs */
};

struct sp_sync_options {
    int64_t keep_changes_s; /* as the next, of sp_writer_options */
    uint64_t keep_changes_bytes;
    uint64_t reserve_bytes;
    struct sp_allowance_limits allowance;
};

/* Takes an opened store and what it follows (or NULL), and starts its writer. Call sp_sync_fini
 * even after a failure. */
enum sp_status sp_sync_init(struct sp_sync *sync, struct sp_store *store, struct sp_source *source,
                            const char *store_path, const struct sp_sync_options *options,
                            struct sp_error *error) SP_MUST_USE;
/* Finishes queued mutations and answers them, for at most `wait_ms`; new ones are UNAVAILABLE. */
void sp_sync_stop_writing(struct sp_sync *sync, unsigned wait_ms);
/* After the server has stopped. False if a task still reads the store, which then must not be
 * closed. */
bool sp_sync_fini(struct sp_sync *sync);

/* Closes a worker's snapshot, on its thread. For sp_rpc_server_options. */
void sp_sync_worker_stopping(unsigned worker, void *sync);

/* Begins to read the newest revision, on the thread of the worker slot. Release it before waiting
 * for anything. SP_ERR_UNAVAILABLE: the store follows etcd and holds nothing yet, so that no key is
 * known. */
enum sp_status sp_sync_acquire(struct sp_sync *sync, unsigned worker, struct sp_snapshot **ret_snapshot,
                               struct sp_error *error) SP_MUST_USE;

/* The same, whatever the store holds. */
enum sp_status sp_sync_acquire_any(struct sp_sync *sync, unsigned worker, struct sp_snapshot **ret_snapshot,
                                   struct sp_error *error) SP_MUST_USE;

/* Counts a call that ended with `status`, on a worker's thread; or on the writer's, with
 * SP_SYNC_WRITER_SHARD. */
void sp_sync_count_call(const struct sp_sync_method *of, unsigned shard, enum sp_status status);

#endif
