/* Files and folders that exist for one call. They are in the store's folder, because that has
 * room for a copy of the store and the right access. */
#ifndef SP_SYNC_SCRATCH_H
#define SP_SYNC_SCRATCH_H

#include "base/status.h"
#include "store/lmdb/environment.h"
#include "store/records/head.h"

enum { SP_SCRATCH_PATH_BYTES = 4096 };

/* Creates a file without a name, which is gone when it is closed. SP_ERR_IO. */
enum sp_status sp_scratch_file(const char *store_path, int *ret_fd, struct sp_error *error) SP_MUST_USE;

/* Copies the store into a new folder and opens the copy for writing, without durability. The copy
 * is its own source of truth, whatever the store follows. *ret_revision is the one that was
 * copied. */
enum sp_status sp_scratch_copy(struct sp_store *store, const char *store_path,
                               char ret_folder[static SP_SCRATCH_PATH_BYTES], struct sp_store **ret_copy,
                               struct sp_revision *ret_revision, struct sp_error *error) SP_MUST_USE;

/* Creates an empty folder below $TMPDIR, or /tmp. SP_ERR_IO. */
enum sp_status sp_scratch_folder(char ret_folder[static SP_SCRATCH_PATH_BYTES], struct sp_error *error) SP_MUST_USE;

/* Removes a folder that one of the two created. */
void sp_scratch_remove(const char *folder);

/* Removes what a killed process left. Call with the store's lock held. */
void sp_scratch_remove_left(const char *store_path);

#endif
