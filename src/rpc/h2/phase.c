#include "rpc/h2/phase.h"

#include "base/random.h"
#include "rpc/h2/ready.h"

enum {
    LAST_GOAWAY_MS = 1000, /* after the first: requests that were under way have come by then */
    ENDING_MS = 1000,
};

void sp_rpc_h2_phase_enter(struct h2_connection *connection, enum h2_phase phase, int64_t duration_ms) {
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

void sp_rpc_h2_phase_serve(struct h2_connection *connection) {
    if (connection->phase == H2_PHASE_GREETING)
        sp_rpc_h2_phase_enter(connection, H2_PHASE_SERVING, draw_age_ms(connection->loop->server->options.server));
}

void sp_rpc_h2_phase_retire(struct h2_connection *connection) {
    if (connection->phase > H2_PHASE_SERVING)
        return;
    if (connection->phase == H2_PHASE_GREETING) {
        sp_rpc_h2_phase_last_words(connection);
        return;
    }
    if (nghttp2_submit_shutdown_notice(connection->session) != 0)
        connection->broken = true;
    sp_rpc_h2_phase_enter(connection, H2_PHASE_RETIRING, LAST_GOAWAY_MS);
}

void sp_rpc_h2_phase_leave(struct h2_connection *connection) {
    nghttp2_session *session = connection->session;
    int32_t last_stream_id = nghttp2_session_get_last_proc_stream_id(session);
    if (nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, last_stream_id, NGHTTP2_NO_ERROR, NULL, 0) != 0)
        connection->broken = true;
    sp_rpc_h2_phase_enter(connection, H2_PHASE_LEAVING,
                          (int64_t)connection->loop->server->options.server->connection_age_grace_s * 1000);
}

void sp_rpc_h2_phase_end(struct h2_connection *connection, uint32_t error_code) {
    if (connection->phase >= H2_PHASE_ENDING)
        return;
    if (!connection->socket.shaken)
        connection->broken = true;
    if (connection->session != NULL && nghttp2_session_terminate_session(connection->session, error_code) != 0)
        connection->broken = true;
    sp_rpc_h2_phase_enter(connection, H2_PHASE_ENDING, ENDING_MS);
}

void sp_rpc_h2_phase_last_words(struct h2_connection *connection) {
    if (connection->phase >= H2_PHASE_LAST_WORDS)
        return;
    if (!connection->socket.shaken)
        connection->broken = true;
    for (struct h2_call *call = connection->calls; call != NULL; call = call->next)
        sp_rpc_h2_ready_call(call, H2_EVENT_STOPPING);
    sp_rpc_h2_phase_enter(connection, H2_PHASE_LAST_WORDS, ENDING_MS);
}

void sp_rpc_h2_phase_finish(struct h2_connection *connection) {
    sp_rpc_h2_phase_enter(connection, H2_PHASE_ENDING, ENDING_MS);
}
