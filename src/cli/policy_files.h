/* Policy files by their names: which there are, and what they say. */
#ifndef SP_CLI_POLICY_FILES_H
#define SP_CLI_POLICY_FILES_H

#include <jansson.h>
#include <stdio.h>

#include "policy/read.h"

/* Reads files, and folders with all that is in them: names that end in .yaml or .yml, in the order of their names, but
 * none that begins with a dot, no schema.yaml, and none that ends in tests.yaml. "-" is standard input. SP_OK even if
 * they have errors; otherwise with a message. */
enum sp_status sp_cli_read_policy_files(const json_t *paths, struct sp_policy *policy, struct sp_policy_errors *errors,
                                        struct sp_error *error) SP_MUST_USE;

/* The errors, a line each, and how many more there are. */
void sp_cli_print_policy_errors(const struct sp_policy_errors *errors, FILE *out);

#endif
