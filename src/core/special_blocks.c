#include "core/special_blocks.h"

#include <stddef.h>

#define V4(a, b, c, d, length)                                                                                         \
    { {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}}, 96 + (length) }
#define PAIR(group) (group) >> 8, (group)&0xff
#define V6(a, b, c, d, e, f, g, h, length)                                                                             \
    { {{PAIR(a), PAIR(b), PAIR(c), PAIR(d), PAIR(e), PAIR(f), PAIR(g), PAIR(h)}}, length }

/* Sources, as of SP_SPECIAL_BLOCKS_DATE:
 *
 *   ipv4     https://www.iana.org/assignments/iana-ipv4-special-registry
 *   ipv6     https://www.iana.org/assignments/iana-ipv6-special-registry
 *   ipv4 space   https://www.iana.org/assignments/ipv4-address-space
 *   ipv6 space   https://www.iana.org/assignments/ipv6-address-space
 *
 * A row is REACHABLE if the registry says "Globally Reachable: True". Three such rows are REFUSED
 * all the same, because a client never calls from them: the anycast addresses 192.0.0.9 and
 * 192.0.0.10 of protocols on the way, and 64:ff9b::/96, which stands for IPv4 addresses behind a
 * translator. Global Unicast is 2000::/3 alone; whatever else of IPv6 is in no registry is refused
 * by the rows of the unassigned rest. ::ffff:0:0/96 is missing because its addresses are read as
 * IPv4. */
const struct sp_special_block sp_special_blocks[] = {
    {"0.0.0.0/8", V4(0, 0, 0, 0, 8), "This network", "ipv4", SP_BLOCK_REFUSED},
    {"10.0.0.0/8", V4(10, 0, 0, 0, 8), "Private-Use", "ipv4", SP_BLOCK_PRIVATE},
    {"100.64.0.0/10", V4(100, 64, 0, 0, 10), "Shared Address Space", "ipv4", SP_BLOCK_PRIVATE},
    {"127.0.0.0/8", V4(127, 0, 0, 0, 8), "Loopback", "ipv4", SP_BLOCK_REFUSED},
    {"169.254.0.0/16", V4(169, 254, 0, 0, 16), "Link Local", "ipv4", SP_BLOCK_REFUSED},
    {"172.16.0.0/12", V4(172, 16, 0, 0, 12), "Private-Use", "ipv4", SP_BLOCK_PRIVATE},
    {"192.0.0.0/29", V4(192, 0, 0, 0, 29), "IPv4 Service Continuity Prefix", "ipv4", SP_BLOCK_REFUSED},
    {"192.0.0.8/32", V4(192, 0, 0, 8, 32), "IPv4 dummy address", "ipv4", SP_BLOCK_REFUSED},
    {"192.0.0.9/32", V4(192, 0, 0, 9, 32), "Port Control Protocol Anycast", "ipv4", SP_BLOCK_REFUSED},
    {"192.0.0.10/32", V4(192, 0, 0, 10, 32), "Traversal Using Relays around NAT Anycast", "ipv4", SP_BLOCK_REFUSED},
    {"192.0.0.170/32", V4(192, 0, 0, 170, 32), "NAT64/DNS64 Discovery", "ipv4", SP_BLOCK_REFUSED},
    {"192.0.0.171/32", V4(192, 0, 0, 171, 32), "NAT64/DNS64 Discovery", "ipv4", SP_BLOCK_REFUSED},
    {"192.0.0.0/24", V4(192, 0, 0, 0, 24), "IETF Protocol Assignments", "ipv4", SP_BLOCK_REFUSED},
    {"192.0.2.0/24", V4(192, 0, 2, 0, 24), "Documentation (TEST-NET-1)", "ipv4", SP_BLOCK_DOCUMENTATION},
    {"192.31.196.0/24", V4(192, 31, 196, 0, 24), "AS112-v4", "ipv4", SP_BLOCK_REACHABLE},
    {"192.52.193.0/24", V4(192, 52, 193, 0, 24), "AMT", "ipv4", SP_BLOCK_REACHABLE},
    {"192.88.99.2/32", V4(192, 88, 99, 2, 32), "6a44-relay anycast address", "ipv4", SP_BLOCK_REFUSED},
    {"192.88.99.0/24", V4(192, 88, 99, 0, 24), "Deprecated (6to4 Relay Anycast)", "ipv4", SP_BLOCK_REFUSED},
    {"192.168.0.0/16", V4(192, 168, 0, 0, 16), "Private-Use", "ipv4", SP_BLOCK_PRIVATE},
    {"192.175.48.0/24", V4(192, 175, 48, 0, 24), "Direct Delegation AS112 Service", "ipv4", SP_BLOCK_REACHABLE},
    {"198.18.0.0/15", V4(198, 18, 0, 0, 15), "Benchmarking", "ipv4", SP_BLOCK_REFUSED},
    {"198.51.100.0/24", V4(198, 51, 100, 0, 24), "Documentation (TEST-NET-2)", "ipv4", SP_BLOCK_DOCUMENTATION},
    {"203.0.113.0/24", V4(203, 0, 113, 0, 24), "Documentation (TEST-NET-3)", "ipv4", SP_BLOCK_DOCUMENTATION},
    {"224.0.0.0/4", V4(224, 0, 0, 0, 4), "Multicast", "ipv4 space", SP_BLOCK_REFUSED},
    {"255.255.255.255/32", V4(255, 255, 255, 255, 32), "Limited Broadcast", "ipv4", SP_BLOCK_REFUSED},
    {"240.0.0.0/4", V4(240, 0, 0, 0, 4), "Reserved", "ipv4", SP_BLOCK_REFUSED},

    {"2001::/32", V6(0x2001, 0, 0, 0, 0, 0, 0, 0, 32), "TEREDO", "ipv6", SP_BLOCK_REFUSED},
    {"2001:1::1/128", V6(0x2001, 1, 0, 0, 0, 0, 0, 1, 128), "Port Control Protocol Anycast", "ipv6",
     SP_BLOCK_REACHABLE},
    {"2001:1::2/128", V6(0x2001, 1, 0, 0, 0, 0, 0, 2, 128), "Traversal Using Relays around NAT Anycast", "ipv6",
     SP_BLOCK_REACHABLE},
    {"2001:1::3/128", V6(0x2001, 1, 0, 0, 0, 0, 0, 3, 128), "DNS-SD Service Registration Protocol Anycast", "ipv6",
     SP_BLOCK_REACHABLE},
    {"2001:2::/48", V6(0x2001, 2, 0, 0, 0, 0, 0, 0, 48), "Benchmarking", "ipv6", SP_BLOCK_REFUSED},
    {"2001:3::/32", V6(0x2001, 3, 0, 0, 0, 0, 0, 0, 32), "AMT", "ipv6", SP_BLOCK_REACHABLE},
    {"2001:4:112::/48", V6(0x2001, 4, 0x112, 0, 0, 0, 0, 0, 48), "AS112-v6", "ipv6", SP_BLOCK_REACHABLE},
    {"2001:10::/28", V6(0x2001, 0x10, 0, 0, 0, 0, 0, 0, 28), "Deprecated (previously ORCHID)", "ipv6",
     SP_BLOCK_REFUSED},
    {"2001:20::/28", V6(0x2001, 0x20, 0, 0, 0, 0, 0, 0, 28), "ORCHIDv2", "ipv6", SP_BLOCK_REACHABLE},
    {"2001:30::/28", V6(0x2001, 0x30, 0, 0, 0, 0, 0, 0, 28), "Drone Remote ID Protocol Entity Tags (DETs) Prefix",
     "ipv6", SP_BLOCK_REACHABLE},
    {"2001::/23", V6(0x2001, 0, 0, 0, 0, 0, 0, 0, 23), "IETF Protocol Assignments", "ipv6", SP_BLOCK_REFUSED},
    {"2001:db8::/32", V6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0, 32), "Documentation", "ipv6", SP_BLOCK_DOCUMENTATION},
    {"2002::/16", V6(0x2002, 0, 0, 0, 0, 0, 0, 0, 16), "6to4", "ipv6", SP_BLOCK_REFUSED},
    {"2620:4f:8000::/48", V6(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0, 48), "Direct Delegation AS112 Service", "ipv6",
     SP_BLOCK_REACHABLE},
    {"3fff::/20", V6(0x3fff, 0, 0, 0, 0, 0, 0, 0, 20), "Documentation", "ipv6", SP_BLOCK_DOCUMENTATION},
    {"::1/128", V6(0, 0, 0, 0, 0, 0, 0, 1, 128), "Loopback Address", "ipv6", SP_BLOCK_REFUSED},
    {"::/128", V6(0, 0, 0, 0, 0, 0, 0, 0, 128), "Unspecified Address", "ipv6", SP_BLOCK_REFUSED},
    {"64:ff9b::/96", V6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0, 96), "IPv4-IPv6 Translat.", "ipv6", SP_BLOCK_REFUSED},
    {"64:ff9b:1::/48", V6(0x64, 0xff9b, 1, 0, 0, 0, 0, 0, 48), "IPv4-IPv6 Translat.", "ipv6", SP_BLOCK_REFUSED},
    {"100::/64", V6(0x100, 0, 0, 0, 0, 0, 0, 0, 64), "Discard-Only Address Block", "ipv6", SP_BLOCK_REFUSED},
    {"100:0:0:1::/64", V6(0x100, 0, 0, 1, 0, 0, 0, 0, 64), "Dummy IPv6 Prefix", "ipv6", SP_BLOCK_REFUSED},
    {"5f00::/16", V6(0x5f00, 0, 0, 0, 0, 0, 0, 0, 16), "Segment Routing (SRv6) SIDs", "ipv6", SP_BLOCK_REFUSED},
    {"fc00::/7", V6(0xfc00, 0, 0, 0, 0, 0, 0, 0, 7), "Unique-Local", "ipv6", SP_BLOCK_PRIVATE},
    {"fe80::/10", V6(0xfe80, 0, 0, 0, 0, 0, 0, 0, 10), "Link-Local Unicast", "ipv6", SP_BLOCK_REFUSED},
    {"fec0::/10", V6(0xfec0, 0, 0, 0, 0, 0, 0, 0, 10), "Reserved by IETF, once Site-Local", "ipv6 space",
     SP_BLOCK_REFUSED},
    {"ff00::/8", V6(0xff00, 0, 0, 0, 0, 0, 0, 0, 8), "Multicast", "ipv6 space", SP_BLOCK_REFUSED},
    {"::/3", V6(0, 0, 0, 0, 0, 0, 0, 0, 3), "outside Global Unicast, 2000::/3", "ipv6 space", SP_BLOCK_REFUSED},
    {"4000::/2", V6(0x4000, 0, 0, 0, 0, 0, 0, 0, 2), "outside Global Unicast, 2000::/3", "ipv6 space",
     SP_BLOCK_REFUSED},
    {"8000::/1", V6(0x8000, 0, 0, 0, 0, 0, 0, 0, 1), "outside Global Unicast, 2000::/3", "ipv6 space",
     SP_BLOCK_REFUSED},

    {NULL, V6(0, 0, 0, 0, 0, 0, 0, 0, 0), NULL, NULL, SP_BLOCK_REFUSED},
};

static bool is_block_accepted(const struct sp_special_block *block, bool allow_private) {
    switch (block->rule) {
    case SP_BLOCK_REACHABLE:
    case SP_BLOCK_DOCUMENTATION:
        return true;
    case SP_BLOCK_PRIVATE:
        return allow_private;
    case SP_BLOCK_REFUSED:
        break;
    }
    return false;
}

/* No block that is accepted holds one that is refused. */
static bool is_within_accepted(const struct sp_cidr *cidr, bool allow_private) {
    for (const struct sp_special_block *block = sp_special_blocks; block->text != NULL; block++)
        if (is_block_accepted(block, allow_private) && sp_cidr_contains(&block->cidr, cidr))
            return true;
    return false;
}

/* The families share one order of 128 bits, in which ::/3 would hold every IPv4 address. */
static bool are_of_one_family(const struct sp_cidr *cidr, const struct sp_special_block *block) {
    return sp_cidr_is_v4(cidr) == sp_cidr_is_v4(&block->cidr);
}

/* The block to name: the most specific one that holds the whole range, or else the largest that
 * meets it. */
static const struct sp_special_block *find_refusing_block(const struct sp_cidr *cidr, bool allow_private) {
    const struct sp_special_block *found = NULL;
    for (const struct sp_special_block *block = sp_special_blocks; block->text != NULL; block++) {
        if (is_block_accepted(block, allow_private) || !are_of_one_family(cidr, block))
            continue;
        if (sp_cidr_contains(&block->cidr, cidr))
            return block;
        if (sp_cidr_overlaps(&block->cidr, cidr) && (found == NULL || block->cidr.prefix < found->cidr.prefix))
            found = block;
    }
    return found;
}

static enum sp_status refuse_block(const struct sp_cidr *cidr, const struct sp_special_block *block,
                                   struct sp_error *error) {
    const char *cure =
        block->rule == SP_BLOCK_PRIVATE ? ": an operator can allow private ranges for the workspace" : "";
    char entry[SP_CIDR_TEXT_BYTES];
    sp_cidr_format(cidr, entry);
    if (sp_cidr_contains(cidr, &block->cidr) && sp_cidr_contains(&block->cidr, cidr))
        return sp_error_set(error, SP_ERR_INVALID, "%s (%s) is not public%s", entry, block->name, cure);
    return sp_error_set(error, SP_ERR_INVALID, "%s %s %s (%s), which is not public%s", entry,
                        sp_cidr_contains(cidr, &block->cidr) ? "contains" : "is in", block->text, block->name, cure);
}

enum sp_status sp_cidr_check_public(const struct sp_cidr *cidr, bool allow_private, struct sp_error *error) {
    if (is_within_accepted(cidr, allow_private))
        return SP_OK;
    const struct sp_special_block *block = find_refusing_block(cidr, allow_private);
    if (block == NULL)
        return SP_OK;
    return refuse_block(cidr, block, error);
}
