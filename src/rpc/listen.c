#include "rpc/listen.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/listen.h"

enum {
    BACK_OFF_MS = 50, /* after an accept that failed, or at the cap */
    DEFAULT_MAX_CONNECTIONS = 10000,
};

struct listener {
    struct sp_listen socket;
    sp_rpc_take_socket *take;
    void *user;
};

struct listeners {
    struct listener *all;
    size_t count, capacity;
    int wake_fd; /* an eventfd that ends the thread */
    pthread_t thread;
    bool running;
    unsigned max_connections;
    /* The socket cookie of each connection by its descriptor; the engine closes them without
     * notice, so closed ones are found by checking when the count reaches the cap. */
    uint64_t *cookies;
    size_t cookie_count;
    unsigned connections;       /* never fewer than there are */
    pthread_mutex_t count_lock; /* over the three */
};

struct listeners *sp_rpc_listeners_create(unsigned max_connections) {
    struct listeners *listeners = calloc(1, sizeof(*listeners));
    if (listeners != NULL) {
        listeners->wake_fd = -1;
        pthread_mutex_init(&listeners->count_lock, NULL);
        listeners->max_connections = max_connections == 0 ? DEFAULT_MAX_CONNECTIONS : max_connections;
    }
    return listeners;
}

/* ---- binding ---- */

enum sp_status sp_rpc_listeners_bind(struct listeners *listeners, const char *text, bool anywhere,
                                     sp_rpc_take_socket *take, void *user, struct sp_error *error) {
    struct listener *all = sp_array_reserve(listeners->all, listeners->count, &listeners->capacity, sizeof(*all));
    if (all == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    listeners->all = all;
    struct listener *made = &all[listeners->count];
    *made = (struct listener){.take = take, .user = user};
    enum sp_status status = sp_listen_open(text, anywhere, &made->socket, error);
    if (status != SP_OK)
        return status;
    listeners->count++;
    return SP_OK;
}

int sp_rpc_listeners_port(const struct listeners *listeners, size_t i) {
    return i < listeners->count ? listeners->all[i].socket.port : -1;
}

/* ---- counting connections ---- */

static uint64_t cookie_of(int fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
        return 0;
    return cookie;
}

/* With the lock held. */
static bool count_locked(struct listeners *listeners, int fd) {
    size_t at = (size_t)fd;
    if (at >= listeners->cookie_count) {
        size_t count = at < 512 ? 1024 : at * 2;
        uint64_t *cookies = reallocarray(listeners->cookies, count, sizeof(*cookies));
        if (cookies == NULL)
            return false;
        memset(cookies + listeners->cookie_count, 0, (count - listeners->cookie_count) * sizeof(*cookies));
        listeners->cookies = cookies;
        listeners->cookie_count = count;
    }
    /* A number that is given out again belonged to a connection that was closed. */
    if (listeners->cookies[at] == 0)
        listeners->connections++;
    listeners->cookies[at] = cookie_of(fd);
    return true;
}

static bool count_connection(struct listeners *listeners, int fd) {
    pthread_mutex_lock(&listeners->count_lock);
    bool counted = count_locked(listeners, fd);
    pthread_mutex_unlock(&listeners->count_lock);
    return counted;
}

static void forget_closed(struct listeners *listeners) {
    for (size_t fd = 0; fd < listeners->cookie_count; fd++) {
        if (listeners->cookies[fd] != 0 && cookie_of((int)fd) != listeners->cookies[fd]) {
            listeners->cookies[fd] = 0;
            listeners->connections--;
        }
    }
}

static bool at_cap(struct listeners *listeners) {
    pthread_mutex_lock(&listeners->count_lock);
    if (listeners->connections >= listeners->max_connections)
        forget_closed(listeners);
    bool at_cap = listeners->connections >= listeners->max_connections;
    pthread_mutex_unlock(&listeners->count_lock);
    return at_cap;
}

unsigned sp_rpc_listeners_connections(struct listeners *listeners) {
    pthread_mutex_lock(&listeners->count_lock);
    forget_closed(listeners);
    unsigned connections = listeners->connections;
    pthread_mutex_unlock(&listeners->count_lock);
    return connections;
}

/* ---- the thread ---- */

/* False when accepting should pause: at the cap, or the system is short of something. */
static bool accept_connection(struct listeners *listeners, const struct listener *listener) {
    if (at_cap(listeners))
        return false;
    int fd = accept4(listener->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    if (!count_connection(listeners, fd)) {
        close(fd);
        return false;
    }
    if (!listener->take(listener->user, listener->socket.fd, fd))
        close(fd);
    return true;
}

static bool accept_waiting(struct listeners *listeners, const struct pollfd *ready) {
    bool go_on = true;
    for (size_t i = 0; i < listeners->count; i++)
        if ((ready[i].revents & POLLIN) != 0)
            go_on = accept_connection(listeners, &listeners->all[i]) && go_on;
    return go_on;
}

static void *accept_main(void *user) {
    struct listeners *listeners = user;
    size_t count = listeners->count;
    struct pollfd *waits = calloc(count + 1, sizeof(*waits));
    if (waits == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        waits[i] = (struct pollfd){.fd = listeners->all[i].socket.fd, .events = POLLIN};
    struct pollfd *stop = &waits[count];
    *stop = (struct pollfd){.fd = listeners->wake_fd, .events = POLLIN};
    for (;;) {
        if (poll(waits, count + 1, -1) < 0 && errno != EINTR)
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
    if (listeners->wake_fd < 0 || pthread_create(&listeners->thread, NULL, accept_main, listeners) != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot start accepting connections: %s", strerror(errno));
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
    pthread_mutex_destroy(&listeners->count_lock);
    free(listeners->cookies);
    free(listeners->all);
    free(listeners);
}
