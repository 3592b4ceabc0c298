/* Runs a program to its end as a person at a shell would: a command line, its input, its output,
 * its exit status. Every helper asserts. The programs are in SP_BIN_DIR. */
#ifndef TEST_SUPPORT_COMMAND_H
#define TEST_SUPPORT_COMMAND_H

#include <stdbool.h>

#include "base/status.h"

/* How the next commands run; all zero: input from /dev/null, both outputs captured, the environment
 * unchanged. */
struct command_setting {
    const char *input;    /* a text for stdin */
    const char *output;   /* a file for stdout instead */
    const char *variable; /* "NAME=value", in addition to the environment */
    bool terminal;        /* all three are one terminal: `out` is its screen, `input` is typed */
};

struct command {
    int status; /* exit status, or 128 plus the signal */
    char *out, *err;
};

/* Words are separated by spaces; single quotes keep a word together. The outputs are valid until
 * the next run. */
const struct command *command_run(const struct command_setting *setting, const char *format, ...) SP_PRINTF(2, 3);

/* Frees the outputs of the last run. */
void command_forget(void);

#endif
