/* Who makes a change inside a workspace of a scratch copy: an ADMIN user of it, with a key that
 * comes with the copy. Operators may not change what is inside. One thread. */
#ifndef SP_TRIAL_INSIDER_H
#define SP_TRIAL_INSIDER_H

#include "core/key_text.h"
#include "policy/model.h"
#include "trial/scratch.h"

/* Zeroed: nobody. Wipe it when it is no longer needed. */
struct sp_trial_insider {
    char workspace[65];
    char key[SP_KEY_TEXT_BYTES];
};

/* Finds an ADMIN user who is enabled, and who is an ADMIN in `want` too if that lists users (NULL:
 * it does not matter), and gives the user a key. Nothing if the insider is of the workspace
 * already. SP_ERR_NOT_FOUND: there is none; and as sp_trial_scratch_call. */
enum sp_status sp_trial_insider_enter(struct sp_trial_scratch *scratch, const char *workspace,
                                      const struct sp_policy *want, struct sp_trial_insider *insider,
                                      struct sp_error *error) SP_MUST_USE;

#endif
