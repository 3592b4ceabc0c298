/* A change that waits for the writer. */
#ifndef SP_SYNC_JOB_H
#define SP_SYNC_JOB_H

#include "admin/narrowing_kind.h"
#include "base/arena.h"
#include "base/text.h"
#include "store/records/write.h"

struct sp_job {
    /* Does the work in an open write; may be called several times, and must forget what it did
     * before. `scratch` is empty and wiped afterwards. On the writer's thread. */
    enum sp_status (*apply)(struct sp_job *job, struct sp_write *write, struct sp_arena *scratch,
                            struct sp_error *error);
    /* After the commit (SP_OK), or when the job failed. The job is its owner's again. On the
     * writer's thread. */
    void (*done)(struct sp_job *job, enum sp_status status, const struct sp_error *error);
    char workspace[SP_ID_MAX_BYTES + 1]; /* whose change it is, and in whose turn it comes; empty: operators' */
    enum sp_admin_narrowing narrowing;   /* what narrows goes ahead of others, and may use the reserve */
    bool narrowed;                       /* set by `apply`: it narrowed, if it is one that may */
    size_t bytes;                        /* of the request that it keeps while it is queued */
    bool alone;                          /* in a transaction of its own */
    bool deletes_in_pieces;              /* what it deleted is removed after it */

    struct sp_job *next; /* the queue's */
    int64_t queued_ms;   /* the writer's, as what follows */
    bool left_out;
    int64_t took_ms; /* of the thread, when it was applied last */
    enum sp_status status;
    struct sp_error error;
};

static inline bool sp_job_narrows(const struct sp_job *job) {
    return job->narrowing == SP_ADMIN_NARROWS || job->narrowing == SP_ADMIN_DISABLES_KEY;
}

#endif
