#include "server/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/process.h"
#include "server/callers.h"
#include "server/decision_log.h"
#include "server/http.h"
#include "server/methods.h"
#include "server/reporting.h"
#include "server/staleness_watch.h"

enum {
    RETRY_STORE_MS = 500,
    MAX_RECEIVE_BYTES = 1024 * 1024, /* a whole batch */
    SAY_AGAIN_EVERY = 60,            /* of the tries to open the store */
};

extern const unsigned char sp_embedded_server_descriptors_bytes[];
extern const unsigned long sp_embedded_server_descriptors_size;

static void tell_of_tls(void *service, bool good, const char *message) {
    (void)service;
    sp_log(good ? SP_LOG_INFO : SP_LOG_ERROR, "%s", message);
}

static enum sp_status listen_on(struct sp_service *service, struct sp_rpc_server **ret_server, struct sp_error *error) {
    const struct sp_server_config *config = service->config;
    struct sp_rpc_method methods[SP_SERVER_METHODS];
    uint32_t uids[SP_CALLERS_MAX_UIDS];
    const struct sp_rpc_server_options options = {
        .listen = config->listen.values,
        .listen_count = config->listen.count,
        .insecure = config->insecure,
        .health_listen = config->health_listen.values,
        .health_listen_count = config->health_listen.count,
        .tls = config->tls,
        .notice = tell_of_tls,
        .admit = sp_server_admit,
        .unix_uids = uids,
        .unix_uid_count = sp_callers_uids(service->callers, uids),
        .workers = (unsigned)config->workers,
        .max_receive_bytes = MAX_RECEIVE_BYTES,
        .max_connections = (unsigned)config->max_connections,
        .max_connection_age_s = (unsigned)config->max_connection_age_s,
        .worker_stopping = sp_service_worker_stopping,
        .user = service,
    };
    sp_service_methods(service, methods);
    struct sp_bytes descriptors = {sp_embedded_server_descriptors_bytes, sp_embedded_server_descriptors_size};
    return sp_rpc_server_open(&options, methods, SP_SERVER_METHODS, descriptors, ret_server, error);
}

static void say_where(const struct sp_server_config *config, const struct sp_rpc_server *server) {
    size_t tcp = 0;
    for (size_t i = 0; i < config->listen.count; i++) {
        sp_log(SP_LOG_INFO, "listening on %s (port %d)", config->listen.values[i], sp_rpc_server_port(server, i));
        tcp += strncmp(config->listen.values[i], "unix:", 5) != 0;
    }
    for (size_t i = 0; i < config->health_listen.count; i++)
        sp_log(SP_LOG_INFO, "answering health probes on %s (port %d)", config->health_listen.values[i],
               sp_rpc_server_port(server, config->listen.count + i));
    if (tcp > 0 && config->tls.certificate == NULL && config->callers == NULL)
        sp_log(SP_LOG_WARNING, "listeners are plaintext: whoever reaches them may check%s",
               config->insecure ? "" : ", explain and list");
    else if (tcp > 0 && config->tls.certificate == NULL)
        sp_log(SP_LOG_WARNING, "listeners are plaintext: keys travel unencrypted to whoever connects");
}

static void say_what(const char *store, struct sp_revision revision) {
    const struct sp_log_field fields[] = {
        {.name = "store", .text = store},
        {.name = "epoch", .number = revision.epoch},
        {.name = "revision", .number = revision.number},
    };
    sp_log_fields(SP_LOG_INFO, "serving the store", fields, sizeof(fields) / sizeof(*fields));
}

/* SP_OK once the store is open. A store that is not there yet is waited for; SP_ERR_CANCELLED: a signal came first. A store
 * that must not be served (its reader locks do not work here, or it is of another format) ends the wait with
 * SP_ERR_PRECONDITION: no later try can mend that. */
static enum sp_status wait_for_store(struct sp_service *service, struct sp_error *error) {
    for (unsigned tries = 0;; tries++) {
        struct sp_revision revision = {0};
        enum sp_status status = sp_service_open_store(service, &revision, error);
        if (status == SP_OK)
            say_what(service->config->store, revision);
        if (status == SP_OK || status == SP_ERR_PRECONDITION)
            return status;
        if (tries % SAY_AGAIN_EVERY == 0)
            sp_log(SP_LOG_WARNING, "not serving yet: %s", error->message);
        if (sp_process_wait_for_signal(RETRY_STORE_MS))
            return SP_ERR_CANCELLED;
    }
}

static enum sp_status serve(struct sp_service *service, struct sp_rpc_server *server, struct sp_error *error) {
    enum sp_status status = wait_for_store(service, error);
    if (status == SP_OK)
        sp_server_serve_while_fresh(service, server);
    if (status == SP_ERR_PRECONDITION)
        sp_log(SP_LOG_ERROR, "cannot serve: %s", error->message);
    else
        sp_log(SP_LOG_INFO, "ending: calls under way get %" PRIu64 " ms; another signal ends at once",
               service->config->drain_ms);
    sp_process_let_signals_end();
    atomic_store(&service->ready, false);
    sp_rpc_server_stop(server, (unsigned)service->config->drain_ms);
    return status == SP_ERR_CANCELLED ? SP_OK : status;
}

static void hangup(void *user) {
    const struct sp_service *service = user;
    if (service->recorder.decision_log != NULL)
        sp_decision_log_reopen(service->recorder.decision_log);
}

int sp_server_run(const struct sp_server_config *config) {
    struct sp_error error = {0};
    struct sp_rpc_server *server = NULL;
    struct sp_http_server *http = NULL;
    sp_log_init("sallyportd", config->log_level);
    sp_log_set_format(config->log_format);
    sp_process_block_signals();
    if (!config->allow_core && sp_process_forbid_dumps() != SP_OK)
        sp_log(SP_LOG_WARNING, "core dumps cannot be forbidden here");
    struct sp_service *service = aligned_alloc(_Alignof(struct sp_service), sizeof(*service));
    enum sp_status status = service == NULL ? SP_ERR_MEMORY : sp_service_init(service, config);
    if (status != SP_OK) {
        if (service != NULL)
            sp_service_fini(service);
        free(service);
        sp_log(SP_LOG_ERROR, "cannot start: %s", sp_status_name(status));
        return EXIT_FAILURE;
    }
    status = sp_callers_open(config->callers, config->insecure, &service->callers, &error);
    if (status == SP_OK)
        status = listen_on(service, &server, &error);
    if (status == SP_OK)
        status = sp_reporting_start(service, server, &error);
    if (status == SP_OK)
        status = sp_decision_log_open(&config->decision_log_settings, &service->recorder.decision_log, &error);
    sp_process_on_hangup(hangup, service);
    service->rpc = server;
    if (status == SP_OK)
        status = sp_server_http_start(service, &http, &error);
    if (status == SP_OK)
        status = sp_rpc_server_start(server, &error);
    if (status == SP_OK) {
        say_where(config, server);
        status = serve(service, server, &error);
    } else {
        sp_log(SP_LOG_ERROR, "cannot start: %s", error.message);
    }
    sp_http_close(http);
    sp_rpc_server_close(server);
    sp_reporting_stop(service);
    sp_service_fini(service);
    sp_callers_close(service->callers);
    free(service);
    return status == SP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
