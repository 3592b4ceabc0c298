#include "sync/writer_stats.h"

const char *sp_writer_refusal_name(enum sp_writer_refusal refusal) {
    static const char *const names[SP_WRITER_REFUSALS] = {
        [SP_WRITER_QUEUE_FULL] = "queue",
        [SP_WRITER_WORKSPACE_QUEUE_FULL] = "workspace_queue",
        [SP_WRITER_WORKSPACE_ALLOWANCE] = "workspace_allowance",
        [SP_WRITER_RESERVE] = "reserve",
    };
    return (unsigned)refusal < SP_WRITER_REFUSALS ? names[refusal] : "unknown";
}
