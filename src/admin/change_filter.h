/* Which changes of the audit trail a request asks for. Values only. */
#ifndef SP_ADMIN_CHANGE_FILTER_H
#define SP_ADMIN_CHANGE_FILTER_H

#include <stdbool.h>

#include "admin/batch_map.h"
#include "base/bytes.h"
#include "base/status.h"
#include "sallyport/v1/admin.pb-c.h"

/* What ListChanges and WatchChanges have in common. Texts are borrowed, and "" or 0 asks for
 * nothing. */
struct sp_admin_change_filter {
    const char *actor;
    const char *object;
    Sallyport__V1__EntityKind kind;
    int64_t since_time_s;
    int64_t until_time_s;
    /* The ids of the keys that `actor` stands for, itself among them; NULL: `actor` is what it
     * says. */
    const struct sp_batch_map *keys;
};

struct sp_admin_change_filter sp_admin_change_filter_of_list(const Sallyport__V1__ListChangesRequest *request);
struct sp_admin_change_filter sp_admin_change_filter_of_watch(const Sallyport__V1__WatchChangesRequest *request);

/* SP_ERR_INVALID names the field: an unknown kind, or a time range that nothing is in. */
enum sp_status sp_admin_change_filter_check(const struct sp_admin_change_filter *filter,
                                            struct sp_error *error) SP_MUST_USE;

/* Whether a change is what the filter asks for, by nothing but what those who see `workspace`
 * (empty: all) may see of it: a filter tells them nothing about the rest. */
bool sp_admin_change_filter_fits(const struct sp_admin_change_filter *filter, struct sp_str workspace,
                                 const Sallyport__V1__Change *change);

#endif
