/* Inside the store: putting and removing records in a write. Each edit notes what the commit
 * must know: whether policy or settings were touched, and, if notes are taken, the record. */
#ifndef SP_STORE_RECORDS_EDIT_H
#define SP_STORE_RECORDS_EDIT_H

#include "store/lmdb/transaction.h"
#include "store/records/head.h"
#include "store/records/journal.h"

struct sp_write {
    struct sp_transaction transaction;
    struct sp_view_memory memory;
    bool refused;                 /* it holds writes of work that was refused: it can only be aborted */
    bool unaccounted;             /* entities were flushed whose change is not written yet: likewise until it is */
    bool settings_touched;        /* the commit moves the settings version on */
    bool policy_touched;          /* entities were put or deleted */
    bool moved;                   /* and the source has them (replica/cursor.h) */
    struct sp_journal *journal;   /* notes of what is put and deleted; NULL: none are taken */
    struct sp_expander *expander; /* of elements of the entity set; NULL: not needed yet */
};

/* As sp_transaction_put, _put_new, _remove, _empty and _failure. */
enum sp_status sp_write_put(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                            struct sp_bytes value, unsigned flags) SP_MUST_USE;
enum sp_status sp_write_put_new(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                                struct sp_bytes value, struct sp_bytes *ret_there) SP_MUST_USE;
enum sp_status sp_write_remove(struct sp_write *write, enum sp_database database, struct sp_bytes key,
                               const struct sp_bytes *value) SP_MUST_USE;
enum sp_status sp_write_empty(struct sp_write *write, enum sp_database database) SP_MUST_USE;
enum sp_status sp_write_failure(const struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* As sp_write_remove of all duplicates; SP_OK even if there is no such record. */
enum sp_status sp_write_remove_any(struct sp_write *write, enum sp_database database, struct sp_bytes key) SP_MUST_USE;

enum sp_status sp_write_head(struct sp_write *write, const struct sp_head *head) SP_MUST_USE;
enum sp_status sp_write_meta(struct sp_write *write, const char *name, struct sp_bytes value) SP_MUST_USE;
/* SP_OK even if there is no such record. */
enum sp_status sp_write_remove_meta(struct sp_write *write, const char *name) SP_MUST_USE;

#endif
