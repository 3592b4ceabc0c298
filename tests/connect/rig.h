/* A Connect server in this process, with handlers of its own behind the messages of
 * sallyport.v1.Authorization, asked over real sockets. Every helper asserts. */
#ifndef SP_TESTS_CONNECT_RIG_H
#define SP_TESTS_CONNECT_RIG_H

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "connect/connect.h"
#include "http/server.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "support/http_client.h"
#include "wire/wire.h"

enum { RIG_SLOT = 7, RIG_METHODS_MAX = 8 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CHECK "/sallyport.v1.Authorization/Check"

struct rig {
    struct sp_http_server *http;
    struct sp_connect *connect;
    const struct sp_http_route *routes;
    int port;
    atomic_int handled, stopped;
    pthread_t thread; /* of a handler's own */
    bool has_thread;
};

static inline void rig_start(struct rig *rig, const struct sp_rpc_method *methods, size_t count,
                             enum sp_status (*admit)(struct sp_rpc_call *call, unsigned permit, void *user,
                                                     struct sp_error *error),
                             enum sp_status (*authenticate)(struct sp_rpc_call *call, void *user,
                                                            struct sp_error *error),
                             void (*stopping)(unsigned slot, void *user)) {
    static const ProtobufCServiceDescriptor *const services[] = {&sallyport__v1__authorization__descriptor};
    static const char *const loopback[] = {"127.0.0.1:0"};
    struct sp_error error = {0};
    const struct sp_connect_options options = {.methods = methods,
                                               .method_count = count,
                                               .services = services,
                                               .service_count = 1,
                                               .slot = RIG_SLOT,
                                               .admit = admit,
                                               .authenticate = authenticate,
                                               .worker_stopping = stopping,
                                               .user = rig};
    const struct sp_http_options http = {.listen = loopback, .listen_count = 1};
    assert_int_equal(sp_connect_start(&options, &rig->connect, &error), SP_OK);
    size_t routes = sp_connect_routes(rig->connect, &rig->routes);
    assert_int_equal(sp_http_open(&http, rig->routes, routes, &rig->http, &error), SP_OK);
    assert_int_equal(sp_http_start(rig->http, &error), SP_OK);
    rig->port = sp_http_port(rig->http, 0);
}

static inline void rig_stop(struct rig *rig) {
    sp_connect_leave(rig->connect);
    if (rig->http != NULL)
        sp_http_stop(rig->http, 1000);
    sp_http_close(rig->http);
    sp_connect_stop(rig->connect);
    if (rig->has_thread)
        pthread_join(rig->thread, NULL);
    sp_connect_free(rig->connect);
    *rig = (struct rig){.connect = NULL};
}

/* 0 with sanitizers. */
static inline size_t heap_in_use(void) {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Posts bytes on a new connection; `headers` are complete lines. */
static inline void rig_post(const struct rig *rig, const char *path, const char *headers, const void *body, size_t size,
                            struct http_reply *ret_reply) {
    char head[1024];
    int fd = http_connect(rig->port);
    int wrote = snprintf(head, sizeof(head),
                         "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
                         path, headers, size);
    assert_in_range(wrote, 1, sizeof(head) - 1);
    http_send(fd, head, (size_t)wrote);
    http_send(fd, body, size);
    http_read(fd, false, ret_reply);
    close(fd);
}

#endif
