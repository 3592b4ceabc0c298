#include "rpc/watched.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"

void sp_rpc_watched_free(struct connection *connection) {
    close(connection->fd);
    atomic_store_explicit(&connection->credit->ended, true, memory_order_relaxed);
    sp_rpc_credit_drop(connection->credit);
    free(connection);
}

static struct connection **bucket_of_peer(struct connections *connections, const struct sp_peer *peer) {
    return &connections->buckets[peer->port % WATCHED_BUCKETS];
}

struct connection *sp_rpc_watched_find(struct connections *connections, const struct sp_peer *peer) {
    struct connection *found = *bucket_of_peer(connections, peer);
    while (found != NULL && (found->peer.port != peer->port || !sp_peer_same_host(&found->peer, peer)))
        found = found->next;
    return found;
}

void sp_rpc_watched_forget(struct connections *connections, size_t at) {
    struct connection *gone = connections->all[at];
    struct connection **link = bucket_of_peer(connections, &gone->peer);
    while (*link != gone)
        link = &(*link)->next;
    *link = gone->next;
    connections->owed -= gone->owed;
    size_t last = atomic_load(&connections->count) - 1;
    connections->all[at] = connections->all[last];
    atomic_store(&connections->count, last);
    sp_rpc_watched_free(gone);
}

void sp_rpc_watched_end(struct connections *connections, size_t at, enum sp_rpc_bound why) {
    sp_rpc_bound_count(connections->counts, why);
    shutdown(connections->all[at]->fd, SHUT_RDWR);
    sp_rpc_watched_forget(connections, at);
}

void sp_rpc_watched_cut(struct connections *connections, size_t at, enum sp_rpc_bound why) {
    if (why == SP_RPC_BOUND_UNANSWERED || why == SP_RPC_BOUND_BUDGET)
        sp_rpc_offenders_note(&connections->offenders, connections->all[at]->listener, &connections->all[at]->peer,
                              sp_clock_monotonic_ms());
    sp_rpc_watched_end(connections, at, why);
}

bool sp_rpc_watched_append(struct connections *connections, struct connection *made) {
    size_t count = atomic_load(&connections->count);
    struct connection **bucket = bucket_of_peer(connections, &made->peer);
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
void sp_rpc_watched_widen(struct connection *connection) {
    const int bytes = SP_RPC_RECEIVE_BYTES;
    if (connection->wide || !connection->counted)
        return;
    connection->wide = true;
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &bytes, sizeof(bytes));
}
