/* Running sallyport-test, the program that holds stores for commands that need one. */
#ifndef SP_CLI_TRIAL_PROGRAM_H
#define SP_CLI_TRIAL_PROGRAM_H

#include "cli/call.h"

/* The words of its command line. */
struct cli_trial_words {
    char **words; /* from malloc; NULL when out of memory */
    size_t count;
};

/* Begins one for its program's name and up to `most` words. */
struct cli_trial_words sp_cli_trial_begin(size_t most);

/* Add a word, a local flag, a local option with its value, or all values of a local option that may
 * be repeated, each behind the word. Texts are borrowed. */
void sp_cli_trial_add(struct cli_trial_words *words, const char *word);
void sp_cli_trial_add_flag(struct cli_trial_words *words, const struct cli_call *call, const char *name,
                           const char *word);
void sp_cli_trial_add_option(struct cli_trial_words *words, const struct cli_call *call, const char *name,
                             const char *word);
void sp_cli_trial_add_options(struct cli_trial_words *words, const struct cli_call *call, const char *name,
                              const char *word);

/* Becomes the program, which is beside this one or in PATH. Returns only if that cannot be: frees
 * the words, reports it, and gives the exit status. */
int sp_cli_become_trial(const struct cli_call *call, struct cli_trial_words *words);

#endif
