/* Making a new store: everything in one transaction, so that there is a whole store or none. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/key_text.h"
#include "store/lmdb/environment.h"
#include "store/records/change.h"
#include "store/records/entity.h"
#include "store/records/schema_numbers.h"

enum { ARENA_FIRST_BYTES = 64 * 1024, ARENA_BUDGET_BYTES = 64 * 1024 * 1024 };
#define DEFAULT_MAP_BYTES (UINT64_C(64) << 30)

/* Makes the folder with its mode, whatever the umask; an existing one keeps its own. */
static enum sp_status make_folder(const char *path, struct sp_error *error) {
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
    MDB_dbi main_database;
    MDB_stat stat_buffer;
    int code = mdb_dbi_open(write->view.txn, NULL, 0, &main_database);
    if (code == MDB_SUCCESS)
        code = mdb_stat(write->view.txn, main_database, &stat_buffer);
    if (code != MDB_SUCCESS)
        return sp_lmdb_error(error, code, "look into the new store");
    if (stat_buffer.ms_entries > 0)
        return sp_error_set(
            error, SP_ERR_EXISTS,
            "there is a store in %s already: open it, or remove the folder's data.mdb and lock.mdb if it is "
            "to be thrown away",
            path);
    return SP_OK;
}

static enum sp_status write_meta(struct sp_write *write, const struct sp_store_create_options *options,
                                 struct sp_error *error) {
    uint8_t format[4];
    uint8_t next[16];
    uint8_t created[8];
    sp_store_be32(format, SP_STORE_FORMAT);
    sp_store_be64(next, 1);
    sp_store_be64(next + 8, 1);
    sp_store_be64(created, (uint64_t)options->now_s);
    bool follows = options->source.size > 0;
    struct sp_str source = follows ? options->source : SP_STR_LITERAL("embedded");
    struct sp_head head = {.revision = {.epoch = follows ? 0 : 1, .number = 0}, .settings_version = 1};
    enum sp_status status = sp_write_first_prefix(write, options->key_prefix, error);
    if (status != SP_OK)
        return status;
    status = sp_write_meta(write, "format", (struct sp_bytes){format, sizeof format});
    if (status == SP_OK)
        status = sp_write_meta(write, "next", (struct sp_bytes){next, sizeof next});
    if (status == SP_OK)
        status = sp_write_meta(write, "created", (struct sp_bytes){created, sizeof created});
    if (status == SP_OK)
        status = sp_write_meta(write, "source", (struct sp_bytes){(const uint8_t *)source.data, source.size});
    if (status == SP_OK)
        status = sp_write_head(write, &head);
    return status == SP_OK ? SP_OK : sp_write_failure(write, error);
}

static enum sp_status put_schema(struct sp_write *write, const struct sp_store_create_options *options,
                                 struct sp_arena *arena, struct sp_error *error) {
    Sallyport__Store__V1__StoredSchema *schema;
    enum sp_status status = sp_schema_number(options->schema_yaml, NULL, arena, &schema, error);
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
        return sp_error_set(error, status, "the schema cannot be stored");
    struct sp_revision revision;
    return sp_changeset_apply(write, set, &revision, error);
}

static enum sp_status fill(struct sp_store *store, const char *path, const struct sp_store_create_options *options,
                           struct sp_arena *arena, struct sp_error *error) {
    struct sp_write *write;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        return status;
    status = check_empty(write, path, error);
    if (status == SP_OK)
        status = sp_lmdb_error(error, sp_env_open_databases(store, sp_write_view(write)->txn, true),
                               "make the store's databases");
    if (status == SP_OK)
        status = write_meta(write, options, error);
    if (status == SP_OK && options->source.size == 0)
        status = put_schema(write, options, arena, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        return status;
    }
    return sp_write_commit(write, error);
}

enum sp_status sp_store_create(const char *path, const struct sp_store_create_options *options,
                               struct sp_error *error) {
    enum sp_status status = make_folder(path, error);
    if (status != SP_OK)
        return status;
    struct sp_arena arena;
    status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    struct sp_store *store = NULL;
    struct sp_store_options open_options = {
        .mode = SP_STORE_WRITE,
        .map_size_bytes = options->map_size_bytes > 0 ? options->map_size_bytes : DEFAULT_MAP_BYTES,
    };
    status = sp_env_open(path, &open_options, &store, error);
    if (status == SP_OK)
        status = fill(store, path, options, &arena, error);
    sp_store_close(store);
    sp_arena_fini(&arena);
    return status;
}
