/* TLS of accepted sockets, with OpenSSL: TLS 1.2 or 1.3, "h2" by ALPN or nothing (RFC 9113 section
 * 3.2), client certificates when there is a CA for them, and new files for new connections. No
 * session is resumed: each handshake sees today's certificate authorities. */
#ifndef SP_RPC_H2_TLS_H
#define SP_RPC_H2_TLS_H

#include <openssl/ssl.h>

#include "base/identity.h"
#include "tls/crl.h"
#include "tls/files.h"
#include "tls/refusal.h"

struct h2_tls;

/* SP_ERR_INVALID: files that cannot be used. `refusals` hears of failed handshakes; NULL: nobody
 * does. `notice` may be NULL. */
enum sp_status sp_rpc_h2_tls_open(const struct sp_tls_files *files, struct sp_tls_refusals *refusals,
                                  void (*notice)(void *user, bool good, const char *message), void *user,
                                  struct h2_tls **ret_tls, struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. Connections live on. */
void sp_rpc_h2_tls_close(struct h2_tls *tls);

/* The server's side of a new connection, with the newest files that can be used. NULL when out of
 * memory. Any thread. */
SSL *sp_rpc_h2_tls_accept(struct h2_tls *tls, int fd) SP_MUST_USE;

/* What a client has shown, copied from its certificate. */
struct h2_certificate {
    bool certified;
    size_t uri_count, dns_count;
    struct sp_str uris[SP_IDENTITY_NAMES];
    struct sp_str dns[SP_IDENTITY_NAMES];
    struct sp_tls_chain chain; /* DER, for revocation lists */
    char *memory;              /* of the names */
};

/* After the handshake. NULL: out of memory. */
struct h2_certificate *sp_rpc_h2_certificate_read(const SSL *ssl) SP_MUST_USE;
/* NULL is allowed. */
void sp_rpc_h2_certificate_free(struct h2_certificate *certificate);

#endif
