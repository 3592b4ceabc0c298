#include "rpc/sweep.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
    PROVEN_GRANTS = 16,
    PROVEN_BYTES = 16 * 1024, /* sent, if its engine bounds what it holds: used, not only shaken hands with */
    /* A handshake of TLS may send more than it gets, and HTTP/2's first frames do. */
    HANDSHAKE_BYTES = 2 * 1024, /* the first sent, each of which pays for so many received */
    HANDSHAKE_PAYS = 4,
    FORGIVEN_A_SECOND = 128,   /* for what is neither a call nor acknowledged: cancelled calls that no worker saw */
    MOST_PROVEN = 1024 * 1024, /* a hundred calls of some KiB each */
    /* For all connections together that are neither proven nor have an admitted request: the gRPC C
     * core keeps up to 25 KiB for a cancelled call of 50 bytes. */
    MOST_OF_ALL_UNKNOWN = 128 * 1024,
    MOST_OF_ALL_EACH = 512, /* and this for each of them: many may come at once */
    /* At least, of a connection on which a request was admitted, so that a message which is too
     * large by far is refused as such: gRPC sees that when it has all of it. */
    LEAST_ADMITTED = 8 * 1024 * 1024,
    BYTES_A_SECOND = 64 * 1024, /* the slowest that a large request may arrive */
    FORGIVEN_EVERY_MS = 1000,

    /* When memory is short */
    MOST_IN_NEED = 1024,             /* of an unproven connection */
    MOST_RECENT_IN_NEED = 8 * 1024,  /* and received from it in this second, answered or not */
    MOST_WAITING_IN_NEED = 8 * 1024, /* of a Unix socket */
    MOST_PROVEN_IN_NEED = 64 * 1024,
    LEAST_IN_NEED = 32 * 1024, /* the connection that holds most is shut down if that is more than this */
    DRAIN_MS = 1000,           /* what strangers held that were shut down is free after so long */
    RECENT_MS = 1000,
    CULPRIT_EVERY_MS = 100, /* since memory became short, or the last connection was shut down */

    /* tcpi_state, which no header that has all of struct tcp_info declares */
    STATE_ESTABLISHED = 1,
    STATE_CLOSE_WAIT = 8,

    RESTLESS_MS = 100, /* after a connection that is not proven last sent */
    MUCH_HELD = 64 * 1024,
};

/* ---- looking at one ---- */

static bool has_socket_ended(const struct connection *connection) {
    struct pollfd wait = {.fd = connection->fd};
    return poll(&wait, 1, 0) > 0 && (wait.revents & (POLLHUP | POLLERR)) != 0;
}

/* What waits to be read is not yet the engine's. */
static bool measure_unix_connection(struct connection *connection, int64_t now_ms) {
    int waiting = 0;
    if (has_socket_ended(connection))
        return false;
    if (ioctl(connection->fd, FIONREAD, &waiting) == 0 && waiting > 0)
        connection->active_ms = now_ms;
    connection->complete_ms = now_ms;
    connection->unanswered = connection->self_bounded ? 0 : waiting;
    connection->received += (uint64_t)connection->unanswered; /* at least */
    return true;
}

static uint64_t count_handshake_bytes(uint64_t sent) {
    return sent < HANDSHAKE_BYTES ? sent : HANDSHAKE_BYTES;
}

/* What an answer's bytes pay for is not kept for later. */
static void take_credit(struct connection *connection, uint64_t received, uint64_t sent, uint64_t settled) {
    uint64_t of_handshake = count_handshake_bytes(sent) - count_handshake_bytes(connection->sent);
    uint64_t paid = sent - connection->sent + of_handshake * (HANDSHAKE_PAYS - 1) + settled - connection->settled;
    connection->unanswered += (int64_t)(received - connection->received) - (int64_t)paid;
    if (connection->unanswered < 0)
        connection->unanswered = 0;
    connection->received = received;
    connection->sent = sent;
    connection->settled = settled;
}

static void forgive_by_time(struct connection *connection, int64_t now_ms) {
    int64_t forgiven = (now_ms - connection->forgiven_ms) * FORGIVEN_A_SECOND / 1000;
    if (forgiven == 0)
        return;
    connection->forgiven_ms = now_ms;
    connection->unanswered = forgiven < connection->unanswered ? connection->unanswered - forgiven : 0;
}

static bool has_proven_itself(const struct connection *connection) {
    if (connection->self_bounded)
        return connection->sent >= PROVEN_BYTES;
    return atomic_load_explicit(&connection->credit->grants, memory_order_relaxed) >= PROVEN_GRANTS;
}

/* What one that holds no admitted request may have unanswered. */
static int64_t choose_usual_limit(const struct connection *connection) {
    bool more = connection->proven && connection->most_unanswered < MOST_PROVEN;
    return more ? MOST_PROVEN : connection->most_unanswered;
}

/* The gRPC C core does not say how much it threw away of a request that ended before it was
 * complete, which may be more than its connection may hold now that it is not admitted any more.
 * Seldom enough to be of no use to a flood. */
static void forgive_lapsed_bytes(struct connection *connection, int64_t now_ms) {
    connection->lapsed = false;
    int64_t most = choose_usual_limit(connection) / 2;
    if (connection->unanswered <= most || now_ms < connection->next_forgiven_ms)
        return;
    connection->unanswered = most;
    connection->next_forgiven_ms = now_ms + FORGIVEN_EVERY_MS;
}

/* What its bytes amount to now. */
static void judge_bytes(struct connection *connection, uint64_t received, uint64_t sent, uint64_t settled,
                        int64_t now_ms) {
    bool begins = connection->unanswered <= WATCHED_REST_BYTES; /* a request, with what has come now */
    connection->completed += settled - connection->settled;
    take_credit(connection, received, sent, settled);
    forgive_by_time(connection, now_ms);
    if (connection->lapsed && connection->admitted == 0)
        forgive_lapsed_bytes(connection, now_ms);
    if (!connection->proven && has_proven_itself(connection)) {
        connection->proven = true;
        sp_rpc_watched_widen(connection);
    }
    if (connection->self_bounded)
        connection->unanswered = 0;
    /* Of a client that never pauses there is always some of the next request, but not for long. */
    bool goes_on = connection->completed > 0 && connection->completed >= (uint64_t)connection->unanswered;
    if (begins || goes_on || connection->unanswered <= WATCHED_REST_BYTES) {
        connection->complete_ms = now_ms;
        connection->completed = 0;
    }
}

/* False: it has ended. */
static bool measure_connection(struct connection *connection, int64_t now_ms) {
    struct tcp_info info;
    socklen_t size = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (!connection->counted)
        return measure_unix_connection(connection, now_ms);
    /* Before the kernel is asked, so that what is settled has been received. */
    uint64_t settled = atomic_load_explicit(&connection->credit->bytes, memory_order_acquire);
    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return false;
    if (info.tcpi_state != STATE_ESTABLISHED && info.tcpi_state != STATE_CLOSE_WAIT)
        return false;
    if (info.tcpi_bytes_acked != connection->sent || connection->owed == 0)
        connection->taken_ms = now_ms;
    if (info.tcpi_bytes_received != connection->received || info.tcpi_bytes_acked != connection->sent)
        connection->active_ms = now_ms;
    else if (info.tcpi_state != STATE_ESTABLISHED && now_ms - connection->active_ms >= WATCHED_NEW_MS)
        return false;
    judge_bytes(connection, info.tcpi_bytes_received, info.tcpi_bytes_acked, settled, now_ms);
    return true;
}

/* Whether nothing speaks for it: no answers, and no request that was admitted. */
static bool is_unknown_connection(const struct connection *connection) {
    return !connection->proven && connection->admitted == 0;
}

static int64_t choose_unanswered_limit(const struct connection *connection, bool in_need) {
    if (!connection->counted)
        return in_need ? MOST_WAITING_IN_NEED : INT64_MAX;
    if (in_need && !connection->proven)
        return MOST_IN_NEED;
    int64_t most = in_need ? MOST_PROVEN_IN_NEED : choose_usual_limit(connection);
    if (!in_need && connection->admitted > 0 && most < LEAST_ADMITTED)
        most = LEAST_ADMITTED;
    return most < (int64_t)connection->admitted ? (int64_t)connection->admitted : most;
}

/* Answered or not. */
static uint64_t count_recent_bytes(const struct connection *connection) {
    return connection->received - connection->recent_from;
}

/* Whether it sends more than those that nobody speaks for may while memory is short. For Unix
 * sockets nobody can. */
static bool is_too_busy(const struct connection *connection) {
    return connection->counted && !connection->self_bounded && is_unknown_connection(connection) &&
           count_recent_bytes(connection) > MOST_RECENT_IN_NEED;
}

static bool is_too_slow(const struct connections *connections, const struct connection *connection, int64_t now_ms) {
    int64_t allowed_ms = (int64_t)connections->limits.request_timeout_s * 1000;
    if (connection->admitted > 0)
        allowed_ms += connection->unanswered * 1000 / BYTES_A_SECOND;
    return connection->unanswered > WATCHED_REST_BYTES && now_ms - connection->complete_ms > allowed_ms;
}

static bool has_stalled(const struct connections *connections, const struct connection *connection, int64_t now_ms) {
    int64_t allowed_ms = (int64_t)connections->limits.answer_timeout_s * 1000;
    return connection->owed > 0 && now_ms - connection->taken_ms > allowed_ms;
}

/* ---- sweeping ---- */

/* Those that are proven only if no other has sent anything. */
static bool is_busier(const struct connection *one, const struct connection *other) {
    if (one->self_bounded || other->self_bounded)
        return other->self_bounded;
    uint64_t of_one = count_recent_bytes(one), of_other = count_recent_bytes(other);
    if (one->proven != other->proven)
        return one->proven ? of_other == 0 && of_one > 0 : of_one > 0;
    return of_one > of_other;
}

static size_t find_busiest(const struct connections *connections) {
    size_t busiest = 0;
    for (size_t i = 1; i < atomic_load(&connections->count); i++)
        if (is_busier(connections->all[i], connections->all[busiest]))
            busiest = i;
    return busiest;
}

static void begin_recent_second(struct connections *connections, int64_t now_ms) {
    connections->recent_since_ms = now_ms;
    for (size_t i = 0; i < atomic_load(&connections->count); i++)
        connections->all[i]->recent_from = connections->all[i]->received;
}

/* The largest of those that are counted and, if `unknown_only`, unknown. */
static size_t find_largest(const struct connections *connections, bool unknown_only) {
    size_t largest = 0;
    int64_t most = -1;
    for (size_t i = 0; i < atomic_load(&connections->count); i++) {
        const struct connection *connection = connections->all[i];
        if (connection->unanswered > most && connection->counted &&
            (!unknown_only || is_unknown_connection(connection))) {
            most = connection->unanswered;
            largest = i;
        }
    }
    return largest;
}

static void cut_holder(struct connections *connections, size_t at, bool in_need, int64_t now_ms) {
    if (is_unknown_connection(connections->all[at]))
        connections->draining_until_ms = now_ms + DRAIN_MS;
    sp_rpc_watched_cut(connections, at, in_need ? SP_RPC_BOUND_BUDGET : SP_RPC_BOUND_UNANSWERED);
}

/* Cuts the largest of all connections, or of the unknown ones, until at most `most` bytes are held.
 * Returns what is left. */
static size_t cut_largest_until_within(struct connections *connections, size_t held, size_t most, bool unknown_only,
                                       int64_t now_ms) {
    while (held > most && atomic_load(&connections->count) > 0) {
        size_t largest = find_largest(connections, unknown_only);
        held -= (size_t)connections->all[largest]->unanswered;
        cut_holder(connections, largest, true, now_ms);
    }
    return held;
}

/* Answers that nobody takes are held like requests, and may take as much. No offence: a client may
 * only be slow. */
static void cut_largest_debtors(struct connections *connections, size_t most) {
    while (connections->owed > most) {
        size_t largest = 0;
        for (size_t i = 1; i < atomic_load(&connections->count); i++)
            if (connections->all[i]->owed > connections->all[largest]->owed)
                largest = i;
        sp_rpc_watched_end(connections, largest, SP_RPC_BOUND_BUDGET);
    }
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
        if (connection->unanswered > choose_unanswered_limit(connection, in_need) ||
            (in_need && is_too_busy(connection))) {
            cut_holder(connections, i - 1, in_need, now_ms);
        } else if (is_too_slow(connections, connection, now_ms)) {
            sp_rpc_watched_cut(connections, i - 1, SP_RPC_BOUND_SLOW);
        } else if (has_stalled(connections, connection, now_ms)) {
            sp_rpc_watched_cut(connections, i - 1, SP_RPC_BOUND_STALLED);
        } else if (connection->counted) {
            bool unknown = is_unknown_connection(connection);
            *(unknown ? &left.unknown : &left.known) += (size_t)connection->unanswered;
            left.unknown_count += unknown;
        }
    }
    return left;
}

/* Memory is short although no connection holds more than it may: the one that holds most, if that
 * is more than a hundred small requests. If none does, some client gets answers for what costs less
 * than the answer pays for, and the one that sent most is the likeliest. Neither at once, since
 * what others held is not free yet: while strangers are shut down, traffic is nobody's fault. */
static size_t cut_likeliest_culprit(struct connections *connections, size_t held, int64_t now_ms) {
    if (now_ms < connections->next_culprit_ms || atomic_load(&connections->count) == 0)
        return held;
    size_t likeliest = find_largest(connections, false);
    if (connections->all[likeliest]->unanswered < LEAST_IN_NEED) {
        if (now_ms < connections->draining_until_ms)
            return held;
        likeliest = find_busiest(connections);
    }
    const struct connection *culprit = connections->all[likeliest];
    if (culprit->self_bounded)
        return held;
    held -= culprit->counted ? (size_t)culprit->unanswered : 0;
    connections->next_culprit_ms = now_ms + CULPRIT_EVERY_MS;
    cut_holder(connections, likeliest, true, now_ms);
    return held;
}

/* Returns what is held by those that are left. */
static size_t enforce_limits(struct connections *connections, int64_t now_ms, bool in_need) {
    struct holdings left = cut_offenders(connections, now_ms, in_need);
    size_t most_unknown = MOST_OF_ALL_UNKNOWN + left.unknown_count * MOST_OF_ALL_EACH;
    size_t held = left.known + cut_largest_until_within(connections, left.unknown, most_unknown, true, now_ms);
    held = cut_largest_until_within(connections, held, connections->limits.request_memory_bytes, false, now_ms);
    cut_largest_debtors(connections, connections->limits.request_memory_bytes);
    if (!in_need)
        connections->next_culprit_ms = now_ms + CULPRIT_EVERY_MS;
    else
        held = cut_likeliest_culprit(connections, held, now_ms);
    return held;
}

size_t sp_rpc_sweep_look(struct connections *connections, int64_t now_ms) {
    size_t held = 0;
    connections->restless = connections->strangers = connections->judged = false;
    for (size_t i = atomic_load(&connections->count); i > 0; i--) {
        struct connection *connection = connections->all[i - 1];
        if (!measure_connection(connection, now_ms)) {
            sp_rpc_watched_forget(connections, i - 1);
            continue;
        }
        held += (size_t)connection->unanswered;
        connections->judged = connections->judged || !connection->self_bounded;
        if (connection->proven || connection->self_bounded)
            continue;
        connections->restless = connections->restless || now_ms - connection->active_ms < RESTLESS_MS;
        connections->strangers = connections->strangers || now_ms - connection->active_ms < RECENT_MS;
    }
    connections->restless = connections->restless || held > MUCH_HELD;
    return held;
}

void sp_rpc_sweep(struct connections *connections, int64_t now_ms) {
    if (now_ms - connections->recent_since_ms > RECENT_MS)
        begin_recent_second(connections, now_ms);
    size_t held = sp_rpc_sweep_look(connections, now_ms);
    if (held <= MUCH_HELD)
        sp_rpc_memory_watch_rest(&connections->memory, !connections->strangers, now_ms);
    /* Shortly after the last of them, for what it leaves behind. */
    if (connections->judged || connections->in_need)
        connections->in_need = sp_rpc_memory_watch_is_short(&connections->memory, atomic_load(&connections->count));
    held = enforce_limits(connections, now_ms, connections->in_need);
    atomic_store(&connections->held, held);
}
