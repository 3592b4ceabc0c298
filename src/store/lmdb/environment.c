/* The lock file must never be opened by anything else in the process: closing any descriptor of
 * it would drop LMDB's own fcntl locks. */
#include "store/lmdb/environment.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/data_file.h"
#include "store/lmdb/folder_safety.h"
#include "store/lmdb/lmdb_status.h"

enum {
    DEFAULT_MAX_READERS = 512,
    PATH_BYTES = 4096,
    FREE_DATABASE = 0, /* the handle of LMDB's own database of free pages */
};

/* ---- files ---- */

static bool join_path(const char *folder, const char *name, char ret_path[static PATH_BYTES]) {
    int size = snprintf(ret_path, PATH_BYTES, "%s/%s", folder, name);
    return size > 0 && size < PATH_BYTES;
}

/* Gives a file the mode whatever the umask was, and, if this is root, the folder's owner and
 * group. A file of another user is left as it is: LMDB reports what it cannot do with it. */
static void settle_file(const char *folder, const char *name, mode_t mode) {
    char path[PATH_BYTES];
    struct stat of_folder;
    struct stat of_file;
    if (!join_path(folder, name, path) || stat(folder, &of_folder) != 0 || stat(path, &of_file) != 0)
        return;
    bool foreign = of_file.st_uid != of_folder.st_uid || of_file.st_gid != of_folder.st_gid;
    if (geteuid() == 0 && foreign && chown(path, of_folder.st_uid, of_folder.st_gid) != 0)
        return;
    if ((of_file.st_mode & 0777) != mode && chmod(path, mode) != 0)
        return;
}

void sp_env_settle_files(const char *path) {
    settle_file(path, "data.mdb", SP_DATA_MODE);
    settle_file(path, "lock.mdb", SP_LOCK_MODE);
}

/* ---- the environment ---- */

static enum sp_status make_env(const struct sp_store_options *options, MDB_env **ret_env) {
    MDB_env *env;
    int code = mdb_env_create(&env);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    code = mdb_env_set_maxdbs(env, SP_DATABASES);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxreaders(env, options->max_readers > 0 ? options->max_readers : DEFAULT_MAX_READERS);
    if (code == MDB_SUCCESS && options->map_size_bytes > 0)
        code = mdb_env_set_mapsize(env, options->map_size_bytes);
    if (code != MDB_SUCCESS) {
        mdb_env_close(env);
        return sp_lmdb_status(code);
    }
    *ret_env = env;
    return SP_OK;
}

static enum sp_status make_store(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                                 struct sp_error *error) {
    struct sp_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    store->mode = options->mode;
    store->accept_altered = options->accept_altered;
    if (!sp_turns_init(&store->turns)) {
        free(store);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    store->path = strdup(path);
    enum sp_status status = store->path == NULL ? SP_ERR_MEMORY : make_env(options, &store->env);
    if (status != SP_OK) {
        sp_env_close(store);
        return sp_error_set(error, status, "cannot set up the LMDB environment of %s", path);
    }
    *ret_store = store;
    return SP_OK;
}

/* Counts the free pages from page `from` on: a record of the free database is a list of page
 * numbers, after their count. */
static int count_free_pages(MDB_env *env, uint64_t from, uint64_t *ret_count) {
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint64_t count = 0;
    int code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_cursor_open(txn, FREE_DATABASE, &cursor);
    if (code != MDB_SUCCESS)
        goto out;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
        for (size_t at = sizeof(uint64_t); at + sizeof(uint64_t) <= value.mv_size; at += sizeof(uint64_t)) {
            uint64_t page;
            memcpy(&page, (const char *)value.mv_data + at, sizeof(page));
            count += page >= from;
        }
    }
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND)
        code = MDB_SUCCESS;
    *ret_count = count;
out:
    mdb_txn_abort(txn);
    return code;
}

/* LMDB does not write pages that a transaction both took and freed, so a file may end before its
 * last page; but what is missing must be free. */
static enum sp_status check_missing_pages(const struct sp_store *store, const struct sp_data_file *file,
                                          struct sp_error *error) {
    uint64_t pages_there = file->file_bytes / file->page_bytes;
    uint64_t free_pages = 0;
    if (pages_there >= file->used_pages)
        return SP_OK;
    int code = count_free_pages(store->env, pages_there, &free_pages);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, "read the store's list of free pages");
    if (free_pages >= file->used_pages - pages_there)
        return SP_OK;
    return sp_error_set(error, SP_ERR_CORRUPT,
                        "%s/data.mdb is truncated: it has %" PRIu64 " of %" PRIu64 " bytes; restore a backup",
                        store->path, file->file_bytes, file->used_pages * file->page_bytes);
}

static enum sp_status open_env(struct sp_store *store, const struct sp_store_options *options, struct sp_error *error) {
    char doing[PATH_BYTES + 32];
    struct sp_data_file file = {.page_bytes = 1};
    enum sp_status status = options->mode == SP_STORE_WRITE ? sp_folder_check_safe(store->path, error) : SP_OK;
    if (status != SP_OK)
        return status;
    status = sp_data_file_read(store->path, options->accept_altered, &file, error);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    unsigned flags =
        MDB_NOTLS | (options->mode == SP_STORE_READ ? MDB_RDONLY : 0U) | (options->no_sync ? MDB_NOSYNC : 0U);
    int code = mdb_env_open(store->env, store->path, flags, SP_LOCK_MODE);
    (void)snprintf(doing, sizeof(doing), "open the store in %s", store->path);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, doing);
    store->files = sp_file_identity_read(store->path);
    return check_missing_pages(store, &file, error);
}

enum sp_status sp_env_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                           struct sp_error *error) {
    struct sp_store *store = NULL;
    enum sp_status status = sp_lmdb_check_library(error);
    if (status != SP_OK)
        return status;
    status = make_store(path, options, &store, error);
    if (status != SP_OK)
        return status;
    assert(store != NULL);
    status = open_env(store, options, error);
    if (status != SP_OK) {
        sp_env_close(store);
        return status;
    }
    if (options->mode == SP_STORE_WRITE)
        sp_env_settle_files(path);
    *ret_store = store;
    return SP_OK;
}

enum sp_status sp_env_check_files(const struct sp_store *store, struct sp_error *error) {
    return sp_file_identity_check(store->path, &store->files, error);
}

void sp_env_close(struct sp_store *store) {
    if (store == NULL)
        return;
    if (store->env != NULL)
        mdb_env_close(store->env);
    sp_turns_fini(&store->turns);
    free(store->path);
    free(store);
}

int sp_env_open_databases(struct sp_store *store, MDB_txn *txn, bool create) {
    for (size_t i = 0; i < SP_DATABASES; i++) {
        unsigned flags = sp_database_layouts[i].flags | (create ? MDB_CREATE : 0U);
        int code = mdb_dbi_open(txn, sp_database_layouts[i].name, flags, &store->databases[i]);
        if (code != MDB_SUCCESS)
            return code;
    }
    return MDB_SUCCESS;
}
