#include "daemon/tls_refusals.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    MINUTE_MS = 60 * 1000,
    LINES_A_MINUTE = 60,
    REMEMBERED = 64,
    V6_NETWORK_BYTES = 8, /* whose holder has all addresses that follow */
};

struct refused_peer {
    uint8_t network[16];
    bool used;
    int64_t logged_ms;
    unsigned unlogged; /* refusals since then */
};

static struct {
    pthread_mutex_t lock;
    struct refused_peer peers[REMEMBERED];
    int64_t minute_began_ms;
    unsigned lines; /* of this minute */
} recent = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void network_of(const struct sp_peer *peer, uint8_t ret_network[static 16]) {
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(ret_network, peer->host, sizeof(peer->host));
    if (memcmp(peer->host, v4_mapped, sizeof(v4_mapped)) != 0)
        memset(ret_network + V6_NETWORK_BYTES, 0, sizeof(peer->host) - V6_NETWORK_BYTES);
}

/* The peer's place, or that of the one that was logged longest ago. With the lock held. */
static struct refused_peer *find_refused_peer(const struct sp_peer *peer) {
    uint8_t network[16];
    struct refused_peer *oldest = &recent.peers[0];
    network_of(peer, network);
    for (size_t i = 0; i < REMEMBERED; i++) {
        struct refused_peer *refused = &recent.peers[i];
        if (refused->used && memcmp(refused->network, network, sizeof(network)) == 0)
            return refused;
        if (!refused->used || (oldest->used && refused->logged_ms < oldest->logged_ms))
            oldest = refused;
    }
    *oldest = (struct refused_peer){.used = false};
    memcpy(oldest->network, network, sizeof(network));
    return oldest;
}

/* Whether to log it now, and how many of its refusals were not logged before it. */
static bool count_tls_refusal(const struct sp_peer *peer, int64_t now_ms, unsigned *ret_unlogged) {
    struct refused_peer *refused = find_refused_peer(peer);
    if (now_ms - recent.minute_began_ms >= MINUTE_MS) {
        recent.minute_began_ms = now_ms;
        recent.lines = 0;
    }
    if ((refused->used && now_ms - refused->logged_ms < MINUTE_MS) || recent.lines == LINES_A_MINUTE) {
        refused->unlogged++;
        return false;
    }
    *ret_unlogged = refused->unlogged;
    *refused = (struct refused_peer){.used = true, .logged_ms = now_ms};
    network_of(peer, refused->network);
    recent.lines++;
    return true;
}

void sp_daemon_log_tls_refusal(void *user, const struct sp_tls_refusal *refusal) {
    char peer[SP_PEER_TEXT_BYTES];
    unsigned unlogged = 0;
    (void)user;
    pthread_mutex_lock(&recent.lock);
    bool wanted = count_tls_refusal(&refusal->peer, sp_clock_monotonic_ms(), &unlogged);
    pthread_mutex_unlock(&recent.lock);
    if (!wanted)
        return;
    sp_peer_write(&refusal->peer, peer);
    const struct sp_log_field fields[] = {
        {.name = "peer", .text = peer},
        {.name = "reason", .text = refusal->reason},
        {.name = "names", .text = refusal->names},
        {.name = "unlogged_before", .number = unlogged},
    };
    sp_log_fields(SP_LOG_WARNING, "TLS refused a client", fields, sizeof(fields) / sizeof(*fields));
}
