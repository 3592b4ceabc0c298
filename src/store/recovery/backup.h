/* Hot backup. */
#ifndef SP_STORE_RECOVERY_BACKUP_H
#define SP_STORE_RECOVERY_BACKUP_H

#include "base/status.h"
#include "store/records/head.h"

struct sp_store;

/* Writes a consistent compacted copy of the data file to `fd` while the store stays in use. */
enum sp_status sp_store_backup(struct sp_store *store, int fd, struct sp_revision *ret_revision,
                               struct sp_error *error) SP_MUST_USE;

#endif
