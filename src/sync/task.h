/* Work of a stream outside its worker: on a thread of its own, or in the writer's queue. If the
 * stream ends meanwhile, its state lives until the work is done. */
#ifndef SP_SYNC_TASK_H
#define SP_SYNC_TASK_H

#include <stdatomic.h>

#include "sync/service.h"

struct sp_task {
    struct sp_sync *sync;
    pthread_mutex_t lock; /* over call and busy */
    struct sp_rpc_call *call;
    bool busy;
    atomic_bool over; /* the stream has ended: what is worked at is for nobody */
    void (*run)(struct sp_task *task);
    void (*drop)(struct sp_task *task); /* frees the state that the task is part of */
};

void sp_task_init(struct sp_task *task, struct sp_sync *sync, struct sp_rpc_call *call,
                  void (*drop)(struct sp_task *task));

/* Work begins elsewhere: until release the state may be touched only there. */
void sp_task_hold(struct sp_task *task);
/* The work did not begin after all. */
void sp_task_unhold(struct sp_task *task);
/* The work is done: wakes the stream, or drops the state if the stream is over. Do not touch it
 * afterwards. */
void sp_task_release(struct sp_task *task);

/* In the stream's `woken` event: whether the work is done, so that the state may be read. */
bool sp_task_is_done(struct sp_task *task);

/* While it is held: whether the stream is over, so that nobody needs the work any longer. */
bool sp_task_is_over(struct sp_task *task);

/* Holds, calls `run` on a new thread, releases. SP_ERR_EXHAUSTED: too many at a time; SP_ERR_IO. */
enum sp_status sp_task_start(struct sp_task *task, void (*run)(struct sp_task *task),
                             struct sp_error *error) SP_MUST_USE;

/* The stream is over (its `closed` event): drops the state, now or when the work is done. */
void sp_task_close(struct sp_task *task);

#endif
