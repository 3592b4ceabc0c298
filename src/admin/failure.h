/* Failures of work whose steps may have said what is wrong, or not. Any thread. */
#ifndef SP_ADMIN_FAILURE_H
#define SP_ADMIN_FAILURE_H

#include "base/status.h"

/* Sets `error` (may be NULL) to what the steps said, or else to `otherwise`, and returns `status`,
 * which is not SP_OK. */
enum sp_status sp_admin_fail(const struct sp_error *said, enum sp_status status, const char *otherwise,
                             struct sp_error *error);

#endif
