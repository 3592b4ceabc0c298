#include "rpc/h2/connection.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/h2/bytes.h"
#include "rpc/h2/call.h"
#include "rpc/h2/peer.h"
#include "rpc/h2/phase.h"
#include "rpc/h2/ready.h"
#include "rpc/h2/session.h"

enum {
    LINGERING_MS = 1000,

    /* Written in one piece. With so much unsent nothing more is read from the client: nghttp2 has
     * no bound for the frames that wait behind it. */
    OUTPUT_BYTES = 64 * 1024,
    READ_BYTES_A_TURN = 16 * 1024,
    HANDSHAKES_A_TURN = 8,
};

/* ---- opening ---- */

static bool prepare_connection(struct h2_connection *connection) {
    struct h2_loop *loop = connection->loop;
    struct h2_socket *socket = &connection->socket;
    if (!sp_rpc_h2_peer_name(connection))
        return false;
    if (connection->kind == SP_PEER_TLS) {
        socket->ssl = sp_rpc_h2_tls_accept(loop->server->options.tls, socket->fd);
        if (socket->ssl == NULL)
            return false;
    }
    socket->shaken = socket->ssl == NULL;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->interest = event.events;
    return sp_rpc_h2_session_open(connection) && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, socket->fd, &event) == 0;
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

static void free_h2_connection(struct h2_connection *connection) {
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
    sp_rpc_h2_phase_enter(connection, H2_PHASE_GREETING,
                          (int64_t)loop->server->options.server->limits.request_timeout_s * 1000);
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
        sp_rpc_h2_session_feed(connection, buffer, size);
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

static size_t count_unsent_bytes(const struct h2_connection *connection) {
    return connection->output.size - connection->output_at;
}

static void gather_frames(struct h2_connection *connection) {
    const uint8_t *frames = NULL;
    while (count_unsent_bytes(connection) < OUTPUT_BYTES) {
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
    while (count_unsent_bytes(connection) > 0) {
        switch (sp_rpc_h2_socket_write(&connection->socket, connection->output.data + connection->output_at,
                                       count_unsent_bytes(connection), &written)) {
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
    while (!connection->broken && count_unsent_bytes(connection) > 0 && write_output(connection));
}

/* ---- the end of a turn ---- */

static void watch_socket(struct h2_connection *connection) {
    uint32_t interest = 0;
    if (count_unsent_bytes(connection) < OUTPUT_BYTES)
        interest |= EPOLLIN;
    if (count_unsent_bytes(connection) > 0 || connection->socket.wants_to_write)
        interest |= EPOLLOUT;
    if (interest == connection->interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = connection};
    connection->interest = interest;
    if (epoll_ctl(connection->loop->epoll_fd, EPOLL_CTL_MOD, connection->socket.fd, &event) != 0)
        connection->broken = true;
}

static int64_t answer_timeout_ms(const struct h2_connection *connection) {
    return (int64_t)connection->loop->server->options.server->limits.answer_timeout_s * 1000;
}

/* What is not written now, although the socket takes more, waits for the client's window. */
static void watch_owed_output(struct h2_connection *connection) {
    if (connection->owing == 0)
        connection->owing_due_ms = 0;
    else if (connection->owing_due_ms == 0)
        connection->owing_due_ms = connection->loop->now_ms + answer_timeout_ms(connection);
}

static void reset_stalled_calls(struct h2_connection *connection) {
    int64_t timeout_ms = answer_timeout_ms(connection);
    int64_t oldest_ms = sp_rpc_h2_session_reset_stalled(connection, connection->loop->now_ms - timeout_ms);
    connection->owing_due_ms = oldest_ms == INT64_MAX ? 0 : oldest_ms + timeout_ms;
}

static void set_connection_timer(struct h2_connection *connection) {
    struct timers *timers = &connection->loop->connection_timers;
    int64_t due_ms = connection->phase_ends_ms;
    if (connection->stalled_ms != 0 && connection->stalled_ms + answer_timeout_ms(connection) < due_ms)
        due_ms = connection->stalled_ms + answer_timeout_ms(connection);
    if (connection->owing_due_ms != 0 && connection->owing_due_ms < due_ms)
        due_ms = connection->owing_due_ms;
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

/* Clients that linger too may be many: nothing but the socket is kept for them. */
static void begin_to_linger(struct h2_connection *connection) {
    leave_all_calls(connection);
    nghttp2_session_del(connection->session);
    connection->session = NULL;
    sp_rpc_h2_bytes_clear(&connection->output, 0);
    connection->output_at = 0;
    (void)shutdown(connection->socket.fd, SHUT_WR);
    sp_rpc_h2_phase_enter(connection, H2_PHASE_LINGERING, LINGERING_MS);
}

static bool has_nothing_left(const struct h2_connection *connection) {
    return connection->session != NULL && nghttp2_session_want_read(connection->session) == 0 &&
           nghttp2_session_want_write(connection->session) == 0;
}

void sp_rpc_h2_connection_flush(struct h2_connection *connection) {
    if (connection->phase == H2_PHASE_CLOSED) {
        if (connection->calls == NULL)
            free_h2_connection(connection);
        return;
    }
    if (!connection->broken && connection->phase != H2_PHASE_LINGERING)
        write_frames(connection);
    if (connection->phase == H2_PHASE_LAST_WORDS && count_unsent_bytes(connection) == 0)
        sp_rpc_h2_phase_end(connection, NGHTTP2_NO_ERROR);
    if (!connection->broken && count_unsent_bytes(connection) == 0 && connection->phase != H2_PHASE_LINGERING &&
        (connection->phase == H2_PHASE_ENDING || has_nothing_left(connection)))
        begin_to_linger(connection);
    if (!connection->broken)
        watch_socket(connection);
    watch_owed_output(connection);
    if (!connection->broken)
        set_connection_timer(connection);
    if (!connection->broken)
        return;
    close_connection(connection);
    /* Otherwise it comes here again. */
    if (connection->calls == NULL && !connection->dirty)
        free_h2_connection(connection);
}

void sp_rpc_h2_connection_come_due(struct h2_connection *connection) {
    int64_t now_ms = connection->loop->now_ms;
    struct sp_rpc_bound_counts *counts = connection->loop->server->options.counts;
    sp_rpc_h2_ready_connection(connection);
    if (connection->owing_due_ms != 0 && connection->owing_due_ms <= now_ms)
        reset_stalled_calls(connection);
    if (connection->stalled_ms != 0 && connection->stalled_ms + answer_timeout_ms(connection) <= now_ms) {
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
        sp_rpc_h2_phase_retire(connection);
        break;
    case H2_PHASE_RETIRING:
        sp_rpc_h2_phase_leave(connection);
        break;
    case H2_PHASE_LEAVING:
        sp_rpc_h2_phase_last_words(connection);
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
