/* What is known about the last use of keys, read once a call for one or many of them, and put into
 * words. */
#ifndef SP_ADMIN_KEY_USAGE_H
#define SP_ADMIN_KEY_USAGE_H

#include "admin/context.h"
#include "store/usage/usage.h"
#include "usage/judge.h"

struct sp_admin_usage_reading {
    struct sp_usage_view *view; /* NULL: no last use is kept, or it cannot be read */
    bool damaged;
    int64_t window_s;
    struct sp_usage_coverage coverage;
};

/* `window_s` 0: 30 days. INVALID_ARGUMENT names `field`. On SP_OK end it. */
enum sp_status sp_admin_usage_begin(struct sp_admin_context *ctx, const char *field, uint64_t window_s,
                                    struct sp_admin_usage_reading *ret_reading) SP_MUST_USE;
void sp_admin_usage_end(struct sp_admin_usage_reading *reading);

/* What is known about a key of the context's workspace; NULL when out of memory. What cannot be
 * read counts as not known. */
Sallyport__V1__KeyUsage *sp_admin_usage_of(struct sp_admin_context *ctx, struct sp_admin_usage_reading *reading,
                                           const Sallyport__V1__ApiKey *key);

#endif
