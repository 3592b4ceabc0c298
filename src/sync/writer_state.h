/* Inside the writer: what its thread and those who submit jobs share (sync/writer.h). */
#ifndef SP_SYNC_WRITER_STATE_H
#define SP_SYNC_WRITER_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/heartbeat.h"
#include "sync/expiring.h"
#include "sync/tidy.h"
#include "sync/writer_options.h"
#include "sync/writer_stats.h"

struct sp_job;
struct sp_queue;
struct sp_reserve;

enum { SP_BATCH_MAX = 1000 };

/* Jobs that are committed together. */
struct sp_batch {
    struct sp_job *jobs[SP_BATCH_MAX];
    uint64_t bytes[SP_BATCH_MAX]; /* that each wrote */
    size_t count;
    size_t left_out;
    bool closed;      /* takes no more jobs */
    size_t judged_at; /* the state of the store by which those left out were refused: sp_write_state */
    int64_t race_until_ms;
};

struct sp_writer {
    struct sp_writer_options options;
    struct sp_arena scratch;
    struct sp_tidy tidy;
    struct sp_expiring expiring;
    struct sp_batch batch, single;
    uint64_t commit_us; /* how long a commit takes, by the last few */
    struct sp_allowance *allowance;
    struct sp_reserve *reserve;
    _Atomic uint64_t refused[SP_WRITER_REFUSALS];
    struct sp_heartbeat heartbeat;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct sp_queue *queue;
    uint64_t job_us; /* how long a job takes, by the last batches */
    bool stopping;
};

#endif
