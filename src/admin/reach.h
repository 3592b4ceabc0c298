/* How far a key reaches: what it is permitted, from where, until when. Comparisons of values; no
 * state.
 *
 * "No call may create, rotate, enable or widen a key beyond the acting key's own permissions,
 * addresses or expiry, and no key may widen itself." A change widens a key if its reach after is
 * not covered by its reach before. Then all of its reach after must be covered by the acting key,
 * not only what was added: permissions that the acting key lacks must not be opened to more
 * addresses either. A change that only narrows needs nothing. */
#ifndef SP_ADMIN_REACH_H
#define SP_ADMIN_REACH_H

#include "core/allowlist.h"
#include "core/permission_set.h"
#include "sallyport/store/v1/records.pb-c.h"

struct sp_admin_reach {
    struct sp_permission_set permissions;
    bool has_allowlist;     /* false: any address */
    struct sp_bytes ranges; /* compiled, see core/allowlist.h */
    int64_t expires_at_s;   /* 0: never */
};

/* The ranges are in `arena`. SP_ERR_CORRUPT if the key's bits or list are damaged. */
enum sp_status sp_admin_reach_of(const Sallyport__Store__V1__StoredKey *stored, struct sp_arena *arena,
                                 struct sp_admin_reach *ret_reach, struct sp_error *error) SP_MUST_USE;

/* How `inner` is beyond `outer`, in words that follow "the key"; NULL if `outer` covers it. A
 * constant. */
const char *sp_admin_reach_beyond(const struct sp_admin_reach *outer, const struct sp_admin_reach *inner);

#endif
