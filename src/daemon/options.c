#include "daemon/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void sp_daemon_options_init(struct sp_daemon_options *options, const struct sp_daemon_defaults *defaults) {
    *options = (struct sp_daemon_options){.defaults = defaults};
}

size_t sp_option_rows_copy(const struct sp_option *rows, size_t count, struct sp_option *ret_rows) {
    for (size_t i = 0; i < count; i++)
        ret_rows[i] = rows[i];
    return count;
}

/* The variable of an option: SALLYPORTD_TLS_CERT for tls-cert. */
static const char *name_variable(struct sp_daemon_options *options, const char *name) {
    char *variable = options->variables[options->variable_count++];
    (void)snprintf(variable, SP_DAEMON_VARIABLE_BYTES, "%s_%s", options->defaults->environment, name);
    for (char *at = variable; *at != '\0'; at++)
        *at = (char)(*at == '-' ? '_' : toupper((unsigned char)*at));
    return variable;
}

static size_t put_address_rows(struct sp_daemon_options *options, struct sp_option *ret_rows) {
    const struct sp_option rows[] = {
        {.name = "listen",
         .kind = SP_OPTION_TEXTS,
         .target = &options->listen,
         .environment = name_variable(options, "listen"),
         .default_text = options->defaults->listen,
         .argument = "ADDRESS",
         .help = "gRPC address: host:port (port 0: any free one) or unix:/path"},
        {.name = "http-listen",
         .kind = SP_OPTION_TEXTS,
         .target = &options->http_listen,
         .environment = name_variable(options, "http-listen"),
         .default_text = options->defaults->http_listen,
         .argument = "ADDRESS",
         .help = options->defaults->http_listen_help},
        {.name = "metrics-listen",
         .kind = SP_OPTION_TEXTS,
         .target = &options->metrics_listen,
         .environment = name_variable(options, "metrics-listen"),
         .argument = "ADDRESS",
         .help = "HTTP address for /metrics, as --listen; callers need the role metrics; default: no metrics"},
        {.name = "http-host",
         .kind = SP_OPTION_TEXTS,
         .target = &options->http_hosts,
         .environment = name_variable(options, "http-host"),
         .argument = "NAME",
         .help = "extra host name to accept in Host headers on a plaintext loopback HTTP port, such as that of a proxy "
                 "on this machine; loopback names are always accepted"},
        {.name = "insecure",
         .kind = SP_OPTION_FLAG,
         .target = &options->insecure,
         .environment = name_variable(options, "insecure"),
         .help = "allow plaintext on addresses other than loopback"},
    };
    return sp_option_rows_copy(rows, sizeof(rows) / sizeof(*rows), ret_rows);
}

static size_t put_tls_rows(struct sp_daemon_options *options, struct sp_option *ret_rows) {
    const struct sp_option rows[] = {
        {.name = "tls-cert",
         .kind = SP_OPTION_TEXT,
         .target = &options->tls.certificate,
         .environment = name_variable(options, "tls-cert"),
         .argument = "FILE",
         .help = "certificate and its intermediates, PEM; makes TCP listeners use TLS; reloaded when it changes"},
        {.name = "tls-key",
         .kind = SP_OPTION_TEXT,
         .target = &options->tls.key,
         .environment = name_variable(options, "tls-key"),
         .argument = "FILE",
         .help = "the certificate's private key, PEM"},
        {.name = "tls-client-ca",
         .kind = SP_OPTION_TEXT,
         .target = &options->tls.ca,
         .environment = name_variable(options, "tls-client-ca"),
         .argument = "FILE",
         .help = "CAs, PEM; clients must present a certificate that one of them signed (mutual TLS)"},
        {.name = "tls-client-crl",
         .kind = SP_OPTION_TEXT,
         .target = &options->tls.crl,
         .environment = name_variable(options, "tls-client-crl"),
         .argument = "FILE",
         .help =
             "certificate revocation lists of those CAs, PEM; clients with a revoked certificate are refused; reloaded "
             "when it changes"},
    };
    return sp_option_rows_copy(rows, sizeof(rows) / sizeof(*rows), ret_rows);
}

size_t sp_daemon_listener_rows(struct sp_daemon_options *options,
                               struct sp_option ret_rows[static SP_DAEMON_LISTENER_ROWS]) {
    const struct sp_option rows[] = {
        {.name = "callers",
         .kind = SP_OPTION_TEXT,
         .target = &options->callers,
         .environment = name_variable(options, "callers"),
         .argument = "FILE",
         .help = options->defaults->callers_help},
        {.name = "health-listen",
         .kind = SP_OPTION_TEXTS,
         .target = &options->health_listen,
         .environment = name_variable(options, "health-listen"),
         .argument = "ADDRESS",
         .help = "plaintext gRPC address for probes, host:port on any interface; answers only grpc.health.v1"},
        {.name = "engine",
         .kind = SP_OPTION_TEXT,
         .target = &options->engine_name,
         .environment = name_variable(options, "engine"),
         .default_text = "grpc",
         .argument = "NAME",
         .help = "gRPC implementation for --listen: grpc (the gRPC C core) or h2 (nghttp2)"},
    };
    size_t count = put_address_rows(options, ret_rows);
    count += put_tls_rows(options, ret_rows + count);
    return count + sp_option_rows_copy(rows, sizeof(rows) / sizeof(*rows), ret_rows + count);
}

size_t sp_daemon_address_rows(struct sp_daemon_options *options,
                              struct sp_option ret_rows[static SP_DAEMON_ADDRESS_ROWS]) {
    struct sp_forwarded_settings *settings = &options->forwarded;
    const struct sp_option rows[SP_DAEMON_ADDRESS_ROWS] = {
        {.name = "trusted-peers",
         .kind = SP_OPTION_TEXT,
         .target = &settings->peers,
         .environment = name_variable(options, "trusted-peers"),
         .argument = "RANGES",
         .help = options->defaults->trusted_peers_help},
        {.name = "trusted-proxies",
         .kind = SP_OPTION_TEXT,
         .target = &settings->proxies,
         .environment = name_variable(options, "trusted-proxies"),
         .argument = "RANGES",
         .help = "comma-separated addresses and CIDR ranges of proxies whose x-forwarded-for is trusted to hold the "
                 "client's address"},
        {.name = "trusted-hops",
         .kind = SP_OPTION_NUMBER,
         .target = &settings->hops,
         .environment = name_variable(options, "trusted-hops"),
         .default_text = "0",
         .argument = "COUNT",
         .most = SP_FORWARDED_MAX_HOPS,
         .help = "instead of --trusted-proxies: number of entries that trusted proxies append to x-forwarded-for; "
                 "needs --trusted-peers; 0: ignore the header"},
        {.name = "address-header",
         .kind = SP_OPTION_TEXT,
         .target = &settings->header,
         .environment = name_variable(options, "address-header"),
         .argument = "NAME",
         .help = "instead of both: header that holds the client's address, such as cf-connecting-ip; needs "
                 "--trusted-peers"},
    };
    return sp_option_rows_copy(rows, SP_DAEMON_ADDRESS_ROWS, ret_rows);
}

/* A count of connections or streams. */
static struct sp_option make_count_row(struct sp_daemon_options *options, const char *name, uint64_t *target,
                                       const char *default_text, uint64_t least, const char *help) {
    return (struct sp_option){
        .name = name,
        .kind = SP_OPTION_NUMBER,
        .target = target,
        .environment = name_variable(options, name),
        .default_text = default_text,
        .argument = "COUNT",
        .least = least,
        .most = 1000000,
        .help = help,
    };
}

size_t sp_daemon_bound_rows(struct sp_daemon_options *options, struct sp_option ret_rows[static SP_DAEMON_BOUND_ROWS]) {
    const struct sp_option rows[SP_DAEMON_BOUND_ROWS] = {
        make_count_row(options, "max-connections", &options->max_connections, options->defaults->max_connections, 1,
                       "maximum connections to each --listen address; at the limit, the longest-idle one is closed, or "
                       "new ones wait in the backlog if none is idle"),
        make_count_row(options, "max-connections-per-peer", &options->max_connections_per_peer, "0", 0,
                       "maximum of these from one client address, or one user of a Unix socket; further ones are "
                       "closed; 0: half of the limit"),
        make_count_row(
            options, "max-health-connections", &options->max_health_connections, "256", 1,
            "maximum connections to each --health-listen address; at the limit, a new one replaces the oldest"),
        make_count_row(options, "max-http-connections", &options->max_http_connections, "256", 2,
                       "maximum connections to all --http-listen addresses together, at most half of them from one "
                       "client address; at the limit, a new one replaces the oldest incomplete or idle one"),
        make_count_row(options, "max-streams", &options->max_streams, "100", 1,
                       "maximum gRPC calls in progress on one connection"),
        {.name = "request-timeout",
         .kind = SP_OPTION_NUMBER,
         .target = &options->request_timeout_s,
         .environment = name_variable(options, "request-timeout"),
         .default_text = "10",
         .argument = "SECONDS",
         .least = 1,
         .most = 3600,
         .help = "seconds within which a gRPC request must arrive, from its first byte to its last"},
        {.name = "request-memory",
         .kind = SP_OPTION_SIZE,
         .target = &options->request_memory_bytes,
         .environment = name_variable(options, "request-memory"),
         .default_text = "32M",
         .argument = "BYTES",
         .least = (uint64_t)8 << 20,
         .most = (uint64_t)1 << 40,
         .help = "memory for gRPC requests in progress on all connections; beyond it, large requests are refused with "
                 "RESOURCE_EXHAUSTED, and the connections that hold the most are closed"},
        {.name = "answer-timeout",
         .kind = SP_OPTION_NUMBER,
         .target = &options->answer_timeout_s,
         .environment = name_variable(options, "answer-timeout"),
         .default_text = "30",
         .argument = "SECONDS",
         .least = 1,
         .most = 3600,
         .help = "seconds a client may accept nothing of an answer before its connection is closed or, with --engine "
                 "h2, its call is ended"},
        {.name = "max-metadata",
         .kind = SP_OPTION_SIZE,
         .target = &options->max_metadata_bytes,
         .environment = name_variable(options, "max-metadata"),
         .default_text = "64K",
         .argument = "BYTES",
         .least = (uint64_t)8 << 10,
         .most = (uint64_t)1 << 20,
         .help = "with --engine h2: maximum metadata of one call, counting 32 bytes more for each field; a call with "
                 "more is refused with RESOURCE_EXHAUSTED"},
        make_count_row(options, "max-resets", &options->max_resets, "1000", 1,
                       "with --engine h2: maximum calls that a client may cancel in one second on one connection; a "
                       "connection that exceeds it is closed"),
        make_count_row(options, "max-control-frames", &options->max_control_frames, "20000", 100,
                       "with --engine h2: maximum HTTP/2 frames other than HEADERS and DATA in one second on one "
                       "connection; a connection that exceeds it is closed"),
        make_count_row(options, "max-empty-frames", &options->max_empty_frames, "1000", 1,
                       "with --engine h2: the same for DATA frames without content"),
    };
    return sp_option_rows_copy(rows, SP_DAEMON_BOUND_ROWS, ret_rows);
}

size_t sp_daemon_stop_rows(struct sp_daemon_options *options, struct sp_option ret_rows[static SP_DAEMON_STOP_ROWS]) {
    const struct sp_option rows[SP_DAEMON_STOP_ROWS] = {
        {.name = "max-connection-age",
         .kind = SP_OPTION_NUMBER,
         .target = &options->max_connection_age_s,
         .environment = name_variable(options, "max-connection-age"),
         .default_text = "0",
         .argument = "SECONDS",
         .most = 86400,
         .help = options->defaults->connection_age_help},
        {.name = "max-stream-age",
         .kind = SP_OPTION_NUMBER,
         .target = &options->max_stream_age_s,
         .environment = name_variable(options, "max-stream-age"),
         .default_text = "600",
         .argument = "SECONDS",
         .most = 86400,
         .help = options->defaults->stream_age_help},
        {.name = "quiet-ms",
         .kind = SP_OPTION_NUMBER,
         .target = &options->quiet_ms,
         .environment = name_variable(options, "quiet-ms"),
         .default_text = "0",
         .argument = "MS",
         .most = 600000,
         .help = "milliseconds after SIGTERM during which health checks report NOT_SERVING while requests are still "
                 "answered; give clients and load balancers time to notice and leave"},
        {.name = "drain-ms",
         .kind = SP_OPTION_NUMBER,
         .target = &options->drain_ms,
         .environment = name_variable(options, "drain-ms"),
         .default_text = "5000",
         .argument = "MS",
         .most = 600000,
         .help = "milliseconds after --quiet-ms that connections and calls in progress have to finish"},
    };
    return sp_option_rows_copy(rows, SP_DAEMON_STOP_ROWS, ret_rows);
}

struct sp_option sp_daemon_stuck_after_row(struct sp_daemon_options *options) {
    return (struct sp_option){
        .name = "stuck-after",
        .kind = SP_OPTION_NUMBER,
        .target = &options->stuck_after_s,
        .environment = name_variable(options, "stuck-after"),
        .default_text = "30",
        .argument = "SECONDS",
        .least = 1,
        .most = 3600,
        .help = "seconds that a thread may be stuck before liveness probes fail",
    };
}

struct sp_option sp_daemon_event_log_row(const char **target, const char *variable) {
    return (struct sp_option){
        .name = "event-log",
        .kind = SP_OPTION_TEXT,
        .target = target,
        .environment = variable,
        .default_text = "none",
        .argument = "FILE",
        .help = "file for security events as JSON lines (OCSF), \"-\" for stdout, or \"none\"",
    };
}

const char *sp_daemon_event_log_path(const char *value) {
    return value == NULL || strcmp(value, "none") == 0 ? NULL : value;
}

size_t sp_daemon_log_rows(struct sp_daemon_options *options, struct sp_option ret_rows[static SP_DAEMON_LOG_ROWS]) {
    const struct sp_option rows[SP_DAEMON_LOG_ROWS] = {
        {.name = "log-format",
         .kind = SP_OPTION_TEXT,
         .target = &options->log_format_name,
         .environment = name_variable(options, "log-format"),
         .default_text = "auto",
         .argument = "FORMAT",
         .help = "json, text, or auto: text if stderr is a terminal"},
        {.name = "log-level",
         .kind = SP_OPTION_TEXT,
         .target = &options->log_level_name,
         .environment = name_variable(options, "log-level"),
         .default_text = "info",
         .argument = "LEVEL",
         .help = "debug, info, warning or error"},
        sp_daemon_event_log_row(&options->event_log, name_variable(options, "event-log")),
        {.name = "allow-core",
         .kind = SP_OPTION_FLAG,
         .target = &options->allow_core,
         .environment = name_variable(options, "allow-core"),
         .help = "allow core dumps and debuggers; both reveal the keys of calls in progress"},
    };
    return sp_option_rows_copy(rows, SP_DAEMON_LOG_ROWS, ret_rows);
}

size_t sp_daemon_settings_rows(struct sp_daemon_options *options,
                               struct sp_option ret_rows[static SP_DAEMON_SETTINGS_ROWS]) {
    const struct sp_option rows[SP_DAEMON_SETTINGS_ROWS] = {
        {.name = "config",
         .kind = SP_OPTION_TEXT,
         .target = &options->config_file,
         .environment = name_variable(options, "config"),
         .argument = "FILE",
         .help = "YAML file that sets these options by name; the environment and arguments override it"},
        {.name = "print-config",
         .kind = SP_OPTION_FLAG,
         .target = &options->print_config,
         .help = "print every setting with its value and origin, and exit"},
    };
    return sp_option_rows_copy(rows, SP_DAEMON_SETTINGS_ROWS, ret_rows);
}

enum sp_status sp_daemon_options_check(struct sp_daemon_options *options, struct sp_error *error) {
    if (sp_log_level_parse(options->log_level_name, &options->log_level) != SP_OK)
        return sp_error_set(error, SP_ERR_INVALID, "--log-level: \"%s\" is not debug, info, warning or error",
                            options->log_level_name);
    if (sp_log_format_parse(options->log_format_name, &options->log_format) != SP_OK)
        return sp_error_set(error, SP_ERR_INVALID, "--log-format: \"%s\" is not json, text or auto",
                            options->log_format_name);
    options->serves_h2 = strcmp(options->engine_name, "h2") == 0;
    if (!options->serves_h2 && strcmp(options->engine_name, "grpc") != 0)
        return sp_error_set(error, SP_ERR_INVALID, "--engine: \"%s\" is not grpc or h2", options->engine_name);
    options->event_log = sp_daemon_event_log_path(options->event_log);
    sp_option_texts_none(&options->http_listen);
    sp_option_texts_none(&options->metrics_listen);
    return SP_OK;
}
