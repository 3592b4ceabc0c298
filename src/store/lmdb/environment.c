/* Opening and closing the environment. The lock file must never be opened by anything else in the process: closing any
 * descriptor of it would drop LMDB's own fcntl locks. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/environment.h"
#include "store/lmdb/lock_holders.h"

enum { DEFAULT_MAX_READERS = 512, PATH_BYTES = 4096 };

/* ---- files ---- */

static bool join_path(const char *folder, const char *name, char ret_path[static PATH_BYTES]) {
    int size = snprintf(ret_path, PATH_BYTES, "%s/%s", folder, name);
    return size > 0 && size < PATH_BYTES;
}

/* Gives a file the mode whatever the umask was, and, where this is root, the folder's owner and group. A file of another
 * user is left as it is: LMDB will say what it cannot do with it. */
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

enum sp_status sp_env_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                           struct sp_error *error) {
    struct sp_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        return SP_ERR_MEMORY;
    }
    store->mode = options->mode;
    atomic_init(&store->remapping, false);
    if (pthread_mutex_init(&store->turns_lock, NULL) != 0) {
        free(store);
        sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        return SP_ERR_MEMORY;
    }
    enum sp_status status = make_env(options, &store->env);
    if (status != SP_OK) {
        sp_error_set(error, status, "cannot set up the store");
        goto out;
    }
    unsigned flags =
        MDB_NOTLS | (options->mode == SP_STORE_READ ? MDB_RDONLY : 0U) | (options->no_sync ? MDB_NOSYNC : 0U);
    int code = mdb_env_open(store->env, path, flags, SP_LOCK_MODE);
    if (code != MDB_SUCCESS) {
        char doing[PATH_BYTES + 32];
        (void)snprintf(doing, sizeof doing, "open the store in %s", path);
        status = sp_lmdb_error(error, code, doing);
        goto out;
    }
    if (options->mode == SP_STORE_WRITE)
        sp_env_settle_files(path);
    *ret_store = store;
out:
    if (status != SP_OK)
        sp_store_close(store);
    return status;
}

void sp_store_close(struct sp_store *store) {
    if (store == NULL)
        return;
    if (store->env != NULL)
        mdb_env_close(store->env);
    pthread_mutex_destroy(&store->turns_lock);
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

/* ---- checks at open ---- */

enum sp_status sp_env_read_format(MDB_txn *txn, uint32_t *ret_format) {
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

static enum sp_status check_format(MDB_txn *txn, const char *path, struct sp_error *error) {
    uint32_t format = 0;
    enum sp_status status = sp_env_read_format(txn, &format);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "%s holds LMDB data that is no Sallyport store: `sallyport-sync init` makes one in an empty "
            "folder",
            path);
    if (status != SP_OK)
        return sp_error_set(error, status, "the format of the store in %s cannot be read", path);
    if (format != SP_STORE_FORMAT)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "the store in %s has format %" PRIu32
                            ", this program needs %d: migrate it with `sallyport-sync "
                            "restore` from a backup of the release that wrote it, or run that release",
                            path, format, SP_STORE_FORMAT);
    return SP_OK;
}

struct slot_search {
    long pid;
    bool found;
    unsigned slots;
};

/* A line of mdb_reader_list: "pid thread txnid"; its heading has no number. */
static int look_at_reader(const char *line, void *context) {
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

/* Without reader locks the writer would recycle pages that this process reads. LMDB says nothing when it has none. */
static enum sp_status prove_reader_slot(struct sp_store *store, const char *path, struct sp_error *error) {
    struct slot_search search = {.pid = (long)getpid()};
    int code = mdb_reader_list(store->env, look_at_reader, &search);
    if (code < 0)
        return sp_lmdb_error(error, code, "list the store's readers");
    if (!search.found)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "readers cannot register in %s/lock.mdb, so the writer could overwrite what is being read: "
            "mount the folder read-write (file modes keep data.mdb from being written) and, where writer "
            "and reader are containers of one pod, set shareProcessNamespace: true",
            path);
    return SP_OK;
}

/* In one read transaction: this process's slot shows, the format is ours, and all databases are there. */
static enum sp_status inspect(struct sp_store *store, const char *path, struct sp_error *error) {
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
    enum sp_status status = prove_reader_slot(store, path, error);
    if (status == SP_OK)
        status = check_format(txn, path, error);
    if (status == SP_OK) {
        code = sp_env_open_databases(store, txn, false);
        status = code == MDB_NOTFOUND ? sp_error_set(error, SP_ERR_CORRUPT, "the store in %s lacks a database", path)
                                      : sp_lmdb_error(error, code, "open the store's databases");
    }
    if (status != SP_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    return sp_lmdb_error(error, mdb_txn_commit(txn), "open the store's databases");
}

enum sp_status sp_store_open(const char *path, const struct sp_store_options *options, struct sp_store **ret_store,
                             struct sp_error *error) {
    char data_file[PATH_BYTES];
    struct stat stat_buffer;
    if (!join_path(path, "data.mdb", data_file))
        return sp_error_set(error, SP_ERR_INVALID, "the store's path is too long");
    if (stat(data_file, &stat_buffer) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? sp_error_set(error, SP_ERR_NOT_FOUND,
                                  "there is no store in %s: make one with `sallyport-sync init --store %s`", path, path)
                   : sp_error_set(error, SP_ERR_IO, "cannot look at %s: %s", data_file, strerror(errno));
    struct sp_store *store = NULL;
    enum sp_status status = sp_env_check_holders(path, error);
    if (status == SP_OK)
        status = sp_env_open(path, options, &store, error);
    if (status != SP_OK)
        return status;
    assert(store != NULL);
    status = inspect(store, path, error);
    if (status != SP_OK) {
        sp_store_close(store);
        return status;
    }
    *ret_store = store;
    return SP_OK;
}

/* ---- looking at it ---- */

enum sp_status sp_store_clear_stale_readers(struct sp_store *store, int *ret_cleared) {
    int cleared = 0;
    int code = mdb_reader_check(store->env, &cleared);
    if (code == MDB_SUCCESS && ret_cleared != NULL)
        *ret_cleared = cleared;
    return sp_lmdb_status(code);
}

/* Both read the meta pages in the map, which must not move meanwhile. */
static int read_info(struct sp_store *store, MDB_envinfo *info, MDB_stat *of_main) {
    struct sp_turn turn;
    sp_turn_join(store, &turn);
    sp_turn_begin(store, &turn);
    int code = mdb_env_info(store->env, info);
    if (code == MDB_SUCCESS)
        code = mdb_env_stat(store->env, of_main);
    sp_turn_end(&turn);
    sp_turn_leave(store, &turn);
    return code;
}

enum sp_status sp_store_stats(struct sp_store *store, struct sp_store_stats *ret_stats) {
    MDB_envinfo info;
    MDB_stat stat_buffer;
    int code = read_info(store, &info, &stat_buffer);
    struct slot_search search = {.pid = -1};
    if (code == MDB_SUCCESS && mdb_reader_list(store->env, look_at_reader, &search) < 0)
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
