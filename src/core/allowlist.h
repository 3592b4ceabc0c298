/* A key's IP allowlist: from the texts that an admin gives to the ranges that a decision searches.
 * Pure.
 *
 * Compiled form, as it stands in the store: `count` ranges of 32 bytes, each {first[16], last[16]}
 * in network order (IPv4 as ::ffff:a.b.c.d), sorted, disjoint, not adjacent. Read in place by
 * binary search. */
#ifndef SP_CORE_ALLOWLIST_H
#define SP_CORE_ALLOWLIST_H

#include <stdbool.h>

#include "base/arena.h"
#include "core/address.h"

enum {
    SP_ALLOWLIST_MAX_GIVEN = 4096, /* entries of a request */
    SP_ALLOWLIST_MAX_BLOCKS = 100, /* CIDR blocks of a stored list */
    SP_ALLOWLIST_RANGE_BYTES = 32,
};

/* Parses and checks 1 to 4,096 entries, public ones only, or with `allow_private` also private
 * ones, and joins duplicates, contained and adjacent ones into the fewest CIDR blocks, at most 100,
 * in the order of their addresses (IPv4 first). Texts are allocated in `arena`. SP_ERR_INVALID with
 * a message that begins "allowed_ips[i]: " ("allowed_ips: " for the count). */
enum sp_status sp_allowlist_normalise(const struct sp_str *entries, size_t count, bool allow_private,
                                      struct sp_arena *arena, const char ***ret_texts, size_t *ret_count,
                                      struct sp_error *error) SP_MUST_USE;

/* Whether an entry may be in some list, private ranges allowed. SP_ERR_INVALID with what is
 * wrong. */
enum sp_status sp_allowlist_check_entry(struct sp_str entry, struct sp_error *error) SP_MUST_USE;

/* Compiles normalised texts (0 to 100; lists of earlier releases are not joined) to sorted disjoint
 * ranges in `arena`. SP_ERR_INVALID for a text that sp_cidr_parse refuses. The public rule is not
 * applied: a stored list goes on being enforced as it is. */
enum sp_status sp_allowlist_compile(const char *const *texts, size_t count, struct sp_arena *arena,
                                    struct sp_bytes *ret_ranges, struct sp_error *error) SP_MUST_USE;

/* Whether the address is in a compiled list. False for an empty list and for bytes that end inside
 * a range. */
bool sp_allowlist_contains(struct sp_bytes ranges, const struct sp_ip *ip);

/* Whether every address of `inner` is in `outer`, both compiled. An empty `inner` is not
 * contained. */
bool sp_allowlist_covers(struct sp_bytes outer, struct sp_bytes inner);

#endif
