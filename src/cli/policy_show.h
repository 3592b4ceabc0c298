/* A difference between policies as people and programs read it. */
#ifndef SP_CLI_POLICY_SHOW_H
#define SP_CLI_POLICY_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "policy/diff.h"

/* "+ ~ -" lines, by kind, and how many. Nothing for no edits. */
void sp_cli_print_edits(const struct sp_policy_edits *edits, bool colour, FILE *out);

/* The same as an array of objects: operation, kind, id, and what is changed. The caller decrefs;
 * NULL when out of memory. */
json_t *sp_cli_edits_json(const struct sp_policy_edits *edits);

#endif
