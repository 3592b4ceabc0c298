#include "rpc/h2/session.h"

#include "rpc/h2/budget.h"
#include "rpc/h2/call.h"
#include "rpc/h2/peer.h"
#include "rpc/h2/phase.h"
#include "rpc/h2/wire.h"

enum {
    STREAM_WINDOW_BYTES = 64 * 1024 - 1,
    CONNECTION_WINDOW_BYTES = 1024 * 1024,

    CONTINUATIONS = 8, /* after a HEADERS frame, and one more for each of these: */
    BYTES_A_CONTINUATION = 8 * 1024,
    CLOSED_STREAMS = sizeof(((struct h2_closed_streams *)NULL)->ids) / sizeof(int32_t),
};

static const struct sp_rpc_connection_limits *limits_of_connection(const struct h2_connection *connection) {
    return &connection->loop->server->options.server->limits;
}

static void end_flooding(struct h2_connection *connection, enum sp_rpc_bound bound) {
    if (connection->phase >= H2_PHASE_ENDING)
        return;
    sp_rpc_h2_peer_note_flood(connection, bound);
    sp_rpc_h2_phase_end(connection, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* ---- streams that have closed ---- */

/* Their numbers are odd, so the lowest bit is free. */
static void remember_closed_stream(struct h2_connection *connection, int32_t stream_id, bool was_reset) {
    struct h2_closed_streams *closed = &connection->closed_streams;
    closed->ids[closed->next++ % CLOSED_STREAMS] = was_reset ? stream_id - 1 : stream_id;
}

/* HEADERS on a stream that its client has ended or skipped. nghttp2 ignores them because it does
 * not remember closed streams; by RFC 9113, sections 5.1 and 5.1.1, they end the connection. What
 * the client sent before it knew that we had reset a stream is ignored. */
static void judge_headers(struct h2_connection *connection, int32_t stream_id) {
    const struct h2_closed_streams *closed = &connection->closed_streams;
    if (stream_id % 2 == 0 || nghttp2_session_find_stream(connection->session, stream_id) != NULL)
        return;
    if (stream_id > connection->newest_stream_id) {
        connection->newest_stream_id = stream_id;
        return;
    }
    for (size_t i = 0; i < CLOSED_STREAMS; i++) {
        if (closed->ids[i] == stream_id)
            sp_rpc_h2_phase_end(connection, NGHTTP2_STREAM_CLOSED);
        if (closed->ids[i] == stream_id || closed->ids[i] == stream_id - 1)
            return;
    }
    sp_rpc_h2_phase_end(connection, NGHTTP2_PROTOCOL_ERROR);
}

/* Among them those that were refused, because the client has too many. */
static int note_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user) {
    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS && error == NGHTTP2_ERR_REFUSED_STREAM)
        remember_closed_stream(user, frame->hd.stream_id, true);
    return 0;
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
    if (!sp_rpc_h2_budget_take(call, H2_CALL_BYTES))
        call->head.is_too_large = true;
    return 0;
}

static int take_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                       const uint8_t *value, size_t value_size, uint8_t flags, void *user) {
    const struct h2_connection *connection = user;
    (void)flags;
    if (!is_request(frame))
        return 0;
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    if (!call->head.is_too_large && !sp_rpc_h2_budget_take(call, name_size + value_size))
        call->head.is_too_large = true;
    const struct sp_str name_text = {(const char *)name, name_size}, value_text = {(const char *)value, value_size};
    return sp_rpc_h2_head_add(&call->head, name_text, value_text, limits_of_connection(connection)->max_metadata_bytes)
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

/* Window updates of the stream and of the connection, and a PING that measures the way, as gRPC's
 * clients send. */
enum { FRAMES_A_PIECE = 4 };

static bool exceeds_limit_after_counting(unsigned *count, unsigned limit) {
    return ++*count > limit;
}

static int count_frame(nghttp2_session *session, const nghttp2_frame_hd *frame, void *user) {
    struct h2_connection *connection = user;
    struct h2_rates *rates = &connection->rates;
    const struct sp_rpc_connection_limits *limits = limits_of_connection(connection);
    (void)session;
    if (connection->loop->now_ms - rates->second_ms >= 1000)
        *rates = (struct h2_rates){.second_ms = connection->loop->now_ms};
    switch (frame->type) {
    case NGHTTP2_DATA: /* counted when it has come */
        break;
    case NGHTTP2_HEADERS:
        judge_headers(connection, frame->stream_id);
        break;
    case NGHTTP2_RST_STREAM:
        if (exceeds_limit_after_counting(&rates->resets, limits->max_resets_per_second))
            end_flooding(connection, SP_RPC_BOUND_RESETS);
        break;
    default:
        if (exceeds_limit_after_counting(&rates->control_frames,
                                         limits->max_control_frames_per_s + rates->sent * FRAMES_A_PIECE))
            end_flooding(connection, SP_RPC_BOUND_FRAMES);
        /* nghttp2 looks at no priorities, and so not at this (RFC 9113 section 6.3). */
        else if (frame->type == NGHTTP2_PRIORITY && frame->stream_id == 0)
            sp_rpc_h2_phase_end(connection, NGHTTP2_PROTOCOL_ERROR);
        break;
    }
    return 0;
}

/* Padding is nothing too. */
static void count_empty_frame(struct h2_connection *connection, const nghttp2_frame *frame) {
    if (frame->hd.length <= frame->data.padlen && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 &&
        exceeds_limit_after_counting(&connection->rates.empty_frames,
                                     limits_of_connection(connection)->max_empty_frames_per_s))
        end_flooding(connection, SP_RPC_BOUND_FRAMES);
}

static int take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    struct h2_connection *connection = user;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        sp_rpc_h2_phase_serve(connection);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    if (frame->hd.type == NGHTTP2_DATA)
        count_empty_frame(connection, frame);
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    if (is_request(frame))
        sp_rpc_h2_call_arrive(call);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        sp_rpc_h2_call_half_close(call);
    return 0;
}

/* nghttp2 has limits of its own, over longer than a second, and ends a connection by itself. */
static void note_own_goaway(const struct h2_connection *connection, uint32_t error_code) {
    if (connection->phase >= H2_PHASE_ENDING)
        return;
    if (error_code == NGHTTP2_ENHANCE_YOUR_CALM)
        sp_rpc_h2_peer_note_flood(connection, SP_RPC_BOUND_FRAMES);
    else if (error_code == NGHTTP2_INTERNAL_ERROR && connection->rates.resets > 0)
        sp_rpc_h2_peer_note_flood(connection, SP_RPC_BOUND_RESETS);
}

/* A call that was answered before its client has half-closed needs nothing more from it. */
static int follow_sent_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    if (frame->hd.type == NGHTTP2_GOAWAY)
        note_own_goaway(user, frame->goaway.error_code);
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        call->was_reset = true;
    bool has_end = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                   (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!has_end || call->half_closed)
        return 0;
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int close_stream(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user) {
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    (void)error_code;
    remember_closed_stream(user, stream_id, call == NULL || call->was_reset);
    if (call != NULL)
        sp_rpc_h2_call_leave(call);
    return 0;
}

/* ---- opening and feeding ---- */

static void set_session_options(nghttp2_option *option, const struct sp_rpc_connection_limits *limits) {
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* Ours is met first, and counted. */
    nghttp2_option_set_stream_reset_rate_limit(option, 2 * (uint64_t)limits->max_resets_per_second,
                                               2 * (uint64_t)limits->max_resets_per_second);
    nghttp2_option_set_max_continuations(option, CONTINUATIONS + limits->max_metadata_bytes / BYTES_A_CONTINUATION);
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
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, note_invalid_frame);
    set_session_options(option, &server->options.server->limits);
    return SP_OK;
}

void sp_rpc_h2_sessions_fini(struct h2_server *server) {
    nghttp2_session_callbacks_del(server->callbacks);
    nghttp2_option_del(server->session_options);
}

bool sp_rpc_h2_session_open(struct h2_connection *connection) {
    const struct h2_server *server = connection->loop->server;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server->options.server->max_concurrent_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)server->options.server->limits.max_metadata_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_session *session = NULL;
    if (nghttp2_session_server_new2(&session, server->callbacks, connection, server->session_options) != 0)
        return false;
    connection->session = session;
    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(*settings)) == 0 &&
           nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES) == 0;
}

void sp_rpc_h2_session_feed(struct h2_connection *connection, const uint8_t *bytes, size_t size) {
    if (connection->phase >= H2_PHASE_ENDING)
        return; /* thrown away */
    ssize_t result = nghttp2_session_mem_recv(connection->session, bytes, size);
    if (result >= 0)
        return;
    if (result == NGHTTP2_ERR_FLOODED || result == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        sp_rpc_bound_count(connection->loop->server->options.counts, SP_RPC_BOUND_FRAMES);
    /* Or no HTTP/2, or out of memory. What nghttp2 can explain it has put into a GOAWAY by
     * itself. */
    sp_rpc_h2_phase_finish(connection);
}

/* ---- what the client does not take ---- */

int64_t sp_rpc_h2_session_reset_stalled(struct h2_connection *connection, int64_t limit_ms) {
    int64_t oldest_ms = INT64_MAX;
    for (struct h2_call *call = connection->calls; call != NULL; call = call->next) {
        if (call->owed_since_ms == 0 || call->gone)
            continue;
        if (call->owed_since_ms > limit_ms) {
            oldest_ms = call->owed_since_ms < oldest_ms ? call->owed_since_ms : oldest_ms;
            continue;
        }
        sp_rpc_bound_count(connection->loop->server->options.counts, SP_RPC_BOUND_STALLED);
        sp_rpc_h2_wire_stop(call);
        if (nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL) != 0)
            connection->broken = true;
    }
    return oldest_ms;
}
