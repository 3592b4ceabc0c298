/* Either way begins a new epoch. */
#include "sync/commands/migrate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "source/source.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/epoch.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/replica/cursor.h"
#include "sync/lock.h"

struct migrate_options {
    const char *store;
    const char *to;
    const char *from;
    struct sp_source_options source;
    bool help;
};

enum { ARENA_FIRST_BYTES = 4096, ARENA_BUDGET_BYTES = 1 << 20 };

static enum sp_status write_new_epoch(struct sp_write *write, struct sp_error *error) {
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_write_begin_epoch(write, 0, "migrate", "Migrate", sp_clock_now_s(), &arena);
    sp_arena_fini(&arena);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot write the new epoch");
    return SP_OK;
}

/* The transaction that makes the store a follower of etcd commits only when etcd has everything. */
static enum sp_status move_to_etcd(const struct migrate_options *options, struct sp_store *store,
                                   struct sp_error *error) {
    struct sp_source *source = NULL;
    struct sp_write *write = NULL;
    enum sp_status status = sp_source_check_embedded(store, error);
    if (status != SP_OK)
        return status;
    status = sp_source_open_for_upload(&options->source, store, &source, error);
    if (status != SP_OK)
        return status;
    status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        goto out;
    status = write_new_epoch(write, error);
    if (status != SP_OK)
        goto abort;
    status = sp_source_upload(source, write, error);
    if (status != SP_OK)
        goto abort;
    status = sp_write_commit(write, error);
    goto out;
abort:
    sp_write_abort(write);
out:
    sp_source_close(source);
    return status;
}

static enum sp_status stop_following(struct sp_store *store, struct sp_error *error) {
    struct sp_write *write = NULL;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        return status;
    status = write_new_epoch(write, error);
    if (status != SP_OK)
        goto failed;
    status = sp_replica_set_source(write, SP_STR_LITERAL("embedded"));
    if (status != SP_OK) {
        sp_error_set(error, status, "cannot record that the store no longer follows etcd");
        goto failed;
    }
    return sp_write_commit(write, error);
failed:
    sp_write_abort(write);
    return status;
}

/* etcd stays as it is; later changes there are not followed. */
static enum sp_status move_from_etcd(const struct migrate_options *options, struct sp_store *store,
                                     struct sp_error *error) {
    struct sp_source *source = NULL;
    enum sp_status status = sp_source_open(&options->source, store, &source, error);
    if (status != SP_OK)
        return status;
    status = sp_source_list(source, error);
    if (status != SP_OK)
        goto out;
    status = stop_following(store, error);
out:
    sp_source_close(source);
    return status;
}

static enum sp_status migrate_store(const struct migrate_options *options, struct sp_revision *ret_revision,
                                    struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    int lock_fd = -1;
    enum sp_status status = SP_OK;
    if (options->from != NULL)
        status = sp_source_make_store(&options->source, options->store, 0, error);
    if (status != SP_OK)
        return status;
    status = sp_sync_lock(options->store, &lock_fd, error);
    if (status != SP_OK)
        return status;
    status = sp_store_open(options->store, &open_options, &store, error);
    if (status != SP_OK)
        goto out;
    status = options->from != NULL ? move_from_etcd(options, store, error) : move_to_etcd(options, store, error);
    if (status != SP_OK)
        goto out;
    status = sp_store_newest_revision(store, ret_revision);
    if (status != SP_OK)
        sp_error_set(error, status, "the store was migrated, but its revision cannot be read");
out:
    sp_store_close(store);
    close(lock_fd);
    return status;
}

int sp_sync_migrate_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct migrate_options options = {0};
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    struct sp_option table[SP_SOURCE_OPTION_ROWS + 4];
    size_t count = 0;
    table[count++] = sp_sync_store_row(&options.store);
    table[count++] = (struct sp_option){
        .name = "to",
        .kind = SP_OPTION_TEXT,
        .target = &options.to,
        .argument = "URL",
        .help = "move the source of truth to etcd://HOST:PORT,HOST:PORT/PREFIX/, which must be empty"};
    table[count++] =
        (struct sp_option){.name = "from",
                           .kind = SP_OPTION_TEXT,
                           .target = &options.from,
                           .argument = "URL",
                           .help = "move it from there into the store, which must be empty or follow that etcd"};
    table[count++] = sp_sync_help_row(&options.help);
    count += sp_source_connection_rows(&options.source, table + count);
    table[count++] = sp_source_signing_row(&options.source);
    int ended = sp_sync_read_options_alone(command, table, count, &options.help, argc, argv);
    if (ended >= 0)
        return ended;
    if (options.store == NULL || (options.to == NULL) == (options.from == NULL))
        return sp_sync_complain_usage(command, "--store and either --to or --from are required");
    options.source.url = options.to != NULL ? options.to : options.from;
    sp_log_init("sallyport-sync", SP_LOG_INFO);
    if (migrate_store(&options, &revision, &error) != SP_OK)
        return sp_sync_complain(&error);
    if (options.from != NULL) {
        printf("The store no longer uses etcd: epoch %" PRIu64 ", revision %" PRIu64 ".\n"
               "Next: sallyport-sync serve --store %s\n",
               revision.epoch, revision.number, options.store);
        return EXIT_SUCCESS;
    }
    printf("The store now follows etcd: epoch %" PRIu64 ", revision %" PRIu64 ".\n"
           "Next: sallyport-sync serve --store %s --source=%s\n",
           revision.epoch, revision.number, options.store, options.to);
    return EXIT_SUCCESS;
}
