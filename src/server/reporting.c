#include "server/reporting.h"

#include "base/log.h"
#include "rpc/server.h"
#include "server/server_id.h"

enum { LAST_REPORT_MS = 3000 };

enum sp_status sp_reporting_start(struct sp_service *service, const struct sp_rpc_server *server,
                                  struct sp_error *error) {
    const struct sp_server_config *config = service->config;
    if (config->report_to == NULL)
        return SP_OK;
    if (config->server_id == NULL)
        sp_server_make_id(config->daemon.listen.values[0], sp_rpc_server_port(server, 0), service->server_id);
    /* Each worker and each bulk thread has a lane, and the last two are those of Connect's and the
     * HTTP thread. */
    const struct sp_usage_reporter_options options = {
        .target = config->report_to,
        .tls = config->report_tls,
        .server = config->server_id != NULL ? config->server_id : service->server_id,
        .lanes = sp_rpc_server_workers(server) + SP_SERVER_MAX_BULK_WORKERS + 2,
        .interval_ms = (unsigned)config->report_interval_s * 1000,
        .max_keys = (uint32_t)config->report_keys,
    };
    enum sp_status status = sp_usage_reporter_start(&options, &service->recorder.usage, error);
    if (status != SP_OK)
        return status;
    sp_log(SP_LOG_INFO, "reporting the last uses of keys to %s as server %s", options.target, options.server);
    return SP_OK;
}

void sp_reporting_stop(struct sp_service *service) {
    sp_usage_reporter_stop(service->recorder.usage, LAST_REPORT_MS);
    service->recorder.usage = NULL;
}
