#include "connect/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "connect/failure.h"
#include "connect/frame.h"
#include "connect/gzip.h"
#include "connect/message.h"
#include "http/deferral.h"
#include "http/identity.h"
#include "http/pipe.h"
#include "rpc/refusals.h"

enum {
    KEPT_FIRST_BYTES = 4 * 1024,
    KEPT_BUDGET_BYTES = 8 * 1024 * 1024, /* a request's headers and body */
    SCRATCH_FIRST_BYTES = 4 * 1024,
    SCRATCH_BUDGET_BYTES = 256 * 1024 * 1024, /* one message; one change may be a batch of an import */
    MIN_COMPRESSED_BYTES = 512,
};

/* What happened to a stream and is for the worker to look at. */
enum {
    EVENT_BEGUN = 1,
    EVENT_READ = 2,  /* the handler has asked for a message */
    EVENT_TAKEN = 4, /* what was sent has gone to the connection */
    EVENT_WOKEN = 8,
    EVENT_GONE = 16, /* the exchange is over: the last of the HTTP server's events */
};

struct connect_stream {
    struct connect_call call;  /* first: a stream is its call. Its exchange is ours until the reply has begun */
    struct connect_task clock; /* for its deadline or age */
    struct connect_stream *previous, *next; /* of the service's */
    /* A copy of the request, which may be gone before the handler is. */
    struct sp_arena kept;
    struct sp_http_field *fields;
    size_t field_count;
    struct sp_str peer;
    struct sp_identity identity;
    struct sp_bytes rest; /* of the body */

    struct sp_arena scratch; /* of the message that is read or written */
    struct sp_http_pipe *pipe;
    pthread_mutex_t lock; /* guards `events` */
    unsigned events;
    bool sending;   /* a message was not taken yet */
    bool read_next; /* when it was, the next one is read; otherwise the handler hears that it was sent */
    bool ended;     /* by this side */
    bool gone;      /* the other side */
    bool opened;    /* the handler knows of it */
    bool closed;    /* and that it is over */
};

static struct connect_stream *stream_of(const struct sp_rpc_call *base) {
    return (struct connect_stream *)(uintptr_t)base;
}

static void run_stream_events(struct connect_task *task);

/* Any thread that may still do so. The lock is held until the task was posted, so that the worker
 * cannot free it meanwhile. */
static void post_stream_event(struct connect_stream *stream, unsigned event) {
    pthread_mutex_lock(&stream->lock);
    bool posted = stream->events != 0;
    stream->events |= event;
    if (!posted)
        sp_connect_worker_post(stream->call.method->service->worker, &stream->call.task);
    pthread_mutex_unlock(&stream->lock);
}

/* ---- life ---- */

static void free_connect_stream(struct connect_stream *stream) {
    sp_http_pipe_release(stream->pipe);
    sp_arena_wipe(&stream->kept);
    sp_arena_fini(&stream->kept);
    sp_arena_wipe(&stream->scratch);
    sp_arena_fini(&stream->scratch);
    pthread_mutex_destroy(&stream->lock);
    sp_connect_call_fini(&stream->call);
    free(stream);
}

static void note_pieces_taken(void *user) {
    post_stream_event(user, EVENT_TAKEN);
}

static void note_client_gone(void *user) {
    post_stream_event(user, EVENT_GONE);
}

static void begin_reply_in_pieces(struct sp_http_exchange *exchange, void *state, bool may_reply) {
    struct connect_stream *stream = state;
    if (may_reply)
        sp_http_reply_in_pieces(exchange, 200, stream->call.content_type, stream->pipe);
    else
        note_client_gone(stream);
}

/* The exchange is the HTTP server's from here on. */
static void begin_reply(struct connect_stream *stream) {
    if (stream->call.begun)
        return;
    stream->call.begun = true;
    if (stream->call.head.accepts_gzip)
        sp_http_add_header(stream->call.exchange, "Connect-Content-Encoding", SP_STR_LITERAL("gzip"));
    sp_http_resume(stream->call.exchange);
}

static void list_stream(struct connect_stream *stream) {
    struct connect_service *service = stream->call.method->service;
    stream->next = service->streams;
    if (stream->next != NULL)
        stream->next->previous = stream;
    service->streams = stream;
}

static void unlist_stream(struct connect_stream *stream) {
    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        stream->call.method->service->streams = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
}

/* ---- ending ---- */

static bool is_stream_open(const struct connect_stream *stream) {
    return !stream->ended && !stream->gone;
}

/* {"error":{"code":…,"message":…},"metadata":{…}}: the first of a call that failed, the second of
 * one with trailers. */
static struct sp_bytes write_end(struct connect_stream *stream, enum sp_status status, const char *message) {
    struct sp_bytes text = {(const uint8_t *)"{}", 2};
    const struct connect_call *call = &stream->call;
    if (status == SP_OK && call->trailers == NULL)
        return text;
    json_t *failure = status == SP_OK ? NULL : sp_connect_failure_json(status, message, call->details);
    json_t *json = json_pack("{s:o*,s:O*}", "error", failure, "metadata", call->trailers);
    bool failed = status != SP_OK && failure == NULL;
    if (failed || sp_connect_write_json(json, &stream->kept, &text) != SP_OK)
        text = sp_bytes_of_str(SP_STR_LITERAL("{\"error\":{\"code\":\"resource_exhausted\"}}"));
    json_decref(json);
    return text;
}

/* Does nothing to a stream that is ending already. */
static void end_connect_stream(struct connect_stream *stream, enum sp_status status, const char *message) {
    uint8_t head[SP_CONNECT_FRAME_HEAD_BYTES];
    if (!is_stream_open(stream))
        return;
    stream->ended = true;
    struct sp_bytes text = write_end(stream, status, message);
    sp_connect_frame_head(SP_CONNECT_FRAME_END, text.size, head);
    const struct sp_bytes parts[] = {{head, sizeof(head)}, text};
    /* Without its end the client takes the reply for one that broke. */
    (void)sp_http_pipe_write(stream->pipe, parts, 2);
    sp_http_pipe_end(stream->pipe);
    begin_reply(stream);
}

/* Once it is over for the handler, and for the HTTP server. */
static void settle_stream(struct connect_stream *stream) {
    const struct connect_method *method = stream->call.method;
    if (is_stream_open(stream))
        return;
    if (!stream->closed) {
        stream->closed = true;
        sp_connect_worker_unpost(method->service->worker, &stream->clock);
        unlist_stream(stream);
        if (stream->opened && method->rpc.stream->closed != NULL)
            method->rpc.stream->closed(&stream->call.base, method->rpc.user);
    }
    pthread_mutex_lock(&stream->lock);
    bool posted = stream->events != 0;
    pthread_mutex_unlock(&stream->lock);
    if (stream->gone && !posted)
        free_connect_stream(stream);
}

static void end_overdue_stream(struct connect_task *task) {
    struct connect_stream *stream =
        (struct connect_stream *)(void *)((char *)task - offsetof(struct connect_stream, clock));
    if (sp_connect_call_remaining_ms(&stream->call.base) == 0)
        end_connect_stream(stream, SP_ERR_DEADLINE, "the deadline has passed");
    else
        end_connect_stream(stream, SP_ERR_UNAVAILABLE, "the stream has reached its maximum age: reconnect");
    settle_stream(stream);
}

void sp_connect_streams_end(struct connect_service *service) {
    for (struct connect_stream *stream = service->streams, *next; stream != NULL; stream = next) {
        next = stream->next;
        end_connect_stream(stream, SP_ERR_UNAVAILABLE, sp_rpc_reconnect);
        settle_stream(stream);
    }
}

/* ---- sending ---- */

static void send_frame(struct connect_stream *stream, struct sp_bytes message, bool read_next) {
    struct sp_error error = {0};
    struct sp_bytes text, compressed;
    uint8_t head[SP_CONNECT_FRAME_HEAD_BYTES];
    const struct sp_connect_head *of = &stream->call.head;
    if (!is_stream_open(stream))
        return;
    sp_arena_wipe(&stream->scratch);
    const struct sp_connect_form form = sp_connect_reply_form(&stream->call);
    enum sp_status status = sp_connect_write_message(&form, message, &stream->scratch, &text, &error);
    if (status != SP_OK) {
        end_connect_stream(stream, status, error.message);
        return;
    }
    bool compresses =
        of->accepts_gzip && text.size >= MIN_COMPRESSED_BYTES && sp_connect_gzip(text, &stream->scratch, &compressed);
    if (compresses)
        text = compressed;
    sp_connect_frame_head(compresses ? SP_CONNECT_FRAME_GZIP : 0, text.size, head);
    const struct sp_bytes parts[] = {{head, sizeof(head)}, text};
    stream->sending = true;
    stream->read_next = read_next;
    if (!sp_http_pipe_write(stream->pipe, parts, 2))
        end_connect_stream(stream, SP_ERR_MEMORY, "out of memory");
    sp_arena_wipe(&stream->scratch); /* a stream that waits holds no message */
    begin_reply(stream);
}

static void send_message(struct sp_rpc_call *base, struct sp_bytes message) {
    send_frame(stream_of(base), message, false);
}

static void send_message_and_read(struct sp_rpc_call *base, struct sp_bytes message) {
    send_frame(stream_of(base), message, true);
}

static void fail_stream(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    end_connect_stream(stream_of(base), status, message);
}

static void finish_stream(struct sp_rpc_call *base) {
    end_connect_stream(stream_of(base), SP_OK, NULL);
}

static void read_message(struct sp_rpc_call *base) {
    post_stream_event(stream_of(base), EVENT_READ);
}

static void wake_stream(struct sp_rpc_call *base) {
    post_stream_event(stream_of(base), EVENT_WOKEN);
}

/* ---- what handlers ask, of the copy ---- */

static size_t find_kept_headers(const struct sp_rpc_call *base, const char *key, struct sp_str *ret_values,
                                size_t room) {
    const struct connect_stream *stream = stream_of(base);
    size_t count = 0;
    for (size_t i = 0; i < stream->field_count; i++) {
        struct sp_str name = stream->fields[i].name;
        if (!sp_str_equal_ignoring_case(name, sp_str_from(key)))
            continue;
        if (count < room)
            ret_values[count] = stream->fields[i].value;
        count++;
    }
    return count;
}

static struct sp_str find_kept_peer(struct sp_rpc_call *base) {
    return stream_of(base)->peer;
}

static void find_kept_identity(const struct sp_rpc_call *base, struct sp_identity *ret_identity) {
    *ret_identity = stream_of(base)->identity;
}

static const struct call_ops stream_call_ops = {
    .metadata_all = find_kept_headers,
    .peer = find_kept_peer,
    .identity = find_kept_identity,
    .remaining_ms = sp_connect_call_remaining_ms,
    .fail = fail_stream,
    .read = read_message,
    .send = send_message,
    .send_and_read = send_message_and_read,
    .finish = finish_stream,
    .wake = wake_stream,
};

/* ---- beginning ---- */

static bool keep_text(struct connect_stream *stream, struct sp_str *text) {
    text->data = sp_arena_strdup(&stream->kept, *text);
    return text->data != NULL;
}

static bool keep_names(struct connect_stream *stream, struct sp_str *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!keep_text(stream, &names[i]))
            return false;
    return true;
}

/* All that is needed of an exchange that may end before the handler. */
static bool keep_request(struct connect_stream *stream) {
    struct sp_http_exchange *exchange = stream->call.exchange;
    struct sp_identity *identity = &stream->identity;
    size_t count = sp_http_headers(exchange, NULL, 0);
    struct sp_bytes body = sp_http_body(exchange);
    stream->fields = sp_arena_calloc(&stream->kept, count + 1, sizeof(*stream->fields));
    uint8_t *copy = sp_arena_alloc(&stream->kept, body.size + 1);
    if (stream->fields == NULL || copy == NULL || sp_http_headers(exchange, stream->fields, count) != count)
        return false;
    stream->field_count = count;
    for (size_t i = 0; i < count; i++)
        if (!keep_text(stream, &stream->fields[i].name) || !keep_text(stream, &stream->fields[i].value))
            return false;
    if (body.size > 0)
        memcpy(copy, body.data, body.size);
    stream->rest = (struct sp_bytes){copy, body.size};
    stream->peer = sp_http_peer(exchange);
    sp_http_identity(exchange, identity);
    return keep_text(stream, &stream->peer) && keep_names(stream, identity->uris, identity->uri_count) &&
           keep_names(stream, identity->dns, identity->dns_count);
}

/* To its deadline or maximum age, whichever comes first. */
static bool start_clock(struct connect_stream *stream) {
    const struct connect_method *method = stream->call.method;
    const struct connect_service *service = method->service;
    int64_t left_ms = sp_connect_call_remaining_ms(&stream->call.base);
    int64_t age_ms =
        method->rpc.ages && service->max_stream_age_s > 0 ? (int64_t)service->max_stream_age_s * 1000 : INT64_MAX;
    int64_t most_ms = left_ms < age_ms ? left_ms : age_ms;
    stream->clock.run = end_overdue_stream;
    return most_ms > UINT32_MAX || sp_connect_worker_post_after(service->worker, &stream->clock, (unsigned)most_ms);
}

static enum sp_status admit_stream(struct connect_stream *stream, struct sp_error *error) {
    struct connect_call *call = &stream->call;
    if (sp_connect_is_stopping(call->method->service))
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "%s", sp_rpc_stopping);
    if (!keep_request(stream))
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the request exceeds the memory limit of one call");
    enum sp_status status = sp_connect_read_head(call->exchange, true, &call->head, error);
    if (status != SP_OK)
        return status;
    if (call->head.timeout_ms != INT64_MAX)
        call->deadline_ms = call->base.started_ms + call->head.timeout_ms;
    if (sp_connect_call_remaining_ms(&call->base) == 0)
        return sp_error_set(error, SP_ERR_DEADLINE, "%s", sp_rpc_too_late);
    status = sp_connect_admit(call->method->service, &call->base, error);
    if (status != SP_OK)
        return status;
    return start_clock(stream) ? SP_OK : sp_error_set(error, SP_ERR_MEMORY, "out of memory");
}

static void open_connect_stream(struct connect_stream *stream) {
    struct sp_error error = {0};
    const struct sp_rpc_method *rpc = &stream->call.method->rpc;
    list_stream(stream);
    enum sp_status status = admit_stream(stream, &error);
    if (status != SP_OK) {
        end_connect_stream(stream, status, error.message);
        return;
    }
    stream->opened = true;
    if (rpc->stream->opened != NULL)
        rpc->stream->opened(&stream->call.base, rpc->user);
}

/* ---- reading ---- */

static enum sp_status take_next_frame(struct connect_stream *stream, struct sp_connect_frame *ret_frame,
                                      struct sp_error *error) {
    enum sp_status status = sp_connect_take_frame(&stream->rest, ret_frame, error);
    if (status != SP_OK)
        return status;
    if (ret_frame->is_gzip && !stream->call.head.is_gzip)
        return sp_error_set(error, SP_ERR_INTERNAL,
                            "a message is compressed, but Connect-Content-Encoding does not say how");
    return SP_OK;
}

/* The handler answers it in its place if it can, and the stream goes on. */
static void deliver_unreadable(struct connect_stream *stream, const struct sp_connect_frame *frame,
                               const struct sp_error *why) {
    uint64_t id = 0;
    struct connect_call *call = &stream->call;
    const struct sp_rpc_method *rpc = &call->method->rpc;
    const struct sp_connect_form form = sp_connect_request_form(call);
    sp_arena_wipe(&stream->scratch);
    if (why->status == SP_ERR_INVALID && rpc->stream->unreadable != NULL &&
        sp_connect_peek_number(&form, frame->is_gzip, frame->message, rpc->max_request_bytes, rpc->stream->id_field,
                               &stream->scratch, &id))
        rpc->stream->unreadable(&call->base, rpc->user, id, why);
    else
        end_connect_stream(stream, why->status, why->message);
}

static void deliver_next_message(struct connect_stream *stream) {
    struct sp_error error = {0};
    struct sp_connect_frame frame;
    struct sp_bytes message;
    struct connect_call *call = &stream->call;
    const struct sp_rpc_method *rpc = &call->method->rpc;
    const struct sp_connect_form form = sp_connect_request_form(call);
    if (stream->rest.size == 0) {
        if (rpc->stream->half_closed != NULL)
            rpc->stream->half_closed(&call->base, rpc->user);
        return;
    }
    enum sp_status status = take_next_frame(stream, &frame, &error);
    if (status != SP_OK) {
        end_connect_stream(stream, status, error.message);
        return;
    }
    sp_arena_wipe(&stream->scratch);
    status = sp_connect_read_message(&form, frame.is_gzip, frame.message, rpc->max_request_bytes, &stream->scratch,
                                     &message, &error);
    if (status != SP_OK)
        deliver_unreadable(stream, &frame, &error);
    else if (rpc->stream->received != NULL)
        rpc->stream->received(&call->base, rpc->user, message);
}

/* ---- events, on the worker's thread ---- */

static void deliver_taken(struct connect_stream *stream) {
    const struct sp_rpc_method *rpc = &stream->call.method->rpc;
    if (!stream->sending)
        return;
    stream->sending = false;
    if (stream->read_next)
        deliver_next_message(stream);
    else if (rpc->stream->sent != NULL)
        rpc->stream->sent(&stream->call.base, rpc->user);
}

/* Of a stream whose handler reads no more: so that a client that goes is noticed, though nothing is
 * sent. Until then the handler may add headers, by what it reads. */
static void begin_awaited_reply(struct connect_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    bool reads = (stream->events & EVENT_READ) != 0;
    pthread_mutex_unlock(&stream->lock);
    if (stream->opened && !reads && is_stream_open(stream))
        begin_reply(stream);
}

static void run_stream_events(struct connect_task *task) {
    struct connect_stream *stream = (struct connect_stream *)sp_connect_call_of_task(task);
    const struct sp_rpc_method *rpc = &stream->call.method->rpc;
    pthread_mutex_lock(&stream->lock);
    unsigned events = stream->events;
    stream->events = 0;
    pthread_mutex_unlock(&stream->lock);
    stream->gone |= (events & EVENT_GONE) != 0;
    if ((events & EVENT_BEGUN) != 0 && is_stream_open(stream))
        open_connect_stream(stream);
    if ((events & EVENT_TAKEN) != 0 && is_stream_open(stream))
        deliver_taken(stream);
    if ((events & EVENT_READ) != 0 && is_stream_open(stream))
        deliver_next_message(stream);
    if ((events & EVENT_WOKEN) != 0 && is_stream_open(stream) && rpc->stream->woken != NULL)
        rpc->stream->woken(&stream->call.base, rpc->user);
    begin_awaited_reply(stream);
    settle_stream(stream);
}

bool sp_connect_stream_begin(const struct connect_method *method, struct sp_http_exchange *exchange,
                             enum sp_connect_codec codec) {
    struct connect_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return false;
    const struct sp_http_pipe_events events = {.taken = note_pieces_taken, .gone = note_client_gone, .user = stream};
    pthread_mutex_init(&stream->lock, NULL);
    stream->call.content_type = sp_connect_media_type(codec, true);
    stream->call.task.run = run_stream_events;
    stream->pipe = sp_http_pipe_create(&events);
    if (stream->pipe != NULL && sp_arena_init(&stream->kept, KEPT_FIRST_BYTES, KEPT_BUDGET_BYTES) == SP_OK &&
        sp_arena_init(&stream->scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES) == SP_OK &&
        sp_connect_call_init(&stream->call, method, exchange, codec) &&
        sp_http_defer(exchange, begin_reply_in_pieces, stream)) {
        stream->call.base.ops = &stream_call_ops;
        post_stream_event(stream, EVENT_BEGUN);
        return true;
    }
    free_connect_stream(stream);
    return false;
}
