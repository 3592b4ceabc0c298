/* Who may ask: roles of callers by what they have proven to be. Callers are the services and gateways that ask about API keys, not
 * the holders of those keys.
 *
 * A file, YAML, names them, one a line; whoever is not in it has no role at all:
 *
 *   uri:spiffe://example.org/gateway: check            # a URI in a verified client certificate, as it stands there
 *   dns:console.example.org: check, explain, list      # a DNS name in it; no wildcards
 *   uid:1000: check                                    # the user of a process on a Unix socket
 *   token:/run/secrets/console: check, explain         # `authorization: Bearer …` with the first line of that file
 *   plaintext: check                                   # anybody over TCP without TLS
 *   tls: check                                         # anybody over TLS
 *
 * The roles: check (Check, CheckBatch, CheckStream, Envoy's Check, AuthZEN's evaluations), explain (Explain), list
 * (ListResources, ListSubjects, AuthZEN's searches), report (the last uses of keys); all. A caller has those of every line
 * that fits it.
 *
 * Without a file: over plaintext everybody has all while that is loopback, and `check` where --insecure opened it to others;
 * on Unix sockets root and the program's own user have all; over TLS everybody who gets in has `check`. */
#ifndef SP_DAEMON_CALLER_H
#define SP_DAEMON_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum sp_caller_role {
    SP_CALLER_CHECK = 1,
    SP_CALLER_EXPLAIN = 2,
    SP_CALLER_LIST = 4,
    SP_CALLER_REPORT = 8,
    SP_CALLER_ALL = 15,
};

enum { SP_CALLERS_MAX = 1000, SP_CALLERS_MAX_UIDS = 16, SP_CALLERS_MAX_BYTES = 256 * 1024 };

/* What a caller has proven; borrowed. */
struct sp_caller {
    enum sp_caller_kind { SP_CALLER_PLAINTEXT, SP_CALLER_TLS, SP_CALLER_UNIX } kind;
    bool uid_known;
    uint32_t uid;
    size_t uri_count, dns_count;
    const struct sp_str *uris, *dns;
    struct sp_str authorization; /* the whole value of the header; empty: none */
};

struct sp_callers;

/* Reads the file; NULL: the roles without one, `insecure` where plaintext may come from other machines. SP_ERR_INVALID with a message that names the file and line; SP_ERR_MEMORY. */
enum sp_status sp_callers_open(const char *file, bool insecure, struct sp_callers **ret_callers,
                               struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_callers_close(struct sp_callers *callers);

/* The roles of a caller, as a set. Any thread. */
unsigned sp_callers_roles(const struct sp_callers *callers, const struct sp_caller *caller);
/* Whether anything depends on the authorization header: else it need not be looked for. Any thread. */
bool sp_callers_read_tokens(const struct sp_callers *callers);
/* The user ids that are told apart, at the time of opening. */
size_t sp_callers_uids(const struct sp_callers *callers, uint32_t ret_uids[static SP_CALLERS_MAX_UIDS]);

enum sp_callers_news { SP_CALLERS_UNCHANGED, SP_CALLERS_CHANGED, SP_CALLERS_BROKEN };
/* Reads the file and the tokens anew where they have changed; what cannot be read leaves those before in use, and is said once.
 * One thread at a time; others go on asking. */
enum sp_callers_news sp_callers_look(struct sp_callers *callers, struct sp_error *error) SP_MUST_USE;

/* The name of a role: "check". */
const char *sp_caller_role_name(enum sp_caller_role role);

/* Says what a caller lacks and how to mend it. Always SP_ERR_PERMISSION, or SP_ERR_UNAUTHENTICATED where the caller has proven
 * nothing. */
enum sp_status sp_caller_refuse(const struct sp_caller *caller, enum sp_caller_role wanted, struct sp_error *error);

#endif
