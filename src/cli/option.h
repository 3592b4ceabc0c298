/* Options as rows, and as the words of argv that name them. Pure. */
#ifndef SP_CLI_OPTION_H
#define SP_CLI_OPTION_H

#include "cli/command.h"

/* The options that every command has, ended by a row without a name. */
extern const struct cli_argument sp_cli_common_options[];

/* The row of that name among up to `most` rows, which a row without a name ends; NULL: none. */
const struct cli_argument *sp_cli_find_row(const struct cli_argument *rows, size_t most, const char *name, size_t size);

/* The command's option of that name, or the common one (`command` NULL: only those); NULL: there is
 * none. Abbreviations are not accepted: a later option could make them mean something else. */
const struct cli_argument *sp_cli_find_option(const struct cli_command *command, const char *name, size_t size);

/* Whether a word of argv is an option; "-" is not. */
bool sp_cli_is_option_word(const char *word);

/* An option's word, cut up: "--limit=5", "-o=json", "-ojson". `size` 0: no such letter. */
struct sp_cli_option_name {
    const char *text;
    size_t size;
    const char *value; /* NULL: none in this word */
};
struct sp_cli_option_name sp_cli_read_option_name(const char *word);

/* Whether an argument takes a value, and whether it may be given several times. */
bool sp_cli_takes_value(const struct cli_argument *argument);
bool sp_cli_is_repeatable(const struct cli_argument *argument);

/* The option that a name was probably meant to be: one that it begins, or that it nearly is; NULL
 * for none. */
const char *sp_cli_nearest_option(const struct cli_command *command, const char *name, size_t size);

#endif
