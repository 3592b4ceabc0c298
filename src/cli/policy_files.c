#include "cli/policy_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "cli/file.h"
#include "cli/print.h"

enum { FILE_MAX_BYTES = 256 << 20, PATH_BYTES = 4096, DEPTH_MAX = 16 };

struct file_walk {
    struct sp_policy *policy;
    struct sp_policy_errors *errors;
    struct sp_error *error;
};

static enum sp_status read_policy_file(const struct file_walk *walk, const char *path) {
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = sp_cli_read_file(path, FILE_MAX_BYTES, &text, &size, walk->error);
    if (status != SP_OK)
        return status;
    status = sp_policy_read(walk->policy, path, (struct sp_str){text, size}, walk->errors);
    free(text);
    return status == SP_OK ? SP_OK : sp_error_set(walk->error, status, "%s: too large to read", path);
}

static bool ends_with(const char *name, const char *end) {
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* What lies beside policy files in a folder, and is none. */
static bool is_policy_file_name(const char *name) {
    static const char *const others[] = {"tests.yaml", "tests.yml"};
    if (strcmp(name, "schema.yaml") == 0 || strcmp(name, "schema.yml") == 0)
        return false;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (ends_with(name, others[i]))
            return false;
    return ends_with(name, ".yaml") || ends_with(name, ".yml");
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int order_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum sp_status read_policy_folder(const struct file_walk *walk, const char *path, unsigned depth);

static enum sp_status read_path(const struct file_walk *walk, const char *path, bool named, unsigned depth) {
    struct stat about;
    const char *slash = strrchr(path, '/');
    if (strcmp(path, "-") == 0)
        return read_policy_file(walk, path);
    if (stat(path, &about) != 0)
        return sp_error_set(walk->error, SP_ERR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return read_policy_folder(walk, path, depth + 1);
    if (named || is_policy_file_name(slash == NULL ? path : slash + 1))
        return read_policy_file(walk, path);
    return SP_OK;
}

/* The depth is bounded, since a link may lead to a folder that it is in. */
static enum sp_status read_policy_folder(const struct file_walk *walk, const char *path, unsigned depth) {
    struct dirent **entries = NULL;
    char inner[PATH_BYTES];
    if (depth > DEPTH_MAX)
        return sp_error_set(walk->error, SP_ERR_INVALID, "%s: more than %d folders in each other", path, DEPTH_MAX);
    int count = scandir(path, &entries, is_visible, order_names);
    if (count < 0)
        return sp_error_set(walk->error, SP_ERR_IO, "cannot read %s: %s", path, strerror(errno));
    enum sp_status status = SP_OK;
    for (int i = 0; i < count; i++) {
        int size = snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
        if (status == SP_OK && (size < 0 || (size_t)size >= sizeof(inner)))
            status = sp_error_set(walk->error, SP_ERR_INVALID, "%s: its files have too long names", path);
        if (status == SP_OK)
            status = read_path(walk, inner, false, depth);
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum sp_status sp_cli_read_policy_files(const json_t *paths, struct sp_policy *policy, struct sp_policy_errors *errors,
                                        struct sp_error *error) {
    const struct file_walk walk = {.policy = policy, .errors = errors, .error = error};
    size_t i;
    const json_t *path;
    json_array_foreach(paths, i, path) {
        enum sp_status status = read_path(&walk, json_string_value(path), true, 0);
        if (status != SP_OK)
            return status;
    }
    if (policy->file_count == 0)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "no policy files there: their names end in .yaml or .yml");
    sp_policy_check(policy, errors);
    return SP_OK;
}

void sp_cli_print_policy_errors(const struct sp_policy_errors *errors, FILE *out) {
    for (size_t i = 0; i < errors->count && i < SP_POLICY_ERRORS_MAX; i++) {
        sp_cli_put_text(errors->texts[i], out);
        (void)fputc('\n', out);
    }
    if (errors->count > SP_POLICY_ERRORS_MAX)
        (void)fprintf(out, "… and %zu more\n", errors->count - SP_POLICY_ERRORS_MAX);
}
