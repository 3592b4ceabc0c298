#include "rpc/h2/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "rpc/h2/call.h"
#include "rpc/h2/connection.h"
#include "rpc/h2/incomplete.h"
#include "rpc/h2/life.h"
#include "rpc/h2/phase.h"
#include "rpc/h2/pool.h"
#include "rpc/h2/ready.h"

enum {
    /* What is read from so many connections is held until their calls are run and their answers
     * written: a flood of small requests makes megabytes of a few KiB. */
    EVENTS_A_TURN = 32,
    ARRIVALS_A_TURN = 8,
    /* Handling and writing before new bytes are read, as long as few calls are under way: streams
     * that always have more to send would keep everybody else's requests waiting. */
    ROUNDS_A_TURN = 16,
    CALLS_A_TURN = 32,
};

_Thread_local struct h2_loop *sp_rpc_h2_current_loop;

/* ---- opening and closing ---- */

static enum sp_status open_descriptors(struct h2_loop *loop, struct sp_error *error) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot prepare worker %u: %s", loop->index, strerror(errno));
    return SP_OK;
}

enum sp_status sp_rpc_h2_loop_open(struct h2_loop *loop, struct h2_server *server, unsigned index,
                                   struct sp_error *error) {
    loop->server = server;
    loop->index = index;
    loop->epoll_fd = loop->wake_fd = -1;
    pthread_mutex_init(&loop->lock, NULL);
    loop->read_buffer = malloc(H2_READ_BUFFER_BYTES);
    loop->crl_memo = server->options.crl == NULL ? NULL : sp_tls_crl_memo_create();
    if (loop->read_buffer == NULL || (server->options.crl != NULL && loop->crl_memo == NULL))
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return open_descriptors(loop, error);
}

void sp_rpc_h2_loop_close(struct h2_loop *loop) {
    if (loop->server == NULL)
        return;
    for (size_t i = 0; i < loop->arrival_count; i++)
        close(loop->arrivals[i].fd);
    free(loop->arrivals);
    sp_rpc_h2_pool_fini(loop);
    sp_rpc_timers_fini(&loop->call_timers);
    sp_rpc_timers_fini(&loop->connection_timers);
    sp_tls_crl_memo_free(loop->crl_memo);
    free(loop->read_buffer);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->lock);
}

/* ---- what other threads ask for ---- */

bool sp_rpc_h2_loop_give(struct h2_loop *loop, const struct h2_entrance *entrance, int fd) {
    pthread_mutex_lock(&loop->lock);
    struct h2_arrival *arrivals = loop->told_to_end ? NULL
                                                    : sp_array_reserve(loop->arrivals, loop->arrival_count,
                                                                       &loop->arrival_capacity, sizeof(*arrivals));
    if (arrivals != NULL) {
        loop->arrivals = arrivals;
        arrivals[loop->arrival_count++] = (struct h2_arrival){entrance, fd};
        atomic_fetch_add(&loop->connection_count, 1);
    }
    pthread_mutex_unlock(&loop->lock);
    if (arrivals == NULL)
        return false;
    sp_rpc_h2_mail_ring(loop);
    return true;
}

bool sp_rpc_h2_loop_is_behind(struct h2_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    bool behind = loop->arrival_count >= ARRIVALS_A_TURN;
    pthread_mutex_unlock(&loop->lock);
    return behind;
}

static void tell_loop(struct h2_loop *loop, bool *what) {
    pthread_mutex_lock(&loop->lock);
    *what = true;
    pthread_mutex_unlock(&loop->lock);
    sp_rpc_h2_mail_ring(loop);
}

void sp_rpc_h2_loop_drain(struct h2_loop *loop) {
    tell_loop(loop, &loop->told_to_drain);
}

void sp_rpc_h2_loop_end(struct h2_loop *loop) {
    tell_loop(loop, &loop->told_to_end);
}

/* ---- mail ---- */

static void open_arrivals(struct h2_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    struct h2_arrival *arrivals = loop->arrivals;
    size_t count = loop->arrival_count;
    loop->arrivals = NULL;
    loop->arrival_count = loop->arrival_capacity = 0;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < count; i++)
        sp_rpc_h2_connection_open(loop, &arrivals[i]);
    free(arrivals);
}

/* Streams may last for ever, so they are not waited for. */
static void stop_streams(const struct h2_connection *connection) {
    for (struct h2_call *call = connection->calls; call != NULL; call = call->next)
        if (call->opened)
            sp_rpc_h2_ready_call(call, H2_EVENT_STOPPING);
}

static void drain_connections(struct h2_loop *loop) {
    for (struct h2_connection *connection = loop->connections; connection != NULL; connection = connection->next) {
        stop_streams(connection);
        sp_rpc_h2_phase_retire(connection);
    }
}

static void end_all_connections(struct h2_loop *loop) {
    for (struct h2_connection *connection = loop->connections; connection != NULL; connection = connection->next)
        sp_rpc_h2_phase_last_words(connection);
}

static void obey_stop_orders(struct h2_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    bool drain = loop->told_to_drain, end = loop->told_to_end;
    pthread_mutex_unlock(&loop->lock);
    if (drain && !loop->draining) {
        loop->draining = true;
        drain_connections(loop);
    }
    loop->ending = end;
}

static void take_mail(struct h2_loop *loop) {
    uint64_t rings;
    if (read(loop->wake_fd, &rings, sizeof(rings)) < 0 && errno != EAGAIN)
        return;
    open_arrivals(loop);
    sp_rpc_h2_mail_take(loop);
    obey_stop_orders(loop);
}

/* ---- a turn ---- */

static void fire_timers(struct h2_loop *loop) {
    for (struct timer *due = sp_rpc_timers_first(&loop->call_timers); due != NULL && due->due_ms <= loop->now_ms;
         due = sp_rpc_timers_first(&loop->call_timers)) {
        sp_rpc_timers_unset(&loop->call_timers, due);
        sp_rpc_h2_ready_call(due->owner, H2_EVENT_DUE);
    }
    for (struct timer *due = sp_rpc_timers_first(&loop->connection_timers); due != NULL && due->due_ms <= loop->now_ms;
         due = sp_rpc_timers_first(&loop->connection_timers)) {
        sp_rpc_timers_unset(&loop->connection_timers, due);
        sp_rpc_h2_connection_come_due(due->owner);
    }
}

static int64_t request_timeout_ms(const struct h2_loop *loop) {
    return (int64_t)loop->server->options.server->limits.request_timeout_s * 1000;
}

static void expire_incomplete_calls(struct h2_loop *loop) {
    int64_t limit_ms = loop->now_ms - request_timeout_ms(loop);
    while (loop->incomplete_first != NULL && loop->incomplete_first->since_ms <= limit_ms)
        sp_rpc_h2_call_expire(loop->incomplete_first);
}

/* Those that are ready now, and how many; what they make ready has its turn afterwards. */
static size_t run_ready_calls(struct h2_loop *loop) {
    const struct h2_call *last = loop->ready_last;
    size_t count = 0;
    for (struct h2_call *call; (call = sp_rpc_h2_ready_take(loop)) != NULL;) {
        bool is_last = call == last;
        sp_rpc_h2_call_run(call);
        count++;
        if (is_last)
            break;
    }
    return count;
}

static void flush_connections(struct h2_loop *loop) {
    while (loop->dirty != NULL) {
        struct h2_connection *connection = loop->dirty;
        loop->dirty = connection->next_dirty;
        connection->dirty = false;
        sp_rpc_h2_connection_flush(connection);
    }
}

static void run_ready_work(struct h2_loop *loop) {
    size_t calls = 0;
    for (int round = 0; round < ROUNDS_A_TURN && calls < CALLS_A_TURN; round++) {
        calls += run_ready_calls(loop);
        flush_connections(loop);
        if (loop->ready_first == NULL)
            return;
    }
}

static void read_events(struct h2_loop *loop, const struct epoll_event *events, int count) {
    loop->handshakes = 0;
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            take_mail(loop);
        else
            sp_rpc_h2_connection_read(events[i].data.ptr);
    }
}

static int64_t sooner_due_ms(int64_t due_ms, const struct timer *timer) {
    return timer != NULL && timer->due_ms < due_ms ? timer->due_ms : due_ms;
}

static int choose_loop_wait_ms(const struct h2_loop *loop, int64_t now_ms) {
    int64_t due_ms = now_ms + SP_HEARTBEAT_EVERY_MS;
    if (loop->ready_first != NULL)
        return 0;
    due_ms = sooner_due_ms(due_ms, sp_rpc_timers_first(&loop->call_timers));
    due_ms = sooner_due_ms(due_ms, sp_rpc_timers_first(&loop->connection_timers));
    if (loop->incomplete_first != NULL && loop->incomplete_first->since_ms + request_timeout_ms(loop) < due_ms)
        due_ms = loop->incomplete_first->since_ms + request_timeout_ms(loop);
    return due_ms <= now_ms ? 0 : (int)(due_ms - now_ms);
}

/* Half of it is of the time before, so that a quiet moment does not count for more than it is. */
static void note_busy_time(struct h2_loop *loop, uint64_t *last_cpu_ns, int64_t *last_ms) {
    if (loop->now_ms - *last_ms < SP_HEARTBEAT_EVERY_MS)
        return;
    uint64_t cpu_ns = (uint64_t)sp_clock_thread_ns();
    uint64_t before = atomic_load_explicit(&loop->busy_ns, memory_order_relaxed);
    atomic_store_explicit(&loop->busy_ns, before / 2 + (cpu_ns - *last_cpu_ns) / 2, memory_order_relaxed);
    *last_cpu_ns = cpu_ns;
    *last_ms = loop->now_ms;
}

/* Its connections end, and its calls with them; those that handlers keep are left to them. */
static bool end_work_if_told(struct h2_loop *loop) {
    if (!loop->ending)
        return false;
    end_all_connections(loop);
    run_ready_work(loop);
    if (loop->connections == NULL) {
        sp_rpc_h2_call_abandon_kept(loop);
        flush_connections(loop);
    }
    return loop->connections == NULL && loop->live_calls == 0 && loop->dirty == NULL && loop->ready_first == NULL;
}

static void serve_turns(struct h2_loop *loop) {
    struct epoll_event events[EVENTS_A_TURN];
    uint64_t last_cpu_ns = 0;
    int64_t last_ms = 0;
    loop->now_ms = sp_clock_monotonic_ms();
    while (!end_work_if_told(loop)) {
        int count =
            epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, choose_loop_wait_ms(loop, sp_clock_monotonic_ms()));
        loop->now_ms = sp_clock_monotonic_ms();
        atomic_store_explicit(&loop->turn_ms, loop->now_ms, memory_order_relaxed);
        sp_heartbeat_beat(&loop->heartbeat);
        read_events(loop, events, count);
        fire_timers(loop);
        expire_incomplete_calls(loop);
        run_ready_work(loop);
        note_busy_time(loop, &last_cpu_ns, &last_ms);
        atomic_store_explicit(&loop->turn_ms, 0, memory_order_relaxed);
    }
}

static void name_loop_thread(const struct h2_loop *loop) {
    char name[16];
    if (loop->server->options.health_only)
        (void)snprintf(name, sizeof(name), "grpc health");
    else
        (void)snprintf(name, sizeof(name), "grpc worker %u", loop->index % 1000);
    (void)pthread_setname_np(pthread_self(), name);
}

void *sp_rpc_h2_loop_main(void *user) {
    struct h2_loop *loop = user;
    const struct h2_options *options = &loop->server->options;
    sigset_t pipe_signal; /* OpenSSL writes to sockets that may be closed */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    sp_rpc_h2_current_loop = loop;
    name_loop_thread(loop);
    if (options->server->worker_started != NULL && !options->health_only)
        options->server->worker_started(loop->index, options->server->user);
    serve_turns(loop);
    sp_rpc_h2_current_loop = NULL;
    if (options->server->worker_stopping != NULL && !options->health_only)
        options->server->worker_stopping(loop->index, options->server->user);
    return NULL;
}
