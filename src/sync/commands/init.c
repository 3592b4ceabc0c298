/* init, and how an operator's key is shown. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "core/key_text.h"
#include "core/schema.h"
#include "store/records/create.h"
#include "sync/commands/command.h"
#include "sync/service.h"

enum { ARENA_FIRST_BYTES = 16 * 1024, ARENA_BUDGET_BYTES = 16 * 1024 * 1024 };

/* ---- keys ---- */

enum sp_status sp_sync_open_key_file(const char *path, int *ret_fd, struct sp_error *error) {
    int fd = path == NULL ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot make the key file %s: %s", path == NULL ? "(stdout)" : path,
                            strerror(errno));
    *ret_fd = fd;
    return SP_OK;
}

enum sp_status sp_sync_write_key(int fd, const char *secret, struct sp_error *error) {
    char line[SP_KEY_TEXT_BYTES + 1];
    int size = snprintf(line, sizeof(line), "%s\n", secret);
    ssize_t written = write(fd, line, (size_t)size);
    explicit_bzero(line, sizeof(line));
    if (written != size)
        return sp_error_set(error, SP_ERR_IO, "the key could not be written: revoke the operator and add it again");
    /* A pipe or terminal cannot be synced, and need not be. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
        return sp_error_set(error, SP_ERR_IO, "the key file could not be written: %s", strerror(errno));
    return SP_OK;
}

enum sp_status sp_sync_add_operator(struct sp_store *store, struct sp_source *source, const char *name, int key_fd,
                                    struct sp_error *error) {
    struct sp_arena arena;
    struct sp_write *write = NULL;
    char secret[SP_KEY_TEXT_BYTES];
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_source_begin(source, store, &write, error);
    if (status == SP_OK) {
        status = sp_admin_operator_add(write, sp_str_from(name), sp_clock_now_s(), &arena, secret, error);
        if (status == SP_OK)
            status = sp_source_commit(source, write, error);
        else
            sp_write_abort(write);
    }
    if (status == SP_OK)
        status = sp_sync_write_key(key_fd, secret, error);
    explicit_bzero(secret, sizeof(secret));
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status;
}

/* ---- init ---- */

struct init_options {
    const char *store;
    const char *schema_file;
    const char *prefix;
    const char *operator_name;
    const char *key_file;
    uint64_t map_size;
    bool if_missing;
    bool help;
};

/* ---- a store that is there ---- */

/* Takes from group and others what they must not have: Kubernetes gives a volume's group every file on it, when it mounts the
 * volume. True: the file is there and has content. */
static bool narrow_mode(const char *path, mode_t most) {
    struct stat of_file;
    if (path == NULL || stat(path, &of_file) != 0)
        return false;
    if ((of_file.st_mode & 0777 & ~most) != 0 && chmod(path, of_file.st_mode & (07000 | most)) != 0)
        (void)fprintf(stderr, "sallyport-sync: %s: its mode stays wider than %o: %s\n", path, (unsigned)most,
                      strerror(errno));
    return of_file.st_size > 0;
}

/* True where nothing is left to be done. Opening for writing sets the modes of the store's own files. */
static bool is_there(const struct init_options *options) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    struct sp_error error = {0};
    bool key_written = narrow_mode(options->key_file, 0600);
    if (sp_store_open(options->store, &open_options, &store, &error) != SP_OK) {
        if (options->key_file != NULL && !key_written)
            unlink(options->key_file); /* of a try that was interrupted */
        return false;
    }
    sp_store_close(store);
    narrow_mode(options->store, 0750);
    (void)fprintf(stderr, "There is a store in %s: it stays as it is.\n", options->store);
    return true;
}

/* ---- making one ---- */

/* The whole file in memory that the caller frees. */
static enum sp_status read_schema(const char *path, char **ret_text, size_t *ret_size, struct sp_error *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    char *text = malloc(SP_SCHEMA_MAX_BYTES + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, SP_SCHEMA_MAX_BYTES + 1, file);
    bool failed = text == NULL || ferror(file) != 0;
    (void)fclose(file);
    if (!failed && size <= SP_SCHEMA_MAX_BYTES) {
        *ret_text = text;
        *ret_size = size;
        return SP_OK;
    }
    free(text);
    return sp_error_set(error, SP_ERR_INVALID, failed ? "%s cannot be read" : "%s is longer than 1 MiB", path);
}

static enum sp_status create_store(const struct init_options *options, struct sp_error *error) {
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = SP_OK;
    struct sp_store_create_options create = {
        .map_size_bytes = options->map_size,
        .schema_yaml = sp_schema_default_yaml(),
        .key_prefix = sp_str_from(options->prefix),
        .now_s = sp_clock_now_s(),
    };
    if (options->schema_file != NULL) {
        status = read_schema(options->schema_file, &text, &size, error);
        create.schema_yaml = (struct sp_str){text, size};
    }
    if (status == SP_OK)
        status = sp_store_create(options->store, &create, error);
    free(text);
    return status;
}

static enum sp_status open_and_add(const struct init_options *options, int key_fd, struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    enum sp_status status = sp_store_open(options->store, &open_options, &store, error);
    if (status != SP_OK)
        return status;
    status = sp_sync_add_operator(store, NULL, options->operator_name, key_fd, error);
    sp_store_close(store);
    return status;
}

static int init(const struct init_options *options) {
    struct sp_error error = {0};
    int key_fd = -1;
    if (options->if_missing && is_there(options))
        return EXIT_SUCCESS;
    enum sp_status status = sp_sync_open_key_file(options->key_file, &key_fd, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    status = create_store(options, &error);
    if (status != SP_OK && options->key_file != NULL)
        unlink(options->key_file);
    if (status == SP_OK)
        status = open_and_add(options, key_fd, &error);
    close(key_fd);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    (void)fprintf(stderr,
                  "Made a store in %s. The key of operator \"%s\" %s%s; it is shown this once.\n"
                  "Next: sallyport-sync serve --store %s\n",
                  options->store, options->operator_name, options->key_file == NULL ? "stands above" : "is in ",
                  options->key_file == NULL ? "" : options->key_file, options->store);
    return EXIT_SUCCESS;
}

int sp_sync_init_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct init_options options = {0};
    const struct sp_option table[] = {
        {.name = "store",
         .kind = SP_OPTION_TEXT,
         .target = &options.store,
         .environment = "SALLYPORT_SYNC_STORE",
         .argument = "DIR",
         .help = "new or empty folder; required"},
        {.name = "schema",
         .kind = SP_OPTION_TEXT,
         .target = &options.schema_file,
         .argument = "FILE",
         .help = "permissions, types and actions as YAML; without it an example"},
        {.name = "prefix",
         .kind = SP_OPTION_TEXT,
         .target = &options.prefix,
         .default_text = "sp_",
         .argument = "TEXT",
         .help = "what every key begins with"},
        {.name = "operator",
         .kind = SP_OPTION_TEXT,
         .target = &options.operator_name,
         .default_text = "admin",
         .argument = "NAME",
         .help = "name of the first operator"},
        {.name = "key-file",
         .kind = SP_OPTION_TEXT,
         .target = &options.key_file,
         .argument = "FILE",
         .help = "write the operator's key to this new file instead of stdout"},
        {.name = "map-size",
         .kind = SP_OPTION_SIZE,
         .target = &options.map_size,
         .default_text = "64G",
         .argument = "BYTES",
         .least = (uint64_t)1 << 20,
         .most = (uint64_t)1 << 46,
         .help = "the most that the store may hold; address space, not disk"},
        {.name = "if-missing",
         .kind = SP_OPTION_FLAG,
         .target = &options.if_missing,
         .help = "succeed without doing anything where the folder holds a store already"},
        {.name = "help", .kind = SP_OPTION_FLAG, .target = &options.help, .help = "print this and exit"},
    };
    int rest = argc;
    int ended = sp_sync_read_options(command, table, sizeof(table) / sizeof(*table), &options.help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    if (options.store == NULL || rest < argc)
        return sp_sync_complain_usage(command, rest < argc ? "takes options only" : "--store is required");
    return init(&options);
}
