/* An accepted socket, plain or with TLS. Nothing blocks. On the thread of its loop. */
#ifndef SP_RPC_H2_SOCKET_H
#define SP_RPC_H2_SOCKET_H

#include "rpc/h2/tls.h"

struct h2_socket {
    int fd;
    SSL *ssl;            /* NULL: plain */
    bool shaken;         /* the handshake is done; always, if plain */
    bool wants_to_write; /* the TLS engine waits for room in the socket */
};

enum h2_io {
    H2_IO_DONE,
    H2_IO_LATER, /* wait until the socket is ready */
    H2_IO_ENDED, /* the peer has gone, or broke the rules of TLS */
};

/* With TLS: goes on with the handshake. */
enum h2_io sp_rpc_h2_socket_shake(struct h2_socket *socket) SP_MUST_USE;
/* Reads something, at least one byte if H2_IO_DONE. */
enum h2_io sp_rpc_h2_socket_read(struct h2_socket *socket, uint8_t *ret_bytes, size_t room,
                                 size_t *ret_size) SP_MUST_USE;
/* Writes as much as there is room for, at least one byte if H2_IO_DONE. */
enum h2_io sp_rpc_h2_socket_write(struct h2_socket *socket, const uint8_t *bytes, size_t size,
                                  size_t *ret_written) SP_MUST_USE;
/* Says goodbye if it can be said at once, and closes. */
void sp_rpc_h2_socket_close(struct h2_socket *socket);

#endif
