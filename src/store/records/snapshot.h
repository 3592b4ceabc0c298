/* Snapshots: one consistent, committed state of the store to read from. */
#ifndef SP_STORE_RECORDS_SNAPSHOT_H
#define SP_STORE_RECORDS_SNAPSHOT_H

#include "store/lmdb/store.h"

struct sp_snapshot;
struct sp_revision; /* store/records/head.h */

/* Makes a reader with one long-lived transaction and its cursors, not yet begun. One a thread.
 * SP_ERR_EXHAUSTED: every reader slot is taken. */
enum sp_status sp_snapshot_open(struct sp_store *store, struct sp_snapshot **ret_snapshot) SP_MUST_USE;
/* NULL is allowed. */
void sp_snapshot_close(struct sp_snapshot *snapshot);

/* Begins to read the newest committed state. Allocates nothing. If another process grew the map,
 * waits for the process's other snapshots to be released and remaps; SP_ERR_UNAVAILABLE if that
 * takes more than a second. Must be released before the thread waits for anything, and before it
 * begins a write. */
enum sp_status sp_snapshot_acquire(struct sp_snapshot *snapshot) SP_MUST_USE;
void sp_snapshot_release(struct sp_snapshot *snapshot);

/* A snapshot for one reading: opens and acquires it. */
enum sp_status sp_snapshot_begin(struct sp_store *store, struct sp_snapshot **ret_snapshot) SP_MUST_USE;
/* Releases and closes what sp_snapshot_begin made. NULL is allowed. */
void sp_snapshot_end(struct sp_snapshot *snapshot);

/* The revision of the newest committed state. */
enum sp_status sp_store_newest_revision(struct sp_store *store, struct sp_revision *ret_revision) SP_MUST_USE;

/* The view of an acquired snapshot. */
struct sp_view *sp_snapshot_view(struct sp_snapshot *snapshot);

#endif
