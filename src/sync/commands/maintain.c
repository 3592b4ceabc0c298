#include "sync/commands/maintain.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"
#include "store/records/write.h"
#include "store/recovery/reindex.h"
#include "store/recovery/restore.h"
#include "store/recovery/upgrade.h"
#include "store/recovery/verify.h"
#include "sync/lock.h"

static void print_finding(void *context, const char *finding) {
    (void)context;
    puts(finding);
}

/* ---- verify ---- */

int sp_sync_verify_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    struct sp_error error = {0};
    struct sp_store *store = NULL;
    const struct sp_store_options options = {.mode = SP_STORE_READ};
    int ended = sp_sync_read_store_option(command, argc, argv, &path);
    if (ended >= 0)
        return ended;
    enum sp_status status = sp_store_open(path, &options, &store, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    status = sp_store_verify(store, print_finding, NULL, NULL, &error);
    sp_store_close(store);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    puts("Indexes match entities; audit trail is intact.");
    return EXIT_SUCCESS;
}

/* ---- commands that need the store to themselves ---- */

struct exclusive {
    int lock_fd;
    struct sp_store *store;
};

static enum sp_status open_exclusive(const char *path, const struct sp_store_options *options, struct exclusive *ret,
                                     struct sp_error *error) {
    enum sp_status status = sp_sync_lock(path, &ret->lock_fd, error);
    if (status != SP_OK)
        return status;
    status = sp_store_open(path, options, &ret->store, error);
    if (status != SP_OK)
        close(ret->lock_fd);
    return status;
}

static void close_exclusive(struct exclusive *exclusive) {
    sp_store_close(exclusive->store);
    close(exclusive->lock_fd);
}

/* For what LMDB itself writes with a commit: the size of the map, and a meta page. */
static enum sp_status commit_head_again(struct sp_store *store, struct sp_error *error) {
    struct sp_write *write = NULL;
    int64_t synced_at_s = 0;
    enum sp_status status = sp_write_begin(store, &write, error);
    if (status != SP_OK)
        return status;
    status = sp_view_synced_at(sp_write_view(write), &synced_at_s);
    if (status != SP_OK)
        goto failed;
    status = sp_write_synced_at(write, synced_at_s);
    if (status != SP_OK)
        goto failed;
    return sp_write_commit(write, error);
failed:
    sp_write_abort(write);
    return sp_error_set(error, status, "cannot read the store's head");
}

static enum sp_status rebuild_store(const char *path, bool accept_altered, struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .accept_altered = accept_altered};
    struct exclusive exclusive;
    enum sp_status status = open_exclusive(path, &options, &exclusive, error);
    if (status != SP_OK)
        return status;
    status = sp_store_reindex(exclusive.store, NULL, NULL, error);
    /* The second commit replaces the other meta page too. */
    if (status == SP_OK && accept_altered)
        status = commit_head_again(exclusive.store, error);
    close_exclusive(&exclusive);
    return status;
}

int sp_sync_reindex_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    bool accept_altered = false, help = false;
    struct sp_error error = {0};
    const struct sp_option table[] = {
        sp_sync_store_row(&path),
        {.name = "accept-altered-state",
         .kind = SP_OPTION_FLAG,
         .target = &accept_altered,
         .help = "also if the data file's first pages were altered; the last change may be missing"},
        sp_sync_help_row(&help),
    };
    int ended = sp_sync_read_options_alone(command, table, sizeof(table) / sizeof(*table), &help, argc, argv);
    if (ended >= 0)
        return ended;
    if (path == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    if (rebuild_store(path, accept_altered, &error) != SP_OK)
        return sp_sync_complain(&error);
    puts("Rebuilt every index from the entities.");
    return EXIT_SUCCESS;
}

/* ---- upgrade ---- */

enum { KEEP_IMPLICIT_MAX = 1000 };

/* Cuts "acme/k1,acme/k2". False: more than there is room for. */
static bool cut_key_names(const char *list, struct sp_str names[static KEEP_IMPLICIT_MAX], size_t *ret_count) {
    *ret_count = 0;
    while (list != NULL && *list != '\0') {
        size_t size = strcspn(list, ",");
        if (*ret_count == KEEP_IMPLICIT_MAX)
            return false;
        names[(*ret_count)++] = (struct sp_str){list, size};
        list += size + (list[size] == ',');
    }
    return true;
}

int sp_sync_upgrade_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    const char *keep_implicit = NULL;
    bool help = false;
    struct sp_str names[KEEP_IMPLICIT_MAX];
    struct sp_upgrade_options options = {.now_s = sp_clock_now_s(), .keep_implicit = names};
    struct sp_error error = {0};
    uint32_t from = 0;
    int lock_fd = -1;
    const struct sp_option table[] = {
        sp_sync_store_row(&path),
        {.name = "keep-implicit",
         .kind = SP_OPTION_TEXT,
         .target = &keep_implicit,
         .argument = "KEYS",
         .help = "comma-separated WORKSPACE/KEY: keys of all permissions that keep resource_register and "
                 "api_key_rotate, by name"},
        sp_sync_help_row(&help),
    };
    int ended = sp_sync_read_options_alone(command, table, sizeof(table) / sizeof(*table), &help, argc, argv);
    if (ended >= 0)
        return ended;
    if (path == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    if (!cut_key_names(keep_implicit, names, &options.keep_implicit_count))
        return sp_sync_complain_usage(command, "--keep-implicit: at most 1,000 keys");
    if (sp_sync_lock(path, &lock_fd, &error) != SP_OK)
        return sp_sync_complain(&error);
    enum sp_status status = sp_store_upgrade(path, &options, print_finding, NULL, &from, &error);
    close(lock_fd);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    if (from == SP_STORE_FORMAT)
        printf("The store already has format %d.\n", SP_STORE_FORMAT);
    else
        printf("Upgraded the store from format %u to %d.\n", (unsigned)from, SP_STORE_FORMAT);
    return EXIT_SUCCESS;
}

/* ---- grow ---- */

/* Beside a `serve` that runs: it takes over what is committed here (sp_store_adopt_growth). */
static enum sp_status set_map_size(const char *path, uint64_t map_size, struct sp_store_stats *ret_stats,
                                   struct sp_error *error) {
    const struct sp_store_options options = {.mode = SP_STORE_WRITE, .map_size_bytes = map_size};
    struct sp_store *store = NULL;
    enum sp_status status = sp_store_open(path, &options, &store, error);
    if (status != SP_OK)
        return status;
    status = commit_head_again(store, error);
    if (status != SP_OK)
        goto out;
    status = sp_store_stats(store, ret_stats);
    if (status != SP_OK)
        sp_error_set(error, status, "cannot read the store's size");
out:
    sp_store_close(store);
    return status;
}

static int grow_store(const char *path, uint64_t map_size) {
    struct sp_error error = {0};
    struct sp_store_stats stats = {0};
    if (set_map_size(path, map_size, &stats, &error) != SP_OK)
        return sp_sync_complain(&error);
    printf("The store can grow to %llu bytes; %llu are in use.\n", (unsigned long long)stats.map_size_bytes,
           (unsigned long long)stats.used_bytes);
    if (stats.map_size_bytes > map_size)
        puts("The limit cannot be lower than what the store uses.");
    return EXIT_SUCCESS;
}

int sp_sync_grow_command(const struct sp_sync_command *command, int argc, char **argv) {
    const char *path = NULL;
    uint64_t map_size = 0;
    bool help = false;
    const struct sp_option table[] = {
        sp_sync_store_row(&path),
        {.name = "map-size",
         .kind = SP_OPTION_SIZE,
         .target = &map_size,
         .argument = "BYTES",
         .least = (uint64_t)1 << 20,
         .most = (uint64_t)1 << 46,
         .help = "maximum size of the store; reserves address space, not disk; required"},
        sp_sync_help_row(&help),
    };
    int ended = sp_sync_read_options_alone(command, table, sizeof(table) / sizeof(*table), &help, argc, argv);
    if (ended >= 0)
        return ended;
    if (path == NULL || map_size == 0)
        return sp_sync_complain_usage(command, "--store and --map-size are required");
    return grow_store(path, map_size);
}

/* ---- restore ---- */

static int restore_store(const struct sp_restore_options *options) {
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    int lock_fd = -1;
    if (options->replace && sp_sync_lock(options->store_path, &lock_fd, &error) != SP_OK)
        return sp_sync_complain(&error);
    enum sp_status status = sp_store_restore(options, print_finding, NULL, &revision, &error);
    if (lock_fd >= 0)
        close(lock_fd);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    printf("Restored: epoch %llu, revision %llu. Restart any sallyportd that serves this store.\n",
           (unsigned long long)revision.epoch, (unsigned long long)revision.number);
    return EXIT_SUCCESS;
}

int sp_sync_restore_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct sp_restore_options options = {.now_s = sp_clock_now_s()};
    bool help = false;
    const struct sp_option table[] = {
        sp_sync_store_row(&options.store_path),
        {.name = "backup",
         .kind = SP_OPTION_TEXT,
         .target = &options.backup_file,
         .argument = "FILE",
         .help = "file that `sallyport backup` wrote; required"},
        {.name = "replace",
         .kind = SP_OPTION_FLAG,
         .target = &options.replace,
         .help = "replace the store that the directory holds"},
        {.name = "changes",
         .kind = SP_OPTION_TEXT,
         .target = &options.changes_file,
         .argument = "FILE",
         .help = "changes after the backup, as `sallyport changes -o ndjson` writes them"},
        {.name = "later-store",
         .kind = SP_OPTION_TEXT,
         .target = &options.later_store,
         .argument = "DIR",
         .help = "directory of a later store to read the changes from"},
        {.name = "accept-revival",
         .kind = SP_OPTION_FLAG,
         .target = &options.accept_revival,
         .help = "restore without later changes: keys revoked since the backup work again"},
        sp_sync_help_row(&help),
    };
    int ended = sp_sync_read_options_alone(command, table, sizeof(table) / sizeof(*table), &help, argc, argv);
    if (ended >= 0)
        return ended;
    if (options.store_path == NULL || options.backup_file == NULL)
        return sp_sync_complain_usage(command, "--store and --backup are required");
    return restore_store(&options);
}
