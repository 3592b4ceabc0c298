#include "store/records/snapshot.h"

#include <stdlib.h>

#include "store/lmdb/reader.h"
#include "store/records/head.h"
#include "store/records/places.h"
#include "store/records/settings_cache.h"

struct sp_snapshot {
    struct sp_reader reader;
    struct sp_view_memory memory;
    struct sp_kept kept;
    struct sp_places places;
};

enum sp_status sp_snapshot_open(struct sp_store *store, struct sp_snapshot **ret_snapshot) {
    struct sp_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (snapshot == NULL)
        return SP_ERR_MEMORY;
    snapshot->memory.kept = &snapshot->kept;
    snapshot->memory.places = &snapshot->places;
    snapshot->reader.view.memory = &snapshot->memory;
    enum sp_status status = sp_reader_init(&snapshot->reader, store);
    if (status != SP_OK) {
        sp_snapshot_close(snapshot);
        return status;
    }
    *ret_snapshot = snapshot;
    return SP_OK;
}

void sp_snapshot_close(struct sp_snapshot *snapshot) {
    if (snapshot == NULL)
        return;
    sp_reader_fini(&snapshot->reader);
    free(snapshot);
}

enum sp_status sp_snapshot_acquire(struct sp_snapshot *snapshot) {
    return sp_reader_acquire(&snapshot->reader);
}

void sp_snapshot_release(struct sp_snapshot *snapshot) {
    sp_reader_release(&snapshot->reader);
}

enum sp_status sp_snapshot_begin(struct sp_store *store, struct sp_snapshot **ret_snapshot) {
    struct sp_snapshot *snapshot;
    enum sp_status status = sp_snapshot_open(store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_acquire(snapshot);
    if (status != SP_OK) {
        sp_snapshot_close(snapshot);
        return status;
    }
    *ret_snapshot = snapshot;
    return SP_OK;
}

void sp_snapshot_end(struct sp_snapshot *snapshot) {
    if (snapshot == NULL)
        return;
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
}

enum sp_status sp_store_newest_revision(struct sp_store *store, struct sp_revision *ret_revision) {
    struct sp_snapshot *snapshot;
    enum sp_status status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
    sp_snapshot_end(snapshot);
    return status;
}

struct sp_view *sp_snapshot_view(struct sp_snapshot *snapshot) {
    return &snapshot->reader.view;
}
