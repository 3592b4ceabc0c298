/* A decision as the `context` of AuthZEN's replies. */
#ifndef SP_SERVER_AUTHZEN_CONTEXT_H
#define SP_SERVER_AUTHZEN_CONTEXT_H

#include <jansson.h>

#include "decide/check.h"
#include "store/records/head.h"

/* Reason, HTTP status, decision id, revision and, if the key is known, whose it is. NULL: out of
 * memory. */
json_t *sp_authzen_context(const struct sp_answer *answer, const char *decision_id);

/* "1:42", epoch and number. NULL: out of memory. */
json_t *sp_authzen_revision(struct sp_revision revision);

#endif
