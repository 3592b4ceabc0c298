#include "rpc/bounds.h"

const char *sp_rpc_bound_name(enum sp_rpc_bound bound) {
    static const char *const names[SP_RPC_BOUND_COUNT] = {
        [SP_RPC_BOUND_UNANSWERED] = "unanswered",
        [SP_RPC_BOUND_SLOW] = "slow",
        [SP_RPC_BOUND_BUDGET] = "budget",
        [SP_RPC_BOUND_IDLE] = "idle",
        [SP_RPC_BOUND_PEER] = "peer",
        [SP_RPC_BOUND_MESSAGE] = "message",
        [SP_RPC_BOUND_INCOMPLETE] = "incomplete",
        [SP_RPC_BOUND_MEMORY] = "memory",
        [SP_RPC_BOUND_HEAD] = "head",
        [SP_RPC_BOUND_RESETS] = "resets",
        [SP_RPC_BOUND_FRAMES] = "frames",
        [SP_RPC_BOUND_STALLED] = "stalled",
        [SP_RPC_BOUND_TLS] = "tls",
    };
    return names[bound];
}
