/* Inside the store: putting index records into their databases and taking them out. */
#ifndef SP_STORE_RECORDS_INDEX_EDIT_H
#define SP_STORE_RECORDS_INDEX_EDIT_H

#include "store/records/edit.h"
#include "store/records/index_build.h"

enum { SP_COUNTS = SP_COUNT_RESOURCES + 1 };

/* Edits of one write. Counts of the workspace being edited are gathered, because a bulk load
 * changes the same few over and over; flush before the write is read. */
struct sp_index_edit {
    struct sp_write *write;
    struct sp_arena *arena; /* for rebuilt key buckets */
    struct sp_error *error;
    bool without_keys;         /* the index of keys is left alone: it is built later (replica/fill.h) */
    uint64_t workspace_number; /* 0: nothing gathered */
    int64_t deltas[SP_COUNTS];
};

enum sp_status sp_index_edit_insert(struct sp_index_edit *edit, const struct sp_index_record *record) SP_MUST_USE;
enum sp_status sp_index_edit_remove(struct sp_index_edit *edit, const struct sp_index_record *record) SP_MUST_USE;

/* Makes the records of `before` those of `after`; both become sorted. */
enum sp_status sp_index_edit_replace(struct sp_index_edit *edit, struct sp_index_records *before,
                                     struct sp_index_records *after) SP_MUST_USE;

/* Whether inserting the record would be refused with SP_ERR_EXISTS. SP_ERR_CORRUPT. */
enum sp_status sp_index_edit_is_taken(struct sp_index_edit *edit, const struct sp_index_record *record,
                                      bool *ret_taken) SP_MUST_USE;

/* Whether inserting the one would be refused because of the other. */
bool sp_index_record_shares_place(const struct sp_index_record *a, const struct sp_index_record *b);

enum sp_status sp_index_edit_flush(struct sp_index_edit *edit) SP_MUST_USE;

#endif
