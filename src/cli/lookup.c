#include "cli/lookup.h"

#include <string.h>

#include "cli/option.h"

const struct cli_command *sp_cli_find(const struct cli_command *const *tables, const char *noun, const char *verb) {
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            bool same_verb = verb == NULL ? row->verb == NULL : row->verb != NULL && strcmp(row->verb, verb) == 0;
            if (strcmp(row->noun, noun) == 0 && same_verb)
                return row;
        }
    }
    return NULL;
}

bool sp_cli_has_noun(const struct cli_command *const *tables, const char *noun) {
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            if (strcmp(row->noun, noun) == 0)
                return true;
        }
    }
    return false;
}

struct sp_nearest sp_cli_find_nearest_word(const struct cli_command *const *tables, const char *noun,
                                           const char *word) {
    struct sp_nearest nearest = {0};
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            const char *candidate = noun[0] == '\0' ? row->noun : row->verb;
            if (candidate != NULL && (noun[0] == '\0' || strcmp(row->noun, noun) == 0))
                sp_nearest_consider(&nearest, sp_str_from(candidate), sp_str_from(word));
        }
    }
    return nearest;
}

/* ---- words among options ---- */

/* The option of the first command that has it; NULL: none has. */
static const struct cli_argument *find_option_anywhere(const struct cli_command *const *tables,
                                                       const struct sp_cli_option_name *name) {
    const struct cli_argument *option = sp_cli_find_option(NULL, name->text, name->size);
    for (; option == NULL && *tables != NULL; tables++)
        for (const struct cli_command *row = *tables; option == NULL && row->noun != NULL; row++)
            option = sp_cli_find_option(row, name->text, name->size);
    return option;
}

/* An option takes a value in all commands that have it, or in none. */
static bool takes_value_somewhere(const struct cli_command *const *tables, const struct sp_cli_option_name *name) {
    const struct cli_argument *option = find_option_anywhere(tables, name);
    return option != NULL && sp_cli_takes_value(option);
}

const char *sp_cli_find_unknown_option(const struct cli_command *const *tables, int argc, char **argv,
                                       const char **ret_meant) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!sp_cli_is_option_word(argv[i]))
            continue;
        struct sp_cli_option_name name = sp_cli_read_option_name(argv[i]);
        if (find_option_anywhere(tables, &name) != NULL)
            continue;
        *ret_meant = sp_cli_nearest_option(NULL, name.text, name.size);
        for (; *ret_meant == NULL && *tables != NULL; tables++)
            for (const struct cli_command *row = *tables; *ret_meant == NULL && row->noun != NULL; row++)
                *ret_meant = sp_cli_nearest_option(row, name.text, name.size);
        return argv[i];
    }
    return NULL;
}

/* Moves the first word from `from` on that is neither an option nor the value of one to there.
 * False: there is none. */
static bool move_word_to(const struct cli_command *const *tables, int argc, char **argv, int from) {
    for (int i = from; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!sp_cli_is_option_word(argv[i])) {
            char *word = argv[i];
            memmove(&argv[from + 1], &argv[from], (size_t)(i - from) * sizeof(*argv));
            argv[from] = word;
            return true;
        }
        struct sp_cli_option_name name = sp_cli_read_option_name(argv[i]);
        i += name.value == NULL && takes_value_somewhere(tables, &name);
    }
    return false;
}

void sp_cli_move_words_first(const struct cli_command *const *tables, int argc, char **argv) {
    if (!move_word_to(tables, argc, argv, 1))
        return;
    if (sp_cli_find(tables, argv[1], NULL) == NULL && sp_cli_has_noun(tables, argv[1]))
        (void)move_word_to(tables, argc, argv, 2);
}
