/* How many bytes each workspace may still write: a bucket of bytes for each, which fills at a
 * steady rate. A change is charged what it turned out to take, so that a bucket may go below empty;
 * until it has filled again the workspace must wait. It may also have a share that does not fill
 * again by itself. Kept in memory only: a restart fills every bucket. Thread-safe. */
#ifndef SP_SYNC_ALLOWANCE_H
#define SP_SYNC_ALLOWANCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct sp_allowance;

struct sp_allowance_limits {
    uint64_t bytes_per_s; /* 0: no limit */
    uint64_t burst_bytes; /* of a bucket that is full */
    uint64_t share_bytes; /* in all, until sp_allowance_renew_shares; 0: no limit */
};

/* SP_ERR_MEMORY. */
enum sp_status sp_allowance_create(const struct sp_allowance_limits *limits,
                                   struct sp_allowance **ret_allowance) SP_MUST_USE;
/* NULL is allowed. */
void sp_allowance_free(struct sp_allowance *allowance);

/* How long the workspace must wait before its next change; 0: it need not; INT64_MAX: its share is
 * used up. `now_ms` is CLOCK_MONOTONIC's and does not go back. */
int64_t sp_allowance_wait_ms(struct sp_allowance *allowance, const char *workspace, int64_t now_ms);

/* What the workspace has left of its share; UINT64_MAX: there are no shares. */
uint64_t sp_allowance_share_left(struct sp_allowance *allowance, const char *workspace);

/* Charges a change. Without memory for a new bucket nothing is charged. */
void sp_allowance_charge(struct sp_allowance *allowance, const char *workspace, uint64_t bytes, int64_t now_ms);

/* Gives every workspace its share again. */
void sp_allowance_renew_shares(struct sp_allowance *allowance);

/* How many buckets are not full, or belong to a workspace that has used some of its share. */
size_t sp_allowance_count(struct sp_allowance *allowance);

#endif
