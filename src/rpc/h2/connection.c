#include "rpc/h2/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "rpc/h2/budget.h"
#include "rpc/h2/bytes.h"
#include "rpc/h2/call.h"
#include "rpc/h2/ready.h"

enum {
    GREETING_MS = 10 * 1000,
    LAST_GOAWAY_MS = 1000, /* after the first: requests that were under way have come by then */
    ENDING_MS = 1000,
    LINGERING_MS = 1000,
    STALL_MS = 30 * 1000, /* how long a client may take nothing */

    STREAM_WINDOW_BYTES = 64 * 1024 - 1,
    CONNECTION_WINDOW_BYTES = 1024 * 1024,
    OUTPUT_BYTES = 64 * 1024,       /* written in one piece */
    FULL_OUTPUT_BYTES = 256 * 1024, /* so much unsent, and nothing more is read from the client */
    READ_BYTES_A_TURN = 64 * 1024,
    HANDSHAKES_A_TURN = 8,

    RESETS_A_SECOND = 1000,
    CONTROL_FRAMES_A_SECOND = 20 * 1000,
    EMPTY_FRAMES_A_SECOND = 1000,

    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_EVERY_S = 20,
    KEEPALIVE_PROBES = 3,
    UNACKNOWLEDGED_MS = 60 * 1000,
};

/* ---- phases ---- */

static void enter_phase(struct h2_connection *connection, enum h2_phase phase, int64_t duration_ms) {
    int64_t now_ms = connection->loop->now_ms;
    connection->phase = phase;
    connection->phase_ends_ms = duration_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + duration_ms;
    sp_rpc_h2_ready_connection(connection);
}

/* A tenth more or less than configured, so that clients do not come back all at once. */
static int64_t draw_age_ms(const struct sp_rpc_server_options *options) {
    uint8_t random[4];
    if (options->max_connection_age_s == 0)
        return INT64_MAX;
    int64_t age_ms = (int64_t)options->max_connection_age_s * 1000;
    if (sp_random_fill(random, sizeof(random)) != SP_OK)
        return age_ms;
    return age_ms - age_ms / 10 + sp_load_be32(random) % (age_ms / 5 + 1);
}

static void begin_serving(struct h2_connection *connection) {
    if (connection->phase == H2_PHASE_GREETING)
        enter_phase(connection, H2_PHASE_SERVING, draw_age_ms(connection->loop->server->options.server));
}

void sp_rpc_h2_connection_retire(struct h2_connection *connection) {
    if (connection->phase > H2_PHASE_SERVING)
        return;
    if (connection->phase == H2_PHASE_GREETING) {
        sp_rpc_h2_connection_end(connection);
        return;
    }
    if (nghttp2_submit_shutdown_notice(connection->session) != 0)
        connection->broken = true;
    enter_phase(connection, H2_PHASE_RETIRING, LAST_GOAWAY_MS);
}

static void say_last_goaway(struct h2_connection *connection) {
    nghttp2_session *session = connection->session;
    int32_t last_stream_id = nghttp2_session_get_last_proc_stream_id(session);
    if (nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, last_stream_id, NGHTTP2_NO_ERROR, NULL, 0) != 0)
        connection->broken = true;
    enter_phase(connection, H2_PHASE_LEAVING,
                (int64_t)connection->loop->server->options.server->connection_age_grace_s * 1000);
}

static void end_with_error(struct h2_connection *connection, uint32_t error_code) {
    if (connection->phase >= H2_PHASE_ENDING)
        return;
    if (!connection->socket.shaken)
        connection->broken = true;
    if (connection->session != NULL && nghttp2_session_terminate_session(connection->session, error_code) != 0)
        connection->broken = true;
    enter_phase(connection, H2_PHASE_ENDING, ENDING_MS);
}

void sp_rpc_h2_connection_end(struct h2_connection *connection) {
    if (connection->phase >= H2_PHASE_LAST_WORDS)
        return;
    if (!connection->socket.shaken)
        connection->broken = true;
    for (struct h2_call *call = connection->calls; call != NULL; call = call->next)
        sp_rpc_h2_ready_call(call, H2_EVENT_STOPPING);
    enter_phase(connection, H2_PHASE_LAST_WORDS, ENDING_MS);
}

static void end_flooding(struct h2_connection *connection, enum sp_rpc_bound bound) {
    if (connection->phase >= H2_PHASE_ENDING)
        return;
    sp_rpc_bound_count(connection->loop->server->options.counts, bound);
    end_with_error(connection, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- what nghttp2 reports ---- */

static bool is_request(const nghttp2_frame *frame) {
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct h2_connection *connection = user;
    if (!is_request(frame))
        return 0;
    struct h2_call *call = sp_rpc_h2_call_begin(connection, frame->hd.stream_id);
    if (call == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
    return 0;
}

static int take_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                       const uint8_t *value, size_t value_size, uint8_t flags, void *user) {
    (void)flags;
    (void)user;
    if (!is_request(frame))
        return 0;
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    if (!sp_rpc_h2_budget_take(call, name_size + value_size))
        call->head.is_too_large = true;
    const struct sp_str name_text = {(const char *)name, name_size}, value_text = {(const char *)value, value_size};
    return sp_rpc_h2_head_add(&call->head, name_text, value_text, H2_MAX_HEAD_BYTES)
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int take_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t size,
                     void *user) {
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    (void)flags;
    (void)user;
    if (nghttp2_session_consume_connection(session, size) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (call != NULL)
        sp_rpc_h2_call_input(call, data, size);
    else if (nghttp2_session_consume_stream(session, stream_id, size) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static bool is_over(unsigned *count, unsigned limit) {
    return ++*count > limit;
}

static int count_frame(nghttp2_session *session, const nghttp2_frame_hd *frame, void *user) {
    struct h2_connection *connection = user;
    struct h2_rates *rates = &connection->rates;
    (void)session;
    if (connection->loop->now_ms - rates->second_ms >= 1000)
        *rates = (struct h2_rates){.second_ms = connection->loop->now_ms};
    switch (frame->type) {
    case NGHTTP2_DATA:
        if (frame->length == 0 && (frame->flags & NGHTTP2_FLAG_END_STREAM) == 0 &&
            is_over(&rates->empty_frames, EMPTY_FRAMES_A_SECOND))
            end_flooding(connection, SP_RPC_BOUND_FRAMES);
        break;
    case NGHTTP2_HEADERS:
        break;
    case NGHTTP2_RST_STREAM:
        if (is_over(&rates->resets, RESETS_A_SECOND))
            end_flooding(connection, SP_RPC_BOUND_RESETS);
        break;
    default:
        if (is_over(&rates->control_frames, CONTROL_FRAMES_A_SECOND))
            end_flooding(connection, SP_RPC_BOUND_FRAMES);
        break;
    }
    return 0;
}

static int take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct h2_connection *connection = user;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        begin_serving(connection);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    if (is_request(frame))
        sp_rpc_h2_call_arrive(call);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        sp_rpc_h2_call_half_close(call);
    return 0;
}

/* A call that was answered before its client has half-closed needs nothing more from it. */
static int follow_sent_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    const struct h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL || call->half_closed)
        return 0;
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int close_stream(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user) {
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    (void)error_code;
    (void)user;
    if (call != NULL)
        sp_rpc_h2_call_leave(call);
    return 0;
}

enum sp_status sp_rpc_h2_sessions_prepare(struct h2_server *server) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return SP_ERR_MEMORY;
    server->callbacks = callbacks;
    if (nghttp2_option_new(&option) != 0)
        return SP_ERR_MEMORY;
    server->session_options = option;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, take_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_data);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, count_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, take_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, follow_sent_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, close_stream);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    return SP_OK;
}

void sp_rpc_h2_sessions_fini(struct h2_server *server) {
    nghttp2_session_callbacks_del(server->callbacks);
    nghttp2_option_del(server->session_options);
}

/* ---- opening ---- */

static bool greet_client(struct h2_connection *connection) {
    const struct h2_server *server = connection->loop->server;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server->options.server->max_concurrent_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_MAX_HEAD_BYTES},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_session *session = NULL;
    if (nghttp2_session_server_new2(&session, server->callbacks, connection, server->session_options) != 0)
        return false;
    connection->session = session;
    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0])) == 0 &&
           nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES) == 0;
}

/* TCP tells of clients that vanished; HTTP/2 pings are not needed for it. */
static void set_tcp_options(int fd) {
    const int on = 1, idle_s = KEEPALIVE_IDLE_S, every_s = KEEPALIVE_EVERY_S, probes = KEEPALIVE_PROBES;
    const unsigned unacknowledged_ms = UNACKNOWLEDGED_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
}

static bool name_unix_peer(struct h2_connection *connection) {
    struct ucred process;
    socklen_t size = sizeof(process);
    if (getsockopt(connection->socket.fd, SOL_SOCKET, SO_PEERCRED, &process, &size) != 0)
        return false;
    memcpy(connection->peer, "unix", sizeof("unix"));
    connection->uid_known = true;
    connection->uid = process.uid;
    return true;
}

static bool name_tcp_peer(struct h2_connection *connection) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof(address);
    memset(&address, 0, sizeof(address));
    if (getpeername(connection->socket.fd, &address.any, &size) != 0)
        return false;
    const struct in6_addr *v6 = &address.v6.sin6_addr;
    if (address.any.sa_family == AF_INET)
        return inet_ntop(AF_INET, &address.v4.sin_addr, connection->peer, sizeof(connection->peer)) != NULL;
    if (IN6_IS_ADDR_V4MAPPED(v6))
        return inet_ntop(AF_INET, &v6->s6_addr[12], connection->peer, sizeof(connection->peer)) != NULL;
    return inet_ntop(AF_INET6, v6, connection->peer, sizeof(connection->peer)) != NULL;
}

static bool prepare_connection(struct h2_connection *connection) {
    struct h2_loop *loop = connection->loop;
    struct h2_socket *socket = &connection->socket;
    if (connection->kind == SP_PEER_UNIX ? !name_unix_peer(connection) : !name_tcp_peer(connection))
        return false;
    if (connection->kind != SP_PEER_UNIX)
        set_tcp_options(socket->fd);
    if (connection->kind == SP_PEER_TLS) {
        socket->ssl = sp_rpc_h2_tls_accept(loop->server->options.tls, socket->fd);
        if (socket->ssl == NULL)
            return false;
    }
    socket->shaken = socket->ssl == NULL;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->interest = event.events;
    return greet_client(connection) && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, socket->fd, &event) == 0;
}

static void link_connection(struct h2_connection *connection) {
    struct h2_loop *loop = connection->loop;
    connection->next = loop->connections;
    if (loop->connections != NULL)
        loop->connections->previous = connection;
    loop->connections = connection;
}

static void unlink_connection(struct h2_connection *connection) {
    struct h2_loop *loop = connection->loop;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    pthread_mutex_lock(&loop->server->lock);
    atomic_fetch_sub(&loop->connection_count, 1);
    pthread_cond_broadcast(&loop->server->changed);
    pthread_mutex_unlock(&loop->server->lock);
}

static void free_connection(struct h2_connection *connection) {
    sp_rpc_h2_certificate_free(connection->certificate);
    sp_rpc_h2_bytes_clear(&connection->output, 0);
    free(connection);
}

/* Its place was counted when the socket was given to the loop. */
void sp_rpc_h2_connection_open(struct h2_loop *loop, const struct h2_arrival *arrival) {
    struct h2_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        close(arrival->fd);
        atomic_fetch_sub(&loop->connection_count, 1);
        return;
    }
    connection->loop = loop;
    connection->socket.fd = arrival->fd;
    connection->kind = arrival->entrance->kind;
    connection->timer.owner = connection;
    link_connection(connection);
    if (!prepare_connection(connection))
        connection->broken = true;
    enter_phase(connection, H2_PHASE_GREETING, GREETING_MS);
}

/* ---- reading ---- */

static void take_certificate(struct h2_connection *connection) {
    connection->certificate = sp_rpc_h2_certificate_read(connection->socket.ssl);
    if (connection->certificate == NULL)
        connection->broken = true;
}

/* True when it is done. */
static bool shake_hands(struct h2_connection *connection) {
    struct h2_socket *socket = &connection->socket;
    if (socket->shaken)
        return true;
    /* The others have their turn first: a handshake takes as long as hundreds of calls. */
    if (connection->loop->handshakes++ >= HANDSHAKES_A_TURN)
        return false;
    switch (sp_rpc_h2_socket_shake(socket)) {
    case H2_IO_DONE:
        take_certificate(connection);
        return !connection->broken;
    case H2_IO_LATER:
        return false;
    case H2_IO_ENDED:
        connection->broken = true;
        return false;
    }
    return false;
}

static void feed_session(struct h2_connection *connection, const uint8_t *bytes, size_t size) {
    if (connection->phase >= H2_PHASE_ENDING)
        return; /* thrown away */
    if (nghttp2_session_mem_recv(connection->session, bytes, size) >= 0)
        return;
    /* No HTTP/2, or out of memory. What nghttp2 can explain it has put into a GOAWAY by itself. */
    enter_phase(connection, H2_PHASE_ENDING, ENDING_MS);
}

static size_t count_pending_bytes(const struct h2_socket *socket) {
    return socket->ssl == NULL ? 0 : (size_t)SSL_pending(socket->ssl);
}

static void read_socket(struct h2_connection *connection) {
    struct h2_socket *socket = &connection->socket;
    uint8_t *buffer = connection->loop->read_buffer;
    size_t total = 0, size = 0;
    do {
        switch (sp_rpc_h2_socket_read(socket, buffer, H2_READ_BUFFER_BYTES, &size)) {
        case H2_IO_DONE:
            break;
        case H2_IO_LATER:
            return;
        case H2_IO_ENDED:
            connection->broken = true;
            return;
        }
        feed_session(connection, buffer, size);
        total += size;
    } while (count_pending_bytes(socket) > 0 || (socket->ssl != NULL && total < READ_BYTES_A_TURN));
}

void sp_rpc_h2_connection_read(struct h2_connection *connection) {
    if (connection->phase == H2_PHASE_CLOSED)
        return;
    sp_rpc_h2_ready_connection(connection);
    if (!connection->broken && shake_hands(connection))
        read_socket(connection);
}

/* ---- writing ---- */

static size_t count_unsent(const struct h2_connection *connection) {
    return connection->output.size - connection->output_at;
}

static void gather_frames(struct h2_connection *connection) {
    const uint8_t *frames = NULL;
    while (count_unsent(connection) < OUTPUT_BYTES) {
        ssize_t size = nghttp2_session_mem_send(connection->session, &frames);
        if (size == 0)
            return;
        if (size < 0 || !sp_rpc_h2_bytes_append(&connection->output, frames, (size_t)size)) {
            connection->broken = true;
            return;
        }
    }
}

/* True when all was written. */
static bool write_output(struct h2_connection *connection) {
    size_t written = 0;
    while (count_unsent(connection) > 0) {
        switch (sp_rpc_h2_socket_write(&connection->socket, connection->output.data + connection->output_at,
                                       count_unsent(connection), &written)) {
        case H2_IO_DONE:
            connection->output_at += written;
            connection->stalled_ms = 0;
            break;
        case H2_IO_LATER:
            if (connection->stalled_ms == 0)
                connection->stalled_ms = connection->loop->now_ms;
            return false;
        case H2_IO_ENDED:
            connection->broken = true;
            return false;
        }
    }
    connection->output.size = connection->output_at = 0;
    if (connection->output.capacity > OUTPUT_BYTES)
        sp_rpc_h2_bytes_clear(&connection->output, 0);
    return true;
}

static void write_frames(struct h2_connection *connection) {
    if (!connection->socket.shaken)
        return;
    do
        gather_frames(connection);
    while (!connection->broken && count_unsent(connection) > 0 && write_output(connection));
}

/* ---- the end of a turn ---- */

static void watch_socket(struct h2_connection *connection) {
    uint32_t interest = 0;
    if (count_unsent(connection) < FULL_OUTPUT_BYTES)
        interest |= EPOLLIN;
    if (count_unsent(connection) > 0 || connection->socket.wants_to_write)
        interest |= EPOLLOUT;
    if (interest == connection->interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = connection};
    connection->interest = interest;
    if (epoll_ctl(connection->loop->epoll_fd, EPOLL_CTL_MOD, connection->socket.fd, &event) != 0)
        connection->broken = true;
}

static void set_connection_timer(struct h2_connection *connection) {
    struct timers *timers = &connection->loop->connection_timers;
    int64_t due_ms = connection->phase_ends_ms;
    if (connection->stalled_ms != 0 && connection->stalled_ms + STALL_MS < due_ms)
        due_ms = connection->stalled_ms + STALL_MS;
    if (due_ms == INT64_MAX)
        sp_rpc_timers_unset(timers, &connection->timer);
    else if ((connection->timer.at == 0 || connection->timer.due_ms != due_ms) &&
             !sp_rpc_timers_set(timers, &connection->timer, due_ms))
        connection->broken = true;
}

static void leave_all_calls(struct h2_connection *connection) {
    for (struct h2_call *call = connection->calls; call != NULL; call = call->next)
        if (!call->gone)
            sp_rpc_h2_call_leave(call);
}

static void close_connection(struct h2_connection *connection) {
    connection->phase = H2_PHASE_CLOSED;
    sp_rpc_timers_unset(&connection->loop->connection_timers, &connection->timer);
    leave_all_calls(connection);
    nghttp2_session_del(connection->session);
    connection->session = NULL;
    /* The accepting thread has a duplicate, by which epoll would go on to watch it. */
    (void)epoll_ctl(connection->loop->epoll_fd, EPOLL_CTL_DEL, connection->socket.fd, NULL);
    sp_rpc_h2_socket_close(&connection->socket);
    unlink_connection(connection);
}

static void begin_to_linger(struct h2_connection *connection) {
    leave_all_calls(connection);
    (void)shutdown(connection->socket.fd, SHUT_WR);
    enter_phase(connection, H2_PHASE_LINGERING, LINGERING_MS);
}

static bool has_nothing_left(const struct h2_connection *connection) {
    return connection->session != NULL && nghttp2_session_want_read(connection->session) == 0 &&
           nghttp2_session_want_write(connection->session) == 0;
}

void sp_rpc_h2_connection_flush(struct h2_connection *connection) {
    if (connection->phase == H2_PHASE_CLOSED) {
        if (connection->calls == NULL)
            free_connection(connection);
        return;
    }
    if (!connection->broken && connection->phase != H2_PHASE_LINGERING)
        write_frames(connection);
    if (connection->phase == H2_PHASE_LAST_WORDS && count_unsent(connection) == 0)
        end_with_error(connection, NGHTTP2_NO_ERROR);
    if (!connection->broken && count_unsent(connection) == 0 && connection->phase != H2_PHASE_LINGERING &&
        (connection->phase == H2_PHASE_ENDING || has_nothing_left(connection)))
        begin_to_linger(connection);
    if (!connection->broken)
        watch_socket(connection);
    if (!connection->broken)
        set_connection_timer(connection);
    if (!connection->broken)
        return;
    close_connection(connection);
    /* Otherwise it comes here again. */
    if (connection->calls == NULL && !connection->dirty)
        free_connection(connection);
}

void sp_rpc_h2_connection_come_due(struct h2_connection *connection) {
    int64_t now_ms = connection->loop->now_ms;
    struct sp_rpc_bound_counts *counts = connection->loop->server->options.counts;
    sp_rpc_h2_ready_connection(connection);
    if (connection->stalled_ms != 0 && connection->stalled_ms + STALL_MS <= now_ms) {
        sp_rpc_bound_count(counts, SP_RPC_BOUND_STALLED);
        connection->broken = true;
    }
    if (connection->phase_ends_ms > now_ms)
        return;
    switch (connection->phase) {
    case H2_PHASE_GREETING:
        sp_rpc_bound_count(counts, SP_RPC_BOUND_SLOW);
        connection->broken = true;
        break;
    case H2_PHASE_SERVING:
        sp_rpc_h2_connection_retire(connection);
        break;
    case H2_PHASE_RETIRING:
        say_last_goaway(connection);
        break;
    case H2_PHASE_LEAVING:
        sp_rpc_h2_connection_end(connection);
        break;
    case H2_PHASE_LAST_WORDS:
    case H2_PHASE_ENDING:
    case H2_PHASE_LINGERING:
        connection->broken = true;
        break;
    case H2_PHASE_CLOSED:
        break;
    }
}
