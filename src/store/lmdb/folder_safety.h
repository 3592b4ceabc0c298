/* Inside the store: whether a folder that this process writes to is its own.
 *
 * Whoever can rename the folder or a file in it can put another store in its place, with an
 * operator of their own. So the folder, its data file and its lock file must belong to the
 * writer's user, and nobody else may write to the folder, the data file or any folder above. If
 * the writer is root, the folder's owner counts as its user. */
#ifndef SP_STORE_LMDB_FOLDER_SAFETY_H
#define SP_STORE_LMDB_FOLDER_SAFETY_H

#include "base/status.h"

/* SP_ERR_PRECONDITION, naming the path and what to do. A folder that does not exist yet is judged
 * by those above it. */
enum sp_status sp_folder_check_safe(const char *folder, struct sp_error *error) SP_MUST_USE;

/* As sp_store_prepare_folder. */
enum sp_status sp_folder_prepare(const char *folder, struct sp_error *error) SP_MUST_USE;

#endif
