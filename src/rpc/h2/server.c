#include "rpc/h2/server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "rpc/h2/budget.h"
#include "rpc/h2/loop.h"
#include "rpc/h2/session.h"
#include "rpc/health.h"

/* ---- opening ---- */

static int compare_routes(const void *a, const void *b) {
    return sp_str_compare(((const struct h2_route *)a)->path, ((const struct h2_route *)b)->path);
}

static enum sp_status index_methods(struct h2_server *server) {
    const struct h2_options *options = &server->options;
    server->routes = calloc(options->method_count, sizeof(*server->routes));
    if (server->routes == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < options->method_count; i++) {
        const struct sp_rpc_method *method = &options->methods[i];
        if (!options->health_only || sp_rpc_health_owns(method))
            server->routes[server->route_count++] = (struct h2_route){sp_str_from(method->path), method};
    }
    qsort(server->routes, server->route_count, sizeof(*server->routes), compare_routes);
    return SP_OK;
}

static enum sp_status open_loops(struct h2_server *server, struct sp_error *error) {
    unsigned count = server->options.loops;
    server->loops = calloc(count, sizeof(*server->loops));
    if (server->loops == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (unsigned i = 0; i < count; i++) {
        enum sp_status status = sp_rpc_h2_loop_open(&server->loops[i], server, i, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_rpc_h2_server_open(const struct h2_options *options, struct h2_server **ret_server,
                                     struct sp_error *error) {
    struct h2_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    sp_clock_init_condition(&server->changed);
    enum sp_status status = SP_OK;
    if (index_methods(server) != SP_OK || sp_rpc_h2_sessions_prepare(server) != SP_OK)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    else
        status = open_loops(server, error);
    if (status != SP_OK) {
        sp_rpc_h2_server_free(server);
        return status;
    }
    *ret_server = server;
    return SP_OK;
}

void sp_rpc_h2_server_free(struct h2_server *server) {
    if (server == NULL)
        return;
    sp_rpc_h2_server_stop(server, 0);
    for (unsigned i = 0; server->loops != NULL && i < server->options.loops; i++)
        sp_rpc_h2_loop_close(&server->loops[i]);
    free(server->loops);
    free(server->routes);
    sp_rpc_h2_sessions_fini(server);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

/* ---- running ---- */

enum sp_status sp_rpc_h2_server_start(struct h2_server *server, struct sp_error *error) {
    for (unsigned i = 0; i < server->options.loops; i++) {
        struct h2_loop *loop = &server->loops[i];
        enum sp_status status = sp_thread_start(&loop->thread, sp_rpc_h2_loop_main, loop, error, "worker %u", i);
        if (status != SP_OK)
            return status;
        server->threads_running++;
    }
    return SP_OK;
}

/* When the turn began that a handler may hold up; 0: the loop waits, or its turn is young. */
static int64_t held_up_since_ms(const struct h2_loop *loop) {
    enum { LONG_TURN_MS = 5 };
    int64_t turn_ms = atomic_load_explicit(&loop->turn_ms, memory_order_relaxed);
    return turn_ms != 0 && sp_clock_monotonic_ms() - turn_ms > LONG_TURN_MS ? turn_ms : 0;
}

static bool is_in_turn(const struct h2_loop *loop) {
    return atomic_load_explicit(&loop->turn_ms, memory_order_relaxed) != 0;
}

/* On a busy machine any turn may be long: of those the youngest. */
static bool is_freer(const struct h2_loop *loop, const struct h2_loop *than) {
    int64_t since_ms = held_up_since_ms(loop), other_since_ms = held_up_since_ms(than);
    if (since_ms != other_since_ms)
        return since_ms == 0 || (other_since_ms != 0 && since_ms > other_since_ms);
    unsigned count = atomic_load(&loop->connection_count), other = atomic_load(&than->connection_count);
    if (count != other)
        return count < other;
    if (is_in_turn(loop) != is_in_turn(than))
        return is_in_turn(than);
    return atomic_load_explicit(&loop->busy_ns, memory_order_relaxed) <
           atomic_load_explicit(&than->busy_ns, memory_order_relaxed);
}

static struct h2_loop *choose_loop(const struct h2_server *server) {
    struct h2_loop *chosen = &server->loops[0];
    for (unsigned i = 1; i < server->options.loops; i++)
        if (is_freer(&server->loops[i], chosen))
            chosen = &server->loops[i];
    return chosen;
}

/* Clients that connect faster than they are served wait in the kernel, where they cost least. */
bool sp_rpc_h2_server_take(const struct h2_entrance *entrance, int fd) {
    enum { TRIES = 100, TRY_EVERY_MS = 1 };
    struct h2_loop *loop = choose_loop(entrance->server);
    for (int i = 0; i < TRIES && sp_rpc_h2_loop_is_behind(loop); i++) {
        sp_clock_sleep_ms(TRY_EVERY_MS);
        loop = choose_loop(entrance->server);
    }
    return sp_rpc_h2_loop_give(loop, entrance, fd);
}

unsigned sp_rpc_h2_server_connections(const struct h2_server *server) {
    unsigned count = 0;
    for (unsigned i = 0; i < server->options.loops; i++)
        count += atomic_load(&server->loops[i].connection_count);
    return count;
}

size_t sp_rpc_h2_server_held_bytes(const struct h2_server *server) {
    return sp_rpc_h2_budget_used(server);
}

const struct sp_heartbeat *sp_rpc_h2_server_heartbeat(const struct h2_server *server, unsigned loop) {
    return &server->loops[loop].heartbeat;
}

/* ---- stopping ---- */

static void wait_until_alone(struct h2_server *server, unsigned grace_ms) {
    int64_t until_ms = sp_clock_monotonic_ms() + grace_ms;
    pthread_mutex_lock(&server->lock);
    while (sp_rpc_h2_server_connections(server) > 0 && sp_clock_wait(&server->changed, &server->lock, until_ms))
        continue;
    pthread_mutex_unlock(&server->lock);
}

void sp_rpc_h2_server_stop(struct h2_server *server, unsigned grace_ms) {
    if (server->stopped)
        return;
    server->stopped = true;
    for (unsigned i = 0; i < server->threads_running; i++)
        sp_rpc_h2_loop_drain(&server->loops[i]);
    if (server->threads_running > 0)
        wait_until_alone(server, grace_ms);
    for (unsigned i = 0; i < server->threads_running; i++)
        sp_rpc_h2_loop_end(&server->loops[i]);
    for (unsigned i = 0; i < server->threads_running; i++)
        pthread_join(server->loops[i].thread, NULL);
}
