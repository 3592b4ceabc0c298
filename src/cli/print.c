#include "cli/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS_MAX = 12, CELL_MAX = 512 };

struct column {
    char title[32];
    char path[64];
};

static size_t read_columns(const char *text, struct column columns[COLUMNS_MAX]) {
    size_t count = 0;
    while (*text != '\0' && count < COLUMNS_MAX) {
        size_t title = strcspn(text, "="), size = strcspn(text, ",");
        (void)snprintf(columns[count].title, sizeof(columns->title), "%.*s", (int)title, text);
        (void)snprintf(columns[count].path, sizeof(columns->path), "%.*s", (int)(size - title - 1), text + title + 1);
        count++;
        text += size + (text[size] == ',');
    }
    return count;
}

/* Code points that are no continuation bytes: near enough for names. */
size_t cli_width(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* ROLE_VIEWER → viewer; SERVICE_ACCOUNT → service account; reasons and other capitals stay. */
static void write_word(const char *word, char *cell, size_t room) {
    static const char *const prefixes[] = {"PLAN_",  "WORKSPACE_ROLE_", "ROLE_", "FEATURE_",
                                           "ACTOR_", "ENTITY_",         "USER",  "SERVICE_ACCOUNT"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t size = strlen(prefixes[i]);
        if (strncmp(word, prefixes[i], size) != 0)
            continue;
        const char *rest = prefixes[i][size - 1] == '_' ? word + size : word;
        if (strcmp(rest, "UNSPECIFIED") == 0)
            rest = "-";
        size_t at = 0;
        for (; rest[at] != '\0' && at + 1 < room; at++) {
            bool capital = rest[at] >= 'A' && rest[at] <= 'Z';
            cell[at] = rest[at] == '_' ? ' ' : capital ? (char)(rest[at] - 'A' + 'a') : rest[at];
        }
        cell[at] = '\0';
        return;
    }
    (void)snprintf(cell, room, "%s", word);
}

static void write_time(const json_t *value, char *cell, size_t room) {
    const char *text = json_string_value(value);
    time_t at = (time_t)(text != NULL ? strtoll(text, NULL, 10) : json_integer_value(value));
    struct tm parts;
    if (at == 0 || gmtime_r(&at, &parts) == NULL || strftime(cell, room, "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
        (void)snprintf(cell, room, "-");
}

static void write_value(const json_t *value, char *cell, size_t room);

static void write_list(const json_t *list, char *cell, size_t room) {
    size_t used = 0, i;
    json_t *item;
    cell[0] = '\0';
    json_array_foreach(list, i, item) {
        char word[128];
        write_value(item, word, sizeof(word));
        int wrote = snprintf(cell + used, room - used, "%s%s", i > 0 ? ", " : "", word);
        if (wrote < 0 || (size_t)wrote >= room - used)
            return;
        used += (size_t)wrote;
    }
}

static void write_object(const json_t *object, char *cell, size_t room) {
    const char *type = json_string_value(json_object_get(object, "type"));
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *group = json_string_value(json_object_get(object, "group"));
    const char *principal = json_string_value(json_object_get(object, "principal"));
    const json_t *number = json_object_get(object, "number");
    const json_t *names = json_object_get(object, "names");
    if (type != NULL && id != NULL)
        (void)snprintf(cell, room, "%s/%s", type, id);
    else if (group != NULL)
        (void)snprintf(cell, room, "group %s", group);
    else if (principal != NULL)
        (void)snprintf(cell, room, "%s", principal);
    else if (json_is_true(json_object_get(object, "all")))
        (void)snprintf(cell, room, "all");
    else if (names != NULL)
        write_list(names, cell, room);
    else if (number != NULL)
        (void)snprintf(cell, room, "%s:%s", json_string_value(json_object_get(object, "epoch")),
                       json_string_value(number));
    else
        (void)snprintf(cell, room, "-");
}

static void write_value(const json_t *value, char *cell, size_t room) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        write_word(json_string_value(value), cell, room);
        break;
    case JSON_INTEGER:
        (void)snprintf(cell, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_TRUE:
        (void)snprintf(cell, room, "yes");
        break;
    case JSON_FALSE:
        (void)snprintf(cell, room, "no");
        break;
    case JSON_ARRAY:
        write_list(value, cell, room);
        break;
    case JSON_OBJECT:
        write_object(value, cell, room);
        break;
    case JSON_REAL:
    case JSON_NULL:
        cell[0] = '\0';
        break;
    }
}

char *cli_text_of(const json_t *object, const char *path) {
    char plain[64];
    size_t size = strcspn(path, ":");
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)size, path);
    const json_t *value = cli_at(object, plain);
    char *cell = calloc(1, CELL_MAX);
    if (cell == NULL || value == NULL)
        return cell;
    if (strcmp(path + size, ":time") == 0)
        write_time(value, cell, CELL_MAX);
    else if (strcmp(path + size, ":raw") == 0 && json_is_string(value))
        (void)snprintf(cell, CELL_MAX, "%s", json_string_value(value));
    else
        write_value(value, cell, CELL_MAX);
    return cell;
}

static void pad(size_t width, FILE *out) {
    while (width-- > 0)
        (void)fputc(' ', out);
}

void cli_print_table(const json_t *rows, const char *columns_text, FILE *out) {
    struct column columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t count = read_columns(columns_text, columns), i;
    json_t *row;
    for (size_t c = 0; c < count; c++)
        widths[c] = cli_width(columns[c].title);
    json_array_foreach(rows, i, row) {
        for (size_t c = 0; c < count; c++) {
            char *cell = cli_text_of(row, columns[c].path);
            size_t width = cell != NULL ? cli_width(cell) : 0;
            widths[c] = width > widths[c] ? width : widths[c];
            free(cell);
        }
    }
    for (size_t c = 0; c < count; c++) {
        (void)fputs(columns[c].title, out);
        if (c + 1 < count)
            pad(widths[c] - cli_width(columns[c].title) + 2, out);
    }
    (void)fputc('\n', out);
    json_array_foreach(rows, i, row) {
        for (size_t c = 0; c < count; c++) {
            char *cell = cli_text_of(row, columns[c].path);
            (void)fputs(cell != NULL ? cell : "", out);
            if (c + 1 < count)
                pad(widths[c] - cli_width(cell != NULL ? cell : "") + 2, out);
            free(cell);
        }
        (void)fputc('\n', out);
    }
}

void cli_print_lines(const json_t *object, const char *columns_text, FILE *out) {
    struct column columns[COLUMNS_MAX];
    size_t count = read_columns(columns_text, columns), widest = 0;
    for (size_t c = 0; c < count; c++)
        widest = cli_width(columns[c].title) > widest ? cli_width(columns[c].title) : widest;
    for (size_t c = 0; c < count; c++) {
        char *cell = cli_text_of(object, columns[c].path);
        if (cell != NULL && cell[0] != '\0') {
            (void)fputs(columns[c].title, out);
            pad(widest - cli_width(columns[c].title) + 2, out);
            (void)fprintf(out, "%s\n", cell);
        }
        free(cell);
    }
}

void cli_print_json(const json_t *json, FILE *out) {
    (void)json_dumpf(json, out, JSON_INDENT(2));
    (void)fputc('\n', out);
}

void cli_print_ndjson(const json_t *rows, FILE *out) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        (void)json_dumpf(row, out, JSON_COMPACT);
        (void)fputc('\n', out);
    }
}

void cli_progress(const char *what, uint64_t done, uint64_t total, bool ended) {
    enum { WIDTH = 30 };
    if (isatty(STDERR_FILENO) == 0)
        return;
    if (ended) {
        (void)fputs("\r\033[K", stderr);
        return;
    }
    if (total == 0) {
        (void)fprintf(stderr, "\r%s %" PRIu64 "\033[K", what, done);
        return;
    }
    int filled = (int)(done >= total ? WIDTH : done * WIDTH / total);
    (void)fprintf(stderr, "\r%s [%.*s%*s] %3" PRIu64 " %%\033[K", what, filled, "##############################",
                  WIDTH - filled, "", done >= total ? 100 : done * 100 / total);
}
