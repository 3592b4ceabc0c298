#include "rpc/connections.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/thread.h"
#include "rpc/sweep.h"

enum {
    DEFAULT_REQUEST_TIMEOUT_S = 10,
    DEFAULT_REQUEST_MEMORY_BYTES = 32 * 1024 * 1024,
    DEFAULT_ANSWER_TIMEOUT_S = 30,

    SWEEP_MS = 20,
    RESTLESS_SWEEP_MS = 2, /* while a connection that is not proven sends, or much is held */
    SWEEP_RATIO = 20,      /* sweeping takes a 20th of a processor at most */
    SWEEP_RATIO_IN_NEED = 2,
    NEWCOMER_IN_NEED_MS = 50, /* when memory is short, a connection is accepted so often only */
};

static struct sp_rpc_connection_limits complete_limits(const struct sp_rpc_connection_limits *given) {
    struct sp_rpc_connection_limits limits = *given;
    if (limits.request_timeout_s == 0)
        limits.request_timeout_s = DEFAULT_REQUEST_TIMEOUT_S;
    if (limits.request_memory_bytes == 0)
        limits.request_memory_bytes = DEFAULT_REQUEST_MEMORY_BYTES;
    if (limits.answer_timeout_s == 0)
        limits.answer_timeout_s = DEFAULT_ANSWER_TIMEOUT_S;
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
    sp_clock_init_condition(&connections->changed);
    sp_rpc_memory_watch_init(&connections->memory, connections->limits.request_memory_bytes);
    return connections;
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
        sp_rpc_watched_free(connections->all[i]);
    sp_rpc_memory_watch_fini(&connections->memory);
    pthread_cond_destroy(&connections->changed);
    pthread_mutex_destroy(&connections->lock);
    free(connections->all);
    free(connections);
}

static struct connection *create_connection(const struct connection_cap *cap, size_t listener,
                                            const struct sp_peer *peer, int duplicate_fd) {
    struct connection *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    made->credit = sp_rpc_credit_create();
    if (made->credit == NULL) {
        free(made);
        return NULL;
    }
    made->fd = duplicate_fd;
    made->peer = *peer;
    made->listener = listener;
    made->most_unanswered = cap->most_unanswered;
    made->counted = peer->port != 0;
    made->self_bounded = cap->self_bounded;
    if (made->self_bounded)
        sp_rpc_watched_widen(made);
    made->active_ms = made->complete_ms = made->forgiven_ms = sp_clock_monotonic_ms();
    return made;
}

bool sp_rpc_connections_add(struct connections *connections, size_t listener, const struct connection_cap *cap,
                            const struct sp_peer *peer, int duplicate_fd) {
    struct connection *made = create_connection(cap, listener, peer, duplicate_fd);
    if (made == NULL)
        return false;
    pthread_mutex_lock(&connections->lock);
    connections->restless = true;
    made->number = ++connections->last_number;
    bool added = sp_rpc_watched_append(connections, made);
    pthread_mutex_unlock(&connections->lock);
    if (!added) {
        sp_rpc_credit_drop(made->credit);
        free(made);
    }
    return added;
}

/* Sweeps take their share of a processor however many connections are added. Their work counts, not
 * the time that passes: on a busy machine that would make the sweeps rare when they are needed.
 * With the lock held. */
static void pause_sweeping(struct connections *connections, int64_t used_ns) {
    bool in_need = connections->in_need;
    int64_t pause_ns = RESTLESS_SWEEP_MS * (int64_t)1000000,
            least_ns = used_ns * (in_need ? SWEEP_RATIO_IN_NEED : SWEEP_RATIO);
    if (pause_ns < least_ns)
        pause_ns = least_ns;
    pthread_mutex_unlock(&connections->lock);
    if (in_need)
        sp_rpc_memory_watch_trim(&connections->memory, sp_clock_monotonic_ms());
    sp_clock_sleep_us((uint64_t)pause_ns / 1000);
    pthread_mutex_lock(&connections->lock);
}

/* For a moment, or until a connection is added. With the lock held. */
static void await_connection(struct connections *connections) {
    (void)sp_clock_wait(&connections->changed, &connections->lock, sp_clock_monotonic_ms() + SWEEP_MS);
}

static void *sweep_main(void *user) {
    struct connections *connections = user;
    pthread_mutex_lock(&connections->lock);
    while (!connections->stopping) {
        if (atomic_load(&connections->count) == 0 && !connections->in_need) {
            pthread_cond_wait(&connections->changed, &connections->lock);
            continue;
        }
        int64_t begin_ns = sp_clock_thread_ns();
        sp_rpc_sweep(connections, sp_clock_monotonic_ms());
        pause_sweeping(connections, sp_clock_thread_ns() - begin_ns);
        if (!connections->restless && !connections->stopping)
            await_connection(connections);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

enum sp_status sp_rpc_connections_start(struct connections *connections, struct sp_error *error) {
    sp_rpc_memory_watch_rest(&connections->memory, true, sp_clock_monotonic_ms());
    enum sp_status status =
        sp_thread_start(&connections->thread, sweep_main, connections, error, "watching connections");
    if (status != SP_OK)
        return status;
    connections->running = true;
    return SP_OK;
}

/* ---- caps ---- */

/* The higher, the sooner it may be closed for another; 0: it may not. An incomplete request goes
 * first, then connections that never were of use, then those that are idle for long. */
static int64_t rank_for_closing(const struct connection *connection, const struct connection_cap *cap, int64_t now_ms) {
    const int64_t step_ms = (int64_t)1 << 40;
    int64_t incomplete_ms = now_ms - connection->complete_ms, idle_ms = now_ms - connection->active_ms;
    int64_t new_ms = cap->idle_ms < WATCHED_NEW_MS ? cap->idle_ms : WATCHED_NEW_MS;
    if (connection->unanswered > WATCHED_REST_BYTES && incomplete_ms >= new_ms)
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
    sp_rpc_sweep_look(connections, sp_clock_monotonic_ms());
    survey_room(connections, cap, room);
    if (room->taken < room->most)
        return true;
    if (room->rank > 0)
        sp_rpc_watched_cut(connections, room->chosen, SP_RPC_BOUND_IDLE);
    return room->rank > 0;
}

/* What a stranger sends at first costs the most memory, and comes back with each new connection. */
static bool may_take_newcomer(struct connections *connections, const struct connection_cap *cap) {
    if (!connections->in_need || cap->self_bounded)
        return true;
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms < connections->next_newcomer_ms)
        return false;
    connections->next_newcomer_ms = now_ms + NEWCOMER_IN_NEED_MS;
    return true;
}

bool sp_rpc_connections_have_room(struct connections *connections, size_t listener, const struct connection_cap *cap) {
    struct room room = {.listener = listener, .most = cap->most};
    pthread_mutex_lock(&connections->lock);
    bool found = may_take_newcomer(connections, cap) && find_room(connections, cap, &room);
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
        sp_rpc_watched_forget(connections, i - 1);
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

void sp_rpc_connections_note_flood(struct connections *connections, const struct sp_peer *peer) {
    pthread_mutex_lock(&connections->lock);
    const struct connection *flooding = sp_rpc_watched_find(connections, peer);
    if (flooding != NULL)
        sp_rpc_offenders_note(&connections->offenders, flooding->listener, peer, sp_clock_monotonic_ms());
    pthread_mutex_unlock(&connections->lock);
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

struct credit *sp_rpc_connections_hold_credit(struct connections *connections, const struct sp_peer *peer) {
    pthread_mutex_lock(&connections->lock);
    const struct connection *connection = sp_rpc_watched_find(connections, peer);
    struct credit *credit = connection == NULL ? NULL : sp_rpc_credit_hold(connection->credit);
    pthread_mutex_unlock(&connections->lock);
    return credit;
}

void sp_rpc_connections_release(struct connections *connections, struct claim *admission, bool complete) {
    if (admission->bytes == 0)
        return;
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = sp_rpc_watched_find(connections, &admission->peer);
    if (connection != NULL && connection->number == admission->connection) {
        connection->admitted -= admission->bytes;
        connection->lapsed = connection->lapsed || !complete;
    }
    pthread_mutex_unlock(&connections->lock);
    *admission = (struct claim){0};
}

void sp_rpc_connections_owe(struct connections *connections, const struct sp_peer *peer, size_t bytes,
                            struct claim *ret_owed) {
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = sp_rpc_watched_find(connections, peer);
    if (connection != NULL) {
        if (connection->owed == 0)
            connection->taken_ms = sp_clock_monotonic_ms();
        connection->owed += bytes;
        connections->owed += bytes;
        *ret_owed = (struct claim){*peer, connection->number, bytes};
    }
    pthread_mutex_unlock(&connections->lock);
}

void sp_rpc_connections_pay(struct connections *connections, struct claim *owed) {
    if (owed->bytes == 0)
        return;
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = sp_rpc_watched_find(connections, &owed->peer);
    if (connection != NULL && connection->number == owed->connection) {
        connection->owed -= owed->bytes;
        connections->owed -= owed->bytes;
    }
    pthread_mutex_unlock(&connections->lock);
    *owed = (struct claim){0};
}

bool sp_rpc_connections_admit(struct connections *connections, const struct sp_peer *peer, size_t bytes,
                              struct claim *ret_admission) {
    if (atomic_load(&connections->held) + bytes > connections->limits.request_memory_bytes)
        return false;
    pthread_mutex_lock(&connections->lock);
    struct connection *connection = sp_rpc_watched_find(connections, peer);
    if (connection != NULL) {
        connection->admitted += bytes;
        sp_rpc_watched_widen(connection);
        *ret_admission = (struct claim){*peer, connection->number, bytes};
    }
    pthread_mutex_unlock(&connections->lock);
    return true;
}
