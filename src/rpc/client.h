/* A blocking gRPC client on the C core, for the command line, the tools and the tests. One thread
 * at a time. */
#ifndef SP_RPC_CLIENT_H
#define SP_RPC_CLIENT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "rpc/client_tls.h"

struct sp_rpc_client;

struct sp_rpc_client_options {
    const char *target;       /* "127.0.0.1:7401", "unix:/run/sallyport.sock" */
    struct sp_str key;        /* sent as "authorization: Bearer …"; empty: none. Copied, wiped at close. */
    unsigned timeout_ms;      /* for a unary call; 0: 10,000 */
    size_t max_receive_bytes; /* 0: 16 MiB */
    unsigned keepalive_ms;    /* a ping after that long without data, so that a dead connection is noticed; 0: none */
    struct sp_rpc_client_tls tls;
};

/* Connects lazily; the TLS files are read now. SP_ERR_INVALID. */
enum sp_status sp_rpc_client_open(const struct sp_rpc_client_options *options, struct sp_rpc_client **ret_client,
                                  struct sp_error *error) SP_MUST_USE;
void sp_rpc_client_close(struct sp_rpc_client *client);

/* Sends "name: value" with every call from now on, instead of the value that the name had; an
 * empty value removes it. The value is copied, and wiped when it is replaced and no call holds
 * it. `name` must stay valid. SP_ERR_INVALID: not allowed in a header; SP_ERR_EXHAUSTED: more
 * than four names. */
enum sp_status sp_rpc_client_set_metadata(struct sp_rpc_client *client, const char *name, struct sp_str value,
                                          struct sp_error *error) SP_MUST_USE;

/* The time limit of unary calls from now on. */
void sp_rpc_client_set_timeout(struct sp_rpc_client *client, unsigned timeout_ms);

/* Waits for a connection, at most `timeout_ms`; false: there is none. Calls connect by themselves,
 * but fail at once while a lost connection waits for its next attempt, which only happens while
 * somebody waits here. */
bool sp_rpc_client_connect(struct sp_rpc_client *client, unsigned timeout_ms);

/* Calls a unary method. The reply is in `arena`. An error of the server comes as its status, with
 * its message. */
enum sp_status sp_rpc_client_call(struct sp_rpc_client *client, const char *path, struct sp_bytes request,
                                  struct sp_arena *arena, struct sp_bytes *ret_reply,
                                  struct sp_error *error) SP_MUST_USE;

struct sp_rpc_stream;

/* A streaming call of any kind, without a deadline. Opening, sending and ending one's side fail
 * with the server's error, or with SP_ERR_UNAVAILABLE if it ended the call with OK. */
enum sp_status sp_rpc_stream_open(struct sp_rpc_client *client, const char *path, struct sp_rpc_stream **ret_stream,
                                  struct sp_error *error) SP_MUST_USE;
/* A call that the server has ended gives its status here too; messages that were not received are
 * dropped then. */
enum sp_status sp_rpc_stream_send(struct sp_rpc_stream *stream, struct sp_bytes message,
                                  struct sp_error *error) SP_MUST_USE;
/* Ends the client's side: no more will be sent. */
enum sp_status sp_rpc_stream_done_sending(struct sp_rpc_stream *stream, struct sp_error *error) SP_MUST_USE;
/* The next message in `arena`. SP_STREAM_END: the server ended the call with OK, and `error` is
 * untouched. Another status: with that error. */
enum sp_status sp_rpc_stream_receive(struct sp_rpc_stream *stream, struct sp_arena *arena, struct sp_bytes *ret_message,
                                     struct sp_error *error) SP_MUST_USE;
/* The same, waiting at most `timeout_ms`. SP_ERR_DEADLINE: nothing came, and the next receive waits
 * on. */
enum sp_status sp_rpc_stream_receive_within(struct sp_rpc_stream *stream, unsigned timeout_ms, struct sp_arena *arena,
                                            struct sp_bytes *ret_message, struct sp_error *error) SP_MUST_USE;
/* Cancels what is under way and frees. NULL is allowed. */
void sp_rpc_stream_close(struct sp_rpc_stream *stream);

/* grpc_init and grpc_shutdown; pairs may nest. Call before open, and after the last close. */
void sp_rpc_global_init(void);
void sp_rpc_global_fini(void);

#endif
