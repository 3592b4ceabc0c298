#include "sync/allowance.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sync/workspace_table.h"

enum { SWEEP_AT_LEAST = 256 }; /* buckets, before those that are full are looked for */

struct bucket {
    struct sp_workspace_entry entry; /* first: an entry is its bucket */
    int64_t bytes;                   /* at at_ms; negative: more was written than there was */
    int64_t at_ms;
    uint64_t taken_bytes; /* of its share */
};

struct sp_allowance {
    struct sp_allowance_limits limits;
    pthread_mutex_t lock; /* guards what follows */
    struct sp_workspace_table buckets;
    size_t sweep_at; /* that many buckets */
    int64_t now_ms;  /* of a sweep */
};

enum sp_status sp_allowance_create(const struct sp_allowance_limits *limits, struct sp_allowance **ret_allowance) {
    struct sp_allowance *allowance = calloc(1, sizeof(*allowance));
    if (allowance == NULL)
        return SP_ERR_MEMORY;
    allowance->limits = *limits;
    allowance->sweep_at = SWEEP_AT_LEAST;
    pthread_mutex_init(&allowance->lock, NULL);
    *ret_allowance = allowance;
    return SP_OK;
}

static bool drop_any_bucket(void *context, struct sp_workspace_entry *entry) {
    (void)context;
    free(entry);
    return true;
}

void sp_allowance_free(struct sp_allowance *allowance) {
    if (allowance == NULL)
        return;
    sp_workspace_table_sweep(&allowance->buckets, drop_any_bucket, NULL);
    sp_workspace_table_fini(&allowance->buckets);
    pthread_mutex_destroy(&allowance->lock);
    free(allowance);
}

/* What the rate fills in so many milliseconds, which is not more than a bucket needs to be full. */
static void refill_bucket(const struct sp_allowance *allowance, struct bucket *bucket, int64_t now_ms) {
    const struct sp_allowance_limits *limits = &allowance->limits;
    uint64_t missing = limits->burst_bytes - (uint64_t)bucket->bytes; /* also for a bucket below empty */
    uint64_t passed_ms = now_ms > bucket->at_ms ? (uint64_t)(now_ms - bucket->at_ms) : 0;
    uint64_t full_after_ms = missing / limits->bytes_per_s * 1000 + 1000;
    uint64_t filled = passed_ms >= full_after_ms
                          ? missing
                          : passed_ms / 1000 * limits->bytes_per_s + passed_ms % 1000 * limits->bytes_per_s / 1000;
    if (filled == 0)
        return;
    bucket->bytes += (int64_t)(filled < missing ? filled : missing);
    bucket->at_ms = now_ms;
}

static bool drop_full_bucket(void *context, struct sp_workspace_entry *entry) {
    const struct sp_allowance *allowance = context;
    struct bucket *bucket = (struct bucket *)entry;
    refill_bucket(allowance, bucket, allowance->now_ms);
    bool keeps_share = allowance->limits.share_bytes > 0 && bucket->taken_bytes > 0;
    if (keeps_share || bucket->bytes < (int64_t)allowance->limits.burst_bytes)
        return false;
    free(bucket);
    return true;
}

static void sweep_full_buckets(struct sp_allowance *allowance, int64_t now_ms) {
    if (allowance->buckets.count < allowance->sweep_at)
        return;
    allowance->now_ms = now_ms;
    sp_workspace_table_sweep(&allowance->buckets, drop_full_bucket, allowance);
    allowance->sweep_at = allowance->buckets.count * 2 > SWEEP_AT_LEAST ? allowance->buckets.count * 2 : SWEEP_AT_LEAST;
}

static struct bucket *make_full_bucket(struct sp_allowance *allowance, const char *workspace, int64_t now_ms) {
    sweep_full_buckets(allowance, now_ms);
    struct bucket *bucket = calloc(1, sizeof(*bucket));
    if (bucket == NULL)
        return NULL;
    memcpy(bucket->entry.id, workspace, strlen(workspace) + 1);
    bucket->bytes = (int64_t)allowance->limits.burst_bytes;
    bucket->at_ms = now_ms;
    if (sp_workspace_table_add(&allowance->buckets, &bucket->entry) != SP_OK) {
        free(bucket);
        return NULL;
    }
    return bucket;
}

/* Rounded up. */
static int64_t find_bucket_wait_ms(const struct sp_allowance_limits *limits, const struct bucket *bucket) {
    uint64_t owed = bucket->bytes < 0 ? (uint64_t)-bucket->bytes : 0;
    if (limits->share_bytes > 0 && bucket->taken_bytes >= limits->share_bytes)
        return INT64_MAX;
    uint64_t wait_ms = owed / limits->bytes_per_s * 1000 + owed % limits->bytes_per_s * 1000 / limits->bytes_per_s;
    return (int64_t)wait_ms + (owed > 0);
}

int64_t sp_allowance_wait_ms(struct sp_allowance *allowance, const char *workspace, int64_t now_ms) {
    const struct sp_allowance_limits *limits = &allowance->limits;
    int64_t wait_ms = 0;
    if (limits->bytes_per_s == 0)
        return 0;
    pthread_mutex_lock(&allowance->lock);
    struct bucket *bucket = (struct bucket *)sp_workspace_table_find(&allowance->buckets, workspace);
    if (bucket != NULL) {
        refill_bucket(allowance, bucket, now_ms);
        wait_ms = find_bucket_wait_ms(limits, bucket);
    }
    pthread_mutex_unlock(&allowance->lock);
    return wait_ms;
}

uint64_t sp_allowance_share_left(struct sp_allowance *allowance, const char *workspace) {
    uint64_t share = allowance->limits.share_bytes;
    if (share == 0)
        return UINT64_MAX;
    pthread_mutex_lock(&allowance->lock);
    const struct bucket *bucket = (struct bucket *)sp_workspace_table_find(&allowance->buckets, workspace);
    uint64_t taken = bucket == NULL ? 0 : bucket->taken_bytes;
    pthread_mutex_unlock(&allowance->lock);
    return taken < share ? share - taken : 0;
}

void sp_allowance_charge(struct sp_allowance *allowance, const char *workspace, uint64_t bytes, int64_t now_ms) {
    if (allowance->limits.bytes_per_s == 0)
        return;
    pthread_mutex_lock(&allowance->lock);
    struct bucket *bucket = (struct bucket *)sp_workspace_table_find(&allowance->buckets, workspace);
    if (bucket == NULL)
        bucket = make_full_bucket(allowance, workspace, now_ms);
    if (bucket != NULL) {
        refill_bucket(allowance, bucket, now_ms);
        bucket->bytes -= (int64_t)bytes;
        bucket->taken_bytes += bytes;
    }
    pthread_mutex_unlock(&allowance->lock);
}

static bool renew_share(void *context, struct sp_workspace_entry *entry) {
    (void)context;
    ((struct bucket *)entry)->taken_bytes = 0;
    return false;
}

void sp_allowance_renew_shares(struct sp_allowance *allowance) {
    pthread_mutex_lock(&allowance->lock);
    sp_workspace_table_sweep(&allowance->buckets, renew_share, NULL);
    pthread_mutex_unlock(&allowance->lock);
}

size_t sp_allowance_count(struct sp_allowance *allowance) {
    pthread_mutex_lock(&allowance->lock);
    size_t count = allowance->buckets.count;
    pthread_mutex_unlock(&allowance->lock);
    return count;
}
