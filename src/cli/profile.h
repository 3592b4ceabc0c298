/* Where to call and with which key: environment and profiles file. */
#ifndef SP_CLI_PROFILE_H
#define SP_CLI_PROFILE_H

#include "base/arena.h"
#include "cli/command.h"

/* Fills the call's addresses, key file and TLS files: from options; then SALLYPORT_ADMIN, SALLYPORT_SERVER, SALLYPORT_KEY_FILE and
 * SALLYPORT_TLS_CA, _CERT, _KEY and _NAME; then the profile (--profile, SALLYPORT_PROFILE, "default") of SALLYPORT_PROFILES or ~/.config/sallyport/profiles.yaml; then loopback. A profile
 * that --profile names goes before the environment. "~/" begins a file below the home folder. Texts are in `arena`. SP_ERR_INVALID for
 * a profiles file that cannot be understood, SP_ERR_NOT_FOUND for one that cannot be read and for a named profile that is not in it. */
enum sp_status cli_profile_apply(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

/* Reads the first line of a key file. Warns on stderr where others can read the file. `ret_key` is held in `arena`, which the caller
 * wipes. SP_ERR_NOT_FOUND, SP_ERR_INVALID. */
enum sp_status cli_read_key_file(const char *path, struct sp_arena *arena, struct sp_str *ret_key,
                                 struct sp_error *error) SP_MUST_USE;

/* Makes a new file that only its owner can read; the caller closes. SP_ERR_EXISTS where there is a file already, SP_ERR_IO. */
enum sp_status cli_make_secret_file(const char *path, int *ret_fd, struct sp_error *error) SP_MUST_USE;

/* Writes a secret as a line and makes it durable. SP_ERR_IO. */
enum sp_status cli_write_secret(int fd, const char *path, const char *secret, struct sp_error *error) SP_MUST_USE;

#endif
