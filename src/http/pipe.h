/* Replies in pieces: a pipe from the thread that makes them to the HTTP server's, which sends them
 * as the client takes them. */
#ifndef SP_HTTP_PIPE_H
#define SP_HTTP_PIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct sp_http_exchange;
struct sp_http_pipe;

/* On the server's thread; must not block. */
struct sp_http_pipe_events {
    /* All that was written has gone to the client's connection. */
    void (*taken)(void *user);
    /* Nothing will be taken any more: all was sent, the client has gone, or the server has stopped.
     * The last event. */
    void (*gone)(void *user);
    void *user;
};

/* NULL when out of memory. It is the writer's until sp_http_pipe_release. */
struct sp_http_pipe *sp_http_pipe_create(const struct sp_http_pipe_events *events);
/* NULL is allowed. The events may still come if the pipe was given to an exchange. */
void sp_http_pipe_release(struct sp_http_pipe *pipe);

/* Appends a copy of the parts. False when out of memory or nobody takes it. One thread at a
 * time. */
bool sp_http_pipe_write(struct sp_http_pipe *pipe, const struct sp_bytes *parts, size_t count);
/* What was written is all. */
void sp_http_pipe_end(struct sp_http_pipe *pipe);

/* In place of sp_http_reply, for a deferred exchange: replies with what is written to the pipe
 * until it ends. Otherwise `gone` is called at once. */
void sp_http_reply_in_pieces(struct sp_http_exchange *exchange, unsigned status, const char *content_type,
                             struct sp_http_pipe *pipe);

/* ---- inside src/http, on the server's thread ---- */

struct exchanges;

/* Lets libmicrohttpd go on with connections for which something was written. */
void sp_http_pipes_continue(struct exchanges *exchanges);
/* Ends the exchanges whose clients have gone: nobody reads from a suspended connection. */
void sp_http_pipes_drop_closed(struct exchanges *exchanges);
/* The exchange is over. It may have no pipe. */
void sp_http_pipes_leave(struct sp_http_exchange *exchange);

#endif
