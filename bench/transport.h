/* How requests reach a server: unary calls, or messages on bidirectional streams. Either way a
 * request has a slot, and ends once, with a reply or an error. One thread. */
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include "rpc/async_client.h"
#include "rpc/async_stream.h"

struct transport_options {
    const char *target;
    struct sp_rpc_client_tls tls;
    bool wait_for_ready; /* of unary calls */
    const char *path;
    unsigned connections;
    unsigned slots;    /* the most requests in flight */
    struct sp_str key; /* of unary calls; empty: none */
    unsigned streams;  /* 0: unary calls; otherwise the number of streams that share the slots */
};

struct transport {
    struct sp_rpc_async_client *client; /* of unary calls */
    struct sp_rpc_async_streams *streams;
    unsigned stream_count, room;    /* of each stream's ring */
    struct transport_line *lines;   /* what is in flight on each stream, oldest first */
    unsigned *slots;                /* the rings */
    unsigned *failed, failed_count; /* slots whose stream has ended, not reported yet */
    enum sp_status failure;
};

/* Zeroed: transport_close may be called. SP_ERR_INVALID, SP_ERR_MEMORY. */
enum sp_status transport_open(const struct transport_options *options, struct transport *ret_transport,
                              struct sp_error *error) SP_MUST_USE;
void transport_close(struct transport *transport);

/* Sends in a free slot; the request is copied. */
void transport_send(struct transport *transport, unsigned slot, struct sp_bytes request);

/* As sp_rpc_async_next. */
bool transport_next(struct transport *transport, uint64_t until_ns, struct sp_rpc_completion *ret_completion);

#endif
