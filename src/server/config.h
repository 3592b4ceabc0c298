/* The options of sallyportd: one table, most rows also environment variables. */
#ifndef SP_SERVER_CONFIG_H
#define SP_SERVER_CONFIG_H

#include "config/variables.h"
#include "daemon/options.h"
#include "rpc/client.h"
#include "server/authzen/settings.h"
#include "server/decision_log.h"
#include "server/gateway/settings.h"
#include "server/worker_slots.h"

struct sp_server_config {
    const char *store;
    struct sp_daemon_options daemon;
    uint64_t workers;         /* 0: one for each CPU */
    uint64_t bulk_workers;    /* 0: as many */
    uint64_t max_staleness_s; /* 0: off */
    const char *report_to;    /* NULL: last uses are not collected */
    const char *server_id;    /* NULL: made from the host and the first listener */
    struct sp_rpc_client_tls report_tls;
    uint64_t report_interval_s;
    uint64_t report_keys;
    struct sp_gateway_options gateway_options;
    struct sp_gateway_settings gateway; /* read from those */
    struct sp_authzen_settings authzen;
    struct sp_decision_log_options decision_log;
    struct sp_decision_log_settings decision_log_settings; /* read from those */
    struct sp_unknown_variables unknown_variables;
    bool version;
    bool help;
};

/* Reads the settings file, the environment and the arguments. With --print-config, prints every
 * setting: nothing is to be served then. SP_ERR_INVALID names the option. */
enum sp_status sp_server_config_read(int argc, char **argv, struct sp_server_config *ret_config,
                                     struct sp_error *error) SP_MUST_USE;

void sp_server_config_help(FILE *out);

#endif
