/* Security events of denied decisions: keys that did not authenticate, and keys from addresses
 * outside their allowlist. Every other denial is for the decision log. */
#ifndef SP_SERVER_DENIAL_EVENT_H
#define SP_SERVER_DENIAL_EVENT_H

#include "decide/check.h"
#include "server/asking.h"

/* As sp_record_decision, of an answer that does not allow. Costs one test unless --event-log is
 * given. */
void sp_server_report_denial(const struct sp_asking *asking, const struct sp_query *query,
                             const struct sp_answer *answer);

#endif
