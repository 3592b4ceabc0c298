#include "rpc/h2/incomplete.h"

void sp_rpc_h2_incomplete_add(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    if (call->listed)
        return;
    call->listed = true;
    call->since_ms = loop->now_ms;
    call->next_incomplete = NULL;
    call->previous_incomplete = loop->incomplete_last;
    if (loop->incomplete_last == NULL)
        loop->incomplete_first = call;
    else
        loop->incomplete_last->next_incomplete = call;
    loop->incomplete_last = call;
}

void sp_rpc_h2_incomplete_remove(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    if (!call->listed)
        return;
    call->listed = false;
    if (call->previous_incomplete == NULL)
        loop->incomplete_first = call->next_incomplete;
    else
        call->previous_incomplete->next_incomplete = call->next_incomplete;
    if (call->next_incomplete == NULL)
        loop->incomplete_last = call->previous_incomplete;
    else
        call->next_incomplete->previous_incomplete = call->previous_incomplete;
    call->previous_incomplete = call->next_incomplete = NULL;
}
