#include "base/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = SP_OPTIONS_MAX, HELP_COLUMN = 30 };

/* ---- values ---- */

static const char *unit_suffixes = "KMGT";

static bool scale(uint64_t *value, char suffix) {
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
    if (*end != '\0' && with_suffix && scale(&value, *end))
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
                            "--%s: \"%s\" is not a whole number of %s between %" PRIu64 " and %" PRIu64 "%s",
                            option->name, text, option->argument, option->least, option->most,
                            is_size ? " (K, M, G or T may follow it)" : "");
    *(uint64_t *)option->target = value;
    return SP_OK;
}

static enum sp_status add_text(const struct sp_option *option, const char *text, struct sp_error *error) {
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
        return sp_error_set(error, SP_ERR_INVALID, "%s: \"%s\" is none of 1, true, 0 and false", option->environment,
                            text);
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
        return add_text(option, text, error);
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

/* Lists are cut into their parts in copies that live as long as the process, as argv and the environment do. */
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

static enum sp_status set_list(const struct sp_option *option, const char *text, struct sp_error *error) {
    char *rest = keep_list(text);
    if (rest == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = SP_OK;
    for (char *part = strsep(&rest, ","); part != NULL && status == SP_OK; part = strsep(&rest, ","))
        status = set_value(option, part, error);
    return status;
}

static enum sp_status apply_outside(const struct sp_option *option, struct sp_error *error) {
    const char *text = option->environment == NULL ? NULL : getenv(option->environment);
    if (text == NULL || text[0] == '\0')
        text = option->default_text;
    if (text == NULL)
        return SP_OK;
    forget_texts(option);
    return option->kind == SP_OPTION_TEXTS ? set_list(option, text, error) : set_value(option, text, error);
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

static enum sp_status complain(const struct option *known, int code, char **argv, struct sp_error *error) {
    const char *given = argv[optind - 1];
    if (code == ':')
        return sp_error_set(error, SP_ERR_INVALID, "%s needs an argument", given);
    for (; known->name != NULL; known++)
        if (strncmp(given, "--", 2) == 0 && strncmp(given + 2, known->name, strlen(known->name)) == 0)
            return sp_error_set(error, SP_ERR_INVALID, "--%s takes no argument", known->name);
    return sp_error_set(error, SP_ERR_INVALID, "unknown option %s: see --help", given);
}

static enum sp_status apply_arguments(const struct sp_option *table, size_t count, int argc, char **argv, int *ret_rest,
                                      struct sp_error *error) {
    struct option known[OPTIONS_MAX + 1] = {0};
    bool seen[OPTIONS_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        known[i] = (struct option){
            .name = table[i].name,
            .has_arg = table[i].kind == SP_OPTION_FLAG ? no_argument : required_argument,
        };
    optind = 0; /* GNU: begin anew */
    opterr = 0;
    for (;;) {
        int at = 0;
        int code = getopt_long(argc, argv, ":", known, &at);
        if (code == -1)
            break;
        if (code != 0)
            return complain(known, code, argv, error);
        enum sp_status status = apply_argument(&table[at], !seen[at], optarg, error);
        if (status != SP_OK)
            return status;
        seen[at] = true;
    }
    *ret_rest = optind;
    return SP_OK;
}

enum sp_status sp_options_parse(const struct sp_option *table, size_t count, int argc, char **argv, int *ret_rest,
                                struct sp_error *error) {
    if (count > OPTIONS_MAX)
        return sp_error_set(error, SP_ERR_INTERNAL, "too many options in a table");
    for (size_t i = 0; i < count; i++) {
        enum sp_status status = apply_outside(&table[i], error);
        if (status != SP_OK)
            return status;
    }
    return apply_arguments(table, count, argc, argv, ret_rest, error);
}

/* ---- help ---- */

static void print_row(const struct sp_option *option, FILE *out) {
    int used = fprintf(out, "  --%s%s%s", option->name, option->argument == NULL ? "" : " ",
                       option->argument == NULL ? "" : option->argument);
    (void)fprintf(out, "%*s%s", used < HELP_COLUMN ? HELP_COLUMN - used : 1, "", option->help);
    if (option->kind == SP_OPTION_TEXTS)
        (void)fprintf(out, "; repeatable");
    if (option->kind == SP_OPTION_NUMBER)
        (void)fprintf(out, "; %" PRIu64 " to %" PRIu64, option->least, option->most);
    if (option->default_text != NULL)
        (void)fprintf(out, " (default %s)", option->default_text);
    if (option->environment != NULL)
        (void)fprintf(out, " [%s]", option->environment);
    (void)fputc('\n', out);
}

void sp_option_texts_none(struct sp_option_texts *texts) {
    if (texts->count == 1 && strcmp(texts->values[0], "none") == 0)
        texts->count = 0;
}

void sp_options_help(const struct sp_option *table, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++)
        print_row(&table[i], out);
}
