#include "http/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/internal.h"

enum {
    MAX_CONNECTIONS = 256,
    TIMEOUT_S = 10,
    WHOLE_TIMES = 3, /* timeouts for a whole request and its reply */
    MAX_BODY_BYTES = 1024 * 1024,
    ARENA_BUDGET_BYTES = 16 * 1024 * 1024,
    LOOK_EVERY_MS = 1000, /* for connections whose time is over */
    BACK_OFF_MS = 50,     /* after an accept that failed */
};

int64_t http_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- libmicrohttpd's events, all on the server's thread ---- */

static int64_t deadline_ms(const struct sp_http_server *server) {
    return http_now_ms() + (int64_t)server->options.timeout_s * 1000 * WHOLE_TIMES;
}

static void connection_opened(struct sp_http_server *server, struct MHD_Connection *of, void **state) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(of, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = info == NULL ? NULL : calloc(1, sizeof(*connection));
    if (connection == NULL)
        return; /* libmicrohttpd's own timeout is left */
    *connection =
        (struct connection){.next = server->connections, .fd = info->connect_fd, .deadline_ms = deadline_ms(server)};
    if (connection->next != NULL)
        connection->next->previous = connection;
    server->connections = connection;
    *state = connection;
}

static void connection_closed(struct sp_http_server *server, void **state) {
    struct connection *connection = *state;
    if (connection == NULL)
        return;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    free(connection);
    *state = NULL;
}

void server_on_connection(void *user, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    struct engine *engine = user;
    struct sp_http_server *server = engine->server;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        engine->connections++;
        atomic_fetch_add(&server->connection_count, 1);
        connection_opened(server, connection, state);
    } else {
        engine->connections--;
        atomic_fetch_sub(&server->connection_count, 1);
        connection_closed(server, state);
    }
}

void *server_on_request_line(void *user, const char *target, struct MHD_Connection *connection) {
    return exchange_begin(user, connection, target);
}

enum MHD_Result server_on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *size, void **state) {
    struct sp_http_exchange *exchange = *state;
    (void)user;
    (void)connection;
    (void)url;
    (void)version;
    if (exchange == NULL)
        return MHD_NO;
    if (!exchange->seen)
        return exchange_headers(exchange, method);
    if (*size == 0)
        return exchange_answer(exchange);
    enum MHD_Result result = exchange_body(exchange, bytes, *size);
    *size = 0;
    return result;
}

void server_on_completed(void *user, struct MHD_Connection *of, void **state, enum MHD_RequestTerminationCode why) {
    struct sp_http_server *server = user;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(of, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *connection = info == NULL ? NULL : info->socket_context;
    (void)why;
    if (*state != NULL)
        exchange_end(*state);
    *state = NULL;
    if (connection != NULL)
        connection->deadline_ms = deadline_ms(server);
}

/* ---- the thread ---- */

static bool accepts(const struct sp_http_server *server) {
    return !server->stopping && atomic_load(&server->connection_count) < server->options.max_connections;
}

/* False where accepting should pause. */
static bool accept_one(struct sp_http_server *server, const struct sp_listen *listen) {
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } peer;
    socklen_t size = sizeof(peer);
    memset(&peer, 0, sizeof(peer));
    int fd = accept4(listen->fd, &peer.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    /* It closes the socket where it fails. */
    const struct engine *engine = listen->port == 0 || server->secure == NULL ? server->plain : server->secure;
    return MHD_add_connection(engine->daemon, fd, &peer.any, size) == MHD_YES;
}

static bool accept_ready(struct sp_http_server *server, const struct pollfd *ready) {
    bool go_on = true;
    for (size_t i = 0; i < server->listen_count && accepts(server); i++)
        if ((ready[i].revents & POLLIN) != 0)
            go_on = accept_one(server, &server->listens[i]) && go_on;
    return go_on;
}

/* Ends what takes too long, however busily: libmicrohttpd's timeout begins anew with each byte. */
static void shut_overdue(struct sp_http_server *server) {
    int64_t now_ms = http_now_ms();
    for (struct connection *connection = server->connections; connection != NULL; connection = connection->next)
        if (now_ms >= connection->deadline_ms)
            shutdown(connection->fd, SHUT_RDWR);
}

static int shorter_ms(int a, int b) {
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Negative: as long as nothing happens. */
static int wait_ms(const struct sp_http_server *server, bool paused) {
    struct engine *engines[ENGINES_MAX];
    bool look = atomic_load(&server->connection_count) > 0 || server->secure != NULL;
    int most = look ? LOOK_EVERY_MS : -1;
    if (paused || server->stopping)
        most = BACK_OFF_MS;
    for (size_t i = engine_list(server, engines); i > 0; i--) {
        MHD_UNSIGNED_LONG_LONG own = 0;
        if (MHD_get_timeout(engines[i - 1]->daemon, &own) == MHD_YES)
            most = shorter_ms(most, own > LOOK_EVERY_MS ? LOOK_EVERY_MS : (int)own);
    }
    return most;
}

static bool is_over(struct sp_http_server *server) {
    int grace_ms = atomic_load(&server->grace_ms);
    if (grace_ms >= 0 && !server->stopping) {
        server->stopping = true;
        server->stop_by_ms = http_now_ms() + grace_ms;
    }
    return server->stopping && (server->exchange_count == 0 || http_now_ms() >= server->stop_by_ms);
}

/* The listeners, then the eventfd, then libmicrohttpd's epolls. Returns how many. */
static nfds_t fill_waits(const struct sp_http_server *server, struct pollfd *waits, bool paused) {
    struct engine *engines[ENGINES_MAX];
    size_t count = server->listen_count;
    for (size_t i = 0; i < count; i++)
        waits[i] = (struct pollfd){.fd = accepts(server) && !paused ? server->listens[i].fd : -1, .events = POLLIN};
    waits[count++] = (struct pollfd){.fd = server->stopping ? -1 : server->wake_fd, .events = POLLIN};
    for (size_t i = engine_list(server, engines); i > 0; i--)
        waits[count++] = (struct pollfd){.fd = engines[i - 1]->epoll_fd, .events = POLLIN};
    return count;
}

static void run_engines(struct sp_http_server *server) {
    struct engine *engines[ENGINES_MAX];
    for (size_t i = engine_list(server, engines); i > 0; i--)
        MHD_run(engines[i - 1]->daemon);
}

static void serve(struct sp_http_server *server, struct pollfd *waits) {
    bool paused = false;
    while (!is_over(server)) {
        nfds_t count = fill_waits(server, waits, paused);
        int ready = poll(waits, count, wait_ms(server, paused));
        if (ready < 0 && errno != EINTR)
            break;
        paused = ready > 0 && !accept_ready(server, waits);
        shut_overdue(server);
        run_engines(server);
        engine_look_after(server);
    }
}

static void stop_engines(struct sp_http_server *server) {
    struct engine *engines[ENGINES_MAX];
    for (size_t i = engine_list(server, engines); i > 0; i--)
        engine_stop(engines[i - 1]);
    server->plain = server->secure = server->old = NULL;
}

static void *thread_main(void *user) {
    struct sp_http_server *server = user;
    struct pollfd *waits = calloc(server->listen_count + 1 + ENGINES_MAX, sizeof(*waits));
    if (server->options.thread_started != NULL)
        server->options.thread_started(server->options.user);
    if (waits != NULL)
        serve(server, waits);
    free(waits);
    /* Handlers' last words, such as those about unfinished requests, are still said on this thread. */
    stop_engines(server);
    if (server->options.thread_stopping != NULL)
        server->options.thread_stopping(server->options.user);
    return NULL;
}

/* ---- life ---- */

static struct sp_http_options with_defaults(const struct sp_http_options *given) {
    struct sp_http_options options = *given;
    options.max_connections = options.max_connections == 0 ? MAX_CONNECTIONS : options.max_connections;
    options.timeout_s = options.timeout_s == 0 ? TIMEOUT_S : options.timeout_s;
    options.max_body_bytes = options.max_body_bytes == 0 ? MAX_BODY_BYTES : options.max_body_bytes;
    options.arena_budget_bytes = options.arena_budget_bytes == 0 ? ARENA_BUDGET_BYTES : options.arena_budget_bytes;
    options.listen = NULL; /* the caller's, read while opening only */
    return options;
}

static enum sp_status bind_all(struct sp_http_server *server, const struct sp_http_options *options,
                               struct sp_error *error) {
    server->listens = calloc(options->listen_count + 1, sizeof(*server->listens));
    if (server->listens == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < options->listen_count; i++) {
        bool anywhere = options->insecure || options->tls.certificate != NULL;
        enum sp_status status = sp_listen_open(options->listen[i], anywhere, &server->listens[i], error);
        if (status != SP_OK)
            return status;
        server->listen_count++;
    }
    return SP_OK;
}

static enum sp_status start_engines(struct sp_http_server *server, struct sp_error *error) {
    struct sp_tls_material material = {0};
    enum sp_status status = engine_start(server, NULL, &server->plain, error);
    if (status != SP_OK || server->options.tls.certificate == NULL)
        return status;
    status = sp_tls_watch_open(&server->watch, &server->options.tls, &material, error);
    if (status == SP_OK)
        status = engine_start(server, &material, &server->secure, error);
    sp_tls_material_fini(&material);
    return status;
}

enum sp_status sp_http_open(const struct sp_http_options *options, const struct sp_http_route *routes,
                            size_t route_count, struct sp_http_server **ret_server, struct sp_error *error) {
    struct sp_http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    server->options = with_defaults(options);
    server->routes = routes;
    server->route_count = route_count;
    atomic_init(&server->grace_ms, -1);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum sp_status status = server->wake_fd < 0
                                ? sp_error_set(error, SP_ERR_IO, "cannot make an eventfd: %s", strerror(errno))
                                : bind_all(server, options, error);
    if (status == SP_OK)
        status = start_engines(server, error);
    if (status == SP_OK)
        *ret_server = server;
    else
        sp_http_close(server);
    return status;
}

int sp_http_port(const struct sp_http_server *server, size_t i) {
    return i < server->listen_count ? server->listens[i].port : -1;
}

enum sp_status sp_http_start(struct sp_http_server *server, struct sp_error *error) {
    int failed = pthread_create(&server->thread, NULL, thread_main, server);
    if (failed != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot start the HTTP server's thread: %s", strerror(failed));
    server->running = true;
    return SP_OK;
}

void sp_http_stop(struct sp_http_server *server, unsigned grace_ms) {
    if (!server->running)
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
    stop_engines(server);
    for (size_t i = 0; i < server->listen_count; i++)
        sp_listen_close(&server->listens[i]);
    while (server->pool != NULL) {
        struct sp_http_exchange *exchange = server->pool;
        server->pool = exchange->next;
        exchange_free(exchange);
    }
    if (server->wake_fd >= 0)
        close(server->wake_fd);
    free(server->listens);
    free(server);
}

unsigned sp_http_connections(const struct sp_http_server *server) {
    return atomic_load(&server->connection_count);
}
