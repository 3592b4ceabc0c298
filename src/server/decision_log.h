/* The decision log: a JSON line for each decision, each denial, or each n-th decision. Never a
 * key or its digest.
 *
 * A separate thread writes it. A decision never waits for it: one that finds no room is dropped
 * and counted. */
#ifndef SP_SERVER_DECISION_LOG_H
#define SP_SERVER_DECISION_LOG_H

#include "decide/check.h"
#include "server/asking.h"

struct sp_decision_log;

enum sp_decision_log_what { SP_DECISION_LOG_ALL, SP_DECISION_LOG_DENIALS, SP_DECISION_LOG_SAMPLE };

struct sp_decision_log_settings {
    const char *path; /* NULL: no log; "-": stdout */
    enum sp_decision_log_what what;
    uint64_t every; /* of SP_DECISION_LOG_SAMPLE: each worker's n-th decision */
};

/* Reads --decision-log ("none", "-" or a file) and --decision-log-what ("all", "denials",
 * "sample:N"). SP_ERR_INVALID. */
enum sp_status sp_decision_log_read_settings(const char *path, const char *what,
                                             struct sp_decision_log_settings *ret_settings,
                                             struct sp_error *error) SP_MUST_USE;

/* *ret_log is NULL if the settings want none. SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_decision_log_open(const struct sp_decision_log_settings *settings, struct sp_decision_log **ret_log,
                                    struct sp_error *error) SP_MUST_USE;
void sp_decision_log_close(struct sp_decision_log *log);

/* Logs a decision, if the settings want it. On the worker's thread. As sp_record_decision. */
void sp_decision_log_note(struct sp_decision_log *log, const struct sp_asking *asking, const struct sp_query *query,
                          const struct sp_answer *answer, const char *decision_id);

/* After the file was renamed. Any thread. */
void sp_decision_log_reopen(struct sp_decision_log *log);
uint64_t sp_decision_log_written(const struct sp_decision_log *log);
uint64_t sp_decision_log_dropped(const struct sp_decision_log *log);

#endif
