#include "core/address.h"

#include <stdio.h>

#include "base/text.h"

/* The longest text of an address: six groups of four and a dotted quad. */
enum { IP_TEXT_MAX_BYTES = 45, V4_BITS = 96 };

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool sp_ip_is_v4(const struct sp_ip *ip) {
    return memcmp(ip->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

/* ---- bits ---- */

static bool have_equal_bits(const struct sp_ip *a, const struct sp_ip *b, unsigned bits) {
    unsigned whole = bits / 8;
    if (memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    unsigned mask = 0xff00U >> bits % 8 & 0xffU;
    return bits % 8 == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask) == 0;
}

/* The bits of byte `i` that lie under a prefix. */
static uint8_t host_mask(unsigned prefix, unsigned i) {
    if (prefix >= 8 * (i + 1))
        return 0;
    if (prefix <= 8 * i)
        return 0xff;
    return (uint8_t)(0xffU >> (prefix - 8 * i));
}

static struct sp_ip mask_host(const struct sp_ip *ip, unsigned prefix) {
    struct sp_ip first = *ip;
    for (unsigned i = 0; i < sizeof(first.bytes); i++)
        first.bytes[i] = (uint8_t)(first.bytes[i] & ~host_mask(prefix, i));
    return first;
}

struct sp_ip sp_cidr_last(const struct sp_cidr *cidr) {
    struct sp_ip last = cidr->first;
    for (unsigned i = 0; i < sizeof(last.bytes); i++)
        last.bytes[i] = (uint8_t)(last.bytes[i] | host_mask(cidr->prefix, i));
    return last;
}

bool sp_cidr_is_v4(const struct sp_cidr *cidr) {
    return cidr->prefix >= V4_BITS && sp_ip_is_v4(&cidr->first);
}

bool sp_cidr_overlaps(const struct sp_cidr *a, const struct sp_cidr *b) {
    return have_equal_bits(&a->first, &b->first, a->prefix < b->prefix ? a->prefix : b->prefix);
}

bool sp_cidr_contains(const struct sp_cidr *outer, const struct sp_cidr *inner) {
    return outer->prefix <= inner->prefix && have_equal_bits(&outer->first, &inner->first, outer->prefix);
}

/* ---- reading ---- */

static bool is_ip_digit(char c) {
    return c >= '0' && c <= '9';
}

static struct sp_str cut_part(struct sp_str text, size_t from, size_t end) {
    return (struct sp_str){text.data + from, end - from};
}

static size_t find_char(struct sp_str text, size_t from, char wanted) {
    while (from < text.size && text.data[from] != wanted)
        from++;
    return from;
}

/* A valid dotted quad, as nearly every address is, in one pass. False for anything else, including
 * invalid ones, which the functions below read again to explain what is wrong. */
static bool read_plain_v4(struct sp_str text, uint8_t ret_octets[static 4]) {
    uint8_t octets[4];
    unsigned part = 0;
    unsigned value = 0;
    unsigned digits = 0;
    for (size_t i = 0; i <= text.size; i++) {
        unsigned digit = i < text.size ? (unsigned)(uint8_t)text.data[i] - '0' : '.' - (unsigned)'0';
        if (digit <= 9) {
            value = value * 10 + digit;
            if (++digits > 3 || (digits == 2 && value < 10))
                return false;
            continue;
        }
        if (digit != '.' - (unsigned)'0' || digits == 0 || value > 255 || part == 4)
            return false;
        octets[part++] = (uint8_t)value;
        value = 0;
        digits = 0;
    }
    if (part != 4)
        return false;
    memcpy(ret_octets, octets, sizeof(octets));
    return true;
}

/* Only characters that occur in addresses, so that messages may quote the text. */
static enum sp_status check_alphabet(struct sp_str text, struct sp_error *error) {
    if (text.size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "an IP address must not be empty");
    if (text.size > IP_TEXT_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "%zu characters are too many for an IP address", text.size);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (sp_text_hex_value(c) < 16 || c == ':' || c == '.')
            continue;
        const char *why = c == '%'               ? "a zone id is not allowed"
                          : c == '/'             ? "a prefix length is not allowed here"
                          : c == '[' || c == ']' ? "brackets are not allowed"
                          : c == ' '             ? "spaces are not allowed"
                                                 : "not allowed in an IP address";
        return sp_error_set(error, SP_ERR_INVALID, "character %zu: %s", i + 1, why);
    }
    return SP_OK;
}

/* One number of a dotted quad. */
static enum sp_status read_octet(struct sp_str whole, struct sp_str part, unsigned number, uint8_t *ret_octet,
                                 struct sp_error *error) {
    const char *why = NULL;
    unsigned value = 0;
    for (size_t i = 0; i < part.size && why == NULL; i++) {
        if (!is_ip_digit(part.data[i]))
            why = "is not a decimal number";
        else if (value <= 255)
            value = value * 10 + (unsigned)(part.data[i] - '0');
    }
    if (part.size == 0)
        why = "is empty";
    else if (why == NULL && part.size > 1 && part.data[0] == '0')
        why = "has a leading zero";
    else if (why == NULL && value > 255)
        why = "is larger than 255";
    if (why != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: part %u %s", SP_STR_ARG(whole), number, why);
    *ret_octet = (uint8_t)value;
    return SP_OK;
}

static enum sp_status read_v4(struct sp_str whole, struct sp_str quad, uint8_t ret_octets[static 4],
                              struct sp_error *error) {
    unsigned parts = 1;
    for (size_t i = 0; i < quad.size; i++)
        parts += quad.data[i] == '.';
    if (parts != 4)
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: an IPv4 address has four parts, not %u", SP_STR_ARG(whole),
                            parts);
    uint8_t octets[4] = {0};
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_t end = find_char(quad, at, '.');
        enum sp_status status = read_octet(whole, cut_part(quad, at, end), i + 1, &octets[i], error);
        if (status != SP_OK)
            return status;
        at = end + 1;
    }
    memcpy(ret_octets, octets, sizeof(octets));
    return SP_OK;
}

/* An IPv6 text as it is read: up to eight groups, and before which of them the "::" stood. */
struct groups {
    uint8_t bytes[16];
    unsigned count;
    bool has_gap;
    unsigned gap;
};

/* A piece between colons: 1 to 4 hexadecimal digits, or in last place a dotted quad. */
static enum sp_status read_piece(struct sp_str whole, struct sp_str piece, bool last, struct groups *groups,
                                 struct sp_error *error) {
    if (find_char(piece, 0, '.') < piece.size) {
        if (!last || groups->count > 6)
            return sp_error_set(error, SP_ERR_INVALID, "%.*s: a dotted quad may only be the last 32 bits",
                                SP_STR_ARG(whole));
        groups->count += 2;
        return read_v4(whole, piece, groups->bytes + (size_t)2 * (groups->count - 2), error);
    }
    if (groups->count == 8)
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: more than eight groups", SP_STR_ARG(whole));
    if (piece.size == 0 || piece.size > 4)
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: group %u must have 1 to 4 hexadecimal digits",
                            SP_STR_ARG(whole), groups->count + 1);
    unsigned value = 0;
    for (size_t i = 0; i < piece.size; i++)
        value = value << 4 | sp_text_hex_value(piece.data[i]);
    sp_store_be16(groups->bytes + (size_t)2 * groups->count++, (uint16_t)value);
    return SP_OK;
}

/* Steps over "::" at `at`, if it is there. */
static enum sp_status read_gap(struct sp_str text, size_t *at, struct groups *groups, struct sp_error *error) {
    if (*at + 1 >= text.size || text.data[*at] != ':' || text.data[*at + 1] != ':')
        return SP_OK;
    if (groups->has_gap)
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: \"::\" may stand only once", SP_STR_ARG(text));
    groups->has_gap = true;
    groups->gap = groups->count;
    *at += 2;
    return SP_OK;
}

static enum sp_status read_groups(struct sp_str text, struct groups *groups, struct sp_error *error) {
    size_t at = 0;
    enum sp_status status = read_gap(text, &at, groups, error);
    if (status != SP_OK)
        return status;
    while (at < text.size) {
        size_t end = find_char(text, at, ':');
        status = read_piece(text, cut_part(text, at, end), end == text.size, groups, error);
        if (status != SP_OK || end == text.size)
            return status;
        at = end;
        status = read_gap(text, &at, groups, error);
        if (status != SP_OK)
            return status;
        if (at == end && ++at == text.size)
            return sp_error_set(error, SP_ERR_INVALID, "%.*s: ends with a single colon", SP_STR_ARG(text));
    }
    return SP_OK;
}

static enum sp_status read_v6(struct sp_str text, struct sp_ip *ret_ip, struct sp_error *error) {
    struct groups groups = {0};
    enum sp_status status = read_groups(text, &groups, error);
    if (status != SP_OK)
        return status;
    if (!groups.has_gap && groups.count != 8)
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: an IPv6 address has eight groups, not %u", SP_STR_ARG(text),
                            groups.count);
    if (groups.has_gap && groups.count == 8)
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: \"::\" stands for no group", SP_STR_ARG(text));
    size_t before = groups.has_gap ? (size_t)2 * groups.gap : sizeof(groups.bytes);
    size_t after = (size_t)2 * groups.count - before;
    *ret_ip = (struct sp_ip){0};
    memcpy(ret_ip->bytes, groups.bytes, before);
    if (groups.has_gap)
        memcpy(ret_ip->bytes + sizeof(ret_ip->bytes) - after, groups.bytes + before, after);
    return SP_OK;
}

/* "203.0.113.7:443" or "[2001:db8::7]:443". */
static bool has_port(struct sp_str text) {
    size_t colon = text.size;
    while (colon > 0 && is_ip_digit(text.data[colon - 1]))
        colon--;
    if (colon < 2 || colon == text.size || text.data[colon - 1] != ':')
        return false;
    struct sp_str address = cut_part(text, 0, colon - 1);
    uint8_t octets[4];
    return read_plain_v4(address, octets) || (address.data[0] == '[' && address.data[address.size - 1] == ']');
}

enum sp_status sp_ip_parse(struct sp_str text, struct sp_ip *ret_ip, struct sp_error *error) {
    struct sp_ip ip;
    memcpy(ip.bytes, v4_prefix, sizeof(v4_prefix));
    if (read_plain_v4(text, ip.bytes + sizeof(v4_prefix))) {
        *ret_ip = ip;
        return SP_OK;
    }
    if (has_port(text))
        return sp_error_set(error, SP_ERR_INVALID, "%.*s: a port is not part of an address; remove it",
                            SP_STR_ARG(text));
    enum sp_status status = check_alphabet(text, error);
    if (status != SP_OK)
        return status;
    if (find_char(text, 0, ':') < text.size)
        return read_v6(text, ret_ip, error);
    status = read_v4(text, text, ip.bytes + sizeof(v4_prefix), error);
    if (status != SP_OK)
        return status;
    *ret_ip = ip;
    return SP_OK;
}

static enum sp_status read_prefix(struct sp_str text, unsigned most, unsigned *ret_prefix, struct sp_error *error) {
    unsigned value = 0;
    bool valid = text.size >= 1 && text.size <= 3 && (text.size == 1 || text.data[0] != '0');
    for (size_t i = 0; valid && i < text.size; i++) {
        valid = is_ip_digit(text.data[i]);
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    if (!valid || value > most)
        return sp_error_set(error, SP_ERR_INVALID,
                            "the prefix length must be a number from 0 to %u without leading zeros", most);
    *ret_prefix = value;
    return SP_OK;
}

enum sp_status sp_cidr_parse(struct sp_str text, struct sp_cidr *ret_cidr, struct sp_error *error) {
    size_t slash = find_char(text, 0, '/');
    struct sp_str address = {text.data, slash};
    struct sp_ip ip;
    enum sp_status status = sp_ip_parse(address, &ip, error);
    if (status != SP_OK)
        return status;
    bool dotted_quad = find_char(address, 0, ':') == slash;
    unsigned prefix = dotted_quad ? 32 : 128;
    if (slash < text.size)
        status = read_prefix(cut_part(text, slash + 1, text.size), prefix, &prefix, error);
    if (status != SP_OK)
        return status;
    if (dotted_quad)
        prefix += V4_BITS;

    /* In the shared order of both families, a shorter one would hold IPv6 addresses and every IPv4
     * address. */
    const struct sp_ip all_v4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    if (prefix < V4_BITS && (sp_ip_is_v4(&ip) || have_equal_bits(&ip, &all_v4, prefix)))
        return sp_error_set(error, SP_ERR_INVALID,
                            "%.*s contains all of ::ffff:0:0/96, the IPv4-mapped addresses; an IPv4-mapped range must "
                            "be /96 or longer",
                            SP_STR_ARG(text));
    struct sp_cidr cidr = {mask_host(&ip, prefix), (uint8_t)prefix};
    if (memcmp(cidr.first.bytes, ip.bytes, sizeof(ip.bytes)) != 0) {
        char corrected[SP_CIDR_TEXT_BYTES];
        sp_cidr_format(&cidr, corrected);
        return sp_error_set(error, SP_ERR_INVALID, "%.*s has bits set under its prefix length; write %s",
                            SP_STR_ARG(text), corrected);
    }
    *ret_cidr = cidr;
    return SP_OK;
}

/* ---- writing ---- */

/* The first longest run of two or more zero groups; *ret_end is 0 if there is none. */
static void find_gap(const struct sp_ip *ip, unsigned *ret_begin, unsigned *ret_end) {
    unsigned begin = 0;
    unsigned end = 0;
    for (unsigned i = 0, run = 0; i < 8; i++) {
        run = sp_load_be16(ip->bytes + (size_t)2 * i) == 0 ? run + 1 : 0;
        if (run >= 2 && run > end - begin) {
            begin = i + 1 - run;
            end = i + 1;
        }
    }
    *ret_begin = begin;
    *ret_end = end;
}

static size_t format_v4(const uint8_t octets[static 4], char ret_text[static SP_CIDR_TEXT_BYTES]) {
    return (size_t)snprintf(ret_text, SP_CIDR_TEXT_BYTES, "%u.%u.%u.%u", octets[0], octets[1], octets[2], octets[3]);
}

static size_t format_v6(const struct sp_ip *ip, char ret_text[static SP_CIDR_TEXT_BYTES]) {
    unsigned gap_begin;
    unsigned gap_end;
    find_gap(ip, &gap_begin, &gap_end);
    size_t used = 0;
    for (unsigned i = 0; i < 8; i++) {
        if (i == gap_begin && gap_end > 0) {
            ret_text[used++] = ':';
            ret_text[used++] = ':';
            i = gap_end;
            if (i == 8)
                break;
        } else if (i > 0) {
            ret_text[used++] = ':';
        }
        unsigned group = sp_load_be16(ip->bytes + (size_t)2 * i);
        used += (size_t)snprintf(ret_text + used, SP_CIDR_TEXT_BYTES - used, "%x", group);
    }
    ret_text[used] = '\0';
    return used;
}

static size_t format_ip(const struct sp_ip *ip, bool v4, char ret_text[static SP_CIDR_TEXT_BYTES]) {
    return v4 ? format_v4(ip->bytes + sizeof(v4_prefix), ret_text) : format_v6(ip, ret_text);
}

void sp_ip_format(const struct sp_ip *ip, char ret_text[static SP_CIDR_TEXT_BYTES]) {
    (void)format_ip(ip, sp_ip_is_v4(ip), ret_text);
}

void sp_cidr_format(const struct sp_cidr *cidr, char ret_text[static SP_CIDR_TEXT_BYTES]) {
    bool v4 = sp_cidr_is_v4(cidr);
    size_t used = format_ip(&cidr->first, v4, ret_text);
    unsigned prefix = (unsigned)cidr->prefix - (v4 ? V4_BITS : 0);
    (void)snprintf(ret_text + used, SP_CIDR_TEXT_BYTES - used, "/%u", prefix);
}
