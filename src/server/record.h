/* Records each decision, whichever way it was asked: in the metrics, the decision log and the
 * last use of keys.
 *
 * Whoever answers questions makes a struct sp_asking when a call begins, and records each answer
 * while its snapshot is still held. Nothing here blocks, takes a lock or allocates. Each worker
 * slot belongs to one thread. */
#ifndef SP_SERVER_RECORD_H
#define SP_SERVER_RECORD_H

#include "decide/check.h"
#include "server/asking.h"

struct sp_metrics;
struct sp_decision_log;
struct sp_usage_reporter;

/* The records of decisions; set before the workers start. Any may be NULL. */
struct sp_recorder {
    struct sp_metrics *metrics; /* a shard for each worker slot (server/metrics.h) */
    struct sp_decision_log *decision_log;
    struct sp_usage_reporter *usage;
};

/* Records one answer, before its snapshot is released. `query` NULL: denied before there was a
 * question (ext_authz without a route or a credential); `answer` then holds the reason and the
 * revision. */
void sp_record_decision(const struct sp_recorder *recorder, const struct sp_asking *asking,
                        const struct sp_query *query, const struct sp_answer *answer, const char *decision_id);

/* Records that a call waits for a revision. */
void sp_record_wait(const struct sp_recorder *recorder, const struct sp_asking *asking);

/* Records that a call gave no answer. */
void sp_record_failure(const struct sp_recorder *recorder, const struct sp_asking *asking, enum sp_status status);

/* Records how long the call took, once, after its last answer. */
void sp_record_end(const struct sp_recorder *recorder, const struct sp_asking *asking);

#endif
