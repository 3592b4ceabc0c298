/* The role that a principal has on a resource by grants: its own and those of its groups. Each
 * record's seal is verified. No allocation. SP_ERR_CORRUPT; SP_ERR_IO. */
#ifndef SP_STORE_RECORDS_EFFECTIVE_ROLE_H
#define SP_STORE_RECORDS_EFFECTIVE_ROLE_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "core/role.h"

struct sp_view;

/* The highest role among the principal's direct grant and the grants of its groups; SP_ROLE_NONE
 * for none. A leapfrog join: time grows with the logarithm of the larger side for each step of
 * the smaller, and it stops at SP_ROLE_ADMIN. */
enum sp_status sp_index_effective_role(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                       enum sp_role *ret_role) SP_MUST_USE;

/* The same with the number of the subject whose grant it is: the principal's, if its own grant is
 * as high as any; 0 for none. */
struct sp_best_grant {
    enum sp_role role;
    uint64_t subject;
};
enum sp_status sp_index_best_grant(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                   struct sp_best_grant *ret_best) SP_MUST_USE;

/* Calls `visit` for each grant that sp_index_effective_role considers, with the subject's
 * number. */
enum sp_status sp_index_visit_considered(struct sp_view *view, struct sp_bytes resource_key, uint64_t principal_number,
                                         void (*visit)(void *context, uint64_t subject_number, enum sp_role role),
                                         void *context) SP_MUST_USE;

#endif
