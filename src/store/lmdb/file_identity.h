/* Inside the store: which files an environment was opened from.
 *
 * A process goes on with the files that it has mapped whatever becomes of their names. Whoever
 * removes or replaces one of them parts the processes that have it open from those that open it
 * later: they would no longer see each other's changes, or each other's readers. */
#ifndef SP_STORE_LMDB_FILE_IDENTITY_H
#define SP_STORE_LMDB_FILE_IDENTITY_H

#include <sys/types.h>

#include "base/status.h"

enum sp_env_file { SP_ENV_FOLDER, SP_ENV_DATA, SP_ENV_LOCK, SP_ENV_FILES };

/* Device and inode of each; zeros: it did not exist. */
struct sp_file_identity {
    dev_t device[SP_ENV_FILES];
    ino_t inode[SP_ENV_FILES];
};

/* Reads who is at `folder` now. */
struct sp_file_identity sp_file_identity_read(const char *folder);

/* SP_ERR_UNAVAILABLE, naming the first that is another one, or gone. */
enum sp_status sp_file_identity_check(const char *folder, const struct sp_file_identity *opened,
                                      struct sp_error *error) SP_MUST_USE;

#endif
