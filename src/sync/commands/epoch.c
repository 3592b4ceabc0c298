/* A change like any other, so that it is safe while `serve` runs. */
#include "sync/commands/epoch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "source/source.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/epoch.h"
#include "store/records/head.h"
#include "store/records/write.h"

enum { EPOCH_ARENA_FIRST_BYTES = 4096, EPOCH_ARENA_BUDGET_BYTES = 1 << 20, EPOCH_JOIN_MS = 5000 };

struct epoch_options {
    const char *store;
    struct sp_source_options source;
    bool help;
};

static enum sp_status write_epoch(struct sp_store *store, struct sp_source *source, struct sp_arena *arena,
                                  struct sp_revision *ret_revision, struct sp_error *error) {
    struct sp_write *write = NULL;
    struct sp_revision revision;
    enum sp_status status = sp_source_begin(source, store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_write_begin_epoch(write, 0, "epoch", "BeginEpoch", sp_clock_now_s(), arena);
    if (status == SP_OK)
        status = sp_view_revision(sp_write_view(write), &revision);
    if (status != SP_OK) {
        sp_write_abort(write);
        return sp_error_set(error, status, "cannot begin an epoch");
    }
    status = sp_source_commit(source, write, error);
    if (status != SP_OK)
        return status;
    *ret_revision = revision;
    return SP_OK;
}

static enum sp_status join_source_of(const struct epoch_options *options, struct sp_store *store,
                                     struct sp_source **ret_source, struct sp_error *error) {
    if (options->source.url == NULL)
        return sp_source_check_embedded(store, error);
    enum sp_status status = sp_source_open(&options->source, store, ret_source, error);
    if (status != SP_OK)
        return status;
    return sp_source_join(*ret_source, EPOCH_JOIN_MS, error);
}

static enum sp_status begin_store_epoch(const struct epoch_options *options, struct sp_revision *ret_revision,
                                        struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    struct sp_source *source = NULL;
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, EPOCH_ARENA_FIRST_BYTES, EPOCH_ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_store_open(options->store, &open_options, &store, error);
    if (status != SP_OK)
        goto out;
    status = join_source_of(options, store, &source, error);
    if (status != SP_OK)
        goto out;
    status = write_epoch(store, source, &arena, ret_revision, error);
out:
    sp_source_close(source);
    sp_store_close(store);
    sp_arena_fini(&arena);
    return status;
}

int sp_sync_epoch_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct epoch_options options = {.store = NULL};
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    struct sp_option table[3 + SP_SOURCE_OPTION_ROWS] = {sp_sync_store_row(&options.store),
                                                         sp_sync_help_row(&options.help)};
    int rest = argc;
    size_t count = 2 + sp_source_place_rows(&options.source, table + 2);
    table[count++] = sp_source_signing_row(&options.source);
    int ended = sp_sync_read_options(command, table, count, &options.help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    if (argc - rest != 1 || strcmp(argv[rest], "begin") != 0)
        return sp_sync_complain_usage(command, "the only subcommand is begin: run `sallyport-sync epoch begin`");
    if (options.store == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    if (begin_store_epoch(&options, &revision, &error) != SP_OK)
        return sp_sync_complain(&error);
    printf("Epoch %" PRIu64 " began with revision %" PRIu64
           ". Calls that ask for a revision of an earlier epoch are told to ask again.\n",
           revision.epoch, revision.number);
    return EXIT_SUCCESS;
}
