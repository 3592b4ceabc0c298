/* Taking a backup up into a folder. */
#ifndef SP_STORE_RECOVERY_BACKUP_COPY_H
#define SP_STORE_RECOVERY_BACKUP_COPY_H

#include "base/status.h"

/* Copies a backup into `folder`, which has no data file yet, so that it can be opened there, and
 * checks that it is complete: a read of a page that is missing from a truncated file would kill the
 * process. After a failure a part of it may be there. SP_ERR_IO, SP_ERR_MEMORY; SP_ERR_CORRUPT: it
 * is truncated; as sp_store_open. */
enum sp_status sp_backup_copy_into(const char *backup_file, const char *folder, struct sp_error *error) SP_MUST_USE;

#endif
