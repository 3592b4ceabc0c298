/* Write transactions: begun once, then committed or aborted. What is put into one: changeset.h
 * and the other headers of this folder.
 *
 * A write waits for the one before, also across processes. One thread at a time. */
#ifndef SP_STORE_RECORDS_WRITE_H
#define SP_STORE_RECORDS_WRITE_H

#include "store/lmdb/store.h"
#include "store/records/journal.h"

struct sp_write;

/* Waits for the write lock. */
enum sp_status sp_write_begin(struct sp_store *store, struct sp_write **ret_write, struct sp_error *error) SP_MUST_USE;
struct sp_view *sp_write_view(struct sp_write *write);

/* The state that the write began from: two writes of one store have the same number if nothing
 * was committed in between. */
size_t sp_write_state(const struct sp_write *write);

/* How much the write has done so far: a number that every put and delete raises. */
uint64_t sp_write_operations(const struct sp_write *write);

/* How many bytes of keys and values it has put so far. */
uint64_t sp_write_bytes(const struct sp_write *write);

/* How many bytes of pages the write may take at most: an estimate on the high side. */
enum sp_status sp_write_most_growth(const struct sp_write *write, uint64_t *ret_bytes) SP_MUST_USE;

/* Refuses the work done since the write was at `operations_before`. True if that work wrote
 * nothing, so that the write may go on without it; false if it wrote: from then on the write
 * cannot be committed, only aborted. Everything that may fail inside a write that others share
 * ends with this when it fails. */
bool sp_write_refuse(struct sp_write *write, uint64_t operations_before);

/* Why the write cannot be committed; SP_OK if it can. SP_ERR_INTERNAL: it holds part of a
 * refused change, or entities that no change lists. */
enum sp_status sp_write_check(const struct sp_write *write, struct sp_error *error) SP_MUST_USE;

/* Makes everything durable and visible at once, or nothing. Frees the write either way. As
 * sp_write_check; SP_ERR_PRECONDITION: it changes a store that follows etcd, past etcd;
 * SP_ERR_EXHAUSTED: the map is full (the message explains how to grow it). */
enum sp_status sp_write_commit(struct sp_write *write, struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_write_abort(struct sp_write *write);

/* Sets when the writer was last in step with the source of truth. No revision is assigned. */
enum sp_status sp_write_synced_at(struct sp_write *write, int64_t synced_at_s) SP_MUST_USE;

/* ---- notes for the source of truth ---- */

/* From now on the write notes what it puts and deletes, in `arena`, which must outlive it.
 * SP_ERR_MEMORY. */
enum sp_status sp_write_note(struct sp_write *write, struct sp_arena *arena) SP_MUST_USE;

/* How many notes there are so far, and their bytes; one record may have several. */
void sp_write_noted_size(const struct sp_write *write, size_t *ret_count, size_t *ret_bytes);

/* What the write comes to: each record once, in the order of spaces and keys, in the arena.
 * SP_ERR_INTERNAL: the write cannot be committed (sp_write_check), so nothing of it may be sent
 * anywhere; SP_ERR_MEMORY: a note could not be kept, and the write must be aborted. */
enum sp_status sp_write_noted(struct sp_write *write, struct sp_replica_record **ret_records,
                              size_t *ret_count) SP_MUST_USE;

#endif
