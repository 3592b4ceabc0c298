#include "config/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text_out.h"

enum { OPTIONS_MAX = SP_OPTIONS_MAX, HELP_COLUMN = 30, HELP_WIDTH = 80 };

/* ---- values ---- */

static const char *unit_suffixes = "KMGT";

static bool apply_suffix(uint64_t *value, char suffix) {
    const char *at = suffix == '\0' ? NULL : strchr(unit_suffixes, suffix);
    if (at == NULL)
        return false;
    unsigned shift = 10 * (unsigned)(at - unit_suffixes + 1);
    if (*value > UINT64_MAX >> shift)
        return false;
    *value <<= shift;
    return true;
}

static bool parse_number(const char *text, bool with_suffix, uint64_t *ret_value) {
    char *end = NULL;
    errno = 0;
    if (text[0] < '0' || text[0] > '9')
        return false;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    if (*end != '\0' && with_suffix && apply_suffix(&value, *end))
        end++;
    if (*end != '\0')
        return false;
    *ret_value = value;
    return true;
}

static enum sp_status set_number(const struct sp_option *option, const char *text, struct sp_error *error) {
    bool is_size = option->kind == SP_OPTION_SIZE;
    uint64_t value = 0;
    if (!parse_number(text, is_size, &value) || value < option->least || value > option->most)
        return sp_error_set(error, SP_ERR_INVALID,
                            "--%s: \"%s\" is not a number of %s between %" PRIu64 " and %" PRIu64 "%s", option->name,
                            text, option->argument, option->least, option->most,
                            is_size ? " (with an optional suffix K, M, G or T)" : "");
    *(uint64_t *)option->target = value;
    return SP_OK;
}

static enum sp_status add_option_text(const struct sp_option *option, const char *text, struct sp_error *error) {
    struct sp_option_texts *texts = option->target;
    if (texts->count == SP_OPTION_TEXTS_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "--%s may be given at most %d times", option->name,
                            SP_OPTION_TEXTS_MAX);
    texts->values[texts->count++] = text;
    return SP_OK;
}

static enum sp_status set_flag(const struct sp_option *option, const char *text, struct sp_error *error) {
    bool on = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    if (!on && strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s: \"%s\" is not 1, true, 0 or false", option->environment, text);
    *(bool *)option->target = on;
    return SP_OK;
}

static enum sp_status set_value(const struct sp_option *option, const char *text, struct sp_error *error) {
    switch (option->kind) {
    case SP_OPTION_FLAG:
        return set_flag(option, text, error);
    case SP_OPTION_TEXT:
        *(const char **)option->target = text;
        return SP_OK;
    case SP_OPTION_TEXTS:
        return add_option_text(option, text, error);
    case SP_OPTION_NUMBER:
    case SP_OPTION_SIZE:
        return set_number(option, text, error);
    }
    return SP_ERR_INTERNAL;
}

/* ---- where they come from ---- */

static void forget_texts(const struct sp_option *option) {
    if (option->kind == SP_OPTION_TEXTS)
        ((struct sp_option_texts *)option->target)->count = 0;
}

/* Lists are cut into their parts in copies that live as long as the process, as argv and the
 * environment do. */
struct kept_list {
    struct kept_list *next;
    char text[];
};
static struct kept_list *kept_lists;

static char *keep_list(const char *text) {
    size_t size = strlen(text) + 1;
    struct kept_list *kept = malloc(sizeof(*kept) + size);
    if (kept == NULL)
        return NULL;
    memcpy(kept->text, text, size);
    kept->next = kept_lists;
    kept_lists = kept;
    return kept->text;
}

/* Cuts spaces off both ends, in place. */
static char *trim_spaces(char *text) {
    text += strspn(text, " ");
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == ' ')
        text[--size] = '\0';
    return text;
}

static enum sp_status set_list(const struct sp_option *option, const char *text, struct sp_error *error) {
    char *rest = keep_list(text);
    if (rest == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (char *part = strsep(&rest, ","); part != NULL; part = strsep(&rest, ",")) {
        enum sp_status status = set_value(option, trim_spaces(part), error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status replace_value(const struct sp_option *option, const char *text, struct sp_error *error) {
    forget_texts(option);
    return option->kind == SP_OPTION_TEXTS ? set_list(option, text, error) : set_value(option, text, error);
}

static const char *read_environment(const struct sp_option *option) {
    const char *text = option->environment == NULL ? NULL : getenv(option->environment);
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static enum sp_status apply_defaults(const struct sp_option *table, size_t count, enum sp_option_source *sources,
                                     struct sp_error *error) {
    for (size_t i = 0; i < count; i++) {
        sources[i] = SP_OPTION_DEFAULT;
        if (table[i].default_text == NULL)
            continue;
        enum sp_status status = replace_value(&table[i], table[i].default_text, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status apply_setting(const struct sp_option *table, size_t count, const struct sp_option_file *file,
                                    const struct sp_option_setting *setting, enum sp_option_source *sources,
                                    struct sp_error *error) {
    struct sp_error why = {0};
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, setting->name) != 0)
            continue;
        sources[i] = SP_OPTION_FILE;
        enum sp_status status = replace_value(&table[i], setting->value, &why);
        if (status != SP_OK)
            return sp_error_set(error, status, "%s: line %zu: %s", file->path, setting->line, why.message);
        return SP_OK;
    }
    return sp_error_set(error, SP_ERR_INVALID, "%s: line %zu: unknown option \"%s\"; see --help", file->path,
                        setting->line, setting->name);
}

static enum sp_status apply_file(const struct sp_option *table, size_t count, const struct sp_option_file *file,
                                 enum sp_option_source *sources, struct sp_error *error) {
    for (size_t i = 0; file != NULL && i < file->count; i++) {
        enum sp_status status = apply_setting(table, count, file, &file->settings[i], sources, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status apply_environment(const struct sp_option *table, size_t count, enum sp_option_source *sources,
                                        struct sp_error *error) {
    for (size_t i = 0; i < count; i++) {
        const char *text = read_environment(&table[i]);
        if (text == NULL)
            continue;
        sources[i] = SP_OPTION_ENVIRONMENT;
        enum sp_status status = replace_value(&table[i], text, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status apply_argument(const struct sp_option *option, bool first, const char *text,
                                     struct sp_error *error) {
    if (option->kind == SP_OPTION_FLAG) {
        *(bool *)option->target = true;
        return SP_OK;
    }
    if (first)
        forget_texts(option);
    return set_value(option, text, error);
}

/* An abbreviation, or a mistyped name, comes with what was probably meant. */
static enum sp_status refuse_option_name(struct sp_str name, const struct sp_nearest *nearest, struct sp_error *error) {
    if (nearest->name.size > 0)
        return sp_error_set(error, SP_ERR_INVALID, "unknown option --%.*s; did you mean --%.*s?", SP_STR_ARG(name),
                            SP_STR_ARG(nearest->name));
    return sp_error_set(error, SP_ERR_INVALID, "unknown option --%.*s; see --help", SP_STR_ARG(name));
}

static enum sp_status refuse_unknown_option(const struct sp_option *table, size_t count, struct sp_str name,
                                            struct sp_error *error) {
    struct sp_nearest nearest = {0};
    for (size_t i = 0; i < count; i++)
        sp_nearest_consider(&nearest, sp_str_from(table[i].name), name);
    return refuse_option_name(name, &nearest, error);
}

enum sp_status sp_options_check_words(const struct sp_option_word *words, size_t count, int argc, char **argv,
                                      struct sp_error *error) {
    for (int at = 1; at < argc && strcmp(argv[at], "--") != 0; at++) {
        struct sp_nearest nearest = {0};
        const struct sp_option_word *found = NULL;
        if (strncmp(argv[at], "--", 2) != 0)
            continue;
        struct sp_str name = {argv[at] + 2, strcspn(argv[at] + 2, "=")};
        for (size_t i = 0; i < count && found == NULL; i++) {
            sp_nearest_consider(&nearest, sp_str_from(words[i].name), name);
            if (sp_str_equal(sp_str_from(words[i].name), name))
                found = &words[i];
        }
        if (found == NULL)
            return refuse_option_name(name, &nearest, error);
        at += found->takes_value && name.data[name.size] == '\0';
    }
    return SP_OK;
}

/* Reads the option at argv[at]; *ret_words is 2 if its value is a word of its own. */
static enum sp_status read_option_words(const struct sp_option *table, size_t count, int argc, char **argv, int at,
                                        size_t *ret_row, const char **ret_value, int *ret_words,
                                        struct sp_error *error) {
    const char *word = argv[at], *name = word + 2;
    struct sp_str given = {name, strcspn(name, "=")};
    if (strncmp(word, "--", 2) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "unknown option %s; see --help", word);
    size_t row = 0;
    while (row < count && !sp_str_equal(sp_str_from(table[row].name), given))
        row++;
    if (row == count)
        return refuse_unknown_option(table, count, given, error);
    bool flag = table[row].kind == SP_OPTION_FLAG, joined = name[given.size] == '=';
    if (flag && joined)
        return sp_error_set(error, SP_ERR_INVALID, "--%s takes no argument", table[row].name);
    if (!flag && !joined && at + 1 == argc)
        return sp_error_set(error, SP_ERR_INVALID, "--%s requires an argument", table[row].name);
    *ret_row = row;
    *ret_words = flag || joined ? 1 : 2;
    *ret_value = flag ? NULL : joined ? name + given.size + 1 : argv[at + 1];
    return SP_OK;
}

/* Moves `words` words from `at` to `to`, before what is there. */
static void move_words(char **argv, int at, int words, int to) {
    for (; words > 0; words--, at++, to++) {
        char *word = argv[at];
        memmove(&argv[to + 1], &argv[to], (size_t)(at - to) * sizeof(*argv));
        argv[to] = word;
    }
}

static enum sp_status apply_arguments(const struct sp_option *table, size_t count, int argc, char **argv,
                                      enum sp_option_source *sources, int *ret_rest, struct sp_error *error) {
    bool seen[OPTIONS_MAX] = {0};
    int rest = 1, words = 1;
    for (int at = 1; at < argc; at += words) {
        const char *value = NULL;
        size_t row = 0;
        words = 1;
        bool ends = strcmp(argv[at], "--") == 0;
        if (!ends && (argv[at][0] != '-' || argv[at][1] == '\0'))
            continue;
        enum sp_status status =
            ends ? SP_OK : read_option_words(table, count, argc, argv, at, &row, &value, &words, error);
        if (status != SP_OK)
            return status;
        move_words(argv, at, words, rest);
        rest += words;
        if (ends)
            break;
        status = apply_argument(&table[row], !seen[row], value, error);
        if (status != SP_OK)
            return status;
        seen[row] = true;
        sources[row] = SP_OPTION_ARGUMENT;
    }
    *ret_rest = rest;
    return SP_OK;
}

enum sp_status sp_options_read(const struct sp_option *table, size_t count, const struct sp_option_file *file, int argc,
                               char **argv, enum sp_option_source ret_sources[SP_OPTIONS_MAX], int *ret_rest,
                               struct sp_error *error) {
    enum sp_option_source own[SP_OPTIONS_MAX];
    enum sp_option_source *sources = ret_sources == NULL ? own : ret_sources;
    if (count > OPTIONS_MAX)
        return sp_error_set(error, SP_ERR_INTERNAL, "too many options in a table");
    enum sp_status status = apply_defaults(table, count, sources, error);
    if (status != SP_OK)
        return status;
    status = apply_file(table, count, file, sources, error);
    if (status != SP_OK)
        return status;
    status = apply_environment(table, count, sources, error);
    if (status != SP_OK)
        return status;
    return apply_arguments(table, count, argc, argv, sources, ret_rest, error);
}

enum sp_status sp_options_parse(const struct sp_option *table, size_t count, int argc, char **argv, int *ret_rest,
                                struct sp_error *error) {
    return sp_options_read(table, count, NULL, argc, argv, NULL, ret_rest, error);
}

const char *sp_options_peek(const struct sp_option *option, int argc, char **argv) {
    const char *found = read_environment(option);
    size_t size = strlen(option->name);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, option->name, size) != 0)
            continue;
        if (argv[i][2 + size] == '=')
            found = argv[i] + 2 + size + 1;
        else if (argv[i][2 + size] == '\0' && i + 1 < argc)
            found = argv[i + 1];
    }
    return found;
}

/* ---- showing ---- */

static void print_texts(const struct sp_option_texts *texts, FILE *out, int *used) {
    for (size_t i = 0; i < texts->count; i++)
        *used += fprintf(out, "%s%s", i > 0 ? "," : "", texts->values[i]);
    if (texts->count == 0)
        *used += fprintf(out, "-");
}

static int print_value(const struct sp_option *option, FILE *out) {
    const char *text;
    int used = 0;
    switch (option->kind) {
    case SP_OPTION_FLAG:
        return fprintf(out, "%s", *(const bool *)option->target ? "true" : "false");
    case SP_OPTION_TEXT:
        text = *(const char *const *)option->target;
        return fprintf(out, "%s", text == NULL ? "-" : text);
    case SP_OPTION_TEXTS:
        print_texts(option->target, out, &used);
        return used;
    case SP_OPTION_NUMBER:
    case SP_OPTION_SIZE:
        return fprintf(out, "%" PRIu64, *(const uint64_t *)option->target);
    }
    return 0;
}

/* Flags that only ask for something, such as --help, have no environment variable and are not
 * settings. */
static bool is_setting(const struct sp_option *option) {
    return option->environment != NULL;
}

void sp_options_print(const struct sp_option *table, size_t count, const enum sp_option_source *sources, FILE *out) {
    static const char *const names[] = {"default", "file", "environment", "argument"};
    enum { NAME_COLUMN = 28, VALUE_COLUMN = 36, UNIT_COLUMN = 12 };
    (void)fprintf(out, "%-*s%-*s%-*s%s\n", NAME_COLUMN, "# SETTING", VALUE_COLUMN, "VALUE", UNIT_COLUMN, "UNIT",
                  "FROM");
    for (size_t i = 0; i < count; i++) {
        if (!is_setting(&table[i]))
            continue;
        (void)fprintf(out, "%-*s", NAME_COLUMN, table[i].name);
        int used = print_value(&table[i], out);
        (void)fprintf(out, "%*s%-*s %s\n", used < VALUE_COLUMN ? VALUE_COLUMN - used : 1, "", UNIT_COLUMN - 1,
                      table[i].argument == NULL ? "" : table[i].argument, names[sources[i]]);
    }
}

/* ---- help ---- */

void sp_options_wrap(const char *text, size_t column, FILE *out) {
    size_t at = column;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        bool begins = at == column;
        if (!begins && at + 1 + size > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", (int)column, "");
            at = column;
            begins = true;
        }
        (void)fprintf(out, "%s%.*s", begins ? "" : " ", (int)size, text);
        at += size + !begins;
        text += size + (text[size] == ' ');
    }
    (void)fputc('\n', out);
}

static void print_row(const struct sp_option *option, FILE *out) {
    char text[1024];
    struct sp_text_out all;
    sp_text_out_init(&all, text, sizeof(text) - 1);
    sp_text_printf(&all, "%s", option->help);
    if (option->kind == SP_OPTION_TEXTS)
        sp_text_printf(&all, "; repeatable");
    if (option->kind == SP_OPTION_NUMBER)
        sp_text_printf(&all, "; %" PRIu64 " to %" PRIu64, option->least, option->most);
    if (option->default_text != NULL)
        sp_text_printf(&all, " (default %s)", option->default_text);
    if (option->environment != NULL)
        sp_text_printf(&all, " [%s]", option->environment);
    text[all.used] = '\0';
    int used = fprintf(out, "  --%s%s%s", option->name, option->argument == NULL ? "" : " ",
                       option->argument == NULL ? "" : option->argument);
    (void)fprintf(out, used < HELP_COLUMN ? "%*s" : "\n%*s", used < HELP_COLUMN ? HELP_COLUMN - used : HELP_COLUMN, "");
    sp_options_wrap(text, HELP_COLUMN, out);
}

void sp_option_texts_none(struct sp_option_texts *texts) {
    if (texts->count == 1 && strcmp(texts->values[0], "none") == 0)
        texts->count = 0;
}

void sp_options_help(const struct sp_option *table, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++)
        print_row(&table[i], out);
}
