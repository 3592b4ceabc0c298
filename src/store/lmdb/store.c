#include "store/lmdb/store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/data_file.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/folder_safety.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/lock_holders.h"
#include "store/lmdb/view.h"

enum { PATH_BYTES = 4096 };

/* ---- opening ---- */

static enum sp_status read_format(MDB_txn *txn, uint32_t *ret_format) {
    MDB_dbi meta;
    int code = mdb_dbi_open(txn, sp_database_layouts[SP_DB_META].name, 0, &meta);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    MDB_val key = sp_val((struct sp_bytes){(const uint8_t *)"format", 6});
    MDB_val value;
    code = mdb_get(txn, meta, &key, &value);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    if (value.mv_size != 4)
        return SP_ERR_CORRUPT;
    *ret_format = sp_load_be32(value.mv_data);
    return SP_OK;
}

static enum sp_status check_format(MDB_txn *txn, const char *path, uint32_t wanted, struct sp_error *error) {
    uint32_t format = 0;
    enum sp_status status = read_format(txn, &format);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "%s holds LMDB data that is not a Sallyport store: make a store with `sallyport-sync init` "
                            "in an empty folder",
                            path);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the format of the store in %s", path);
    if (format == (wanted == 0 ? SP_STORE_FORMAT : wanted))
        return SP_OK;
    if (format < SP_STORE_FORMAT && format >= SP_STORE_OLDEST_FORMAT)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "the store in %s has format %" PRIu32 ", this release needs %d: stop both programs and run "
                            "`sallyport-sync upgrade --store %s`",
                            path, format, SP_STORE_FORMAT, path);
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "the store in %s has format %" PRIu32 ", this release needs %d: run the release that wrote it",
                        path, format, SP_STORE_FORMAT);
}

struct slot_search {
    long pid;
    bool found;
    unsigned slots;
};

/* A line of mdb_reader_list: "pid thread txnid"; its heading has no number. */
static int note_reader_slot(const char *line, void *context) {
    struct slot_search *search = context;
    char *end;
    errno = 0;
    long pid = strtol(line, &end, 10);
    if (end != line && errno == 0 && pid > 0) {
        search->slots++;
        if (pid == search->pid)
            search->found = true;
    }
    return 0;
}

/* Without reader locks the writer would recycle pages that this process reads, and LMDB does not
 * report their lack. */
static enum sp_status check_reader_slot(struct sp_store *store, const char *path, struct sp_error *error) {
    struct slot_search search = {.pid = (long)getpid()};
    int code = mdb_reader_list(store->env, note_reader_slot, &search);
    if (code < 0)
        return sp_lmdb_error(error, code, "list the store's readers");
    if (!search.found)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "readers cannot register in %s/lock.mdb, so the writer could overwrite what is being read: "
                            "mount the folder read-write (file modes keep data.mdb from being written) and, if writer "
                            "and reader are containers of one pod, set shareProcessNamespace: true",
                            path);
    return SP_OK;
}

static enum sp_status open_databases_to_read(struct sp_store *store, MDB_txn *txn, const char *path,
                                             struct sp_error *error) {
    int code = sp_env_open_databases(store, txn, false);
    if (code == MDB_NOTFOUND)
        return sp_error_set(error, SP_ERR_CORRUPT, "the store in %s lacks a database", path);
    return sp_lmdb_error(error, code, "open the store's databases");
}

/* An earlier format lacks databases of this one. Ends the read transaction and begins a write. */
static enum sp_status create_missing_databases(struct sp_store *store, MDB_txn **txn, struct sp_error *error) {
    mdb_txn_abort(*txn);
    *txn = NULL;
    int code = mdb_txn_begin(store->env, NULL, 0, txn);
    if (code == MDB_SUCCESS)
        code = sp_env_open_databases(store, *txn, true);
    return sp_lmdb_error(error, code, "create the databases of this release's format");
}

/* In one read transaction: this process's slot shows, the format is this program's, and all
 * databases are there. */
static enum sp_status inspect_store(struct sp_store *store, const char *path, uint32_t format, struct sp_error *error) {
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code == EAGAIN)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "another process in another PID namespace uses the store in %s under this process's id: set "
            "shareProcessNamespace: true in the pod",
            path);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, "read the store");
    enum sp_status status = check_reader_slot(store, path, error);
    if (status != SP_OK)
        goto out;
    status = check_format(txn, path, format, error);
    if (status != SP_OK)
        goto out;
    if (format != 0)
        status = create_missing_databases(store, &txn, error);
    else
        status = open_databases_to_read(store, txn, path, error);
out:
    if (status != SP_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    return sp_lmdb_error(error, mdb_txn_commit(txn), "open the store's databases");
}

static enum sp_status check_store_exists(const char *path, struct sp_error *error) {
    char data_file[PATH_BYTES];
    struct stat about;
    int size = snprintf(data_file, sizeof(data_file), "%s/data.mdb", path);
    if (size <= 0 || size >= PATH_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the store's path is too long");
    if (stat(data_file, &about) == 0 && about.st_size == 0)
        return sp_error_set(error, SP_ERR_CORRUPT,
                            "%s is empty (0 bytes): restore a backup, or make a new store with "
                            "`sallyport-sync init --store %s`",
                            data_file, path);
    if (stat(data_file, &about) == 0)
        return SP_OK;
    if (errno != ENOENT && errno != ENOTDIR)
        return sp_error_set(error, SP_ERR_IO, "cannot stat %s: %s", data_file, strerror(errno));
    return sp_error_set(error, SP_ERR_NOT_FOUND,
                        "there is no store in %s: make one with `sallyport-sync init --store %s`", path, path);
}

enum sp_status sp_store_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                             struct sp_error *error) {
    struct sp_store *store = NULL;
    enum sp_status status = check_store_exists(path, error);
    if (status != SP_OK)
        return status;
    status = sp_env_check_holders(path, error);
    if (status != SP_OK)
        return status;
    status = sp_env_open(path, options, &store, error);
    if (status != SP_OK)
        return status;
    assert(store != NULL);
    status = inspect_store(store, path, options->format, error);
    if (status != SP_OK) {
        sp_env_close(store);
        return status;
    }
    *ret_store = store;
    return SP_OK;
}

enum sp_status sp_store_check_folder(const char *path, struct sp_error *error) {
    return sp_folder_check_safe(path, error);
}

enum sp_status sp_store_prepare_folder(const char *path, struct sp_error *error) {
    return sp_folder_prepare(path, error);
}

void sp_store_close(struct sp_store *store) {
    sp_env_close(store);
}

enum sp_status sp_store_check_files(const struct sp_store *store, struct sp_error *error) {
    return sp_env_check_files(store, error);
}

/* ---- readers and sizes ---- */

enum sp_status sp_store_clear_stale_readers(struct sp_store *store, int *ret_cleared) {
    int cleared = 0;
    int code = mdb_reader_check(store->env, &cleared);
    if (code == MDB_SUCCESS && ret_cleared != NULL)
        *ret_cleared = cleared;
    return sp_lmdb_status(code);
}

/* Both read the meta pages in the map, which must not move meanwhile. */
static int read_env_info(struct sp_store *store, MDB_envinfo *info, MDB_stat *of_main) {
    struct sp_turn turn;
    sp_turn_join(&store->turns, &turn);
    sp_turn_begin(&store->turns, &turn);
    int code = mdb_env_info(store->env, info);
    if (code == MDB_SUCCESS)
        code = mdb_env_stat(store->env, of_main);
    sp_turn_end(&turn);
    sp_turn_leave(&store->turns, &turn);
    return code;
}

enum sp_status sp_store_adopt_growth(struct sp_store *store, bool *ret_grew) {
    struct sp_data_file file;
    MDB_envinfo info;
    MDB_stat of_main;
    enum sp_status status = sp_data_file_read(store->path, store->accept_altered, &file, NULL);
    if (status != SP_OK)
        return status;
    int code = read_env_info(store, &info, &of_main);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    bool grew = file.map_bytes > info.me_mapsize;
    if (grew)
        code = sp_turns_remap(&store->turns, store->env);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    *ret_grew = grew;
    return SP_OK;
}

enum sp_status sp_store_stats(struct sp_store *store, struct sp_store_stats *ret_stats) {
    MDB_envinfo info;
    MDB_stat stat_buffer;
    int code = read_env_info(store, &info, &stat_buffer);
    struct slot_search search = {.pid = -1};
    if (code == MDB_SUCCESS && mdb_reader_list(store->env, note_reader_slot, &search) < 0)
        return SP_ERR_IO;
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    *ret_stats = (struct sp_store_stats){
        .map_size_bytes = info.me_mapsize,
        .used_bytes = (uint64_t)(info.me_last_pgno + 1) * stat_buffer.ms_psize,
        .readers = search.slots,
        .max_readers = info.me_maxreaders,
    };
    return SP_OK;
}
