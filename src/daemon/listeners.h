/* The listeners of a program: the options of its gRPC and HTTP servers that follow from its
 * command line, the log lines about where they listen, and about their certificates. For the
 * main thread. */
#ifndef SP_DAEMON_LISTENERS_H
#define SP_DAEMON_LISTENERS_H

#include "daemon/callers.h"
#include "daemon/options.h"
#include "http/server.h"
#include "rpc/server.h"

/* Server options for sp_rpc_server_open, with addresses, TLS, the callers' user ids and
 * connections filled in. They borrow from all three arguments; `uids` is storage. The program
 * sets what is its own. */
struct sp_rpc_server_options sp_listeners_rpc_options(const struct sp_daemon_options *options,
                                                      const struct sp_callers *callers,
                                                      uint32_t uids[static SP_CALLERS_MAX_UIDS]);
/* The same for sp_http_open. `listen`: which of the options' addresses. */
struct sp_http_options sp_listeners_http_options(const struct sp_daemon_options *options,
                                                 const struct sp_option_texts *listen);

/* Whom the program's listeners and its --callers file let do what, for sp_callers_open. */
struct sp_callers_options sp_listeners_callers_options(const struct sp_daemon_options *options);

/* Opens an HTTP server, starts it and logs its addresses as those of `what`. *ret_server is set
 * before its thread starts, and is for the caller to close, also after a failure. As
 * sp_http_open. */
enum sp_status sp_listeners_open_http(const struct sp_http_options *options, const char *what,
                                      const struct sp_http_route *routes, size_t route_count,
                                      struct sp_http_server **ret_server, struct sp_error *error) SP_MUST_USE;
/* Closes a program's HTTP servers, the one for metrics first: its page shows the other's
 * connections. Requests under way have a second to be answered. Each may be NULL, and is
 * afterwards. */
void sp_listeners_close_http(struct sp_http_server **http, struct sp_http_server **metrics_http);

/* Logs the addresses of a gRPC server that has started, and warns if they are plaintext.
 * `open_to_all`: what anyone who reaches a plaintext listener is allowed, as the end of a sentence;
 * NULL: nothing without a key. */
void sp_listeners_log_rpc(const struct sp_daemon_options *options, const struct sp_rpc_server *server,
                          const char *open_to_all);

/* Whether a gRPC listener accepts TCP without TLS, those for health apart. */
bool sp_listeners_are_plaintext(const struct sp_daemon_options *options);
/* Whether a gRPC listener accepts TCP with TLS but verifies no client certificates. */
bool sp_listeners_prove_nothing(const struct sp_daemon_options *options);

#endif
