#include "core/allowlist.h"

#include <stdlib.h>
#include <string.h>

#include "core/special_blocks.h"

enum { IP_BYTES = sizeof(struct sp_ip) };

/* A range as it stands in the compiled form. */
struct range {
    struct sp_ip first;
    struct sp_ip last;
};

_Static_assert(sizeof(struct range) == SP_ALLOWLIST_RANGE_BYTES, "a range is its stored form");
_Static_assert(_Alignof(struct range) == 1, "a range may be read at any address");

static int compare_ips(const struct sp_ip *a, const struct sp_ip *b) {
    return memcmp(a->bytes, b->bytes, IP_BYTES);
}

/* ---- joining ---- */

static int compare_ranges(const void *left, const void *right) {
    const struct range *a = left;
    const struct range *b = right;
    return compare_ips(&a->first, &b->first);
}

/* Zero after the last of all. */
static struct sp_ip next_address(const struct sp_ip *ip) {
    struct sp_ip next = *ip;
    size_t i = IP_BYTES;
    while (i > 0 && ++next.bytes[i - 1] == 0)
        i--;
    return next;
}

/* Whether `next` begins within a range that ends at `last`, or right after it. */
static bool continues_range(const struct sp_ip *last, const struct sp_ip *next) {
    static const struct sp_ip zero = {{0}};
    struct sp_ip after = next_address(last);
    return compare_ips(&after, &zero) == 0 || compare_ips(next, &after) <= 0;
}

/* Sorts and joins in place; the number of ranges left. */
static size_t join_ranges(struct range *ranges, size_t count) {
    if (count == 0)
        return 0;
    qsort(ranges, count, sizeof(*ranges), compare_ranges);
    size_t top = 0;
    for (size_t i = 1; i < count; i++) {
        if (!continues_range(&ranges[top].last, &ranges[i].first))
            ranges[++top] = ranges[i];
        else if (compare_ips(&ranges[i].last, &ranges[top].last) > 0)
            ranges[top].last = ranges[i].last;
    }
    return top + 1;
}

/* ---- blocks ---- */

/* The largest block that begins at the range's first address and ends within it. */
static struct sp_cidr first_block_of(const struct range *range) {
    struct sp_cidr block = {range->first, 128};
    while (block.prefix > 0) {
        unsigned bit = block.prefix - 1U;
        struct sp_cidr larger = {range->first, (uint8_t)bit};
        struct sp_ip last = sp_cidr_last(&larger);
        if ((range->first.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0 || compare_ips(&last, &range->last) > 0)
            break;
        block = larger;
    }
    return block;
}

/* The fewest blocks of all ranges, of which the first `room` are kept; how many there are. */
static size_t split_to_blocks(const struct range *ranges, size_t count, struct sp_cidr *blocks, size_t room) {
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        struct range rest = ranges[i];
        for (;;) {
            struct sp_cidr block = first_block_of(&rest);
            struct sp_ip last = sp_cidr_last(&block);
            if (made < room)
                blocks[made] = block;
            made++;
            if (compare_ips(&last, &rest.last) == 0)
                break;
            rest.first = next_address(&last);
        }
    }
    return made;
}

/* ---- from texts ---- */

/* What people write for "anywhere". */
static bool means_any_address(struct sp_str entry) {
    static const char *const texts[] = {"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "::ffff:0:0/96", "*", "any", "all"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (sp_str_equal(entry, sp_str_from(texts[i])))
            return true;
    if (entry.size < 3 || memcmp(entry.data + entry.size - 2, "/0", 2) != 0)
        return false;
    struct sp_ip ip;
    struct sp_error ignored = {0};
    return sp_ip_parse((struct sp_str){entry.data, entry.size - 2}, &ip, &ignored) == SP_OK;
}

static enum sp_status read_entry(struct sp_str entry, bool allow_private, struct range *ret_range,
                                 struct sp_error *error) {
    struct sp_cidr cidr;
    if (means_any_address(entry))
        return sp_error_set(error, SP_ERR_INVALID, "%.*s is any address: to allow any address, clear the list instead",
                            SP_STR_ARG(entry));
    enum sp_status status = sp_cidr_parse(entry, &cidr, error);
    if (status != SP_OK)
        return status;
    status = sp_cidr_check_public(&cidr, allow_private, error);
    if (status != SP_OK)
        return status;
    *ret_range = (struct range){cidr.first, sp_cidr_last(&cidr)};
    return SP_OK;
}

enum sp_status sp_allowlist_check_entry(struct sp_str entry, struct sp_error *error) {
    struct range range;
    return read_entry(entry, true, &range, error);
}

static enum sp_status check_given_count(size_t count, struct sp_error *error) {
    if (count == 0)
        return sp_error_set(error, SP_ERR_INVALID,
                            "allowed_ips: must have 1 to %d entries; to allow any address, clear the list",
                            SP_ALLOWLIST_MAX_GIVEN);
    if (count > SP_ALLOWLIST_MAX_GIVEN)
        return sp_error_set(error, SP_ERR_INVALID,
                            "allowed_ips: %zu entries were given; the limits are %d entries, and %d CIDR blocks once "
                            "they are joined",
                            count, SP_ALLOWLIST_MAX_GIVEN, SP_ALLOWLIST_MAX_BLOCKS);
    return SP_OK;
}

static enum sp_status write_blocks(const struct sp_cidr *blocks, size_t count, struct sp_arena *arena,
                                   const char ***ret_texts, struct sp_error *error) {
    const char **texts = sp_arena_calloc(arena, count, sizeof(*texts));
    for (size_t i = 0; texts != NULL && i < count; i++) {
        char text[SP_CIDR_TEXT_BYTES];
        sp_cidr_format(&blocks[i], text);
        texts[i] = sp_arena_strdup(arena, sp_str_from(text));
        if (texts[i] == NULL)
            texts = NULL;
    }
    if (texts == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "allowed_ips: out of memory");
    *ret_texts = texts;
    return SP_OK;
}

enum sp_status sp_allowlist_normalise(const struct sp_str *entries, size_t count, bool allow_private,
                                      struct sp_arena *arena, const char ***ret_texts, size_t *ret_count,
                                      struct sp_error *error) {
    struct sp_cidr blocks[SP_ALLOWLIST_MAX_BLOCKS];
    enum sp_status status = check_given_count(count, error);
    if (status != SP_OK)
        return status;
    struct range *ranges = sp_arena_calloc(arena, count, sizeof(*ranges));
    if (ranges == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "allowed_ips: out of memory");
    for (size_t i = 0; i < count; i++) {
        struct sp_error why;
        if (read_entry(entries[i], allow_private, &ranges[i], &why) != SP_OK)
            return sp_error_set(error, SP_ERR_INVALID, "allowed_ips[%zu]: %s", i, why.message);
    }
    size_t joined = split_to_blocks(ranges, join_ranges(ranges, count), blocks, SP_ALLOWLIST_MAX_BLOCKS);
    if (joined > SP_ALLOWLIST_MAX_BLOCKS)
        return sp_error_set(
            error, SP_ERR_INVALID,
            "allowed_ips: the %zu entries given join into %zu CIDR blocks, and a list holds at most %d; "
            "give fewer or larger ranges",
            count, joined, SP_ALLOWLIST_MAX_BLOCKS);
    status = write_blocks(blocks, joined, arena, ret_texts, error);
    if (status == SP_OK)
        *ret_count = joined;
    return status;
}

/* ---- compiling ---- */

enum sp_status sp_allowlist_compile(const char *const *texts, size_t count, struct sp_arena *arena,
                                    struct sp_bytes *ret_ranges, struct sp_error *error) {
    if (count > SP_ALLOWLIST_MAX_BLOCKS)
        return sp_error_set(error, SP_ERR_INVALID, "allowed_ips: %zu entries, but at most %d are allowed", count,
                            SP_ALLOWLIST_MAX_BLOCKS);
    struct range *ranges = sp_arena_calloc(arena, count, sizeof(*ranges));
    if (ranges == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "allowed_ips: out of memory");
    for (size_t i = 0; i < count; i++) {
        struct sp_cidr cidr;
        struct sp_error why;
        if (sp_cidr_parse(sp_str_from(texts[i]), &cidr, &why) != SP_OK)
            return sp_error_set(error, SP_ERR_INVALID, "allowed_ips[%zu]: %s", i, why.message);
        ranges[i] = (struct range){cidr.first, sp_cidr_last(&cidr)};
    }
    size_t joined = join_ranges(ranges, count);
    *ret_ranges = (struct sp_bytes){(const uint8_t *)ranges, joined * sizeof(*ranges)};
    return SP_OK;
}

/* ---- searching ---- */

/* The range with the highest first address that is not above `ip`; NULL for none. */
static const uint8_t *find_range(struct sp_bytes ranges, const uint8_t *ip) {
    size_t low = 0;
    size_t high = ranges.size / SP_ALLOWLIST_RANGE_BYTES;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(ranges.data + middle * SP_ALLOWLIST_RANGE_BYTES, ip, IP_BYTES) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : ranges.data + (low - 1) * SP_ALLOWLIST_RANGE_BYTES;
}

static bool is_well_formed(struct sp_bytes ranges) {
    return ranges.size > 0 && ranges.size % SP_ALLOWLIST_RANGE_BYTES == 0;
}

bool sp_allowlist_contains(struct sp_bytes ranges, const struct sp_ip *ip) {
    if (!is_well_formed(ranges))
        return false;
    const uint8_t *range = find_range(ranges, ip->bytes);
    return range != NULL && memcmp(ip->bytes, range + IP_BYTES, IP_BYTES) <= 0;
}

bool sp_allowlist_covers(struct sp_bytes outer, struct sp_bytes inner) {
    if (!is_well_formed(outer) || !is_well_formed(inner))
        return false;
    /* Ranges of a compiled list do not touch, so what is covered at all is covered by one range. */
    for (const uint8_t *at = inner.data; at < inner.data + inner.size; at += SP_ALLOWLIST_RANGE_BYTES) {
        const uint8_t *range = find_range(outer, at);
        if (range == NULL || memcmp(at + IP_BYTES, range + IP_BYTES, IP_BYTES) > 0)
            return false;
    }
    return true;
}
