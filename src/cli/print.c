#include "cli/print.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/json_path.h"
#include "cli/json_times.h"
#include "core/key_like.h"

enum { COLUMNS_MAX = 20 };

struct column {
    bool wide, flexible;
    char title[32];
    char path[64];
};

static size_t read_columns(const char *text, struct column columns[COLUMNS_MAX]) {
    size_t count = 0;
    while (*text != '\0' && count < COLUMNS_MAX) {
        columns[count].wide = *text == '+';
        columns[count].flexible = *text == '~';
        text += *text == '+' || *text == '~';
        size_t title = strcspn(text, "="), size = strcspn(text, ",");
        (void)snprintf(columns[count].title, sizeof(columns->title), "%.*s", (int)title, text);
        (void)snprintf(columns[count].path, sizeof(columns->path), "%.*s", (int)(size - title - 1), text + title + 1);
        count++;
        text += size + (text[size] == ',');
    }
    return count;
}

/* Leaves out what only a wide table shows. The number of columns that stay. */
static size_t drop_wide_columns(struct column columns[COLUMNS_MAX], size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!columns[i].wide)
            columns[kept++] = columns[i];
    return kept;
}

/* ---- text on a terminal ---- */

/* The next code point of UTF-8, which all texts here are; any other byte is taken as a code
 * point. */
static uint32_t next_point(const char **text) {
    const unsigned char *at = (const unsigned char *)*text;
    unsigned more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;
    uint32_t point = more == 0 ? *at : *at & (0x3fU >> more);
    at++;
    for (; more > 0 && (*at & 0xc0) == 0x80; more--)
        point = point << 6 | (*at++ & 0x3f);
    *text = (const char *)at;
    return point;
}

/* Whether it moves the cursor or changes the writing direction: with that, a name could look like
 * another row. */
static bool is_deceptive(uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

void sp_cli_put_text(const char *text, FILE *out) {
    while (*text != '\0') {
        const char *from = text;
        if (is_deceptive(next_point(&text)))
            (void)fputs("\xef\xbf\xbd", out);
        else
            (void)fwrite(from, 1, (size_t)(text - from), out);
    }
}

size_t sp_cli_width(const char *text) {
    size_t width = 0;
    while (*text != '\0') {
        int columns = wcwidth((wchar_t)next_point(&text));
        width += columns < 0 ? 1 : (size_t)columns;
    }
    return width;
}

/* ---- values for people ---- */

/* ROLE_VIEWER → viewer; SERVICE_ACCOUNT → service-account; reasons and other capitals stay. */
static void write_word(const char *word, FILE *out) {
    static const char *const prefixes[] = {
        "PLAN_",       "WORKSPACE_ROLE_", "ROLE_",         "FEATURE_", "ACTOR_",         "ENTITY_",
        "KEY_SAFETY_", "SERVER_STATE_",   "KEY_CREATORS_", "USER",     "SERVICE_ACCOUNT"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        size_t size = strlen(prefixes[i]);
        if (strncmp(word, prefixes[i], size) != 0)
            continue;
        const char *rest = prefixes[i][size - 1] == '_' ? word + size : word;
        if (strcmp(rest, "UNSPECIFIED") == 0)
            rest = "-";
        for (; *rest != '\0'; rest++)
            (void)fputc(*rest == '_' ? '-' : tolower((unsigned char)*rest), out);
        return;
    }
    sp_cli_put_text(word, out);
}

static void write_time(const json_t *value, FILE *out) {
    const char *text = json_string_value(value);
    time_t at = (time_t)(text != NULL ? strtoll(text, NULL, 10) : json_integer_value(value));
    struct tm parts;
    char cell[64];
    if (at == 0 || gmtime_r(&at, &parts) == NULL || strftime(cell, sizeof(cell), "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
        (void)fputc('-', out);
    else
        (void)fputs(cell, out);
}

static void write_value(const json_t *value, FILE *out);

static void write_list(const json_t *list, FILE *out) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        (void)fputs(i > 0 ? ", " : "", out);
        write_value(item, out);
    }
}

static void write_object(const json_t *object, FILE *out) {
    const char *type = json_string_value(json_object_get(object, "type"));
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *group = json_string_value(json_object_get(object, "group"));
    const char *principal = json_string_value(json_object_get(object, "principal"));
    const json_t *number = json_object_get(object, "number");
    const json_t *names = json_object_get(object, "names");
    if (type != NULL && id != NULL) {
        sp_cli_put_text(type, out);
        (void)fputc('/', out);
        sp_cli_put_text(id, out);
    } else if (group != NULL) {
        (void)fputs("group ", out);
        sp_cli_put_text(group, out);
    } else if (principal != NULL) {
        sp_cli_put_text(principal, out);
    } else if (json_is_true(json_object_get(object, "all"))) {
        (void)fputs(json_array_size(names) > 0 ? "all, " : "all", out);
        if (json_array_size(names) > 0)
            write_list(names, out);
    } else if (names != NULL) {
        write_list(names, out);
    } else if (number != NULL) {
        (void)fprintf(out, "%s:%s", json_string_value(json_object_get(object, "epoch")), json_string_value(number));
    } else {
        (void)fputc('-', out);
    }
}

static void write_value(const json_t *value, FILE *out) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        write_word(json_string_value(value), out);
        break;
    case JSON_INTEGER:
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_TRUE:
        (void)fputs("yes", out);
        break;
    case JSON_FALSE:
        (void)fputs("no", out);
        break;
    case JSON_ARRAY:
        write_list(value, out);
        break;
    case JSON_OBJECT:
        write_object(value, out);
        break;
    case JSON_REAL:
    case JSON_NULL:
        break;
    }
}

char *sp_cli_text_of(const json_t *object, const char *path) {
    char plain[64], *cell = NULL;
    size_t size = strcspn(path, ":"), length = 0;
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)size, path);
    const json_t *value = sp_cli_at(object, plain);
    FILE *out = open_memstream(&cell, &length);
    if (out == NULL)
        return NULL;
    if (value != NULL && strcmp(path + size, ":time") == 0)
        write_time(value, out);
    else if (value != NULL && strcmp(path + size, ":raw") == 0 && json_is_string(value))
        sp_cli_put_text(json_string_value(value), out);
    else if (strcmp(path + size, ":quota") == 0 && json_integer_value(value) == 0)
        (void)fputs("default", out);
    else if (strcmp(path + size, ":limit") == 0 && json_array_size(value) == 0)
        (void)fputs("any", out);
    else if (value != NULL)
        write_value(value, out);
    if (fclose(out) != 0) {
        free(cell);
        return NULL;
    }
    sp_key_like_mask(cell); /* stores of earlier releases took keys as names */
    return cell;
}

/* ---- tables and lines ---- */

static void write_padding(size_t width, FILE *out) {
    while (width-- > 0)
        (void)fputc(' ', out);
}

/* The longest beginning of the cell that leaves a column for "…". */
static void put_cut(const char *cell, size_t width, FILE *out) {
    size_t used = 0;
    for (const char *at = cell; *at != '\0';) {
        const char *from = at;
        int columns = wcwidth((wchar_t)next_point(&at));
        used += columns < 0 ? 1 : (size_t)columns;
        if (used + 1 > width)
            break;
        (void)fwrite(from, 1, (size_t)(at - from), out);
    }
    (void)fputs("…", out);
}

static void print_cell(const char *cell, size_t width, bool last, FILE *out) {
    size_t size = sp_cli_width(cell);
    if (size > width)
        put_cut(cell, width, out);
    else
        (void)fputs(cell, out);
    if (!last)
        write_padding(size > width ? 2 : width - size + 2, out);
}

enum { FLEXIBLE_LEAST = 8, GAP = 2 };

/* Takes from the widest of the flexible columns until the table fits, or none can be narrower. */
static void shrink_columns(const struct column *columns, size_t *widths, size_t count, size_t width) {
    size_t total = 0;
    for (size_t c = 0; c < count; c++)
        total += widths[c] + (c > 0 ? GAP : 0);
    while (width > 0 && total > width) {
        size_t widest = count;
        for (size_t c = 0; c < count; c++)
            if (columns[c].flexible && widths[c] > FLEXIBLE_LEAST && widths[c] > sp_cli_width(columns[c].title) &&
                (widest == count || widths[c] > widths[widest]))
                widest = c;
        if (widest == count)
            return;
        widths[widest]--;
        total--;
    }
}

/* Seconds matter in one object's lines, and take room in a table. */
static char *text_of_cell(const json_t *row, const struct column *column, const struct cli_table_shape *shape) {
    char *cell = sp_cli_text_of(row, column->path);
    const char *kind = strchr(column->path, ':');
    size_t size = cell != NULL ? strlen(cell) : 0;
    if (!shape->wide && kind != NULL && strcmp(kind, ":time") == 0 && size > 4 && cell[size - 4] == ':')
        memmove(cell + size - 4, "Z", 2);
    return cell;
}

void sp_cli_print_table(const json_t *rows, const char *columns_text, const struct cli_table_shape *shape, FILE *out) {
    struct column columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t count = read_columns(columns_text, columns), i;
    json_t *row;
    if (!shape->wide)
        count = drop_wide_columns(columns, count);
    for (size_t c = 0; c < count; c++)
        widths[c] = sp_cli_width(columns[c].title);
    json_array_foreach(rows, i, row) {
        for (size_t c = 0; c < count; c++) {
            char *cell = text_of_cell(row, &columns[c], shape);
            size_t width = cell != NULL ? sp_cli_width(cell) : 0;
            widths[c] = width > widths[c] ? width : widths[c];
            free(cell);
        }
    }
    shrink_columns(columns, widths, count, shape->width);
    for (size_t c = 0; c < count; c++)
        print_cell(columns[c].title, widths[c], c + 1 == count, out);
    (void)fputc('\n', out);
    json_array_foreach(rows, i, row) {
        for (size_t c = 0; c < count; c++) {
            char *cell = text_of_cell(row, &columns[c], shape);
            print_cell(cell != NULL ? cell : "", widths[c], c + 1 == count, out);
            free(cell);
        }
        (void)fputc('\n', out);
    }
}

void sp_cli_print_lines(const json_t *object, const char *columns_text, FILE *out) {
    struct column columns[COLUMNS_MAX];
    size_t count = read_columns(columns_text, columns), widest = 0;
    for (size_t c = 0; c < count; c++)
        widest = sp_cli_width(columns[c].title) > widest ? sp_cli_width(columns[c].title) : widest;
    for (size_t c = 0; c < count; c++) {
        char *cell = sp_cli_text_of(object, columns[c].path);
        if (cell != NULL && cell[0] != '\0') {
            (void)fputs(columns[c].title, out);
            write_padding(widest - sp_cli_width(columns[c].title) + 2, out);
            (void)fprintf(out, "%s\n", cell);
        }
        free(cell);
    }
}

void sp_cli_print_json(json_t *json, FILE *out) {
    sp_cli_times_to_text(json);
    (void)json_dumpf(json, out, JSON_INDENT(2));
    (void)fputc('\n', out);
}

void sp_cli_print_line(json_t *json, FILE *out) {
    sp_cli_times_to_text(json);
    (void)json_dumpf(json, out, JSON_COMPACT);
    (void)fputc('\n', out);
}

/* The columns of the terminal that `out` writes to; 0: it is not a terminal, and nothing needs to
 * be cut. */
static size_t screen_width(FILE *out) {
    enum { USUAL = 80 };
    struct winsize size;
    if (isatty(fileno(out)) == 0)
        return 0;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL;
}

void sp_cli_print_rows(const char *output, bool wide, json_t *rows, const char *columns, FILE *out) {
    if (strcmp(output, "table") == 0) {
        struct cli_table_shape shape = {.wide = wide, .width = wide ? 0 : screen_width(out)};
        sp_cli_print_table(rows, columns, &shape, out);
        return;
    }
    if (strcmp(output, "json") == 0) {
        sp_cli_print_json(rows, out);
        return;
    }
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        sp_cli_print_line(row, out);
    }
}

void sp_cli_print_reply(const char *output, json_t *reply, FILE *out) {
    if (strcmp(output, "json") == 0)
        sp_cli_print_json(reply, out);
    else
        sp_cli_print_line(reply, out);
}

bool sp_cli_has_screen(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) != 0 && (term == NULL || strcmp(term, "dumb") != 0);
}

void sp_cli_progress(const char *what, uint64_t done, uint64_t total, bool ended) {
    enum { WIDTH = 30 };
    if (!sp_cli_has_screen(STDERR_FILENO))
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
