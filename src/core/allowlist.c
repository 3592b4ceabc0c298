#include "core/allowlist.h"

#include <stdlib.h>

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

/* ---- from texts ---- */

static enum sp_status normalise_entry(struct sp_str entry, bool allow_private, char ret_text[static SP_CIDR_TEXT_BYTES],
                                      struct sp_error *error) {
    struct sp_cidr cidr;
    enum sp_status status = sp_cidr_parse(entry, &cidr, error);
    if (status != SP_OK)
        return status;
    status = sp_cidr_check_public(&cidr, allow_private, error);
    if (status != SP_OK)
        return status;
    sp_cidr_format(&cidr, ret_text);
    return SP_OK;
}

static bool has_text(const char *const *texts, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0)
            return true;
    }
    return false;
}

enum sp_status sp_allowlist_normalise(const struct sp_str *entries, size_t count, bool allow_private,
                                      struct sp_arena *arena, const char ***ret_texts, size_t *ret_count,
                                      struct sp_error *error) {
    if (count == 0)
        return sp_error_set(error, SP_ERR_INVALID,
                            "allowed_ips: must have 1 to %d entries; to allow any address, clear the list",
                            SP_ALLOWLIST_MAX_ENTRIES);
    if (count > SP_ALLOWLIST_MAX_ENTRIES)
        return sp_error_set(error, SP_ERR_INVALID, "allowed_ips: %zu entries, but at most %d are allowed", count,
                            SP_ALLOWLIST_MAX_ENTRIES);
    const char **texts = sp_arena_calloc(arena, count, sizeof(*texts));
    if (texts == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "allowed_ips: out of memory");
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        char text[SP_CIDR_TEXT_BYTES];
        struct sp_error why;
        if (normalise_entry(entries[i], allow_private, text, &why) != SP_OK)
            return sp_error_set(error, SP_ERR_INVALID, "allowed_ips[%zu]: %s", i, why.message);
        if (has_text(texts, kept, text))
            continue;
        texts[kept] = sp_arena_strdup(arena, sp_str_from(text));
        if (texts[kept++] == NULL)
            return sp_error_set(error, SP_ERR_MEMORY, "allowed_ips: out of memory");
    }
    *ret_texts = texts;
    *ret_count = kept;
    return SP_OK;
}

/* ---- compiling ---- */

static int compare_ranges(const void *left, const void *right) {
    const struct range *a = left;
    const struct range *b = right;
    return compare_ips(&a->first, &b->first);
}

/* Whether `next` begins within a range that ends at `last`, or right after it. */
static bool continues_range(const struct sp_ip *last, const struct sp_ip *next) {
    struct sp_ip after = *last;
    size_t i = IP_BYTES;
    while (i > 0 && ++after.bytes[i - 1] == 0)
        i--;
    bool wrapped = i == 0;
    return wrapped || compare_ips(next, &after) <= 0;
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

enum sp_status sp_allowlist_compile(const char *const *texts, size_t count, struct sp_arena *arena,
                                    struct sp_bytes *ret_ranges, struct sp_error *error) {
    if (count > SP_ALLOWLIST_MAX_ENTRIES)
        return sp_error_set(error, SP_ERR_INVALID, "allowed_ips: %zu entries, but at most %d are allowed", count,
                            SP_ALLOWLIST_MAX_ENTRIES);
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
