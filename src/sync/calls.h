/* The methods of the admin API. */
#ifndef SP_SYNC_CALLS_H
#define SP_SYNC_CALLS_H

#include "sync/service.h"

/* Fills in the methods for sp_rpc_server_open; returns their number. They borrow from *sync,
 * which must stay where it is. */
size_t sp_sync_methods(struct sp_sync *sync, struct sp_rpc_method ret_methods[static SP_SYNC_MAX_METHODS]);

#endif
