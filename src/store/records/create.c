/* Everything is written in one transaction, so that there is a complete store or none. */
#include "store/records/create.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/folder_sync.h"
#include "core/schema.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/store.h"
#include "store/records/changeset.h"
#include "store/records/edit.h"
#include "store/records/entity_set.h"
#include "store/records/followed_source.h"
#include "store/records/next_number.h"
#include "store/records/schema_numbers.h"
#include "store/records/settings.h"
#include "store/records/store_time.h"

enum { ARENA_FIRST_BYTES = 64 * 1024, ARENA_BUDGET_BYTES = 64 * 1024 * 1024 };
#define DEFAULT_MAP_BYTES (UINT64_C(64) << 30)

/* Makes the folder with its mode, whatever the umask; an existing one keeps its own. */
static enum sp_status make_store_folder(const char *path, struct sp_error *error) {
    if (mkdir(path, SP_FOLDER_MODE) == 0)
        return chmod(path, SP_FOLDER_MODE) == 0
                   ? SP_OK
                   : sp_error_set(error, SP_ERR_IO, "cannot set the mode of %s: %s", path, strerror(errno));
    if (errno == EEXIST)
        return SP_OK;
    return sp_error_set(error, errno == ENOENT ? SP_ERR_NOT_FOUND : SP_ERR_IO, "cannot make the folder %s: %s", path,
                        strerror(errno));
}

static enum sp_status check_empty(struct sp_write *write, const char *path, struct sp_error *error) {
    MDB_txn *txn = sp_write_view(write)->txn;
    MDB_dbi main_database;
    MDB_stat about;
    int code = mdb_dbi_open(txn, NULL, 0, &main_database);
    if (code == MDB_SUCCESS)
        code = mdb_stat(txn, main_database, &about);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, "read the new store");
    if (about.ms_entries > 0)
        return sp_error_set(error, SP_ERR_EXISTS,
                            "%s already holds a store: open it, or remove the folder's data.mdb and lock.mdb to "
                            "discard it",
                            path);
    return SP_OK;
}

static enum sp_status write_all_meta(struct sp_write *write, const struct sp_store_create_options *options) {
    uint8_t format[4];
    uint8_t created[8];
    bool follows = options->source.size > 0;
    struct sp_str source = follows ? options->source : SP_SOURCE_EMBEDDED;
    struct sp_head head = {.revision = {.epoch = follows ? 0 : 1, .number = 0}, .settings_version = 1};
    sp_store_be32(format, SP_STORE_FORMAT);
    sp_store_be64(created, (uint64_t)options->now_s);
    enum sp_status status = sp_write_meta(write, "format", (struct sp_bytes){format, sizeof(format)});
    if (status != SP_OK)
        return status;
    status = sp_write_next_numbers(write, &(struct sp_next_numbers){1, 1});
    if (status != SP_OK)
        return status;
    status = sp_write_meta(write, "created", (struct sp_bytes){created, sizeof(created)});
    if (status != SP_OK)
        return status;
    status = sp_write_meta(write, "source", sp_bytes_of_str(source));
    if (status != SP_OK)
        return status;
    status = sp_write_entity_set(write, &(struct sp_multiset_hash){.lanes = {0}}, &head);
    if (status != SP_OK)
        return status;
    status = sp_write_head(write, &head);
    if (status != SP_OK)
        return status;
    return sp_write_accept_time(write, options->now_s);
}

static enum sp_status put_schema(struct sp_write *write, const struct sp_store_create_options *options,
                                 struct sp_arena *arena, struct sp_error *error) {
    Sallyport__Store__V1__StoredSchema *schema;
    struct sp_schema given;
    enum sp_status status = sp_schema_parse(options->schema_yaml, arena, &given, error);
    if (status != SP_OK)
        return status;
    status = sp_schema_number(options->schema_yaml, NULL, arena, &schema, error);
    if (status != SP_OK)
        return status;
    char init[] = "init";
    Sallyport__V1__Actor actor = SALLYPORT__V1__ACTOR__INIT;
    actor.kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE;
    actor.id = init;
    Sallyport__V1__Change change = SALLYPORT__V1__CHANGE__INIT;
    change.time = options->now_s;
    change.actor = &actor;
    change.method = init;
    struct sp_changeset *set = sp_changeset_new(arena, &change);
    struct sp_entity_key key;
    if (set == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    status = sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){NULL, 0}, NULL, 0, &key);
    if (status == SP_OK)
        status = sp_changeset_put(set, &key, &schema->base);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot write the schema to the new store: %s", sp_status_name(status));
    struct sp_revision revision;
    return sp_changeset_apply(write, set, &revision, error);
}

static enum sp_status fill_write(struct sp_write *write, const char *path,
                                 const struct sp_store_create_options *options, struct sp_arena *arena,
                                 struct sp_error *error) {
    struct sp_view *view = sp_write_view(write);
    enum sp_status status = check_empty(write, path, error);
    if (status != SP_OK)
        return status;
    int code = sp_env_open_databases(view->store, view->txn, true);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, "create the store's databases");
    status = sp_write_first_prefix(write, options->key_prefix, error);
    if (status != SP_OK)
        return status;
    if (write_all_meta(write, options) != SP_OK)
        return sp_write_failure(write, error);
    return options->source.size > 0 ? SP_OK : put_schema(write, options, arena, error);
}

static enum sp_status fill_store(struct sp_store *store, const char *path,
                                 const struct sp_store_create_options *options, struct sp_error *error) {
    struct sp_arena arena;
    struct sp_write *write;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        goto out;
    status = fill_write(write, path, options, &arena, error);
    if (status == SP_OK)
        status = sp_write_commit(write, error);
    else
        sp_write_abort(write);
out:
    sp_arena_fini(&arena);
    return status;
}

enum sp_status sp_store_create(const char *path, const struct sp_store_create_options *options,
                               struct sp_error *error) {
    enum sp_status status = make_store_folder(path, error);
    if (status != SP_OK)
        return status;
    struct sp_store *store = NULL;
    struct sp_store_options open_options = {
        .mode = SP_STORE_WRITE,
        .map_size_bytes = options->map_size_bytes > 0 ? options->map_size_bytes : DEFAULT_MAP_BYTES,
    };
    status = sp_env_open(path, &open_options, &store, error);
    if (status != SP_OK)
        return status;
    status = fill_store(store, path, options, error);
    sp_store_close(store);
    if (status != SP_OK)
        return status;
    status = sp_folder_sync(path, error);
    if (status != SP_OK)
        return status;
    return sp_folder_sync_parent(path, error);
}
