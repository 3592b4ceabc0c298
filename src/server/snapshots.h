/* The store, once it is open, and what each worker holds of it: a snapshot, compiled routes, and
 * its decision ids. */
#ifndef SP_SERVER_SNAPSHOTS_H
#define SP_SERVER_SNAPSHOTS_H

#include <stdatomic.h>

#include "decide/routes.h"
#include "server/decision_id.h"
#include "server/worker_slots.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/view.h"
#include "store/records/head.h"

/* Used by its worker's thread only, and aligned so that no two share a cache line. */
struct sp_server_worker {
    _Alignas(64) struct sp_snapshot *snapshot; /* NULL until the worker's first call */
    struct sp_decision_ids ids;
    struct sp_route_reader routes;
};

struct sp_snapshots {
    _Atomic(struct sp_store *) store; /* NULL until it was opened */
    atomic_bool lost;                 /* its files are no longer those at its path */
    struct sp_route_source *routes;
    struct sp_server_worker workers[SP_SERVER_WORKER_SLOTS];
};

/* Zeroed storage. SP_ERR_IO if the kernel provides no random bytes; SP_ERR_MEMORY. Free with
 * sp_snapshots_fini either way. */
enum sp_status sp_snapshots_init(struct sp_snapshots *snapshots) SP_MUST_USE;

/* Closes the store. After every worker left. */
void sp_snapshots_fini(struct sp_snapshots *snapshots);

/* Opens the store in the folder `path`, and proves that it holds a revision. SP_ERR_NOT_FOUND:
 * there is no store yet; SP_ERR_UNAVAILABLE: it is still being filled. */
enum sp_status sp_snapshots_open_store(struct sp_snapshots *snapshots, const char *path,
                                       struct sp_revision *ret_revision, struct sp_error *error) SP_MUST_USE;

/* Checks that the store's files are still those that were opened; after the first failure nothing
 * is read from it any more. SP_ERR_UNAVAILABLE, naming what was replaced. Any thread. */
enum sp_status sp_snapshots_check_files(struct sp_snapshots *snapshots, struct sp_error *error) SP_MUST_USE;

/* Begins to read the newest revision, on the thread of the worker slot; end with
 * sp_snapshot_release. SP_ERR_UNAVAILABLE until the store is open, and once
 * its files were replaced. */
enum sp_status sp_snapshots_acquire(struct sp_snapshots *snapshots, unsigned worker, struct sp_snapshot **ret_snapshot,
                                    struct sp_error *error) SP_MUST_USE;

/* The schema's routes at the view's revision, on the thread of the worker slot
 * (decide/routes.h). */
enum sp_status sp_snapshots_routes(struct sp_snapshots *snapshots, unsigned worker, struct sp_view *view,
                                   const struct sp_routes **ret_routes) SP_MUST_USE;

/* Closes what the worker holds, on its thread when it ends. */
void sp_snapshots_leave(struct sp_snapshots *snapshots, unsigned worker);

#endif
