/* Clients that a TLS server refused, or that refused it: whom, why, and what names their
 * certificate had. A TLS library ends such connections without a word, and what serves them may
 * hide it (gRPC).
 *
 * Reports come from what uses OpenSSL's SSL objects, whoever makes them: a hook is called for each
 * that a thread makes while it expects a peer. Where gRPC brings a TLS library of its own nothing
 * is reported. */
#ifndef SP_TLS_REFUSAL_H
#define SP_TLS_REFUSAL_H

#include "base/bytes.h"
#include "base/peer.h"
#include "base/status.h"

enum { SP_TLS_NAMES_BYTES = 256, SP_TLS_REASON_BYTES = 160, SP_TLS_NO_ALERT = -1 };

struct sp_tls_refusal {
    struct sp_peer peer;
    const char *reason; /* "its certificate is not accepted: certificate has expired" */
    const char *names;  /* of its certificate: "URI:spiffe://a/b, DNS:b.example.org", shortened; "": it showed none */
};

/* ---- words, for any TLS library ---- */

/* How a handshake failed. */
struct sp_tls_failure {
    bool said_hello;          /* the client's first message was TLS */
    bool showed_none;         /* asked for a certificate, it had none */
    bool alert_is_ours;       /* the alert was sent to the client */
    int alert;                /* as on the wire; or SP_TLS_NO_ALERT: the client went away */
    const char *verification; /* why the client's certificate was not accepted; NULL: it was, or there was none */
};
void sp_tls_write_reason(const struct sp_tls_failure *failure, char ret_reason[static SP_TLS_REASON_BYTES]);

/* The names in a certificate (DER) that nobody has verified; "" if it is not one. */
void sp_tls_write_names(struct sp_bytes certificate, char ret_names[static SP_TLS_NAMES_BYTES]);

/* ---- connections of OpenSSL ---- */

/* Where refusals are reported. */
struct sp_tls_refusals;

/* `refused` is called once for each handshake that began and failed, on any thread. NULL: out of
 * memory. */
struct sp_tls_refusals *sp_tls_refusals_open(void (*refused)(void *user, const struct sp_tls_refusal *refusal),
                                             void *user);
/* `refused` is not called any more once this has returned; handshakes may go on. NULL is
 * allowed. */
void sp_tls_refusals_close(struct sp_tls_refusals *refusals);

/* SSL objects that this thread makes from now on are for the connection of this socket. `refusals`
 * NULL: they are for none. */
void sp_tls_refusals_expect(struct sp_tls_refusals *refusals, int fd);

#endif
