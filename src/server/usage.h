/* Last uses of keys, gathered from every decision and told to the admin instance.
 *
 * Workers note into lanes of their own (usage/gather.h). One thread collects, at each interval and when a lane fills up, merges
 * what it cannot send yet, and sends it in numbered reports until each is answered. Memory is bounded: what finds no place
 * is lost, and the reports say so. The worst is that the admin instance does not know; never that it takes a key for
 * unused. */
#ifndef SP_SERVER_USAGE_H
#define SP_SERVER_USAGE_H

#include "decide/check.h"
#include "rpc/client.h"

struct sp_usage_reporter;

struct sp_usage_reporter_options {
    const char *target; /* of the admin instance's gRPC */
    struct sp_rpc_client_tls tls;
    const char *server;   /* this server's name among all */
    unsigned lanes;       /* threads that note; the last lane is for the one whose number is this or higher */
    unsigned interval_ms; /* between two reports */
    uint32_t max_keys;    /* that are held until they are sent */
};

/* Starts the thread, which reports at once: from then on the admin instance waits for this server. SP_ERR_INVALID for a
 * target that cannot be; SP_ERR_MEMORY; SP_ERR_IO. */
enum sp_status sp_usage_reporter_start(const struct sp_usage_reporter_options *options,
                                       struct sp_usage_reporter **ret_reporter, struct sp_error *error) SP_MUST_USE;

/* Notes what a decision says of its key, if it found one. On the lane's thread, before the snapshot is released. Takes no lock
 * and allocates nothing. `reporter` NULL: nothing is noted. */
void sp_usage_reporter_note(struct sp_usage_reporter *reporter, unsigned lane, const struct sp_query *query,
                            const struct sp_answer *answer);

struct sp_usage_reporter_stats {
    double report_age_s; /* since the last report was answered, or since the start */
    uint64_t losses;     /* collections in which uses found no room */
};

/* How reporting goes. Any thread. */
void sp_usage_reporter_look(const struct sp_usage_reporter *reporter, struct sp_usage_reporter_stats *ret_stats);

/* After the last decision: sends what is left and says goodbye, for at most `drain_ms`; frees. NULL is allowed. */
void sp_usage_reporter_stop(struct sp_usage_reporter *reporter, unsigned drain_ms);

/* The name of a server that was given none: host name and what it listens on, which no other process there can have.
 * `listen` is its first address, `port` the port that it got. */
enum { SP_SERVER_ID_BYTES = 65 };
void sp_usage_server_id(const char *listen, int port, char ret_id[static SP_SERVER_ID_BYTES]);

#endif
