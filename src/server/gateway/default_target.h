/* Whether what `--route-default` names can allow anything, under the schema in force. */
#ifndef SP_SERVER_GATEWAY_DEFAULT_TARGET_H
#define SP_SERVER_GATEWAY_DEFAULT_TARGET_H

#include "server/gateway/settings.h"
#include "store/lmdb/view.h"

/* Logs a warning, with the cure, if the default names an action that the schema does not have, or
 * one that needs a role on a resource: without an id, it denies everybody. Looks only if there is a
 * default and the schema is not the one with the mark (0: none was looked at), which is updated. A
 * schema that cannot be read is left to the decisions. */
void sp_gateway_check_default_target(const struct sp_gateway_settings *settings, struct sp_view *view,
                                     uint64_t *schema_mark);

#endif
