/* Reading files, and standard input as a file. */
#ifndef SP_CLI_FILE_H
#define SP_CLI_FILE_H

#include <stdio.h>

#include "base/bytes.h"
#include "base/status.h"

/* Opens for reading; "-" is standard input. SP_ERR_NOT_FOUND with the reason. Close with
 * sp_cli_close. */
enum sp_status sp_cli_open_file(const char *path, FILE **ret_file, struct sp_error *error) SP_MUST_USE;
void sp_cli_close(FILE *file);

/* All of a file, NUL-terminated; the caller frees. SP_ERR_INVALID if it is larger than
 * `max_bytes`. */
enum sp_status sp_cli_read_file(const char *path, size_t max_bytes, char **ret_text, size_t *ret_size,
                                struct sp_error *error) SP_MUST_USE;

/* SP_ERR_INVALID, with how to convert it, if the text of a file is in UTF-16, as some tools on
 * Windows write it. */
enum sp_status sp_cli_refuse_utf16(const char *path, struct sp_str text, struct sp_error *error) SP_MUST_USE;

#endif
