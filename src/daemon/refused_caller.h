/* The security event of a caller that lacks a role. Any thread. */
#ifndef SP_DAEMON_REFUSED_CALLER_H
#define SP_DAEMON_REFUSED_CALLER_H

#include "daemon/caller.h"

/* `status`: how it was refused (sp_caller_refuse). `peer`: the address at the other end. */
void sp_event_put_refused_caller(const struct sp_caller *caller, enum sp_caller_role wanted, struct sp_str peer,
                                 enum sp_status status);

#endif
