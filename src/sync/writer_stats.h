/* What the writer counts. */
#ifndef SP_SYNC_WRITER_STATS_H
#define SP_SYNC_WRITER_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Why jobs were refused without a try. */
enum sp_writer_refusal {
    SP_WRITER_QUEUE_FULL,
    SP_WRITER_WORKSPACE_QUEUE_FULL,
    SP_WRITER_WORKSPACE_ALLOWANCE,
    SP_WRITER_RESERVE,
    SP_WRITER_REFUSALS,
};
const char *sp_writer_refusal_name(enum sp_writer_refusal refusal);

struct sp_writer_stats {
    size_t waiting;      /* jobs */
    uint64_t room_bytes; /* that ordinary changes may still take; UINT64_MAX: not known */
    uint64_t refused[SP_WRITER_REFUSALS];
};

#endif
