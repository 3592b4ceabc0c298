/* The decision log: a JSON line for each decision, each denial, each that allows, or each n-th
 * decision, of all workspaces or some. Never a key or its digest.
 *
 * A separate thread writes it. A decision never waits for it: one that finds no room is dropped and
 * counted. With a spill file each decision is in it before it is answered, and leaves it when its
 * line is written: it is written at least once, also if the process is killed
 * (observe/ring_log.h). */
#ifndef SP_SERVER_DECISION_LOG_H
#define SP_SERVER_DECISION_LOG_H

#include "config/options.h"
#include "decide/check.h"
#include "server/asking.h"

struct sp_decision_log;

enum sp_decision_log_what {
    SP_DECISION_LOG_ALL,
    SP_DECISION_LOG_ALLOWS,
    SP_DECISION_LOG_DENIALS,
    SP_DECISION_LOG_SAMPLE,
};

/* The options' texts. */
struct sp_decision_log_options {
    const char *path;                  /* --decision-log: "none", "-" or a file */
    const char *what;                  /* --decision-log-what: "all", "allows", "denials", "sample:N" */
    struct sp_option_texts workspaces; /* --decision-log-workspace */
    const char *spill;                 /* --decision-log-spill; NULL: none */
    uint64_t spill_bytes;
};

enum { SP_DECISION_LOG_OPTION_ROWS = 5 };

/* The options' rows. */
void sp_decision_log_option_rows(struct sp_decision_log_options *options,
                                 struct sp_option rows[static SP_DECISION_LOG_OPTION_ROWS]);

/* What they say; texts are borrowed. */
struct sp_decision_log_settings {
    const char *path; /* NULL: no log; "-": stdout */
    enum sp_decision_log_what what;
    const char *what_text;             /* the same, as each line has it */
    uint64_t every;                    /* of SP_DECISION_LOG_SAMPLE: each worker's n-th decision */
    struct sp_option_texts workspaces; /* whose keys' decisions are logged; none: all */
    const char *spill;                 /* NULL: none */
    uint64_t spill_bytes;
};

/* SP_ERR_INVALID. */
enum sp_status sp_decision_log_read_settings(const struct sp_decision_log_options *options,
                                             struct sp_decision_log_settings *ret_settings,
                                             struct sp_error *error) SP_MUST_USE;

/* The threads that answer, which have the first slots of their kind (server/worker_slots.h).
 * *ret_log is NULL if the settings want none. SP_ERR_IO, SP_ERR_MEMORY; and as sp_ring_log_open. */
enum sp_status sp_decision_log_open(const struct sp_decision_log_settings *settings, unsigned workers,
                                    unsigned bulk_workers, struct sp_decision_log **ret_log,
                                    struct sp_error *error) SP_MUST_USE;
void sp_decision_log_close(struct sp_decision_log *log);

/* Logs a decision, if the settings want it. On the worker's thread. As sp_record_decision. */
void sp_decision_log_note(struct sp_decision_log *log, const struct sp_asking *asking, const struct sp_query *query,
                          const struct sp_answer *answer, const char *decision_id);

/* After the file was renamed. Any thread. */
void sp_decision_log_reopen(struct sp_decision_log *log);
uint64_t sp_decision_log_written(const struct sp_decision_log *log);
uint64_t sp_decision_log_dropped(const struct sp_decision_log *log);
/* Bytes of the spill file that wait to be written; 0 without one. */
uint64_t sp_decision_log_waiting(const struct sp_decision_log *log);
/* How full the fullest worker's share of it is, from 0 to 1; 0 without one. */
double sp_decision_log_fullness(const struct sp_decision_log *log);

#endif
