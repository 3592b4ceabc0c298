/* A list of etcd is read as a store: a temporary one. */
#include "sync/commands/unaccounted.h"

#include <inttypes.h>
#include <stdlib.h>

#include "source/source.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/recovery/account.h"
#include "sync/scratch.h"

enum { REPLICA_MAP_GIB = 64 };

static void print_entity(void *context, const char *line) {
    (void)context;
    puts(line);
}

static enum sp_status find_unaccounted_in_store(const char *path, uint64_t *ret_count, struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    struct sp_store *store = NULL;
    enum sp_status status = sp_store_open(path, &options, &store, error);
    if (status != SP_OK)
        return status;
    status = sp_store_find_unaccounted(store, print_entity, NULL, ret_count, error);
    sp_store_close(store);
    return status;
}

static enum sp_status copy_source_to_store(const struct sp_source_options *options, const char *folder,
                                           struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE, .no_sync = true};
    struct sp_store *store = NULL;
    struct sp_source *source = NULL;
    enum sp_status status = sp_source_make_store(options, folder, (uint64_t)REPLICA_MAP_GIB << 30, error);
    if (status != SP_OK)
        goto out;
    status = sp_store_open(folder, &open_options, &store, error);
    if (status != SP_OK)
        goto out;
    status = sp_source_open(options, store, &source, error);
    if (status != SP_OK)
        goto out;
    status = sp_source_list(source, error);
out:
    sp_source_close(source);
    sp_store_close(store);
    return status;
}

/* Lists etcd into a temporary store. */
static enum sp_status find_unaccounted_in_source(const struct sp_source_options *options, uint64_t *ret_count,
                                                 struct sp_error *error) {
    char folder[SP_SCRATCH_PATH_BYTES];
    enum sp_status status = sp_scratch_folder(folder, error);
    if (status != SP_OK)
        return status;
    status = copy_source_to_store(options, folder, error);
    if (status != SP_OK)
        goto out;
    status = find_unaccounted_in_store(folder, ret_count, error);
out:
    sp_scratch_remove(folder);
    return status;
}

int sp_sync_unaccounted_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    struct sp_source_options source = {.follow_only = true, .inspect_only = true};
    struct sp_error error = {0};
    uint64_t count = 0;
    bool help = false;
    struct sp_option table[2 + SP_SOURCE_OPTION_ROWS] = {
        {.name = "store",
         .kind = SP_OPTION_TEXT,
         .target = &path,
         .environment = "SALLYPORT_SYNC_STORE",
         .argument = "DIR",
         .help = "store directory to check; or give --source"},
        sp_sync_help_row(&help),
    };
    size_t rows = 2 + sp_source_place_rows(&source, table + 2);
    int ended = sp_sync_read_options_alone(command, table, rows, &help, argc, argv);
    if (ended >= 0)
        return ended;
    if ((path == NULL) == (source.url == NULL))
        return sp_sync_complain_usage(command, "either --store or --source is required");
    enum sp_status status = path != NULL ? find_unaccounted_in_store(path, &count, &error)
                                         : find_unaccounted_in_source(&source, &count, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    if (count == 0) {
        puts("The audit trail accounts for every entity.");
        return EXIT_SUCCESS;
    }
    printf("%" PRIu64 " entities are not accounted for. Delete those that should not exist; update each one to keep. "
           "The audit trail records both.\n",
           count);
    return EXIT_FAILURE;
}
