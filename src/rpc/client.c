#include "rpc/client.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/channel.h"

enum {
    DEFAULT_TIMEOUT_MS = 10000,
    DEFAULT_MAX_RECEIVE_BYTES = 16 * 1024 * 1024,
    METADATA_MAX = 4,
    BASE_ARGS = 4,
    KEEPALIVE_ARGS = 5,
    TLS_ARGS = 1,
};

/* Sent with every call. The value's memory is wiped with the last reference to it, which may be
 * gRPC's. */
struct header {
    const char *name;
    grpc_slice value;
};

struct sp_rpc_client {
    grpc_channel *channel;
    grpc_completion_queue *cq;
    struct header headers[METADATA_MAX];
    size_t header_count;
    unsigned timeout_ms;
};

/* One call from its beginning to its status. */
struct sp_rpc_stream {
    struct sp_rpc_client *client;
    grpc_call *call;
    grpc_metadata headers[METADATA_MAX];
    grpc_metadata_array initial_metadata, trailing_metadata;
    grpc_status_code code;
    grpc_slice message;
    grpc_byte_buffer *received;
    bool initial_received; /* was asked for */
    bool receiving;        /* a message was asked for and has not come yet */
    bool exhausted;        /* no message comes any more */
    bool ended;            /* the status is here */
};

/* gRPC writes lines to stderr, on threads that must not wait, and clients can cause them at will.
 * Their content also comes back as a status, except for the assertion that ends the process. */
static void filter_log(gpr_log_func_args *args) {
    if (strstr(args->message, "assertion failed") != NULL)
        sp_log_last_words("%s:%d: %s", args->file, args->line, args->message);
}

/* For GRPC_VERBOSITY, which whoever looks for a fault sets. */
static void forward_log(gpr_log_func_args *args) {
    const enum sp_log_level level = args->severity == GPR_LOG_SEVERITY_ERROR ? SP_LOG_ERROR : SP_LOG_INFO;
    filter_log(args);
    sp_log(level, "gRPC: %s:%d: %s", args->file, args->line, args->message);
}

void sp_rpc_global_init(void) {
    gpr_set_log_function(getenv("GRPC_VERBOSITY") == NULL ? filter_log : forward_log);
    grpc_init();
}

void sp_rpc_global_fini(void) {
    grpc_shutdown();
}

/* ---- open and close ---- */

struct secret {
    size_t size;
    char text[];
};

static void wipe_secret(void *user) {
    struct secret *secret = user;
    explicit_bzero(secret->text, secret->size);
    free(secret);
}

static struct secret *create_header_value(struct sp_str scheme, struct sp_str text) {
    struct secret *secret = malloc(sizeof(*secret) + scheme.size + text.size);
    if (secret == NULL)
        return NULL;
    secret->size = scheme.size + text.size;
    if (scheme.size > 0)
        memcpy(secret->text, scheme.data, scheme.size);
    memcpy(secret->text + scheme.size, text.data, text.size);
    return secret;
}

static void remove_header(struct sp_rpc_client *client, const char *name) {
    for (size_t i = 0; i < client->header_count; i++) {
        if (strcmp(client->headers[i].name, name) == 0) {
            grpc_slice_unref(client->headers[i].value);
            client->headers[i] = client->headers[--client->header_count];
            return;
        }
    }
}

static enum sp_status add_header(struct sp_rpc_client *client, const char *name, struct sp_str scheme,
                                 struct sp_str text, struct sp_error *error) {
    if (client->header_count == METADATA_MAX)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "at most %d headers can be set", METADATA_MAX);
    struct secret *secret = create_header_value(scheme, text);
    if (secret == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    grpc_slice value = grpc_slice_new_with_user_data(secret->text, secret->size, wipe_secret, secret);
    if (!grpc_header_nonbin_value_is_legal(value)) {
        grpc_slice_unref(value);
        return sp_error_set(error, SP_ERR_INVALID, "%s: contains characters that a header must not contain", name);
    }
    client->headers[client->header_count++] = (struct header){name, value};
    return SP_OK;
}

static enum sp_status set_key(struct sp_rpc_client *client, struct sp_str key, struct sp_error *error) {
    enum sp_status status = add_header(client, "authorization", SP_STR_LITERAL("Bearer "), key, error);
    if (status == SP_ERR_INVALID)
        return sp_error_set(error, status, "the key contains characters that keys cannot contain");
    return status;
}

enum sp_status sp_rpc_client_set_metadata(struct sp_rpc_client *client, const char *name, struct sp_str value,
                                          struct sp_error *error) {
    remove_header(client, name);
    return value.size == 0 ? SP_OK : add_header(client, name, (struct sp_str){NULL, 0}, value, error);
}

static enum sp_status connect_channel(struct sp_rpc_client *client, const struct sp_rpc_client_options *options,
                                      struct sp_error *error) {
    size_t limit = options->max_receive_bytes == 0 ? DEFAULT_MAX_RECEIVE_BYTES : options->max_receive_bytes;
    grpc_arg args[BASE_ARGS + KEEPALIVE_ARGS + TLS_ARGS] = {
        sp_rpc_channel_integer_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        /* A connection of its own, not one shared with other clients of the process. */
        sp_rpc_channel_integer_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        sp_rpc_channel_integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, limit > INT_MAX ? INT_MAX : (int)limit),
        sp_rpc_channel_integer_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
        /* From here on only with a keepalive. */
        sp_rpc_channel_integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, (int)options->keepalive_ms),
        sp_rpc_channel_integer_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, (int)options->keepalive_ms),
        sp_rpc_channel_integer_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        sp_rpc_channel_integer_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000),
        sp_rpc_channel_integer_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
    };
    size_t count = BASE_ARGS + (options->keepalive_ms == 0 ? 0 : KEEPALIVE_ARGS);
    count += sp_rpc_channel_tls_args(&options->tls, &args[count]);
    const grpc_channel_args all = {.num_args = count, .args = args};
    grpc_channel_credentials *credentials;
    enum sp_status status = sp_rpc_channel_credentials(&options->tls, &credentials, error);
    if (status != SP_OK)
        return status;
    client->channel = grpc_channel_create(options->target, credentials, &all);
    grpc_channel_credentials_release(credentials);
    return SP_OK;
}

enum sp_status sp_rpc_client_open(const struct sp_rpc_client_options *options, struct sp_rpc_client **ret_client,
                                  struct sp_error *error) {
    if (options->target == NULL || options->target[0] == '\0')
        return sp_error_set(error, SP_ERR_INVALID, "no server address was given");
    struct sp_rpc_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    sp_rpc_global_init();
    client->timeout_ms = options->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : options->timeout_ms;
    client->cq = grpc_completion_queue_create_for_pluck(NULL);
    enum sp_status status = options->key.size == 0 ? SP_OK : set_key(client, options->key, error);
    if (status != SP_OK)
        goto out;
    status = connect_channel(client, options, error);
    if (status != SP_OK)
        goto out;
    *ret_client = client;
out:
    if (status != SP_OK)
        sp_rpc_client_close(client);
    return status;
}

void sp_rpc_client_close(struct sp_rpc_client *client) {
    if (client == NULL)
        return;
    if (client->channel != NULL)
        grpc_channel_destroy(client->channel);
    grpc_completion_queue_shutdown(client->cq);
    grpc_completion_queue_destroy(client->cq);
    for (size_t i = 0; i < client->header_count; i++)
        grpc_slice_unref(client->headers[i].value);
    free(client);
    sp_rpc_global_fini();
}

void sp_rpc_client_set_timeout(struct sp_rpc_client *client, unsigned timeout_ms) {
    client->timeout_ms = timeout_ms;
}

static gpr_timespec make_deadline_after(unsigned timeout_ms) {
    return sp_rpc_channel_deadline(sp_clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000);
}

bool sp_rpc_client_connect(struct sp_rpc_client *client, unsigned timeout_ms) {
    gpr_timespec deadline = make_deadline_after(timeout_ms);
    grpc_connectivity_state state = grpc_channel_check_connectivity_state(client->channel, 1);
    while (state != GRPC_CHANNEL_READY && state != GRPC_CHANNEL_SHUTDOWN) {
        grpc_channel_watch_connectivity_state(client->channel, state, deadline, client->cq, client);
        grpc_event event = grpc_completion_queue_pluck(client->cq, client, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.success == 0)
            break;
        state = grpc_channel_check_connectivity_state(client->channel, 1);
    }
    return state == GRPC_CHANNEL_READY;
}

/* ---- the parts of a call ---- */

static void begin_call(struct sp_rpc_stream *stream, struct sp_rpc_client *client, const char *path,
                       gpr_timespec deadline) {
    grpc_slice method = grpc_slice_from_copied_string(path);
    memset(stream, 0, sizeof(*stream));
    stream->client = client;
    stream->call = grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS, client->cq, method, NULL,
                                            deadline, NULL);
    grpc_slice_unref(method);
    stream->message = grpc_empty_slice();
    grpc_metadata_array_init(&stream->initial_metadata);
    grpc_metadata_array_init(&stream->trailing_metadata);
}

static void end_client_call(struct sp_rpc_stream *stream) {
    grpc_metadata_array_destroy(&stream->initial_metadata);
    grpc_metadata_array_destroy(&stream->trailing_metadata);
    grpc_slice_unref(stream->message);
    grpc_call_unref(stream->call);
}

static void set_headers_op(struct sp_rpc_stream *stream, grpc_op *op) {
    op->op = GRPC_OP_SEND_INITIAL_METADATA;
    for (size_t i = 0; i < stream->client->header_count; i++) {
        stream->headers[i].key = grpc_slice_from_static_string(stream->client->headers[i].name);
        stream->headers[i].value = stream->client->headers[i].value;
    }
    op->data.send_initial_metadata.count = stream->client->header_count;
    op->data.send_initial_metadata.metadata = stream->headers;
}

static void set_status_op(struct sp_rpc_stream *stream, grpc_op *op) {
    op->op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op->data.recv_status_on_client.trailing_metadata = &stream->trailing_metadata;
    op->data.recv_status_on_client.status = &stream->code;
    op->data.recv_status_on_client.status_details = &stream->message;
}

static grpc_byte_buffer *make_buffer(struct sp_bytes bytes) {
    grpc_slice slice = grpc_slice_malloc(bytes.size);
    if (bytes.size > 0)
        memcpy(GRPC_SLICE_START_PTR(slice), bytes.data, bytes.size);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

/* Copies a received message and frees it. */
static enum sp_status take_buffer(grpc_byte_buffer *buffer, struct sp_arena *arena, struct sp_bytes *ret_bytes,
                                  struct sp_error *error) {
    grpc_byte_buffer_reader reader;
    size_t size = grpc_byte_buffer_length(buffer);
    uint8_t *copy = sp_arena_alloc(arena, size);
    size_t at = 0;
    if (copy != NULL && grpc_byte_buffer_reader_init(&reader, buffer)) {
        grpc_slice *slice;
        while (grpc_byte_buffer_reader_peek(&reader, &slice)) {
            memcpy(copy + at, GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
            at += GRPC_SLICE_LENGTH(*slice);
        }
        grpc_byte_buffer_reader_destroy(&reader);
    }
    grpc_byte_buffer_destroy(buffer);
    if (copy == NULL)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the reply of %zu bytes is larger than the client allows", size);
    *ret_bytes = (struct sp_bytes){copy, at};
    return SP_OK;
}

/* Runs a batch to its end. False when gRPC refused it or it failed. */
static bool run_call_batch(struct sp_rpc_stream *stream, const grpc_op *ops, size_t count, void *tag) {
    if (grpc_call_start_batch(stream->call, ops, count, tag, NULL) != GRPC_CALL_OK)
        return false;
    grpc_event event = grpc_completion_queue_pluck(stream->client->cq, tag, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    return event.type == GRPC_OP_COMPLETE && event.success != 0;
}

static enum sp_status read_final_status(const struct sp_rpc_stream *stream, struct sp_error *error) {
    enum sp_status status = sp_status_from_grpc((int)stream->code);
    if (status == SP_OK)
        return SP_OK;
    return sp_error_set(error, status, "%.*s", (int)GRPC_SLICE_LENGTH(stream->message),
                        (const char *)GRPC_SLICE_START_PTR(stream->message));
}

/* ---- unary ---- */

static grpc_byte_buffer *exchange_messages(struct sp_rpc_stream *stream, grpc_byte_buffer *request) {
    grpc_byte_buffer *reply = NULL;
    grpc_op ops[6];
    memset(ops, 0, sizeof(ops));
    set_headers_op(stream, &ops[0]);
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &stream->initial_metadata;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &reply;
    set_status_op(stream, &ops[5]);
    if (!run_call_batch(stream, ops, 6, stream))
        stream->code = GRPC_STATUS_INTERNAL;
    return reply;
}

enum sp_status sp_rpc_client_call(struct sp_rpc_client *client, const char *path, struct sp_bytes request,
                                  struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error) {
    struct sp_rpc_stream stream;
    begin_call(&stream, client, path, make_deadline_after(client->timeout_ms));
    grpc_byte_buffer *buffer = make_buffer(request);
    grpc_byte_buffer *reply = exchange_messages(&stream, buffer);
    grpc_byte_buffer_destroy(buffer);
    /* The batch succeeds even if the call failed: only the status tells. */
    enum sp_status status = read_final_status(&stream, error);
    end_client_call(&stream);
    if (status != SP_OK) {
        if (reply != NULL)
            grpc_byte_buffer_destroy(reply);
        return status;
    }
    if (reply == NULL)
        return sp_error_set(error, SP_ERR_INTERNAL, "the server ended the call without a reply");
    return take_buffer(reply, arena, ret_reply, error);
}

/* ---- streams ---- */

/* False if gRPC refused it. */
static bool ask_for_message(struct sp_rpc_stream *stream) {
    grpc_op ops[2];
    size_t count = 0;
    memset(ops, 0, sizeof(ops));
    if (!stream->initial_received) {
        stream->initial_received = true;
        ops[count].op = GRPC_OP_RECV_INITIAL_METADATA;
        ops[count++].data.recv_initial_metadata.recv_initial_metadata = &stream->initial_metadata;
    }
    ops[count].op = GRPC_OP_RECV_MESSAGE;
    ops[count++].data.recv_message.recv_message = &stream->received;
    stream->receiving = grpc_call_start_batch(stream->call, ops, count, &stream->received, NULL) == GRPC_CALL_OK;
    return stream->receiving;
}

/* What was asked for, or NULL: the call is over. False: not before `until`. */
static bool await_message(struct sp_rpc_stream *stream, gpr_timespec until, grpc_byte_buffer **ret_buffer) {
    grpc_event event = grpc_completion_queue_pluck(stream->client->cq, &stream->received, until, NULL);
    if (event.type == GRPC_QUEUE_TIMEOUT)
        return false;
    grpc_byte_buffer *buffer = stream->received;
    stream->receiving = false;
    stream->received = NULL;
    if (event.success == 0 && buffer != NULL) {
        grpc_byte_buffer_destroy(buffer);
        buffer = NULL;
    }
    stream->exhausted = buffer == NULL;
    *ret_buffer = buffer;
    return true;
}

static void give_up_client_call(struct sp_rpc_stream *stream) {
    grpc_call_cancel_with_status(stream->call, GRPC_STATUS_DEADLINE_EXCEEDED, "the server did not end the call in time",
                                 NULL);
}

/* gRPC hands out a call's status behind all of its messages. What has not come by `until` is
 * cancelled. */
static void drop_messages(struct sp_rpc_stream *stream, gpr_timespec until) {
    while (!stream->exhausted && (stream->receiving || ask_for_message(stream))) {
        grpc_byte_buffer *buffer = NULL;
        if (!await_message(stream, until, &buffer)) {
            give_up_client_call(stream);
            until = gpr_inf_future(GPR_CLOCK_MONOTONIC);
        } else if (buffer != NULL) {
            grpc_byte_buffer_destroy(buffer);
        }
    }
}

static void receive_status(struct sp_rpc_stream *stream, gpr_timespec until) {
    grpc_op op;
    memset(&op, 0, sizeof(op));
    set_status_op(stream, &op);
    if (grpc_call_start_batch(stream->call, &op, 1, stream, NULL) != GRPC_CALL_OK) {
        stream->code = GRPC_STATUS_INTERNAL;
        return;
    }
    grpc_event event = grpc_completion_queue_pluck(stream->client->cq, stream, until, NULL);
    if (event.type == GRPC_QUEUE_TIMEOUT) {
        give_up_client_call(stream);
        event = grpc_completion_queue_pluck(stream->client->cq, stream, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    }
    if (event.success == 0)
        stream->code = GRPC_STATUS_INTERNAL;
}

/* Waits for the call's end, no longer than a unary call may take, and returns its status. */
static enum sp_status wait_for_status(struct sp_rpc_stream *stream, struct sp_error *error) {
    if (!stream->ended) {
        gpr_timespec until = make_deadline_after(stream->client->timeout_ms);
        drop_messages(stream, until);
        receive_status(stream, until);
        stream->ended = true;
    }
    return read_final_status(stream, error);
}

/* Why nothing can be sent: the call's error, or that the server ended it with OK. */
static enum sp_status report_early_end(struct sp_rpc_stream *stream, struct sp_error *error) {
    enum sp_status status = wait_for_status(stream, error);
    if (status != SP_OK)
        return status;
    return sp_error_set(error, SP_ERR_UNAVAILABLE, "the server ended the call");
}

/* Why no message came: the call's error, or SP_STREAM_END. */
static enum sp_status read_stream_end(struct sp_rpc_stream *stream, struct sp_error *error) {
    enum sp_status status = wait_for_status(stream, error);
    return status != SP_OK ? status : SP_STREAM_END;
}

enum sp_status sp_rpc_stream_open(struct sp_rpc_client *client, const char *path, struct sp_rpc_stream **ret_stream,
                                  struct sp_error *error) {
    struct sp_rpc_stream *stream = malloc(sizeof(*stream));
    if (stream == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    begin_call(stream, client, path, gpr_inf_future(GPR_CLOCK_MONOTONIC));
    grpc_op op;
    memset(&op, 0, sizeof(op));
    set_headers_op(stream, &op);
    if (!run_call_batch(stream, &op, 1, stream)) {
        enum sp_status status = report_early_end(stream, error);
        sp_rpc_stream_close(stream);
        return status;
    }
    *ret_stream = stream;
    return SP_OK;
}

enum sp_status sp_rpc_stream_send(struct sp_rpc_stream *stream, struct sp_bytes message, struct sp_error *error) {
    if (stream->ended)
        return report_early_end(stream, error);
    grpc_op op;
    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_SEND_MESSAGE;
    op.data.send_message.send_message = make_buffer(message);
    bool sent = run_call_batch(stream, &op, 1, stream);
    grpc_byte_buffer_destroy(op.data.send_message.send_message);
    return sent ? SP_OK : report_early_end(stream, error);
}

enum sp_status sp_rpc_stream_done_sending(struct sp_rpc_stream *stream, struct sp_error *error) {
    if (stream->ended)
        return report_early_end(stream, error);
    grpc_op op;
    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    return run_call_batch(stream, &op, 1, stream) ? SP_OK : report_early_end(stream, error);
}

static enum sp_status receive_until(struct sp_rpc_stream *stream, gpr_timespec until, struct sp_arena *arena,
                                    struct sp_bytes *ret_message, struct sp_error *error) {
    grpc_byte_buffer *buffer = NULL;
    if (stream->ended || (!stream->receiving && !ask_for_message(stream)))
        return read_stream_end(stream, error);
    if (!await_message(stream, until, &buffer))
        return sp_error_set(error, SP_ERR_DEADLINE, "no message came in time");
    return buffer == NULL ? read_stream_end(stream, error) : take_buffer(buffer, arena, ret_message, error);
}

enum sp_status sp_rpc_stream_receive(struct sp_rpc_stream *stream, struct sp_arena *arena, struct sp_bytes *ret_message,
                                     struct sp_error *error) {
    return receive_until(stream, gpr_inf_future(GPR_CLOCK_MONOTONIC), arena, ret_message, error);
}

enum sp_status sp_rpc_stream_receive_within(struct sp_rpc_stream *stream, unsigned timeout_ms, struct sp_arena *arena,
                                            struct sp_bytes *ret_message, struct sp_error *error) {
    return receive_until(stream, make_deadline_after(timeout_ms), arena, ret_message, error);
}

void sp_rpc_stream_close(struct sp_rpc_stream *stream) {
    if (stream == NULL)
        return;
    if (!stream->ended) {
        struct sp_error ignored;
        grpc_call_cancel(stream->call, NULL);
        enum sp_status status = wait_for_status(stream, &ignored);
        (void)status; /* it may have ended before the cancellation */
    }
    /* What was asked for must come back before the call is freed. */
    drop_messages(stream, gpr_inf_future(GPR_CLOCK_MONOTONIC));
    end_client_call(stream);
    free(stream);
}
