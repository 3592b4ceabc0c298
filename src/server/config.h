/* What sallyportd can be told: one table of options, each also an environment variable. */
#ifndef SP_SERVER_CONFIG_H
#define SP_SERVER_CONFIG_H

#include "base/log.h"
#include "config/options.h"
#include "rpc/client.h"
#include "server/authzen/settings.h"
#include "server/decision_log.h"
#include "server/ext_authz/settings.h"
#include "server/worker_slots.h"
#include "tls/files.h"

struct sp_server_config {
    const char *store;
    struct sp_option_texts listen;
    struct sp_option_texts http_listen; /* none: count 0 */
    bool insecure;
    struct sp_tls_files tls;              /* none: plaintext */
    struct sp_option_texts health_listen; /* none: count 0 */
    const char *callers;                  /* file of roles; NULL: none */
    uint64_t workers;                     /* 0: one for each CPU */
    uint64_t max_connections;
    uint64_t drain_ms;
    uint64_t max_connection_age_s;
    uint64_t max_staleness_s; /* 0: off */
    const char *report_to;    /* NULL: last uses are not gathered */
    const char *server_id;    /* NULL: by host and first listener */
    struct sp_rpc_client_tls report_tls;
    uint64_t report_interval_s;
    uint64_t report_keys;
    struct sp_ext_authz_options ext_authz_options;
    struct sp_ext_authz_settings ext_authz; /* what they say */
    struct sp_authzen_settings authzen;
    const char *decision_log;
    const char *decision_log_what;
    struct sp_decision_log_settings decision_log_settings; /* what the two say */
    const char *log_format_name;
    enum sp_log_format log_format;
    const char *log_level_name;
    enum sp_log_level log_level;
    bool allow_core;
    const char *config_file; /* read already */
    bool print_config;       /* done already: nothing is to be served */
    bool version;
    bool help;
};

/* Reads environment and arguments. SP_ERR_INVALID names the option. */
enum sp_status sp_server_config_read(int argc, char **argv, struct sp_server_config *ret_config,
                                     struct sp_error *error) SP_MUST_USE;

void sp_server_config_help(FILE *out);

#endif
