#include "sync/commands/serve.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "connect/connect.h"
#include "daemon/event_log.h"
#include "daemon/lifecycle.h"
#include "daemon/listeners.h"
#include "daemon/process.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "sync/calls.h"
#include "sync/http.h"
#include "sync/lock.h"
#include "sync/scratch.h"
#include "sync/service.h"

enum {
    SECONDS_A_DAY = 24 * 60 * 60,
    CHECK_FILES_EVERY_MS = 1000,
    CONNECTION_AGE_GRACE_S = 10 * 60, /* for backups and imports under way */
    POLL_EVERY_MS = 50,               /* whether the store was filled, or the callers file has changed */
};

extern const unsigned char sp_embedded_sync_descriptors_bytes[];
extern const unsigned long sp_embedded_sync_descriptors_size;

static const struct sp_daemon_defaults daemon_defaults = {
    .environment = "SALLYPORT_SYNC",
    .listen = "127.0.0.1:7401",
    .http_listen = "127.0.0.1:7403",
    .max_connections = "1000",
    .http_listen_help = "HTTP address for the admin API as JSON, /healthz and /readyz, as --listen; \"none\": no HTTP",
    .callers_help =
        "YAML file of who may report last uses of keys, and read metrics; reloaded when it changes (docs/tls.md)",
    .connection_age_help = "seconds after which gRPC clients are asked to reconnect, and show their certificates "
                           "again; backups and imports "
                           "may take ten minutes more; 0: never",
    .stream_age_help =
        "seconds after which WatchChanges ends with UNAVAILABLE, so that its client reconnects; 0: never",
    .trusted_peers_help = "comma-separated addresses and CIDR ranges of proxies that may send the headers of "
                          "--trusted-hops and --address-header; \"uds\": Unix sockets",
};

struct serve_options {
    const char *store;
    struct sp_source_options source;
    struct sp_daemon_options daemon;
    uint64_t workers;
    uint64_t keep_changes_days;
    uint64_t keep_changes_bytes;
    uint64_t reserve_bytes;
    struct sp_allowance_limits allowance;
    uint64_t map_size;
    uint64_t report_grace_s;
    struct sp_forwarded_trust trust; /* read from the daemon's options */
    bool help;
};

/* What is served: opened before the service, and closed after it. */
struct serve_store {
    int lock_fd;
    struct sp_store *store;
    struct sp_source *source; /* NULL: the store follows none */
};

static enum sp_status open_admin_server(const struct serve_options *options, struct sp_sync *sync,
                                        struct sp_rpc_server **ret_server, struct sp_error *error) {
    struct sp_rpc_method methods[SP_SYNC_MAX_METHODS];
    uint32_t uids[SP_CALLERS_MAX_UIDS];
    const struct sp_bytes descriptors = {sp_embedded_sync_descriptors_bytes, sp_embedded_sync_descriptors_size};
    struct sp_rpc_server_options rpc = sp_listeners_rpc_options(&options->daemon, sync->callers, uids);
    rpc.admit = sp_sync_admit;
    rpc.authenticate = sp_sync_authenticate;
    rpc.workers = (unsigned)options->workers;
    rpc.connection_age_grace_s = CONNECTION_AGE_GRACE_S;
    rpc.arena_budget_bytes = SP_SYNC_ARENA_BUDGET_BYTES;
    rpc.worker_stopping = sp_sync_worker_stopping;
    rpc.user = sync;
    size_t count = sp_sync_methods(sync, methods);
    const struct sp_readers_options readers = {
        .threads = rpc.workers, .stopping = sp_sync_worker_stopping, .user = sync};
    enum sp_status status = sp_readers_start(&readers, &sync->readers, error);
    if (status != SP_OK)
        return status;
    return sp_rpc_server_open(&rpc, methods, count, descriptors, ret_server, error);
}

static void reopen_event_log(void *user) {
    (void)user;
    sp_event_log_reopen();
}

static enum sp_status watch_sync_threads(const struct sp_sync *sync, struct sp_error *error) {
    const struct sp_watched_thread threads[] = {
        {"writer", sp_writer_heartbeat(sync->writer)},
        {"http", sp_http_heartbeat(sync->http)},
        {"connect", sp_connect_heartbeat(sync->connect)},
        {"metrics", sp_http_heartbeat(sync->metrics_http)},
    };
    return sp_watchdog_start(sync->watchdog, sync->rpc, threads, sizeof(threads) / sizeof(*threads), error);
}

/* Opens what answers calls and begins to answer. What was opened is for the caller to close,
 * also after a failure. */
static enum sp_status start_admin_server(const struct serve_options *options, struct sp_sync *sync,
                                         struct sp_rpc_server **server, struct sp_error *error) {
    const struct sp_daemon_options *daemon = &options->daemon;
    const struct sp_callers_options callers = sp_listeners_callers_options(daemon);
    enum sp_status status = sp_event_log_open(daemon->event_log, "sallyport-sync", error);
    if (status != SP_OK)
        return status;
    sp_process_on_hangup(reopen_event_log, NULL);
    status = sp_callers_open(&callers, &sync->callers, error);
    if (status != SP_OK)
        return status;
    status = open_admin_server(options, sync, server, error);
    if (status != SP_OK)
        return status;
    sync->rpc = *server;
    status = sp_watchdog_create_for(daemon, *server, &sync->watchdog, error);
    if (status != SP_OK)
        return status;
    status = sp_sync_http_start(sync, daemon, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_server_start(*server, error);
    if (status != SP_OK)
        return status;
    status = watch_sync_threads(sync, error);
    if (status != SP_OK)
        return status;
    sp_listeners_log_rpc(daemon, *server, NULL);
    if (sp_listeners_prove_nothing(daemon) && daemon->callers == NULL)
        sp_log(SP_LOG_WARNING, "TLS without --tls-client-ca does not identify callers, so nobody can report last uses "
                               "of keys over it: set it, or grant the role to a token in a --callers file");
    return SP_OK;
}

/* A store that follows a source holds nothing until etcd was listed once. False: a signal came
 * first. */
static bool wait_until_filled(struct sp_sync *sync) {
    struct sp_source_state state = {.filled = true};
    do {
        if (sync->source != NULL)
            sp_source_get_state(sync->source, &state);
    } while (!state.filled && !sp_process_wait_for_signal(POLL_EVERY_MS));
    return state.filled;
}

static bool take_due_file_check(int64_t *due_ms) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms < *due_ms)
        return false;
    *due_ms = now_ms + CHECK_FILES_EVERY_MS;
    return true;
}

/* Until a signal comes; SP_ERR_UNAVAILABLE: the store's files were replaced. */
static enum sp_status watch_while_serving(const struct sp_sync *sync, struct sp_error *error) {
    int64_t due_ms = 0;
    while (!sp_process_wait_for_signal(POLL_EVERY_MS)) {
        sp_callers_reload_and_log(sync->callers);
        if (!take_due_file_check(&due_ms))
            continue;
        enum sp_status status = sp_store_check_files(sync->store, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* Queued changes are finished, and the watches that see them, before streams are ended. */
static void stop_serving(const struct serve_options *options, struct sp_sync *sync, struct sp_rpc_server *server) {
    uint64_t drain_ms = options->daemon.drain_ms;
    sp_watchdog_stop(sync->watchdog);
    sp_http_leave(sync->http);
    sp_daemon_stop_serving(&options->daemon, &sync->ready, server);
    int64_t begin_ms = sp_clock_monotonic_ms();
    sp_sync_stop_writing(sync, (unsigned)(drain_ms - drain_ms / 5));
    uint64_t passed_ms = (uint64_t)(sp_clock_monotonic_ms() - begin_ms);
    sp_rpc_server_stop(server, passed_ms < drain_ms ? (unsigned)(drain_ms - passed_ms) : 0);
}

/* Until a signal comes or the store's files were replaced. */
static enum sp_status serve_until_signal(const struct serve_options *options, struct sp_sync *sync,
                                         struct sp_rpc_server *server, struct sp_error *error) {
    enum sp_status status = SP_OK;
    const struct sp_log_field fields[] = {{.name = "store", .text = options->store}};
    sp_log_fields(SP_LOG_INFO, "serving the store", fields, 1);
    if (wait_until_filled(sync)) {
        sp_daemon_set_serving(&sync->ready, server, true);
        status = watch_while_serving(sync, error);
    }
    if (status != SP_OK)
        sp_log(SP_LOG_ERROR, "not serving: %s", error->message);
    stop_serving(options, sync, server);
    return status;
}

static enum sp_status run_admin_server(const struct serve_options *options, struct sp_sync *sync,
                                       struct sp_error *error) {
    struct sp_rpc_server *server = NULL;
    enum sp_status status = start_admin_server(options, sync, &server, error);
    if (status != SP_OK)
        goto out;
    status = serve_until_signal(options, sync, server, error);
out:
    sp_watchdog_stop(sync->watchdog);
    sp_sync_http_close(sync);
    sp_watchdog_free(sync->watchdog);
    sync->watchdog = NULL;
    sp_rpc_server_close(server);
    sp_readers_stop(sync->readers);
    sync->readers = NULL;
    sp_callers_close(sync->callers);
    sync->callers = NULL;
    return status;
}

/* Starts the threads behind the server, runs it, and ends them. */
static enum sp_status run_sync(const struct serve_options *options, const struct serve_store *opened,
                               struct sp_sync *sync, struct sp_error *error) {
    const struct sp_sync_usage_options usage = {opened->store, options->store, (int64_t)options->report_grace_s};
    const struct sp_sync_options limits = {
        .keep_changes_s = (int64_t)options->keep_changes_days * SECONDS_A_DAY,
        .keep_changes_bytes = options->keep_changes_bytes,
        .reserve_bytes = options->reserve_bytes,
        .allowance = options->allowance,
    };
    sp_source_serve_callers(opened->source);
    enum sp_status status = sp_sync_init(sync, opened->store, opened->source, options->store, &limits, error);
    if (status != SP_OK)
        return status;
    sync->trust = options->trust;
    status = sp_sync_usage_start(&usage, &sync->usage, error);
    if (status != SP_OK)
        return status;
    if (opened->source != NULL) {
        status = sp_source_start(opened->source, sp_watch_list_wake, &sync->watches, error);
        if (status != SP_OK)
            goto out;
    }
    status = run_admin_server(options, sync, error);
    sp_source_stop(opened->source);
out:
    sp_sync_usage_stop(sync->usage);
    return status;
}

/* What was opened is for the caller to close, also after a failure. */
static enum sp_status open_serve_store(const struct serve_options *options, struct serve_store *opened,
                                       struct sp_error *error) {
    const struct sp_store_options store_options = {.mode = SP_STORE_WRITE, .map_size_bytes = options->map_size};
    enum sp_status status = SP_OK;
    if (options->source.url != NULL)
        status = sp_source_make_store(&options->source, options->store, options->map_size, error);
    if (status != SP_OK)
        return status;
    status = sp_sync_lock(options->store, &opened->lock_fd, error);
    if (status != SP_OK)
        return status;
    sp_scratch_remove_left(options->store);
    status = sp_store_open(options->store, &store_options, &opened->store, error);
    if (status != SP_OK)
        return status;
    if (options->source.url == NULL)
        return sp_source_check_embedded(opened->store, error);
    return sp_source_open(&options->source, opened->store, &opened->source, error);
}

static void close_serve_store(struct serve_store *opened) {
    sp_source_close(opened->source);
    sp_store_close(opened->store);
    if (opened->lock_fd >= 0)
        close(opened->lock_fd);
}

static int serve_admin_api(const struct serve_options *options) {
    struct sp_error error = {0};
    struct serve_store opened = {.lock_fd = -1};
    struct sp_sync *sync = NULL;
    struct sp_unknown_variables unknown;
    bool idle = true;
    sp_daemon_begin("sallyport-sync", &options->daemon);
    sp_sync_find_unknown_variables(&unknown);
    sp_daemon_log_unknown_variables(&unknown);
    enum sp_status status = open_serve_store(options, &opened, &error);
    if (status != SP_OK)
        goto out;
    sync = aligned_alloc(_Alignof(struct sp_sync), sizeof(*sync));
    if (sync == NULL) {
        status = sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        goto out;
    }
    status = run_sync(options, &opened, sync, &error);
    idle = sp_sync_fini(sync);
out:
    if (status != SP_OK)
        sp_log(SP_LOG_ERROR, "cannot serve: %s", error.message);
    /* If a backup is still copying the store, the end of the process ends it. */
    if (idle) {
        free(sync);
        close_serve_store(&opened);
    }
    sp_daemon_end();
    return sp_daemon_exit_status(status);
}

static size_t make_serve_rows(struct serve_options *options, struct sp_option *table) {
    const struct sp_option rows[] = {
        {.name = "workers",
         .kind = SP_OPTION_NUMBER,
         .target = &options->workers,
         .environment = "SALLYPORT_SYNC_WORKERS",
         .default_text = "2",
         .argument = "THREADS",
         .least = 1,
         .most = SP_SYNC_MAX_WORKERS,
         .help = "threads that answer calls; one more thread writes"},
        sp_daemon_stuck_after_row(&options->daemon),
        {.name = "keep-changes",
         .kind = SP_OPTION_NUMBER,
         .target = &options->keep_changes_days,
         .environment = "SALLYPORT_SYNC_KEEP_CHANGES",
         .default_text = "400",
         .argument = "DAYS",
         .most = 36500,
         .help = "days to keep the audit trail; 0: forever"},
        {.name = "keep-changes-bytes",
         .kind = SP_OPTION_SIZE,
         .target = &options->keep_changes_bytes,
         .environment = "SALLYPORT_SYNC_KEEP_CHANGES_BYTES",
         .default_text = "0",
         .argument = "BYTES",
         .most = (uint64_t)1 << 46,
         .help = "size to which the audit trail is trimmed, whatever its age; 0: no limit"},
        {.name = "reserve",
         .kind = SP_OPTION_SIZE,
         .target = &options->reserve_bytes,
         .environment = "SALLYPORT_SYNC_RESERVE",
         .default_text = "32M",
         .argument = "BYTES",
         .most = (uint64_t)1 << 40,
         .help = "space in the store and on its volume kept for changes that only take access away; at most an eighth "
                 "of the map; 0: none"},
        {.name = "change-rate",
         .kind = SP_OPTION_SIZE,
         .target = &options->allowance.bytes_per_s,
         .environment = "SALLYPORT_SYNC_CHANGE_RATE",
         .default_text = "64K",
         .argument = "BYTES",
         .most = (uint64_t)1 << 40,
         .help = "bytes of changes per second, on average, that each workspace may write; 0: no limit"},
        {.name = "change-burst",
         .kind = SP_OPTION_SIZE,
         .target = &options->allowance.burst_bytes,
         .environment = "SALLYPORT_SYNC_CHANGE_BURST",
         .default_text = "64M",
         .argument = "BYTES",
         .least = 1024,
         .most = (uint64_t)1 << 40,
         .help = "bytes of changes that a workspace may write at once before --change-rate slows it down"},
        {.name = "map-size",
         .kind = SP_OPTION_SIZE,
         .target = &options->map_size,
         .environment = "SALLYPORT_SYNC_MAP_SIZE",
         .argument = "BYTES",
         .least = (uint64_t)1 << 20,
         .most = (uint64_t)1 << 46,
         .help = "increase the maximum size of the store"},
        {.name = "report-grace",
         .kind = SP_OPTION_NUMBER,
         .target = &options->report_grace_s,
         .environment = "SALLYPORT_SYNC_REPORT_GRACE",
         .default_text = "120",
         .argument = "SECONDS",
         .least = 1,
         .most = 86400,
         .help = "seconds without a report before key usage counts as unknown"},
    };
    return sp_option_rows_copy(rows, sizeof(rows) / sizeof(*rows), table);
}

static size_t make_serve_table(struct serve_options *options, struct sp_option table[static SP_OPTIONS_MAX]) {
    size_t count = 0;
    sp_daemon_options_init(&options->daemon, &daemon_defaults);
    table[count++] = sp_sync_store_row(&options->store);
    count += sp_daemon_listener_rows(&options->daemon, table + count);
    count += make_serve_rows(options, table + count);
    count += sp_daemon_stop_rows(&options->daemon, table + count);
    count += sp_daemon_address_rows(&options->daemon, table + count);
    count += sp_daemon_bound_rows(&options->daemon, table + count);
    count += sp_daemon_log_rows(&options->daemon, table + count);
    count += sp_daemon_settings_rows(&options->daemon, table + count);
    table[count++] = sp_sync_help_row(&options->help);
    return count + sp_source_option_rows(&options->source, table + count);
}

void sp_sync_find_unknown_variables(struct sp_unknown_variables *ret_unknown) {
    struct serve_options options = {0};
    struct sp_option table[SP_OPTIONS_MAX];
    size_t count = make_serve_table(&options, table);
    sp_variables_find_unknown(table, count, "SALLYPORT_SYNC_", NULL, environ, ret_unknown);
}

int sp_sync_serve_command(const struct sp_sync_command *command, int argc, char **argv) {
    struct serve_options options = {0};
    struct sp_option table[SP_OPTIONS_MAX];
    struct sp_error error = {0};
    size_t count = make_serve_table(&options, table);
    int ended = sp_sync_read_options_alone(command, table, count, &options.help, argc, argv);
    if (ended >= 0)
        return ended;
    if (options.store == NULL)
        return sp_sync_complain_usage(command, "--store is required");
    if (sp_daemon_options_check(&options.daemon, &error) != SP_OK)
        return sp_sync_complain_usage(command, error.message);
    if (sp_forwarded_trust_read(&options.daemon.forwarded, &options.trust, &error) != SP_OK)
        return sp_sync_complain_usage(command, error.message);
    return serve_admin_api(&options);
}
