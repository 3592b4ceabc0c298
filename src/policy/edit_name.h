/* What an edit is called in messages. Pure. */
#ifndef SP_POLICY_EDIT_NAME_H
#define SP_POLICY_EDIT_NAME_H

#include "policy/diff.h"

enum { SP_POLICY_EDIT_NAME_BYTES = 1024 };

/* What is edited: "ann", "studio: ann", "voice/rachel: group studio". */
void sp_policy_name_entry(const struct sp_policy_edit *edit, char *out, size_t room);

/* Where an edit stands in the files of `want`, "FILE:LINE:COLUMN"; of what is in none, "removing
 * voice/rachel". */
void sp_policy_name_edit(const struct sp_policy_edit *edit, const struct sp_policy *want, char *out, size_t room);

#endif
