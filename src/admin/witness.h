/* What becomes known of who makes a call while the call is admitted, for whoever reports it. Copies
 * of texts: a witness outlives the call's arena and snapshot. */
#ifndef SP_ADMIN_WITNESS_H
#define SP_ADMIN_WITNESS_H

#include "admin/context.h"
#include "decide/check.h"

/* Each does nothing if the caller wants no witness. The first forgets all that was known: a call
 * may be admitted several times. */
void sp_admin_witness_begin(const struct sp_admin_context *ctx);
/* The key was refused by a step of the decision. */
void sp_admin_witness_refusal(const struct sp_admin_context *ctx, enum sp_reason reason);
/* The key's owner, also if the key is then refused. */
void sp_admin_witness_key(const struct sp_admin_context *ctx, const struct sp_key *key);
void sp_admin_witness_operator(const struct sp_admin_context *ctx);
/* The workspace that the call is about, once it was found. */
void sp_admin_witness_workspace(const struct sp_admin_context *ctx);
/* The revision that a change got. */
void sp_admin_witness_revision(const struct sp_admin_context *ctx, struct sp_revision revision);

#endif
