/* Inside src/http: clients that TLS refused. libmicrohttpd ends handshakes without a word of why;
 * and it lets clients without an accepted certificate in, whose requests are refused later. Each
 * connection is reported once, with the words of tls/refusal.h. On the server's thread. */
#ifndef SP_HTTP_HANDSHAKE_H
#define SP_HTTP_HANDSHAKE_H

struct connection;
struct connections;
struct sp_http_exchange;

/* Watches the handshake of a connection that has just been opened. Without TLS there is none. */
void sp_http_handshake_watch(struct connection *connection);
/* libmicrohttpd is about to close the connection that it read from last, because its handshake
 * failed. */
void sp_http_handshake_failed(const struct connections *connections);
/* The connection is closed: reports a handshake that was never finished. */
void sp_http_handshake_end(const struct connections *connections, struct connection *connection);

/* Reports that a request was refused because it had no accepted certificate. */
void sp_http_report_certificate(const struct sp_http_exchange *exchange);

#endif
