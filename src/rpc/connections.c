#include "rpc/connections.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <malloc.h>
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

enum {
    BUCKETS = 4096, /* by port */
    DEFAULT_REQUEST_TIMEOUT_S = 10,
    DEFAULT_REQUEST_MEMORY_BYTES = 32 * 1024 * 1024,

    ANSWERS = 256,            /* received bytes that one byte sent answers */
    PROVEN_BYTES = 16 * 1024, /* a connection that got so many was answered, not only shaken hands with */
    MOST_OF_ALL_UNPROVEN = 2 * 1024 * 1024,
    BESIDES_BYTES = 160 * 1024, /* headers, and other requests, besides a large one */
    /* Admitted at least, so that a message which is too large by far is refused as such: gRPC sees that when it
     * has all of it. */
    LEAST_ADMITTED = 8 * 1024 * 1024,
    MOST_PROVEN = 1024 * 1024, /* a hundred calls of some KiB each */
    MOST_IN_NEED = 8 * 1024,   /* when memory is short, of an unproven connection */
    MOST_PROVEN_IN_NEED = 64 * 1024,
    REST_BYTES = 256,           /* acknowledgements and window updates, which get no reply */
    BYTES_A_SECOND = 64 * 1024, /* the slowest that a large request may arrive */
    NEW_MS = 1000,              /* a connection without a request gets so much time before others need its place */

    /* tcpi_state, which no header that has all of struct tcp_info declares */
    STATE_ESTABLISHED = 1,
    STATE_CLOSE_WAIT = 8,

    OFFENDERS = 64,    /* remembered */
    OFFENCES = 4,      /* connections shut down within PENALTY_MS before new ones are refused */
    PENALTY_MS = 1000, /* doubled each time, to at most MOST_PENALTY_MS */
    MOST_PENALTY_MS = 8 * 1000,

    SWEEP_MS = 20,
    SWEEP_RATIO = 20, /* sweeping takes a 20th of a processor at most */

    BASE_BYTES = 32 * 1024 * 1024,  /* of a server without connections */
    BYTES_A_CONNECTION = 64 * 1024, /* of one that is idle: gRPC's, and TLS */
    TRIM_EVERY_MS = 1000,
};

struct connection {
    struct connection *next; /* in its bucket */
    struct sp_peer peer;
    size_t listener;
    int fd;       /* a duplicate of the engine's: it stays this connection's for as long as it is open */
    bool counted; /* the kernel counts its bytes */
    bool proven;  /* it was answered, or admitted to send something large */
    uint64_t received, sent;
    int64_t unanswered;
    int64_t most_unanswered;        /* until it has been answered */
    int64_t active_ms;              /* when bytes last went either way */
    int64_t complete_ms;            /* when nothing was unanswered */
    atomic_uint_fast64_t credit;    /* bytes of complete requests, not yet taken off `unanswered` */
    atomic_uint_fast64_t allowance; /* for an admitted request; 0: none was admitted */
};

/* A peer some of whose connections to a listener were shut down lately. */
struct offender {
    struct sp_peer peer;
    size_t listener;
    unsigned offences;
    int64_t first_ms; /* 0: unused */
    int64_t penalty_ms;
    int64_t until_ms; /* when it may connect again */
};

struct connections {
    struct offender offenders[OFFENDERS];
    struct sp_rpc_connection_limits limits;
    struct sp_rpc_bound_counts *counts;
    struct connection **all;
    size_t capacity;
    atomic_size_t count;
    atomic_size_t held;
    struct connection *buckets[BUCKETS];
    pthread_mutex_t lock; /* over all of it */
    pthread_cond_t changed;
    pthread_t thread;
    bool running, stopping;
    int statm_fd;
    int64_t next_trim_ms;
};

static struct sp_rpc_connection_limits complete_limits(const struct sp_rpc_connection_limits *given) {
    struct sp_rpc_connection_limits limits = *given;
    if (limits.request_timeout_s == 0)
        limits.request_timeout_s = DEFAULT_REQUEST_TIMEOUT_S;
    if (limits.request_memory_bytes == 0)
        limits.request_memory_bytes = DEFAULT_REQUEST_MEMORY_BYTES;
    return limits;
}

struct connections *sp_rpc_connections_create(const struct sp_rpc_connection_limits *limits,
                                              struct sp_rpc_bound_counts *counts) {
    struct connections *connections = calloc(1, sizeof(*connections));
    if (connections == NULL)
        return NULL;
    connections->limits = complete_limits(limits);
    connections->counts = counts;
    pthread_mutex_init(&connections->lock, NULL);
    pthread_cond_init(&connections->changed, NULL);
    connections->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
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
    if (connections->statm_fd >= 0)
        close(connections->statm_fd);
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

static struct offender *find_offender(struct connections *connections, size_t listener, const struct sp_peer *peer) {
    for (size_t i = 0; i < OFFENDERS; i++) {
        struct offender *offender = &connections->offenders[i];
        if (offender->first_ms != 0 && offender->listener == listener && sp_peer_same_host(&offender->peer, peer))
            return offender;
    }
    return NULL;
}

/* In the place of the one that is longest past. */
static struct offender *add_offender(struct connections *connections, size_t listener, const struct sp_peer *peer) {
    struct offender *oldest = &connections->offenders[0];
    for (size_t i = 1; i < OFFENDERS; i++)
        if (connections->offenders[i].first_ms < oldest->first_ms)
            oldest = &connections->offenders[i];
    *oldest = (struct offender){.peer = *peer, .listener = listener};
    return oldest;
}

static void note_offence(struct connections *connections, const struct connection *connection) {
    int64_t now_ms = sp_clock_monotonic_ms();
    struct offender *offender = find_offender(connections, connection->listener, &connection->peer);
    if (offender == NULL)
        offender = add_offender(connections, connection->listener, &connection->peer);
    if (now_ms - offender->first_ms > 2 * offender->penalty_ms + PENALTY_MS)
        *offender = (struct offender){
            .peer = offender->peer, .listener = offender->listener, .first_ms = now_ms, .penalty_ms = PENALTY_MS / 2};
    if (++offender->offences < OFFENCES || now_ms < offender->until_ms)
        return;
    if (offender->penalty_ms < MOST_PENALTY_MS)
        offender->penalty_ms *= 2;
    offender->first_ms = now_ms;
    offender->until_ms = now_ms + offender->penalty_ms;
}

/* The engine learns of it as of a connection that broke. */
static void cut_connection(struct connections *connections, size_t at, enum sp_rpc_bound why) {
    sp_rpc_bound_count(connections->counts, why);
    shutdown(connections->all[at]->fd, SHUT_RDWR);
    if (why == SP_RPC_BOUND_UNANSWERED || why == SP_RPC_BOUND_BUDGET)
        note_offence(connections, connections->all[at]);
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
    made->active_ms = made->complete_ms = sp_clock_monotonic_ms();
    pthread_mutex_lock(&connections->lock);
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
    connection->unanswered = waiting;
    return true;
}

static void take_credit(struct connection *connection, uint64_t received, uint64_t sent) {
    uint64_t credit = atomic_exchange(&connection->credit, 0);
    int64_t answered = (int64_t)(credit + (sent - connection->sent) * ANSWERS);
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
    if (received == connection->received && sent == connection->sent && atomic_load(&connection->credit) == 0)
        return info.tcpi_state == STATE_ESTABLISHED || now_ms - connection->active_ms < NEW_MS;
    take_credit(connection, received, sent);
    connection->received = received;
    connection->sent = sent;
    connection->active_ms = now_ms;
    if (sent >= PROVEN_BYTES)
        connection->proven = true;
    if (connection->unanswered <= REST_BYTES)
        connection->complete_ms = now_ms;
    return true;
}

static int64_t most_unanswered(const struct connection *connection, bool in_need) {
    int64_t allowance = (int64_t)atomic_load(&connection->allowance);
    bool proven = connection->proven;
    if (!connection->counted)
        return in_need ? MOST_IN_NEED : INT64_MAX;
    int64_t most = proven && MOST_PROVEN > connection->most_unanswered ? MOST_PROVEN : connection->most_unanswered;
    if (in_need)
        most = proven ? MOST_PROVEN_IN_NEED : MOST_IN_NEED;
    return allowance > most ? allowance : most;
}

static bool is_too_slow(const struct connections *connections, const struct connection *connection, int64_t now_ms) {
    int64_t allowed_ms = (int64_t)connections->limits.request_timeout_s * 1000;
    if (atomic_load(&connection->allowance) > 0)
        allowed_ms += connection->unanswered * 1000 / BYTES_A_SECOND;
    return connection->unanswered > REST_BYTES && now_ms - connection->complete_ms > allowed_ms;
}

/* ---- memory ---- */

/* The process's own, without mapped files. 0: not known. */
static size_t read_private_bytes(const struct connections *connections) {
    char text[128];
    ssize_t size = pread(connections->statm_fd, text, sizeof(text) - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    char *at = strchr(text, ' ');
    if (at == NULL)
        return 0;
    unsigned long resident = strtoul(at, &at, 10);
    unsigned long shared = strtoul(at, &at, 10);
    return resident <= shared ? 0 : (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Whether the process has grown by more than requests may take. What that memory is cannot be known: the
 * connections that are owed the most are the likeliest cause. */
static bool is_memory_short(struct connections *connections, int64_t now_ms) {
    size_t expected = BASE_BYTES + connections->limits.request_memory_bytes +
                      atomic_load(&connections->count) * (size_t)BYTES_A_CONNECTION;
    if (read_private_bytes(connections) <= expected)
        return false;
    if (now_ms >= connections->next_trim_ms) {
        malloc_trim(0);
        connections->next_trim_ms = now_ms + TRIM_EVERY_MS;
    }
    return true;
}

/* ---- sweeping ---- */

static size_t find_largest(const struct connections *connections, bool unproven_only) {
    size_t largest = 0;
    int64_t most = -1;
    for (size_t i = 0; i < atomic_load(&connections->count); i++) {
        const struct connection *connection = connections->all[i];
        if (connection->unanswered > most && connection->counted && !(unproven_only && connection->proven)) {
            most = connection->unanswered;
            largest = i;
        }
    }
    return largest;
}

/* Of all connections, or of those that have not been answered yet. Returns what is left. */
static size_t keep_within(struct connections *connections, size_t held, size_t most, bool unproven_only) {
    while (held > most && atomic_load(&connections->count) > 0) {
        size_t largest = find_largest(connections, unproven_only);
        held -= (size_t)connections->all[largest]->unanswered;
        cut_connection(connections, largest, SP_RPC_BOUND_BUDGET);
    }
    return held;
}

/* Returns what is held by those that are left. */
static size_t cut_offenders(struct connections *connections, int64_t now_ms, bool in_need) {
    size_t proven = 0, unproven = 0;
    for (size_t i = atomic_load(&connections->count); i > 0; i--) {
        struct connection *connection = connections->all[i - 1];
        if (connection->unanswered > most_unanswered(connection, in_need))
            cut_connection(connections, i - 1, in_need ? SP_RPC_BOUND_BUDGET : SP_RPC_BOUND_UNANSWERED);
        else if (is_too_slow(connections, connection, now_ms))
            cut_connection(connections, i - 1, SP_RPC_BOUND_SLOW);
        else if (connection->counted)
            *(connection->proven ? &proven : &unproven) += (size_t)connection->unanswered;
    }
    unproven = keep_within(connections, unproven, MOST_OF_ALL_UNPROVEN, true);
    return keep_within(connections, proven + unproven, connections->limits.request_memory_bytes, false);
}

static size_t look_at_all(struct connections *connections, int64_t now_ms) {
    size_t held = 0;
    for (size_t i = atomic_load(&connections->count); i > 0; i--) {
        if (look_at_connection(connections->all[i - 1], now_ms))
            held += (size_t)connections->all[i - 1]->unanswered;
        else
            forget_connection(connections, i - 1);
    }
    return held;
}

/* With the lock held. */
static void sweep_connections(struct connections *connections, int64_t now_ms) {
    size_t held = look_at_all(connections, now_ms);
    if (held > 0) {
        bool in_need = held > MOST_IN_NEED && is_memory_short(connections, now_ms);
        held = cut_offenders(connections, now_ms, in_need);
    }
    atomic_store(&connections->held, held);
}

/* Not the time that passes: on a busy machine that would make the sweeps rare when they are needed. */
static int64_t thread_cpu_ns(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
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
        int64_t pause_ms = (thread_cpu_ns() - begin_ns) / 1000000 * SWEEP_RATIO;
        pthread_mutex_unlock(&connections->lock);
        pause_ms = pause_ms < SWEEP_MS ? SWEEP_MS : pause_ms;
        const struct timespec pause = {pause_ms / 1000, (long)(pause_ms % 1000) * 1000000};
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&connections->lock);
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

bool sp_rpc_connections_refuse(struct connections *connections, size_t listener, const struct sp_peer *peer) {
    pthread_mutex_lock(&connections->lock);
    const struct offender *offender = find_offender(connections, listener, peer);
    bool refuse = offender != NULL && sp_clock_monotonic_ms() < offender->until_ms;
    pthread_mutex_unlock(&connections->lock);
    if (refuse)
        sp_rpc_bound_count(connections->counts, SP_RPC_BOUND_PEER);
    return refuse;
}

void sp_rpc_connections_settle(struct connections *connections, const struct sp_peer *peer, size_t bytes) {
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = find_connection(connections, peer);
    if (connection != NULL)
        atomic_fetch_add(&connection->credit, bytes);
    pthread_mutex_unlock(&connections->lock);
}

bool sp_rpc_connections_extend(struct connections *connections, const struct sp_peer *peer, size_t bytes) {
    if (atomic_load(&connections->held) + bytes > connections->limits.request_memory_bytes)
        return false;
    uint64_t allowance = bytes + BESIDES_BYTES > LEAST_ADMITTED ? bytes + BESIDES_BYTES : LEAST_ADMITTED;
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = find_connection(connections, peer);
    if (connection != NULL && atomic_load(&connection->allowance) < allowance) {
        atomic_store(&connection->allowance, allowance);
        connection->proven = true;
    }
    pthread_mutex_unlock(&connections->lock);
    return true;
}
