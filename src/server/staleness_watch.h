/* Checks once a second whether the store is fresh enough to be served (`--max-staleness`), for
 * the health service and the log. Decisions do not depend on it: each judges its own snapshot. */
#ifndef SP_SERVER_STALENESS_WATCH_H
#define SP_SERVER_STALENESS_WATCH_H

#include "rpc/server.h"
#include "server/service.h"

/* Serves until a signal comes: SERVING and ready, and NOT_SERVING while the store is too old. On
 * the main thread. */
void sp_server_serve_while_fresh(struct sp_service *service, struct sp_rpc_server *server);

#endif
