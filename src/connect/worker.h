/* Inside src/connect: the thread on which calls are read and handled, one after the other, and what
 * is due when. Those that are slow to be read make way for the others. */
#ifndef SP_CONNECT_WORKER_H
#define SP_CONNECT_WORKER_H

#include <stdbool.h>

#include "base/heartbeat.h"
#include "base/status.h"
#include "rpc/timers.h"

struct connect_worker;

/* A part of what it is for; zeroed but for `run`. Once `run` was called the task may be gone. */
struct connect_task {
    void (*run)(struct connect_task *task);
    struct connect_task *next;
    struct timer timer;
};

struct connect_worker_options {
    void (*stopping)(unsigned slot, void *user); /* on the thread when it ends; may be NULL */
    unsigned slot;
    void *user;
};

/* SP_ERR_MEMORY; SP_ERR_IO: the thread cannot be started. */
enum sp_status sp_connect_worker_start(const struct connect_worker_options *options, struct connect_worker **ret_worker,
                                       struct sp_error *error) SP_MUST_USE;
/* Runs what was posted, what is not due yet too, and ends the thread. Nothing may be posted any
 * more but by tasks. */
void sp_connect_worker_stop(struct connect_worker *worker);
/* Frees a stopped one. NULL is allowed. */
void sp_connect_worker_free(struct connect_worker *worker);

/* Runs the task soon. Any thread; the task must not be posted already. */
void sp_connect_worker_post(struct connect_worker *worker, struct connect_task *task);
/* The same of one that takes long: all others that wait, and come meanwhile, do so for one such at
 * a time. */
void sp_connect_worker_post_slow(struct connect_worker *worker, struct connect_task *task);
/* Runs it when the time has passed. On the worker's thread. False when out of memory: it will not
 * run. */
bool sp_connect_worker_post_after(struct connect_worker *worker, struct connect_task *task,
                                  unsigned delay_ms) SP_MUST_USE;
/* Takes back one that waits for its time. On the worker's thread. */
void sp_connect_worker_unpost(struct connect_worker *worker, struct connect_task *task);

const struct sp_heartbeat *sp_connect_worker_heartbeat(const struct connect_worker *worker);

#endif
