/* What each database of a store takes: pages in use, in bytes, and entries. One JSON object a line;
 * the first is the file.
 *
 * Usage: sizes STORE */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn static void fail(const char *what, int code) {
    fprintf(stderr, "sizes: %s: %s\n", what, mdb_strerror(code));
    exit(2);
}

static void print_database(MDB_txn *txn, MDB_dbi database, const char *name) {
    MDB_stat stat;
    int code = mdb_stat(txn, database, &stat);
    if (code != MDB_SUCCESS)
        fail(name, code);
    printf("{\"name\":\"%s\",\"bytes\":%zu,\"entries\":%zu}\n", name,
           (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize, stat.ms_entries);
}

/* The names of the databases are the keys of the unnamed one. */
static void print_all_databases(MDB_txn *txn) {
    MDB_dbi main_database, database;
    MDB_cursor *cursor;
    MDB_val key, value;
    char name[64];
    int code = mdb_dbi_open(txn, NULL, 0, &main_database);
    if (code != MDB_SUCCESS || (code = mdb_cursor_open(txn, main_database, &cursor)) != MDB_SUCCESS)
        fail("the list of databases", code);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
        snprintf(name, sizeof(name), "%.*s", (int)key.mv_size, (const char *)key.mv_data);
        code = mdb_dbi_open(txn, name, 0, &database);
        if (code != MDB_SUCCESS)
            fail(name, code);
        print_database(txn, database, name);
    }
    mdb_cursor_close(cursor);
}

int main(int argc, char **argv) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_envinfo info;
    MDB_stat stat;
    if (argc != 2) {
        fputs("usage: sizes STORE\n", stderr);
        return 2;
    }
    int code = mdb_env_create(&env);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(env, 32);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(env, argv[1], MDB_RDONLY, 0640);
    if (code == MDB_SUCCESS)
        code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS)
        fail(argv[1], code);
    mdb_env_info(env, &info);
    mdb_env_stat(env, &stat);
    printf("{\"name\":\"file\",\"bytes\":%zu}\n", (info.me_last_pgno + 1) * stat.ms_psize);
    print_all_databases(txn);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return 0;
}
