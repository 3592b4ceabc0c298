/* Last use of keys, in a separate LMDB environment: the sub-folder "usage" of the store's
 * folder, on the admin instance only. Not part of policy: no revision, not in backups, not in
 * etcd; losing it loses nothing but this knowledge.
 *
 * What is committed is durable. One process opens it. Thread-safe; writes wait for each other. */
#ifndef SP_STORE_USAGE_USAGE_H
#define SP_STORE_USAGE_USAGE_H

#include "usage/judge.h"

struct sp_usage_store;

/* The format, version 1; numbers are big-endian, times seconds since 1970, seals as in layout.h:
 *   meta    text → "format" version (4);  "since" when it was made (8)
 *   key     workspace 00 key id → 0 accepted at (8)  8 rejected at (8)  16 accepted address (16)
 *           32 rejected address (16)  48 flags: 1 accepted, 2 rejected address is there (1)
 *           49 reason of the rejection (1)  50 zero (6)  56 seal (8)
 *   source  id 00 instance(8) → 0 sequence (8)  8 first report (8)  16 last report (8)
 *           24 watermark (8)  32 lost until (8)  40 flags: 1 ended (1)  41 zero (7)  48 seal (8) */
enum { SP_USAGE_FORMAT = 1, SP_USAGE_MAX_SOURCES = 20000 };

/* Opens it below the store's folder, and makes it if it is missing: then nothing is known from
 * before. SP_ERR_PRECONDITION: it has another format; SP_ERR_IO. */
enum sp_status sp_usage_store_open(const char *store_path, int64_t now_s, struct sp_usage_store **ret_store,
                                   struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_usage_store_close(struct sp_usage_store *store);

/* When it was made. */
int64_t sp_usage_store_since(const struct sp_usage_store *store);

/* ---- writing ---- */

struct sp_usage_batch;

enum sp_status sp_usage_batch_begin(struct sp_usage_store *store, struct sp_usage_batch **ret_batch,
                                    struct sp_error *error) SP_MUST_USE;
/* Makes all durable and visible, or nothing. Frees the batch either way. SP_ERR_EXHAUSTED: no
 * room. */
enum sp_status sp_usage_batch_commit(struct sp_usage_batch *batch, struct sp_error *error) SP_MUST_USE;
void sp_usage_batch_abort(struct sp_usage_batch *batch);

/* Merges a use of a key, ids of 1 to 64 bytes without NUL. After a failure the batch must be
 * aborted. */
enum sp_status sp_usage_batch_merge(struct sp_usage_batch *batch, struct sp_str workspace, struct sp_str key_id,
                                    const struct sp_key_use *use) SP_MUST_USE;

/* Reads up to `limit` keys after `place` (of SP_USAGE_PLACE_BYTES, all zero at first), and
 * deletes those for which `is_gone` sets *ret_gone. *ret_end: there are no more; the place is
 * then at the beginning again. After a failure the batch must be aborted. */
enum { SP_USAGE_PLACE_BYTES = 132 };
typedef enum sp_status sp_usage_is_gone(void *context, struct sp_str workspace, struct sp_str key_id, bool *ret_gone);
enum sp_status sp_usage_batch_tidy(struct sp_usage_batch *batch, uint8_t place[static SP_USAGE_PLACE_BYTES],
                                   size_t limit, sp_usage_is_gone *is_gone, void *context, bool *ret_end) SP_MUST_USE;

/* ---- reading ---- */

struct sp_usage_view;

/* Begins to read what is committed. End it before waiting for anything. */
enum sp_status sp_usage_view_begin(struct sp_usage_store *store, struct sp_usage_view **ret_view) SP_MUST_USE;
/* NULL is allowed. */
void sp_usage_view_end(struct sp_usage_view *view);

/* All zero for a key of which nothing is known. SP_ERR_CORRUPT. */
enum sp_status sp_usage_view_key(struct sp_usage_view *view, struct sp_str workspace, struct sp_str key_id,
                                 struct sp_key_use *ret_use) SP_MUST_USE;

/* Visits the sources by id and instance, from the first after that of `after`, NULL: from the
 * first. `visit` returns SP_OK to go on; SP_WALK_END ends the walk with SP_OK; anything else ends
 * it with that status. SP_ERR_INVALID: `after` has no id; SP_ERR_CORRUPT. */
typedef enum sp_status sp_usage_visit_source(void *context, const struct sp_usage_source *source);
enum sp_status sp_usage_view_sources(struct sp_usage_view *view, const struct sp_usage_source *after,
                                     sp_usage_visit_source *visit, void *context) SP_MUST_USE;

#endif
