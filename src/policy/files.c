#include "policy/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/check.h"

enum { PATH_BYTES = 4096, DEPTH_MAX = 16, FIRST_BYTES = 64 * 1024 };

struct file_walk {
    struct sp_policy *policy;
    struct sp_policy_errors *errors;
    struct sp_error *error;
};

enum sp_status sp_policy_load_file(const char *path, struct sp_arena *arena, struct sp_str *ret_text,
                                   struct sp_error *error) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t size = 0, room = 0, got = 1;
    char *text = NULL;
    if (file == NULL)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    while (got > 0 && size <= SP_POLICY_FILE_MAX_BYTES) {
        if (size == room) {
            char *larger = sp_arena_alloc(arena, room == 0 ? FIRST_BYTES : room * 2);
            if (larger == NULL)
                break;
            if (size > 0)
                memcpy(larger, text, size);
            room = room == 0 ? FIRST_BYTES : room * 2;
            text = larger;
        }
        got = fread(text + size, 1, room - size, file);
        size += got;
    }
    bool failed = ferror(file) != 0 || got > 0;
    if (file != stdin)
        (void)fclose(file);
    if (failed)
        return sp_error_set(error, SP_ERR_INVALID, "cannot read %s: it is not a file, or is too large", path);
    *ret_text = (struct sp_str){text, size};
    return SP_OK;
}

static enum sp_status read_policy_file(const struct file_walk *walk, const char *path) {
    struct sp_arena arena;
    struct sp_str text = {0};
    if (sp_arena_init(&arena, FIRST_BYTES, (size_t)4 * SP_POLICY_FILE_MAX_BYTES) != SP_OK)
        return sp_error_set(walk->error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_policy_load_file(path, &arena, &text, walk->error);
    if (status == SP_OK) {
        status = sp_policy_read(walk->policy, path, text, walk->errors);
        if (status != SP_OK)
            (void)sp_error_set(walk->error, status, "%s: too large to read", path);
    }
    sp_arena_fini(&arena);
    return status;
}

static bool has_suffix(const char *name, const char *end) {
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* What lies beside policy files in a folder and is not a policy file. */
static bool is_policy_file_name(const char *name) {
    static const char *const others[] = {"tests.yaml", "tests.yml"};
    if (strcmp(name, "schema.yaml") == 0 || strcmp(name, "schema.yml") == 0)
        return false;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (has_suffix(name, others[i]))
            return false;
    return has_suffix(name, ".yaml") || has_suffix(name, ".yml");
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

static enum sp_status read_folder_entry(const struct file_walk *walk, const char *path, const char *name,
                                        unsigned depth) {
    char inner[PATH_BYTES];
    int size = snprintf(inner, sizeof(inner), "%s/%s", path, name);
    if (size < 0 || (size_t)size >= sizeof(inner))
        return sp_error_set(walk->error, SP_ERR_INVALID, "%s: the names of its files are too long", path);
    return read_path(walk, inner, false, depth);
}

/* The depth is bounded, since a link may lead to a folder that it is in. */
static enum sp_status read_policy_folder(const struct file_walk *walk, const char *path, unsigned depth) {
    struct dirent **entries = NULL;
    if (depth > DEPTH_MAX)
        return sp_error_set(walk->error, SP_ERR_INVALID, "%s: folders are nested more than %d deep", path, DEPTH_MAX);
    int count = scandir(path, &entries, is_visible, order_names);
    if (count < 0)
        return sp_error_set(walk->error, SP_ERR_IO, "cannot read %s: %s", path, strerror(errno));
    enum sp_status status = SP_OK;
    for (int i = 0; i < count; i++) {
        if (status == SP_OK)
            status = read_folder_entry(walk, path, entries[i]->d_name, depth);
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum sp_status sp_policy_read_files(const char *const *paths, size_t count, struct sp_policy *policy,
                                    struct sp_policy_errors *errors, struct sp_error *error) {
    const struct file_walk walk = {.policy = policy, .errors = errors, .error = error};
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = read_path(&walk, paths[i], true, 0);
        if (status != SP_OK)
            return status;
    }
    if (policy->file_count == 0)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "%s%s contains no policy files; their names end in .yaml or .yml",
                            count == 0 ? "the list" : paths[0], count > 1 ? ", like the others," : "");
    sp_policy_check(policy, errors);
    return SP_OK;
}
