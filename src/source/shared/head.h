/* The head of the source, and the store's position in it. */
#ifndef SP_SOURCE_SHARED_HEAD_H
#define SP_SOURCE_SHARED_HEAD_H

#include "etcd/answer.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/shared/state.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/view.h"
#include "store/replica/cursor.h"

enum { SP_SOURCE_ID_BYTES = 16 }; /* store_id, commit_id, ids of staged changes */

/* SP_ERR_INVALID. */
enum sp_status sp_source_unpack_head(struct sp_bytes value, struct sp_arena *arena,
                                     Sallyport__Store__V1__SourceHead **ret_head, struct sp_error *error) SP_MUST_USE;

/* Whether both heads are of the same store. */
bool sp_source_same_store(const Sallyport__Store__V1__SourceHead *a, const Sallyport__Store__V1__SourceHead *b);
/* Whether both were put by the same transaction. Revisions cannot decide it: after a restore etcd
 * assigns them a second time. */
bool sp_source_same_commit(const Sallyport__Store__V1__SourceHead *a, const Sallyport__Store__V1__SourceHead *b);

/* Whether `head` was put in place of `before`. */
bool sp_source_succeeds(const Sallyport__Store__V1__SourceHead *head, const Sallyport__Store__V1__SourceHead *before);

struct sp_source_found {
    struct sp_etcd_header header;
    uint64_t head_revision;
    Sallyport__Store__V1__SourceHead *head;
};

/* Asks etcd's leader for the head. SP_ERR_NOT_FOUND: there is no store below the prefix. */
enum sp_status sp_source_ask_head(const struct sp_source_link *link, struct sp_arena *arena,
                                  struct sp_source_found *ret_found, struct sp_error *error) SP_MUST_USE;

/* The view's cursor and head, in `arena`. SP_ERR_NOT_FOUND: nothing came from the source yet. */
enum sp_status sp_source_read_cursor(struct sp_view *view, struct sp_arena *arena, struct sp_replica_cursor *ret_cursor,
                                     Sallyport__Store__V1__SourceHead **ret_head, struct sp_error *error) SP_MUST_USE;

/* The same of the store's newest state. Not while this thread has a write open. */
enum sp_status sp_source_read_newest_cursor(struct sp_store *store, struct sp_arena *arena,
                                            struct sp_replica_cursor *ret_cursor,
                                            Sallyport__Store__V1__SourceHead **ret_head,
                                            struct sp_error *error) SP_MUST_USE;

#endif
