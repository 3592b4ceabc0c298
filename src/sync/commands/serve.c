/* serve: the admin API over gRPC, and the writer behind it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/process.h"
#include "sync/commands/command.h"
#include "sync/lock.h"
#include "sync/metrics.h"
#include "sync/scratch.h"
#include "sync/service.h"

enum {
    MAX_RECEIVE_BYTES = 4 * 1024 * 1024 + 64 * 1024, /* a batch of an import */
    ARENA_BUDGET_BYTES = 64 * 1024 * 1024,
    SECONDS_A_DAY = 24 * 60 * 60,
    LOOK_EVERY_MS = 50, /* whether the store was filled */
};

extern const unsigned char sp_embedded_sync_descriptors_bytes[];
extern const unsigned long sp_embedded_sync_descriptors_size;

struct serve_options {
    const char *store;
    struct sp_source_options source;
    struct sp_option_texts listen;
    struct sp_option_texts http_listen;
    bool insecure;
    struct sp_tls_files tls;
    struct sp_option_texts health_listen;
    const char *callers;
    uint64_t workers;
    uint64_t max_connections;
    uint64_t drain_ms;
    uint64_t keep_changes_days;
    uint64_t map_size;
    uint64_t report_grace_s;
    const char *trusted_proxies;
    uint64_t trusted_hops;
    struct sp_forwarded_trust trust; /* what the two say */
    const char *log_format_name;
    enum sp_log_format log_format;
    const char *log_level_name;
    enum sp_log_level log_level;
    bool allow_core;
    const char *config_file; /* read already */
    bool print_config;
    bool help;
};

static void tell_of_tls(void *sync, bool good, const char *message) {
    (void)sync;
    sp_log(good ? SP_LOG_INFO : SP_LOG_ERROR, "%s", message);
}

static enum sp_status admit(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error) {
    const struct sp_sync *sync = user;
    return sp_caller_admit(sync->callers, call, (enum sp_caller_role)permit, error);
}

static enum sp_status listen_on(const struct serve_options *options, struct sp_sync *sync,
                                struct sp_rpc_server **ret_server, struct sp_error *error) {
    struct sp_rpc_method methods[SP_SYNC_MAX_METHODS];
    uint32_t uids[SP_CALLERS_MAX_UIDS];
    const struct sp_rpc_server_options server_options = {
        .listen = options->listen.values,
        .listen_count = options->listen.count,
        .insecure = options->insecure,
        .health_listen = options->health_listen.values,
        .health_listen_count = options->health_listen.count,
        .tls = options->tls,
        .notice = tell_of_tls,
        .admit = admit,
        .unix_uids = uids,
        .unix_uid_count = sp_callers_uids(sync->callers, uids),
        .workers = (unsigned)options->workers,
        .max_receive_bytes = MAX_RECEIVE_BYTES,
        .arena_budget_bytes = ARENA_BUDGET_BYTES,
        .max_connections = (unsigned)options->max_connections,
        .worker_stopping = sp_sync_worker_stopping,
        .user = sync,
    };
    struct sp_bytes descriptors = {sp_embedded_sync_descriptors_bytes, sp_embedded_sync_descriptors_size};
    size_t count = sp_sync_methods(sync, methods);
    return sp_rpc_server_open(&server_options, methods, count, descriptors, ret_server, error);
}

static void say_where(const struct serve_options *options, const struct sp_rpc_server *server) {
    size_t tcp = 0;
    for (size_t i = 0; i < options->listen.count; i++) {
        sp_log(SP_LOG_INFO, "listening on %s (port %d)", options->listen.values[i], sp_rpc_server_port(server, i));
        tcp += strncmp(options->listen.values[i], "unix:", 5) != 0;
    }
    for (size_t i = 0; i < options->health_listen.count; i++)
        sp_log(SP_LOG_INFO, "answering health probes on %s (port %d)", options->health_listen.values[i],
               sp_rpc_server_port(server, options->listen.count + i));
    if (tcp > 0 && options->tls.certificate == NULL)
        sp_log(SP_LOG_WARNING, "listeners are plaintext: keys travel unencrypted to whoever connects");
}

/* A store that follows a source holds nothing until it was listed once. False: a signal came first. */
static bool wait_until_filled(struct sp_sync *sync) {
    struct sp_source_state state = {.filled = true};
    do {
        if (sync->source != NULL)
            sp_source_get_state(sync->source, &state);
    } while (!state.filled && !sp_process_wait_for_signal(LOOK_EVERY_MS));
    return state.filled;
}

static void tend_callers(struct sp_sync *sync) {
    struct sp_error error = {0};
    enum sp_callers_news news = sp_callers_look(sync->callers, &error);
    if (news == SP_CALLERS_CHANGED)
        sp_log(SP_LOG_INFO, "the callers' file has changed: its roles hold from now on");
    else if (news == SP_CALLERS_BROKEN)
        sp_log(SP_LOG_ERROR, "the callers' file has changed and cannot be used, the old roles stay: %s", error.message);
}

/* Queued changes are finished and answered before connections are closed. */
static void serve(const struct serve_options *options, struct sp_sync *sync, struct sp_rpc_server *server) {
    sp_log_fields(SP_LOG_INFO, "serving the store",
                  (const struct sp_log_field[]){{.name = "store", .text = options->store}}, 1);
    if (wait_until_filled(sync)) {
        atomic_store(&sync->ready, true);
        sp_rpc_server_set_serving(server, true);
        while (!sp_process_wait_for_signal(LOOK_EVERY_MS))
            tend_callers(sync);
    }
    sp_log(SP_LOG_INFO, "ending: changes that wait are finished; another signal ends at once");
    sp_process_let_signals_end();
    atomic_store(&sync->ready, false);
    sp_rpc_server_set_serving(server, false);
    sp_sync_stop_writing(sync);
    sp_rpc_server_stop(server, (unsigned)options->drain_ms);
}

static enum sp_status run_server(const struct serve_options *options, struct sp_sync *sync, struct sp_error *error) {
    struct sp_rpc_server *server = NULL;
    struct sp_http_server *http = NULL;
    enum sp_status status = sp_callers_open(options->callers, options->insecure, &sync->callers, error);
    if (status == SP_OK)
        status = listen_on(options, sync, &server, error);
    sync->rpc = server;
    if (status == SP_OK)
        status = sp_sync_http_start(sync, &options->http_listen, options->insecure, &options->tls, &http, error);
    if (status == SP_OK)
        status = sp_rpc_server_start(server, error);
    if (status == SP_OK) {
        say_where(options, server);
        serve(options, sync, server);
    }
    sp_http_close(http);
    sp_rpc_server_close(server);
    sp_callers_close(sync->callers);
    sync->callers = NULL;
    return status;
}

static enum sp_status run_with_store(const struct serve_options *options, struct sp_store *store,
                                     struct sp_source *source, struct sp_error *error) {
    struct sp_sync *sync = aligned_alloc(_Alignof(struct sp_sync), sizeof(*sync));
    if (sync == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status =
        sp_sync_init(sync, store, source, options->store, (int64_t)options->keep_changes_days * SECONDS_A_DAY, error);
    sync->trust = options->trust;
    const struct sp_sync_usage_options usage_options = {store, options->store, (int64_t)options->report_grace_s};
    if (status == SP_OK)
        status = sp_sync_usage_start(&usage_options, &sync->usage, error);
    if (status == SP_OK && source != NULL)
        status = sp_source_start(source, sp_sync_wake_watches, sync, error);
    if (status == SP_OK)
        status = run_server(options, sync, error);
    sp_source_stop(source);
    sp_sync_usage_stop(sync->usage);
    if (sp_sync_fini(sync)) {
        sp_source_close(source);
        sp_store_close(store);
        free(sync);
    }
    /* Else a backup still copies: the process's end is also its end. */
    return status;
}

static enum sp_status open_source(const struct serve_options *options, struct sp_store *store,
                                  struct sp_source **ret_source, struct sp_error *error) {
    if (options->source.url == NULL)
        return sp_source_check_embedded(store, error);
    return sp_source_open(&options->source, store, ret_source, error);
}

static int run(const struct serve_options *options) {
    const struct sp_store_options open_options = {.mode = SP_STORE_WRITE, .map_size_bytes = options->map_size};
    struct sp_error error = {0};
    struct sp_store *store = NULL;
    struct sp_source *source = NULL;
    int lock_fd = -1;
    sp_log_init("sallyport-sync", options->log_level);
    sp_log_set_format(options->log_format);
    sp_process_block_signals();
    if (!options->allow_core && sp_process_forbid_dumps() != SP_OK)
        sp_log(SP_LOG_WARNING, "core dumps cannot be forbidden here");
    enum sp_status status = SP_OK;
    if (options->source.url != NULL)
        status = sp_source_make_store(&options->source, options->store, options->map_size, &error);
    if (status == SP_OK)
        status = sp_sync_lock(options->store, &lock_fd, &error);
    if (status == SP_OK) {
        sp_scratch_remove_left(options->store);
        status = sp_store_open(options->store, &open_options, &store, &error);
    }
    if (status == SP_OK)
        status = open_source(options, store, &source, &error);
    if (status == SP_OK)
        status = run_with_store(options, store, source, &error);
    if (status != SP_OK)
        sp_log(SP_LOG_ERROR, "cannot serve: %s", error.message);
    if (lock_fd >= 0)
        close(lock_fd);
    return status == SP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static size_t copy_rows(const struct sp_option *rows, size_t count, struct sp_option *table) {
    for (size_t i = 0; i < count; i++)
        table[i] = rows[i];
    return count;
}

static size_t listening_rows(struct serve_options *options, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "store",
         .kind = SP_OPTION_TEXT,
         .target = &options->store,
         .environment = "SALLYPORT_SYNC_STORE",
         .argument = "DIR",
         .help = "folder of the store; required"},
        {.name = "listen",
         .kind = SP_OPTION_TEXTS,
         .target = &options->listen,
         .environment = "SALLYPORT_SYNC_LISTEN",
         .default_text = "127.0.0.1:7401",
         .argument = "ADDRESS",
         .help = "gRPC address: host:port (port 0: any free one) or unix:/path"},
        {.name = "http-listen",
         .kind = SP_OPTION_TEXTS,
         .target = &options->http_listen,
         .environment = "SALLYPORT_SYNC_HTTP_LISTEN",
         .default_text = "127.0.0.1:7403",
         .argument = "ADDRESS",
         .help = "HTTP address for /metrics, /healthz and /readyz, as --listen; \"none\": no HTTP"},
        {.name = "insecure",
         .kind = SP_OPTION_FLAG,
         .target = &options->insecure,
         .environment = "SALLYPORT_SYNC_INSECURE",
         .help = "allow plaintext on addresses other than loopback"},
        {.name = "tls-cert",
         .kind = SP_OPTION_TEXT,
         .target = &options->tls.certificate,
         .environment = "SALLYPORT_SYNC_TLS_CERT",
         .argument = "FILE",
         .help = "certificate with its intermediates, PEM: TCP listeners speak TLS; taken over anew when it changes"},
        {.name = "tls-key",
         .kind = SP_OPTION_TEXT,
         .target = &options->tls.key,
         .environment = "SALLYPORT_SYNC_TLS_KEY",
         .argument = "FILE",
         .help = "the certificate's private key, PEM"},
        {.name = "tls-client-ca",
         .kind = SP_OPTION_TEXT,
         .target = &options->tls.ca,
         .environment = "SALLYPORT_SYNC_TLS_CLIENT_CA",
         .argument = "FILE",
         .help = "CAs, PEM, of which every client must show a certificate (mutual TLS)"},
        {.name = "callers",
         .kind = SP_OPTION_TEXT,
         .target = &options->callers,
         .environment = "SALLYPORT_SYNC_CALLERS",
         .argument = "FILE",
         .help = "YAML file of who may report last uses of keys; read anew when it changes (docs/tls.md)"},
        {.name = "health-listen",
         .kind = SP_OPTION_TEXTS,
         .target = &options->health_listen,
         .environment = "SALLYPORT_SYNC_HEALTH_LISTEN",
         .argument = "ADDRESS",
         .help = "plaintext gRPC address where only grpc.health.v1 answers, for probes; any address, host:port"},
    };
    return copy_rows(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t serving_rows(struct serve_options *options, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "workers",
         .kind = SP_OPTION_NUMBER,
         .target = &options->workers,
         .environment = "SALLYPORT_SYNC_WORKERS",
         .default_text = "2",
         .argument = "THREADS",
         .least = 1,
         .most = SP_SYNC_MAX_WORKERS,
         .help = "threads that read; one more writes"},
        {.name = "max-connections",
         .kind = SP_OPTION_NUMBER,
         .target = &options->max_connections,
         .environment = "SALLYPORT_SYNC_MAX_CONNECTIONS",
         .default_text = "1000",
         .argument = "COUNT",
         .least = 1,
         .most = 1000000,
         .help = "open connections; more wait in the backlog"},
        {.name = "drain-ms",
         .kind = SP_OPTION_NUMBER,
         .target = &options->drain_ms,
         .environment = "SALLYPORT_SYNC_DRAIN_MS",
         .default_text = "5000",
         .argument = "MS",
         .most = 600000,
         .help = "milliseconds that calls under way get after SIGTERM"},
        {.name = "keep-changes",
         .kind = SP_OPTION_NUMBER,
         .target = &options->keep_changes_days,
         .environment = "SALLYPORT_SYNC_KEEP_CHANGES",
         .default_text = "400",
         .argument = "DAYS",
         .most = 36500,
         .help = "days that the audit trail is kept; 0: for ever"},
        {.name = "map-size",
         .kind = SP_OPTION_SIZE,
         .target = &options->map_size,
         .environment = "SALLYPORT_SYNC_MAP_SIZE",
         .argument = "BYTES",
         .least = (uint64_t)1 << 20,
         .most = (uint64_t)1 << 46,
         .help = "let the store hold more than it was made for"},
        {.name = "trusted-proxies",
         .kind = SP_OPTION_TEXT,
         .target = &options->trusted_proxies,
         .environment = "SALLYPORT_SYNC_TRUSTED_PROXIES",
         .argument = "RANGES",
         .help = "addresses and CIDR ranges of proxies, with commas between, whose x-forwarded-for tells the client"},
        {.name = "trusted-hops",
         .kind = SP_OPTION_NUMBER,
         .target = &options->trusted_hops,
         .environment = "SALLYPORT_SYNC_TRUSTED_HOPS",
         .default_text = "0",
         .argument = "COUNT",
         .most = SP_FORWARDED_MAX_HOPS,
         .help = "instead: entries at the right end of x-forwarded-for that trusted proxies wrote; 0: do not read it"},
        {.name = "report-grace",
         .kind = SP_OPTION_NUMBER,
         .target = &options->report_grace_s,
         .environment = "SALLYPORT_SYNC_REPORT_GRACE",
         .default_text = "120",
         .argument = "SECONDS",
         .least = 1,
         .most = 86400,
         .help = "seconds that a server may be silent before it is not known which keys are unused"},
    };
    return copy_rows(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t logging_rows(struct serve_options *options, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "log-format",
         .kind = SP_OPTION_TEXT,
         .target = &options->log_format_name,
         .environment = "SALLYPORT_SYNC_LOG_FORMAT",
         .default_text = "auto",
         .argument = "FORMAT",
         .help = "json, text, or auto: text where stderr is a terminal"},
        {.name = "log-level",
         .kind = SP_OPTION_TEXT,
         .target = &options->log_level_name,
         .environment = "SALLYPORT_SYNC_LOG_LEVEL",
         .default_text = "info",
         .argument = "LEVEL",
         .help = "debug, info, warning or error"},
        {.name = "allow-core",
         .kind = SP_OPTION_FLAG,
         .target = &options->allow_core,
         .environment = "SALLYPORT_SYNC_ALLOW_CORE",
         .help = "allow core dumps and debuggers: both show the keys of calls under way"},
        {.name = "config",
         .kind = SP_OPTION_TEXT,
         .target = &options->config_file,
         .environment = "SALLYPORT_SYNC_CONFIG",
         .argument = "FILE",
         .help = "YAML file of these options by name; the environment and arguments go before it"},
        {.name = "print-config",
         .kind = SP_OPTION_FLAG,
         .target = &options->print_config,
         .help = "print every setting, its value and where that comes from, and exit"},
        {.name = "help", .kind = SP_OPTION_FLAG, .target = &options->help, .help = "print this and exit"},
    };
    return copy_rows(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t fill_table(struct serve_options *options, struct sp_option *table) {
    size_t count = 0;
    count += listening_rows(options, table + count);
    count += serving_rows(options, table + count);
    count += logging_rows(options, table + count);
    return count + sp_source_option_rows(&options->source, table + count);
}

int sp_sync_serve_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct serve_options options = {0};
    struct sp_option table[SP_OPTIONS_MAX];
    int rest = argc;
    size_t count = fill_table(&options, table);
    int ended = sp_sync_read_options(command, table, count, &options.help, argc, argv, &rest);
    if (ended >= 0)
        return ended;
    if (options.store == NULL || rest < argc)
        return sp_sync_complain_usage(command, rest < argc ? "takes options only" : "--store is required");
    if (sp_log_level_parse(options.log_level_name, &options.log_level) != SP_OK)
        return sp_sync_complain_usage(command, "--log-level: say debug, info, warning or error");
    if (sp_log_format_parse(options.log_format_name, &options.log_format) != SP_OK)
        return sp_sync_complain_usage(command, "--log-format: say json, text or auto");
    sp_option_texts_none(&options.http_listen);
    struct sp_error error = {0};
    if (sp_forwarded_trust_read(sp_str_from(options.trusted_proxies), options.trusted_hops, &options.trust, &error) !=
        SP_OK)
        return sp_sync_complain_usage(command, error.message);
    return run(&options);
}
