#include "rpc/async_stream.h"

#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>

#include "rpc/async_channel.h"
#include "rpc/channel.h"

struct stream;

/* What the completion queue hands back. */
struct tag {
    enum tag_kind { TAG_SENT, TAG_RECEIVED, TAG_ENDED } kind;
    struct stream *stream;
};

struct stream {
    grpc_call *call;
    grpc_metadata_array initial_metadata, trailing_metadata;
    grpc_byte_buffer *received;
    grpc_status_code code;
    grpc_slice message;
    struct tag sent, receiving, end;
    grpc_byte_buffer **queue; /* a ring */
    unsigned queue_first, queue_count;
    bool sending; /* the first of the queue is with gRPC */
    bool ended;
};

struct sp_rpc_async_streams {
    grpc_completion_queue *cq;
    struct async_connection *connections;
    struct stream *streams;
    grpc_byte_buffer **queues;
    unsigned connection_count, stream_count, queue_size;
    unsigned under_way; /* batches */
    grpc_slice taken;   /* memory of the message that the caller reads */
};

static void start_stream_batch(struct sp_rpc_async_streams *streams, struct stream *stream, const grpc_op *ops,
                               size_t count, struct tag *tag) {
    /* Only a programmer's error makes the start of a batch fail. */
    if (grpc_call_start_batch(stream->call, ops, count, tag, NULL) != GRPC_CALL_OK)
        abort();
    streams->under_way++;
}

static void ask_for_next(struct sp_rpc_async_streams *streams, struct stream *stream) {
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &stream->received;
    stream->received = NULL;
    start_stream_batch(streams, stream, &op, 1, &stream->receiving);
}

static void send_first(struct sp_rpc_async_streams *streams, struct stream *stream) {
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = stream->queue[stream->queue_first];
    stream->sending = true;
    start_stream_batch(streams, stream, &op, 1, &stream->sent);
}

static void open_stream(struct sp_rpc_async_streams *streams, unsigned i) {
    struct stream *stream = &streams->streams[i];
    struct async_connection *connection = &streams->connections[i % streams->connection_count];
    *stream = (struct stream){
        .sent = {TAG_SENT, stream},
        .receiving = {TAG_RECEIVED, stream},
        .end = {TAG_ENDED, stream},
        .queue = streams->queues + (size_t)i * streams->queue_size,
        .message = grpc_empty_slice(),
    };
    grpc_metadata_array_init(&stream->initial_metadata);
    grpc_metadata_array_init(&stream->trailing_metadata);
    stream->call = grpc_channel_create_registered_call(connection->channel, NULL, GRPC_PROPAGATE_DEFAULTS, streams->cq,
                                                       connection->method, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    grpc_op ops[3] = {0};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[1].data.recv_initial_metadata.recv_initial_metadata = &stream->initial_metadata;
    ops[2].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[2].data.recv_status_on_client.trailing_metadata = &stream->trailing_metadata;
    ops[2].data.recv_status_on_client.status = &stream->code;
    ops[2].data.recv_status_on_client.status_details = &stream->message;
    start_stream_batch(streams, stream, ops, 3, &stream->end);
    ask_for_next(streams, stream);
}

static enum sp_status allocate_streams(struct sp_rpc_async_streams *streams,
                                       const struct sp_rpc_async_stream_options *options) {
    streams->streams = calloc(options->streams, sizeof(*streams->streams));
    streams->connections = calloc(options->connections, sizeof(*streams->connections));
    streams->queues = calloc((size_t)options->streams * options->queue, sizeof(grpc_byte_buffer *));
    return streams->streams != NULL && streams->connections != NULL && streams->queues != NULL ? SP_OK : SP_ERR_MEMORY;
}

enum sp_status sp_rpc_async_streams_open(const struct sp_rpc_async_stream_options *options,
                                         struct sp_rpc_async_streams **ret_streams, struct sp_error *error) {
    if (options->connections < 1 || options->connections > 1000 || options->streams < 1 || options->streams > 100000 ||
        options->queue < 1 || options->queue > 100001)
        return sp_error_set(error, SP_ERR_INVALID,
                            "connections must be 1 to 1,000, streams and messages in flight 1 to 100,000");
    struct sp_rpc_async_streams *streams = calloc(1, sizeof(*streams));
    if (streams == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    streams->taken = grpc_empty_slice();
    streams->cq = grpc_completion_queue_create_for_next(NULL);
    streams->queue_size = options->queue;
    enum sp_status status = allocate_streams(streams, options);
    if (status != SP_OK) {
        sp_rpc_async_streams_close(streams);
        return sp_error_set(error, status, "out of memory");
    }
    for (; streams->connection_count < options->connections; streams->connection_count++) {
        status = sp_rpc_async_connect(&streams->connections[streams->connection_count], options->target, &options->tls,
                                      options->path, error);
        if (status != SP_OK) {
            sp_rpc_async_streams_close(streams);
            return status;
        }
    }
    for (; streams->stream_count < options->streams; streams->stream_count++)
        open_stream(streams, streams->stream_count);
    *ret_streams = streams;
    return SP_OK;
}

static void free_stream(struct sp_rpc_async_streams *streams, struct stream *stream) {
    for (; stream->queue_count > 0; stream->queue_count--) {
        grpc_byte_buffer_destroy(stream->queue[stream->queue_first]);
        stream->queue_first = (stream->queue_first + 1) % streams->queue_size;
    }
    grpc_metadata_array_destroy(&stream->initial_metadata);
    grpc_metadata_array_destroy(&stream->trailing_metadata);
    grpc_slice_unref(stream->message);
    grpc_call_unref(stream->call);
}

void sp_rpc_async_streams_close(struct sp_rpc_async_streams *streams) {
    if (streams == NULL)
        return;
    for (unsigned i = 0; i < streams->stream_count; i++)
        grpc_call_cancel(streams->streams[i].call, NULL);
    struct sp_rpc_stream_event ignored;
    while (streams->under_way > 0)
        (void)sp_rpc_async_streams_next(streams, UINT64_MAX, &ignored);
    for (unsigned i = 0; i < streams->stream_count; i++)
        free_stream(streams, &streams->streams[i]);
    for (unsigned i = 0; i < streams->connection_count; i++)
        grpc_channel_destroy(streams->connections[i].channel);
    sp_rpc_async_destroy_queue(streams->cq);
    grpc_slice_unref(streams->taken);
    free(streams->streams);
    free(streams->connections);
    free(streams->queues);
    free(streams);
}

bool sp_rpc_async_stream_send(struct sp_rpc_async_streams *streams, unsigned number, struct sp_bytes message) {
    struct stream *stream = &streams->streams[number];
    if (stream->ended || stream->queue_count == streams->queue_size)
        return false;
    stream->queue[(stream->queue_first + stream->queue_count++) % streams->queue_size] = sp_rpc_async_buffer(message);
    if (!stream->sending)
        send_first(streams, stream);
    return true;
}

/* A message has gone, or never will. */
static void take_sent(struct sp_rpc_async_streams *streams, struct stream *stream, bool ok) {
    grpc_byte_buffer_destroy(stream->queue[stream->queue_first]);
    stream->queue_first = (stream->queue_first + 1) % streams->queue_size;
    stream->queue_count--;
    stream->sending = false;
    if (ok && !stream->ended && stream->queue_count > 0)
        send_first(streams, stream);
}

/* Whether the batch that ended is an event for the caller. */
static bool take_event(struct sp_rpc_async_streams *streams, const struct tag *tag, bool ok,
                       struct sp_rpc_stream_event *ret_event) {
    struct stream *stream = tag->stream;
    *ret_event = (struct sp_rpc_stream_event){.stream = (unsigned)(stream - streams->streams), .status = SP_OK};
    switch (tag->kind) {
    case TAG_SENT:
        take_sent(streams, stream, ok);
        return false;
    case TAG_RECEIVED:
        if (stream->received == NULL)
            return false; /* no more will come; the end has an event of its own */
        ret_event->message = sp_rpc_async_take(stream->received, &streams->taken);
        ask_for_next(streams, stream);
        return true;
    case TAG_ENDED:
        stream->ended = true;
        ret_event->ended = true;
        ret_event->status = stream->code == GRPC_STATUS_OK ? SP_OK : sp_status_from_grpc((int)stream->code);
        return true;
    }
    return false;
}

bool sp_rpc_async_streams_next(struct sp_rpc_async_streams *streams, uint64_t until_ns,
                               struct sp_rpc_stream_event *ret_event) {
    while (streams->under_way > 0) {
        grpc_event event = grpc_completion_queue_next(streams->cq, sp_rpc_channel_deadline(until_ns), NULL);
        if (event.type != GRPC_OP_COMPLETE)
            return false;
        streams->under_way--;
        if (take_event(streams, event.tag, event.success != 0, ret_event))
            return true;
    }
    return false;
}
