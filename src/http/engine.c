#include "http/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { CONNECTION_MEMORY_BYTES = 32 * 1024 }; /* request line and headers */

struct engine {
    struct engines *engines;
    struct engine *next; /* in the list of old ones */
    struct MHD_Daemon *daemon;
    int epoll_fd;
    unsigned connections;
};

static size_t keep_escapes(void *user, struct MHD_Connection *connection, char *text) {
    (void)user;
    (void)connection;
    return strlen(text);
}

/* Its messages are about clients' mistakes, and would let clients fill the log. These two come
 * before it answers a request with an error itself, and before it closes a connection of which the
 * TLS handshake failed. */
static void take_message(void *user, const char *format, va_list arguments) {
    const struct engine *engine = user;
    const struct engine_events *events = &engine->engines->events;
    struct sp_str message = sp_str_from(format);
    (void)arguments;
    if (sp_str_begins_with(message, SP_STR_LITERAL("Error processing request")))
        events->on_failure(events->user);
    else if (sp_str_begins_with(message, SP_STR_LITERAL("Error: received handshake message out of context")))
        events->on_handshake_failure(events->user);
}

/* At most four, and the end. */
static void fill_tls_options(const struct sp_tls_material *material, struct MHD_OptionItem *options) {
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

static void count_engine_connection(void *user, struct MHD_Connection *connection, void **state,
                                    enum MHD_ConnectionNotificationCode what) {
    struct engine *engine = user;
    const struct engine_events *events = &engine->engines->events;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        engine->connections++;
    else
        engine->connections--;
    events->on_connection(events->user, connection, state, what);
}

static bool start_daemon(struct engine *engine, const struct sp_tls_material *material) {
    const struct engines *engines = engine->engines;
    const struct engine_events *events = &engines->events;
    struct MHD_OptionItem tls[5];
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME |
                     (material == NULL ? 0 : MHD_USE_TLS);
    fill_tls_options(material, tls);
    engine->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, events->on_request, events->user, MHD_OPTION_EXTERNAL_LOGGER, take_message, engine,
        MHD_OPTION_CONNECTION_LIMIT, engines->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, engines->timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, count_engine_connection, engine, MHD_OPTION_URI_LOG_CALLBACK,
        events->on_request_line, events->user, MHD_OPTION_NOTIFY_COMPLETED, events->on_completed, events->user,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
    return engine->daemon != NULL;
}

/* `material` NULL: plaintext. */
static enum sp_status start_engine(struct engines *engines, const struct sp_tls_material *material,
                                   struct engine **ret_engine, struct sp_error *error) {
    struct engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    engine->engines = engines;
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

/* A daemon with suspended connections cannot be stopped. */
static void stop_engine(struct engine *engine) {
    const struct engine_events *events = &engine->engines->events;
    events->on_stopping(events->user, engine->daemon);
    MHD_run(engine->daemon);
    MHD_stop_daemon(engine->daemon);
    free(engine);
}

static size_t list_engines(const struct engines *engines, struct engine *ret_list[static ENGINES_MAX]) {
    size_t count = 0;
    if (engines->plain != NULL)
        ret_list[count++] = engines->plain;
    if (engines->secure != NULL)
        ret_list[count++] = engines->secure;
    for (struct engine *old = engines->old; old != NULL && count < ENGINES_MAX; old = old->next)
        ret_list[count++] = old;
    return count;
}

/* ---- life ---- */

enum sp_status sp_http_engines_start(struct engines *engines, const struct sp_tls_files *tls, struct sp_error *error) {
    struct sp_tls_material material = {0};
    enum sp_status status = start_engine(engines, NULL, &engines->plain, error);
    if (status != SP_OK || tls->certificate == NULL)
        return status;
    status = sp_tls_watch_open(&engines->watch, tls, &material, error);
    if (status != SP_OK)
        return status;
    status = start_engine(engines, &material, &engines->secure, error);
    sp_tls_material_fini(&material);
    return status;
}

void sp_http_engines_stop(struct engines *engines) {
    struct engine *list[ENGINES_MAX];
    for (size_t i = list_engines(engines, list); i > 0; i--)
        stop_engine(list[i - 1]);
    engines->plain = engines->secure = engines->old = NULL;
}

/* ---- running ---- */

bool sp_http_engines_take(const struct engines *engines, bool is_unix, int fd, const struct sockaddr *peer,
                          socklen_t size) {
    const struct engine *engine = is_unix || engines->secure == NULL ? engines->plain : engines->secure;
    return MHD_add_connection(engine->daemon, fd, peer, size) == MHD_YES; /* closes the socket if it fails */
}

size_t sp_http_engines_fds(const struct engines *engines, int ret_fds[static ENGINES_MAX]) {
    struct engine *list[ENGINES_MAX];
    size_t count = list_engines(engines, list);
    for (size_t i = 0; i < count; i++)
        ret_fds[i] = list[i]->epoll_fd;
    return count;
}

int sp_http_engines_wait_ms(const struct engines *engines, int most_ms, int longest_ms) {
    struct engine *list[ENGINES_MAX];
    int wait_ms = most_ms;
    for (size_t i = list_engines(engines, list); i > 0; i--) {
        MHD_UNSIGNED_LONG_LONG asked = 0;
        if (MHD_get_timeout(list[i - 1]->daemon, &asked) != MHD_YES)
            continue;
        int asked_ms = asked > (unsigned)longest_ms ? longest_ms : (int)asked;
        wait_ms = wait_ms < 0 || asked_ms < wait_ms ? asked_ms : wait_ms;
    }
    return wait_ms;
}

void sp_http_engines_run(const struct engines *engines) {
    struct engine *list[ENGINES_MAX];
    for (size_t i = list_engines(engines, list); i > 0; i--)
        MHD_run(list[i - 1]->daemon);
}

/* ---- new certificates ---- */

/* Ends those that nobody is connected to, and those that are too many. */
static void end_old_engines(struct engines *engines) {
    struct engine **at = &engines->old;
    for (size_t kept = 2; *at != NULL;) {
        struct engine *old = *at;
        if (old->connections > 0 && kept < ENGINES_MAX) {
            at = &old->next;
            kept++;
        } else {
            *at = old->next;
            stop_engine(old);
        }
    }
}

static void switch_certificate(struct engines *engines, const struct sp_tls_material *material) {
    struct engine *engine = NULL;
    struct sp_error error = {0};
    if (start_engine(engines, material, &engine, &error) != SP_OK) {
        sp_tls_tell_news(engines->events.notice, engines->events.user, error.message);
        return;
    }
    engines->secure->next = engines->old;
    engines->old = engines->secure;
    engines->secure = engine;
    sp_tls_tell_news(engines->events.notice, engines->events.user, NULL);
}

void sp_http_engines_reload(struct engines *engines) {
    struct sp_tls_material material;
    if (engines->secure == NULL)
        return;
    if (sp_tls_watch_take_new(&engines->watch, engines->events.notice, engines->events.user, &material)) {
        switch_certificate(engines, &material);
        sp_tls_material_fini(&material);
    }
    end_old_engines(engines);
}
