/* Which credential a request presents, when several headers may carry one. Pure.
 *
 * Every header that may carry a key is offered in turn. The same credential any number of times is
 * one; two that differ are ambiguous, because it is unclear which one was meant, and the next
 * server might read the other. */
#ifndef SP_CORE_CREDENTIAL_H
#define SP_CORE_CREDENTIAL_H

#include <stdbool.h>

#include "base/bytes.h"

/* Zeroed at first. Borrows what it is offered. */
struct sp_credential {
    struct sp_str text; /* empty: none was found */
    bool other_scheme;  /* an Authorization header that is no bearer token */
    bool differs;
};

/* The value of a header that contains only a key. An empty value counts as no header. */
void sp_credential_offer_key(struct sp_credential *credential, struct sp_str value);

/* The value of an Authorization header: "Bearer <token>" (RFC 6750 section 2.1), the scheme in any
 * case. Whatever else it says is another credential than a key. */
void sp_credential_offer_authorization(struct sp_credential *credential, struct sp_str value);

/* True if there are two different credentials and at least one is a key. */
bool sp_credential_is_ambiguous(const struct sp_credential *credential);

#endif
