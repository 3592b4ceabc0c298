/* Inside store/usage: the LMDB environment of last uses, its batches and views. */
#ifndef SP_STORE_USAGE_ENVIRONMENT_H
#define SP_STORE_USAGE_ENVIRONMENT_H

#include <lmdb.h>
#include <stdint.h>

enum sp_usage_database { SP_USAGE_DB_META, SP_USAGE_DB_KEY, SP_USAGE_DB_SOURCE, SP_USAGE_DATABASES };

struct sp_usage_store {
    MDB_env *env;
    MDB_dbi databases[SP_USAGE_DATABASES];
    int64_t since_s;
};

struct sp_usage_batch {
    struct sp_usage_store *store;
    MDB_txn *txn;
};

struct sp_usage_view {
    struct sp_usage_store *store;
    MDB_txn *txn;
};

#endif
