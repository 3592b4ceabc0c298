#include "cli/option_names.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/json_path.h"
#include "cli/option.h"

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

/* "permissions.names" and "allowedIps" as the services write them: "permissions.names",
 * "allowed_ips". */
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

/* What part of the row's value the field is: of TYPE/ID or EPOCH:NUMBER. NULL: none. */
static const char *find_part_of_value(const struct cli_argument *row, const char *field) {
    static const struct {
        enum cli_kind kind;
        const char *end;
    } parts[] = {{CLI_RESOURCE, ".type"}, {CLI_RESOURCE, ".id"}, {CLI_REVISION, ".epoch"}, {CLI_REVISION, ".number"}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        size_t size = strlen(field), end = strlen(parts[i].end);
        char whole[PATH_BYTES], path[PATH_BYTES];
        if (row->path == NULL || row->kind != parts[i].kind || size <= end ||
            strcmp(field + size - end, parts[i].end) != 0)
            continue;
        (void)snprintf(whole, sizeof(whole), "%.*s", (int)(size - end), field);
        write_snake_case(row->path, path);
        if (is_part_of_path(whole, path, false))
            return parts[i].end + 1;
    }
    return NULL;
}

static bool is_field_filled(const char *fills, const char *field, bool below) {
    while (fills != NULL && *fills != '\0') {
        char path[PATH_BYTES];
        size_t size = strcspn(fills, "|");
        (void)snprintf(path, sizeof(path), "%.*s", (int)size, fills);
        if (is_part_of_path(field, path, below))
            return true;
        fills += size + (fills[size] == '|');
    }
    return false;
}

static bool sets_field(const struct cli_argument *row, const char *field, bool below) {
    char path[PATH_BYTES] = "";
    if (row->path != NULL)
        write_snake_case(row->path, path);
    return is_part_of_path(field, path, below) || is_field_filled(row->fills, field, below) ||
           (row->mask != NULL && is_part_of_path(field, row->mask, below));
}

struct setters {
    const struct cli_call *call;
    char *out;
    size_t used, room;
    bool first_only, given_only;
    const char *path; /* of the last one that was added; NULL: none */
};

static bool is_given_row(const struct cli_call *call, const struct cli_argument *row) {
    return row->path != NULL ? sp_cli_at(call->request, row->path) != NULL
                             : json_object_get(call->local, row->name) != NULL;
}

/* `part`: "id" of TYPE/ID; NULL: all of the value is meant. */
static void add_setter(struct setters *setters, const char *part, const char *dashes, const char *name) {
    if (setters->used < setters->room && (setters->used == 0 || !setters->first_only))
        setters->used += (size_t)snprintf(setters->out + setters->used, setters->room - setters->used, "%s%s%s%s%s%s",
                                          setters->used > 0 ? ", " : "", part != NULL ? "the " : "",
                                          part != NULL ? part : "", part != NULL ? " of " : "", dashes, name);
}

static void add_setters_among(struct setters *setters, const struct cli_argument *rows, size_t most, const char *dashes,
                              const char *field, bool below) {
    for (size_t i = 0; i < most && rows[i].name != NULL; i++) {
        const char *part = find_part_of_value(&rows[i], field);
        bool counts = rows[i].kind != CLI_CLEAR && (!setters->given_only || is_given_row(setters->call, &rows[i]));
        /* The request does not show which spelling was given, as of `share list TYPE/ID`. */
        bool again = setters->given_only && setters->path != NULL && rows[i].path != NULL &&
                     strcmp(setters->path, rows[i].path) == 0;
        if (!counts || again || (part == NULL && !sets_field(&rows[i], field, below)))
            continue;
        add_setter(setters, part, dashes, dashes[0] == '\0' ? rows[i].value : rows[i].name);
        setters->path = rows[i].path;
    }
}

/* Where an id is looked up, the services name what it is of: "principal" for the id of `user
 * get`. */
static void add_id_of_kind(struct setters *setters, const char *field) {
    static const char *const kinds[] = {"principal", "group", "key", "workspace"};
    const struct cli_argument *rows = setters->call->command->positionals, *id = NULL;
    bool known = false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        known = known || strcmp(field, kinds[i]) == 0;
    for (size_t i = 0; known && i < CLI_POSITIONALS_MAX && rows[i].name != NULL; i++) {
        if (strcasecmp(rows[i].value, field) == 0) {
            add_setter(setters, NULL, "", rows[i].value);
            return;
        }
        if (rows[i].path != NULL && is_part_of_path("id", rows[i].path, false))
            id = &rows[i];
    }
    if (id != NULL)
        add_setter(setters, NULL, "", id->value);
}

/* What `field` is set by, separated by commas: what was given, or else all that can. The number of
 * characters; 0: nothing sets it. */
static size_t write_setters(const struct cli_call *call, const char *field, bool first_only, char *out, size_t room) {
    struct setters setters = {.call = call, .out = out, .room = room, .first_only = first_only};
    const struct cli_command *command = call->command;
    for (int pass = 0; pass < 4 && setters.used == 0; pass++) {
        bool below = pass % 2 != 0;
        setters.given_only = pass < 2;
        add_setters_among(&setters, command->positionals, CLI_POSITIONALS_MAX, "", field, below);
        add_setters_among(&setters, command->options, CLI_ARGUMENTS_MAX, "--", field, below);
        add_setters_among(&setters, sp_cli_common_options, SIZE_MAX, "--", field, below);
    }
    if (setters.used == 0)
        add_id_of_kind(&setters, field);
    return setters.used < room ? setters.used : room - 1;
}

/* The index of "shares[3].subject", and what is behind it. False: it has none. */
static bool read_index(const char *word, size_t size, size_t *ret_index, const char **ret_rest) {
    const char *bracket = memchr(word, '[', size);
    char *end = NULL;
    if (bracket == NULL || bracket[1] < '0' || bracket[1] > '9')
        return false;
    *ret_index = (size_t)strtoul(bracket + 1, &end, 10);
    *ret_rest = end + (*end == ']');
    return true;
}

/* The field in words: where it stands in a file, its setters, or as it is. */
static size_t write_field(const struct cli_call *call, const char *word, size_t size, char *out, size_t room) {
    char field[PATH_BYTES];
    size_t index = 0, used = 0;
    const char *rest = NULL, *place = NULL;
    bool indexed = read_index(word, size, &index, &rest);
    if (indexed)
        place = json_string_value(json_array_get(json_object_get(call->local, SP_CLI_PLACES), index));
    if (place != NULL) {
        int left = (int)(word + size - rest), skip = left > 0 && *rest == '.';
        used = (size_t)snprintf(out, room, "%s%s%.*s", place, left > skip ? ": " : "", left - skip, rest + skip);
    } else if (copy_without_indexes(word, size, field)) {
        used = write_setters(call, field, indexed, out, room);
        if (used > 0 && used < room && indexed)
            used += (size_t)snprintf(out + used, room - used, ", entry %zu", index + 1);
    }
    if (used == 0)
        used = (size_t)snprintf(out, room, "%.*s", (int)size, word);
    return used < room ? used : room - 1;
}

/* What the services say of a value, and what people type for it. The number of bytes of the former;
 * 0: the text begins otherwise. */
static size_t read_service_words(const char *text, const char **ret_typed) {
    static const struct {
        const char *said, *typed;
    } words[] = {
        {" 0 for never", " never"},
        {"clear the list instead", "leave out --allow-ip, and give --clear-allowed-ips if the key has a list"},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strncmp(text, words[i].said, strlen(words[i].said)) == 0) {
            *ret_typed = words[i].typed;
            return strlen(words[i].said);
        }
    }
    return 0;
}

void sp_cli_name_options(const struct cli_call *call, const char *message, char *out, size_t room) {
    const struct cli_command *command = call->command;
    size_t method = command->method == NULL ? 0 : strlen(command->method);
    size_t used = 0;
    const char *at = message;
    if (method > 0 && strncmp(message, command->method, method) == 0 && message[method] == ' ') {
        const char *verb = command->verb == NULL ? "" : command->verb;
        used = (size_t)snprintf(out, room, "`%s%s%s`", command->noun, verb[0] == '\0' ? "" : " ", verb);
        at += method;
    }
    while (*at != '\0' && used + 1 < room) {
        const char *typed = NULL;
        size_t size = read_service_words(at, &typed);
        if (size > 0) {
            used += (size_t)snprintf(out + used, room - used, "%s", typed);
            at += size;
            continue;
        }
        while (is_field_char(at[size]))
            size++;
        bool leads = at == message && at[size] == ':' && at[size + 1] == ' ';
        while (size > 1 && at[size - 1] == '.')
            size--;
        bool named = size > 0 && (leads || memchr(at, '_', size) != NULL || memchr(at, '.', size) != NULL);
        if (named) {
            used += write_field(call, at, size, out + used, room - used);
        } else {
            size += size == 0;
            used += (size_t)snprintf(out + used, room - used, "%.*s", (int)size, at);
        }
        at += size;
    }
    out[used < room ? used : room - 1] = '\0';
}
