/* Where to call and with which key: environment and profiles file. */
#ifndef SP_CLI_PROFILE_H
#define SP_CLI_PROFILE_H

#include "base/arena.h"
#include "cli/command.h"

/* Fills the call's addresses and key file: options first, then SALLYPORT_ADMIN, SALLYPORT_SERVER and SALLYPORT_KEY_FILE, then the profile
 * (--profile, SALLYPORT_PROFILE, "default") of SALLYPORT_PROFILES or ~/.config/sallyport/profiles.yaml, then loopback. Texts are in
 * `arena`. SP_ERR_INVALID for a profiles file that cannot be read, SP_ERR_NOT_FOUND for a profile that was named and is not in it. */
enum sp_status cli_profile_apply(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

/* Reads the first line of a key file. Warns on stderr where others can read the file. `ret_key` is held in `arena`, which the caller
 * wipes. SP_ERR_NOT_FOUND, SP_ERR_INVALID. */
enum sp_status cli_read_key_file(const char *path, struct sp_arena *arena, struct sp_str *ret_key,
                                 struct sp_error *error) SP_MUST_USE;

/* Writes a secret to a new file that only its owner can read. SP_ERR_EXISTS where there is a file already. */
enum sp_status cli_write_secret_file(const char *path, const char *secret, struct sp_error *error) SP_MUST_USE;

#endif
