/* Checks once a second whether the store may be served, for the health service and the log: it is
 * fresh enough (`--max-staleness`), and its files are still those at its path. Freshness does not
 * depend on it: each decision judges its own snapshot. Warns of a `--route-default` that can never
 * allow. */
#ifndef SP_SERVER_STORE_WATCH_H
#define SP_SERVER_STORE_WATCH_H

#include "rpc/server.h"
#include "server/service.h"

/* Serves until a signal comes: SERVING and ready, and NOT_SERVING while the store is too old. On
 * the main thread. SP_ERR_UNAVAILABLE, NOT_SERVING and logged: the store's files were replaced, so
 * the process must end. */
enum sp_status sp_server_watch_store(struct sp_service *service, struct sp_rpc_server *server) SP_MUST_USE;

#endif
