#include "cli/profile.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "cli/address.h"

static const char *read_scalar(yaml_document_t *document, int index) {
    yaml_node_t *node = yaml_document_get_node(document, index);
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* The fields of a profile. */
enum { FIELDS = 7 };
struct field {
    const char *name, *option, *environment; /* option NULL: none, so that it never shows in a list of processes */
    size_t at;                               /* in struct cli_call */
    bool file;
    const char *fallback;
};
static const struct field fields[FIELDS] = {
    {"admin", "admin", "SALLYPORT_ADMIN", offsetof(struct cli_call, admin_target), false,
     "127.0.0.1:" SP_CLI_ADMIN_PORT},
    {"server", "server", "SALLYPORT_SERVER", offsetof(struct cli_call, server_target), false,
     "127.0.0.1:" SP_CLI_SERVER_PORT},
    {"key_file", NULL, "SALLYPORT_KEY_FILE", offsetof(struct cli_call, key_file), true, NULL},
    {"tls_ca", "tls-ca", "SALLYPORT_TLS_CA", offsetof(struct cli_call, tls.ca), true, NULL},
    {"tls_cert", "tls-cert", "SALLYPORT_TLS_CERT", offsetof(struct cli_call, tls.certificate), true, NULL},
    {"tls_key", "tls-key", "SALLYPORT_TLS_KEY", offsetof(struct cli_call, tls.key), true, NULL},
    {"tls_name", "tls-name", "SALLYPORT_TLS_NAME", offsetof(struct cli_call, tls.server_name), false, NULL},
};

static const char **find_profile_field(struct cli_call *call, const struct field *field) {
    return (const char **)(void *)((char *)call + field->at);
}

static const struct field *find_field(const char *name) {
    for (size_t i = 0; name != NULL && i < FIELDS; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

static void take_field(struct cli_call *call, const struct field *about, const char *value, struct sp_arena *arena) {
    const char **field = find_profile_field(call, about);
    const char *home = getenv("HOME");
    if (*field != NULL)
        return;
    if (about->file && strncmp(value, "~/", 2) == 0 && home != NULL)
        *field = sp_arena_printf(arena, "%s/%s", home, value + 2);
    else
        *field = sp_arena_strdup(arena, sp_str_from(value));
}

static enum sp_status take_profile(yaml_document_t *document, yaml_node_t *profile, struct cli_call *call,
                                   struct sp_arena *arena, const char *path, struct sp_error *error) {
    static const char known[] = "admin, server, key_file, tls_ca, tls_cert, tls_key and tls_name";
    if (profile->type != YAML_MAPPING_NODE)
        return sp_error_set(error, SP_ERR_INVALID, "%s: a profile must be a mapping of %s", path, known);
    for (yaml_node_pair_t *pair = profile->data.mapping.pairs.start; pair < profile->data.mapping.pairs.top; pair++) {
        const struct field *field = find_field(read_scalar(document, pair->key));
        const char *value = read_scalar(document, pair->value);
        if (field == NULL || value == NULL)
            return sp_error_set(error, SP_ERR_INVALID,
                                "%s: line %zu: a profile may only have the fields %s, each a text", path,
                                profile->start_mark.line + 1, known);
        take_field(call, field, value, arena);
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
            const char *name = read_scalar(document, pair->key);
            if (name != NULL && strcmp(name, wanted) == 0)
                return take_profile(document, yaml_document_get_node(document, pair->value), call, arena, path, error);
        }
    }
    return named ? sp_error_set(error, SP_ERR_NOT_FOUND, "%s has no profile '%s'", path, wanted) : SP_OK;
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

static const char *choose_set(const char *a, const char *b) {
    return a != NULL ? a : b;
}

static void fill_from_options(struct cli_call *call) {
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i].option != NULL)
            *find_profile_field(call, &fields[i]) =
                choose_set(*find_profile_field(call, &fields[i]), sp_cli_local(call, fields[i].option));
}

static void fill_from_environment(struct cli_call *call) {
    for (size_t i = 0; i < FIELDS; i++)
        *find_profile_field(call, &fields[i]) =
            choose_set(*find_profile_field(call, &fields[i]), getenv(fields[i].environment));
}

static void fill_from_defaults(struct cli_call *call) {
    for (size_t i = 0; i < FIELDS; i++)
        *find_profile_field(call, &fields[i]) = choose_set(*find_profile_field(call, &fields[i]), fields[i].fallback);
}

/* The profiles file is optional unless a profile was named. */
static enum sp_status apply_profiles_file(struct cli_call *call, const char *named, struct sp_arena *arena,
                                          struct sp_error *error) {
    const char *path = profiles_path(arena);
    if (path == NULL && named != NULL)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "no profile '%s': neither SALLYPORT_PROFILES nor HOME is set",
                            named);
    if (path == NULL)
        return SP_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL && named == NULL && (errno == ENOENT || errno == ENOTDIR))
        return SP_OK;
    if (file == NULL)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "cannot read the profiles file %s: %s", path, strerror(errno));
    enum sp_status status = read_profiles(file, path, choose_set(named, "default"), named != NULL, call, arena, error);
    (void)fclose(file);
    return status;
}

enum sp_status sp_cli_profile_apply(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) {
    const char *chosen = sp_cli_local(call, "profile");
    fill_from_options(call);
    /* A profile named on the command line goes before whatever is left in the environment. */
    if (chosen == NULL)
        fill_from_environment(call);
    enum sp_status status = apply_profiles_file(call, choose_set(chosen, getenv("SALLYPORT_PROFILE")), arena, error);
    if (status != SP_OK)
        return status;
    fill_from_environment(call);
    fill_from_defaults(call);
    return SP_OK;
}
