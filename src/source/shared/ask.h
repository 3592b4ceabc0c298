/* The calls of etcd that its owners make. On a link for callers of the API, an error tells what its
 * receiver can do about it; what etcd said is for the log. */
#ifndef SP_SOURCE_SHARED_ASK_H
#define SP_SOURCE_SHARED_ASK_H

#include "etcd/kv.h"
#include "source/shared/state.h"

/* As sp_etcd_get; on a link for callers, SP_ERR_UNAVAILABLE and SP_ERR_PRECONDITION only. */
enum sp_status sp_source_get(const struct sp_source_link *link, const struct sp_etcd_range *range,
                             struct sp_arena *arena, struct sp_etcd_page *ret_page, struct sp_error *error) SP_MUST_USE;

/* As sp_etcd_commit, likewise. */
enum sp_status sp_source_put(const struct sp_source_link *link, const struct sp_etcd_txn *txn, struct sp_arena *arena,
                             struct sp_etcd_outcome *ret_outcome, struct sp_error *error) SP_MUST_USE;

/* What a caller is told of a status of etcd, one that is known without asking too. */
enum sp_status sp_source_tell_caller(enum sp_status status, struct sp_error *error);

/* What those two do with a status of etcd. */
enum sp_status sp_source_tell(const struct sp_source_link *link, enum sp_status status, struct sp_error *error);

#endif
