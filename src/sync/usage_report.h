/* Checks a report that was received, and applies it to a batch. */
#ifndef SP_SYNC_USAGE_REPORT_H
#define SP_SYNC_USAGE_REPORT_H

#include "sallyport/v1/usage.pb-c.h"
#include "store/lmdb/view.h"
#include "store/usage/usage.h"

enum { SP_USAGE_MAX_USES = 10000 };

/* SP_ERR_INVALID names the field. */
enum sp_status sp_usage_report_check(const Sallyport__V1__ReportUsageRequest *request,
                                     struct sp_error *error) SP_MUST_USE;

/* Applies a checked report, correcting its times if the server's clock is ahead. Keys that do
 * not exist are skipped, and counted in *ret_reply. SP_ERR_EXHAUSTED if there is no room for
 * another server: nothing was written then. After any other failure the batch must be aborted. */
enum sp_status sp_usage_report_apply(struct sp_usage_batch *batch, struct sp_view *view,
                                     const Sallyport__V1__ReportUsageRequest *request, int64_t now_ms,
                                     Sallyport__V1__ReportUsageResponse *ret_reply) SP_MUST_USE;

/* Whether a key exists in the policy; in SP_USAGE_OPERATORS, an operator of that name. */
enum sp_status sp_usage_key_exists(struct sp_view *view, struct sp_str workspace, struct sp_str key_id,
                                   bool *ret_exists) SP_MUST_USE;

#endif
