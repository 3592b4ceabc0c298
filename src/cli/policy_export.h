/* A policy written as files. */
#ifndef SP_CLI_POLICY_EXPORT_H
#define SP_CLI_POLICY_EXPORT_H

#include "policy/model.h"

/* All sections, one after the other. */
enum sp_status sp_cli_export_to_stdout(const struct sp_policy *policy, struct sp_error *error) SP_MUST_USE;

/* A file for each section, such as users.yaml, in a folder that is made if it does not exist. Each
 * is written under another name and then renamed, so that a file is either the old or the new
 * one. */
enum sp_status sp_cli_export_to_folder(const struct sp_policy *policy, const char *folder,
                                       struct sp_error *error) SP_MUST_USE;

/* Reads the files of a folder that is to be updated; none if there are none. SP_ERR_INVALID if they
 * have errors. */
enum sp_status sp_cli_read_updated_folder(const char *folder, struct sp_policy *files,
                                          struct sp_error *error) SP_MUST_USE;

/* Writes the policy into the files of a folder that were read, each entry where it is, with their
 * comments; only files that change. Without files as sp_cli_export_to_folder. */
enum sp_status sp_cli_update_folder(struct sp_policy *policy, const struct sp_policy *files, const char *folder,
                                    struct sp_error *error) SP_MUST_USE;

#endif
