#include "cli/option_names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 128 };

static bool is_field_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '[' || c == ']';
}

/* "shares[3].subject" as "shares.subject". False: it does not fit. */
static bool copy_without_indexes(const char *field, size_t size, char out[static PATH_BYTES]) {
    size_t used = 0;
    bool inside = false;
    for (size_t i = 0; i < size; i++) {
        inside = inside || field[i] == '[';
        if (!inside && used + 1 < PATH_BYTES)
            out[used++] = field[i];
        inside = inside && field[i] != ']';
    }
    while (used > 0 && out[used - 1] == '.')
        used--;
    out[used] = '\0';
    return used > 0 && size < PATH_BYTES;
}

/* "permissions.names" and "allowedIps" as the services write them: "permissions.names", "allowed_ips". */
static void write_snake_case(const char *path, char out[static PATH_BYTES]) {
    size_t used = 0;
    for (; *path != '\0' && used + 2 < PATH_BYTES; path++) {
        bool capital = *path >= 'A' && *path <= 'Z';
        if (capital)
            out[used++] = '_';
        out[used] = *path;
        if (capital)
            out[used] |= 'a' - 'A'; /* ASCII's lower case */
        used++;
    }
    out[used] = '\0';
}

/* Whether the field is the path's end, or else (`below`) a part of it with more behind: "quotas" of
 * "workspace.quotas.keys". */
static bool is_part_of_path(const char *field, const char *path, bool below) {
    size_t size = strlen(field);
    for (const char *at = path; at != NULL; at = strchr(at, '.')) {
        at += *at == '.';
        if (strncmp(at, field, size) == 0 && at[size] == (below ? '.' : '\0'))
            return true;
    }
    return false;
}

static bool sets_field(const struct cli_argument *row, const char *field, bool below) {
    char path[PATH_BYTES] = "";
    if (row->path != NULL)
        write_snake_case(row->path, path);
    return is_part_of_path(field, path, below) || (row->mask != NULL && is_part_of_path(field, row->mask, below));
}

struct setters {
    char *out;
    size_t used, room;
};

static void add_setter(struct setters *setters, const char *dashes, const char *name) {
    if (setters->used < setters->room)
        setters->used += (size_t)snprintf(setters->out + setters->used, setters->room - setters->used, "%s%s%s",
                                          setters->used > 0 ? ", " : "", dashes, name);
}

/* What `field` is set by, separated by commas. The number of characters; 0: nothing sets it. */
static size_t write_setters(const struct cli_command *command, const char *field, char *out, size_t room) {
    struct setters setters = {.out = out, .room = room};
    for (int below = 0; below < 2 && setters.used == 0; below++) {
        for (size_t i = 0; i < CLI_POSITIONALS_MAX && command->positionals[i].name != NULL; i++)
            if (sets_field(&command->positionals[i], field, below != 0))
                add_setter(&setters, "", command->positionals[i].value);
        for (size_t i = 0; i < CLI_ARGUMENTS_MAX && command->options[i].name != NULL; i++)
            if (sets_field(&command->options[i], field, below != 0))
                add_setter(&setters, "--", command->options[i].name);
    }
    return setters.used < room ? setters.used : room - 1;
}

/* The field in words: its setters, or as it is. */
static size_t write_field(const struct cli_command *command, const char *word, size_t size, char *out, size_t room) {
    char field[PATH_BYTES];
    size_t used = copy_without_indexes(word, size, field) ? write_setters(command, field, out, room) : 0;
    if (used > 0)
        return used;
    used = (size_t)snprintf(out, room, "%.*s", (int)size, word);
    return used < room ? used : room - 1;
}

void sp_cli_name_options(const struct cli_command *command, const char *message, char *out, size_t room) {
    size_t used = 0;
    const char *at = message;
    while (*at != '\0' && used + 1 < room) {
        size_t size = 0;
        while (is_field_char(at[size]))
            size++;
        bool leads = at == message && at[size] == ':' && at[size + 1] == ' ';
        bool named = size > 0 && (leads || memchr(at, '_', size) != NULL);
        while (size > 1 && at[size - 1] == '.')
            size--;
        if (named) {
            used += write_field(command, at, size, out + used, room - used);
        } else {
            size += size == 0;
            used += (size_t)snprintf(out + used, room - used, "%.*s", (int)size, at);
        }
        at += size;
    }
    out[used < room ? used : room - 1] = '\0';
}
