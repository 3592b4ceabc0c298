/* Last uses of keys, gathered from every decision and reported to the admin instance.
 *
 * Each worker notes uses into its lane (usage/gather.h). One thread collects them, at each
 * interval and when a lane fills up, merges what it cannot send yet, and sends it in numbered
 * reports until each is answered. Memory is bounded: a use that finds no room is lost, and the
 * reports say so. At worst the admin instance does not know when a key was used; it never takes
 * a used key for unused. */
#ifndef SP_SERVER_USAGE_H
#define SP_SERVER_USAGE_H

#include "decide/check.h"
#include "rpc/client.h"

struct sp_usage_reporter;

struct sp_usage_reporter_options {
    const char *target; /* gRPC address of the admin instance */
    struct sp_rpc_client_tls tls;
    const char *server;   /* this server's name, which no other has */
    unsigned lanes;       /* threads that note; higher numbers share the last lane */
    unsigned interval_ms; /* between two reports */
    uint32_t max_keys;    /* held until they are sent */
};

/* Starts the thread, which reports at once: from then on the admin instance waits for this
 * server. SP_ERR_INVALID for an impossible target; SP_ERR_MEMORY; SP_ERR_IO. */
enum sp_status sp_usage_reporter_start(const struct sp_usage_reporter_options *options,
                                       struct sp_usage_reporter **ret_reporter, struct sp_error *error) SP_MUST_USE;

/* Notes the use of the key that a decision found, if any. On the lane's thread, before the
 * snapshot is released. Takes no lock and allocates nothing. `reporter` NULL: nothing is noted. */
void sp_usage_reporter_note(struct sp_usage_reporter *reporter, unsigned lane, const struct sp_query *query,
                            const struct sp_answer *answer);

struct sp_usage_reporter_stats {
    double report_age_s; /* since the last report was answered, or since the start */
    uint64_t losses;     /* collections in which uses found no room */
};

/* Any thread. */
void sp_usage_reporter_read_stats(const struct sp_usage_reporter *reporter, struct sp_usage_reporter_stats *ret_stats);

/* After the last decision: sends what is left and a goodbye, for at most `drain_ms`; frees. NULL
 * is allowed. */
void sp_usage_reporter_stop(struct sp_usage_reporter *reporter, unsigned drain_ms);

#endif
