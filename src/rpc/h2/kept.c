#include "rpc/h2/kept.h"

void sp_rpc_h2_kept_add(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    call->previous_kept = NULL;
    call->next_kept = loop->kept;
    if (loop->kept != NULL)
        loop->kept->previous_kept = call;
    loop->kept = call;
    call->listed_kept = true;
}

void sp_rpc_h2_kept_remove(struct h2_call *call) {
    if (!call->listed_kept)
        return;
    call->listed_kept = false;
    if (call->next_kept != NULL)
        call->next_kept->previous_kept = call->previous_kept;
    if (call->previous_kept != NULL)
        call->previous_kept->next_kept = call->next_kept;
    else
        call->loop->kept = call->next_kept;
}
