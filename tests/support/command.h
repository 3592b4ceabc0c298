/* Runs a program to its end as a person at a shell would: a line of words, what it reads, what it says, how it ends. Every
 * helper asserts. The programs are looked for in SP_BIN_DIR. */
#ifndef TEST_SUPPORT_COMMAND_H
#define TEST_SUPPORT_COMMAND_H

#include <stdbool.h>

#include "base/status.h"

/* How the next commands are run; all zero: input from /dev/null, both outputs caught, the environment as it is. */
struct command_setting {
    const char *input;    /* a text for stdin */
    const char *output;   /* a file that takes stdout instead */
    const char *variable; /* "NAME=value", in addition to the environment */
    bool terminal;        /* all three are one terminal; what it shows is `out`, and `input` is typed there */
};

struct command {
    int status; /* of the exit, or 128 and the signal */
    char *out, *err;
};

/* Words are separated by spaces; single quotes hold a word together. The outputs are valid until the next run. */
const struct command *command_run(const struct command_setting *setting, const char *format, ...) SP_PRINTF(2, 3);

/* Frees what the last run left. */
void command_forget(void);

#endif
