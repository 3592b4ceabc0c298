#include "observe/ring_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/outlet.h"
#include "base/thread.h"
#include "observe/ring.h"
#include "observe/spill.h"

_Static_assert((int)SP_RING_LOG_RECORD_BYTES == (int)SP_RING_RECORD_BYTES, "a spill file holds what a ring does");

enum {
    IDLE_MS = 100, /* between two checks of rings that are less than half full */
    CLOSING_MS = 1000,
    ABANDON_MS = 2000, /* a log's thread that is still in a write so long after it was to end */
    BUFFER_BYTES = 64 * 1024,
    SAY_AGAIN_S = 60,
};

struct ring {
    _Alignas(SP_RING_LINE_BYTES) struct sp_ring_ends *ends; /* `own`, or in the spill file */
    size_t tail_seen;                                       /* the ring's thread's copy of the tail */
    size_t reserved_at;
    size_t woken_at; /* the head when the log's thread was last woken */
    _Atomic uint64_t dropped;
    _Atomic(uint8_t *) bytes;
    /* The log's thread's: the lines of all records before it are in the buffer, or written. */
    _Alignas(SP_RING_LINE_BYTES) size_t formatted;
    struct sp_ring_ends own;
};

struct sp_ring_log {
    struct sp_ring_log_options options;
    struct ring *rings;
    struct sp_spill spill; /* rings 0: none */
    struct sp_outlet outlet;
    int wake_fd;
    bool running;
    pthread_t thread;
    atomic_bool stopping, reopen;
    int64_t give_up_ms; /* while stopping */
    int64_t last_said_s;
    _Atomic uint64_t written, lost;
    size_t lines; /* in the buffer */
    size_t used;
    char buffer[BUFFER_BYTES];
    size_t rest_size;
    char rest[SP_RING_LOG_LINE_BYTES]; /* of a line that was cut, to be written before anything else */
};

/* ---- the threads that write records ---- */

static bool ring_has_room(struct ring *ring, size_t head, size_t wanted, size_t capacity) {
    if (head + wanted - ring->tail_seen <= capacity)
        return true;
    ring->tail_seen = atomic_load_explicit(&ring->ends->tail, memory_order_acquire);
    return head + wanted - ring->tail_seen <= capacity;
}

static uint8_t *ring_memory(struct sp_ring_log *log, struct ring *ring) {
    uint8_t *bytes = atomic_load_explicit(&ring->bytes, memory_order_relaxed);
    if (bytes == NULL) {
        bytes = aligned_alloc(SP_RING_LINE_BYTES, log->options.ring_bytes);
        atomic_store_explicit(&ring->bytes, bytes, memory_order_release);
    }
    return bytes;
}

static void count_drop(struct ring *ring) {
    uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);
    atomic_store_explicit(&ring->dropped, dropped + 1, memory_order_relaxed);
}

void *sp_ring_log_reserve(struct sp_ring_log *log, unsigned which, size_t size) {
    struct ring *ring = &log->rings[which];
    size_t capacity = log->options.ring_bytes;
    uint8_t *bytes = ring_memory(log, ring);
    size_t head = atomic_load_explicit(&ring->ends->head, memory_order_relaxed);
    size_t left = capacity - (head & (capacity - 1));
    size_t wanted = sp_ring_padded(size);
    size_t skipped = wanted > left ? left : 0;
    if (bytes == NULL || size > SP_RING_LOG_RECORD_BYTES || !ring_has_room(ring, head, skipped + wanted, capacity)) {
        count_drop(ring);
        return NULL;
    }
    if (skipped > 0)
        sp_ring_set_size(bytes + (head & (capacity - 1)), 0);
    ring->reserved_at = head + skipped;
    return bytes + (ring->reserved_at & (capacity - 1)) + SP_RING_HEAD_BYTES;
}

/* Now and then: a system call. */
static void wake_if_half_full(const struct sp_ring_log *log, struct ring *ring, size_t head) {
    size_t capacity = log->options.ring_bytes;
    ring->tail_seen = atomic_load_explicit(&ring->ends->tail, memory_order_acquire);
    if (head - ring->tail_seen < capacity / 2 || head - ring->woken_at < capacity / 8)
        return;
    ring->woken_at = head;
    (void)eventfd_write(log->wake_fd, 1);
}

void sp_ring_log_commit(struct sp_ring_log *log, unsigned which, size_t size) {
    struct ring *ring = &log->rings[which];
    size_t capacity = log->options.ring_bytes;
    size_t head = ring->reserved_at + sp_ring_padded(size);
    uint8_t *bytes = atomic_load_explicit(&ring->bytes, memory_order_relaxed);
    sp_ring_set_size(bytes + (ring->reserved_at & (capacity - 1)), size);
    atomic_store_explicit(&ring->ends->head, head, memory_order_release);
    if (head - ring->tail_seen >= capacity / 2)
        wake_if_half_full(log, ring, head);
}

/* ---- the file ---- */

static enum sp_status open_outlet(const char *path, struct sp_outlet *ret_outlet) {
    if (path == NULL)
        return sp_outlet_open_standard(STDERR_FILENO, ret_outlet);
    if (strcmp(path, "-") == 0)
        return sp_outlet_open_standard(STDOUT_FILENO, ret_outlet);
    return sp_outlet_open_file(path, ret_outlet);
}

/* Left by a process that was killed, or whose volume was full, while it wrote. */
static bool ends_in_torn_line(const char *path) {
    struct stat about;
    char last = '\n';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool torn = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 &&
                pread(fd, &last, 1, about.st_size - 1) == 1 && last != '\n';
    close(fd);
    return torn;
}

static void take_outlet(struct sp_ring_log *log, const struct sp_outlet *outlet) {
    log->outlet = *outlet;
    log->rest_size = 0;
    if (outlet->kind == SP_OUTLET_FILE && log->options.path != NULL && strcmp(log->options.path, "-") != 0 &&
        ends_in_torn_line(log->options.path))
        log->rest[log->rest_size++] = '\n';
}

static void log_write_error(struct sp_ring_log *log, const char *what) {
    int64_t now_s = sp_clock_monotonic_ms() / 1000;
    int reason = errno;
    if (log->options.path == NULL) /* it is the log in which this would stand */
        return;
    if (log->last_said_s != 0 && now_s - log->last_said_s < SAY_AGAIN_S)
        return;
    log->last_said_s = now_s;
    sp_log(SP_LOG_ERROR, "the log %s %s: %s", log->options.path, what, strerror(reason));
}

static bool has_given_up(const struct sp_ring_log *log) {
    return atomic_load(&log->stopping) && sp_clock_monotonic_ms() >= log->give_up_ms;
}

/* False when stopping and nobody reads. */
static bool wait_for_reader(const struct sp_ring_log *log) {
    while (!sp_outlet_wait(&log->outlet, has_given_up(log) ? 0 : IDLE_MS))
        if (has_given_up(log))
            return false;
    return true;
}

/* *ret_done: how much of it is in the file. */
static bool write_bytes(struct sp_ring_log *log, const char *bytes, size_t count, size_t *ret_done) {
    size_t done = 0;
    bool written = true;
    while (written && done < count) {
        size_t wrote = 0;
        if (sp_outlet_write(&log->outlet, bytes + done, count - done, &wrote) != SP_OK) {
            log_write_error(log, "cannot be written");
            written = false;
        }
        done += wrote;
        if (written && done < count)
            written = wait_for_reader(log);
    }
    *ret_done = done;
    return written;
}

/* False: the line is still torn. */
static bool write_rest(struct sp_ring_log *log) {
    size_t done;
    bool written = write_bytes(log, log->rest, log->rest_size, &done);
    log->rest_size -= done;
    memmove(log->rest, log->rest + done, log->rest_size);
    return written;
}

static size_t count_lines(const char *bytes, size_t size) {
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/* What is missing of a line that was cut at `done` is kept for the next write. Returns how many
 * lines are or will be in the file. */
static size_t keep_rest(struct sp_ring_log *log, size_t done) {
    size_t lines = count_lines(log->buffer, done);
    if (done == 0 || log->buffer[done - 1] == '\n')
        return lines;
    const char *end = memchr(log->buffer + done, '\n', log->used - done);
    size_t size = end == NULL ? log->used - done : (size_t)(end + 1 - (log->buffer + done));
    if (size > sizeof(log->rest))
        size = sizeof(log->rest);
    memcpy(log->rest, log->buffer + done, size);
    log->rest_size = size;
    return lines + 1;
}

static bool is_spilling(const struct sp_ring_log *log) {
    return log->spill.rings > 0;
}

/* After the lines of all records before `formatted` were written, their room is free; or else they
 * are formatted again. */
static void commit_or_rewind_tails(struct sp_ring_log *log, bool written) {
    for (unsigned i = 0; i < log->options.rings; i++) {
        struct ring *ring = &log->rings[i];
        if (written)
            atomic_store_explicit(&ring->ends->tail, ring->formatted, memory_order_release);
        else
            ring->formatted = atomic_load_explicit(&ring->ends->tail, memory_order_relaxed);
    }
}

/* False: not all of them could be written. */
static bool flush_lines(struct sp_ring_log *log) {
    size_t done = 0;
    size_t written = log->lines;
    if (log->lines == 0)
        return true;
    if (!write_rest(log))
        written = 0;
    else if (!write_bytes(log, log->buffer, log->used, &done))
        written = keep_rest(log, done);
    bool all = written == log->lines && log->rest_size == 0;
    atomic_fetch_add(&log->written, written);
    if (is_spilling(log))
        commit_or_rewind_tails(log, all);
    else
        atomic_fetch_add(&log->lost, log->lines - written);
    log->lines = 0;
    log->used = 0;
    return all;
}

static void reopen_file(struct sp_ring_log *log) {
    struct sp_outlet outlet;
    if (open_outlet(log->options.path, &outlet) != SP_OK) {
        log_write_error(log, "cannot be reopened, writing to the old file");
        return;
    }
    (void)write_rest(log);
    sp_outlet_close(&log->outlet);
    take_outlet(log, &outlet);
}

/* ---- the log's thread ---- */

void sp_ring_log_copy_line(const void *record, size_t size, struct sp_text_out *out) {
    sp_text_put(out, (struct sp_str){record, size});
}

static void format_line(struct sp_ring_log *log, const uint8_t *record, size_t size) {
    struct sp_text_out out;
    sp_text_out_init(&out, log->buffer + log->used, SP_RING_LOG_LINE_BYTES);
    log->options.format(record, size, &out);
    log->used += out.used;
    log->lines++;
}

/* False: what is in the buffer could not be written. *ret_some is set if there was something. */
static bool drain_ring(struct sp_ring_log *log, struct ring *ring, bool *ret_some) {
    size_t capacity = log->options.ring_bytes;
    size_t head = atomic_load_explicit(&ring->ends->head, memory_order_acquire);
    const uint8_t *bytes = atomic_load_explicit(&ring->bytes, memory_order_acquire);
    *ret_some = *ret_some || ring->formatted != head;
    while (ring->formatted != head) {
        const uint8_t *at = bytes + (ring->formatted & (capacity - 1));
        size_t size = sp_ring_size_at(at);
        if (log->used + SP_RING_LOG_LINE_BYTES > BUFFER_BYTES && !flush_lines(log) && is_spilling(log))
            return false;
        if (size == 0) {
            ring->formatted += capacity - (ring->formatted & (capacity - 1));
        } else {
            format_line(log, at + SP_RING_HEAD_BYTES, size);
            ring->formatted += sp_ring_padded(size);
        }
        if (!is_spilling(log))
            atomic_store_explicit(&ring->ends->tail, ring->formatted, memory_order_release);
    }
    return true;
}

/* False: something could not be written. */
static bool drain_rings(struct sp_ring_log *log, bool *ret_some) {
    for (unsigned i = 0; i < log->options.rings; i++)
        if (!drain_ring(log, &log->rings[i], ret_some))
            return false;
    return flush_lines(log);
}

static void wait_for_records(struct sp_ring_log *log) {
    struct pollfd wait = {.fd = log->wake_fd, .events = POLLIN};
    eventfd_t count;
    if (poll(&wait, 1, IDLE_MS) > 0)
        (void)eventfd_read(log->wake_fd, &count);
}

static void *run_log_thread(void *user) {
    struct sp_ring_log *log = user;
    (void)pthread_setname_np(pthread_self(), "log");
    for (;;) {
        bool last = atomic_load(&log->stopping);
        if (atomic_exchange(&log->reopen, false))
            reopen_file(log);
        bool some = false;
        bool written = drain_rings(log, &some);
        if (last) {
            (void)write_rest(log);
            return NULL;
        }
        if (!some || !written)
            wait_for_records(log);
    }
}

/* ---- life ---- */

static struct sp_ring_log *create_ring_log(const struct sp_ring_log_options *options) {
    struct sp_ring_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return NULL;
    log->options = *options;
    log->wake_fd = log->outlet.fd = log->spill.fd = -1;
    log->rings = aligned_alloc(SP_RING_LINE_BYTES, options->rings * sizeof(*log->rings));
    if (log->rings == NULL) {
        free(log);
        return NULL;
    }
    memset(log->rings, 0, options->rings * sizeof(*log->rings));
    for (unsigned i = 0; i < options->rings; i++)
        log->rings[i].ends = &log->rings[i].own;
    return log;
}

/* What an earlier process left is in the rings already. */
static void take_spilled_rings(struct sp_ring_log *log) {
    log->options.ring_bytes = log->spill.ring_bytes;
    for (unsigned i = 0; i < log->options.rings; i++) {
        struct ring *ring = &log->rings[i];
        ring->ends = sp_spill_ends(&log->spill, i);
        ring->formatted = ring->tail_seen = atomic_load(&ring->ends->tail);
        atomic_store(&ring->bytes, sp_spill_ring(&log->spill, i));
    }
}

static enum sp_status open_spill(struct sp_ring_log *log, struct sp_error *error) {
    const struct sp_ring_log_options *options = &log->options;
    uint64_t lost = 0;
    if (options->spill == NULL)
        return SP_OK;
    enum sp_status status =
        sp_spill_open(options->spill, options->rings, options->spill_bytes, &log->spill, &lost, error);
    if (status != SP_OK)
        return status;
    atomic_store(&log->lost, lost);
    take_spilled_rings(log);
    uint64_t waiting = sp_spill_waiting(&log->spill);
    if (lost > 0)
        sp_log(SP_LOG_WARNING, "%llu lines of the log in %s could not be kept", (unsigned long long)lost,
               options->spill);
    if (waiting > 0)
        sp_log(SP_LOG_INFO, "%s has %llu bytes of the log from before; they are written first", options->spill,
               (unsigned long long)waiting);
    return SP_OK;
}

static enum sp_status start_log(struct sp_ring_log *log, struct sp_error *error) {
    const char *path = log->options.path;
    struct sp_outlet outlet;
    enum sp_status status = open_spill(log, error);
    if (status != SP_OK)
        return status;
    if (open_outlet(path, &outlet) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, "cannot open the log %s: %s", path == NULL ? "on stderr" : path,
                            strerror(errno));
    take_outlet(log, &outlet);
    if (is_spilling(log) && outlet.kind != SP_OUTLET_FILE && sp_spill_waiting(&log->spill) > 0)
        log->rest[log->rest_size++] = '\n'; /* what was written last may be half a line */
    log->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (log->wake_fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create an eventfd: %s", strerror(errno));
    status = sp_thread_start(&log->thread, run_log_thread, log, error, "the log's thread");
    if (status != SP_OK)
        return status;
    log->running = true;
    return SP_OK;
}

enum sp_status sp_ring_log_open(const struct sp_ring_log_options *options, struct sp_ring_log **ret_log,
                                struct sp_error *error) {
    struct sp_ring_log *log = create_ring_log(options);
    if (log == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = start_log(log, error);
    if (status != SP_OK) {
        sp_ring_log_close(log);
        return status;
    }
    *ret_log = log;
    return SP_OK;
}

void sp_ring_log_wake(struct sp_ring_log *log) {
    (void)eventfd_write(log->wake_fd, 1);
}

void sp_ring_log_reopen(struct sp_ring_log *log) {
    atomic_store(&log->reopen, true);
    sp_ring_log_wake(log);
}

uint64_t sp_ring_log_written(const struct sp_ring_log *log) {
    return atomic_load(&log->written);
}

uint64_t sp_ring_log_dropped(const struct sp_ring_log *log) {
    uint64_t dropped = atomic_load(&log->lost);
    for (unsigned i = 0; i < log->options.rings; i++)
        dropped += atomic_load_explicit(&log->rings[i].dropped, memory_order_relaxed);
    return dropped;
}

uint64_t sp_ring_log_waiting(const struct sp_ring_log *log) {
    return is_spilling(log) ? sp_spill_waiting(&log->spill) : 0;
}

double sp_ring_log_fullness(const struct sp_ring_log *log) {
    return is_spilling(log) ? sp_spill_fullness(&log->spill) : 0;
}

/* False: its last write does not return. */
static bool end_log_thread(struct sp_ring_log *log) {
    log->give_up_ms = sp_clock_monotonic_ms() + CLOSING_MS;
    atomic_store(&log->stopping, true);
    sp_ring_log_wake(log);
    return sp_clock_join(log->thread, ABANDON_MS);
}

void sp_ring_log_close(struct sp_ring_log *log) {
    if (log == NULL || (log->running && !end_log_thread(log)))
        return;
    for (unsigned i = 0; i < log->options.rings && !is_spilling(log); i++)
        free(atomic_load(&log->rings[i].bytes));
    sp_spill_close(&log->spill);
    free(log->rings);
    sp_outlet_close(&log->outlet);
    if (log->wake_fd >= 0)
        close(log->wake_fd);
    free(log);
}
