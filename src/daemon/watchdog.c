#include "daemon/watchdog.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "daemon/tls_refusals.h"

enum { NAME_BYTES = 32, LOOKS_A_LIMIT = 4, LOOK_AT_MOST_MS = 1000 };

struct watched {
    char name[NAME_BYTES];
    const struct sp_heartbeat *heartbeat;
    uint64_t beats; /* as last seen */
    int64_t still_ms;
    bool stuck;
};

struct sp_watchdog {
    struct sp_watchdog_options options;
    struct watched *threads;
    size_t count, capacity;
    atomic_uint stuck;
    pthread_t thread;
    bool running;
    int64_t looked_ms;
    pthread_mutex_t lock; /* over `stopping` */
    pthread_cond_t changed;
    bool stopping;
};

enum sp_status sp_watchdog_create(const struct sp_watchdog_options *options, struct sp_watchdog **ret_watchdog,
                                  struct sp_error *error) {
    struct sp_watchdog *watchdog = calloc(1, sizeof(*watchdog));
    if (watchdog == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    watchdog->options = *options;
    atomic_init(&watchdog->stuck, 0);
    pthread_mutex_init(&watchdog->lock, NULL);
    sp_clock_init_condition(&watchdog->changed);
    *ret_watchdog = watchdog;
    return SP_OK;
}

static void tell_rpc_health(void *user, bool alive) {
    sp_rpc_server_set_alive(user, alive);
}

enum sp_status sp_watchdog_create_for(const struct sp_daemon_options *options, struct sp_rpc_server *server,
                                      struct sp_watchdog **ret_watchdog, struct sp_error *error) {
    const struct sp_watchdog_options watch = {
        .limit_ms = (unsigned)options->stuck_after_s * 1000, .changed = tell_rpc_health, .user = server};
    return sp_watchdog_create(&watch, ret_watchdog, error);
}

static enum sp_status add_watched_thread(struct sp_watchdog *watchdog, const char *name,
                                         const struct sp_heartbeat *heartbeat, struct sp_error *error) {
    struct watched *threads =
        sp_array_reserve(watchdog->threads, watchdog->count, &watchdog->capacity, sizeof(*threads));
    if (threads == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    watchdog->threads = threads;
    struct watched *watched = &threads[watchdog->count++];
    *watched = (struct watched){.heartbeat = heartbeat};
    (void)snprintf(watched->name, sizeof(watched->name), "%s", name);
    return SP_OK;
}

static enum sp_status add_rpc_threads(struct sp_watchdog *watchdog, const struct sp_rpc_server *server,
                                      struct sp_error *error) {
    unsigned workers = sp_rpc_server_workers(server);
    for (unsigned i = 0; i < sp_rpc_server_threads(server); i++) {
        char name[NAME_BYTES] = "grpc health";
        if (i < workers)
            (void)snprintf(name, sizeof(name), "grpc worker %u", i);
        enum sp_status status = add_watched_thread(watchdog, name, sp_rpc_server_heartbeat(server, i), error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_all_threads(struct sp_watchdog *watchdog, const struct sp_rpc_server *server,
                                      const struct sp_watched_thread *threads, size_t count, struct sp_error *error) {
    enum sp_status status = server == NULL ? SP_OK : add_rpc_threads(watchdog, server, error);
    for (size_t i = 0; i < count && status == SP_OK; i++)
        if (threads[i].heartbeat != NULL)
            status = add_watched_thread(watchdog, threads[i].name, threads[i].heartbeat, error);
    return status;
}

/* ---- the thread ---- */

static void check_thread_beat(const struct sp_watchdog *watchdog, struct watched *watched, int64_t passed_ms) {
    uint64_t beats = sp_heartbeat_read(watched->heartbeat);
    if (beats != watched->beats) {
        if (watched->stuck)
            sp_log(SP_LOG_WARNING, "thread \"%s\" has resumed", watched->name);
        watched->beats = beats;
        watched->still_ms = 0;
        watched->stuck = false;
        return;
    }
    watched->still_ms += passed_ms;
    if (watched->stuck || watched->still_ms <= (int64_t)watchdog->options.limit_ms)
        return;
    watched->stuck = true;
    sp_log(SP_LOG_ERROR, "thread \"%s\" has been stuck for %lld s: liveness probes fail until it resumes",
           watched->name, (long long)watched->still_ms / 1000);
}

/* If the watchdog comes late, the whole process stood still, and the other threads have had no time
 * to beat since. */
static int64_t count_passed_ms(struct sp_watchdog *watchdog, int64_t interval_ms) {
    int64_t now_ms = sp_clock_monotonic_ms();
    int64_t passed_ms = now_ms - watchdog->looked_ms;
    watchdog->looked_ms = now_ms;
    return passed_ms < 2 * interval_ms ? passed_ms : interval_ms;
}

static void check_all_threads(struct sp_watchdog *watchdog, int64_t interval_ms) {
    int64_t passed_ms = count_passed_ms(watchdog, interval_ms);
    unsigned before = atomic_load(&watchdog->stuck);
    unsigned stuck = 0;
    for (size_t i = 0; i < watchdog->count; i++) {
        check_thread_beat(watchdog, &watchdog->threads[i], passed_ms);
        stuck += watchdog->threads[i].stuck;
    }
    atomic_store(&watchdog->stuck, stuck);
    if ((before == 0) != (stuck == 0) && watchdog->options.changed != NULL)
        watchdog->options.changed(watchdog->options.user, stuck == 0);
}

static int64_t choose_interval_ms(const struct sp_watchdog *watchdog) {
    int64_t interval_ms = watchdog->options.limit_ms / LOOKS_A_LIMIT;
    return interval_ms < 1 ? 1 : interval_ms > LOOK_AT_MOST_MS ? LOOK_AT_MOST_MS : interval_ms;
}

static void *run_watchdog(void *user) {
    struct sp_watchdog *watchdog = user;
    int64_t interval_ms = choose_interval_ms(watchdog);
    (void)pthread_setname_np(pthread_self(), "watchdog");
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopping) {
        (void)sp_clock_wait(&watchdog->changed, &watchdog->lock, sp_clock_monotonic_ms() + interval_ms);
        if (watchdog->stopping)
            break;
        check_all_threads(watchdog, interval_ms);
        sp_daemon_tell_tls_refusals(sp_clock_monotonic_ms());
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

/* ---- life ---- */

enum sp_status sp_watchdog_start(struct sp_watchdog *watchdog, const struct sp_rpc_server *server,
                                 const struct sp_watched_thread *threads, size_t count, struct sp_error *error) {
    enum sp_status status = add_all_threads(watchdog, server, threads, count, error);
    if (status != SP_OK)
        return status;
    watchdog->looked_ms = sp_clock_monotonic_ms();
    status = sp_thread_start(&watchdog->thread, run_watchdog, watchdog, error, "the watchdog's thread");
    if (status != SP_OK)
        return status;
    watchdog->running = true;
    return SP_OK;
}

unsigned sp_watchdog_stuck(const struct sp_watchdog *watchdog) {
    return watchdog == NULL ? 0 : atomic_load(&watchdog->stuck);
}

void sp_watchdog_stop(struct sp_watchdog *watchdog) {
    if (watchdog == NULL || !watchdog->running)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    watchdog->running = false;
}

void sp_watchdog_free(struct sp_watchdog *watchdog) {
    if (watchdog == NULL)
        return;
    pthread_cond_destroy(&watchdog->changed);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog->threads);
    free(watchdog);
}
