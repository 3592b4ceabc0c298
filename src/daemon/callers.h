/* Roles of callers, by what they have proven to be.
 *
 * A YAML file grants roles to callers, one per line; a caller that it does not name has no role:
 *
 *   uri:spiffe://example.org/gateway: check            # a URI in a verified client certificate, compared byte by byte
 *   dns:console.example.org: check, explain, list      # a DNS name in it; no wildcards
 *   uid:1000: check                                    # the user of a process on a Unix socket
 *   token:/run/secrets/console: check, explain         # `authorization: Bearer …` with the first line of that file
 *   plaintext: check                                   # everybody over TCP without TLS
 *   tls: check                                         # everybody with a verified client certificate
 *
 * The roles are those of daemon/caller.h, or "all". A caller has the roles of every line that fits
 * it.
 *
 * Without a file: over plaintext everybody has all roles on loopback, and `check` if --insecure
 * allowed other addresses; on Unix sockets root and the program's own user have all; over TLS
 * everybody with a verified client certificate has `check`. TLS alone gives no role: a file whose
 * uri, dns or tls lines could never fit, because no CA of clients is set, is refused. */
#ifndef SP_DAEMON_CALLERS_H
#define SP_DAEMON_CALLERS_H

#include "daemon/caller.h"
#include "daemon/callers_table.h"

enum { SP_CALLERS_MAX_BYTES = 256 * 1024 };

struct sp_callers;

struct sp_callers_options {
    const char *file;  /* borrowed; NULL: none, the roles are as above */
    bool insecure;     /* plaintext may come from other machines */
    bool unproven_tls; /* TCP listeners speak TLS, but verify no client certificates */
};

/* SP_ERR_INVALID with a message that names the file and line; SP_ERR_MEMORY. */
enum sp_status sp_callers_open(const struct sp_callers_options *options, struct sp_callers **ret_callers,
                               struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_callers_close(struct sp_callers *callers);

/* The roles of a caller, as a set. Any thread. */
unsigned sp_callers_roles(const struct sp_callers *callers, const struct sp_caller *caller);
/* Whether any role depends on the authorization header; if not, there is no need to read it. Any
 * thread. */
bool sp_callers_read_tokens(const struct sp_callers *callers);
/* The user ids that have roles of their own on Unix sockets, as of the last reading. */
size_t sp_callers_uids(const struct sp_callers *callers, uint32_t ret_uids[static SP_CALLERS_MAX_UIDS]);

enum sp_callers_news { SP_CALLERS_UNCHANGED, SP_CALLERS_CHANGED, SP_CALLERS_BROKEN };
/* Rereads the file and its tokens if they have changed. If they cannot be read, the roles stay
 * as they were, and the result is SP_CALLERS_BROKEN once for each state of the files. One thread
 * at a time; others go on asking meanwhile. */
enum sp_callers_news sp_callers_reload(struct sp_callers *callers, struct sp_error *error) SP_MUST_USE;
/* The same, and logs what came of it. */
void sp_callers_reload_and_log(struct sp_callers *callers);

#endif
