/* The HTTP port of sallyport-sync: /metrics, /healthz, /readyz. */
#ifndef SP_SYNC_HTTP_H
#define SP_SYNC_HTTP_H

#include "daemon/options.h"
#include "sync/service.h"

/* Opens sync->http and starts it. It stays NULL if the options name no address; if not NULL,
 * close it before the service ends, also after a failure. As sp_http_open. */
enum sp_status sp_sync_http_start(struct sp_sync *sync, const struct sp_daemon_options *options,
                                  struct sp_error *error) SP_MUST_USE;

#endif
