/* Inside the store: an LMDB environment and its files. */
#ifndef SP_STORE_LMDB_ENVIRONMENT_H
#define SP_STORE_LMDB_ENVIRONMENT_H

#include "base/status.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/file_identity.h"
#include "store/lmdb/options.h"
#include "store/lmdb/turns.h"

struct sp_store {
    MDB_env *env;
    MDB_dbi databases[SP_DATABASES];
    enum sp_store_mode mode;
    struct sp_turns turns;
    struct sp_file_identity files; /* that were opened */
    bool accept_altered;           /* as the option */
    char *path;
};

/* Opens the environment in a folder, whatever is in it. SP_ERR_CORRUPT: the data file is damaged
 * or truncated. */
enum sp_status sp_env_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                           struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_env_close(struct sp_store *store);

/* As sp_store_check_files. */
enum sp_status sp_env_check_files(const struct sp_store *store, struct sp_error *error) SP_MUST_USE;

/* Sets the modes of data and lock file, and their owner if this is root. */
void sp_env_settle_files(const char *path);

/* Opens every database; an LMDB code. The handles stay valid after the transaction commits. */
int sp_env_open_databases(struct sp_store *store, MDB_txn *txn, bool create);

#endif
