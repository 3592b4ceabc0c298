#include "observe/line_log.h"

#include <pthread.h>
#include <stdlib.h>

#include "observe/ring_log.h"

enum { RING_BYTES = 256 * 1024 };

struct sp_line_log {
    pthread_mutex_t lock; /* over writing to the rings; held for a copy */
    struct sp_ring_log *ring;
};

enum sp_status sp_line_log_open(const char *path, unsigned parts, struct sp_line_log **ret_log,
                                struct sp_error *error) {
    const struct sp_ring_log_options options = {
        .path = path, .rings = parts, .ring_bytes = RING_BYTES, .format = sp_ring_log_copy_line};
    struct sp_line_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_ring_log_open(&options, &log->ring, error);
    if (status != SP_OK) {
        free(log);
        return status;
    }
    pthread_mutex_init(&log->lock, NULL);
    *ret_log = log;
    return SP_OK;
}

void sp_line_log_put(struct sp_line_log *log, unsigned part, const char *line, size_t size) {
    pthread_mutex_lock(&log->lock);
    void *record = sp_ring_log_reserve(log->ring, part, size);
    if (record != NULL) {
        memcpy(record, line, size);
        sp_ring_log_commit(log->ring, part, size);
    }
    pthread_mutex_unlock(&log->lock);
    if (record != NULL)
        sp_ring_log_wake(log->ring);
}

void sp_line_log_reopen(struct sp_line_log *log) {
    sp_ring_log_reopen(log->ring);
}

uint64_t sp_line_log_written(const struct sp_line_log *log) {
    return sp_ring_log_written(log->ring);
}

uint64_t sp_line_log_dropped(const struct sp_line_log *log) {
    return sp_ring_log_dropped(log->ring);
}

void sp_line_log_close(struct sp_line_log *log) {
    if (log == NULL)
        return;
    sp_ring_log_close(log->ring);
    pthread_mutex_destroy(&log->lock);
    free(log);
}
