/* What the handlers of the HTTP server know: routes, requests and their replies.
 *
 * A handler runs on the server's thread and must not block. It replies before it returns, or defers
 * the reply and leaves the work to another thread. What it borrows from an exchange lives until the
 * reply was sent. */
#ifndef SP_HTTP_EXCHANGE_H
#define SP_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/identity.h"

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
/* Who the connection has proven to be. */
void sp_http_identity(struct sp_http_exchange *exchange, struct sp_identity *ret_identity);
/* Scratch memory, wiped once the reply was sent. */
struct sp_arena *sp_http_arena(struct sp_http_exchange *exchange);

/* Adds a header to the reply, before it. Both are copied. Names and values come from the program or
 * were checked: one with a control character is left out. False if it was left out, or there was no
 * memory. */
bool sp_http_add_header(struct sp_http_exchange *exchange, const char *name, struct sp_str value);
/* Replies, once. The bytes must live until the exchange ends: constants, or from its arena. */
void sp_http_reply(struct sp_http_exchange *exchange, unsigned status, const char *content_type, struct sp_bytes body);
/* Replies with {"code","message"}, code by the HTTP status. */
void sp_http_fail(struct sp_http_exchange *exchange, unsigned status, const char *message);

/* ---- replies that come later ---- */

/* Called once for each deferral. `may_reply`: on the server's thread, and it must reply before it
 * returns. Otherwise client or server are gone, it only lets go of `state`, and the thread is any. */
typedef void sp_http_finish(struct sp_http_exchange *exchange, void *state, bool may_reply);

/* Within a handler, instead of a reply. From then on until sp_http_resume the exchange is that of
 * whoever will resume it, on any one thread, which may use everything above but the two functions
 * that reply. False: out of memory; the handler must reply. */
bool sp_http_defer(struct sp_http_exchange *exchange, sp_http_finish *finish, void *state) SP_MUST_USE;

/* Whether anybody waits for the reply of a deferred exchange. For whoever has it. */
bool sp_http_is_wanted(const struct sp_http_exchange *exchange);

/* Has the deferred reply made, also if the server was closed meanwhile. The exchange must not be touched
 * any more. Any thread. */
void sp_http_resume(struct sp_http_exchange *exchange);

#endif
