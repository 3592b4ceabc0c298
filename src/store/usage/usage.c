/* The environment of last uses: opening, batches, views. Its bytes are in record.c, what a
 * report does to its source in source.c. */
#include "store/usage/usage.h"

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
#include "store/lmdb/view.h"
#include "store/usage/environment.h"
#include "store/usage/record.h"

enum {
    PATH_BYTES = 4096,
    MAX_READERS = 256,
    SINCE_BYTES = 8,
};

#define MAP_BYTES ((size_t)64 << 30) /* of addresses; the file grows with what is in it */

/* ---- the environment ---- */

/* If this is root, the folder gets the owner of the store's. */
static enum sp_status make_usage_folder(const char *store_path, char path[static PATH_BYTES], struct sp_error *error) {
    struct stat of_store;
    int size = snprintf(path, PATH_BYTES, "%s/usage", store_path);
    if (size <= 0 || size >= PATH_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the store's path is too long");
    if (mkdir(path, SP_FOLDER_MODE) != 0)
        return errno == EEXIST ? SP_OK
                               : sp_error_set(error, SP_ERR_IO, "cannot make the folder %s: %s", path, strerror(errno));
    if (geteuid() == 0 && stat(store_path, &of_store) == 0 && chown(path, of_store.st_uid, of_store.st_gid) != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot give %s to the owner of the store: %s", path, strerror(errno));
    return SP_OK;
}

static int open_usage_env(const char *path, MDB_env **ret_env) {
    MDB_env *env;
    int code = mdb_env_create(&env);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_env_set_maxdbs(env, SP_USAGE_DATABASES);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxreaders(env, MAX_READERS);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_mapsize(env, MAP_BYTES);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(env, path, MDB_NOTLS, SP_LOCK_MODE);
    if (code != MDB_SUCCESS) {
        mdb_env_close(env);
        return code;
    }
    *ret_env = env;
    return MDB_SUCCESS;
}

static MDB_val make_name_val(const char *name) {
    return sp_val((struct sp_bytes){(const uint8_t *)name, strlen(name)});
}

static int put_usage_meta(MDB_txn *txn, MDB_dbi meta, const char *name, const uint8_t *bytes, size_t size) {
    MDB_val key = make_name_val(name);
    MDB_val value = sp_val((struct sp_bytes){bytes, size});
    return mdb_put(txn, meta, &key, &value, 0);
}

static int write_usage_format(MDB_txn *txn, MDB_dbi meta, int64_t now_s) {
    uint8_t format[4];
    uint8_t since[SINCE_BYTES];
    sp_store_be32(format, SP_USAGE_FORMAT);
    sp_store_be64(since, (uint64_t)now_s);
    int code = put_usage_meta(txn, meta, "format", format, sizeof(format));
    return code == MDB_SUCCESS ? put_usage_meta(txn, meta, "since", since, sizeof(since)) : code;
}

/* Reads the format and when it was made; writes them into a new environment. */
static enum sp_status read_or_write_format(struct sp_usage_store *store, MDB_txn *txn, int64_t now_s,
                                           struct sp_error *error) {
    MDB_dbi meta = store->databases[SP_USAGE_DB_META];
    MDB_val key = make_name_val("format");
    MDB_val format;
    MDB_val since;
    int code = mdb_get(txn, meta, &key, &format);
    if (code == MDB_NOTFOUND) {
        store->since_s = now_s;
        return sp_lmdb_error(error, write_usage_format(txn, meta, now_s), "set up the record of last uses");
    }
    key = make_name_val("since");
    if (code == MDB_SUCCESS)
        code = mdb_get(txn, meta, &key, &since);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, "read the format of the last uses");
    if (format.mv_size != 4 || since.mv_size != SINCE_BYTES)
        return sp_error_set(error, SP_ERR_CORRUPT, "cannot read the format of the last uses");
    if (sp_load_be32(format.mv_data) != SP_USAGE_FORMAT)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "the last uses are kept in format %" PRIu32
                            ", this program needs %d: move the store's sub-folder "
                            "\"usage\" away to start an empty record",
                            sp_load_be32(format.mv_data), SP_USAGE_FORMAT);
    store->since_s = (int64_t)sp_load_be64(since.mv_data);
    return SP_OK;
}

static enum sp_status open_usage_databases(struct sp_usage_store *store, int64_t now_s, struct sp_error *error) {
    static const char *const names[SP_USAGE_DATABASES] = {"meta", "key", "source"};
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, "open the last uses of keys");
    for (size_t i = 0; i < SP_USAGE_DATABASES && code == MDB_SUCCESS; i++)
        code = mdb_dbi_open(txn, names[i], MDB_CREATE, &store->databases[i]);
    enum sp_status status = sp_lmdb_error(error, code, "open the last uses of keys");
    if (status == SP_OK)
        status = read_or_write_format(store, txn, now_s, error);
    if (status != SP_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    return sp_lmdb_error(error, mdb_txn_commit(txn), "open the last uses of keys");
}

enum sp_status sp_usage_store_open(const char *store_path, int64_t now_s, struct sp_usage_store **ret_store,
                                   struct sp_error *error) {
    char path[PATH_BYTES];
    enum sp_status status = sp_lmdb_check_library(error);
    if (status != SP_OK)
        return status;
    status = make_usage_folder(store_path, path, error);
    if (status != SP_OK)
        return status;
    struct sp_usage_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    struct sp_data_file file;
    status = sp_folder_check_safe(path, error);
    if (status != SP_OK)
        goto out;
    status = sp_data_file_read(path, false, &file, error);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        goto out;
    status = sp_lmdb_error(error, open_usage_env(path, &store->env), "open the last uses of keys");
    if (status != SP_OK)
        goto out;
    sp_env_settle_files(path);
    status = open_usage_databases(store, now_s, error);
out:
    if (status != SP_OK) {
        sp_usage_store_close(store);
        return status;
    }
    *ret_store = store;
    return SP_OK;
}

void sp_usage_store_close(struct sp_usage_store *store) {
    if (store == NULL)
        return;
    if (store->env != NULL)
        mdb_env_close(store->env);
    free(store);
}

int64_t sp_usage_store_since(const struct sp_usage_store *store) {
    return store->since_s;
}

/* ---- batches ---- */

enum sp_status sp_usage_batch_begin(struct sp_usage_store *store, struct sp_usage_batch **ret_batch,
                                    struct sp_error *error) {
    struct sp_usage_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    int code = mdb_txn_begin(store->env, NULL, 0, &batch->txn);
    if (code != MDB_SUCCESS) {
        free(batch);
        return sp_lmdb_error(error, code, "write last uses of keys");
    }
    batch->store = store;
    *ret_batch = batch;
    return SP_OK;
}

enum sp_status sp_usage_batch_commit(struct sp_usage_batch *batch, struct sp_error *error) {
    int code = mdb_txn_commit(batch->txn);
    free(batch);
    return sp_lmdb_error(error, code, "write last uses of keys");
}

void sp_usage_batch_abort(struct sp_usage_batch *batch) {
    mdb_txn_abort(batch->txn);
    free(batch);
}

static MDB_val make_key_val(const struct sp_usage_key *key) {
    return sp_val((struct sp_bytes){key->bytes, key->size});
}

/* A record that fails its seal counts as missing: this use is newer than any that it could hold. */
enum sp_status sp_usage_batch_merge(struct sp_usage_batch *batch, struct sp_str workspace, struct sp_str key_id,
                                    const struct sp_key_use *use) {
    struct sp_usage_key place;
    enum sp_status status = sp_usage_key_of_use(workspace, key_id, &place);
    if (status != SP_OK)
        return status;
    uint8_t record[SP_KEY_USE_BYTES];
    struct sp_bytes key_bytes = {place.bytes, place.size};
    struct sp_key_use merged = {0};
    MDB_dbi database = batch->store->databases[SP_USAGE_DB_KEY];
    MDB_val key = make_key_val(&place);
    MDB_val value;
    int code = mdb_get(batch->txn, database, &key, &value);
    if (code == MDB_SUCCESS && sp_key_use_decode(key_bytes, sp_val_bytes(&value), &merged) != SP_OK)
        merged = (struct sp_key_use){0};
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        return sp_lmdb_status(code);
    sp_key_use_merge(&merged, use);
    sp_key_use_encode(key_bytes, &merged, record);
    value = sp_val((struct sp_bytes){record, sizeof(record)});
    return sp_lmdb_status(mdb_put(batch->txn, database, &key, &value, 0));
}

/* ---- forgetting keys ---- */

/* The place: the size of the last key that was read (2), its bytes. */
static struct sp_bytes place_key(const uint8_t *place) {
    return (struct sp_bytes){place + 2, sp_load_be16(place)};
}

static void set_place(uint8_t *place, const MDB_val *key) {
    sp_store_be16(place, (uint16_t)key->mv_size);
    memcpy(place + 2, key->mv_data, key->mv_size);
}

_Static_assert(SP_USAGE_PLACE_BYTES > 2 + SP_USAGE_KEY_MAX_BYTES, "a place holds any key");

static enum sp_status delete_gone_key(MDB_cursor *cursor, const MDB_val *key, sp_usage_is_gone *is_gone,
                                      void *context) {
    struct sp_str workspace;
    struct sp_str key_id;
    bool gone = true; /* a key that cannot be read is of no use to anybody */
    if (sp_usage_key_split(sp_val_bytes(key), &workspace, &key_id) == SP_OK) {
        enum sp_status status = is_gone(context, workspace, key_id, &gone);
        if (status != SP_OK)
            return status;
    }
    return gone ? sp_lmdb_status(mdb_cursor_del(cursor, 0)) : SP_OK;
}

enum sp_status sp_usage_batch_tidy(struct sp_usage_batch *batch, uint8_t place[static SP_USAGE_PLACE_BYTES],
                                   size_t limit, sp_usage_is_gone *is_gone, void *context, bool *ret_end) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int code = mdb_cursor_open(batch->txn, batch->store->databases[SP_USAGE_DB_KEY], &cursor);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    enum sp_status status = SP_OK;
    code = sp_cursor_seek_after(cursor, place_key(place), &key, &value);
    for (size_t i = 0; i < limit && code == MDB_SUCCESS; i++) {
        if (key.mv_size <= SP_USAGE_KEY_MAX_BYTES)
            set_place(place, &key);
        status = delete_gone_key(cursor, &key, is_gone, context);
        if (status != SP_OK)
            break;
        /* Deleting leaves the cursor at what followed, and the next MDB_NEXT returns just that. */
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    *ret_end = code == MDB_NOTFOUND;
    if (code == MDB_NOTFOUND)
        memset(place, 0, SP_USAGE_PLACE_BYTES);
    return sp_walk_status(status, code);
}

/* ---- views ---- */

enum sp_status sp_usage_view_begin(struct sp_usage_store *store, struct sp_usage_view **ret_view) {
    struct sp_usage_view *view = calloc(1, sizeof(*view));
    if (view == NULL)
        return SP_ERR_MEMORY;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &view->txn);
    if (code != MDB_SUCCESS) {
        free(view);
        return sp_lmdb_status(code);
    }
    view->store = store;
    *ret_view = view;
    return SP_OK;
}

void sp_usage_view_end(struct sp_usage_view *view) {
    if (view != NULL)
        mdb_txn_abort(view->txn);
    free(view);
}

enum sp_status sp_usage_view_key(struct sp_usage_view *view, struct sp_str workspace, struct sp_str key_id,
                                 struct sp_key_use *ret_use) {
    struct sp_usage_key place;
    enum sp_status status = sp_usage_key_of_use(workspace, key_id, &place);
    if (status != SP_OK)
        return status;
    MDB_val key = make_key_val(&place);
    MDB_val value;
    int code = mdb_get(view->txn, view->store->databases[SP_USAGE_DB_KEY], &key, &value);
    if (code == MDB_SUCCESS)
        return sp_key_use_decode((struct sp_bytes){place.bytes, place.size}, sp_val_bytes(&value), ret_use);
    if (code != MDB_NOTFOUND)
        return sp_lmdb_status(code);
    *ret_use = (struct sp_key_use){0};
    return SP_OK;
}

static enum sp_status visit_usage_sources(MDB_cursor *cursor, struct sp_bytes after, sp_usage_visit_source *visit,
                                          void *context) {
    MDB_val key;
    MDB_val value;
    enum sp_status status = SP_OK;
    int code = sp_cursor_seek_after(cursor, after, &key, &value);
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        struct sp_usage_source source;
        status = sp_usage_source_decode(sp_val_bytes(&key), sp_val_bytes(&value), &source);
        if (status != SP_OK)
            break;
        status = visit(context, &source);
        if (status != SP_OK)
            break;
    }
    return sp_walk_status(status, code);
}

enum sp_status sp_usage_view_sources(struct sp_usage_view *view, const struct sp_usage_source *after,
                                     sp_usage_visit_source *visit, void *context) {
    MDB_cursor *cursor;
    struct sp_usage_key last = {.size = 0};
    enum sp_status status =
        after == NULL ? SP_OK : sp_usage_key_of_source(sp_str_from(after->id), after->instance, &last);
    if (status != SP_OK)
        return status;
    int code = mdb_cursor_open(view->txn, view->store->databases[SP_USAGE_DB_SOURCE], &cursor);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    status = visit_usage_sources(cursor, (struct sp_bytes){last.bytes, last.size}, visit, context);
    mdb_cursor_close(cursor);
    return status;
}
