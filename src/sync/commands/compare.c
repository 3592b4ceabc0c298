/* Record by record; safe while `serve` runs. */
#include "sync/commands/compare.h"

#include <inttypes.h>
#include <stdlib.h>

#include "source/source.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/recovery/account.h"

enum { TRIES = 20 };

struct counts {
    uint64_t compared;
    uint64_t differences;
    uint64_t unaccounted;
};

static void print_difference(void *context, const char *difference) {
    (void)context;
    puts(difference);
}

/* A store that `serve` moves on leaves the revision that is being compared, which etcd may have
 * compacted away, or be writing a large change to. */
static bool has_lost_race(enum sp_status status) {
    return status == SP_ERR_OUT_OF_RANGE || status == SP_ERR_ABORTED;
}

static enum sp_status compare_records(struct sp_source *source, struct counts *ret_counts, struct sp_error *error) {
    enum sp_status status = SP_ERR_ABORTED;
    for (int tries = 0; has_lost_race(status) && tries < TRIES; tries++)
        status =
            sp_source_compare(source, print_difference, NULL, &ret_counts->compared, &ret_counts->differences, error);
    return status;
}

static enum sp_status compare_store(const struct sp_source_options *options, const char *path,
                                    struct counts *ret_counts, struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_READ};
    struct sp_store *store = NULL;
    struct sp_source *source = NULL;
    enum sp_status status = sp_store_open(path, &open_options, &store, error);
    if (status != SP_OK)
        goto out;
    status = sp_source_open(options, store, &source, error);
    if (status != SP_OK)
        goto out;
    status = compare_records(source, ret_counts, error);
    if (status != SP_OK)
        goto out;
    status = sp_store_find_unaccounted(store, print_difference, NULL, &ret_counts->unaccounted, error);
out:
    sp_source_close(source);
    sp_store_close(store);
    return status;
}

int sp_sync_compare_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    struct sp_source_options source = {0};
    struct sp_error error = {0};
    struct counts counts = {0};
    bool help = false;
    struct sp_option table[2 + SP_SOURCE_OPTION_ROWS] = {
        sp_sync_store_row(&path),
        sp_sync_help_row(&help),
    };
    size_t count = 2 + sp_source_place_rows(&source, table + 2);
    int ended = sp_sync_read_options_alone(command, table, count, &help, argc, argv);
    if (ended >= 0)
        return ended;
    if (path == NULL || source.url == NULL)
        return sp_sync_complain_usage(command, "--store and --source are required");
    if (compare_store(&source, path, &counts, &error) != SP_OK)
        return sp_sync_complain(&error);
    printf("Compared %" PRIu64 " records: %" PRIu64 " differences, %" PRIu64
           " entities that the audit trail does not account for.\n",
           counts.compared, counts.differences, counts.unaccounted);
    return counts.differences == 0 && counts.unaccounted == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
