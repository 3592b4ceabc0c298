/* One writer program a store. Data is safe anyway (LMDB has its own lock); what this keeps apart are programs that each believe to
 * serve the admin API, or to own the folder's scratch files. */
#ifndef SP_SYNC_LOCK_H
#define SP_SYNC_LOCK_H

#include "base/status.h"

/* Takes the folder's lock until the descriptor is closed or the process ends. SP_ERR_NOT_FOUND: no such folder;
 * SP_ERR_PRECONDITION: another program holds it (the message says which); SP_ERR_IO. */
enum sp_status sp_sync_lock(const char *store_path, int *ret_fd, struct sp_error *error) SP_MUST_USE;

#endif
