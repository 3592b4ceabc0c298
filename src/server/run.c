#include "server/run.h"

#include <inttypes.h>
#include <stdlib.h>

#include "connect/connect.h"
#include "daemon/event_log.h"
#include "daemon/lifecycle.h"
#include "daemon/listeners.h"
#include "daemon/process.h"
#include "daemon/watchdog.h"
#include "server/bulk.h"
#include "server/decision_log.h"
#include "server/http.h"
#include "server/methods.h"
#include "server/reporting.h"
#include "server/store_watch.h"
#include "store/records/head.h"

enum {
    RETRY_STORE_MS = 500,
    LOG_EVERY_TRIES = 60, /* to open the store */
};

extern const unsigned char sp_embedded_server_descriptors_bytes[];
extern const unsigned long sp_embedded_server_descriptors_size;

static enum sp_status open_rpc_server(struct sp_service *service, struct sp_rpc_server **ret_server,
                                      struct sp_error *error) {
    const struct sp_server_config *config = service->config;
    struct sp_rpc_method methods[SP_SERVER_METHODS];
    uint32_t uids[SP_CALLERS_MAX_UIDS];
    const struct sp_bytes descriptors = {sp_embedded_server_descriptors_bytes, sp_embedded_server_descriptors_size};
    struct sp_rpc_server_options options = sp_listeners_rpc_options(&config->daemon, service->callers, uids);
    options.admit = sp_service_admit;
    options.workers = (unsigned)config->workers;
    options.worker_stopping = sp_service_worker_stopping;
    options.user = service;
    sp_service_methods(service, methods);
    return sp_rpc_server_open(&options, methods, SP_SERVER_METHODS, descriptors, ret_server, error);
}

static void log_listeners(const struct sp_daemon_options *options, const struct sp_rpc_server *server) {
    const char *open_to_all = options->insecure ? "may check" : "has every role";
    sp_listeners_log_rpc(options, server, options->callers == NULL ? open_to_all : NULL);
}

static void reopen_logs(void *user) {
    const struct sp_service *service = user;
    sp_event_log_reopen();
    if (service->recorder.decision_log != NULL)
        sp_decision_log_reopen(service->recorder.decision_log);
}

static enum sp_status watch_server_threads(const struct sp_service *service, const struct sp_rpc_server *server,
                                           struct sp_error *error) {
    const struct sp_watched_thread threads[] = {
        {"http", sp_http_heartbeat(service->http)},
        {"connect", sp_connect_heartbeat(service->connect)},
        {"metrics", sp_http_heartbeat(service->metrics_http)},
    };
    return sp_watchdog_start(service->watchdog, server, threads, sizeof(threads) / sizeof(*threads), error);
}

/* As many threads as answer single questions, unless configured. */
static unsigned count_bulk_workers(const struct sp_service *service, const struct sp_rpc_server *server) {
    unsigned configured = (unsigned)service->config->bulk_workers;
    return configured > 0 ? configured : sp_rpc_server_workers(server);
}

/* Before the server starts. */
static enum sp_status start_bulk(struct sp_service *service, const struct sp_rpc_server *server,
                                 struct sp_error *error) {
    const struct sp_bulk_options options = {
        .threads = count_bulk_workers(service, server),
        .stopping = sp_service_worker_stopping,
        .user = service,
    };
    return sp_bulk_start(&options, &service->bulk, error);
}

/* Opens what answers calls, in the order in which the parts need each other, and begins to
 * answer. What was opened is for the caller to close, also after a failure. */
static enum sp_status start_service(struct sp_service *service, struct sp_rpc_server **server, struct sp_error *error) {
    const struct sp_server_config *config = service->config;
    const struct sp_daemon_options *options = &config->daemon;
    const struct sp_callers_options callers = sp_listeners_callers_options(options);
    enum sp_status status = sp_event_log_open(options->event_log, "sallyportd", error);
    if (status != SP_OK)
        return status;
    status = sp_callers_open(&callers, &service->callers, error);
    if (status != SP_OK)
        return status;
    status = open_rpc_server(service, server, error);
    if (status != SP_OK)
        return status;
    service->rpc = *server;
    status = start_bulk(service, *server, error);
    if (status != SP_OK)
        return status;
    status = sp_reporting_start(service, *server, error);
    if (status != SP_OK)
        return status;
    status = sp_decision_log_open(&config->decision_log_settings, sp_rpc_server_workers(*server),
                                  count_bulk_workers(service, *server), &service->recorder.decision_log, error);
    if (status != SP_OK)
        return status;
    sp_process_on_hangup(reopen_logs, service);
    status = sp_watchdog_create_for(options, *server, &service->watchdog, error);
    if (status != SP_OK)
        return status;
    status = sp_server_http_start(service, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_server_start(*server, error);
    if (status != SP_OK)
        return status;
    status = watch_server_threads(service, *server, error);
    if (status != SP_OK)
        return status;
    log_listeners(options, *server);
    return SP_OK;
}

static void log_revision(const char *store, struct sp_revision revision) {
    const struct sp_log_field fields[] = {
        {.name = "store", .text = store},
        {.name = "epoch", .number = revision.epoch},
        {.name = "revision", .number = revision.number},
    };
    sp_log_fields(SP_LOG_INFO, "serving the store", fields, sizeof(fields) / sizeof(*fields));
}

/* SP_OK once the store is open. Waits for a store that does not exist yet; SP_ERR_CANCELLED: a
 * signal came first. A store that must not be served (its reader locks do not work here, or it
 * has another format) ends the wait with SP_ERR_PRECONDITION, because no later try can succeed. */
static enum sp_status wait_for_store(struct sp_service *service, struct sp_error *error) {
    for (unsigned tries = 0;; tries++) {
        struct sp_revision revision = {0};
        enum sp_status status = sp_service_open_store(service, &revision, error);
        if (status == SP_ERR_PRECONDITION)
            return status;
        if (status == SP_OK) {
            log_revision(service->config->store, revision);
            return SP_OK;
        }
        if (tries % LOG_EVERY_TRIES == 0)
            sp_log(SP_LOG_WARNING, "not serving yet, waiting for the store: %s", error->message);
        if (sp_process_wait_for_signal(RETRY_STORE_MS))
            return SP_ERR_CANCELLED;
    }
}

/* Until a signal comes. SP_ERR_PRECONDITION: the store must not be served; SP_ERR_UNAVAILABLE: its
 * files were replaced. */
static enum sp_status serve_store(struct sp_service *service, struct sp_rpc_server *server, struct sp_error *error) {
    const struct sp_daemon_options *options = &service->config->daemon;
    enum sp_status status = wait_for_store(service, error);
    if (status == SP_OK)
        status = sp_server_watch_store(service, server);
    if (status == SP_ERR_PRECONDITION)
        sp_log(SP_LOG_ERROR, "cannot serve: %s", error->message);
    sp_watchdog_stop(service->watchdog);
    sp_http_leave(service->http);
    sp_daemon_stop_serving(options, &service->ready, server);
    sp_rpc_server_stop(server, (unsigned)options->drain_ms);
    return status == SP_ERR_CANCELLED ? SP_OK : status;
}

static enum sp_status run_service(struct sp_service *service) {
    struct sp_error error = {0};
    struct sp_rpc_server *server = NULL;
    enum sp_status status = start_service(service, &server, &error);
    if (status != SP_OK) {
        sp_log(SP_LOG_ERROR, "cannot start: %s", error.message);
        goto out;
    }
    status = serve_store(service, server, &error);
out:
    sp_watchdog_stop(service->watchdog);
    sp_server_http_close(service);
    sp_watchdog_free(service->watchdog);
    service->watchdog = NULL;
    sp_rpc_server_close(server);
    sp_bulk_stop(service->bulk);
    service->bulk = NULL;
    sp_connect_free(service->connect);
    service->connect = NULL;
    sp_reporting_stop(service);
    return status;
}

int sp_server_run(const struct sp_server_config *config) {
    sp_daemon_begin("sallyportd", &config->daemon);
    sp_daemon_log_unknown_variables(&config->unknown_variables);
    struct sp_service *service = aligned_alloc(_Alignof(struct sp_service), sizeof(*service));
    if (service == NULL) {
        sp_log(SP_LOG_ERROR, "cannot start: %s", sp_status_name(SP_ERR_MEMORY));
        sp_daemon_end();
        return sp_daemon_exit_status(SP_ERR_MEMORY);
    }
    enum sp_status status = sp_service_init(service, config);
    if (status != SP_OK) {
        sp_log(SP_LOG_ERROR, "cannot start: %s", sp_status_name(status));
        goto out;
    }
    status = run_service(service);
out:
    sp_service_fini(service);
    sp_callers_close(service->callers);
    free(service);
    sp_daemon_end();
    return sp_daemon_exit_status(status);
}
