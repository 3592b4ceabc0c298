/* Who calls, as the program that took the call hands it over. Values only. */
#ifndef SP_ADMIN_CALLER_H
#define SP_ADMIN_CALLER_H

#include <stdatomic.h>

#include "core/address.h"
#include "core/decision.h"
#include "store/records/head.h"
#include "store/usage/usage.h"

/* What the called instance knows about the last use of keys, and where it notes the keys that calls
 * present. */
struct sp_admin_usage {
    struct sp_usage_store *store; /* NULL: it keeps none */
    int64_t up_since_s;
    int64_t grace_s; /* how late a server's watermark may be */
    /* A key was presented with a call (on the call's thread). */
    void (*note)(void *user, struct sp_str workspace, struct sp_str key_id, const struct sp_ip *ip,
                 enum sp_reason rejected);
    /* A server was retired. */
    void (*retired)(void *user, struct sp_str operator_name, const char *server);
    void *user;
};

enum { SP_ADMIN_WITNESS_TEXT_BYTES = 65 };

/* What became known of a call while it was admitted (admin/witness.h). */
struct sp_admin_witness {
    enum sp_admin_who { SP_ADMIN_NOBODY, SP_ADMIN_PRINCIPAL, SP_ADMIN_OPERATOR } who;
    enum sp_reason refused; /* the key, by this step; SP_REASON_NONE: by none */
    char workspace[SP_ADMIN_WITNESS_TEXT_BYTES];
    char id[SP_ADMIN_WITNESS_TEXT_BYTES]; /* of the principal, or the operator's name */
    char key_id[SP_ADMIN_WITNESS_TEXT_BYTES];
    char about[SP_ADMIN_WITNESS_TEXT_BYTES]; /* the workspace that the call is about */
    struct sp_revision revision;             /* of the change that it made */
};

/* What a caller presents with a call. Borrowed. */
struct sp_admin_caller {
    struct sp_str credential; /* the key's text; empty: none */
    bool ambiguous;           /* two different credentials were presented */
    const struct sp_ip *ip;   /* the client's address; NULL: not known (a Unix socket) */
    struct sp_str address;    /* the same as text, for the audit trail */
    int64_t now_s;
    const struct sp_admin_usage *usage; /* of the called instance; NULL: it keeps no last use */
    const atomic_bool *gone;            /* set when nobody waits for the answer any more; NULL: not known */
    struct sp_admin_witness *witness;   /* filled while the call is admitted; NULL: not wanted */
};

#endif
