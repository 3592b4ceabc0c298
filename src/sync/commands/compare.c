/* compare: the store against the source that it follows, record by record; also while `serve` runs. */
#include <inttypes.h>
#include <stdlib.h>

#include "source/source.h"
#include "store/recovery/account.h"
#include "sync/commands/command.h"

enum { TRIES = 20 };

static void print_difference(void *context, const char *difference) {
    (void)context;
    puts(difference);
}

/* A store that goes on moves away from the revision that is compared; etcd forgets that one only when it is compacted. */
static enum sp_status compare(const struct sp_source_options *options, const char *path, uint64_t *ret_compared,
                              uint64_t *ret_differences, uint64_t *ret_unaccounted, struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_READ};
    struct sp_store *store = NULL;
    struct sp_source *source = NULL;
    enum sp_status status = sp_store_open(path, &open_options, &store, error);
    if (status == SP_OK)
        status = sp_source_open(options, store, &source, error);
    if (status == SP_OK) {
        status = SP_ERR_OUT_OF_RANGE;
        for (int tries = 0; status == SP_ERR_OUT_OF_RANGE && tries < TRIES; tries++)
            status = sp_source_compare(source, print_difference, NULL, ret_compared, ret_differences, error);
    }
    if (status == SP_OK)
        status = sp_store_find_unaccounted(store, print_difference, NULL, ret_unaccounted, error);
    sp_source_close(source);
    sp_store_close(store);
    return status;
}

int sp_sync_compare_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    struct sp_source_options source = {0};
    struct sp_error error = {0};
    uint64_t compared = 0;
    uint64_t differences = 0;
    uint64_t unaccounted = 0;
    bool help = false;
    int rest = argc;
    struct sp_option table[2 + SP_SOURCE_OPTION_ROWS] = {
        {.name = "store",
         .kind = SP_OPTION_TEXT,
         .target = &path,
         .environment = "SALLYPORT_SYNC_STORE",
         .argument = "DIR",
         .help = "folder of the store; required"},
        {.name = "help", .kind = SP_OPTION_FLAG, .target = &help, .help = "print this and exit"},
    };
    size_t count = 2 + sp_source_place_rows(&source, table + 2);
    int ended = sp_sync_read_options(command, table, count, &help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    if (path == NULL || source.url == NULL || rest < argc)
        return sp_sync_complain_usage(command,
                                      rest < argc ? "takes options only" : "--store and --source are required");
    if (compare(&source, path, &compared, &differences, &unaccounted, &error) != SP_OK)
        return sp_sync_complain(&error);
    printf("Compared %" PRIu64 " records: %" PRIu64 " differences, %" PRIu64 " entities that no change accounts for.\n",
           compared, differences, unaccounted);
    return differences == 0 && unaccounted == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
