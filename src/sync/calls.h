/* The methods of the admin API. */
#ifndef SP_SYNC_CALLS_H
#define SP_SYNC_CALLS_H

#include "sync/service.h"

enum { SP_SYNC_ARENA_BUDGET_BYTES = 64 * 1024 * 1024 }; /* of a call */

/* Fills in the methods for sp_rpc_server_open and sp_connect_start; returns their number. They
 * borrow from *sync, which must stay where it is. */
size_t sp_sync_methods(struct sp_sync *sync, struct sp_rpc_method ret_methods[static SP_SYNC_MAX_METHODS]);

/* Whether the caller has the role that is a method's permit; `user` is the service. For the same
 * two. */
enum sp_status sp_sync_admit(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error);

/* Whether the call carries the key of somebody who may call the method at all; `user` is the
 * service. A store that follows etcd may not know the key yet: then any complete key will do. For
 * the same two. */
enum sp_status sp_sync_authenticate(struct sp_rpc_call *call, void *user, struct sp_error *error);

#endif
