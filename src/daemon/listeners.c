#include "daemon/listeners.h"

#include <string.h>

#include "base/log.h"
#include "daemon/tls_refusals.h"

/* On any thread. */
static void log_tls_notice(void *user, bool good, const char *message) {
    (void)user;
    sp_log(good ? SP_LOG_INFO : SP_LOG_ERROR, "%s", message);
}

struct sp_rpc_server_options sp_listeners_rpc_options(const struct sp_daemon_options *options,
                                                      const struct sp_callers *callers,
                                                      uint32_t uids[static SP_CALLERS_MAX_UIDS]) {
    return (struct sp_rpc_server_options){
        .engine = options->serves_h2 ? SP_RPC_ENGINE_H2 : SP_RPC_ENGINE_GRPC,
        .listen = options->listen.values,
        .listen_count = options->listen.count,
        .insecure = options->insecure,
        .health_listen = options->health_listen.values,
        .health_listen_count = options->health_listen.count,
        .tls = options->tls,
        .notice = log_tls_notice,
        .tls_refused = sp_daemon_log_tls_refusal,
        .unix_uids = uids,
        .unix_uid_count = sp_callers_uids(callers, uids),
        .max_connection_age_s = (unsigned)options->max_connection_age_s,
        .max_stream_age_s = (unsigned)options->max_stream_age_s,
        .max_concurrent_streams = (unsigned)options->max_streams,
        .limits = {.max_connections = (unsigned)options->max_connections,
                   .max_connections_per_peer = (unsigned)options->max_connections_per_peer,
                   .max_health_connections = (unsigned)options->max_health_connections,
                   .request_timeout_s = (unsigned)options->request_timeout_s,
                   .request_memory_bytes = (size_t)options->request_memory_bytes,
                   .max_metadata_bytes = (size_t)options->max_metadata_bytes,
                   .max_resets_per_second = (unsigned)options->max_resets,
                   .max_control_frames_per_s = (unsigned)options->max_control_frames,
                   .max_empty_frames_per_s = (unsigned)options->max_empty_frames,
                   .answer_timeout_s = (unsigned)options->answer_timeout_s},
    };
}

struct sp_http_options sp_listeners_http_options(const struct sp_daemon_options *options,
                                                 const struct sp_option_texts *listen) {
    return (struct sp_http_options){
        .listen = listen->values,
        .listen_count = listen->count,
        .host_names = options->http_hosts.values,
        .host_name_count = options->http_hosts.count,
        .insecure = options->insecure,
        .tls = options->tls,
        .notice = log_tls_notice,
        .tls_refused = sp_daemon_log_http_tls_refusal,
        .max_connections = (unsigned)options->max_http_connections,
    };
}

struct sp_callers_options sp_listeners_callers_options(const struct sp_daemon_options *options) {
    return (struct sp_callers_options){
        .file = options->callers,
        .insecure = options->insecure,
        .unproven_tls = options->tls.certificate != NULL && options->tls.ca == NULL,
    };
}

/* With the port that was taken, if the address leaves it open ("127.0.0.1:0"). */
static void log_listening(const char *begin, const char *address, int port) {
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0 || colon == NULL)
        sp_log(SP_LOG_INFO, "%s %s", begin, address);
    else
        sp_log(SP_LOG_INFO, "%s %.*s:%d", begin, (int)(colon - address), address, port);
}

enum sp_status sp_listeners_open_http(const struct sp_http_options *options, const char *what,
                                      const struct sp_http_route *routes, size_t route_count,
                                      struct sp_http_server **ret_server, struct sp_error *error) {
    enum sp_status status = sp_http_open(options, routes, route_count, ret_server, error);
    if (status != SP_OK)
        return status;
    status = sp_http_start(*ret_server, error);
    if (status != SP_OK)
        return status;
    char begin[64];
    (void)snprintf(begin, sizeof(begin), "listening for %s on", what);
    for (size_t i = 0; i < options->listen_count; i++)
        log_listening(begin, options->listen[i], sp_http_port(*ret_server, i));
    return SP_OK;
}

void sp_listeners_close_http(struct sp_http_server **http, struct sp_http_server **metrics_http) {
    enum { LAST_REPLIES_MS = 1000 };
    sp_http_close(*metrics_http);
    *metrics_http = NULL;
    sp_http_stop(*http, LAST_REPLIES_MS);
    sp_http_close(*http);
    *http = NULL;
}

static bool has_tcp_listener(const struct sp_daemon_options *options) {
    for (size_t i = 0; i < options->listen.count; i++)
        if (strncmp(options->listen.values[i], "unix:", 5) != 0)
            return true;
    return false;
}

bool sp_listeners_are_plaintext(const struct sp_daemon_options *options) {
    return options->tls.certificate == NULL && has_tcp_listener(options);
}

bool sp_listeners_prove_nothing(const struct sp_daemon_options *options) {
    return options->tls.certificate != NULL && options->tls.ca == NULL && has_tcp_listener(options);
}

void sp_listeners_log_rpc(const struct sp_daemon_options *options, const struct sp_rpc_server *server,
                          const char *open_to_all) {
    for (size_t i = 0; i < options->listen.count; i++)
        log_listening("listening on", options->listen.values[i], sp_rpc_server_port(server, i));
    for (size_t i = 0; i < options->health_listen.count; i++)
        log_listening("answering health probes on", options->health_listen.values[i],
                      sp_rpc_server_port(server, options->listen.count + i));
    if (!sp_listeners_are_plaintext(options))
        return;
    if (open_to_all != NULL)
        sp_log(SP_LOG_WARNING, "listeners are plaintext: anyone who can reach them %s", open_to_all);
    else
        sp_log(SP_LOG_WARNING, "listeners are plaintext: keys travel unencrypted");
}
