#include "rpc/h2/unanswered.h"

void sp_rpc_h2_unanswered_add(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    call->previous_unanswered = NULL;
    call->next_unanswered = loop->unanswered;
    if (loop->unanswered != NULL)
        loop->unanswered->previous_unanswered = call;
    loop->unanswered = call;
    call->listed_unanswered = true;
}

void sp_rpc_h2_unanswered_remove(struct h2_call *call) {
    if (!call->listed_unanswered)
        return;
    call->listed_unanswered = false;
    if (call->next_unanswered != NULL)
        call->next_unanswered->previous_unanswered = call->previous_unanswered;
    if (call->previous_unanswered != NULL)
        call->previous_unanswered->next_unanswered = call->next_unanswered;
    else
        call->loop->unanswered = call->next_unanswered;
}
