/* The records of a batch that were refused, so that somebody who corrects a file sees more than the
 * first one; and what they would have made, so that records which build on it are not reported as
 * well. */
#ifndef SP_ADMIN_IMPORT_REFUSALS_H
#define SP_ADMIN_IMPORT_REFUSALS_H

#include "admin/batch_map.h"
#include "base/status.h"
#include "sallyport/v1/admin.pb-c.h"

enum { SP_IMPORT_REFUSALS_MAX = 20 };

/* Zeroed but for arena and `wanted`: none. Everything kept is in the arena. */
struct sp_admin_import_refusals {
    struct sp_arena *arena;
    size_t wanted; /* how many are kept; 0: the first one ends the import */
    size_t count;
    Sallyport__V1__ImportResponse__Refusal *kept[SP_IMPORT_REFUSALS_MAX];
    struct sp_batch_map missing; /* what refused records would have made */
    enum sp_status status;       /* of the first */
};

/* The id of the workspace that a record is in, or makes; "" if it has none. */
const char *sp_admin_import_workspace(const Sallyport__V1__ImportRecord *record);

/* Keeps a record that was refused with `why`. True: the import may go on looking for others;
 * nothing of it will be stored. False: something else than the record is at fault, or enough are
 * kept. */
bool sp_admin_import_keep_refusal(struct sp_admin_import_refusals *refusals, const Sallyport__V1__ImportRecord *record,
                                  uint64_t line, const struct sp_error *why);

/* Whether the record needs something that a refused one would have made. */
bool sp_admin_import_builds_on_refused(const struct sp_admin_import_refusals *refusals,
                                       const Sallyport__V1__ImportRecord *record);

#endif
