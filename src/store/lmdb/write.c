#include <stdio.h>
#include <stdlib.h>

#include "store/lmdb/view.h"
#include "store/records/entity.h"
#include "store/records/journal.h"

/* ---- begin, commit, abort ---- */

static void free_write(struct sp_write *write) {
    sp_turn_end(&write->turn);
    sp_turn_leave(write->view.store, &write->turn);
    free(write);
}

static int begin(struct sp_write *write) {
    struct sp_store *store = write->view.store;
    sp_turn_begin(store, &write->turn);
    int code = mdb_txn_begin(store->env, NULL, 0, &write->view.txn);
    if (code != MDB_SUCCESS)
        sp_turn_end(&write->turn);
    return code;
}

enum sp_status sp_write_begin(struct sp_store *store, struct sp_write **ret_write, struct sp_error *error) {
    if (store->mode != SP_STORE_WRITE)
        return sp_error_set(error, SP_ERR_PRECONDITION, "the store was opened for reading only");
    struct sp_write *write = calloc(1, sizeof *write);
    if (write == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    write->view.store = store;
    write->view.writing = true;
    sp_turn_join(store, &write->turn);
    int code = begin(write);
    while (code == MDB_MAP_RESIZED) {
        code = sp_store_remap(store);
        if (code != MDB_SUCCESS)
            break;
        code = begin(write);
    }
    if (code != MDB_SUCCESS) {
        free_write(write);
        return sp_lmdb_error(error, code, "begin a write");
    }
    *ret_write = write;
    return SP_OK;
}

struct sp_view *sp_write_view(struct sp_write *write) {
    return &write->view;
}

/* Whether what snapshots keep between acquires may have changed (settings_cache.h). */
static void look_at_settings(struct sp_write *write, enum sp_database database, struct sp_bytes key) {
    if (database == SP_DB_ACTION || database == SP_DB_WORKSPACE ||
        (database == SP_DB_ENTITY && key.size > 0 && key.data[0] == SP_KIND_SCHEMA))
        write->settings_touched = true;
    write->policy_touched |= database == SP_DB_ENTITY;
}

static void note(struct sp_write *write, enum sp_database database, struct sp_bytes key, struct sp_bytes value,
                 bool deleted) {
    if (write->journal != NULL)
        sp_journal_note(write->journal, database, key, value, deleted);
}

static enum sp_status move_settings_version(struct sp_write *write) {
    struct sp_head head;
    enum sp_status status = sp_view_head(&write->view, &head);
    if (status != SP_OK)
        return status;
    head.settings_version++;
    return sp_write_head(write, &head);
}

size_t sp_write_state(const struct sp_write *write) {
    return mdb_txn_id(write->view.txn);
}

uint64_t sp_write_operations(const struct sp_write *write) {
    return write->operations;
}

bool sp_write_refuse(struct sp_write *write, uint64_t operations_before) {
    write->refused |= write->operations != operations_before;
    return !write->refused;
}

enum sp_status sp_write_check(const struct sp_write *write, struct sp_error *error) {
    if (write->failed != MDB_SUCCESS)
        return sp_lmdb_error(error, write->failed, "write to the store");
    if (write->refused)
        return sp_error_set(error, SP_ERR_INTERNAL, "cannot commit: the write holds part of a refused change");
    if (write->unaccounted)
        return sp_error_set(error, SP_ERR_INTERNAL, "cannot commit: the write holds entities that no change lists");
    return SP_OK;
}

enum sp_status sp_write_commit(struct sp_write *write, struct sp_error *error) {
    if (write->settings_touched && write->failed == MDB_SUCCESS && move_settings_version(write) == SP_ERR_CORRUPT) {
        sp_write_abort(write);
        return sp_error_set(error, SP_ERR_CORRUPT, "the store's head is damaged: restore a backup");
    }
    enum sp_status status = sp_write_check(write, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    if (write->policy_touched && !write->moved && sp_view_must_not_change(&write->view)) {
        sp_write_abort(write);
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "this store follows etcd, and changes are made there: say --source as `serve` does");
    }
    int code = mdb_txn_commit(write->view.txn);
    free_write(write);
    return sp_lmdb_error(error, code, "commit to the store");
}

void sp_write_abort(struct sp_write *write) {
    if (write == NULL)
        return;
    mdb_txn_abort(write->view.txn);
    free_write(write);
}

/* ---- changes ---- */

static enum sp_status settle(struct sp_write *write, int code) {
    write->operations += code == MDB_SUCCESS;
    if (code != MDB_SUCCESS && write->failed == MDB_SUCCESS)
        write->failed = code;
    return sp_lmdb_status(write->failed != MDB_SUCCESS ? write->failed : code);
}

enum sp_status sp_write_failure(const struct sp_write *write, struct sp_error *error) {
    return sp_lmdb_error(error, write->failed, "write to the store");
}

enum sp_status sp_write_put(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                            struct sp_bytes value, unsigned flags) {
    look_at_settings(write, database, key);
    MDB_val key_val = sp_val(key);
    MDB_val value_val = sp_val(value);
    int code = mdb_put(write->view.txn, write->view.store->databases[database], &key_val, &value_val, flags);
    if (code == MDB_SUCCESS)
        note(write, database, key, value, false);
    return code == MDB_KEYEXIST ? SP_ERR_EXISTS : settle(write, code);
}

enum sp_status sp_write_put_new(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                                struct sp_bytes value, struct sp_bytes *ret_there) {
    look_at_settings(write, database, key);
    MDB_val key_val = sp_val(key);
    MDB_val value_val = sp_val(value);
    int code = mdb_put(write->view.txn, write->view.store->databases[database], &key_val, &value_val, MDB_NOOVERWRITE);
    if (code == MDB_SUCCESS)
        note(write, database, key, value, false);
    if (code != MDB_KEYEXIST)
        return settle(write, code);
    *ret_there = sp_val_bytes(&value_val);
    return SP_ERR_EXISTS;
}

enum sp_status sp_write_remove(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                               const struct sp_bytes *value) {
    look_at_settings(write, database, key);
    MDB_val key_val = sp_val(key);
    MDB_val value_val = value != NULL ? sp_val(*value) : (MDB_val){0, NULL};
    int code =
        mdb_del(write->view.txn, write->view.store->databases[database], &key_val, value != NULL ? &value_val : NULL);
    if (code == MDB_SUCCESS)
        note(write, database, key, (struct sp_bytes){NULL, 0}, true);
    return code == MDB_NOTFOUND ? SP_ERR_NOT_FOUND : settle(write, code);
}

enum sp_status sp_write_empty(struct sp_write *write, enum sp_database database) {
    look_at_settings(write, database, (struct sp_bytes){NULL, 0});
    return settle(write, mdb_drop(write->view.txn, write->view.store->databases[database], 0));
}

/* ---- numbers ---- */

/* "next" holds the next subject number, then the next workspace number; a new store begins both with 1, because 0 is
 * the head of an edge list and the scope of global ids. */
static enum sp_status next_number(struct sp_write *write, size_t at, uint64_t *ret_number) {
    uint8_t next[16];
    struct sp_bytes there;
    enum sp_status status = sp_view_meta(&write->view, "next", &there);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    if (there.size != sizeof next)
        return SP_ERR_CORRUPT;
    memcpy(next, there.data, sizeof next);
    uint64_t number = sp_load_be64(next + at);
    if (number == 0 || number > SP_NUMBER_MAX)
        return SP_ERR_CORRUPT;
    sp_store_be64(next + at, number + 1);
    status = sp_write_meta(write, "next", (struct sp_bytes){next, sizeof next});
    if (status == SP_OK)
        *ret_number = number;
    return status;
}

enum sp_status sp_write_next_subject(struct sp_write *write, uint64_t *ret_number) {
    return next_number(write, 0, ret_number);
}

enum sp_status sp_write_next_workspace(struct sp_write *write, uint64_t *ret_number) {
    return next_number(write, 8, ret_number);
}
