/* A difference between policies as people and programs read it. */
#ifndef SP_CLI_POLICY_SHOW_H
#define SP_CLI_POLICY_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "policy/diff.h"

enum { SP_CLI_EDIT_NAME_BYTES = 1024 };

/* "+ ~ -" lines, by kind, and how many. Nothing for no edits. */
void sp_cli_print_edits(const struct sp_policy_edits *edits, bool colour, FILE *out);

/* The same as an array of objects: operation, kind, id, and what is changed. The caller decrefs;
 * NULL when out of memory. */
json_t *sp_cli_edits_json(const struct sp_policy_edits *edits);

/* Where an edit stands in the files of `want`, "FILE:LINE:COLUMN"; of what is in none, "removing
 * voice/rachel". */
void sp_cli_name_edit(const struct sp_policy_edit *edit, const struct sp_policy *want, char *out, size_t room);

#endif
