#include "rpc/connections.h"

#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "rpc/memory_watch.h"
#include "rpc/offenders.h"

enum {
    BUCKETS = 4096, /* by port */
    DEFAULT_REQUEST_TIMEOUT_S = 10,
    DEFAULT_REQUEST_MEMORY_BYTES = 32 * 1024 * 1024,

    ANSWERS = 256,             /* received bytes that one byte sent answers */
    PROVEN_BYTES = 16 * 1024,  /* a connection that got so many was answered, not only shaken hands with */
    MOST_PROVEN = 1024 * 1024, /* a hundred calls of some KiB each */
    /* Of all that are neither proven nor have an admitted request: the gRPC C core keeps up to 25 KiB for a cancelled call of 50 bytes. */
    MOST_OF_ALL_UNKNOWN = 128 * 1024,
    MOST_OF_ALL_EACH = 512, /* and this for each of them: many may come at once */
    /* At least, of a connection on which a request was admitted, so that a message which is too large by far is
     * refused as such: gRPC sees that when it has all of it. */
    LEAST_ADMITTED = 8 * 1024 * 1024,
    REST_BYTES = 256,           /* acknowledgements and window updates, which get no reply */
    BYTES_A_SECOND = 64 * 1024, /* the slowest that a large request may arrive */
    NEW_MS = 1000,              /* a connection without a request gets so much time before others need its place */

    /* When memory is short */
    MOST_IN_NEED = 8 * 1024, /* of an unproven connection */
    MOST_PROVEN_IN_NEED = 64 * 1024,
    LEAST_IN_NEED = 4 * 1024, /* the connection that holds most is shut down if that is more than this */
    RECENT_MS = 1000,
    BUSIEST_AFTER_MS = 500, /* since memory became short, or the last connection was shut down */

    /* tcpi_state, which no header that has all of struct tcp_info declares */
    STATE_ESTABLISHED = 1,
    STATE_CLOSE_WAIT = 8,

    SWEEP_MS = 20,
    RESTLESS_SWEEP_MS = 2, /* while a connection that is not proven sends, or much is held */
    RESTLESS_MS = 100,     /* after it last sent */
    MUCH_HELD = 64 * 1024,
    SWEEP_RATIO = 20, /* sweeping takes a 20th of a processor at most */
};

struct connection {
    struct connection *next; /* in its bucket */
    struct sp_peer peer;
    size_t listener;
    int fd;            /* a duplicate of the engine's: it stays this connection's for as long as it is open */
    bool counted;      /* the kernel counts its bytes */
    bool self_bounded; /* they do not matter here */
    bool proven;       /* it was answered */
    bool wide;         /* its receive buffer is a listener's */
    uint64_t received, sent;
    uint64_t recent_from; /* what it had received at the beginning of this RECENT_MS */
    int64_t unanswered;
    int64_t most_unanswered; /* until it has been answered */
    int64_t active_ms;       /* when bytes last went either way */
    int64_t complete_ms;     /* when nothing was unanswered */
    uint64_t credit;         /* bytes of complete requests, not yet taken off `unanswered` */
    uint64_t admitted;       /* bytes of requests that were admitted and are being read */
};

struct connections {
    struct offenders offenders;
    struct memory_watch memory;
    struct sp_rpc_connection_limits limits;
    struct sp_rpc_bound_counts *counts;
    struct connection **all;
    size_t capacity;
    atomic_size_t count;
    atomic_size_t held;
    bool restless, in_need; /* as the last sweep found them */
    struct connection *buckets[BUCKETS];
    pthread_mutex_t lock; /* over all of it */
    pthread_cond_t changed;
    pthread_t thread;
    bool running, stopping;
    int64_t recent_since_ms;
    int64_t next_busiest_ms; /* when the one that received most may be shut down */
};

static struct sp_rpc_connection_limits complete_limits(const struct sp_rpc_connection_limits *given) {
    struct sp_rpc_connection_limits limits = *given;
    if (limits.request_timeout_s == 0)
        limits.request_timeout_s = DEFAULT_REQUEST_TIMEOUT_S;
    if (limits.request_memory_bytes == 0)
        limits.request_memory_bytes = DEFAULT_REQUEST_MEMORY_BYTES;
    return limits;
}

static void init_monotonic_condition(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct connections *sp_rpc_connections_create(const struct sp_rpc_connection_limits *limits,
                                              struct sp_rpc_bound_counts *counts) {
    struct connections *connections = calloc(1, sizeof(*connections));
    if (connections == NULL)
        return NULL;
    connections->limits = complete_limits(limits);
    connections->counts = counts;
    pthread_mutex_init(&connections->lock, NULL);
    init_monotonic_condition(&connections->changed);
    sp_rpc_memory_watch_init(&connections->memory, connections->limits.request_memory_bytes);
    return connections;
}

static void free_connection(struct connection *connection) {
    close(connection->fd);
    free(connection);
}

static void stop_sweeping(struct connections *connections) {
    if (!connections->running)
        return;
    pthread_mutex_lock(&connections->lock);
    connections->stopping = true;
    pthread_cond_signal(&connections->changed);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->thread, NULL);
}

void sp_rpc_connections_free(struct connections *connections) {
    if (connections == NULL)
        return;
    stop_sweeping(connections);
    for (size_t i = 0; i < connections->count; i++)
        free_connection(connections->all[i]);
    sp_rpc_memory_watch_fini(&connections->memory);
    pthread_cond_destroy(&connections->changed);
    pthread_mutex_destroy(&connections->lock);
    free(connections->all);
    free(connections);
}

/* ---- finding and forgetting: with the lock held ---- */

static struct connection **bucket_of(struct connections *connections, const struct sp_peer *peer) {
    return &connections->buckets[peer->port % BUCKETS];
}

static struct connection *find_connection(struct connections *connections, const struct sp_peer *peer) {
    struct connection *found = *bucket_of(connections, peer);
    while (found != NULL && (found->peer.port != peer->port || !sp_peer_same_host(&found->peer, peer)))
        found = found->next;
    return found;
}

static void forget_connection(struct connections *connections, size_t at) {
    struct connection *gone = connections->all[at];
    struct connection **link = bucket_of(connections, &gone->peer);
    while (*link != gone)
        link = &(*link)->next;
    *link = gone->next;
    size_t last = atomic_load(&connections->count) - 1;
    connections->all[at] = connections->all[last];
    atomic_store(&connections->count, last);
    free_connection(gone);
}

/* The engine learns of it as of a connection that broke. */
static void cut_connection(struct connections *connections, size_t at, enum sp_rpc_bound why) {
    sp_rpc_bound_count(connections->counts, why);
    shutdown(connections->all[at]->fd, SHUT_RDWR);
    if (why == SP_RPC_BOUND_UNANSWERED || why == SP_RPC_BOUND_BUDGET)
        sp_rpc_offenders_note(&connections->offenders, connections->all[at]->listener, &connections->all[at]->peer,
                              sp_clock_monotonic_ms());
    forget_connection(connections, at);
}

static bool append_connection(struct connections *connections, struct connection *made) {
    size_t count = atomic_load(&connections->count);
    struct connection **bucket = bucket_of(connections, &made->peer);
    struct connection **all = sp_array_reserve(connections->all, count, &connections->capacity, sizeof(*all));
    if (all == NULL)
        return false;
    connections->all = all;
    all[count] = made;
    made->next = *bucket;
    *bucket = made;
    atomic_store(&connections->count, count + 1);
    pthread_cond_signal(&connections->changed);
    return true;
}

/* The window stays as small as the buffer was first unless it is set too. */
static void widen_connection(struct connection *connection) {
    const int bytes = SP_RPC_RECEIVE_BYTES;
    if (connection->wide || !connection->counted)
        return;
    connection->wide = true;
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &bytes, sizeof(bytes));
}

bool sp_rpc_connections_add(struct connections *connections, size_t listener, const struct connection_cap *cap,
                            const struct sp_peer *peer, int duplicate_fd) {
    struct connection *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return false;
    made->fd = duplicate_fd;
    made->peer = *peer;
    made->listener = listener;
    made->most_unanswered = cap->most_unanswered;
    made->counted = peer->port != 0;
    made->self_bounded = cap->self_bounded;
    if (made->self_bounded)
        widen_connection(made);
    made->active_ms = made->complete_ms = sp_clock_monotonic_ms();
    pthread_mutex_lock(&connections->lock);
    connections->restless = true;
    bool added = append_connection(connections, made);
    pthread_mutex_unlock(&connections->lock);
    if (!added)
        free(made);
    return added;
}

/* ---- looking at one ---- */

static bool has_ended(const struct connection *connection) {
    struct pollfd wait = {.fd = connection->fd};
    return poll(&wait, 1, 0) > 0 && (wait.revents & (POLLHUP | POLLERR)) != 0;
}

/* What waits to be read is not yet the engine's. */
static bool look_at_unix_connection(struct connection *connection, int64_t now_ms) {
    int waiting = 0;
    if (has_ended(connection))
        return false;
    if (ioctl(connection->fd, FIONREAD, &waiting) == 0 && waiting > 0)
        connection->active_ms = now_ms;
    connection->complete_ms = now_ms;
    connection->unanswered = connection->self_bounded ? 0 : waiting;
    return true;
}

static void take_credit(struct connection *connection, uint64_t received, uint64_t sent) {
    int64_t answered = (int64_t)(connection->credit + (sent - connection->sent) * ANSWERS);
    connection->credit = 0;
    connection->unanswered += (int64_t)(received - connection->received) - answered;
    if (connection->unanswered < 0)
        connection->unanswered = 0;
}

/* False: it has ended. */
static bool look_at_connection(struct connection *connection, int64_t now_ms) {
    struct tcp_info info;
    socklen_t size = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (!connection->counted)
        return look_at_unix_connection(connection, now_ms);
    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    if (info.tcpi_state != STATE_ESTABLISHED && info.tcpi_state != STATE_CLOSE_WAIT)
        return false;
    uint64_t received = info.tcpi_bytes_received, sent = info.tcpi_bytes_acked;
    if (received == connection->received && sent == connection->sent && connection->credit == 0)
        return info.tcpi_state == STATE_ESTABLISHED || now_ms - connection->active_ms < NEW_MS;
    take_credit(connection, received, sent);
    connection->received = received;
    connection->sent = sent;
    connection->active_ms = now_ms;
    if (sent >= PROVEN_BYTES) {
        connection->proven = true;
        widen_connection(connection);
    }
    if (connection->self_bounded)
        connection->unanswered = 0;
    if (connection->unanswered <= REST_BYTES)
        connection->complete_ms = now_ms;
    return true;
}

static int64_t most_unanswered(const struct connection *connection, bool in_need) {
    if (!connection->counted)
        return in_need ? MOST_IN_NEED : INT64_MAX;
    if (in_need)
        return connection->proven ? MOST_PROVEN_IN_NEED : MOST_IN_NEED;
    int64_t most = connection->most_unanswered;
    if (connection->proven && most < MOST_PROVEN)
        most = MOST_PROVEN;
    if (connection->admitted > 0 && most < LEAST_ADMITTED)
        most = LEAST_ADMITTED;
    return most < (int64_t)connection->admitted ? (int64_t)connection->admitted : most;
}

static bool is_too_slow(const struct connections *connections, const struct connection *connection, int64_t now_ms) {
    int64_t allowed_ms = (int64_t)connections->limits.request_timeout_s * 1000;
    if (connection->admitted > 0)
        allowed_ms += connection->unanswered * 1000 / BYTES_A_SECOND;
    return connection->unanswered > REST_BYTES && now_ms - connection->complete_ms > allowed_ms;
}

/* ---- sweeping ---- */

static uint64_t recently_received(const struct connection *connection) {
    return connection->received - connection->recent_from;
}

static size_t find_busiest(const struct connections *connections) {
    size_t busiest = 0;
    for (size_t i = 1; i < atomic_load(&connections->count); i++)
        if (recently_received(connections->all[i]) > recently_received(connections->all[busiest]))
            busiest = i;
    return busiest;
}

static void begin_recent(struct connections *connections, int64_t now_ms) {
    connections->recent_since_ms = now_ms;
    for (size_t i = 0; i < atomic_load(&connections->count); i++)
        connections->all[i]->recent_from = connections->all[i]->received;
}

/* Whether nothing speaks for it: no answers, and no request that was admitted. */
static bool is_unknown(const struct connection *connection) {
    return !connection->proven && connection->admitted == 0;
}

/* Of all that are counted and, if so asked, unknown. */
static size_t find_largest(const struct connections *connections, bool unknown_only) {
    size_t largest = 0;
    int64_t most = -1;
    for (size_t i = 0; i < atomic_load(&connections->count); i++) {
        const struct connection *connection = connections->all[i];
        if (connection->unanswered > most && connection->counted && (!unknown_only || is_unknown(connection))) {
            most = connection->unanswered;
            largest = i;
        }
    }
    return largest;
}

/* Of all connections, or of those that are unknown. Returns what is left. */
static size_t keep_within(struct connections *connections, size_t held, size_t most, bool unknown_only) {
    while (held > most && atomic_load(&connections->count) > 0) {
        size_t largest = find_largest(connections, unknown_only);
        held -= (size_t)connections->all[largest]->unanswered;
        cut_connection(connections, largest, SP_RPC_BOUND_BUDGET);
    }
    return held;
}

/* What connections hold that were not shut down, and how many of them are unknown. */
struct holdings {
    size_t known, unknown;
    size_t unknown_count;
};

static struct holdings cut_offenders(struct connections *connections, int64_t now_ms, bool in_need) {
    struct holdings left = {0};
    for (size_t i = atomic_load(&connections->count); i > 0; i--) {
        const struct connection *connection = connections->all[i - 1];
        if (connection->unanswered > most_unanswered(connection, in_need)) {
            cut_connection(connections, i - 1, in_need ? SP_RPC_BOUND_BUDGET : SP_RPC_BOUND_UNANSWERED);
        } else if (is_too_slow(connections, connection, now_ms)) {
            cut_connection(connections, i - 1, SP_RPC_BOUND_SLOW);
        } else if (connection->counted) {
            bool unknown = is_unknown(connection);
            *(unknown ? &left.unknown : &left.known) += (size_t)connection->unanswered;
            left.unknown_count += unknown;
        }
    }
    return left;
}

/* Memory is short although no connection holds more than it may: the one that holds most, if that is more than a
 * few small requests. If none does, some client gets answers for what costs less than the answer pays for, and the
 * one that received most is the likeliest. */
static size_t cut_likeliest(struct connections *connections, size_t held, int64_t now_ms) {
    size_t likeliest = find_largest(connections, false);
    size_t unanswered = (size_t)connections->all[likeliest]->unanswered;
    if (unanswered < LEAST_IN_NEED) {
        if (now_ms < connections->next_busiest_ms)
            return held;
        likeliest = find_busiest(connections);
        unanswered = (size_t)connections->all[likeliest]->unanswered;
    }
    connections->next_busiest_ms = now_ms + BUSIEST_AFTER_MS;
    cut_connection(connections, likeliest, SP_RPC_BOUND_BUDGET);
    return held - unanswered;
}

/* Returns what is held by those that are left. */
static size_t enforce_limits(struct connections *connections, int64_t now_ms, bool in_need) {
    struct holdings left = cut_offenders(connections, now_ms, in_need);
    size_t most_unknown = MOST_OF_ALL_UNKNOWN + left.unknown_count * MOST_OF_ALL_EACH;
    size_t held = left.known + keep_within(connections, left.unknown, most_unknown, true);
    held = keep_within(connections, held, connections->limits.request_memory_bytes, false);
    if (!in_need)
        connections->next_busiest_ms = now_ms + BUSIEST_AFTER_MS;
    else if (atomic_load(&connections->count) > 0)
        held = cut_likeliest(connections, held, now_ms);
    return held;
}

static size_t look_at_all(struct connections *connections, int64_t now_ms) {
    size_t held = 0;
    connections->restless = false;
    for (size_t i = atomic_load(&connections->count); i > 0; i--) {
        struct connection *connection = connections->all[i - 1];
        if (!look_at_connection(connection, now_ms)) {
            forget_connection(connections, i - 1);
            continue;
        }
        held += (size_t)connection->unanswered;
        if (!connection->proven && now_ms - connection->active_ms < RESTLESS_MS)
            connections->restless = true;
    }
    connections->restless = connections->restless || held > MUCH_HELD;
    return held;
}

/* With the lock held. */
static void sweep_connections(struct connections *connections, int64_t now_ms) {
    if (now_ms - connections->recent_since_ms > RECENT_MS)
        begin_recent(connections, now_ms);
    size_t held = look_at_all(connections, now_ms);
    if (held <= MUCH_HELD)
        sp_rpc_memory_watch_rest(&connections->memory, now_ms);
    if (held > 0 || connections->restless || connections->in_need) {
        connections->in_need = sp_rpc_memory_watch_is_short(&connections->memory, atomic_load(&connections->count));
        held = enforce_limits(connections, now_ms, connections->in_need);
    }
    atomic_store(&connections->held, held);
}

/* Not the time that passes: on a busy machine that would make the sweeps rare when they are needed. */
static int64_t thread_cpu_ns(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* Sweeps take their share of a processor however many connections are added. With the lock held. */
static void pause_sweeping(struct connections *connections, int64_t used_ns) {
    int64_t pause_ns = RESTLESS_SWEEP_MS * (int64_t)1000000;
    if (pause_ns < used_ns * SWEEP_RATIO)
        pause_ns = used_ns * SWEEP_RATIO;
    const struct timespec pause = {pause_ns / 1000000000, pause_ns % 1000000000};
    bool in_need = connections->in_need;
    pthread_mutex_unlock(&connections->lock);
    if (in_need)
        sp_rpc_memory_watch_trim(&connections->memory, sp_clock_monotonic_ms());
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&connections->lock);
}

/* For a moment, or until a connection is added. With the lock held. */
static void await_connection(struct connections *connections) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SWEEP_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&connections->changed, &connections->lock, &until);
}

static void *sweep_main(void *user) {
    struct connections *connections = user;
    pthread_mutex_lock(&connections->lock);
    while (!connections->stopping) {
        if (atomic_load(&connections->count) == 0) {
            pthread_cond_wait(&connections->changed, &connections->lock);
            continue;
        }
        int64_t begin_ns = thread_cpu_ns();
        sweep_connections(connections, sp_clock_monotonic_ms());
        pause_sweeping(connections, thread_cpu_ns() - begin_ns);
        if (!connections->restless && !connections->stopping)
            await_connection(connections);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

enum sp_status sp_rpc_connections_start(struct connections *connections, struct sp_error *error) {
    int failed = pthread_create(&connections->thread, NULL, sweep_main, connections);
    if (failed != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot start watching connections: %s", strerror(failed));
    connections->running = true;
    return SP_OK;
}

/* ---- caps ---- */

/* The higher, the sooner it may be closed for another; 0: it may not. An incomplete request goes first,
 * then connections that never were of use, then those that are idle for long. */
static int64_t rank_for_closing(const struct connection *connection, const struct connection_cap *cap, int64_t now_ms) {
    const int64_t step_ms = (int64_t)1 << 40;
    int64_t incomplete_ms = now_ms - connection->complete_ms, idle_ms = now_ms - connection->active_ms;
    int64_t new_ms = cap->idle_ms < NEW_MS ? cap->idle_ms : NEW_MS;
    if (connection->unanswered > REST_BYTES && incomplete_ms >= new_ms)
        return 2 * step_ms + incomplete_ms + 1;
    if (!connection->proven && idle_ms >= new_ms)
        return step_ms + idle_ms + 1;
    return idle_ms >= cap->idle_ms ? idle_ms + 1 : 0;
}

struct room {
    size_t listener;
    const struct sp_peer *peer; /* NULL: of any */
    unsigned most;
    unsigned taken;
    size_t chosen; /* the one to be closed, if `rank` is above 0 */
    int64_t rank;
};

static void survey_room(const struct connections *connections, const struct connection_cap *cap, struct room *room) {
    int64_t now_ms = sp_clock_monotonic_ms();
    room->taken = 0;
    room->rank = 0;
    for (size_t i = 0; i < atomic_load(&connections->count); i++) {
        const struct connection *connection = connections->all[i];
        if (connection->listener != room->listener ||
            (room->peer != NULL && !sp_peer_same_host(&connection->peer, room->peer)))
            continue;
        room->taken++;
        int64_t rank = rank_for_closing(connection, cap, now_ms);
        if (rank > room->rank) {
            room->rank = rank;
            room->chosen = i;
        }
    }
}

/* With the lock held. Those that have ended are forgotten before one that has not is closed. */
static bool find_room(struct connections *connections, const struct connection_cap *cap, struct room *room) {
    if (atomic_load(&connections->count) < room->most)
        return true;
    survey_room(connections, cap, room);
    if (room->taken < room->most)
        return true;
    look_at_all(connections, sp_clock_monotonic_ms());
    survey_room(connections, cap, room);
    if (room->taken < room->most)
        return true;
    if (room->rank > 0)
        cut_connection(connections, room->chosen, SP_RPC_BOUND_IDLE);
    return room->rank > 0;
}

bool sp_rpc_connections_have_room(struct connections *connections, size_t listener, const struct connection_cap *cap) {
    struct room room = {.listener = listener, .most = cap->most};
    pthread_mutex_lock(&connections->lock);
    bool found = find_room(connections, cap, &room);
    pthread_mutex_unlock(&connections->lock);
    return found;
}

bool sp_rpc_connections_have_room_for_peer(struct connections *connections, size_t listener,
                                           const struct connection_cap *cap, const struct sp_peer *peer) {
    struct room room = {.listener = listener, .peer = peer, .most = cap->most_per_peer};
    pthread_mutex_lock(&connections->lock);
    bool found = find_room(connections, cap, &room);
    pthread_mutex_unlock(&connections->lock);
    if (!found)
        sp_rpc_bound_count(connections->counts, SP_RPC_BOUND_PEER);
    return found;
}

void sp_rpc_connections_cut_all(struct connections *connections) {
    pthread_mutex_lock(&connections->lock);
    for (size_t i = atomic_load(&connections->count); i > 0; i--) {
        shutdown(connections->all[i - 1]->fd, SHUT_RDWR);
        forget_connection(connections, i - 1);
    }
    pthread_mutex_unlock(&connections->lock);
}

/* ---- workers ---- */

unsigned sp_rpc_connections_count(const struct connections *connections) {
    return (unsigned)atomic_load(&connections->count);
}

size_t sp_rpc_connections_held_bytes(const struct connections *connections) {
    return atomic_load(&connections->held);
}

static unsigned count_unproven(const struct connections *connections, size_t listener, const struct sp_peer *peer) {
    unsigned count = 0;
    for (size_t i = 0; i < atomic_load(&connections->count); i++) {
        const struct connection *connection = connections->all[i];
        count += connection->listener == listener && !connection->proven && sp_peer_same_host(&connection->peer, peer);
    }
    return count;
}

bool sp_rpc_connections_refuse(struct connections *connections, size_t listener, const struct sp_peer *peer) {
    pthread_mutex_lock(&connections->lock);
    unsigned most = sp_rpc_offenders_most(&connections->offenders, listener, peer, sp_clock_monotonic_ms());
    bool refuse = most < UINT_MAX && count_unproven(connections, listener, peer) >= most;
    pthread_mutex_unlock(&connections->lock);
    if (refuse)
        sp_rpc_bound_count(connections->counts, SP_RPC_BOUND_PEER);
    return refuse;
}

void sp_rpc_connections_settle(struct connections *connections, const struct sp_peer *peer, size_t bytes,
                               size_t admitted) {
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = find_connection(connections, peer);
    if (connection != NULL) {
        connection->credit += bytes;
        connection->admitted -= admitted < connection->admitted ? admitted : connection->admitted;
    }
    pthread_mutex_unlock(&connections->lock);
}

bool sp_rpc_connections_admit(struct connections *connections, const struct sp_peer *peer, size_t bytes) {
    if (atomic_load(&connections->held) + bytes > connections->limits.request_memory_bytes)
        return false;
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = find_connection(connections, peer);
    if (connection != NULL) {
        connection->admitted += bytes;
        widen_connection(connection);
    }
    pthread_mutex_unlock(&connections->lock);
    return true;
}
