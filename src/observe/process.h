/* Metrics of every process, and of the store that both programs open. */
#ifndef SP_OBSERVE_PROCESS_H
#define SP_OBSERVE_PROCESS_H

#include "observe/metrics.h"

struct sp_process_metrics;

/* The store as it is now; `open` false: not yet. */
struct sp_observed_store {
    bool open;
    uint64_t epoch, revision;
    uint64_t map_bytes, used_bytes;
    unsigned readers, max_readers;
};

/* What the process reports about itself, gathered by its daemon. */
struct sp_observed_process {
    uint64_t log_lines, log_dropped; /* of the program's own log */
    bool has_events;                 /* there is a log of security events */
    uint64_t events_written, events_dropped, events_suppressed;
    unsigned stuck_threads;
};

/* `program`: its name, which the build information is labelled with. SP_ERR_MEMORY. */
enum sp_status sp_process_metrics_create(const char *program, struct sp_process_metrics **ret_metrics) SP_MUST_USE;
/* NULL is allowed. */
void sp_process_metrics_free(struct sp_process_metrics *metrics);

/* Gathers, and appends its part of the page. One thread at a time. */
void sp_process_metrics_write(struct sp_process_metrics *metrics, const struct sp_observed_store *store,
                              const struct sp_observed_process *process, struct sp_text_out *out);

/* "0.1.0" */
const char *sp_version(void);

#endif
