/* Finding a command by its words, and guessing what an unknown word was meant to be. Pure. */
#ifndef SP_CLI_LOOKUP_H
#define SP_CLI_LOOKUP_H

#include "base/nearest.h"
#include "cli/command.h"

/* NULL for none. `verb` NULL finds a noun that is a whole command. */
const struct cli_command *sp_cli_find(const struct cli_command *const *tables, const char *noun, const char *verb);

/* Whether any command has the noun. */
bool sp_cli_has_noun(const struct cli_command *const *tables, const char *noun);

/* Moves a command's words to argv[1] and argv[2], before the options: "-o json key list". The rest
 * stays in order. */
void sp_cli_move_words_first(const struct cli_command *const *tables, int argc, char **argv);

/* The first word before "--" that looks like an option and that no command has: what comes behind
 * it may be its value or a command, so that nothing else should be blamed. NULL: there is none.
 * *ret_meant: what it probably was meant to be, without dashes; NULL: nothing is near. */
const char *sp_cli_find_unknown_option(const struct cli_command *const *tables, int argc, char **argv,
                                       const char **ret_meant);

/* The noun that the word was probably meant to be; if `noun` is not "": the verb of that noun. */
struct sp_nearest sp_cli_find_nearest_word(const struct cli_command *const *tables, const char *noun, const char *word);

#endif
