#include "server/config.h"

#include <unistd.h>

#include "base/text.h"
#include "config/settings.h"
#include "core/key_like.h"
#include "daemon/listeners.h"

static const struct sp_daemon_defaults daemon_defaults = {
    .environment = "SALLYPORTD",
    .listen = "127.0.0.1:7400",
    .http_listen = "127.0.0.1:7402",
    .max_connections = "10000",
    .http_listen_help = "HTTP address for AuthZEN, forward-auth, /healthz and /readyz, as --listen; \"none\": no HTTP",
    .callers_help = "YAML file of who may check, explain, list, name principals and read metrics; reloaded when it "
                    "changes (docs/tls.md)",
    .connection_age_help =
        "seconds after which gRPC clients are asked to reconnect, without losing calls, so that they spread over new "
        "servers, leave one that drains, and show their certificates again; 0: never",
    .stream_age_help =
        "seconds after which a CheckStream ends with UNAVAILABLE, so that its client reconnects; 0: never",
    .trusted_peers_help =
        "comma-separated addresses and CIDR ranges of gateways that may state the client's address, and of proxies in "
        "front of them whose headers below are trusted; \"uds\": Unix sockets; default: any gateway of ext_authz",
};

static struct sp_option make_store_row(struct sp_server_config *config) {
    return (struct sp_option){
        .name = "store",
        .kind = SP_OPTION_TEXT,
        .target = &config->store,
        .environment = "SALLYPORTD_STORE",
        .argument = "DIR",
        .help = "store directory; required; if it does not exist yet, the server waits for it",
    };
}

static size_t make_serving_rows(struct sp_server_config *config, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "workers",
         .kind = SP_OPTION_NUMBER,
         .target = &config->workers,
         .environment = "SALLYPORTD_WORKERS",
         .default_text = "0",
         .argument = "THREADS",
         .most = SP_SERVER_MAX_WORKERS,
         .help = "threads that answer calls; 0: one per CPU"},
        {.name = "bulk-workers",
         .kind = SP_OPTION_NUMBER,
         .target = &config->bulk_workers,
         .environment = "SALLYPORTD_BULK_WORKERS",
         .default_text = "0",
         .argument = "THREADS",
         .most = SP_SERVER_MAX_BULK_WORKERS,
         .help =
             "threads that answer large batches, explanations and lists, at lower priority; 0: as many as --workers"},
        sp_daemon_stuck_after_row(&config->daemon),
        {.name = "max-staleness",
         .kind = SP_OPTION_NUMBER,
         .target = &config->max_staleness_s,
         .environment = "SALLYPORTD_MAX_STALENESS",
         .default_text = "0",
         .argument = "SECONDS",
         .most = 31536000,
         .help = "deny with STALE if the store is this far behind the source it follows; 0: off"},
    };
    return sp_option_rows_copy(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t make_reporting_rows(struct sp_server_config *config, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "report-to",
         .kind = SP_OPTION_TEXT,
         .target = &config->report_to,
         .environment = "SALLYPORTD_REPORT_TO",
         .argument = "ADDRESS",
         .help = "gRPC address of the admin instance to report the last uses of keys to; default: do not report"},
        {.name = "report-tls-ca",
         .kind = SP_OPTION_TEXT,
         .target = &config->report_tls.ca,
         .environment = "SALLYPORTD_REPORT_TLS_CA",
         .argument = "FILE",
         .help = "CAs, PEM, for the certificate of --report-to; without it, reports are sent in plaintext"},
        {.name = "report-tls-cert",
         .kind = SP_OPTION_TEXT,
         .target = &config->report_tls.certificate,
         .environment = "SALLYPORTD_REPORT_TLS_CERT",
         .argument = "FILE",
         .help = "this server's certificate for reports, PEM"},
        {.name = "report-tls-key",
         .kind = SP_OPTION_TEXT,
         .target = &config->report_tls.key,
         .environment = "SALLYPORTD_REPORT_TLS_KEY",
         .argument = "FILE",
         .help = "its private key, PEM"},
        {.name = "report-tls-name",
         .kind = SP_OPTION_TEXT,
         .target = &config->report_tls.server_name,
         .environment = "SALLYPORTD_REPORT_TLS_NAME",
         .argument = "NAME",
         .help = "name that the certificate of --report-to must have, if not the host of its address"},
        {.name = "server-id",
         .kind = SP_OPTION_TEXT,
         .target = &config->server_id,
         .environment = "SALLYPORTD_SERVER_ID",
         .argument = "NAME",
         .help = "this server's name in reports, unique among running servers; default: HOST:PORT of the first "
                 "listener"},
        {.name = "report-interval",
         .kind = SP_OPTION_NUMBER,
         .target = &config->report_interval_s,
         .environment = "SALLYPORTD_REPORT_INTERVAL",
         .default_text = "30",
         .argument = "SECONDS",
         .least = 1,
         .most = 60,
         .help = "seconds between reports"},
        {.name = "report-keys",
         .kind = SP_OPTION_NUMBER,
         .target = &config->report_keys,
         .environment = "SALLYPORTD_REPORT_KEYS",
         .default_text = "262144",
         .argument = "COUNT",
         .least = 1024,
         .most = 16777216,
         .help = "maximum number of keys whose last use waits to be reported; each takes up to 120 bytes"},
    };
    return sp_option_rows_copy(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t make_ending_rows(struct sp_server_config *config, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "version", .kind = SP_OPTION_FLAG, .target = &config->version, .help = "print the version and exit"},
        {.name = "help", .kind = SP_OPTION_FLAG, .target = &config->help, .help = "print this help and exit"},
    };
    return sp_option_rows_copy(rows, sizeof(rows) / sizeof(*rows), table);
}

/* The table of every option; the config is emptied first, and is what the rows point to. */
static size_t make_server_rows(struct sp_server_config *config, struct sp_option table[static SP_OPTIONS_MAX]) {
    size_t count = 0;
    *config = (struct sp_server_config){0};
    sp_daemon_options_init(&config->daemon, &daemon_defaults);
    table[count++] = make_store_row(config);
    count += sp_daemon_listener_rows(&config->daemon, table + count);
    count += make_serving_rows(config, table + count);
    count += sp_daemon_stop_rows(&config->daemon, table + count);
    count += sp_daemon_bound_rows(&config->daemon, table + count);
    count += make_reporting_rows(config, table + count);
    sp_decision_log_option_rows(&config->decision_log, table + count);
    count += SP_DECISION_LOG_OPTION_ROWS;
    count += sp_daemon_log_rows(&config->daemon, table + count);
    count += sp_daemon_settings_rows(&config->daemon, table + count);
    count += make_ending_rows(config, table + count);
    count += sp_daemon_address_rows(&config->daemon, table + count);
    sp_gateway_option_rows(&config->gateway_options, table + count);
    count += SP_GATEWAY_OPTION_ROWS;
    sp_authzen_option_rows(&config->authzen, table + count);
    count += SP_AUTHZEN_OPTION_ROWS;
    return count;
}

static enum sp_status check_server_config(struct sp_server_config *config, struct sp_error *error) {
    if (config->store == NULL)
        return sp_error_set(error, SP_ERR_INVALID,
                            "--store is required: name the directory that `sallyport-sync init` created");
    if (config->server_id != NULL && sp_text_check_id(sp_str_from(config->server_id), "--server-id", error) != SP_OK)
        return SP_ERR_INVALID;
    struct sp_str part;
    if (config->server_id != NULL && sp_key_like_find(sp_str_from(config->server_id), &part))
        return sp_error_set(error, SP_ERR_INVALID,
                            "--server-id: looks like an API key: keys are secrets, and `sallyport server list` shows "
                            "this id; choose another");
    enum sp_status status = sp_daemon_options_check(&config->daemon, error);
    if (status != SP_OK)
        return status;
    if (sp_listeners_prove_nothing(&config->daemon) && config->daemon.callers == NULL)
        return sp_error_set(error, SP_ERR_INVALID,
                            "--tls-cert: TLS alone does not identify callers, so every call would be refused: add "
                            "--tls-client-ca, or grant roles to tokens in a --callers file");
    status = sp_decision_log_read_settings(&config->decision_log, &config->decision_log_settings, error);
    if (status != SP_OK)
        return status;
    status = sp_authzen_check_settings(&config->authzen, error);
    if (status != SP_OK)
        return status;
    return sp_gateway_settings_read(&config->gateway_options, &config->daemon.forwarded, &config->gateway, error);
}

enum sp_status sp_server_config_read(int argc, char **argv, struct sp_server_config *ret_config,
                                     struct sp_error *error) {
    static struct sp_settings settings; /* texts that the config borrows */
    struct sp_server_config config;
    struct sp_option table[SP_OPTIONS_MAX];
    int rest = argc;
    size_t count = make_server_rows(&config, table);
    enum sp_status status = sp_settings_read(table, count, argc, argv, &settings, &rest, error);
    if (status != SP_OK)
        return status;
    sp_variables_find_unknown(table, count, "SALLYPORTD_", NULL, environ, &config.unknown_variables);
    if (config.daemon.print_config)
        sp_options_print(table, count, settings.sources, stdout);
    if (config.version || config.help) {
        *ret_config = config;
        return SP_OK;
    }
    if (rest < argc)
        return sp_error_set(error, SP_ERR_INVALID, "unexpected argument \"%s\"; see --help", argv[rest]);
    status = check_server_config(&config, error);
    if (status != SP_OK)
        return status;
    *ret_config = config;
    return SP_OK;
}

void sp_server_config_help(FILE *out) {
    struct sp_server_config config;
    struct sp_option table[SP_OPTIONS_MAX];
    size_t count = make_server_rows(&config, table);
    (void)fputs("Usage: sallyportd --store DIR [OPTION]...\n\n"
                "Answers over gRPC whether an API key, from an address, may do something to a\n"
                "resource.\n\n",
                out);
    sp_options_help(table, count, out);
    (void)fputs("\nExamples:\n"
                "  sallyportd --store /var/lib/sallyport\n"
                "  sallyportd --store store --listen 127.0.0.1:7400 --listen unix:/run/s.sock\n\n"
                "SIGTERM and SIGINT end the server: after --quiet-ms, within --drain-ms. A second\n"
                "signal ends it at once.\n",
                out);
}
