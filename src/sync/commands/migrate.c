/* migrate: an embedded store's truth moves to etcd, or a follower's store becomes the truth again. Each begins a new epoch. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/records/epoch.h"
#include "store/records/head.h"
#include "store/replica/cursor.h"
#include "sync/commands/command.h"
#include "sync/lock.h"
#include "sync/service.h"

struct migrate_options {
    const char *store;
    const char *to;
    const char *from;
    struct sp_source_options source;
    bool help;
};

enum { ARENA_FIRST_BYTES = 4096, ARENA_BUDGET_BYTES = 1 << 20 };

static enum sp_status begin_epoch(struct sp_write *write, struct sp_error *error) {
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_write_begin_epoch(write, 0, "migrate", "Migrate", sp_clock_now_s(), &arena);
    sp_arena_fini(&arena);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "the new epoch cannot be written");
}

/* The store says that it follows etcd in the transaction that commits only when etcd has everything. */
static enum sp_status move_to(const struct migrate_options *options, struct sp_store *store, struct sp_error *error) {
    struct sp_source *source = NULL;
    struct sp_write *write = NULL;
    enum sp_status status = sp_source_check_embedded(store, error);
    if (status == SP_OK)
        status = sp_source_open_for_upload(&options->source, store, &source, error);
    if (status == SP_OK)
        status = sp_write_begin(store, &write, error);
    if (status == SP_OK)
        status = begin_epoch(write, error);
    if (status == SP_OK)
        status = sp_source_upload(source, write, error);
    if (status == SP_OK)
        status = sp_write_commit(write, error);
    else
        sp_write_abort(write);
    sp_source_close(source);
    return status;
}

static enum sp_status cut_loose(struct sp_store *store, struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status == SP_OK)
        status = begin_epoch(write, error);
    if (status == SP_OK && (status = sp_replica_set_source(write, SP_STR_LITERAL("embedded"))) != SP_OK)
        sp_error_set(error, status, "the store cannot be told that it is the truth now");
    if (status == SP_OK)
        return sp_write_commit(write, error);
    sp_write_abort(write);
    return status;
}

/* etcd is left as it is; whoever goes on changing it there is not followed any more. */
static enum sp_status move_from(const struct migrate_options *options, struct sp_store *store, struct sp_error *error) {
    struct sp_source *source = NULL;
    enum sp_status status = sp_source_open(&options->source, store, &source, error);
    if (status == SP_OK)
        status = sp_source_list(source, error);
    if (status == SP_OK)
        status = cut_loose(store, error);
    sp_source_close(source);
    return status;
}

static enum sp_status migrate(const struct migrate_options *options, struct sp_revision *ret_revision,
                              struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    struct sp_snapshot *snapshot = NULL;
    int lock_fd = -1;
    enum sp_status status = SP_OK;
    if (options->from != NULL)
        status = sp_source_make_store(&options->source, options->store, 0, error);
    if (status == SP_OK)
        status = sp_sync_lock(options->store, &lock_fd, error);
    if (status == SP_OK)
        status = sp_store_open(options->store, &open_options, &store, error);
    if (status == SP_OK)
        status = options->from != NULL ? move_from(options, store, error) : move_to(options, store, error);
    if (status == SP_OK)
        status = sp_snapshot_open(store, &snapshot);
    if (status == SP_OK)
        status = sp_snapshot_acquire(snapshot);
    if (status == SP_OK) {
        status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
        sp_snapshot_release(snapshot);
    }
    sp_snapshot_close(snapshot);
    sp_store_close(store);
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}

int sp_sync_migrate_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct migrate_options options = {0};
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    struct sp_option table[SP_SOURCE_OPTION_ROWS + 4];
    int rest = argc;
    size_t count = 0;
    table[count++] = (struct sp_option){.name = "store",
                                        .kind = SP_OPTION_TEXT,
                                        .target = &options.store,
                                        .environment = "SALLYPORT_SYNC_STORE",
                                        .argument = "DIR",
                                        .help = "folder of the store; required"};
    table[count++] = (struct sp_option){
        .name = "to",
        .kind = SP_OPTION_TEXT,
        .target = &options.to,
        .argument = "URL",
        .help = "where the store's truth goes: etcd://HOST:PORT,HOST:PORT/PREFIX/, an empty place there"};
    table[count++] = (struct sp_option){.name = "from",
                                        .kind = SP_OPTION_TEXT,
                                        .target = &options.from,
                                        .argument = "URL",
                                        .help = "instead: where it comes from; the folder is empty or follows that"};
    table[count++] = (struct sp_option){
        .name = "help", .kind = SP_OPTION_FLAG, .target = &options.help, .help = "print this and exit"};
    count += sp_source_connection_rows(&options.source, table + count);
    int ended = sp_sync_read_options(command, table, count, &options.help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    if (options.store == NULL || (options.to == NULL) == (options.from == NULL) || rest < argc)
        return sp_sync_complain_usage(command, rest < argc ? "takes options only"
                                                           : "--store and either --to or --from are required");
    options.source.url = options.to != NULL ? options.to : options.from;
    sp_log_init("sallyport-sync", SP_LOG_INFO);
    if (migrate(&options, &revision, &error) != SP_OK)
        return sp_sync_complain(&error);
    if (options.from != NULL) {
        printf("The store is the truth now: epoch %" PRIu64 ", revision %" PRIu64 ".\n"
               "Next: sallyport-sync serve --store %s\n",
               revision.epoch, revision.number, options.store);
        return EXIT_SUCCESS;
    }
    printf("The truth is in etcd now: epoch %" PRIu64 ", revision %" PRIu64 ".\n"
           "Next: sallyport-sync serve --store %s --source=%s\n",
           revision.epoch, revision.number, options.store, options.to);
    return EXIT_SUCCESS;
}
