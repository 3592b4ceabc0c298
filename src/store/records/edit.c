#include "store/records/edit.h"

#include "store/records/meta.h"

/* Whether the record is one of those that snapshots keep from one acquire to the next
 * (settings_cache.h). */
static bool is_kept_setting(enum sp_database database, struct sp_bytes key) {
    switch ((int)database) {
    case SP_DB_ACTION:
    case SP_DB_WORKSPACE:
        return true;
    case SP_DB_ENTITY:
        return key.size > 0 && key.data[0] == SP_KIND_SCHEMA;
    case SP_DB_META:
        return sp_bytes_equal(key, sp_meta_key("prefixes")) || sp_bytes_equal(key, sp_meta_key("foreign"));
    default:
        return false;
    }
}

static void note_touched(struct sp_write *write, enum sp_database database, struct sp_bytes key) {
    write->settings_touched |= is_kept_setting(database, key);
    write->policy_touched |= database == SP_DB_ENTITY;
}

static void note_edit(struct sp_write *write, enum sp_database database, struct sp_bytes key, struct sp_bytes value,
                      bool deleted) {
    note_touched(write, database, key);
    if (write->journal != NULL)
        sp_journal_note(write->journal, database, key, value, deleted);
}

enum sp_status sp_write_put(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                            struct sp_bytes value, unsigned flags) {
    enum sp_status status = sp_transaction_put(&write->transaction, database, key, value, flags);
    if (status != SP_OK)
        return status;
    note_edit(write, database, key, value, false);
    return SP_OK;
}

enum sp_status sp_write_put_new(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                                struct sp_bytes value, struct sp_bytes *ret_there) {
    enum sp_status status = sp_transaction_put_new(&write->transaction, database, key, value, ret_there);
    if (status != SP_OK)
        return status;
    note_edit(write, database, key, value, false);
    return SP_OK;
}

enum sp_status sp_write_remove(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                               const struct sp_bytes *value) {
    enum sp_status status = sp_transaction_remove(&write->transaction, database, key, value);
    if (status != SP_OK)
        return status;
    note_edit(write, database, key, (struct sp_bytes){NULL, 0}, true);
    return SP_OK;
}

enum sp_status sp_write_remove_any(struct sp_write *write, enum sp_database database, struct sp_bytes key) {
    enum sp_status status = sp_write_remove(write, database, key, NULL);
    return status == SP_ERR_NOT_FOUND ? SP_OK : status;
}

enum sp_status sp_write_empty(struct sp_write *write, enum sp_database database) {
    note_touched(write, database, (struct sp_bytes){NULL, 0});
    return sp_transaction_empty(&write->transaction, database);
}

enum sp_status sp_write_failure(const struct sp_write *write, struct sp_error *error) {
    return sp_transaction_failure(&write->transaction, error);
}

enum sp_status sp_write_meta(struct sp_write *write, const char *name, struct sp_bytes value) {
    return sp_write_put(write, SP_DB_META, sp_meta_key(name), value, 0);
}

enum sp_status sp_write_remove_meta(struct sp_write *write, const char *name) {
    return sp_write_remove_any(write, SP_DB_META, sp_meta_key(name));
}

enum sp_status sp_write_head(struct sp_write *write, const struct sp_head *head) {
    uint8_t record[SP_HEAD_BYTES];
    struct sp_head written = *head;
    written.transaction_id = mdb_txn_id(write->transaction.view.txn);
    sp_head_encode(&written, record);
    return sp_write_meta(write, "head", (struct sp_bytes){record, sizeof(record)});
}
