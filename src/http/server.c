#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/listen.h"
#include "base/thread.h"
#include "http/connections.h"
#include "http/deferral.h"
#include "http/engine.h"
#include "http/handshake.h"
#include "http/pipe.h"
#include "http/refusal.h"
#include "http/request.h"
#include "tls/crl.h"

enum {
    MAX_CONNECTIONS = 256,
    SPARE_CONNECTIONS = 64,
    TIMEOUT_S = 10,
    REQUEST_TIMEOUTS = 3, /* for a request from its first byte to the end of its reply */
    MAX_BODY_BYTES = 1024 * 1024,
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    CHECK_EVERY_MS = SP_HEARTBEAT_EVERY_MS, /* for connections whose time is over */
    BACK_OFF_MS = 50,                       /* after an accept that failed */
};

struct sp_http_server {
    struct sp_http_options options;
    struct sp_listen *listens;
    size_t listen_count;
    struct engines engines;
    struct connections connections;
    struct exchanges exchanges;
    bool is_secure; /* TCP listeners speak TLS */
    struct sp_heartbeat heartbeat;
    int wake_fd; /* an eventfd: the thread is to end, or a deferred reply is there */
    pthread_t thread;
    bool running;
    bool stopping; /* the thread's own */
    int64_t stop_by_ms;
    int64_t look_at_ms;  /* when clients that have gone are looked for next */
    atomic_int grace_ms; /* negative: not stopping */
    struct sp_http_route routes[];
};

/* ---- libmicrohttpd's events, all on the server's thread ---- */

/* Over plaintext, on a listener that only this machine reaches. */
static bool is_at_loopback(const struct sp_http_server *server, int fd) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size = sizeof(address);
    if (server->is_secure || getsockname(fd, &address.any, &size) != 0)
        return false;
    int port = address.any.sa_family == AF_INET    ? ntohs(address.v4.sin_port)
               : address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port)
                                                   : 0;
    for (size_t i = 0; i < server->listen_count && port != 0; i++)
        if (server->listens[i].port == port)
            return server->listens[i].loopback;
    return false;
}

static void start_connection(struct sp_http_server *server, struct MHD_Connection *opened, void **state) {
    sp_http_connections_add(&server->connections, opened, state);
    struct connection *connection = *state;
    if (connection == NULL)
        return;
    connection->checks_host = is_at_loopback(server, connection->fd);
    sp_http_handshake_watch(connection);
}

static void end_connection(struct sp_http_server *server, void **state) {
    if (*state != NULL)
        sp_http_handshake_end(&server->connections, *state);
    sp_http_connections_remove(&server->connections, state);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    struct sp_http_server *server = user;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        start_connection(server, connection, state);
    else
        end_connection(server, state);
}

static void *on_request_line(void *user, const char *target, struct MHD_Connection *connection) {
    struct sp_http_server *server = user;
    struct connection *known = sp_http_connection_of(connection);
    if (known != NULL)
        known->in_headers = true;
    return sp_http_request_begin(&server->exchanges, connection, target);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *size, void **state) {
    struct sp_http_exchange *exchange = *state;
    struct connection *known = sp_http_connection_of(connection);
    (void)user;
    (void)url;
    if (known != NULL)
        known->in_headers = false;
    if (exchange == NULL)
        return MHD_NO;
    if (!exchange->has_headers)
        return sp_http_request_take_headers(exchange, method, version);
    if (*size == 0)
        return sp_http_request_answer(exchange);
    enum MHD_Result result = sp_http_request_take_body(exchange, bytes, *size);
    *size = 0;
    return result;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why) {
    const struct sp_http_server *server = user;
    (void)why;
    if (*state != NULL)
        sp_http_request_end(*state);
    *state = NULL;
    sp_http_connections_extend(&server->connections, connection);
}

static void on_stopping(void *user, const struct MHD_Daemon *daemon) {
    struct sp_http_server *server = user;
    sp_http_deferrals_abandon(&server->exchanges, daemon);
}

static void on_failure(void *user) {
    const struct sp_http_server *server = user;
    struct connection *connection = sp_http_connections_find_parsed(&server->connections);
    if (connection != NULL)
        sp_http_refuse_unparsed(connection);
}

static void on_handshake_failure(void *user) {
    const struct sp_http_server *server = user;
    sp_http_handshake_failed(&server->connections);
}

/* ---- the thread ---- */

static bool can_accept(const struct sp_http_server *server) {
    return !server->stopping && sp_http_connections_have_room(&server->connections);
}

/* False if accepting should pause. */
static bool accept_client(const struct sp_http_server *server, const struct sp_listen *listen) {
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } peer;
    socklen_t size = sizeof(peer);
    memset(&peer, 0, sizeof(peer));
    int fd = accept4(listen->fd, &peer.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    const struct sp_peer from = sp_http_peer_of(&peer.any);
    sp_http_connections_make_room_for_peer(&server->connections, &from);
    return sp_http_engines_take(&server->engines, listen->port == 0, fd, &peer.any, size);
}

static bool accept_clients(const struct sp_http_server *server, const struct pollfd *ready) {
    bool go_on = true;
    for (size_t i = 0; i < server->listen_count; i++)
        if ((ready[i].revents & POLLIN) != 0 && can_accept(server))
            go_on = accept_client(server, &server->listens[i]) && go_on;
    return go_on;
}

static int choose_wait_ms(struct sp_http_server *server, bool paused) {
    int most_ms = CHECK_EVERY_MS;
    if (paused || server->stopping)
        most_ms = BACK_OFF_MS;
    return sp_http_engines_wait_ms(&server->engines, most_ms, CHECK_EVERY_MS);
}

/* Begins to stop when that was asked for. True when nothing is left to be answered, or the time for
 * that is over. */
static bool advance_stop(struct sp_http_server *server) {
    int grace_ms = atomic_load(&server->grace_ms);
    if (grace_ms >= 0 && !server->stopping) {
        server->stopping = server->exchanges.stopping = true;
        server->stop_by_ms = sp_clock_monotonic_ms() + grace_ms;
    }
    return server->stopping && (server->exchanges.active == 0 || sp_clock_monotonic_ms() >= server->stop_by_ms);
}

/* The listeners, then the eventfd, then libmicrohttpd's epolls. Returns how many. */
static nfds_t fill_waits(const struct sp_http_server *server, struct pollfd *waits, bool paused) {
    int fds[ENGINES_MAX];
    size_t count = server->listen_count;
    for (size_t i = 0; i < count; i++)
        waits[i] = (struct pollfd){.fd = !server->stopping && !paused ? server->listens[i].fd : -1, .events = POLLIN};
    waits[count++] = (struct pollfd){.fd = server->wake_fd, .events = POLLIN};
    for (size_t i = sp_http_engines_fds(&server->engines, fds); i > 0; i--)
        waits[count++] = (struct pollfd){.fd = fds[i - 1], .events = POLLIN};
    return count;
}

static void drop_closed(struct sp_http_server *server) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms < server->look_at_ms)
        return;
    server->look_at_ms = now_ms + CHECK_EVERY_MS;
    sp_http_pipes_drop_closed(&server->exchanges);
}

static void serve_until_stopped(struct sp_http_server *server, struct pollfd *waits) {
    bool paused = false;
    while (!advance_stop(server)) {
        nfds_t count = fill_waits(server, waits, paused);
        int ready = poll(waits, count, choose_wait_ms(server, paused));
        sp_heartbeat_beat(&server->heartbeat);
        if (ready < 0 && errno != EINTR)
            break;
        paused = ready > 0 && !accept_clients(server, waits);
        if ((waits[server->listen_count].revents & POLLIN) != 0)
            (void)eventfd_read(server->wake_fd, &(eventfd_t){0});
        sp_http_deferrals_continue(&server->exchanges);
        sp_http_pipes_continue(&server->exchanges);
        drop_closed(server);
        sp_http_connections_shut_overdue(&server->connections);
        sp_http_engines_run(&server->engines);
        sp_http_engines_reload(&server->engines);
    }
}

static void *run_thread(void *user) {
    struct sp_http_server *server = user;
    struct pollfd *waits = calloc(server->listen_count + 1 + ENGINES_MAX, sizeof(*waits));
    (void)pthread_setname_np(pthread_self(),
                             server->options.thread_name != NULL ? server->options.thread_name : "http");
    if (server->options.thread_started != NULL)
        server->options.thread_started(server->options.user);
    if (waits != NULL)
        serve_until_stopped(server, waits);
    free(waits);
    /* Handlers' last events, such as those of unfinished requests, still come on this thread. */
    sp_http_engines_stop(&server->engines);
    if (server->options.thread_stopping != NULL)
        server->options.thread_stopping(server->options.user);
    return NULL;
}

/* ---- life ---- */

static struct sp_http_options complete_http_options(const struct sp_http_options *given) {
    struct sp_http_options options = *given;
    options.max_connections = options.max_connections == 0 ? MAX_CONNECTIONS : options.max_connections;
    options.timeout_s = options.timeout_s == 0 ? TIMEOUT_S : options.timeout_s;
    options.max_body_bytes = options.max_body_bytes == 0 ? MAX_BODY_BYTES : options.max_body_bytes;
    options.arena_budget_bytes = options.arena_budget_bytes == 0 ? ARENA_BUDGET_BYTES : options.arena_budget_bytes;
    options.listen = NULL; /* the caller's, read while opening only */
    return options;
}

static enum sp_status bind_addresses(struct sp_http_server *server, const struct sp_http_options *options,
                                     struct sp_error *error) {
    server->listens = calloc(options->listen_count + 1, sizeof(*server->listens));
    if (server->listens == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < options->listen_count; i++) {
        bool anywhere = options->insecure || options->tls.certificate != NULL;
        enum sp_status status = sp_listen_open(options->listen[i], anywhere, 0, &server->listens[i], error);
        if (status != SP_OK)
            return status;
        server->listen_count++;
    }
    return SP_OK;
}

static void notify_user(void *user, bool good, const char *message) {
    const struct sp_http_server *server = user;
    if (server->options.notice != NULL)
        server->options.notice(server->options.user, good, message);
}

static struct sp_http_server *allocate_server(const struct sp_http_options *options, const struct sp_http_route *routes,
                                              size_t route_count) {
    struct sp_http_server *server = calloc(1, sizeof(*server) + route_count * sizeof(*routes));
    if (server == NULL)
        return NULL;
    memcpy(server->routes, routes, route_count * sizeof(*routes));
    server->options = complete_http_options(options);
    server->is_secure = options->tls.certificate != NULL;
    server->exchanges = (struct exchanges){.routes = server->routes,
                                           .route_count = route_count,
                                           .max_body_bytes = server->options.max_body_bytes,
                                           .arena_budget_bytes = server->options.arena_budget_bytes,
                                           .host_names = server->options.host_names,
                                           .host_name_count = server->options.host_name_count,
                                           .clients_need_certificates = options->tls.ca != NULL};
    server->connections.patience_ms = (int64_t)server->options.timeout_s * 1000 * REQUEST_TIMEOUTS;
    atomic_init(&server->connections.count, 0);
    server->exchanges.connections = &server->connections;
    server->connections.tls_refused = options->tls_refused;
    server->connections.user = options->user;
    server->connections.most = server->options.max_connections;
    server->connections.most_per_peer = server->options.max_connections / 2 + server->options.max_connections % 2;
    /* Some that were shut down are still to be closed. */
    server->engines.max_connections = server->options.max_connections + SPARE_CONNECTIONS;
    server->engines.timeout_s = server->options.timeout_s;
    server->engines.events = (struct engine_events){.on_connection = on_connection,
                                                    .on_request_line = on_request_line,
                                                    .on_request = on_request,
                                                    .on_completed = on_completed,
                                                    .on_stopping = on_stopping,
                                                    .on_failure = on_failure,
                                                    .on_handshake_failure = on_handshake_failure,
                                                    .notice = notify_user,
                                                    .user = server};
    atomic_init(&server->grace_ms, -1);
    server->wake_fd = -1;
    return server;
}

static enum sp_status open_revocations(struct sp_http_server *server, const struct sp_tls_files *tls,
                                       struct sp_error *error) {
    const struct sp_tls_crl_options options = {.file = tls->crl, .ca = tls->ca, .notice = notify_user, .user = server};
    if (tls->crl == NULL)
        return SP_OK;
    server->exchanges.crl_memo = sp_tls_crl_memo_create();
    if (server->exchanges.crl_memo == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return sp_tls_crl_open(&options, &server->exchanges.crl, error);
}

static enum sp_status bind_and_start_engines(struct sp_http_server *server, const struct sp_http_options *options,
                                             struct sp_error *error) {
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake_fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create an eventfd: %s", strerror(errno));
    server->exchanges.deferrals = sp_http_deferrals_create(server->wake_fd);
    if (server->exchanges.deferrals == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = bind_addresses(server, options, error);
    if (status != SP_OK)
        return status;
    status = open_revocations(server, &options->tls, error);
    if (status != SP_OK)
        return status;
    return sp_http_engines_start(&server->engines, &options->tls, error);
}

enum sp_status sp_http_open(const struct sp_http_options *options, const struct sp_http_route *routes,
                            size_t route_count, struct sp_http_server **ret_server, struct sp_error *error) {
    struct sp_http_server *server = allocate_server(options, routes, route_count);
    if (server == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = bind_and_start_engines(server, options, error);
    if (status != SP_OK) {
        sp_http_close(server);
        return status;
    }
    *ret_server = server;
    return SP_OK;
}

int sp_http_port(const struct sp_http_server *server, size_t i) {
    return i < server->listen_count ? server->listens[i].port : -1;
}

enum sp_status sp_http_start(struct sp_http_server *server, struct sp_error *error) {
    enum sp_status status = sp_thread_start(&server->thread, run_thread, server, error, "the HTTP server's thread");
    if (status != SP_OK)
        return status;
    server->running = true;
    return SP_OK;
}

void sp_http_leave(struct sp_http_server *server) {
    if (server != NULL)
        atomic_store(&server->exchanges.leaving, true);
}

void sp_http_stop(struct sp_http_server *server, unsigned grace_ms) {
    if (server == NULL || !server->running)
        return;
    atomic_store(&server->grace_ms, (int)(grace_ms > 3600000 ? 3600000 : grace_ms));
    eventfd_write(server->wake_fd, 1);
    pthread_join(server->thread, NULL);
    server->running = false;
}

void sp_http_close(struct sp_http_server *server) {
    if (server == NULL)
        return;
    sp_http_stop(server, 0);
    sp_http_engines_stop(&server->engines);
    for (size_t i = 0; i < server->listen_count; i++)
        sp_listen_close(&server->listens[i]);
    sp_http_request_free_pool(&server->exchanges);
    sp_http_deferrals_close(server->exchanges.deferrals);
    sp_tls_crl_memo_free(server->exchanges.crl_memo);
    sp_tls_crl_close(server->exchanges.crl);
    if (server->wake_fd >= 0)
        close(server->wake_fd);
    free(server->listens);
    free(server);
}

unsigned sp_http_connections(const struct sp_http_server *server) {
    return server == NULL ? 0 : atomic_load(&server->connections.count);
}

const struct sp_heartbeat *sp_http_heartbeat(const struct sp_http_server *server) {
    return server == NULL ? NULL : &server->heartbeat;
}
