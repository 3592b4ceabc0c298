/* Inside the store: opening an environment, for sp_store_open, sp_store_create and restore. */
#ifndef SP_STORE_LMDB_ENVIRONMENT_H
#define SP_STORE_LMDB_ENVIRONMENT_H

#include "store/lmdb/view.h"

enum {
    SP_FOLDER_MODE = 0750,
    SP_DATA_MODE = 0640, /* the server's user reads by the shared group */
    SP_LOCK_MODE = 0660, /* and registers its readers */
};

/* Opens the environment in a folder without looking at its content. Close with sp_store_close. */
enum sp_status sp_env_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                           struct sp_error *error) SP_MUST_USE;

/* Sets the modes of data and lock file, and their owner where this is root. */
void sp_env_settle_files(const char *path);

/* Opens every database; an LMDB code. The handles stay valid after the transaction commits. */
int sp_env_open_databases(struct sp_store *store, MDB_txn *txn, bool create);

/* SP_ERR_NOT_FOUND: not a store. */
enum sp_status sp_env_read_format(MDB_txn *txn, uint32_t *ret_format) SP_MUST_USE;

#endif
