#include "rpc/h2/session.h"

#include "rpc/h2/budget.h"
#include "rpc/h2/call.h"
#include "rpc/h2/phase.h"

enum {
    STREAM_WINDOW_BYTES = 64 * 1024 - 1,
    CONNECTION_WINDOW_BYTES = 1024 * 1024,

    RESETS_A_SECOND = 1000,
    CONTROL_FRAMES_A_SECOND = 20 * 1000,
    EMPTY_FRAMES_A_SECOND = 1000,
};

static void end_flooding(struct h2_connection *connection, enum sp_rpc_bound bound) {
    if (connection->phase >= H2_PHASE_ENDING)
        return;
    sp_rpc_bound_count(connection->loop->server->options.counts, bound);
    sp_rpc_h2_phase_end(connection, NGHTTP2_ENHANCE_YOUR_CALM);
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
        sp_rpc_h2_phase_serve(connection);
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

/* ---- opening and feeding ---- */

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

bool sp_rpc_h2_session_open(struct h2_connection *connection) {
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

void sp_rpc_h2_session_feed(struct h2_connection *connection, const uint8_t *bytes, size_t size) {
    if (connection->phase >= H2_PHASE_ENDING)
        return; /* thrown away */
    if (nghttp2_session_mem_recv(connection->session, bytes, size) >= 0)
        return;
    /* No HTTP/2, or out of memory. What nghttp2 can explain it has put into a GOAWAY by itself. */
    sp_rpc_h2_phase_finish(connection);
}
