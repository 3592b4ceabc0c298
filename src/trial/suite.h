/* Files of tests, run one after the other. */
#ifndef SP_TRIAL_SUITE_H
#define SP_TRIAL_SUITE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"

struct sp_trial_options {
    const char **files;
    size_t file_count;
    const char *pattern; /* NULL: all tests */
    const char *junit;   /* a file for JUnit's XML; NULL: none */
    bool cover;
    bool github; /* annotations on stdout */
    bool colour;
};

/* The paths that a run read, so that it can be repeated when one changes. In the arena. */
struct sp_trial_inputs {
    struct sp_arena *arena;
    const char **paths;
    size_t count, room;
};

/* The exit status: 0, 1 if an answer is not the expected one, 2 after an error, which is on
 * stderr. */
int sp_trial_run_suite(const struct sp_trial_options *options, struct sp_trial_inputs *inputs);

/* A number that changes when one of the inputs does. */
unsigned long long sp_trial_inputs_state(const struct sp_trial_inputs *inputs);

#endif
