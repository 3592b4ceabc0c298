#include "transport.h"

#include <stdlib.h>

struct transport_line {
    unsigned first, count;
};

static enum sp_status open_streams(const struct transport_options *options, struct transport *transport,
                                   struct sp_error *error) {
    unsigned streams = options->streams < options->slots ? options->streams : options->slots;
    transport->stream_count = streams;
    transport->failure = SP_ERR_UNAVAILABLE;
    transport->room = (options->slots + streams - 1) / streams;
    transport->lines = calloc(streams, sizeof(*transport->lines));
    transport->slots = calloc((size_t)streams * transport->room, sizeof(*transport->slots));
    transport->failed = calloc(options->slots, sizeof(*transport->failed));
    if (transport->lines == NULL || transport->slots == NULL || transport->failed == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    struct sp_rpc_async_stream_options open = {
        .target = options->target,
        .tls = options->tls,
        .path = options->path,
        .connections = options->connections,
        .streams = streams,
        .queue = transport->room + 1, /* the one that gRPC has may be answered before it is known to be sent */
    };
    return sp_rpc_async_streams_open(&open, &transport->streams, error);
}

enum sp_status transport_open(const struct transport_options *options, struct transport *ret_transport,
                              struct sp_error *error) {
    *ret_transport = (struct transport){0};
    if (options->streams > 0)
        return open_streams(options, ret_transport, error);
    struct sp_rpc_async_options open = {.target = options->target,
                                        .tls = options->tls,
                                        .path = options->path,
                                        .connections = options->connections,
                                        .slots = options->slots,
                                        .key = options->key,
                                        .wait_for_ready = options->wait_for_ready};
    return sp_rpc_async_open(&open, &ret_transport->client, error);
}

void transport_close(struct transport *transport) {
    sp_rpc_async_close(transport->client);
    sp_rpc_async_streams_close(transport->streams);
    free(transport->lines);
    free(transport->slots);
    free(transport->failed);
    *transport = (struct transport){0};
}

static unsigned *ring_at(struct transport *transport, unsigned stream, unsigned i) {
    const struct transport_line *line = &transport->lines[stream];
    return &transport->slots[(size_t)stream * transport->room + (line->first + i) % transport->room];
}

static unsigned take_oldest(struct transport *transport, unsigned stream) {
    struct transport_line *line = &transport->lines[stream];
    unsigned slot = *ring_at(transport, stream, 0);
    line->first = (line->first + 1) % transport->room;
    line->count--;
    return slot;
}

void transport_send(struct transport *transport, unsigned slot, struct sp_bytes request) {
    if (transport->client != NULL) {
        sp_rpc_async_start(transport->client, slot, request);
        return;
    }
    unsigned stream = slot % transport->stream_count;
    if (!sp_rpc_async_stream_send(transport->streams, stream, request)) {
        transport->failed[transport->failed_count++] = slot;
        return;
    }
    *ring_at(transport, stream, transport->lines[stream].count) = slot;
    transport->lines[stream].count++;
}

static bool tell_failed(struct transport *transport, struct sp_rpc_completion *ret_completion) {
    if (transport->failed_count == 0)
        return false;
    unsigned slot = transport->failed[--transport->failed_count];
    *ret_completion = (struct sp_rpc_completion){.slot = slot, .status = transport->failure};
    return true;
}

static void end_load_stream(struct transport *transport, const struct sp_rpc_stream_event *event) {
    /* OK or not, a stream that ends leaves its requests without an answer. */
    transport->failure = event->status != SP_OK ? event->status : SP_ERR_UNAVAILABLE;
    while (transport->lines[event->stream].count > 0)
        transport->failed[transport->failed_count++] = take_oldest(transport, event->stream);
}

bool transport_next(struct transport *transport, uint64_t until_ns, struct sp_rpc_completion *ret_completion) {
    if (transport->client != NULL)
        return sp_rpc_async_next(transport->client, until_ns, ret_completion);
    struct sp_rpc_stream_event event;
    while (!tell_failed(transport, ret_completion)) {
        if (!sp_rpc_async_streams_next(transport->streams, until_ns, &event))
            return false;
        if (event.ended) {
            end_load_stream(transport, &event);
        } else if (transport->lines[event.stream].count > 0) {
            *ret_completion = (struct sp_rpc_completion){
                .slot = take_oldest(transport, event.stream), .status = SP_OK, .reply = event.message};
            return true;
        }
    }
    return true;
}
