/* A real server in this process, and clients of it. Tests assert in their own thread only. */
#ifndef SP_TESTS_RPC_RIG_H
#define SP_TESTS_RPC_RIG_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/client.h"
#include "rpc/server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Every test of a server runs over both engines: ctest sets SP_TEST_ENGINE to "h2" for the second
 * time. */
static inline enum sp_rpc_engine rig_engine(void) {
    const char *name = getenv("SP_TEST_ENGINE");
    return name != NULL && strcmp(name, "h2") == 0 ? SP_RPC_ENGINE_H2 : SP_RPC_ENGINE_GRPC;
}

struct rig {
    struct sp_rpc_server *server;
    char target[64];
    struct sp_arena arena;
    struct sp_error error;
};

static inline void rig_start(struct rig *rig, const struct sp_rpc_method *methods, size_t count, unsigned workers) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    const struct sp_rpc_server_options options = {
        .engine = rig_engine(), .listen = loopback, .listen_count = 1, .workers = workers};
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(sp_arena_init(&rig->arena, 4096, 64 << 20), SP_OK);
    assert_int_equal(
        sp_rpc_server_open(&options, methods, count, (struct sp_bytes){NULL, 0}, &rig->server, &rig->error), SP_OK);
    assert_int_equal(sp_rpc_server_start(rig->server, &rig->error), SP_OK);
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 0));
}

static inline void rig_stop(struct rig *rig) {
    sp_rpc_server_stop(rig->server, 5000);
    sp_rpc_server_close(rig->server);
    sp_arena_fini(&rig->arena);
}

static inline struct sp_rpc_client *rig_client(struct rig *rig, unsigned timeout_ms) {
    struct sp_rpc_client *client;
    const struct sp_rpc_client_options options = {.target = rig->target, .timeout_ms = timeout_ms};
    assert_int_equal(sp_rpc_client_open(&options, &client, &rig->error), SP_OK);
    return client;
}

static inline struct sp_bytes bytes_of(const char *text) {
    return (struct sp_bytes){(const uint8_t *)text, strlen(text)};
}

/* Compares as text, so that a difference can be read. */
static inline void assert_bytes(struct sp_bytes bytes, const char *expected) {
    char text[256];
    snprintf(text, sizeof(text), "%.*s", (int)bytes.size, bytes.size == 0 ? "" : (const char *)bytes.data);
    assert_string_equal(text, expected);
    assert_int_equal(bytes.size, strlen(expected));
}

/* Something that one thread says and others wait for, with a generous limit so that a test fails
 * rather than hangs. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
};

#define GATE_INIT                                                                                                      \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

static inline void gate_add(struct gate *gate, int by) {
    pthread_mutex_lock(&gate->lock);
    gate->count += by;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* Waits until the count is at least `count`; false after a minute. */
static inline bool gate_wait(struct gate *gate, int count) {
    struct timespec until;
    int result = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&gate->lock);
    while (gate->count < count && result == 0) {
        result = pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
    }
    bool reached = gate->count >= count;
    pthread_mutex_unlock(&gate->lock);
    return reached;
}

static inline int gate_count(struct gate *gate) {
    pthread_mutex_lock(&gate->lock);
    int count = gate->count;
    pthread_mutex_unlock(&gate->lock);
    return count;
}

#endif
