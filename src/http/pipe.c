#include "http/pipe.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "http/connections.h"
#include "http/deferral.h"
#include "http/exchange_state.h"
#include "http/respond.h"

enum { FIRST_BYTES = 4 * 1024, KEPT_BYTES = 64 * 1024, BLOCK_BYTES = 16 * 1024 };

struct sp_http_pipe {
    struct sp_http_pipe_events events;
    atomic_bool ready;    /* there is something to be taken, or the end */
    pthread_mutex_t lock; /* guards what follows */
    unsigned references;  /* the writer's, and the exchange's */
    uint8_t *bytes;       /* those from `at` to `used` were not taken yet */
    size_t at, used, capacity;
    bool ended, gone;
    struct deferrals *deferrals; /* of the server that takes; NULL: it does not yet, or not any more */
};

struct sp_http_pipe *sp_http_pipe_create(const struct sp_http_pipe_events *events) {
    struct sp_http_pipe *pipe = calloc(1, sizeof(*pipe));
    if (pipe == NULL)
        return NULL;
    pipe->events = *events;
    pipe->references = 1;
    atomic_init(&pipe->ready, false);
    pthread_mutex_init(&pipe->lock, NULL);
    return pipe;
}

void sp_http_pipe_release(struct sp_http_pipe *pipe) {
    if (pipe == NULL)
        return;
    pthread_mutex_lock(&pipe->lock);
    bool last = --pipe->references == 0;
    pthread_mutex_unlock(&pipe->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&pipe->lock);
    free(pipe->bytes);
    free(pipe);
}

/* ---- writing ---- */

static bool grow_pipe(struct sp_http_pipe *pipe, size_t more) {
    if (more <= pipe->capacity - pipe->used)
        return true;
    if (more > SIZE_MAX / 4 || pipe->used > SIZE_MAX / 4)
        return false;
    size_t capacity = pipe->capacity == 0 ? FIRST_BYTES : pipe->capacity;
    while (capacity < pipe->used + more)
        capacity *= 2;
    uint8_t *bytes = realloc(pipe->bytes, capacity);
    if (bytes == NULL)
        return false;
    pipe->bytes = bytes;
    pipe->capacity = capacity;
    return true;
}

/* Locked. */
static void wake_reader(struct sp_http_pipe *pipe) {
    if (!atomic_exchange(&pipe->ready, true) && pipe->deferrals != NULL)
        sp_http_deferrals_wake(pipe->deferrals);
}

bool sp_http_pipe_write(struct sp_http_pipe *pipe, const struct sp_bytes *parts, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    pthread_mutex_lock(&pipe->lock);
    bool taken = !pipe->gone && !pipe->ended && grow_pipe(pipe, size);
    for (size_t i = 0; i < count && taken; i++) {
        if (parts[i].size > 0)
            memcpy(pipe->bytes + pipe->used, parts[i].data, parts[i].size);
        pipe->used += parts[i].size;
    }
    if (taken)
        wake_reader(pipe);
    pthread_mutex_unlock(&pipe->lock);
    return taken;
}

void sp_http_pipe_end(struct sp_http_pipe *pipe) {
    pthread_mutex_lock(&pipe->lock);
    pipe->ended = true;
    wake_reader(pipe);
    pthread_mutex_unlock(&pipe->lock);
}

/* ---- taking ---- */

struct taken {
    size_t size;
    bool all; /* nothing is left */
    bool ended;
};

static struct taken take_from_pipe(struct sp_http_pipe *pipe, char *buffer, size_t room) {
    pthread_mutex_lock(&pipe->lock);
    size_t left = pipe->used - pipe->at;
    struct taken taken = {.size = left < room ? left : room, .ended = pipe->ended};
    if (taken.size > 0)
        memcpy(buffer, pipe->bytes + pipe->at, taken.size);
    pipe->at += taken.size;
    taken.all = pipe->at == pipe->used;
    if (taken.all) {
        pipe->at = pipe->used = 0;
        if (!pipe->ended)
            atomic_store(&pipe->ready, false);
    }
    if (taken.all && pipe->capacity > KEPT_BYTES) { /* one large message is no reason to keep its memory */
        free(pipe->bytes);
        pipe->bytes = NULL;
        pipe->capacity = 0;
    }
    pthread_mutex_unlock(&pipe->lock);
    return taken;
}

/* Nothing is there. A connection that waits for us is not late. */
static ssize_t wait_for_writer(struct sp_http_exchange *exchange) {
    struct connection *connection = sp_http_connection_of(exchange->connection);
    if (exchange->abandoned)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (connection != NULL)
        connection->deadline_ms = INT64_MAX;
    exchange->suspended = true;
    MHD_suspend_connection(exchange->connection);
    return 0;
}

static ssize_t read_pipe(void *user, uint64_t position, char *buffer, size_t room) {
    struct sp_http_exchange *exchange = user;
    struct sp_http_pipe *pipe = exchange->pipe;
    (void)position;
    struct taken taken = take_from_pipe(pipe, buffer, room);
    if (taken.size > 0) {
        sp_http_connections_extend(exchange->exchanges->connections, exchange->connection);
        if (taken.all && !taken.ended)
            pipe->events.taken(pipe->events.user);
        return (ssize_t)taken.size;
    }
    return taken.ended ? MHD_CONTENT_READER_END_OF_STREAM : wait_for_writer(exchange);
}

void sp_http_reply_in_pieces(struct sp_http_exchange *exchange, unsigned status, const char *content_type,
                             struct sp_http_pipe *pipe) {
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_pipe, exchange, NULL);
    pthread_mutex_lock(&pipe->lock);
    pipe->references++;
    pipe->deferrals = exchange->exchanges->deferrals;
    pthread_mutex_unlock(&pipe->lock);
    exchange->pipe = pipe;
    if (response != NULL)
        sp_http_respond(exchange, status, content_type, response);
    if (!exchange->replied)
        sp_http_pipes_leave(exchange);
}

/* ---- the server's side ---- */

void sp_http_pipes_continue(struct exchanges *exchanges) {
    for (struct sp_http_exchange *at = exchanges->deferred; at != NULL; at = at->deferred_next)
        if (at->pipe != NULL && at->suspended && atomic_load(&at->pipe->ready)) {
            sp_http_connections_extend(exchanges->connections, at->connection);
            sp_http_unsuspend(at);
        }
}

static bool has_client_gone(const struct sp_http_exchange *exchange) {
    const struct connection *connection = sp_http_connection_of(exchange->connection);
    struct pollfd look = {.fd = connection == NULL ? -1 : connection->fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void sp_http_pipes_drop_closed(struct exchanges *exchanges) {
    for (struct sp_http_exchange *at = exchanges->deferred; at != NULL; at = at->deferred_next)
        if (at->pipe != NULL && at->suspended && has_client_gone(at)) {
            at->abandoned = true;
            sp_http_unsuspend(at);
        }
}

void sp_http_pipes_leave(struct sp_http_exchange *exchange) {
    struct sp_http_pipe *pipe = exchange->pipe;
    if (pipe == NULL)
        return;
    exchange->pipe = NULL;
    pthread_mutex_lock(&pipe->lock);
    pipe->gone = true;
    pipe->deferrals = NULL;
    pthread_mutex_unlock(&pipe->lock);
    pipe->events.gone(pipe->events.user);
    sp_http_pipe_release(pipe);
}
