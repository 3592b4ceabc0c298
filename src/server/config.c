#include "server/config.h"

#include "config/settings.h"

#include "base/text.h"

static size_t copy_rows(const struct sp_option *rows, size_t count, struct sp_option *table) {
    for (size_t i = 0; i < count; i++)
        table[i] = rows[i];
    return count;
}

static size_t listening_rows(struct sp_server_config *config, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "store",
         .kind = SP_OPTION_TEXT,
         .target = &config->store,
         .environment = "SALLYPORTD_STORE",
         .argument = "DIR",
         .help = "folder of the store; required; waited for until it is there"},
        {.name = "listen",
         .kind = SP_OPTION_TEXTS,
         .target = &config->listen,
         .environment = "SALLYPORTD_LISTEN",
         .default_text = "127.0.0.1:7400",
         .argument = "ADDRESS",
         .help = "gRPC address: host:port (port 0: any free one) or unix:/path"},
        {.name = "http-listen",
         .kind = SP_OPTION_TEXTS,
         .target = &config->http_listen,
         .environment = "SALLYPORTD_HTTP_LISTEN",
         .default_text = "127.0.0.1:7402",
         .argument = "ADDRESS",
         .help = "HTTP address for AuthZEN, /metrics, /healthz and /readyz, as --listen; \"none\": no HTTP"},
        {.name = "insecure",
         .kind = SP_OPTION_FLAG,
         .target = &config->insecure,
         .environment = "SALLYPORTD_INSECURE",
         .help = "allow plaintext on addresses other than loopback"},
        {.name = "tls-cert",
         .kind = SP_OPTION_TEXT,
         .target = &config->tls.certificate,
         .environment = "SALLYPORTD_TLS_CERT",
         .argument = "FILE",
         .help = "certificate with its intermediates, PEM: TCP listeners speak TLS; taken over anew when it changes"},
        {.name = "tls-key",
         .kind = SP_OPTION_TEXT,
         .target = &config->tls.key,
         .environment = "SALLYPORTD_TLS_KEY",
         .argument = "FILE",
         .help = "the certificate's private key, PEM"},
        {.name = "tls-client-ca",
         .kind = SP_OPTION_TEXT,
         .target = &config->tls.ca,
         .environment = "SALLYPORTD_TLS_CLIENT_CA",
         .argument = "FILE",
         .help = "CAs, PEM, of which every client must show a certificate (mutual TLS)"},
        {.name = "callers",
         .kind = SP_OPTION_TEXT,
         .target = &config->callers,
         .environment = "SALLYPORTD_CALLERS",
         .argument = "FILE",
         .help = "YAML file of who may check, explain and list; read anew when it changes (docs/tls.md)"},
        {.name = "health-listen",
         .kind = SP_OPTION_TEXTS,
         .target = &config->health_listen,
         .environment = "SALLYPORTD_HEALTH_LISTEN",
         .argument = "ADDRESS",
         .help = "plaintext gRPC address where only grpc.health.v1 answers, for probes; any address, host:port"},
    };
    return copy_rows(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t serving_rows(struct sp_server_config *config, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "workers",
         .kind = SP_OPTION_NUMBER,
         .target = &config->workers,
         .environment = "SALLYPORTD_WORKERS",
         .default_text = "0",
         .argument = "THREADS",
         .most = SP_SERVER_MAX_WORKERS,
         .help = "threads that answer; 0: one for each CPU"},
        {.name = "max-connections",
         .kind = SP_OPTION_NUMBER,
         .target = &config->max_connections,
         .environment = "SALLYPORTD_MAX_CONNECTIONS",
         .default_text = "10000",
         .argument = "COUNT",
         .least = 1,
         .most = 1000000,
         .help = "open connections; more wait in the backlog"},
        {.name = "max-connection-age",
         .kind = SP_OPTION_NUMBER,
         .target = &config->max_connection_age_s,
         .environment = "SALLYPORTD_MAX_CONNECTION_AGE",
         .default_text = "0",
         .argument = "SECONDS",
         .most = 86400,
         .help =
             "seconds after which a gRPC connection is told to begin anew, without losing a call: to spread over new "
             "servers, and to leave one that drains; 0: never"},
        {.name = "drain-ms",
         .kind = SP_OPTION_NUMBER,
         .target = &config->drain_ms,
         .environment = "SALLYPORTD_DRAIN_MS",
         .default_text = "5000",
         .argument = "MS",
         .most = 600000,
         .help = "milliseconds that calls under way get after SIGTERM"},
        {.name = "max-staleness",
         .kind = SP_OPTION_NUMBER,
         .target = &config->max_staleness_s,
         .environment = "SALLYPORTD_MAX_STALENESS",
         .default_text = "0",
         .argument = "SECONDS",
         .most = 31536000,
         .help = "deny with STALE when a store that follows another source is older; 0: off"},
    };
    return copy_rows(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t reporting_rows(struct sp_server_config *config, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "report-to",
         .kind = SP_OPTION_TEXT,
         .target = &config->report_to,
         .environment = "SALLYPORTD_REPORT_TO",
         .argument = "ADDRESS",
         .help = "gRPC address of the admin instance, which is told when each key was last used; default: nobody is"},
        {.name = "report-tls-ca",
         .kind = SP_OPTION_TEXT,
         .target = &config->report_tls.ca,
         .environment = "SALLYPORTD_REPORT_TLS_CA",
         .argument = "FILE",
         .help = "CAs, PEM, that sign the certificate of --report-to; without it reports go in plaintext"},
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
         .help = "what the certificate of --report-to must be for, where it is not the address's host"},
        {.name = "server-id",
         .kind = SP_OPTION_TEXT,
         .target = &config->server_id,
         .environment = "SALLYPORTD_SERVER_ID",
         .argument = "NAME",
         .help = "this server's name in reports, which no other running server has; default: HOST:PORT of the first "
                 "listener"},
        {.name = "report-interval",
         .kind = SP_OPTION_NUMBER,
         .target = &config->report_interval_s,
         .environment = "SALLYPORTD_REPORT_INTERVAL",
         .default_text = "30",
         .argument = "SECONDS",
         .least = 1,
         .most = 60,
         .help = "seconds between two reports"},
        {.name = "report-keys",
         .kind = SP_OPTION_NUMBER,
         .target = &config->report_keys,
         .environment = "SALLYPORTD_REPORT_KEYS",
         .default_text = "262144",
         .argument = "COUNT",
         .least = 1024,
         .most = 16777216,
         .help = "keys whose last use is held until it is reported; each takes up to 120 bytes"},
    };
    return copy_rows(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t logging_rows(struct sp_server_config *config, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "decision-log",
         .kind = SP_OPTION_TEXT,
         .target = &config->decision_log,
         .environment = "SALLYPORTD_DECISION_LOG",
         .default_text = "none",
         .argument = "FILE",
         .help = "file that decisions are logged to, \"-\" for stdout, or \"none\"; opened anew on SIGHUP"},
        {.name = "decision-log-what",
         .kind = SP_OPTION_TEXT,
         .target = &config->decision_log_what,
         .environment = "SALLYPORTD_DECISION_LOG_WHAT",
         .default_text = "denials",
         .argument = "WHAT",
         .help = "all, denials, or sample:N for one decision in N"},
        {.name = "log-format",
         .kind = SP_OPTION_TEXT,
         .target = &config->log_format_name,
         .environment = "SALLYPORTD_LOG_FORMAT",
         .default_text = "auto",
         .argument = "FORMAT",
         .help = "json, text, or auto: text where stderr is a terminal"},
        {.name = "log-level",
         .kind = SP_OPTION_TEXT,
         .target = &config->log_level_name,
         .environment = "SALLYPORTD_LOG_LEVEL",
         .default_text = "info",
         .argument = "LEVEL",
         .help = "debug, info, warning or error"},
        {.name = "allow-core",
         .kind = SP_OPTION_FLAG,
         .target = &config->allow_core,
         .environment = "SALLYPORTD_ALLOW_CORE",
         .help = "allow core dumps and debuggers: both show the keys of calls under way"},
        {.name = "config",
         .kind = SP_OPTION_TEXT,
         .target = &config->config_file,
         .environment = "SALLYPORTD_CONFIG",
         .argument = "FILE",
         .help = "YAML file of these options by name; the environment and arguments go before it"},
        {.name = "print-config",
         .kind = SP_OPTION_FLAG,
         .target = &config->print_config,
         .help = "print every setting, its value and where that comes from, and exit"},
        {.name = "version", .kind = SP_OPTION_FLAG, .target = &config->version, .help = "print the version and exit"},
        {.name = "help", .kind = SP_OPTION_FLAG, .target = &config->help, .help = "print this and exit"},
    };
    return copy_rows(rows, sizeof(rows) / sizeof(*rows), table);
}

/* `config` may be all zero for --help: the targets are only pointed to. */
static size_t fill_table(struct sp_server_config *config, struct sp_option *table) {
    size_t count = 0;
    count += listening_rows(config, table + count);
    count += serving_rows(config, table + count);
    count += reporting_rows(config, table + count);
    count += logging_rows(config, table + count);
    sp_ext_authz_option_rows(&config->ext_authz_options, table + count);
    count += SP_EXT_AUTHZ_OPTION_ROWS;
    sp_authzen_option_rows(&config->authzen, table + count);
    count += SP_AUTHZEN_OPTION_ROWS;
    return count;
}

enum { TABLE_ROWS = SP_OPTIONS_MAX };

static enum sp_status check(struct sp_server_config *config, int rest, int argc, char **argv, struct sp_error *error) {
    if (config->version || config->help)
        return SP_OK;
    if (rest < argc)
        return sp_error_set(error, SP_ERR_INVALID, "\"%s\" is no option: see --help", argv[rest]);
    if (config->store == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--store is required: the folder that `sallyport-sync init` made");
    if (config->server_id != NULL && sp_text_check_id(sp_str_from(config->server_id), "--server-id", error) != SP_OK)
        return SP_ERR_INVALID;
    if (sp_log_level_parse(config->log_level_name, &config->log_level) != SP_OK)
        return sp_error_set(error, SP_ERR_INVALID, "--log-level: \"%s\" is none of debug, info, warning and error",
                            config->log_level_name);
    if (sp_log_format_parse(config->log_format_name, &config->log_format) != SP_OK)
        return sp_error_set(error, SP_ERR_INVALID, "--log-format: \"%s\" is none of json, text and auto",
                            config->log_format_name);
    if (sp_decision_log_read_settings(config->decision_log, config->decision_log_what, &config->decision_log_settings,
                                      error) != SP_OK)
        return SP_ERR_INVALID;
    enum sp_status status = sp_authzen_check_settings(&config->authzen, error);
    if (status == SP_OK)
        status = sp_ext_authz_settings_read(&config->ext_authz_options, &config->ext_authz, error);
    return status;
}

enum sp_status sp_server_config_read(int argc, char **argv, struct sp_server_config *ret_config,
                                     struct sp_error *error) {
    struct sp_server_config config = {0};
    struct sp_option table[TABLE_ROWS];
    int rest = argc;
    size_t count = fill_table(&config, table);
    static struct sp_settings settings; /* for as long as the process */
    enum sp_status status = sp_settings_read(table, count, argc, argv, &settings, &rest, error);
    if (status == SP_OK && config.print_config)
        sp_options_print(table, count, settings.sources, stdout);
    if (status == SP_OK)
        status = check(&config, rest, argc, argv, error);
    sp_option_texts_none(&config.http_listen);
    if (status == SP_OK)
        *ret_config = config;
    return status;
}

void sp_server_config_help(FILE *out) {
    struct sp_server_config config = {0};
    struct sp_option table[TABLE_ROWS];
    size_t count = fill_table(&config, table);
    (void)fputs("Usage: sallyportd --store DIR [OPTION]...\n\n"
                "Answers over gRPC whether an API key, from an address, may do something to a resource.\n\n",
                out);
    sp_options_help(table, count, out);
    (void)fputs("\nExamples:\n"
                "  sallyportd --store /var/lib/sallyport\n"
                "  sallyportd --store store --listen 127.0.0.1:7400 --listen unix:/run/sallyport.sock\n\n"
                "SIGTERM and SIGINT drain and end it; a second one ends it at once.\n",
                out);
}
