/* Update masks: which fields a request changes. */
#ifndef SP_ADMIN_MASK_H
#define SP_ADMIN_MASK_H

#include "admin/context.h"

/* INVALID_ARGUMENT unless every name of the mask is one of `allowed` (NULL-terminated), at least
 * one, none twice. */
enum sp_status sp_admin_check_mask(struct sp_admin_context *ctx, char *const *mask, size_t count,
                                   const char *const *allowed) SP_MUST_USE;

bool sp_admin_mask_has(char *const *mask, size_t count, const char *name);

#endif
