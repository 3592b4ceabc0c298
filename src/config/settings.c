#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/yaml.h"

enum { FILE_MAX_BYTES = 64 * 1024, FIRST_BYTES = 8 * 1024, BUDGET_BYTES = 1024 * 1024 };

/* What is gathered while the file is read: sp_yaml's `user`. */
struct gathering {
    struct sp_option_setting settings[SP_OPTIONS_MAX];
    size_t count;
};

static enum sp_status read_setting(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct gathering *gathering = yaml->user;
    struct sp_yaml_scalar value;
    (void)context;
    for (size_t i = 0; i < gathering->count; i++)
        if (sp_str_equal(sp_str_from(gathering->settings[i].name), key->text))
            return sp_yaml_refuse(yaml, key, "this option", "is given twice");
    enum sp_status status = sp_yaml_read_scalar(yaml, &value);
    if (status != SP_OK)
        return status;
    if (memchr(key->text.data, '\0', key->text.size) != NULL ||
        (value.text.size > 0 && memchr(value.text.data, '\0', value.text.size) != NULL))
        return sp_yaml_refuse(yaml, key, "a setting", "must not contain NUL");
    if (gathering->count == SP_OPTIONS_MAX)
        return sp_yaml_refuse(yaml, key, "too many settings:", "remove some");
    gathering->settings[gathering->count++] =
        (struct sp_option_setting){.name = key->text.data, .value = value.text.data, .line = key->line};
    return SP_OK;
}

static enum sp_status load_settings_file(const char *path, struct sp_arena *arena, struct sp_str *ret_text,
                                         struct sp_error *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--config: %s: %s", path, strerror(errno));
    char *text = sp_arena_alloc(arena, FILE_MAX_BYTES + 1);
    size_t size = text == NULL ? 0 : fread(text, 1, FILE_MAX_BYTES + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (text == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    if (failed || size > FILE_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "--config: %s: %s", path,
                            failed ? "cannot be read" : "is longer than 64 KiB");
    *ret_text = (struct sp_str){text, size};
    return SP_OK;
}

static enum sp_status read_settings_file(const char *path, struct sp_settings *settings, struct sp_error *error) {
    struct gathering gathering = {.count = 0};
    struct sp_error why = {0};
    struct sp_str text;
    if (sp_arena_init(&settings->arena, FIRST_BYTES, BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = load_settings_file(path, &settings->arena, &text, error);
    if (status != SP_OK)
        return status;
    struct sp_yaml yaml = {.arena = &settings->arena, .error = &why, .user = &gathering};
    status = sp_yaml_read(&yaml, text, "the file has no settings; add some or drop --config",
                          "the file must map options to their values", read_setting);
    if (status != SP_OK)
        return sp_error_set(error, status, "%s: %s", path, why.message);
    struct sp_option_setting *kept = sp_arena_calloc(&settings->arena, SP_OPTIONS_MAX, sizeof(*kept));
    if (kept == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    memcpy(kept, gathering.settings, sizeof(gathering.settings));
    settings->file = (struct sp_option_file){.path = path, .settings = kept, .count = gathering.count};
    return SP_OK;
}

static const char *find_config_path(const struct sp_option *table, size_t count, int argc, char **argv) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, "config") == 0)
            return sp_options_peek(&table[i], argc, argv);
    return NULL;
}

enum sp_status sp_settings_read(const struct sp_option *table, size_t count, int argc, char **argv,
                                struct sp_settings *ret_settings, int *ret_rest, struct sp_error *error) {
    const char *path = find_config_path(table, count, argc, argv);
    *ret_settings = (struct sp_settings){.file = {.path = NULL}};
    enum sp_status status = path == NULL ? SP_OK : read_settings_file(path, ret_settings, error);
    if (status != SP_OK)
        goto out;
    status = sp_options_read(table, count, &ret_settings->file, argc, argv, ret_settings->sources, ret_rest, error);
out:
    if (status != SP_OK && path != NULL)
        sp_arena_fini(&ret_settings->arena);
    return status;
}
