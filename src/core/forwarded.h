/* Whose address counts behind proxies: the trusted-proxy rule over `x-forwarded-for`, or another
 * header that holds the client's address. Pure.
 *
 * Each proxy writes the address that it was called from at the right end of `x-forwarded-for`, so
 * only the right end was written by proxies of one's own; everything left of what they wrote is
 * what the client chose to send, and is never read. The operator sets how far the right end is
 * trusted, in one of three ways:
 *
 * - hops N: the N rightmost entries were written by trusted proxies, the gateway that asks included
 *   if it writes one; the leftmost of these N is the client. 0: the header is not believed at all,
 *   the connection's peer is the client.
 * - ranges: the addresses of trusted proxies. From the peer leftwards, the first address outside of
 *   them is the client. It makes no difference whether the gateway that asks has written its own
 *   peer down or not.
 * - header: another header holds the client's address, such as `cf-connecting-ip`.
 *
 * Hops and a header are believed from trusted peers only, which must be named with them: anybody
 * else could write them too. The header of another peer is not read; that peer is the client.
 *
 * What is not certain is "not known", and then a key with an allowlist is denied: fewer entries
 * than hops, only proxies' addresses, or an entry that cannot be read where it counts ("unknown",
 * an obfuscated name such as "_hidden", an empty or quoted one). */
#ifndef SP_CORE_FORWARDED_H
#define SP_CORE_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/allowlist.h"

enum { SP_FORWARDED_MAX_HOPS = 32 };

struct sp_forwarded_ranges {
    size_t count;
    /* As core/allowlist.h compiles them. */
    uint8_t bytes[SP_ALLOWLIST_MAX_BLOCKS * SP_ALLOWLIST_RANGE_BYTES];
};

/* Who is believed. Zeroed: nobody, the peer is the client. */
struct sp_forwarded_trust {
    unsigned hops;
    struct sp_forwarded_ranges proxies;
    struct sp_str header; /* empty: x-forwarded-for */
    bool names_peers;     /* the next two were set */
    bool unix_peers;
    struct sp_forwarded_ranges peers;
};

/* The settings as texts; NULL and 0: not set. Lists hold addresses and CIDR ranges (private ones
 * too) separated by commas, spaces around them allowed, at most 100. */
struct sp_forwarded_settings {
    const char *proxies;
    uint64_t hops;
    const char *header; /* in lower case; borrowed by the trust that is read */
    const char *peers;  /* also "uds": Unix sockets */
};

/* SP_ERR_INVALID with a message for a range that cannot be read, too many of them, one that
 * contains every address of a family (it would trust everybody), more than SP_FORWARDED_MAX_HOPS
 * hops, a header that cannot hold an address, two of proxies, hops and header at once, or hops or
 * header without peers. SP_ERR_MEMORY. */
enum sp_status sp_forwarded_trust_read(const struct sp_forwarded_settings *settings,
                                       struct sp_forwarded_trust *ret_trust, struct sp_error *error) SP_MUST_USE;

/* Whether a peer may say what a client's address is: it is among the peers, or none were named.
 * NULL: at a Unix socket. */
bool sp_forwarded_trusts_peer(const struct sp_forwarded_trust *trust, const struct sp_ip *peer);

/* The name of the header whose lines count. */
struct sp_str sp_forwarded_header(const struct sp_forwarded_trust *trust);

/* The client's address. `peer` is the other end of the connection to the gateway (or to this
 * server), NULL if that is a Unix socket; `lines` are the values of all headers of the name that
 * counts, in their order. An entry is an IPv4 address, or an IPv6 address bare or in brackets, each
 * but the bare IPv6 one with an optional port, spaces and tabs around it; an IPv4-mapped address is
 * the IPv4 address. False: not known, *ret_client is untouched. */
bool sp_forwarded_client(const struct sp_forwarded_trust *trust, const struct sp_ip *peer, const struct sp_str *lines,
                         size_t line_count, struct sp_ip *ret_client) SP_MUST_USE;

/* The address in the last entry of a line of `x-forwarded-for`: what the gateway that sent it was
 * called from. False if it cannot be read. */
bool sp_forwarded_last_entry(struct sp_str line, struct sp_ip *ret_ip) SP_MUST_USE;

#endif
