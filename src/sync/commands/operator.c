/* Works on the store itself, for whoever may write its files. Safe while `serve` runs: LMDB lets
 * one process write at a time, and a revoked key is refused from the next call on. */
#include "admin/operator.h"
#include "base/clock.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "source/source.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "sync/commands/operator.h"
#include "sync/commands/operator_key.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_FIRST_BYTES = 16 * 1024, ARENA_BUDGET_BYTES = 16 * 1024 * 1024, JOIN_MS = 5000 };

struct operator_options {
    const char *store;
    const char *key_file;
    struct sp_source_options source;
    bool help;
};

static enum sp_status add_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                   const struct operator_options *options, struct sp_error *error) {
    int key_fd = -1;
    enum sp_status status = sp_sync_open_key_file(options->key_file, &key_fd, error);
    if (status != SP_OK)
        return status;
    status = sp_sync_add_operator(store, source, name, key_fd, error);
    close(key_fd);
    if (status != SP_OK && options->key_file != NULL)
        unlink(options->key_file);
    return status;
}

static enum sp_status revoke_operator(struct sp_store *store, struct sp_source *source, const char *name,
                                      const struct operator_options *options, struct sp_error *error) {
    struct sp_arena arena;
    struct sp_write *write = NULL;
    (void)options;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_source_begin(source, store, &write, error);
    if (status != SP_OK)
        goto out;
    status = sp_admin_operator_revoke(write, sp_str_from(name), sp_clock_now_s(), &arena, error);
    if (status != SP_OK) {
        sp_write_abort(write);
        goto out;
    }
    status = sp_source_commit(source, write, error);
out:
    sp_arena_fini(&arena);
    return status;
}

static enum sp_status print_operator(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct sp_arena *arena = context;
    ProtobufCMessage *message = NULL;
    (void)key;
    sp_arena_reset(arena);
    enum sp_status status =
        sp_wire_unpack_trusted(&sallyport__store__v1__stored_operator__descriptor, value, arena, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__Operator *about = ((const Sallyport__Store__V1__StoredOperator *)message)->operator_;
    char created[32];
    struct tm parts;
    time_t at = (time_t)about->created_at;
    if (gmtime_r(&at, &parts) == NULL || strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        created[0] = '\0';
    printf("%-32s …%-8s %s\n", about->name, about->hint, created);
    return SP_OK;
}

static enum sp_status walk_operators(struct sp_store *store, struct sp_arena *arena) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_make(SP_KIND_OPERATOR, (struct sp_str){0}, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_open(store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_acquire(snapshot);
    if (status != SP_OK)
        goto out;
    status = sp_entity_walk(sp_snapshot_view(snapshot), (struct sp_bytes){prefix.bytes, prefix.size}, NULL,
                            print_operator, arena);
    sp_snapshot_release(snapshot);
out:
    sp_snapshot_close(snapshot);
    return status;
}

static enum sp_status list_operators(struct sp_store *store, struct sp_source *source, const char *name,
                                     const struct operator_options *options, struct sp_error *error) {
    struct sp_arena arena;
    (void)source;
    (void)name;
    (void)options;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = walk_operators(store, &arena);
    sp_arena_fini(&arena);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the operators");
    return SP_OK;
}

static const struct action {
    const char *name;
    bool takes_name;
    struct sp_sync_act act;
    enum sp_status (*run)(struct sp_store *store, struct sp_source *source, const char *name,
                          const struct operator_options *options, struct sp_error *error);
} actions[] = {
    {"add", true, {"operator-add", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_CREATE, "operator", NULL}, add_operator},
    {"list", false, {"operator-list", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, NULL}, list_operators},
    {"revoke",
     true,
     {"operator-revoke", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_DELETE, "operator", NULL},
     revoke_operator},
};

static const struct action *find_operator_action(const char *name) {
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static enum sp_status join_source(const struct operator_options *options, struct sp_store *store,
                                  struct sp_source **source, struct sp_error *error) {
    if (options->source.url == NULL)
        return sp_source_check_embedded(store, error);
    enum sp_status status = sp_source_open(&options->source, store, source, error);
    if (status != SP_OK)
        return status;
    return sp_source_join(*source, JOIN_MS, error);
}

static int run_operator_action(const struct action *action, const char *name, const struct operator_options *options) {
    struct sp_error error = {0};
    const struct sp_store_options open_options = {.mode = action->takes_name ? SP_STORE_WRITE : SP_STORE_READ};
    struct sp_store *store = NULL;
    struct sp_source *source = NULL;
    enum sp_status status = sp_store_open(options->store, &open_options, &store, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    if (action->takes_name)
        status = join_source(options, store, &source, &error);
    if (status != SP_OK)
        goto out;
    status = action->run(store, source, name, options, &error);
out:
    sp_source_close(source);
    sp_store_close(store);
    return status == SP_OK ? EXIT_SUCCESS : sp_sync_complain(&error);
}

int sp_sync_operator_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct operator_options options = {0};
    struct sp_option table[3 + SP_SOURCE_OPTION_ROWS] = {
        sp_sync_store_row(&options.store),
        {.name = "key-file",
         .kind = SP_OPTION_TEXT,
         .target = &options.key_file,
         .argument = "FILE",
         .help = "write a new key to this new file instead of stdout"},
        sp_sync_help_row(&options.help),
    };
    int rest = argc;
    size_t count = 3 + sp_source_place_rows(&options.source, table + 3);
    table[count++] = sp_source_signing_row(&options.source);
    int ended = sp_sync_read_options(command, table, count, &options.help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    const struct action *action = rest < argc ? find_operator_action(argv[rest]) : NULL;
    if (action == NULL)
        return sp_sync_complain_usage(command, "give add, list or revoke");
    if (argc - rest != (action->takes_name ? 2 : 1))
        return sp_sync_complain_usage(command, action->takes_name ? "give one operator name" : "list takes no name");
    if (options.store == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    struct sp_sync_act act = action->act;
    act.target_id = action->takes_name ? argv[rest + 1] : NULL;
    sp_sync_act_refine(&act);
    return run_operator_action(action, action->takes_name ? argv[rest + 1] : NULL, &options);
}
