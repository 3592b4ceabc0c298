/* IP addresses and CIDR ranges: strict text in, normalised values and text out. Pure. Text forms:
 * dotted quad; RFC 4291 section 2.2; output as RFC 5952. */
#ifndef SP_CORE_ADDRESS_H
#define SP_CORE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* An address as 16 bytes in network order. IPv4 a.b.c.d is ::ffff:a.b.c.d, so that both families
 * share one order and an IPv4-mapped IPv6 address is the IPv4 address. */
struct sp_ip {
    uint8_t bytes[16];
};

/* A range of addresses with all bits under its prefix zero. */
struct sp_cidr {
    struct sp_ip first;
    uint8_t prefix; /* 0 to 128, in the 128-bit form: an IPv4 /n is 96 + n */
};

enum { SP_CIDR_TEXT_BYTES = 64 }; /* any text that sp_cidr_format and sp_ip_format write, with the NUL */

bool sp_ip_is_v4(const struct sp_ip *ip);

/* Reads one address: no prefix length, leading zeros, short forms ("1.2.3"), zone ids, brackets
 * or spaces. SP_ERR_INVALID with a message that names the character or part and what is wrong
 * with it. */
enum sp_status sp_ip_parse(struct sp_str text, struct sp_ip *ret_ip, struct sp_error *error) SP_MUST_USE;

/* Reads an address (then /32 or /128) or a CIDR range. IPv4-mapped ranges of /96 and longer become
 * IPv4 ranges and shorter ones are refused; host bits under the prefix are refused with the
 * corrected form in the message. */
enum sp_status sp_cidr_parse(struct sp_str text, struct sp_cidr *ret_cidr, struct sp_error *error) SP_MUST_USE;

bool sp_cidr_is_v4(const struct sp_cidr *cidr);
bool sp_cidr_overlaps(const struct sp_cidr *a, const struct sp_cidr *b);
/* Whether every address of `inner` is in `outer`. */
bool sp_cidr_contains(const struct sp_cidr *outer, const struct sp_cidr *inner);

/* "203.0.113.0/24", "2001:db8::/32": always with the prefix length. */
void sp_cidr_format(const struct sp_cidr *cidr, char ret_text[static SP_CIDR_TEXT_BYTES]);

void sp_ip_format(const struct sp_ip *ip, char ret_text[static SP_CIDR_TEXT_BYTES]);

/* The last address of the range. */
struct sp_ip sp_cidr_last(const struct sp_cidr *cidr);

#endif
