/* How far a key reaches: what it is permitted, from where, until when. Comparisons of values; no
 * state.
 *
 * "No call may create, rotate, enable or widen a key beyond the acting key's own permissions,
 * addresses or end, and no key may widen itself." A change widens a key if its reach after is not
 * covered by its reach before. Then all of its reach after must be covered by the acting key, not
 * only what was added: permissions that the acting key lacks must not be opened to more addresses
 * either. A change that only narrows needs nothing.
 *
 * The claiming permissions (core/schema.h) are apart. Any admin may give api_key_rotate, so it
 * bounds nobody. resource_register is an operator's to give; whoever widens a key that has it must
 * have it too. */
#ifndef SP_ADMIN_REACH_H
#define SP_ADMIN_REACH_H

#include "core/allowlist.h"
#include "core/permission_set.h"
#include "sallyport/store/v1/records.pb-c.h"

struct sp_admin_reach {
    struct sp_permission_set permissions; /* without the claiming ones */
    bool registers;                       /* lists resource_register */
    bool rotates;                         /* lists api_key_rotate */
    bool has_allowlist;                   /* false: any address */
    struct sp_bytes ranges;               /* compiled, see core/allowlist.h */
    int64_t ends_at_s;                    /* 0: never */
};

/* Whether the key's permissions list the one of this name. */
bool sp_admin_key_lists(const Sallyport__V1__ApiKey *key, const char *permission);

/* Whether the key can rotate itself: it lists api_key_rotate, and if it expires it has an absolute
 * end. */
bool sp_admin_key_rotates_itself(const Sallyport__V1__ApiKey *key);

/* The time after which neither the key nor a rotation of it by itself works; 0: never. */
int64_t sp_admin_key_end(const Sallyport__V1__ApiKey *key);

/* Whether an end is before another; 0 is never. */
bool sp_admin_is_earlier_end(int64_t time_s, int64_t than_s);

/* The earlier of two ends; 0 is never. */
int64_t sp_admin_earlier_end(int64_t a_s, int64_t b_s);

/* `claiming`: the numbers of the claiming permissions. The ranges are in `arena`. SP_ERR_CORRUPT if
 * the key's bits or list are damaged. */
enum sp_status sp_admin_reach_of(const Sallyport__Store__V1__StoredKey *stored,
                                 const struct sp_permission_set *claiming, struct sp_arena *arena,
                                 struct sp_admin_reach *ret_reach, struct sp_error *error) SP_MUST_USE;

/* How `inner` is beyond `outer`, in words that follow "the key"; NULL if `outer` covers it. A
 * constant. */
const char *sp_admin_reach_beyond(const struct sp_admin_reach *outer, const struct sp_admin_reach *inner);

/* Whether a key that reached as far as `before` reaches further as `after`. */
bool sp_admin_reach_widens(const struct sp_admin_reach *before, const struct sp_admin_reach *after);

#endif
