#include "server/snapshots.h"

#include "base/random.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"

enum sp_status sp_snapshots_init(struct sp_snapshots *snapshots) {
    uint64_t process = 0;
    enum sp_status status = sp_random_fill((uint8_t *)&process, sizeof(process));
    if (status != SP_OK)
        return status;
    for (unsigned i = 0; i < SP_SERVER_WORKER_SLOTS; i++)
        snapshots->workers[i].ids = (struct sp_decision_ids){.process = process, .worker = i};
    return sp_route_source_create(&snapshots->routes);
}

void sp_snapshots_fini(struct sp_snapshots *snapshots) {
    sp_store_close(atomic_load(&snapshots->store));
    atomic_store(&snapshots->store, NULL);
    sp_route_source_free(snapshots->routes);
    snapshots->routes = NULL;
}

enum sp_status sp_snapshots_open_store(struct sp_snapshots *snapshots, const char *path,
                                       struct sp_revision *ret_revision, struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    struct sp_store *store = NULL;
    enum sp_status status = sp_store_open(path, &options, &store, error);
    if (status != SP_OK)
        return status;
    status = sp_store_newest_revision(store, ret_revision);
    if (status != SP_OK) {
        sp_store_close(store);
        return sp_error_set(error, status, "cannot read a revision from the store in %s (%s)", path,
                            sp_status_name(status));
    }
    if (ret_revision->number == 0) {
        sp_store_close(store);
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the store in %s is still being filled by sallyport-sync", path);
    }
    atomic_store(&snapshots->store, store);
    return SP_OK;
}

enum sp_status sp_snapshots_check_files(struct sp_snapshots *snapshots, struct sp_error *error) {
    const struct sp_store *store = atomic_load(&snapshots->store);
    if (store == NULL)
        return SP_OK;
    enum sp_status status = sp_store_check_files(store, error);
    if (status != SP_OK)
        atomic_store(&snapshots->lost, true);
    return status;
}

static enum sp_status open_worker_snapshot(struct sp_snapshots *snapshots, struct sp_server_worker *worker,
                                           struct sp_error *error) {
    struct sp_store *store = atomic_load(&snapshots->store);
    if (store == NULL)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the store is not open yet: try again");
    enum sp_status status = sp_snapshot_open(store, &worker->snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store cannot be read right now: try again");
    return SP_OK;
}

enum sp_status sp_snapshots_acquire(struct sp_snapshots *snapshots, unsigned slot, struct sp_snapshot **ret_snapshot,
                                    struct sp_error *error) {
    struct sp_server_worker *worker = &snapshots->workers[slot];
    if (atomic_load_explicit(&snapshots->lost, memory_order_relaxed))
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "the store's files were replaced: this server is stopping");
    if (worker->snapshot == NULL) {
        enum sp_status status = open_worker_snapshot(snapshots, worker, error);
        if (status != SP_OK)
            return status;
    }
    enum sp_status status = sp_snapshot_acquire(worker->snapshot);
    if (status != SP_OK)
        return sp_error_set(error, status, "the store cannot be read right now: try again");
    *ret_snapshot = worker->snapshot;
    return SP_OK;
}

enum sp_status sp_snapshots_routes(struct sp_snapshots *snapshots, unsigned worker, struct sp_view *view,
                                   const struct sp_routes **ret_routes) {
    return sp_routes_at(snapshots->routes, &snapshots->workers[worker].routes, view, ret_routes);
}

void sp_snapshots_leave(struct sp_snapshots *snapshots, unsigned slot) {
    struct sp_server_worker *worker = &snapshots->workers[slot];
    sp_snapshot_close(worker->snapshot);
    worker->snapshot = NULL;
    sp_route_reader_close(snapshots->routes, &worker->routes);
}
