/* Whether and how this server reports last uses: from its configuration, around its life. */
#ifndef SP_SERVER_REPORTING_H
#define SP_SERVER_REPORTING_H

#include "server/service.h"

/* Sets service->recorder.usage where the configuration says whom to report to. After the server listens, before anything is answered.
 * SP_ERR_INVALID, SP_ERR_MEMORY, SP_ERR_IO. */
enum sp_status sp_reporting_start(struct sp_service *service, const struct sp_rpc_server *server,
                                  struct sp_error *error) SP_MUST_USE;

/* After the last answer: reports what is left, for as long as calls got to drain. */
void sp_reporting_stop(struct sp_service *service);

#endif
