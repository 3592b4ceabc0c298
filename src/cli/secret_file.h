/* Keys in files: read from the first line, or written to a new file that only its owner can
 * read. */
#ifndef SP_CLI_SECRET_FILE_H
#define SP_CLI_SECRET_FILE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

/* Reads the first line of a key file. Warns on stderr if other users can read it. `ret_key` is held
 * in `arena`, which the caller wipes. SP_ERR_NOT_FOUND, SP_ERR_INVALID. */
enum sp_status sp_cli_read_key_file(const char *path, struct sp_arena *arena, struct sp_str *ret_key,
                                    struct sp_error *error) SP_MUST_USE;

/* Creates a new file that only its owner can read; the caller closes. SP_ERR_EXISTS if there is
 * such a file, SP_ERR_NOT_FOUND if its folder does not exist, SP_ERR_IO. */
enum sp_status sp_cli_make_secret_file(const char *path, int *ret_fd, struct sp_error *error) SP_MUST_USE;

/* Writes a secret as a line and makes it durable. SP_ERR_IO. */
enum sp_status sp_cli_write_secret(int fd, const char *path, const char *secret, struct sp_error *error) SP_MUST_USE;

#endif
