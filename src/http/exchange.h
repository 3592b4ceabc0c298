/* What the handlers of the HTTP server know: routes, requests and their replies.
 *
 * A handler runs on the server's thread and must not block. It replies before it returns, or defers
 * the reply (http/deferral.h) and leaves the work to another thread. What it borrows from an
 * exchange lives until the reply was sent. */
#ifndef SP_HTTP_EXCHANGE_H
#define SP_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

struct sp_http_exchange; /* a request and its reply */

struct sp_http_route {
    const char *method; /* "GET", "POST" */
    const char *path;   /* "/metrics": exact, without a query */
    void (*handle)(struct sp_http_exchange *exchange, void *user);
    void *user;
    bool anyone; /* clients without a certificate too, even if clients need one: for probes */
};

struct sp_str sp_http_method(const struct sp_http_exchange *exchange);
struct sp_str sp_http_path(const struct sp_http_exchange *exchange);
/* What follows '?', undecoded; empty for none. */
struct sp_str sp_http_query(const struct sp_http_exchange *exchange);
/* The complete body. */
struct sp_bytes sp_http_body(const struct sp_http_exchange *exchange);
/* The first value of a header, whatever the case of its name, and how many there are; empty and 0
 * for none. Blanks around a value are no part of it. */
struct sp_str sp_http_header(const struct sp_http_exchange *exchange, const char *name, size_t *ret_count);
/* Every value of a header in their order, the first `room` of them; returns how many there are. */
size_t sp_http_header_all(const struct sp_http_exchange *exchange, const char *name, struct sp_str *ret_values,
                          size_t room);
/* All headers, in the order in which they came; returns how many there are, and writes no more than
 * `most`. */
struct sp_http_field {
    struct sp_str name, value;
};
size_t sp_http_headers(const struct sp_http_exchange *exchange, struct sp_http_field *ret_fields, size_t most);
/* The connection's peer without port: "127.0.0.1", "::1", "unix". */
struct sp_str sp_http_peer(const struct sp_http_exchange *exchange);
/* Scratch memory, wiped once the reply was sent. */
struct sp_arena *sp_http_arena(struct sp_http_exchange *exchange);

/* Adds a header to the reply, before it; another of the same name follows the first. Both are
 * copied. Names and values come from the program or were checked: one with a control character is
 * left out. False if it was left out, or there was no memory. */
bool sp_http_add_header(struct sp_http_exchange *exchange, const char *name, struct sp_str value);
/* Replies, once. The bytes must live until the exchange ends: constants, or from its arena. */
void sp_http_reply(struct sp_http_exchange *exchange, unsigned status, const char *content_type, struct sp_bytes body);
/* Replies with {"code","message"}: the code that gRPC has for the HTTP status ("unknown" for 405
 * and 415), or another. */
void sp_http_fail(struct sp_http_exchange *exchange, unsigned status, const char *message);
void sp_http_fail_as(struct sp_http_exchange *exchange, unsigned status, const char *code, const char *message);

#endif
