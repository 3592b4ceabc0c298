#include "admin/failure.h"

#include <stddef.h>

enum sp_status sp_admin_fail(const struct sp_error *said, enum sp_status status, const char *otherwise,
                             struct sp_error *error) {
    if (said->status == SP_OK)
        return sp_error_set(error, status, "%s", otherwise);
    if (error != NULL)
        *error = *said;
    return status;
}
