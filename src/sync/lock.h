/* One sallyport-sync per store. LMDB's own lock keeps the data safe; this one keeps apart
 * programs that would each serve the admin API, or remove each other's scratch files. */
#ifndef SP_SYNC_LOCK_H
#define SP_SYNC_LOCK_H

#include "base/status.h"

/* Takes the folder's lock until the descriptor is closed or the process ends. SP_ERR_NOT_FOUND:
 * no such folder; SP_ERR_PRECONDITION: another program holds it (the message says which), or the
 * folder is not safe to write to (sp_store_check_folder);
 * SP_ERR_IO. */
enum sp_status sp_sync_lock(const char *store_path, int *ret_fd, struct sp_error *error) SP_MUST_USE;

#endif
