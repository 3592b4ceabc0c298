/* Starts and stops the reporting of last uses, as the configuration asks for it. */
#ifndef SP_SERVER_REPORTING_H
#define SP_SERVER_REPORTING_H

#include "server/service.h"

/* Sets service->recorder.usage if the configuration names an address to report to. After the server
 * listens, before it answers calls. SP_ERR_INVALID, SP_ERR_MEMORY, SP_ERR_IO. */
enum sp_status sp_reporting_start(struct sp_service *service, const struct sp_rpc_server *server,
                                  struct sp_error *error) SP_MUST_USE;

/* After the last answer: reports what is left, for at most 3 s. */
void sp_reporting_stop(struct sp_service *service);

#endif
