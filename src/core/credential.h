/* Which credential a request presents, when several headers may carry one. Pure.
 *
 * Every value of every header that may carry a key is offered in turn. The same credential any
 * number of times is one; two that differ are ambiguous, because it is unclear which one was meant,
 * and the next server might read the other. An Authorization header of another scheme (a proxy's
 * Basic, a Digest) is no key, and leaves a key in another header as the one that is meant.
 *
 * Proxies join lines of one name by commas (RFC 9110 section 5.3), so a value is a list: "k,k" is
 * offered as two values, "k," as one. Blanks around a value are no part of it. A key that contains
 * a comma cannot be presented in a header. */
#ifndef SP_CORE_CREDENTIAL_H
#define SP_CORE_CREDENTIAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"

/* Schemes of an Authorization header that may carry a key; their names are compared in any case. */
enum sp_credential_scheme {
    SP_CREDENTIAL_BEARER = 1,  /* "Bearer KEY" (RFC 6750 section 2.1) */
    SP_CREDENTIAL_BASIC = 2,   /* "Basic …" (RFC 7617): the key is the user name, the password empty */
    SP_CREDENTIAL_TOKEN = 4,   /* "Token KEY" */
    SP_CREDENTIAL_API_KEY = 8, /* "ApiKey KEY" */
};

/* The name of a scheme: "Bearer"; NULL for none. */
const char *sp_credential_scheme_name(enum sp_credential_scheme scheme);
/* The scheme of that name, in any case; 0 for none. */
unsigned sp_credential_scheme_find(struct sp_str name);

/* Zeroed at first, but for the first two. Borrows what it is offered. */
struct sp_credential {
    unsigned schemes;       /* that may carry a key; 0: Bearer alone */
    struct sp_arena *arena; /* for keys decoded from Basic; NULL: that scheme is another credential */
    struct sp_str text;     /* empty: none was found */
    bool other_scheme;      /* an Authorization header has a value of a scheme that carries no key */
    bool in_authorization;  /* one has a key */
    bool unclear;           /* one has neither: no scheme, or one that carries keys and no key */
    bool differs;
};

/* The value of a header that contains only keys. An empty value counts as no header. */
void sp_credential_offer_key(struct sp_credential *credential, struct sp_str value);

/* The value of an Authorization header. What it says in other schemes is no key. Basic, where it
 * carries keys, with a password or with text that cannot be decoded is another credential than a
 * key; so is text without a scheme. */
void sp_credential_offer_authorization(struct sp_credential *credential, struct sp_str value);

/* True if there are two different credentials and at least one is a key: two keys, a key beside
 * what may be meant as one, or a key and another scheme in Authorization itself. */
bool sp_credential_is_ambiguous(const struct sp_credential *credential);

#endif
