/* Keeps the last uses of keys: one thread that takes the reports of servers, adds the keys used
 * in calls to this admin instance, commits both in batches, and forgets keys that were deleted. */
#ifndef SP_SYNC_USAGE_H
#define SP_SYNC_USAGE_H

#include "admin/caller.h"
#include "rpc/server.h"
#include "store/lmdb/environment.h"

struct sp_sync_usage;

struct sp_sync_usage_options {
    struct sp_store *store;
    const char *store_path;
    int64_t grace_s; /* how late a server's watermark may be */
};

/* Opens the record and starts the thread. If the record cannot be opened, logs that and goes on
 * without it: reports are UNAVAILABLE, and every key's usage is unknown. SP_ERR_MEMORY;
 * SP_ERR_IO. */
enum sp_status sp_sync_usage_start(const struct sp_sync_usage_options *options, struct sp_sync_usage **ret_usage,
                                   struct sp_error *error) SP_MUST_USE;

/* Commits what is left, ends the thread, closes. After the server has stopped. NULL is allowed. */
void sp_sync_usage_stop(struct sp_sync_usage *usage);

/* For the callers of the admin API. */
const struct sp_admin_usage *sp_sync_usage_admin(const struct sp_sync_usage *usage);

/* Usage/Report, for the server's table. */
struct sp_rpc_method sp_sync_usage_method(struct sp_sync_usage *usage);

#endif
