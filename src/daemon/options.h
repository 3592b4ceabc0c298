/* What both programs can be told, declared once: their listeners, TLS, callers, log and settings
 * file. Each program puts the rows into its own table (config/options.h), between rows of its
 * own. */
#ifndef SP_DAEMON_OPTIONS_H
#define SP_DAEMON_OPTIONS_H

#include "base/log.h"
#include "config/options.h"
#include "core/forwarded.h"
#include "tls/files.h"

enum {
    SP_DAEMON_LISTENER_ROWS = 12,
    SP_DAEMON_BOUND_ROWS = 12,
    SP_DAEMON_STOP_ROWS = 4,
    SP_DAEMON_LOG_ROWS = 4,
    SP_DAEMON_SETTINGS_ROWS = 2,
    SP_DAEMON_ADDRESS_ROWS = 4,
    SP_DAEMON_ROWS = SP_DAEMON_LISTENER_ROWS + SP_DAEMON_BOUND_ROWS + SP_DAEMON_STOP_ROWS + 1 + SP_DAEMON_LOG_ROWS +
                     SP_DAEMON_SETTINGS_ROWS + SP_DAEMON_ADDRESS_ROWS,
    SP_DAEMON_VARIABLE_BYTES = 40,
};

/* Where the programs differ. Texts that outlive the options. */
struct sp_daemon_defaults {
    const char *environment; /* "SALLYPORTD": what every environment variable begins with */
    const char *listen;      /* default addresses */
    const char *http_listen;
    const char *max_connections;
    const char *http_listen_help;
    const char *callers_help;
    const char *trusted_peers_help;
    const char *connection_age_help;
    const char *stream_age_help;
};

struct sp_daemon_options {
    struct sp_option_texts listen;
    struct sp_option_texts http_listen;    /* count 0: no HTTP */
    struct sp_option_texts metrics_listen; /* count 0: none */
    struct sp_option_texts health_listen;  /* count 0: none */
    struct sp_option_texts http_hosts;     /* names in Host headers, beside those of loopback */
    bool insecure;
    struct sp_tls_files tls;                            /* no certificate: plaintext */
    const char *callers;                                /* file of roles; NULL: none */
    struct sp_forwarded_settings forwarded;             /* for sp_forwarded_trust_read */
    uint64_t max_connections, max_connections_per_peer; /* of one listener; 0 for a peer: half of them */
    uint64_t max_health_connections, max_http_connections;
    uint64_t max_streams; /* of one connection */
    const char *engine_name;
    bool serves_h2; /* the engine is "h2"; set by sp_daemon_options_check */
    uint64_t request_timeout_s;
    uint64_t request_memory_bytes;
    uint64_t max_metadata_bytes;
    uint64_t max_resets, max_control_frames, max_empty_frames; /* of one connection in a second */
    uint64_t answer_timeout_s;
    uint64_t max_connection_age_s; /* 0: never */
    uint64_t max_stream_age_s;     /* 0: never */
    uint64_t quiet_ms;
    uint64_t drain_ms;
    uint64_t stuck_after_s;
    const char *event_log; /* NULL: none, once sp_daemon_options_check has read it; "-": stdout */
    const char *log_format_name;
    enum sp_log_format log_format; /* set by sp_daemon_options_check, as log_level */
    const char *log_level_name;
    enum sp_log_level log_level;
    bool allow_core;
    const char *config_file; /* read by config/settings.h */
    bool print_config;

    const struct sp_daemon_defaults *defaults;
    /* Names of the rows' environment variables. */
    char variables[SP_DAEMON_ROWS][SP_DAEMON_VARIABLE_BYTES];
    size_t variable_count;
};

/* Begins with empty options; the defaults must outlive them. Then the rows may be asked for,
 * each group once. The options must stay where they are until the table is read. */
void sp_daemon_options_init(struct sp_daemon_options *options, const struct sp_daemon_defaults *defaults);

/* listen, http-listen, metrics-listen, http-host, insecure, tls-cert, tls-key, tls-client-ca,
 * tls-client-crl, callers, health-listen, engine.
 * Returns how many, as the next. */
size_t sp_daemon_listener_rows(struct sp_daemon_options *options,
                               struct sp_option ret_rows[static SP_DAEMON_LISTENER_ROWS]);
/* log-format, log-level, event-log, allow-core. */
size_t sp_daemon_log_rows(struct sp_daemon_options *options, struct sp_option ret_rows[static SP_DAEMON_LOG_ROWS]);
/* config, print-config. */
size_t sp_daemon_settings_rows(struct sp_daemon_options *options,
                               struct sp_option ret_rows[static SP_DAEMON_SETTINGS_ROWS]);
/* trusted-peers, trusted-proxies, trusted-hops, address-header. */
size_t sp_daemon_address_rows(struct sp_daemon_options *options,
                              struct sp_option ret_rows[static SP_DAEMON_ADDRESS_ROWS]);
/* event-log alone, for a command that serves nothing. */
struct sp_option sp_daemon_event_log_row(const char **target, const char *variable);
/* max-connections, max-connections-per-peer, max-health-connections, max-http-connections,
 * max-streams, request-timeout, request-memory, answer-timeout, max-metadata, max-resets,
 * max-control-frames, max-empty-frames. */
size_t sp_daemon_bound_rows(struct sp_daemon_options *options, struct sp_option ret_rows[static SP_DAEMON_BOUND_ROWS]);
/* max-connection-age, max-stream-age, quiet-ms, drain-ms. */
size_t sp_daemon_stop_rows(struct sp_daemon_options *options, struct sp_option ret_rows[static SP_DAEMON_STOP_ROWS]);
struct sp_option sp_daemon_stuck_after_row(struct sp_daemon_options *options);

/* Reads what the table took as text, and drops the one address "none" for HTTP and metrics.
 * SP_ERR_INVALID names the option. */
enum sp_status sp_daemon_options_check(struct sp_daemon_options *options, struct sp_error *error) SP_MUST_USE;

/* What --event-log names: NULL for "none". */
const char *sp_daemon_event_log_path(const char *value);

/* Copies rows into a table; returns `count`. */
size_t sp_option_rows_copy(const struct sp_option *rows, size_t count, struct sp_option *ret_rows);

#endif
