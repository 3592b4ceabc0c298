/* What the calls of the admin API share: the store, the writer, each worker's snapshot, and those who watch. */
#ifndef SP_SYNC_SERVICE_H
#define SP_SYNC_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "admin/admin.h"
#include "core/forwarded.h"
#include "daemon/caller_admit.h"
#include "rpc/server.h"
#include "source/source.h"
#include "store/records/snapshot.h"
#include "sync/usage.h"
#include "sync/writer.h"

enum {
    SP_SYNC_MAX_WORKERS = 64,
    SP_SYNC_HTTP_WORKER = SP_SYNC_MAX_WORKERS, /* the slot of the HTTP server's thread */
    SP_SYNC_WORKER_SLOTS,
    SP_SYNC_WRITER_SHARD = SP_SYNC_WORKER_SLOTS, /* of the metrics */
    SP_SYNC_MAX_TASKS = 4,                       /* backups and dry runs at a time */
    SP_SYNC_MAX_METHODS = 64,
    SP_SYNC_ADDRESS_BYTES = 64,
    SP_SYNC_CREDENTIAL_BYTES = 513, /* the longest that is looked at, and one more */
};

struct sp_sync_worker {
    _Alignas(64) struct sp_snapshot *snapshot; /* NULL until the worker's first read */
};

/* A method of the table, as its handler gets it. */
struct sp_sync_method {
    struct sp_sync *sync;
    const struct sp_admin_method *method;
};

struct sp_watch;
struct sp_sync_metrics;

struct sp_sync {
    struct sp_store *store;
    struct sp_callers *callers; /* roles of those who report; of a running server */
    const char *store_path;
    struct sp_sync_usage *usage; /* set it before the first call; NULL: no last use is kept, nor taken */
    struct sp_source *source;    /* NULL: the store is the truth itself */
    struct sp_writer *writer;
    struct sp_sync_metrics *metrics;
    const struct sp_rpc_server *rpc; /* set before the HTTP server starts, and there until it has ended */
    struct sp_sync_worker workers[SP_SYNC_WORKER_SLOTS];
    struct sp_sync_method methods[SP_SYNC_MAX_METHODS];
    size_t method_count;
    struct sp_forwarded_trust trust; /* set before the first call; zeroed: an address is the connection's peer */
    pthread_mutex_t lock;            /* over what follows */
    pthread_cond_t task_ended;
    struct sp_watch *watches;
    unsigned tasks;    /* threads under way */
    atomic_bool ready; /* not under the lock: calls are served, as the health service says it */
};

/* An opened store, what it follows (or NULL), and its writer. Remove with fini. */
enum sp_status sp_sync_init(struct sp_sync *sync, struct sp_store *store, struct sp_source *source,
                            const char *store_path, int64_t keep_changes_s, struct sp_error *error) SP_MUST_USE;
/* Finishes queued mutations and answers them; new ones are UNAVAILABLE. */
void sp_sync_stop_writing(struct sp_sync *sync);
/* After the server has stopped. False where a task still reads the store, which then must not be closed. */
bool sp_sync_fini(struct sp_sync *sync);

/* The methods of the table, for sp_rpc_server_open; returns their number. */
size_t sp_sync_methods(struct sp_sync *sync, struct sp_rpc_method ret_methods[static SP_SYNC_MAX_METHODS]);

/* Closes a worker's snapshot, on its thread. For sp_rpc_server_options. */
void sp_sync_worker_stopping(unsigned worker, void *sync);

/* Begins to read the newest revision, on the thread of the worker slot. Release it before waiting for anything. */
enum sp_status sp_sync_acquire(struct sp_sync *sync, unsigned worker, struct sp_snapshot **ret_snapshot,
                               struct sp_error *error) SP_MUST_USE;

/* Who calls, copied: it may outlive the call. Holds a key's text: wipe it. */
struct sp_sync_caller {
    struct sp_admin_caller caller; /* points into this struct */
    struct sp_ip ip;
    char address[SP_SYNC_ADDRESS_BYTES];
    char credential[SP_SYNC_CREDENTIAL_BYTES];
};
/* The address is the client's by the trusted-proxy rule of core/forwarded.h. */
void sp_sync_caller_read(const struct sp_forwarded_trust *trust, struct sp_rpc_call *call,
                         struct sp_sync_caller *ret_caller);
/* The same, with where the use of its key is noted. */
void sp_sync_caller_of(const struct sp_sync *sync, struct sp_rpc_call *call, struct sp_sync_caller *ret_caller);
void sp_sync_caller_wipe(struct sp_sync_caller *caller);

/* The streaming methods, by file; their user is a struct sp_sync_method. */
extern const struct sp_rpc_stream_ops sp_sync_watch_ops;  /* watch.c */
extern const struct sp_rpc_stream_ops sp_sync_backup_ops; /* backup.c */
extern const struct sp_rpc_stream_ops sp_sync_import_ops; /* import.c */

/* How many watch. Any thread. */
size_t sp_sync_watch_count(struct sp_sync *sync);

/* Wakes all who watch. Any thread. For sp_writer_options. */
void sp_sync_wake_watches(void *sync);

#endif
