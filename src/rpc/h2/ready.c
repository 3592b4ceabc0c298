#include "rpc/h2/ready.h"

#include <unistd.h>

void sp_rpc_h2_ready_call(struct h2_call *call, unsigned events) {
    struct h2_loop *loop = call->loop;
    call->events |= events;
    if (call->queued)
        return;
    call->queued = true;
    call->next_ready = NULL;
    if (loop->ready_last == NULL)
        loop->ready_first = call;
    else
        loop->ready_last->next_ready = call;
    loop->ready_last = call;
}

struct h2_call *sp_rpc_h2_ready_take(struct h2_loop *loop) {
    struct h2_call *call = loop->ready_first;
    if (call == NULL)
        return NULL;
    loop->ready_first = call->next_ready;
    if (loop->ready_first == NULL)
        loop->ready_last = NULL;
    call->queued = false;
    return call;
}

void sp_rpc_h2_ready_connection(struct h2_connection *connection) {
    if (connection->dirty)
        return;
    connection->dirty = true;
    connection->next_dirty = connection->loop->dirty;
    connection->loop->dirty = connection;
}

/* ---- mail ---- */

void sp_rpc_h2_mail_ring(const struct h2_loop *loop) {
    const uint64_t one = 1;
    /* Full means that it rings already. */
    if (write(loop->wake_fd, &one, sizeof(one)) < 0)
        return;
}

void sp_rpc_h2_mail_call(struct h2_call *call, enum h2_event event) {
    struct h2_loop *loop = call->loop;
    if (sp_rpc_h2_current_loop == loop) { /* nobody rings for what the loop puts into its own mail */
        sp_rpc_h2_ready_call(call, event);
        return;
    }
    atomic_fetch_or(&call->mail_events, (unsigned)event);
    if (atomic_exchange(&call->mailed, true))
        return;
    pthread_mutex_lock(&loop->lock);
    bool first = loop->mail == NULL;
    call->next_mail = loop->mail;
    loop->mail = call;
    /* With the lock: without it the loop may handle the call and end, and be gone too. */
    if (first)
        sp_rpc_h2_mail_ring(loop);
    pthread_mutex_unlock(&loop->lock);
}

void sp_rpc_h2_mail_take(struct h2_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    struct h2_call *newest = loop->mail;
    loop->mail = NULL;
    pthread_mutex_unlock(&loop->lock);
    struct h2_call *oldest = NULL;
    while (newest != NULL) {
        struct h2_call *next = newest->next_mail;
        newest->next_mail = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct h2_call *call = oldest;
        oldest = call->next_mail;
        /* In this order: who mails after the first finds its event here, or mails again. */
        atomic_store(&call->mailed, false);
        sp_rpc_h2_ready_call(call, atomic_exchange(&call->mail_events, 0));
    }
}
