/* Who calls, as the program that took the call hands it over. Values only. */
#ifndef SP_ADMIN_CALLER_H
#define SP_ADMIN_CALLER_H

#include "core/address.h"
#include "core/decision.h"
#include "store/usage/internal.h"

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

/* What a caller presents with a call. Borrowed. */
struct sp_admin_caller {
    struct sp_str credential; /* the key's text; empty: none */
    bool ambiguous;           /* two different credentials were presented */
    const struct sp_ip *ip;   /* the client's address; NULL: not known (a Unix socket) */
    struct sp_str address;    /* the same as text, for the audit trail */
    int64_t now_s;
    const struct sp_admin_usage *usage; /* of the called instance; NULL: it keeps no last use */
};

#endif
