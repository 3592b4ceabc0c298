/* Who may call AuthZEN's endpoints, and ask about whom. */
#ifndef SP_SERVER_AUTHZEN_ADMIT_H
#define SP_SERVER_AUTHZEN_ADMIT_H

#include "daemon/caller.h"
#include "server/authzen/endpoint.h"
#include "server/authzen/request.h"

/* SP_OK if the caller has the role; otherwise as sp_admit_request, and the reply says how to
 * authenticate. */
enum sp_status sp_authzen_admit(struct sp_authzen_call *call, enum sp_caller_role role,
                                struct sp_error *error) SP_MUST_USE;

/* The same for a question: to name a principal takes a role that to present a key does not. */
enum sp_status sp_authzen_admit_question(struct sp_authzen_call *call, const struct sp_authzen_question *question,
                                         struct sp_error *error) SP_MUST_USE;

#endif
