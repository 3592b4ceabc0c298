#include "store/records/write.h"

#include <stdlib.h>

#include "base/clock.h"
#include "core/multiset_hash.h"
#include "store/records/edit.h"
#include "store/records/followed_source.h"
#include "store/records/store_time.h"

/* ---- begin, commit, abort ---- */

enum sp_status sp_write_begin(struct sp_store *store, struct sp_write **ret_write, struct sp_error *error) {
    struct sp_write *write = calloc(1, sizeof(*write));
    if (write == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_transaction_begin(&write->transaction, store, error);
    if (status != SP_OK) {
        free(write);
        return status;
    }
    write->transaction.view.memory = &write->memory;
    *ret_write = write;
    return SP_OK;
}

static void free_write(struct sp_write *write) {
    sp_expander_free(write->expander);
    free(write);
}

void sp_write_abort(struct sp_write *write) {
    if (write == NULL)
        return;
    sp_transaction_abort(&write->transaction);
    free_write(write);
}

struct sp_view *sp_write_view(struct sp_write *write) {
    return &write->transaction.view;
}

size_t sp_write_state(const struct sp_write *write) {
    return mdb_txn_id(write->transaction.view.txn);
}

uint64_t sp_write_operations(const struct sp_write *write) {
    return write->transaction.operations;
}

uint64_t sp_write_bytes(const struct sp_write *write) {
    return write->transaction.bytes;
}

enum sp_status sp_write_most_growth(const struct sp_write *write, uint64_t *ret_bytes) {
    return sp_transaction_most_growth(&write->transaction, ret_bytes);
}

bool sp_write_refuse(struct sp_write *write, uint64_t operations_before) {
    write->refused |= write->transaction.operations != operations_before;
    return !write->refused;
}

enum sp_status sp_write_check(const struct sp_write *write, struct sp_error *error) {
    enum sp_status failure = sp_write_failure(write, error);
    if (failure != SP_OK)
        return failure;
    if (write->refused)
        return sp_error_set(error, SP_ERR_INTERNAL, "cannot commit: the write holds part of a refused change");
    if (write->unaccounted)
        return sp_error_set(error, SP_ERR_INTERNAL, "cannot commit: the write holds entities that no change lists");
    return SP_OK;
}

/* Every commit writes the head, which thereby says of which transaction it is. */
static enum sp_status finish_head(struct sp_write *write) {
    struct sp_head head;
    enum sp_status status = sp_view_head(sp_write_view(write), &head);
    if (status != SP_OK)
        return status;
    status = sp_write_move_time(write, &head, sp_clock_now_s());
    if (status != SP_OK)
        return status;
    if (write->settings_touched)
        head.settings_version++;
    return sp_write_head(write, &head);
}

static enum sp_status prepare_commit(struct sp_write *write, struct sp_error *error) {
    enum sp_status status = SP_OK;
    if (write->transaction.operations > 0 && write->transaction.failed == MDB_SUCCESS)
        status = finish_head(write);
    if (status != SP_OK && write->transaction.failed == MDB_SUCCESS)
        return sp_error_set(error, status, "cannot read the store's head: restore a backup");
    status = sp_write_check(write, error);
    if (status != SP_OK)
        return status;
    if (write->policy_touched && !write->moved && sp_view_must_not_change(sp_write_view(write)))
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "this store follows etcd, and changes are made there: give --source as for `serve`");
    return SP_OK;
}

enum sp_status sp_write_commit(struct sp_write *write, struct sp_error *error) {
    enum sp_status status = prepare_commit(write, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    status = sp_transaction_commit(&write->transaction, error);
    free_write(write);
    return status;
}

enum sp_status sp_write_synced_at(struct sp_write *write, int64_t synced_at_s) {
    struct sp_head head;
    enum sp_status status = sp_view_head(sp_write_view(write), &head);
    if (status != SP_OK)
        return status;
    head.synced_at_s = synced_at_s;
    return sp_write_head(write, &head);
}

/* ---- notes for the source of truth ---- */

enum sp_status sp_write_note(struct sp_write *write, struct sp_arena *arena) {
    struct sp_journal *journal = sp_arena_calloc(arena, 1, sizeof(*journal));
    if (journal == NULL)
        return SP_ERR_MEMORY;
    journal->arena = arena;
    write->journal = journal;
    return SP_OK;
}

void sp_write_noted_size(const struct sp_write *write, size_t *ret_count, size_t *ret_bytes) {
    *ret_count = write->journal == NULL ? 0 : write->journal->count;
    *ret_bytes = write->journal == NULL ? 0 : write->journal->bytes;
}

enum sp_status sp_write_noted(struct sp_write *write, struct sp_replica_record **ret_records, size_t *ret_count) {
    if (sp_write_check(write, NULL) != SP_OK)
        return SP_ERR_INTERNAL;
    if (write->journal == NULL)
        return SP_ERR_MEMORY;
    return sp_journal_collect(write->journal, ret_records, ret_count);
}
