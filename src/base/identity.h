/* Who the other end of a connection has proven to be, whether it came over gRPC or HTTP. Values
 * only; any thread. */
#ifndef SP_BASE_IDENTITY_H
#define SP_BASE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum sp_peer_kind {
    SP_PEER_PLAIN, /* TCP without TLS: nothing is proven */
    SP_PEER_TLS,
    SP_PEER_UNIX,
};

enum { SP_IDENTITY_NAMES = 16 };

/* Everything is borrowed from the call or request. */
struct sp_identity {
    enum sp_peer_kind kind;
    bool certified; /* over TLS: the peer has shown a certificate that the clients' CA signed */
    bool uid_known; /* on a Unix socket: `uid` is the user of the process that connected */
    uint32_t uid;
    /* If certified: subject alternative names (RFC 5280 section 4.2.1.6) as they are in the
     * certificate, a SPIFFE id among the URIs. No more than fit. */
    size_t uri_count, dns_count;
    struct sp_str uris[SP_IDENTITY_NAMES];
    struct sp_str dns[SP_IDENTITY_NAMES];
};

#endif
