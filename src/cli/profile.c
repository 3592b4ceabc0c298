#include "cli/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "core/key_text.h"

/* ---- the profiles file ---- */

static const char *scalar(yaml_document_t *document, int index) {
    yaml_node_t *node = yaml_document_get_node(document, index);
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static void take_field(struct cli_call *call, const char *name, const char *value, struct sp_arena *arena) {
    const char **field = strcmp(name, "admin") == 0      ? &call->admin_target
                         : strcmp(name, "server") == 0   ? &call->server_target
                         : strcmp(name, "key_file") == 0 ? &call->key_file
                                                         : NULL;
    if (field != NULL && *field == NULL)
        *field = sp_arena_strdup(arena, sp_str_from(value));
}

static enum sp_status take_profile(yaml_document_t *document, yaml_node_t *profile, struct cli_call *call,
                                   struct sp_arena *arena, const char *path, struct sp_error *error) {
    if (profile->type != YAML_MAPPING_NODE)
        return sp_error_set(error, SP_ERR_INVALID, "%s: a profile has the fields admin, server and key_file", path);
    for (yaml_node_pair_t *pair = profile->data.mapping.pairs.start; pair < profile->data.mapping.pairs.top; pair++) {
        const char *name = scalar(document, pair->key), *value = scalar(document, pair->value);
        if (name == NULL || value == NULL ||
            (strcmp(name, "admin") != 0 && strcmp(name, "server") != 0 && strcmp(name, "key_file") != 0))
            return sp_error_set(error, SP_ERR_INVALID,
                                "%s: line %zu: a profile has the fields admin, server and key_file", path,
                                profile->start_mark.line + 1);
        take_field(call, name, value, arena);
    }
    return SP_OK;
}

static enum sp_status find_profile(yaml_document_t *document, const char *wanted, bool named, struct cli_call *call,
                                   struct sp_arena *arena, const char *path, struct sp_error *error) {
    yaml_node_t *root = yaml_document_get_root_node(document);
    if (root != NULL && root->type != YAML_MAPPING_NODE)
        return sp_error_set(error, SP_ERR_INVALID, "%s: must map names to profiles", path);
    if (root != NULL) {
        for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
            const char *name = scalar(document, pair->key);
            if (name != NULL && strcmp(name, wanted) == 0)
                return take_profile(document, yaml_document_get_node(document, pair->value), call, arena, path, error);
        }
    }
    return named ? sp_error_set(error, SP_ERR_NOT_FOUND, "%s: has no profile '%s'", path, wanted) : SP_OK;
}

static enum sp_status read_profiles(FILE *file, const char *path, const char *wanted, bool named, struct cli_call *call,
                                    struct sp_arena *arena, struct sp_error *error) {
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    yaml_parser_set_input_file(&parser, file);
    enum sp_status status;
    if (!yaml_parser_load(&parser, &document)) {
        status = sp_error_set(error, SP_ERR_INVALID, "%s: line %zu: %s", path, parser.problem_mark.line + 1,
                              parser.problem != NULL ? parser.problem : "cannot be read");
    } else {
        status = find_profile(&document, wanted, named, call, arena, path, error);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return status;
}

static const char *profiles_path(struct sp_arena *arena) {
    const char *path = getenv("SALLYPORT_PROFILES");
    const char *home = getenv("HOME");
    if (path != NULL || home == NULL)
        return path;
    return sp_arena_printf(arena, "%s/.config/sallyport/profiles.yaml", home);
}

enum sp_status cli_profile_apply(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) {
    const char *wanted = cli_local(call, "profile");
    wanted = wanted != NULL ? wanted : getenv("SALLYPORT_PROFILE");
    bool named = wanted != NULL;
    call->admin_target = cli_local(call, "admin") != NULL ? cli_local(call, "admin") : getenv("SALLYPORT_ADMIN");
    call->server_target = cli_local(call, "server") != NULL ? cli_local(call, "server") : getenv("SALLYPORT_SERVER");
    call->key_file = getenv("SALLYPORT_KEY_FILE");
    const char *path = profiles_path(arena);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    enum sp_status status = SP_OK;
    if (file != NULL) {
        status = read_profiles(file, path, named ? wanted : "default", named, call, arena, error);
        (void)fclose(file);
    } else if (named) {
        status = sp_error_set(error, SP_ERR_NOT_FOUND, "%s: no profiles file there, so no profile '%s'",
                              path != NULL ? path : "SALLYPORT_PROFILES", wanted);
    }
    call->admin_target = call->admin_target != NULL ? call->admin_target : "127.0.0.1:7401";
    call->server_target = call->server_target != NULL ? call->server_target : "127.0.0.1:7400";
    return status;
}

/* ---- secrets in files ---- */

static void warn_of_readers(const char *path, int fd) {
    struct stat about;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 077) != 0)
        (void)fprintf(stderr, "sallyport: warning: others than you can read %s: chmod 600 it\n", path);
}

enum sp_status cli_read_key_file(const char *path, struct sp_arena *arena, struct sp_str *ret_key,
                                 struct sp_error *error) {
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "cannot read the key file %s: %s", path, strerror(errno));
    if (!standard_input)
        warn_of_readers(path, fd);
    enum { ROOM = SP_KEY_PRESENTED_MAX_BYTES + 2 };
    char *text = sp_arena_alloc(arena, ROOM);
    size_t used = 0;
    ssize_t got = 0;
    while (text != NULL && used < ROOM && (got = read(fd, text + used, ROOM - used)) > 0)
        used += (size_t)got;
    if (!standard_input)
        (void)close(fd);
    if (text == NULL || got < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot read the key file %s", path);
    size_t size = 0;
    while (size < used && text[size] != '\n' && text[size] != '\r')
        size++;
    if (size == 0 || size > SP_KEY_PRESENTED_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the key file %s must hold a key in its first line", path);
    *ret_key = (struct sp_str){text, size};
    return SP_OK;
}

enum sp_status cli_write_secret_file(const char *path, const char *secret, struct sp_error *error) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sp_error_set(error, errno == EEXIST ? SP_ERR_EXISTS : SP_ERR_IO, "cannot make the file %s: %s", path,
                            strerror(errno));
    bool good = dprintf(fd, "%s\n", secret) > 0;
    if (close(fd) != 0)
        good = false;
    return good ? SP_OK : sp_error_set(error, SP_ERR_IO, "cannot write %s", path);
}
