/* Whose address counts behind proxies: the trusted-proxy rule over `x-forwarded-for`. Pure.
 *
 * Each proxy writes the address that it was called from at the right end of `x-forwarded-for`, so
 * only the right end was written by proxies of one's own; everything left of what they wrote is
 * what the client chose to send, and is never read. The operator sets how far the right end is
 * trusted, in one of two ways:
 *
 * - hops N: the N rightmost entries were written by trusted proxies, the gateway that asks included if it writes one;
 *   the leftmost of these N is the client. 0: the header is not believed at all, the connection's peer is the client.
 * - ranges: the addresses of trusted proxies. From the peer leftwards, the first address outside of them is the client.
 *   It makes no difference whether the gateway that asks has written its own peer down or not.
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

/* Who is believed. Zeroed: nobody, the peer is the client. */
struct sp_forwarded_trust {
    unsigned hops;
    size_t range_count;
    /* As core/allowlist.h compiles them. */
    uint8_t ranges[SP_ALLOWLIST_MAX_ENTRIES * SP_ALLOWLIST_RANGE_BYTES];
};

/* Reads the settings: `proxies` is addresses and CIDR ranges (private ones too) separated by
 * commas, spaces around them allowed, at most 100; empty: none. `hops` at most
 * SP_FORWARDED_MAX_HOPS. SP_ERR_INVALID with a message for a range that cannot be read, too many of
 * them, one that contains every address of a family (it would trust everybody), or both settings at
 * once. SP_ERR_MEMORY. */
enum sp_status sp_forwarded_trust_read(struct sp_str proxies, uint64_t hops, struct sp_forwarded_trust *ret_trust,
                                       struct sp_error *error) SP_MUST_USE;

/* The client's address. `peer` is the other end of the connection to the gateway (or to this
 * server), NULL if that is no IP address; `lines` are the values of all `x-forwarded-for` headers,
 * in their order. An entry is an IPv4 address, or an IPv6 address bare or in brackets, each but the
 * bare IPv6 one with an optional port, spaces and tabs around it; an IPv4-mapped address is the
 * IPv4 address. False: not known, *ret_client is untouched. */
bool sp_forwarded_client(const struct sp_forwarded_trust *trust, const struct sp_ip *peer, const struct sp_str *lines,
                         size_t line_count, struct sp_ip *ret_client) SP_MUST_USE;

#endif
