#include "cli/profile.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/address.h"
#include "config/yaml.h"

/* The fields of a profile. */
enum { FIELDS = 7, FILE_MAX_BYTES = 256 * 1024 };
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

/* ---- the file ---- */

#define PROFILE_FIELDS "admin, server, key_file, tls_ca, tls_cert, tls_key and tls_name"

struct profiles {
    struct cli_call *call;
    const char *wanted;
    bool found;
    unsigned seen;             /* fields of the wanted one */
    const struct field *field; /* the one that is being read */
};

static enum sp_status take_profile_text(struct sp_yaml *yaml, const struct sp_yaml_scalar *value, void *context) {
    const struct profiles *profiles = context;
    if (memchr(value->text.data, '\0', value->text.size) != NULL)
        return sp_yaml_refuse(yaml, value, "a NUL", "is not allowed here");
    take_field(profiles->call, profiles->field, value->text.data, yaml->arena);
    return SP_OK;
}

static enum sp_status read_profile_field(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const struct sp_yaml_shapes shapes = {
        .otherwise = "a profile may only have the fields " PROFILE_FIELDS ", each a text", .text = take_profile_text};
    struct profiles *profiles = context;
    const char *names[FIELDS];
    size_t index = 0;
    for (size_t i = 0; i < FIELDS; i++)
        names[i] = fields[i].name;
    enum sp_status status = sp_yaml_find_key(yaml, key, names, FIELDS, PROFILE_FIELDS, &profiles->seen, &index);
    if (status != SP_OK)
        return status;
    profiles->field = &fields[index];
    return sp_yaml_read_value(yaml, &shapes, profiles);
}

static enum sp_status read_profile(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct profiles *profiles = yaml->user;
    (void)context;
    if (!sp_str_equal(key->text, sp_str_from(profiles->wanted)))
        return sp_yaml_skip(yaml);
    if (profiles->found)
        return sp_yaml_refuse(yaml, key, profiles->wanted, "is given twice");
    profiles->found = true;
    return sp_yaml_read_mapping(yaml, "a profile must be a mapping of " PROFILE_FIELDS, read_profile_field, profiles);
}

static enum sp_status read_profiles(struct sp_str text, const char *path, struct profiles *profiles, bool named,
                                    struct sp_arena *arena, struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_yaml yaml = {.arena = arena, .error = &why, .user = profiles, .lists = true, .documents = true};
    enum sp_status status =
        sp_yaml_read(&yaml, text, "there are no profiles", "must map names to profiles", read_profile);
    if (status != SP_OK)
        return sp_error_set(error, status, "%s: %s", path, why.message);
    if (named && !profiles->found)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "%s has no profile '%s'", path, profiles->wanted);
    return SP_OK;
}

static enum sp_status read_profiles_file(FILE *file, const char *path, struct profiles *profiles, bool named,
                                         struct sp_arena *arena, struct sp_error *error) {
    char *text = malloc(FILE_MAX_BYTES + 1);
    if (text == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    size_t size = fread(text, 1, FILE_MAX_BYTES + 1, file);
    enum sp_status status = SP_OK;
    if (ferror(file) != 0 || size > FILE_MAX_BYTES)
        status = sp_error_set(error, SP_ERR_INVALID,
                              "cannot read the profiles file %s: it is not a file, or has more than %d bytes", path,
                              FILE_MAX_BYTES);
    else
        status = read_profiles((struct sp_str){text, size}, path, profiles, named, arena, error);
    free(text);
    return status;
}

static const char *choose_profiles_path(struct sp_arena *arena) {
    const char *path = getenv("SALLYPORT_PROFILES");
    const char *home = getenv("HOME");
    if (path != NULL || home == NULL)
        return path;
    return sp_arena_printf(arena, "%s/.config/sallyport/profiles.yaml", home);
}

static const char *choose_given_text(const char *a, const char *b) {
    return a != NULL ? a : b;
}

static void fill_from_options(struct cli_call *call) {
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i].option != NULL)
            *find_profile_field(call, &fields[i]) =
                choose_given_text(*find_profile_field(call, &fields[i]), sp_cli_local(call, fields[i].option));
}

static void fill_from_environment(struct cli_call *call) {
    for (size_t i = 0; i < FIELDS; i++)
        *find_profile_field(call, &fields[i]) =
            choose_given_text(*find_profile_field(call, &fields[i]), getenv(fields[i].environment));
}

static void fill_from_defaults(struct cli_call *call) {
    for (size_t i = 0; i < FIELDS; i++)
        *find_profile_field(call, &fields[i]) =
            choose_given_text(*find_profile_field(call, &fields[i]), fields[i].fallback);
}

void sp_cli_find_unknown_variables(struct sp_unknown_variables *ret_unknown) {
    struct sp_option table[FIELDS + 2] = {{.environment = "SALLYPORT_PROFILE"}, {.environment = "SALLYPORT_PROFILES"}};
    for (size_t i = 0; i < FIELDS; i++)
        table[i + 2].environment = fields[i].environment;
    sp_variables_find_unknown(table, FIELDS + 2, "SALLYPORT_", "SALLYPORT_SYNC_", environ, ret_unknown);
}

/* The profiles file is optional unless a profile was named. */
static enum sp_status apply_profiles_file(struct cli_call *call, const char *named, struct sp_arena *arena,
                                          struct sp_error *error) {
    const char *path = choose_profiles_path(arena);
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
    struct profiles profiles = {.call = call, .wanted = choose_given_text(named, "default")};
    enum sp_status status = read_profiles_file(file, path, &profiles, named != NULL, arena, error);
    (void)fclose(file);
    return status;
}

enum sp_status sp_cli_profile_apply(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) {
    const char *chosen = sp_cli_local(call, "profile");
    fill_from_options(call);
    /* A profile named on the command line goes before whatever is left in the environment. */
    if (chosen == NULL)
        fill_from_environment(call);
    enum sp_status status =
        apply_profiles_file(call, choose_given_text(chosen, getenv("SALLYPORT_PROFILE")), arena, error);
    if (status != SP_OK)
        return status;
    fill_from_environment(call);
    fill_from_defaults(call);
    return SP_OK;
}
