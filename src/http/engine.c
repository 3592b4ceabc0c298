#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

enum { CONNECTION_MEMORY_BYTES = 32 * 1024 }; /* request line and headers */

static size_t keep_escapes(void *user, struct MHD_Connection *connection, char *text) {
    (void)user;
    (void)connection;
    return strlen(text);
}

/* Its words are about clients' mistakes, and would let clients fill the log. */
static void keep_quiet(void *user, const char *format, va_list arguments) {
    (void)user;
    (void)format;
    (void)arguments;
}

/* At most four, and the end. */
static void fill_tls(const struct sp_tls_material *material, struct MHD_OptionItem *options) {
    static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    size_t count = 0;
    if (material != NULL) {
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, material->certificate};
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, material->key};
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, priorities};
        if (material->ca != NULL)
            options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, material->ca};
    }
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

static bool start_daemon(struct engine *engine, const struct sp_tls_material *material) {
    struct sp_http_server *server = engine->server;
    struct MHD_OptionItem tls[5];
    unsigned flags =
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | (material == NULL ? 0 : MHD_USE_TLS);
    fill_tls(material, tls);
    engine->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, server_on_request, server, MHD_OPTION_EXTERNAL_LOGGER, keep_quiet, server,
        MHD_OPTION_CONNECTION_LIMIT, server->options.max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        server->options.timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, server_on_connection, engine,
        MHD_OPTION_URI_LOG_CALLBACK, server_on_request_line, server, MHD_OPTION_NOTIFY_COMPLETED, server_on_completed,
        server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, server, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    return engine->daemon != NULL;
}

enum sp_status engine_start(struct sp_http_server *server, const struct sp_tls_material *material,
                            struct engine **ret_engine, struct sp_error *error) {
    struct engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    engine->server = server;
    if (!start_daemon(engine, material)) {
        free(engine);
        return sp_error_set(error, SP_ERR_IO,
                            material == NULL ? "cannot start the HTTP server"
                                             : "the HTTP server cannot use the certificate");
    }
    engine->epoll_fd = MHD_get_daemon_info(engine->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    *ret_engine = engine;
    return SP_OK;
}

void engine_stop(struct engine *engine) {
    if (engine == NULL)
        return;
    MHD_stop_daemon(engine->daemon);
    free(engine);
}

size_t engine_list(const struct sp_http_server *server, struct engine *ret_engines[static ENGINES_MAX]) {
    size_t count = 0;
    if (server->plain != NULL)
        ret_engines[count++] = server->plain;
    if (server->secure != NULL)
        ret_engines[count++] = server->secure;
    for (struct engine *old = server->old; old != NULL && count < ENGINES_MAX; old = old->next)
        ret_engines[count++] = old;
    return count;
}

/* ---- new certificates ---- */

static void notice(const struct sp_http_server *server, bool good, const char *message) {
    if (server->options.notice != NULL)
        server->options.notice(server->options.user, good, message);
}

/* Ends those that nobody is connected to, and those that are too many. */
static void end_old(struct sp_http_server *server) {
    struct engine **at = &server->old;
    for (size_t kept = 2; *at != NULL;) {
        struct engine *old = *at;
        if (old->connections > 0 && kept < ENGINES_MAX) {
            at = &old->next;
            kept++;
        } else {
            *at = old->next;
            engine_stop(old);
        }
    }
}

static void take_over(struct sp_http_server *server, const struct sp_tls_material *material) {
    struct engine *engine = NULL;
    struct sp_error error = {0};
    if (engine_start(server, material, &engine, &error) != SP_OK) {
        notice(server, false, error.message);
        return;
    }
    server->secure->next = server->old;
    server->old = server->secure;
    server->secure = engine;
    notice(server, true, "the HTTP port serves a new certificate");
}

void engine_look_after(struct sp_http_server *server) {
    struct sp_tls_material material = {0};
    struct sp_error error = {0};
    if (server->secure == NULL)
        return;
    switch (sp_tls_watch_look(&server->watch, http_now_ms(), &material, &error)) {
    case SP_TLS_CHANGED:
        take_over(server, &material);
        sp_tls_material_fini(&material);
        break;
    case SP_TLS_BROKEN:
        notice(server, false, error.message);
        break;
    case SP_TLS_UNCHANGED:
        break;
    }
    end_old(server);
}

/* ---- clients ---- */

bool engine_knows_client(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned faults = 0;
    if (info == NULL || info->tls_session == NULL)
        return true; /* a Unix socket */
    return gnutls_certificate_verify_peers2((gnutls_session_t)info->tls_session, &faults) == GNUTLS_E_SUCCESS &&
           faults == 0;
}
