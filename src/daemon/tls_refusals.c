#include "daemon/tls_refusals.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    MINUTE_MS = 60 * 1000,
    LINES_A_MINUTE = 60,
    LINES_A_PEER = 8,
    REMEMBERED = 64,
    V6_NETWORK_BYTES = 8, /* whose holder has all addresses that follow */
};

/* A kind of refusal. */
struct refused_kind {
    uint8_t network[16];
    bool used;
    int64_t since_ms;
    uint64_t unlogged; /* since then */
    struct sp_peer peer;
    char reason[SP_TLS_REASON_BYTES];
    char names[SP_TLS_NAMES_BYTES];
};

static struct {
    pthread_mutex_t lock;
    struct refused_kind kinds[REMEMBERED];
    int64_t minute_began_ms;
    unsigned lines;     /* of this minute */
    uint64_t forgotten; /* unlogged ones of kinds that made room for others */
} recent = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_uint_fast64_t http_refusals;

static void find_network(const struct sp_peer *peer, uint8_t ret_network[static 16]) {
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(ret_network, peer->host, sizeof(peer->host));
    if (memcmp(peer->host, v4_mapped, sizeof(v4_mapped)) != 0)
        memset(ret_network + V6_NETWORK_BYTES, 0, sizeof(peer->host) - V6_NETWORK_BYTES);
}

/* ---- lines; all with the lock held ---- */

static void log_refused_kind(const struct refused_kind *kind, const char *message, bool with_count) {
    char peer[SP_PEER_TEXT_BYTES];
    sp_peer_write(&kind->peer, peer);
    const struct sp_log_field fields[] = {
        {.name = "peer", .text = peer},
        {.name = "reason", .text = kind->reason},
        {.name = "names", .text = kind->names},
        {.name = "times", .number = kind->unlogged},
    };
    size_t count = sizeof(fields) / sizeof(*fields);
    sp_log_fields(SP_LOG_WARNING, message, fields, with_count ? count : count - 1);
}

static void end_minute_of_kind(struct refused_kind *kind) {
    if (kind->unlogged > 0)
        log_refused_kind(kind, "TLS refused a client again", true);
    kind->used = false;
}

static void end_minutes(int64_t now_ms) {
    const struct sp_log_field forgotten[] = {{.name = "times", .number = recent.forgotten}};
    for (size_t i = 0; i < REMEMBERED; i++)
        if (recent.kinds[i].used && now_ms - recent.kinds[i].since_ms >= MINUTE_MS)
            end_minute_of_kind(&recent.kinds[i]);
    if (now_ms >= recent.minute_began_ms && now_ms - recent.minute_began_ms < MINUTE_MS)
        return;
    if (recent.forgotten > 0)
        sp_log_fields(SP_LOG_WARNING, "TLS refused more clients than are logged", forgotten, 1);
    recent.forgotten = 0;
    recent.lines = 0;
    recent.minute_began_ms = now_ms;
}

/* ---- kinds; all with the lock held ---- */

/* A place for a new kind: a free one, or that of the oldest. */
static struct refused_kind *take_kind_place(void) {
    struct refused_kind *oldest = &recent.kinds[0];
    for (size_t i = 0; i < REMEMBERED && oldest->used; i++)
        if (!recent.kinds[i].used || recent.kinds[i].since_ms < oldest->since_ms)
            oldest = &recent.kinds[i];
    if (oldest->used)
        recent.forgotten += oldest->unlogged;
    return oldest;
}

/* The kind of a refusal; NULL: it is new. *ret_of_peer: how many kinds its address has. */
static struct refused_kind *find_refused_kind(const uint8_t network[static 16], const char *reason, const char *names,
                                              unsigned *ret_of_peer) {
    struct refused_kind *found = NULL;
    *ret_of_peer = 0;
    for (size_t i = 0; i < REMEMBERED; i++) {
        struct refused_kind *kind = &recent.kinds[i];
        if (!kind->used || memcmp(kind->network, network, sizeof(kind->network)) != 0)
            continue;
        ++*ret_of_peer;
        if (strcmp(kind->reason, reason) == 0 && strcmp(kind->names, names) == 0)
            found = kind;
    }
    return found;
}

static struct refused_kind *add_refused_kind(const struct sp_peer *peer, const uint8_t network[static 16],
                                             const char *reason, const char *names, int64_t now_ms) {
    struct refused_kind *kind = take_kind_place();
    *kind = (struct refused_kind){.used = true, .since_ms = now_ms, .peer = *peer};
    memcpy(kind->network, network, sizeof(kind->network));
    (void)snprintf(kind->reason, sizeof(kind->reason), "%s", reason);
    (void)snprintf(kind->names, sizeof(kind->names), "%s", names);
    return kind;
}

/* Logs the refusal, or counts it. */
static void take_tls_refusal(const struct sp_tls_refusal *refusal, int64_t now_ms) {
    static const char beyond[] = "other reasons, or other names";
    uint8_t network[16];
    unsigned of_peer = 0;
    find_network(&refusal->peer, network);
    struct refused_kind *kind = find_refused_kind(network, refusal->reason, refusal->names, &of_peer);
    if (kind == NULL && of_peer < LINES_A_PEER) {
        kind = add_refused_kind(&refusal->peer, network, refusal->reason, refusal->names, now_ms);
        if (recent.lines < LINES_A_MINUTE) {
            recent.lines++;
            log_refused_kind(kind, "TLS refused a client", false);
            return;
        }
    } else if (kind == NULL) {
        kind = find_refused_kind(network, beyond, "", &of_peer);
        if (kind == NULL)
            kind = add_refused_kind(&refusal->peer, network, beyond, "", now_ms);
    }
    kind->unlogged++;
}

/* ---- */

void sp_daemon_log_tls_refusal(void *user, const struct sp_tls_refusal *refusal) {
    int64_t now_ms = sp_clock_monotonic_ms();
    (void)user;
    pthread_mutex_lock(&recent.lock);
    end_minutes(now_ms);
    take_tls_refusal(refusal, now_ms);
    pthread_mutex_unlock(&recent.lock);
}

void sp_daemon_log_http_tls_refusal(void *user, const struct sp_tls_refusal *refusal) {
    atomic_fetch_add(&http_refusals, 1);
    sp_daemon_log_tls_refusal(user, refusal);
}

void sp_daemon_tell_tls_refusals(int64_t now_ms) {
    pthread_mutex_lock(&recent.lock);
    end_minutes(now_ms);
    pthread_mutex_unlock(&recent.lock);
}

uint64_t sp_daemon_http_tls_refusals(void) {
    return atomic_load(&http_refusals);
}
