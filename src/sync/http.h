/* The HTTP ports of sallyport-sync: one for the admin API by the Connect protocol, /healthz and
 * /readyz, one for /metrics. */
#ifndef SP_SYNC_HTTP_H
#define SP_SYNC_HTTP_H

#include "daemon/options.h"
#include "sync/service.h"

/* Opens sync->http and sync->metrics_http and starts them. Each stays NULL if the options name no
 * address for it. sp_sync_http_close is due before the service ends, also after a failure. As
 * sp_http_open. */
enum sp_status sp_sync_http_start(struct sp_sync *sync, const struct sp_daemon_options *options,
                                  struct sp_error *error) SP_MUST_USE;
void sp_sync_http_close(struct sp_sync *sync);

#endif
