/* Inside the store: a reader's long-lived transaction. What a decision pays here: one renewed
 * and one reset transaction, and one atomic exchange. */
#ifndef SP_STORE_LMDB_READER_H
#define SP_STORE_LMDB_READER_H

#include "store/lmdb/turns.h"
#include "store/lmdb/view.h"

/* Zeroed by its owner before sp_reader_init. */
struct sp_reader {
    struct sp_view view;
    struct sp_turn turn;
};

/* Takes a reader slot and opens the kept cursors. Call sp_reader_fini even after a failure.
 * SP_ERR_EXHAUSTED: every slot is taken. */
enum sp_status sp_reader_init(struct sp_reader *reader, struct sp_store *store) SP_MUST_USE;
void sp_reader_fini(struct sp_reader *reader);

/* As sp_snapshot_acquire and sp_snapshot_release. */
enum sp_status sp_reader_acquire(struct sp_reader *reader) SP_MUST_USE;
void sp_reader_release(struct sp_reader *reader);

#endif
