/* Policies as messages of the admin API. Pure. */
#ifndef SP_POLICY_MESSAGE_H
#define SP_POLICY_MESSAGE_H

#include "policy/diff.h"
#include "sallyport/v1/admin.pb-c.h"

/* Adds a page of an export; has[] of all sections becomes true. SP_ERR_MEMORY; SP_ERR_INVALID for
 * what no store exports. */
enum sp_status sp_policy_take_page(struct sp_policy *policy,
                                   const Sallyport__V1__ExportPolicyResponse *page) SP_MUST_USE;

/* The edit in the arena. It borrows from the models. `want` is the one that is to be, and says who
 * the creators are. */
enum sp_status sp_policy_edit_message(const struct sp_policy_edit *edit, const struct sp_policy *want,
                                      struct sp_arena *arena, Sallyport__V1__PolicyEdit **ret_message) SP_MUST_USE;

#endif
