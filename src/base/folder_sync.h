/* Making names durable: a new, renamed or linked file survives a crash of the system only once its
 * folder was synced too. Any thread. */
#ifndef SP_BASE_FOLDER_SYNC_H
#define SP_BASE_FOLDER_SYNC_H

#include "base/status.h"

/* Syncs a folder, or the one that holds `path`. SP_ERR_IO. */
enum sp_status sp_folder_sync(const char *folder, struct sp_error *error) SP_MUST_USE;
enum sp_status sp_folder_sync_parent(const char *path, struct sp_error *error) SP_MUST_USE;

/* The same for a file that was just made and is open: if its folder cannot be synced, it is closed
 * and removed. SP_ERR_IO. */
enum sp_status sp_folder_keep_made(const char *path, int fd, struct sp_error *error) SP_MUST_USE;

#endif
