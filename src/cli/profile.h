/* Addresses and key of a call, from options, the environment and the profiles file. */
#ifndef SP_CLI_PROFILE_H
#define SP_CLI_PROFILE_H

#include "base/arena.h"
#include "cli/call.h"
#include "config/variables.h"

/* Variables that begin as those of sallyport do, and not as those of sallyport-sync. */
void sp_cli_find_unknown_variables(struct sp_unknown_variables *ret_unknown);

/* Fills the call's addresses, key file and TLS files: from options; then SALLYPORT_ADMIN,
 * SALLYPORT_SERVER, SALLYPORT_KEY_FILE and SALLYPORT_TLS_CA, _CERT, _KEY and _NAME; then the
 * profile (--profile, SALLYPORT_PROFILE, "default") of SALLYPORT_PROFILES or
 * ~/.config/sallyport/profiles.yaml; then loopback. A profile that --profile names goes before the
 * environment. "~/" begins a file below the home folder. Texts are in `arena`. SP_ERR_INVALID for a
 * profiles file that cannot be understood, SP_ERR_NOT_FOUND for one that cannot be read and for a
 * named profile that is not in it. */
enum sp_status sp_cli_profile_apply(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

#endif
