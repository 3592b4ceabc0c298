#include "rpc/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/listen.h"
#include "base/thread.h"

enum {
    BACK_OFF_MS = 50, /* after an accept that failed, or at the cap */
};

struct listener {
    struct sp_listen socket;
    struct connection_cap cap;
    sp_rpc_take_socket *take;
    void *user;
    bool waits; /* at its cap: its clients wait in the backlog */
};

struct listeners {
    struct listener *all;
    size_t count, capacity;
    struct connections *connections;
    int wake_fd; /* an eventfd that ends the thread */
    pthread_t thread;
    bool running;
};

struct listeners *sp_rpc_listeners_create(struct connections *connections) {
    struct listeners *listeners = calloc(1, sizeof(*listeners));
    if (listeners != NULL) {
        listeners->wake_fd = -1;
        listeners->connections = connections;
    }
    return listeners;
}

/* ---- binding ---- */

enum sp_status sp_rpc_listeners_bind(struct listeners *listeners, const char *text, bool anywhere,
                                     const struct connection_cap *cap, sp_rpc_take_socket *take, void *user,
                                     struct sp_error *error) {
    struct listener *all = sp_array_reserve(listeners->all, listeners->count, &listeners->capacity, sizeof(*all));
    if (all == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    listeners->all = all;
    struct listener *made = &all[listeners->count];
    *made = (struct listener){.cap = *cap, .take = take, .user = user};
    enum sp_status status = sp_listen_open(text, anywhere, SP_RPC_FIRST_RECEIVE_BYTES, &made->socket, error);
    if (status != SP_OK)
        return status;
    listeners->count++;
    return SP_OK;
}

int sp_rpc_listeners_port(const struct listeners *listeners, size_t i) {
    return i < listeners->count ? listeners->all[i].socket.port : -1;
}

/* ---- the thread ---- */

static bool find_peer(int fd, const struct sockaddr *address, struct sp_peer *ret_peer) {
    struct ucred process;
    socklen_t size = sizeof(process);
    if (sp_peer_from_sockaddr(address, ret_peer))
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &size) != 0)
        return false;
    *ret_peer = sp_peer_from_uid(process.uid);
    return true;
}

/* Or closes both. */
static void take_socket(struct listeners *listeners, size_t at, const struct sockaddr *address, int fd,
                        int duplicate_fd) {
    const struct listener *listener = &listeners->all[at];
    struct sp_peer peer;
    if (!find_peer(fd, address, &peer) || sp_rpc_connections_refuse(listeners->connections, at, &peer) ||
        !sp_rpc_connections_have_room_for_peer(listeners->connections, at, &listener->cap, &peer) ||
        !sp_rpc_connections_add(listeners->connections, at, &listener->cap, &peer, duplicate_fd)) {
        close(fd);
        close(duplicate_fd);
        return;
    }
    if (!listener->take(listener->user, listener->socket.fd, fd)) {
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
}

static bool is_system_short(void) {
    return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

/* False when accepting should pause, because the system is short of something. */
static bool accept_connection(struct listeners *listeners, size_t at) {
    struct listener *listener = &listeners->all[at];
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof(address);
    listener->waits = !sp_rpc_connections_have_room(listeners->connections, at, &listener->cap);
    if (listener->waits)
        return true;
    /* Both descriptors, or none: a client in the backlog is not lost. */
    int duplicate_fd = fcntl(listeners->wake_fd, F_DUPFD_CLOEXEC, 0);
    if (duplicate_fd < 0)
        return false;
    memset(&address, 0, sizeof(address));
    int fd = accept4(listener->socket.fd, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        bool go_on = !is_system_short();
        close(duplicate_fd);
        return go_on;
    }
    if (dup3(fd, duplicate_fd, O_CLOEXEC) < 0) {
        close(fd);
        close(duplicate_fd);
        return true;
    }
    take_socket(listeners, at, &address.any, fd, duplicate_fd);
    return true;
}

static bool accept_waiting(struct listeners *listeners, const struct pollfd *ready) {
    bool go_on = true;
    for (size_t i = 0; i < listeners->count; i++)
        if ((ready[i].revents & POLLIN) != 0)
            go_on = accept_connection(listeners, i) && go_on;
    return go_on;
}

/* The listeners that take connections, and the eventfd. Returns how long to wait for them;
 * negative: for ever. */
static int fill_listener_waits(struct listeners *listeners, struct pollfd *waits) {
    int wait_ms = -1;
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->all[i];
        waits[i] = (struct pollfd){.fd = listener->waits ? -1 : listener->socket.fd, .events = POLLIN};
        wait_ms = listener->waits ? BACK_OFF_MS : wait_ms;
        listener->waits = false; /* asked again each time */
    }
    waits[listeners->count] = (struct pollfd){.fd = listeners->wake_fd, .events = POLLIN};
    return wait_ms;
}

static void *accept_main(void *user) {
    struct listeners *listeners = user;
    size_t count = listeners->count;
    struct pollfd *waits = calloc(count + 1, sizeof(*waits));
    if (waits == NULL)
        return NULL;
    struct pollfd *stop = &waits[count];
    for (;;) {
        int wait_ms = fill_listener_waits(listeners, waits);
        if (poll(waits, count + 1, wait_ms) < 0 && errno != EINTR)
            break;
        if (stop->revents != 0)
            break;
        if (!accept_waiting(listeners, waits))
            poll(stop, 1, BACK_OFF_MS);
    }
    free(waits);
    return NULL;
}

enum sp_status sp_rpc_listeners_start(struct listeners *listeners, struct sp_error *error) {
    listeners->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (listeners->wake_fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot start accepting connections: %s", strerror(errno));
    enum sp_status status = sp_thread_start(&listeners->thread, accept_main, listeners, error, "accepting connections");
    if (status != SP_OK)
        return status;
    listeners->running = true;
    return SP_OK;
}

void sp_rpc_listeners_stop(struct listeners *listeners) {
    if (listeners->running) {
        eventfd_write(listeners->wake_fd, 1);
        pthread_join(listeners->thread, NULL);
        listeners->running = false;
    }
    for (size_t i = 0; i < listeners->count; i++)
        sp_listen_close(&listeners->all[i].socket);
}

void sp_rpc_listeners_free(struct listeners *listeners) {
    if (listeners == NULL)
        return;
    sp_rpc_listeners_stop(listeners);
    if (listeners->wake_fd >= 0)
        close(listeners->wake_fd);
    free(listeners->all);
    free(listeners);
}
