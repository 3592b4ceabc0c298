#include "rpc/h2/wire.h"

#include <stdio.h>
#include <string.h>

#include "rpc/h2/budget.h"
#include "rpc/h2/bytes.h"
#include "rpc/h2/ready.h"

enum {
    ENCODED_MESSAGE_BYTES = 3 * 1024,
    STATUS_FIELDS_MAX = 5,
    STATIC_FIELD = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
};

static nghttp2_nv static_field(const char *name, const char *value) {
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = strlen(name),
                        .value = (uint8_t *)(uintptr_t)value,
                        .valuelen = strlen(value),
                        .flags = STATIC_FIELD};
}

/* A session that is out of memory cannot go on. */
static void note_submission(struct h2_call *call, int result) {
    struct h2_connection *connection = call->connection;
    if (nghttp2_is_fatal(result) != 0)
        connection->broken = true;
    sp_rpc_h2_ready_connection(connection);
}

/* grpc-status, and grpc-message if there is one, of whose text `encoded` has room for. */
static size_t fill_status_fields(const struct h2_call *call, nghttp2_nv *fields,
                                 char encoded[static ENCODED_MESSAGE_BYTES]) {
    static const char *const codes[] = {"0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
                                        "9", "10", "11", "12", "13", "14", "15", "16"};
    size_t count = 0;
    fields[count++] = static_field("grpc-status", codes[sp_status_to_grpc(call->final_status)]);
    const char *message = call->final_message;
    if (message == NULL || message[0] == '\0')
        return count;
    fields[count] = static_field("grpc-message", "");
    fields[count].value = (uint8_t *)encoded;
    fields[count].valuelen = sp_rpc_h2_encode_message(message, encoded, ENCODED_MESSAGE_BYTES);
    fields[count++].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_INDEX;
    return count;
}

static int submit_trailers(struct h2_call *call, nghttp2_session *session) {
    nghttp2_nv fields[STATUS_FIELDS_MAX];
    char encoded[ENCODED_MESSAGE_BYTES];
    size_t count = fill_status_fields(call, fields, encoded);
    call->ended = true;
    return nghttp2_submit_trailer(session, call->stream_id, fields, count);
}

/* nghttp2 asks for the next bytes of the call's output. */
static ssize_t read_output(nghttp2_session *session, int32_t stream_id, uint8_t *room, size_t size, uint32_t *ret_flags,
                           nghttp2_data_source *source, void *user) {
    struct h2_call *call = source->ptr;
    (void)stream_id;
    (void)user;
    size_t left = call->output.size - call->output_at;
    size_t taken = left < size ? left : size;
    if (taken > 0)
        memcpy(room, call->output.data + call->output_at, taken);
    call->output_at += taken;
    sp_rpc_h2_budget_give_output(call, taken);
    if (taken > 0) {
        call->owed_since_ms = call->loop->now_ms;
        call->connection->rates.sent++;
    }
    if (taken < left)
        return (ssize_t)taken;
    sp_rpc_h2_bytes_clear(&call->output, H2_KEPT_BYTES);
    call->output_at = 0;
    sp_rpc_h2_wire_stop(call);
    if (call->http_status != NULL) {
        call->ended = true;
        *ret_flags = NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)taken;
    }
    if (call->finishing) {
        *ret_flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        return submit_trailers(call, session) == 0 ? (ssize_t)taken : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    sp_rpc_h2_ready_call(call, H2_EVENT_SENT | H2_EVENT_INPUT);
    return taken == 0 ? NGHTTP2_ERR_DEFERRED : (ssize_t)taken;
}

static void submit_messages(struct h2_call *call, nghttp2_session *session) {
    const nghttp2_nv fields[] = {static_field(":status", "200"), static_field("content-type", "application/grpc"),
                                 static_field("grpc-accept-encoding", "identity")};
    const nghttp2_data_provider provider = {.source = {.ptr = call}, .read_callback = read_output};
    call->head_sent = true;
    note_submission(
        call, nghttp2_submit_response(session, call->stream_id, fields, sizeof(fields) / sizeof(*fields), &provider));
}

static void submit_status_only(struct h2_call *call, nghttp2_session *session) {
    nghttp2_nv fields[STATUS_FIELDS_MAX];
    char encoded[ENCODED_MESSAGE_BYTES];
    size_t count = 0;
    fields[count++] = static_field(":status", "200");
    fields[count++] = static_field("content-type", "application/grpc");
    if (call->final_status == SP_ERR_UNIMPLEMENTED)
        fields[count++] = static_field("grpc-accept-encoding", "identity");
    count += fill_status_fields(call, fields + count, encoded);
    call->head_sent = call->ended = true;
    note_submission(call, nghttp2_submit_response(session, call->stream_id, fields, count, NULL));
}

static void note_owed_output(struct h2_call *call) {
    if (call->owed_since_ms != 0)
        return;
    call->owed_since_ms = call->loop->now_ms;
    call->connection->owing++;
}

void sp_rpc_h2_wire_stop(struct h2_call *call) {
    if (call->owed_since_ms == 0)
        return;
    call->owed_since_ms = 0;
    call->connection->owing--;
}

enum sp_status sp_rpc_h2_wire_put(struct h2_call *call, struct sp_bytes message) {
    if (!sp_rpc_h2_budget_take_output(call, H2_PREFIX_BYTES + message.size))
        return SP_ERR_EXHAUSTED;
    return sp_rpc_h2_bytes_append_message(&call->output, message) ? SP_OK : SP_ERR_MEMORY;
}

void sp_rpc_h2_wire_send(struct h2_call *call) {
    nghttp2_session *session = call->connection->session;
    if (call->gone || call->ended || session == NULL)
        return;
    if (call->output.size > call->output_at)
        note_owed_output(call);
    if (call->head_sent)
        note_submission(call, nghttp2_session_resume_data(session, call->stream_id));
    else if (call->finishing && call->output.size == 0)
        submit_status_only(call, session);
    else
        submit_messages(call, session);
}

void sp_rpc_h2_wire_refuse(struct h2_call *call) {
    static const char text[] = "this address speaks gRPC: send requests by POST with content-type application/grpc\n";
    nghttp2_session *session = call->connection->session;
    if (call->gone || call->head_sent || session == NULL)
        return;
    const nghttp2_nv fields[] = {static_field(":status", call->http_status),
                                 static_field("content-type", "text/plain; charset=utf-8")};
    const nghttp2_data_provider provider = {.source = {.ptr = call}, .read_callback = read_output};
    call->head_sent = call->finishing = true;
    if (!sp_rpc_h2_bytes_append(&call->output, text, sizeof(text) - 1))
        call->connection->broken = true;
    note_owed_output(call);
    note_submission(
        call, nghttp2_submit_response(session, call->stream_id, fields, sizeof(fields) / sizeof(*fields), &provider));
}

void sp_rpc_h2_wire_consume(struct h2_call *call, size_t size) {
    nghttp2_session *session = call->connection->session;
    if (size == 0 || call->gone || call->half_closed || session == NULL)
        return;
    note_submission(call, nghttp2_session_consume_stream(session, call->stream_id, size));
}
