/* Sockets that programs listen on: "127.0.0.1:7400", "[::1]:7400", "unix:/run/sallyport.sock". For
 * the programs' servers. */
#ifndef SP_BASE_LISTEN_H
#define SP_BASE_LISTEN_H

#include <stdbool.h>

#include "base/status.h"

enum { SP_LISTEN_PATH_BYTES = 108 }; /* sockaddr_un's sun_path */

struct sp_listen {
    int fd;                               /* non-blocking; -1: closed */
    int port;                             /* 0: a Unix socket */
    bool loopback;                        /* only this machine reaches it */
    char unix_path[SP_LISTEN_PATH_BYTES]; /* empty: TCP */
};

/* Binds and listens. Port 0 picks a free one. A socket file that nobody accepts on any more is
 * replaced. `receive_buffer_bytes`: SO_RCVBUF of the connections, which inherit it from the
 * listening socket; 0: the system's default. SP_ERR_INVALID: not an address, or not a loopback
 * address without `anywhere`, which --insecure or TLS allows; SP_ERR_IO: the address is in use, or
 * not one of this machine. */
enum sp_status sp_listen_open(const char *text, bool anywhere, int receive_buffer_bytes, struct sp_listen *ret_listen,
                              struct sp_error *error) SP_MUST_USE;

/* Closes it, and removes a Unix socket's file. Does nothing if it is closed. */
void sp_listen_close(struct sp_listen *listen);

#endif
