/* A caller: what a service or gateway that asks about API keys, or a scraper of metrics, has proven
 * to be, and the roles that it can have. Callers are not the holders of those keys. Values only;
 * any thread. */
#ifndef SP_DAEMON_CALLER_H
#define SP_DAEMON_CALLER_H

#include "base/identity.h"
#include "base/status.h"

enum sp_caller_role {
    SP_CALLER_CHECK = 1,     /* Check, CheckBatch, CheckStream, Envoy's Check, AuthZEN's evaluations */
    SP_CALLER_EXPLAIN = 2,   /* Explain */
    SP_CALLER_LIST = 4,      /* ListResources, AuthZEN's searches for resources and actions */
    SP_CALLER_REPORT = 8,    /* reports of when keys were last used */
    SP_CALLER_SUBJECTS = 16, /* ListSubjects, AuthZEN's search for subjects, and to name a principal in any question
                                instead of presenting a key of it */
    SP_CALLER_METRICS = 32,  /* /metrics */
    SP_CALLER_ALL = 63,
};

/* What a caller has proven. Everything is borrowed. */
struct sp_caller {
    struct sp_identity identity;
    struct sp_str authorization; /* value of the authorization header; empty: none */
};

/* The name of a role: "check". */
const char *sp_caller_role_name(enum sp_caller_role role);
/* The role of that name, or all of them; 0 for an unknown name. */
unsigned sp_caller_role_find(struct sp_str name);

/* Puts into *error which role the caller lacks and how to grant it. Always SP_ERR_PERMISSION, or
 * SP_ERR_UNAUTHENTICATED if the caller has proven nothing. */
enum sp_status sp_caller_refuse(const struct sp_caller *caller, enum sp_caller_role wanted, struct sp_error *error);

#endif
