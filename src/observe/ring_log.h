/* A log that never makes its writers wait: each thread puts records into a ring of its own, and one
 * thread of the log's turns them into lines and writes them. Records that find their ring full are
 * dropped and counted.
 *
 * With a spill file (observe/spill.h) the rings lie in it: what nobody has read yet outlives the
 * process, and the next one with the same file writes it first. A record leaves its ring when its
 * line is written, so that each is written at least once; after a crash or an error some are
 * written twice.
 *
 * Records of one ring keep their order; those of different rings follow each other roughly by
 * time. */
#ifndef SP_OBSERVE_RING_LOG_H
#define SP_OBSERVE_RING_LOG_H

#include <stdint.h>

#include "base/status.h"
#include "base/text_out.h"

struct sp_ring_log;

struct sp_ring_log_options {
    const char *path;     /* a file that is appended to, made with mode 0640; "-": stdout; NULL: stderr */
    unsigned rings;       /* threads that write records */
    size_t ring_bytes;    /* a power of two; a ring takes its memory with its first record */
    const char *spill;    /* a file for the rings; NULL: they are in memory. Records must then be lines */
    uint64_t spill_bytes; /* of all rings, in place of `ring_bytes` */
    /* Makes a record a line, its line feed included, on the log's thread. */
    void (*format)(const void *record, size_t size, struct sp_text_out *out);
};

/* A format for records that are lines. */
void sp_ring_log_copy_line(const void *record, size_t size, struct sp_text_out *out);

enum { SP_RING_LOG_LINE_BYTES = 4096, SP_RING_LOG_RECORD_BYTES = 4096 };

/* Opens the file and starts the thread. SP_ERR_IO: the file cannot be opened; SP_ERR_MEMORY; and as
 * sp_spill_open. */
enum sp_status sp_ring_log_open(const struct sp_ring_log_options *options, struct sp_ring_log **ret_log,
                                struct sp_error *error) SP_MUST_USE;

/* Room for a record of `size` bytes (at most SP_RING_LOG_RECORD_BYTES), aligned for any type; NULL:
 * dropped. Fill it, then commit with the size that it has in the end, which may be smaller. The
 * ring's own thread; waits for nothing. */
void *sp_ring_log_reserve(struct sp_ring_log *log, unsigned ring, size_t size);
void sp_ring_log_commit(struct sp_ring_log *log, unsigned ring, size_t size);

/* Has committed records written at once, not at the next look at the rings. Any thread. */
void sp_ring_log_wake(struct sp_ring_log *log);

/* Any thread: closes the file and opens it again by its name, after log rotation has renamed it. If
 * it cannot be opened, the log continues in the old file. */
void sp_ring_log_reopen(struct sp_ring_log *log);

/* Lines written, and records that found no room or could not be written. Any thread. */
uint64_t sp_ring_log_written(const struct sp_ring_log *log);
uint64_t sp_ring_log_dropped(const struct sp_ring_log *log);
/* Bytes of the spill file that wait to be written; 0 without one. Any thread. */
uint64_t sp_ring_log_waiting(const struct sp_ring_log *log);
/* How full the fullest ring of the spill file is, from 0 to 1; 0 without one. Any thread. */
double sp_ring_log_fullness(const struct sp_ring_log *log);

/* Writes what is left, for at most a second, and ends. No thread may write any more. A log whose
 * last write never returns is left behind for the end of the process. NULL is allowed. */
void sp_ring_log_close(struct sp_ring_log *log);

#endif
