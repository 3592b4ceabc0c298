/* A question: who asks, from where, to do what on which resource. Values only. */
#ifndef SP_DECIDE_QUERY_H
#define SP_DECIDE_QUERY_H

#include "core/decision.h"

enum sp_credential_kind {
    SP_CREDENTIAL_TEXT,   /* `credential` is what the client presented */
    SP_CREDENTIAL_SHA256, /* `credential` is the 32 bytes of its single SHA-256; step 1 is skipped */
    SP_CREDENTIAL_KNOWN,  /* `known_key` is given: for explanations by key id; steps 1 and 2 pass */
};

struct sp_role_memo; /* decide/role_memo.h */

/* Remembers the key of the last credential, for questions that share one. Zeroed at first; good for
 * one acquire of a snapshot and while the credentials' bytes stay in place. */
struct sp_check_memo {
    bool used;
    enum sp_credential_kind kind;
    enum sp_reason reason;
    struct sp_bytes credential;
    struct sp_key key;
    struct sp_role_memo *roles; /* NULL: every role is looked up */
};

/* A question. Borrowed; lengths were checked by the caller. */
struct sp_query {
    enum sp_credential_kind credential_kind;
    struct sp_bytes credential;
    const struct sp_key *known_key;
    const struct sp_ip *ip; /* NULL: not known */
    struct sp_str resource_type;
    struct sp_str resource_id;
    struct sp_str action;
    struct sp_str workspace; /* asserted; empty: none */
    int64_t now_s;
    bool stale;                 /* step 0, judged by the server */
    struct sp_check_memo *memo; /* NULL: every credential is looked up */
};

#endif
