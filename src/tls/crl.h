/* Revoked client certificates: a file of certificate revocation lists (RFC 5280 section 5, PEM),
 * reloaded when it or the clients' CAs change. What is not certain is revoked: a certificate whose
 * CA has no list in the file, a list that has expired, a certificate that cannot be read.
 *
 * TLS libraries look at such lists in handshakes only, if at all, and a connection may last for
 * days: this is asked for each call. The verdict on a certificate is remembered for some
 * seconds. */
#ifndef SP_TLS_CRL_H
#define SP_TLS_CRL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

struct sp_tls_crl;
/* Verdicts that one thread remembers. */
struct sp_tls_crl_memo;

enum { SP_TLS_CHAIN_MAX = 10 };

/* What a client has shown: its own certificate first. Borrowed. */
struct sp_tls_chain {
    bool is_pem; /* otherwise DER; a PEM text may hold several certificates */
    size_t count;
    struct sp_bytes parts[SP_TLS_CHAIN_MAX];
};

struct sp_tls_crl_options {
    const char *file; /* the lists: one of each CA that signs clients' certificates, its own certificate apart */
    const char *ca;   /* the clients' CAs; both names are borrowed */
    /* Gets the outcome of changed files, and that a list has expired; on any thread. May be
     * NULL. */
    void (*notice)(void *user, bool good, const char *message);
    void *user;
};

/* SP_ERR_INVALID with a message that names the file: no CA, a file that cannot be read, that holds
 * no list, one that has expired, or one whose signature is wrong. SP_ERR_MEMORY. */
enum sp_status sp_tls_crl_open(const struct sp_tls_crl_options *options, struct sp_tls_crl **ret_crl,
                               struct sp_error *error) SP_MUST_USE;
/* NULL is allowed, as for the next. */
void sp_tls_crl_close(struct sp_tls_crl *crl);

/* NULL: out of memory. */
struct sp_tls_crl_memo *sp_tls_crl_memo_create(void);
void sp_tls_crl_memo_free(struct sp_tls_crl_memo *memo);

/* NULL: the chain leads to a CA and nothing in it is revoked. Otherwise why it is not accepted; a
 * constant. Any thread, with a memo of its own. */
const char *sp_tls_crl_refuse(struct sp_tls_crl *crl, struct sp_tls_crl_memo *memo, const struct sp_tls_chain *chain);

#endif
