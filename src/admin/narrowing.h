/* Which changes only take access away. They go ahead of others, and may be made when there is
 * hardly any room left. Judged by the request alone; constants and pure functions. */
#ifndef SP_ADMIN_NARROWING_H
#define SP_ADMIN_NARROWING_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "admin/narrowing_kind.h"

/* What a row of the method table has as its `narrowing`; NULL there: SP_ADMIN_WIDENS. */
typedef enum sp_admin_narrowing sp_admin_narrowing_judge(const ProtobufCMessage *request);

/* For methods of which every call is of one kind. */
sp_admin_narrowing_judge sp_admin_always_narrows, sp_admin_always_disables_key;

/* UpdateWorkspace: disables it, and changes nothing else. */
sp_admin_narrowing_judge sp_admin_judge_workspace_update;
/* UpdatePrincipal: disables it, makes it a MEMBER, or both, and changes nothing else. */
sp_admin_narrowing_judge sp_admin_judge_principal_update;
/* UpdateShares: takes roles away only. */
sp_admin_narrowing_judge sp_admin_judge_share_updates;
/* ApplyPolicy: may narrow if it does nothing else. It has its place in the reserve for that, but
 * does not go ahead of others, because it may be large, may be refused at its end, and need not
 * change anything. */
sp_admin_narrowing_judge sp_admin_judge_policy_edits;
/* Whether it deletes, removes members and takes roles away only. */
bool sp_admin_is_narrowing_policy(const ProtobufCMessage *request);
/* UpdateApiKey: may narrow, which is known once it is compared with what the key was. */
sp_admin_narrowing_judge sp_admin_judge_key_update;

#endif
