/* What answers at an address that could not be called. gRPC's own messages differ between its
 * releases and say little: "Socket closed" for a TLS port that was called in plaintext. So the
 * address is asked once more, in plaintext. */
#ifndef SP_CLI_PROBE_H
#define SP_CLI_PROBE_H

#include <stddef.h>

#include "cli/address.h"

enum cli_peer {
    CLI_PEER_UNKNOWN, /* not asked, or it answered in none of these ways */
    CLI_PEER_NONE,    /* nothing accepts connections */
    CLI_PEER_GRPC,    /* plaintext HTTP/2 */
    CLI_PEER_HTTP,    /* plaintext HTTP/1.1 */
    CLI_PEER_TLS,
};

/* Connects, sends the preface of HTTP/2, and looks at the first bytes that come; if none do, the
 * same with the first message of TLS. Takes four seconds at most. */
enum cli_peer sp_cli_probe(const struct cli_address *address);

/* What the first bytes of an answer belong to. */
enum cli_peer sp_cli_peer_of(const unsigned char *bytes, size_t size);

#endif
