#include "support/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAIRS_MAX = 64, LOOK_EVERY_MS = 20, BUFFER_BYTES = 64 * 1024 };

struct pair {
    int ends[2];
};

struct proxy {
    pthread_t thread;
    atomic_bool stopping, cut, drop;
    int listener, port, to;
    struct pair pairs[PAIRS_MAX];
    size_t count;
};

static int open_socket(int port, bool listens) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)port);
    int failed = fd < 0    ? -1
                 : listens ? bind(fd, (struct sockaddr *)&address, sizeof(address)) | listen(fd, PAIRS_MAX)
                           : connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (failed == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void drop(struct proxy *proxy, size_t i) {
    close(proxy->pairs[i].ends[0]);
    close(proxy->pairs[i].ends[1]);
    proxy->pairs[i] = proxy->pairs[--proxy->count];
}

static void take(struct proxy *proxy) {
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = client < 0 || proxy->count == PAIRS_MAX ? -1 : open_socket(proxy->to, false);
    if (client >= 0 && server >= 0)
        proxy->pairs[proxy->count++] = (struct pair){{client, server}};
    else if (client >= 0)
        close(client);
}

static bool pass(int from, int to) {
    static uint8_t buffer[BUFFER_BYTES]; /* of the one thread of each proxy in turn */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    bool passed = true;
    pthread_mutex_lock(&lock);
    ssize_t size = recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);
    for (ssize_t at = 0; at < size && passed;) {
        ssize_t sent = send(to, buffer + at, (size_t)(size - at), MSG_NOSIGNAL);
        passed = sent > 0;
        at += sent;
    }
    pthread_mutex_unlock(&lock);
    return passed && size > 0;
}

static void turn(struct proxy *proxy) {
    struct pollfd polls[1 + 2 * PAIRS_MAX] = {{proxy->listener, POLLIN, 0}};
    size_t count = proxy->count;
    for (size_t i = 0; i < count; i++)
        for (size_t end = 0; end < 2; end++)
            polls[1 + 2 * i + end] = (struct pollfd){proxy->pairs[i].ends[end], POLLIN, 0};
    if (poll(polls, 1 + 2 * count, LOOK_EVERY_MS) <= 0 || atomic_load(&proxy->cut))
        return;
    for (size_t i = count; i-- > 0;) {
        bool open = true;
        for (size_t end = 0; end < 2; end++)
            if (polls[1 + 2 * i + end].revents != 0)
                open = open && pass(proxy->pairs[i].ends[end], proxy->pairs[i].ends[1 - end]);
        if (!open)
            drop(proxy, i);
    }
    if (polls[0].revents != 0)
        take(proxy);
}

static void *run(void *user) {
    struct proxy *proxy = user;
    while (!atomic_load(&proxy->stopping)) {
        if (atomic_exchange(&proxy->drop, false))
            while (proxy->count > 0)
                drop(proxy, 0);
        if (atomic_load(&proxy->cut))
            nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
        else
            turn(proxy);
    }
    while (proxy->count > 0)
        drop(proxy, 0);
    return NULL;
}

struct proxy *proxy_start(int to) {
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    assert_non_null(proxy);
    proxy->to = to;
    proxy->listener = open_socket(0, true);
    assert_true(proxy->listener >= 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &size), 0);
    proxy->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

int proxy_port(const struct proxy *proxy) {
    return proxy->port;
}

void proxy_cut(struct proxy *proxy, bool cut) {
    if (!cut)
        atomic_store(&proxy->drop, true);
    atomic_store(&proxy->cut, cut);
}

void proxy_stop(struct proxy *proxy) {
    atomic_store(&proxy->stopping, true);
    assert_int_equal(pthread_join(proxy->thread, NULL), 0);
    close(proxy->listener);
    free(proxy);
}
