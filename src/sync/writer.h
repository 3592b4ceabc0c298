/* The one thread that writes. It takes all queued jobs, applies them in one transaction and commits
 * once, so that many clients share the cost of one durable commit. In between it tidies the store.
 *
 * A transaction in which a job wrote and was then refused cannot be committed (sp_write_refuse):
 * it is aborted, that job is left out, and the others are applied again. If the store is full,
 * each job is tried alone, so that only those that do not fit fail. */
#ifndef SP_SYNC_WRITER_H
#define SP_SYNC_WRITER_H

#include "base/arena.h"
#include "store/lmdb/environment.h"
#include "store/records/edit.h"

struct sp_writer;
struct sp_source;
struct sp_sync_metrics;

struct sp_job {
    /* Does the work in an open write; may be called several times, and must forget what it did
     * before. `scratch` is empty and wiped afterwards. On the writer's thread. */
    enum sp_status (*apply)(struct sp_job *job, struct sp_write *write, struct sp_arena *scratch,
                            struct sp_error *error);
    /* After the commit (SP_OK), or when the job failed. The job is its owner's again. On the
     * writer's thread. */
    void (*done)(struct sp_job *job, enum sp_status status, const struct sp_error *error);
    bool alone;              /* in a transaction of its own */
    bool deletes_workspaces; /* deleted workspaces are removed after it */

    struct sp_job *next; /* the writer's, as what follows */
    bool left_out;
    enum sp_status status;
    struct sp_error error;
};

struct sp_writer_options {
    struct sp_store *store;
    struct sp_source *source;        /* NULL: the store does not follow one */
    struct sp_sync_metrics *metrics; /* of commits and of keys that expire; NULL: not counted */
    int64_t keep_changes_s;          /* 0: forever */
    /* After each commit that may have changed policy; on the writer's thread. May be NULL. */
    void (*committed)(void *user);
    void *user;
};

enum sp_status sp_writer_start(const struct sp_writer_options *options, struct sp_writer **ret_writer,
                               struct sp_error *error) SP_MUST_USE;

/* Queues a job, whose `done` will be called. SP_ERR_UNAVAILABLE: the writer is stopping, or
 * thousands are queued. Any thread. */
enum sp_status sp_writer_submit(struct sp_writer *writer, struct sp_job *job, struct sp_error *error) SP_MUST_USE;

/* How many jobs are queued. Any thread. */
size_t sp_writer_waiting(struct sp_writer *writer);

/* Refuses new jobs, finishes those that are queued, ends the thread. Any thread but the
 * writer's. NULL is allowed. */
void sp_writer_stop(struct sp_writer *writer);
/* Frees a stopped writer. NULL is allowed. */
void sp_writer_free(struct sp_writer *writer);

#endif
