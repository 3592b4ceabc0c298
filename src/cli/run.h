/* The commands that are more than one call. Each returns the exit status. */
#ifndef SP_CLI_RUN_H
#define SP_CLI_RUN_H

#include "cli/command.h"

int cli_run_check(struct cli_call *call); /* run_check.c */
int cli_run_explain(struct cli_call *call);
int cli_run_list_resources(struct cli_call *call); /* run_list.c */
int cli_run_list_subjects(struct cli_call *call);
int cli_run_key_find(struct cli_call *call); /* run_file.c */
int cli_run_share_apply(struct cli_call *call);
int cli_run_schema_get(struct cli_call *call);
int cli_run_schema_put(struct cli_call *call);
int cli_run_schema_check(struct cli_call *call);
int cli_run_routes_test(struct cli_call *call); /* run_routes.c */
int cli_run_routes_list(struct cli_call *call);
int cli_run_workspace_update(struct cli_call *call); /* run_workspace.c */
int cli_run_changes(struct cli_call *call);          /* run_changes.c */
int cli_run_backup(struct cli_call *call);           /* run_backup.c */
int cli_run_import(struct cli_call *call);           /* run_import.c */
int cli_run_completion(struct cli_call *call);       /* run_completion.c */

/* Puts the key that is asked about (--key-file or --sha256, never an argument's text) into the request. */
enum sp_status cli_put_credential(struct cli_call *call, struct sp_error *error) SP_MUST_USE;

#endif
