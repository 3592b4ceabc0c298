#include "sync/commands/init.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/new_text.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/key_text.h"
#include "core/schema.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/create.h"
#include "sync/commands/operator_key.h"

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

/* ---- an existing store ---- */

/* Takes from group and others the access that they must not have: Kubernetes gives the group of
 * a volume every file on it when it mounts the volume. True if the file exists and is not empty. */
static bool narrow_file_mode(const char *path, mode_t most) {
    struct stat of_file;
    if (path == NULL || stat(path, &of_file) != 0)
        return false;
    if ((of_file.st_mode & 0777 & ~most) != 0 && chmod(path, of_file.st_mode & (07000 | most)) != 0)
        sp_sync_note("sallyport-sync: cannot change the mode of %s to %o: %s", path, (unsigned)most, strerror(errno));
    return of_file.st_size > 0;
}

/* True if a store exists, so that nothing is left to do. The key file of an interrupted try is
 * removed. */
static bool keep_existing_store(const struct init_options *options) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    struct sp_error error = {0};
    bool key_written = narrow_file_mode(options->key_file, 0600);
    if (sp_store_open(options->store, &open_options, &store, &error) != SP_OK) {
        if (options->key_file != NULL && !key_written)
            unlink(options->key_file);
        return false;
    }
    sp_store_close(store);
    sp_sync_note("%s already holds a store, which was left unchanged.", options->store);
    return true;
}

/* ---- a new store ---- */

/* The text of the file, for the caller to free. */
static enum sp_status read_initial_schema(const char *path, char **ret_text, size_t *ret_size, struct sp_error *error) {
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
    return sp_error_set(error, SP_ERR_INVALID, failed ? "cannot read %s" : "%s is larger than 1 MiB", path);
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
        status = read_initial_schema(options->schema_file, &text, &size, error);
        if (status != SP_OK)
            return status;
        create.schema_yaml = (struct sp_str){text, size};
    }
    status = sp_store_create(options->store, &create, error);
    free(text);
    return status;
}

static enum sp_status add_first_operator(const struct init_options *options, int key_fd, struct sp_error *error) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE};
    struct sp_store *store = NULL;
    enum sp_status status = sp_store_open(options->store, &open_options, &store, error);
    if (status != SP_OK)
        return status;
    const struct sp_admin_operator_terms unlimited = {.expires_at_s = 0};
    status = sp_sync_add_operator(store, NULL, options->operator_name, &unlimited, key_fd, error);
    sp_store_close(store);
    return status;
}

/* Before anything is created: a store that lacks its operator could not be made again. */
static enum sp_status check_new_names(const struct init_options *options, struct sp_error *error) {
    struct sp_str name = sp_str_from(options->operator_name);
    enum sp_status status = sp_key_prefix_check(sp_str_from(options->prefix), error);
    sp_admin_rename_field(error, "key prefix", "--prefix");
    if (status != SP_OK)
        return status;
    status = sp_text_check_id(name, "--operator", error);
    if (status != SP_OK)
        return status;
    return sp_admin_refuse_key_text(name, "--operator", error);
}

static int init_store(const struct init_options *options) {
    struct sp_error error = {0};
    int key_fd = -1;
    enum sp_status status = check_new_names(options, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    status = sp_store_check_folder(options->store, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    if (options->if_missing && keep_existing_store(options)) {
        sp_sync_act_refine(&(struct sp_sync_act){.operation = NULL});
        return EXIT_SUCCESS;
    }
    status = sp_sync_open_key_file(options->key_file, &key_fd, &error);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    status = create_store(options, &error);
    if (status != SP_OK) {
        if (options->key_file != NULL)
            unlink(options->key_file);
        goto out;
    }
    status = add_first_operator(options, key_fd, &error);
out:
    close(key_fd);
    if (status != SP_OK)
        return sp_sync_complain(&error);
    sp_sync_note("Created a store in %s. The key of operator \"%s\" %s%s; it is shown only once.\n"
                 "Next: sallyport-sync serve --store %s",
                 options->store, options->operator_name, options->key_file == NULL ? "is printed above" : "is in ",
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
         .help = "new or empty directory; required"},
        {.name = "schema",
         .kind = SP_OPTION_TEXT,
         .target = &options.schema_file,
         .argument = "FILE",
         .help = "YAML file that defines permissions, types and actions; default: a built-in example"},
        {.name = "prefix",
         .kind = SP_OPTION_TEXT,
         .target = &options.prefix,
         .default_text = "sp_",
         .argument = "TEXT",
         .help = "prefix of every key"},
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
         .help = "maximum size of the store; reserves address space, not disk"},
        {.name = "if-missing",
         .kind = SP_OPTION_FLAG,
         .target = &options.if_missing,
         .help = "succeed without changes if the directory already holds a store"},
        sp_sync_help_row(&options.help),
    };
    int ended = sp_sync_read_options_alone(command, table, sizeof(table) / sizeof(*table), &options.help, argc, argv);
    if (ended >= 0)
        return ended;
    if (options.store == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    return init_store(&options);
}
