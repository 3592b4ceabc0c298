/* The key of a new operator: made, and shown once. */
#ifndef SP_SYNC_COMMANDS_OPERATOR_KEY_H
#define SP_SYNC_COMMANDS_OPERATOR_KEY_H

#include "admin/operator_limits.h"
#include "source/source.h"
#include "store/lmdb/environment.h"

/* Creates the file that the key is to be written to, with mode 0600; or duplicates stdout if
 * `path` is NULL. Call it before the operator is added, so that no key is made that cannot be
 * shown. SP_ERR_IO, also if the file exists. */
enum sp_status sp_sync_open_key_file(const char *path, int *ret_fd, struct sp_error *error) SP_MUST_USE;

/* Adds an operator to an open store, or to the source that it follows (if not NULL), and writes
 * the key, alone on a line, to the descriptor. */
enum sp_status sp_sync_add_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                    const struct sp_admin_operator_terms *terms, int key_fd,
                                    struct sp_error *error) SP_MUST_USE;

#endif
