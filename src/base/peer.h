/* The address at the other end of a connection, as a value: for counting connections by address and
 * for finding one by its text. Pure; any thread. */
#ifndef SP_BASE_PEER_H
#define SP_BASE_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"

struct sp_peer {
    uint8_t host[16]; /* IPv6, or IPv4 mapped into it; of a Unix socket: zeros, and the process's user id at the end */
    uint16_t port;    /* 0: of a Unix socket */
};

/* From an IPv4 or IPv6 address; false for other kinds. */
bool sp_peer_from_sockaddr(const struct sockaddr *address, struct sp_peer *ret_peer);
/* For a Unix socket. */
struct sp_peer sp_peer_from_uid(uint32_t uid);
/* From "192.0.2.1" or "2001:db8::1", without brackets or zone; false for other texts. */
bool sp_peer_from_text(struct sp_str host, uint16_t port, struct sp_peer *ret_peer);

enum { SP_PEER_TEXT_BYTES = 64 };
/* "192.0.2.1:5000", "[2001:db8::1]:5000", "unix, user 1000". */
void sp_peer_write(const struct sp_peer *peer, char ret_text[static SP_PEER_TEXT_BYTES]);

bool sp_peer_same_host(const struct sp_peer *a, const struct sp_peer *b);

#endif
