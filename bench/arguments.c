#include "arguments.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mask.h"
#include "config/options.h"

enum { WORDS_MAX = 64 };

struct option_words {
    struct sp_option_word words[WORDS_MAX];
    size_t count;
};

static void gather_words(const struct argp *argp, struct option_words *gathered) {
    const struct argp_option *row = argp->options;
    for (; row != NULL && (row->name != NULL || row->key != 0 || row->doc != NULL); row++)
        if (row->name != NULL && gathered->count < WORDS_MAX)
            gathered->words[gathered->count++] = (struct sp_option_word){row->name, row->arg != NULL};
    for (const struct argp_child *child = argp->children; child != NULL && child->argp != NULL; child++)
        gather_words(child->argp, gathered);
}

void parse_arguments(const struct argp *argp, int argc, char **argv, void *input) {
    struct option_words gathered = {.words = {{"help", false}, {"usage", false}, {"version", false}}, .count = 3};
    struct sp_error error;
    gather_words(argp, &gathered);
    if (sp_options_check_words(gathered.words, gathered.count, argc, argv, &error) != SP_OK) {
        (void)fprintf(stderr, "%s: %s\n", argv[0], error.message);
        exit(argp_err_exit_status);
    }
    argp_parse(argp, argc, argv, 0, NULL, input);
}

void refuse_argument(const struct argp_state *state, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    sp_mask_text(message);
    argp_error(state, "%s", message);
}

uint64_t read_number(struct argp_state *state, const char *what, const char *text, uint64_t least, uint64_t most) {
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
        refuse_argument(state, "%s: '%s' is not a whole number from %llu to %llu", what, text,
                        (unsigned long long)least, (unsigned long long)most);
    return value;
}

double read_decimal(struct argp_state *state, const char *what, const char *text, double least, double most) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        refuse_argument(state, "%s: '%s' is not a number from %g to %g", what, text, least, most);
    return value;
}

bool read_choice(struct argp_state *state, const char *what, const char *text, const char *first, const char *second) {
    if (strcmp(text, first) != 0 && strcmp(text, second) != 0)
        refuse_argument(state, "%s: '%s' is not one of %s, %s", what, text, first, second);
    return strcmp(text, second) == 0;
}

static const struct argp_option world_options[] = {
    {"keys", OPTION_KEYS, "N", 0, "Number of keys, 1 to 1,000,000,000 (default 10,000)", 1},
    {"seed", OPTION_SEED, "N", 0, "Seed: the same keys and seed make the same world (default 1)", 1},
    {0},
};

static error_t parse_world_option(int key, char *text, struct argp_state *state) {
    struct world *world = state->input;
    switch (key) {
    case OPTION_KEYS:
        world->keys = read_number(state, "--keys", text, 1, 1000000000);
        return 0;
    case OPTION_SEED:
        world->seed = read_number(state, "--seed", text, 0, UINT32_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp world_argp = {.options = world_options, .parser = parse_world_option};

const struct argp_child arguments_of_world[] = {{&world_argp, 0, "The world:", 1}, {0}};
