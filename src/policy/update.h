/* Writes a policy into files that are there, in their layout and with their comments. Pure, but for
 * the stream. */
#ifndef SP_POLICY_UPDATE_H
#define SP_POLICY_UPDATE_H

#include <stdio.h>

#include "policy/model.h"

/* Gives every entry of `policy`, which comes from a store, the place that it has in `files`, which
 * is sorted and without errors; what is new goes where most of its section is. Sections that no
 * file mentions are emptied. SP_ERR_MEMORY. */
enum sp_status sp_policy_adopt_places(struct sp_policy *policy, const struct sp_policy *files) SP_MUST_USE;

/* Writes one of the files again. `text` is what it said before. SP_ERR_MEMORY. */
enum sp_status sp_policy_write_file(const struct sp_policy *policy, const struct sp_policy *files, uint16_t file,
                                    struct sp_str text, FILE *out) SP_MUST_USE;

#endif
