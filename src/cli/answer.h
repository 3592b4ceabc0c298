/* Answers of Check and Explain as people read them, and as an exit status. Pure. */
#ifndef SP_CLI_ANSWER_H
#define SP_CLI_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* CLI_OK only for an answer whose decision is ALLOW, else CLI_DENIED. */
int sp_cli_answer_exit_status(const json_t *answer);

void sp_cli_print_answer(const json_t *answer, bool colour, FILE *out);

/* The answer, the evidence of every step, the shares, and what would have to change. */
void sp_cli_print_explanation(const json_t *explanation, bool colour, FILE *out);

#endif
