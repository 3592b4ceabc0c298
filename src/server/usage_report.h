/* A report of last uses, as the admin instance reads it. Pure. */
#ifndef SP_SERVER_USAGE_REPORT_H
#define SP_SERVER_USAGE_REPORT_H

#include "base/arena.h"
#include "base/status.h"
#include "usage/gather.h"

/* All that a report holds beside its uses. */
struct sp_usage_report_head {
    const char *server;
    uint64_t instance;
    uint64_t sequence;
    int64_t sent_at_ms;
    int64_t until_s;      /* 0: more uses follow */
    int64_t lost_until_s; /* 0: none were lost */
    bool goodbye;
};

/* Packs the last `count` uses of the table, in the arena. SP_ERR_MEMORY. */
enum sp_status sp_usage_pack_uses(const struct sp_usage_table *table, uint32_t count, struct sp_arena *arena,
                                  struct sp_bytes *ret_bytes) SP_MUST_USE;

/* Packs a report of a head and packed uses, in the arena. SP_ERR_MEMORY. */
enum sp_status sp_usage_pack_report(const struct sp_usage_report_head *head, struct sp_bytes uses,
                                    struct sp_arena *arena, struct sp_bytes *ret_bytes) SP_MUST_USE;

#endif
