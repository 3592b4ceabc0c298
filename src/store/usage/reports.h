/* Reports of servers, and what they do to the record of their source: the rules by which a
 * watermark may be believed. */
#ifndef SP_STORE_USAGE_REPORTS_H
#define SP_STORE_USAGE_REPORTS_H

#include "store/usage/usage.h"

/* The head of a report. */
struct sp_usage_report {
    struct sp_str id; /* 1 to 64 bytes without NUL */
    uint64_t instance;
    uint64_t sequence;    /* 1 and up, by one */
    int64_t until_s;      /* 0: the watermark stays, more of the same collection follows */
    int64_t lost_until_s; /* as far as the source itself knows; 0: nothing */
    bool goodbye;
};

/* Takes note of a source's report. *ret_again: it was taken before, and so were its uses. A
 * report that does not follow the one before it shows that some were lost. The first of an
 * instance ends others under the same id. SP_ERR_EXHAUSTED: SP_USAGE_MAX_SOURCES are known
 * already. After any other failure the batch must be aborted. */
enum sp_status sp_usage_batch_report(struct sp_usage_batch *batch, const struct sp_usage_report *report, int64_t now_s,
                                     bool *ret_again) SP_MUST_USE;

/* Forgets all sources of the id that have ended or have not reported since `silent_since_s`, and
 * what those that go on have lost. *ret_count: how many it found. After a failure the batch must
 * be aborted. */
enum sp_status sp_usage_batch_retire(struct sp_usage_batch *batch, struct sp_str id, int64_t silent_since_s,
                                     size_t *ret_count) SP_MUST_USE;

/* Forgets sources that have ended, whose loss is older than the one time and whose last report
 * than the other (a goodbye may come twice). After a failure the batch must be aborted. */
enum sp_status sp_usage_batch_forget_ended(struct sp_usage_batch *batch, int64_t lost_before_s,
                                           int64_t silent_since_s) SP_MUST_USE;

#endif
