#include "observe/ring_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/outlet.h"

enum {
    LINE_BYTES = 64, /* of the processor's cache */
    HEAD_BYTES = 16, /* before each record: its size, and what keeps it aligned */
    IDLE_MS = 100,   /* between two checks of rings that are less than half full */
    CLOSING_MS = 1000,
    ABANDON_S = 2, /* a log's thread that is still in a write so long after it was to end */
    BUFFER_BYTES = 64 * 1024,
    SAY_AGAIN_S = 60,
};

/* Positions only grow; a record never wraps: the rest of the ring is skipped by a head of size
 * 0. */
struct ring {
    _Alignas(LINE_BYTES) _Atomic size_t head; /* the ring's thread's */
    size_t tail_seen;                         /* the same thread's copy of `tail` */
    size_t reserved_at;
    size_t woken_at; /* `head` when the log's thread was last woken */
    _Atomic uint64_t dropped;
    _Alignas(LINE_BYTES) _Atomic size_t tail; /* the log's thread's */
    _Alignas(LINE_BYTES) _Atomic(uint8_t *) bytes;
};

struct sp_ring_log {
    struct sp_ring_log_options options;
    struct ring *rings;
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
};

/* ---- the threads that write records ---- */

static size_t padded_size(size_t size) {
    return HEAD_BYTES + (size + HEAD_BYTES - 1) / HEAD_BYTES * HEAD_BYTES;
}

static bool ring_has_room(struct ring *ring, size_t head, size_t wanted, size_t capacity) {
    if (head + wanted - ring->tail_seen <= capacity)
        return true;
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head + wanted - ring->tail_seen <= capacity;
}

static void set_size(uint8_t *at, size_t size) {
    uint64_t value = size;
    memcpy(at, &value, sizeof(value));
}

static uint8_t *ring_memory(struct sp_ring_log *log, struct ring *ring) {
    uint8_t *bytes = atomic_load_explicit(&ring->bytes, memory_order_relaxed);
    if (bytes == NULL) {
        bytes = aligned_alloc(LINE_BYTES, log->options.ring_bytes);
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
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t left = capacity - (head & (capacity - 1));
    size_t wanted = padded_size(size);
    size_t skipped = wanted > left ? left : 0;
    if (bytes == NULL || size > SP_RING_LOG_RECORD_BYTES || !ring_has_room(ring, head, skipped + wanted, capacity)) {
        count_drop(ring);
        return NULL;
    }
    if (skipped > 0)
        set_size(bytes + (head & (capacity - 1)), 0);
    ring->reserved_at = head + skipped;
    return bytes + (ring->reserved_at & (capacity - 1)) + HEAD_BYTES;
}

/* Now and then: a system call. */
static void wake_if_half_full(const struct sp_ring_log *log, struct ring *ring, size_t head) {
    size_t capacity = log->options.ring_bytes;
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head - ring->tail_seen < capacity / 2 || head - ring->woken_at < capacity / 8)
        return;
    ring->woken_at = head;
    (void)eventfd_write(log->wake_fd, 1);
}

void sp_ring_log_commit(struct sp_ring_log *log, unsigned which, size_t size) {
    struct ring *ring = &log->rings[which];
    size_t capacity = log->options.ring_bytes;
    size_t head = ring->reserved_at + padded_size(size);
    uint8_t *bytes = atomic_load_explicit(&ring->bytes, memory_order_relaxed);
    set_size(bytes + (ring->reserved_at & (capacity - 1)), size);
    atomic_store_explicit(&ring->head, head, memory_order_release);
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

static void reopen_file(struct sp_ring_log *log) {
    struct sp_outlet outlet;
    if (open_outlet(log->options.path, &outlet) != SP_OK) {
        log_write_error(log, "cannot be reopened, writing to the old file");
        return;
    }
    sp_outlet_close(&log->outlet);
    log->outlet = outlet;
}

static bool gave_up(const struct sp_ring_log *log) {
    return atomic_load(&log->stopping) && sp_clock_monotonic_ms() >= log->give_up_ms;
}

/* False when stopping and nobody reads. */
static bool wait_for_reader(const struct sp_ring_log *log) {
    while (!sp_outlet_wait(&log->outlet, gave_up(log) ? 0 : IDLE_MS))
        if (gave_up(log))
            return false;
    return true;
}

static bool write_buffer(struct sp_ring_log *log) {
    size_t done = 0, wrote = 0;
    while (sp_outlet_write(&log->outlet, log->buffer + done, log->used - done, &wrote) == SP_OK) {
        done += wrote;
        if (done == log->used)
            return true;
        if (!wait_for_reader(log))
            return false;
    }
    log_write_error(log, "cannot be written");
    return false;
}

static void flush_lines(struct sp_ring_log *log) {
    if (log->lines > 0)
        atomic_fetch_add(write_buffer(log) ? &log->written : &log->lost, log->lines);
    log->lines = 0;
    log->used = 0;
}

/* ---- the log's thread ---- */

static void format_line(struct sp_ring_log *log, const uint8_t *record, size_t size) {
    struct sp_text_out out;
    if (log->used + SP_RING_LOG_LINE_BYTES > BUFFER_BYTES)
        flush_lines(log);
    sp_text_out_init(&out, log->buffer + log->used, SP_RING_LOG_LINE_BYTES);
    log->options.format(record, size, &out);
    log->used += out.used;
    log->lines++;
}

/* True when there was something. */
static bool drain_ring(struct sp_ring_log *log, struct ring *ring) {
    size_t capacity = log->options.ring_bytes;
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    const uint8_t *bytes = atomic_load_explicit(&ring->bytes, memory_order_acquire);
    bool some = tail != head;
    while (tail != head) {
        uint64_t size = 0;
        const uint8_t *at = bytes + (tail & (capacity - 1));
        memcpy(&size, at, sizeof(size));
        if (size == 0) {
            tail += capacity - (tail & (capacity - 1));
        } else {
            format_line(log, at + HEAD_BYTES, (size_t)size);
            tail += padded_size((size_t)size);
        }
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    return some;
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
        for (unsigned i = 0; i < log->options.rings; i++)
            some |= drain_ring(log, &log->rings[i]);
        flush_lines(log);
        if (last)
            return NULL;
        if (!some)
            wait_for_records(log);
    }
}

/* ---- life ---- */

static struct sp_ring_log *create_ring_log(const struct sp_ring_log_options *options) {
    struct sp_ring_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return NULL;
    log->options = *options;
    log->wake_fd = log->outlet.fd = -1;
    log->rings = aligned_alloc(LINE_BYTES, options->rings * sizeof(*log->rings));
    if (log->rings == NULL) {
        free(log);
        return NULL;
    }
    memset(log->rings, 0, options->rings * sizeof(*log->rings));
    return log;
}

static enum sp_status start_log(struct sp_ring_log *log, struct sp_error *error) {
    const char *path = log->options.path;
    if (open_outlet(path, &log->outlet) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, "cannot open the log %s: %s", path == NULL ? "on stderr" : path,
                            strerror(errno));
    log->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (log->wake_fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create an eventfd: %s", strerror(errno));
    int failed = pthread_create(&log->thread, NULL, run_log_thread, log);
    if (failed != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot start the log's thread: %s", strerror(failed));
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

/* False: its last write does not return. */
static bool end_log_thread(struct sp_ring_log *log) {
    struct timespec until;
    log->give_up_ms = sp_clock_monotonic_ms() + CLOSING_MS;
    atomic_store(&log->stopping, true);
    sp_ring_log_wake(log);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ABANDON_S;
    return pthread_timedjoin_np(log->thread, NULL, &until) == 0;
}

void sp_ring_log_close(struct sp_ring_log *log) {
    if (log == NULL || (log->running && !end_log_thread(log)))
        return;
    for (unsigned i = 0; i < log->options.rings; i++)
        free(atomic_load(&log->rings[i].bytes));
    free(log->rings);
    sp_outlet_close(&log->outlet);
    if (log->wake_fd >= 0)
        close(log->wake_fd);
    free(log);
}
