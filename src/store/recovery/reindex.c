#include "store/recovery/reindex.h"

#include <inttypes.h>

#include "store/records/change.h"
#include "store/records/derive.h"
#include "store/records/entity.h"
#include "store/records/entity_description.h"
#include "store/records/index_edit.h"
#include "store/records/write.h"
#include "wire/wire.h"

enum { ARENA_FIRST_BYTES = 64 * 1024, ARENA_BUDGET_BYTES = 64 * 1024 * 1024, PROGRESS_EVERY = 4096 };

struct rebuild {
    struct sp_index_edit edit;
    struct sp_arena arena;
    sp_progress *progress;
    void *progress_context;
    uint64_t done;
    uint64_t total;
};

static enum sp_status insert_derived(struct rebuild *rebuild, const struct sp_index_records *records) {
    for (size_t i = 0; i < records->count; i++) {
        enum sp_status status = sp_index_edit_insert(&rebuild->edit, &records->items[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* The walk over the entities continues while the indexes grow: they are other databases of the
 * same transaction. */
static enum sp_status index_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct rebuild *rebuild = context;
    struct sp_index_records records;
    ProtobufCMessage *message;
    sp_arena_reset(&rebuild->arena);
    enum sp_status status = sp_entity_decode(key, value, &rebuild->arena, &message);
    if (status == SP_OK)
        status = sp_derive(key, message, &rebuild->arena, &records, rebuild->edit.error);
    if (status != SP_OK) {
        char name[SP_DESCRIPTION_BYTES];
        sp_entity_describe(key, name);
        return sp_error_set(rebuild->edit.error, status, "cannot index %s: restore a backup or delete it", name);
    }
    if (rebuild->progress != NULL && ++rebuild->done % PROGRESS_EVERY == 0)
        rebuild->progress(rebuild->progress_context, "reindex", rebuild->done, rebuild->total);
    return insert_derived(rebuild, &records);
}

static enum sp_status empty_indexes(struct sp_write *write) {
    for (int database = SP_DB_FIRST_INDEX; database < SP_DATABASES; database++) {
        enum sp_status status = sp_write_empty(write, (enum sp_database)database);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status rebuild_indexes(struct rebuild *rebuild) {
    struct sp_write *write = rebuild->edit.write;
    enum sp_status status = sp_view_entries(&write->transaction.view, SP_DB_ENTITY, &rebuild->total);
    if (status != SP_OK)
        return sp_error_set(rebuild->edit.error, status, "cannot count the entities");
    status = empty_indexes(write);
    if (status != SP_OK)
        return sp_error_set(rebuild->edit.error, status, "cannot remove the old indexes");
    status = sp_entity_walk(&write->transaction.view, (struct sp_bytes){NULL, 0}, NULL, index_entity, rebuild);
    if (status != SP_OK)
        return status;
    status = sp_index_edit_flush(&rebuild->edit);
    if (status != SP_OK)
        return status;
    status = sp_change_rebuild_index(write, &rebuild->arena);
    if (status != SP_OK)
        return sp_error_set(rebuild->edit.error, status, "cannot index the changes by workspace");
    return SP_OK;
}

enum sp_status sp_write_reindex(struct sp_write *write, sp_progress *progress, void *context, struct sp_error *error) {
    struct rebuild rebuild = {.progress = progress, .progress_context = context};
    enum sp_status status = sp_arena_init(&rebuild.arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    rebuild.edit = (struct sp_index_edit){.write = write, .arena = &rebuild.arena, .error = error};
    status = rebuild_indexes(&rebuild);
    sp_arena_fini(&rebuild.arena);
    return status;
}

enum sp_status sp_store_reindex(struct sp_store *store, sp_progress *progress, void *context, struct sp_error *error) {
    struct sp_write *write;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_write_reindex(write, progress, context, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_write_commit(write, error);
}
