#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <grpc/grpc_security.h>

#include "rpc/listen.h"

/* gRPC's hand-over for accepted sockets, grpc_core::TcpServerFdHandler, as C sees it: a C++ object with two entries for its
 * destructor before its one method. gRPC creates it for an address "external:<name>" and stores it where the channel argument of
 * that name points. The public grpc_server_add_channel_from_fd would do, but it loses the peer's address ("fd:7"), which
 * allowlists of the admin API rely on, and it cannot do TLS. A test proves the hand-over on the library at hand. */
struct fd_handler;
struct fd_handler_entries {
    void (*destroy)(struct fd_handler *handler);
    void (*destroy_and_free)(struct fd_handler *handler);
    void (*handle)(struct fd_handler *handler, int listener_fd, int fd, grpc_byte_buffer *read_already);
};
struct fd_handler {
    const struct fd_handler_entries *entries;
};

enum {
    BACKLOG = 1024,
    BACK_OFF_MS = 50, /* after an accept that failed, or at the cap */
    DEFAULT_MAX_CONNECTIONS = 10000,
};

#define EXTERNAL_NAME "external:sallyport"

struct listener {
    int fd;
    int port;
    char unix_path[sizeof((struct sockaddr_un *)NULL)->sun_path]; /* empty: TCP */
};

struct listeners {
    struct listener *all;
    size_t count;
    int wake_fd; /* an eventfd that ends the thread */
    pthread_t thread;
    bool running;
    struct fd_handler *handler; /* gRPC's; lives until the server shuts down */
    unsigned max_connections;
    /* The socket cookie of each connection by its descriptor; gRPC closes them without a word, so closed ones are found by
     * looking, when the count reaches the cap. */
    uint64_t *cookies;
    size_t cookie_count;
    unsigned connections; /* never fewer than there are */
};

struct listeners *listeners_create(unsigned max_connections) {
    struct listeners *listeners = calloc(1, sizeof *listeners);
    if (listeners != NULL) {
        listeners->wake_fd = -1;
        listeners->max_connections = max_connections == 0 ? DEFAULT_MAX_CONNECTIONS : max_connections;
    }
    return listeners;
}

/* ---- addresses ---- */

struct bind_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } to;
    socklen_t size;
    bool loopback;
};

static bool parse_port(const char *text, uint16_t *ret_port) {
    char *end;
    errno = 0;
    unsigned long port = strtoul(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || port > UINT16_MAX) {
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_tcp(const char *text, struct bind_address *ret) {
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    const char *colon = strrchr(text, ':');
    bool v6 = text[0] == '[';
    if (colon == NULL || !parse_port(colon + 1, &port) || (v6 && (colon == text + 1 || colon[-1] != ']'))) {
        return false;
    }
    const char *from = v6 ? text + 1 : text;
    size_t size = (size_t)(colon - from) - (v6 ? 1 : 0);
    if (size >= sizeof host) {
        return false;
    }
    memcpy(host, from, size);
    host[size] = '\0';
    if (v6) {
        ret->to.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        ret->size = sizeof ret->to.v6;
        bool valid = inet_pton(AF_INET6, host, &ret->to.v6.sin6_addr) == 1;
        ret->loopback = valid && IN6_IS_ADDR_LOOPBACK(&ret->to.v6.sin6_addr);
        return valid;
    }
    ret->to.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    ret->size = sizeof ret->to.v4;
    bool valid = inet_pton(AF_INET, host, &ret->to.v4.sin_addr) == 1;
    ret->loopback = valid && (ntohl(ret->to.v4.sin_addr.s_addr) >> 24) == 127;
    return valid;
}

static bool parse_unix(const char *path, struct bind_address *ret) {
    size_t size = strlen(path);
    ret->to.local = (struct sockaddr_un){.sun_family = AF_UNIX};
    ret->size = sizeof ret->to.local;
    ret->loopback = true;
    if (size == 0 || size >= sizeof ret->to.local.sun_path) {
        return false;
    }
    memcpy(ret->to.local.sun_path, path, size);
    return true;
}

static enum sp_status parse_address(const char *text, bool insecure, struct bind_address *ret, struct sp_error *error) {
    memset(ret, 0, sizeof *ret);
    bool valid = strncmp(text, "unix:", 5) == 0 ? parse_unix(text + 5, ret) : parse_tcp(text, ret);
    if (!valid) {
        return sp_error_set(error, SP_ERR_INVALID,
                            "listen address \"%s\" cannot be read: give \"127.0.0.1:7400\", \"[::1]:7400\" or "
                            "\"unix:/run/sallyport.sock\" (at most %zu bytes)",
                            text, sizeof ret->to.local.sun_path - 1);
    }
    if (!ret->loopback && !insecure) {
        return sp_error_set(error, SP_ERR_INVALID,
                            "listen address \"%s\" is not a loopback address, and plaintext would carry keys over the "
                            "network: listen on 127.0.0.1, or allow it with --insecure",
                            text);
    }
    return SP_OK;
}

/* ---- binding ---- */

/* A socket file that nobody accepts on any more is left over from a process that died. */
static void remove_stale_socket(const struct bind_address *address) {
    struct stat about;
    const char *path = address->to.local.sun_path;
    if (lstat(path, &about) != 0 || !S_ISSOCK(about.st_mode)) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, &address->to.any, address->size) != 0 && errno == ECONNREFUSED) {
        unlink(path);
    }
    close(fd);
}

static int open_socket(const struct bind_address *address) {
    int fd = socket(address->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1, off = 0;
    bool ready = true;
    if (address->to.any.sa_family != AF_UNIX) {
        /* Accepted sockets inherit NODELAY. */
        ready = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    }
    if (ready && address->to.any.sa_family == AF_INET6) {
        ready = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
    }
    if (!ready || bind(fd, &address->to.any, address->size) != 0 || listen(fd, BACKLOG) != 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static int bound_port(int fd) {
    struct bind_address address;
    address.size = sizeof address.to;
    if (getsockname(fd, &address.to.any, &address.size) != 0) {
        return 0;
    }
    switch (address.to.any.sa_family) {
    case AF_INET:
        return ntohs(address.to.v4.sin_port);
    case AF_INET6:
        return ntohs(address.to.v6.sin6_port);
    default:
        return 0;
    }
}

enum sp_status listeners_bind(struct listeners *listeners, const char *text, bool insecure, struct sp_error *error) {
    struct bind_address address;
    enum sp_status status = parse_address(text, insecure, &address, error);
    if (status != SP_OK) {
        return status;
    }
    struct listener *all = reallocarray(listeners->all, listeners->count + 1, sizeof *all);
    if (all == NULL) {
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    listeners->all = all;
    bool local = address.to.any.sa_family == AF_UNIX;
    if (local) {
        remove_stale_socket(&address);
    }
    int fd = open_socket(&address);
    if (fd < 0) {
        return sp_error_set(error, SP_ERR_IO, "cannot listen on \"%s\": %s", text, strerror(errno));
    }
    struct listener *listener = &all[listeners->count++];
    *listener = (struct listener){.fd = fd, .port = bound_port(fd)};
    if (local) {
        memcpy(listener->unix_path, address.to.local.sun_path, sizeof listener->unix_path);
    }
    return SP_OK;
}

int listeners_port(const struct listeners *listeners, size_t i) {
    return i < listeners->count ? listeners->all[i].port : -1;
}

/* ---- the hand-over to gRPC ---- */

static void *copy_pointer(void *pointer) {
    return pointer;
}

static void keep_pointer(void *pointer) {
    (void)pointer;
}

static int compare_pointers(void *a, void *b) {
    return a < b ? -1 : a > b;
}

grpc_arg listeners_channel_arg(struct listeners *listeners) {
    static const grpc_arg_pointer_vtable entries = {copy_pointer, keep_pointer, compare_pointers};
    static char name[] = EXTERNAL_NAME;
    grpc_arg arg = {.type = GRPC_ARG_POINTER, .key = name};
    arg.value.pointer.p = &listeners->handler;
    arg.value.pointer.vtable = &entries;
    return arg;
}

enum sp_status listeners_attach(struct listeners *listeners, grpc_server *server, struct sp_error *error) {
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    grpc_server_add_http2_port(server, EXTERNAL_NAME, credentials);
    grpc_server_credentials_release(credentials);
    if (listeners->handler == NULL) {
        return sp_error_set(error, SP_ERR_INTERNAL, "this gRPC library (%s) takes no accepted sockets",
                            grpc_version_string());
    }
    return SP_OK;
}

/* ---- counting connections ---- */

static uint64_t cookie_of(int fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) {
        return 0;
    }
    return cookie;
}

static bool count_connection(struct listeners *listeners, int fd) {
    size_t at = (size_t)fd;
    if (at >= listeners->cookie_count) {
        size_t count = at < 512 ? 1024 : at * 2;
        uint64_t *cookies = reallocarray(listeners->cookies, count, sizeof *cookies);
        if (cookies == NULL) {
            return false;
        }
        memset(cookies + listeners->cookie_count, 0, (count - listeners->cookie_count) * sizeof *cookies);
        listeners->cookies = cookies;
        listeners->cookie_count = count;
    }
    /* A number that is given out again belonged to a connection that was closed. */
    if (listeners->cookies[at] == 0) {
        listeners->connections++;
    }
    listeners->cookies[at] = cookie_of(fd);
    return true;
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
    if (listeners->connections >= listeners->max_connections) {
        forget_closed(listeners);
    }
    return listeners->connections >= listeners->max_connections;
}

/* ---- the thread ---- */

/* False when accepting should pause: at the cap, or the system is short of something. */
static bool accept_one(struct listeners *listeners, const struct listener *listener) {
    if (at_cap(listeners)) {
        return false;
    }
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    }
    if (!count_connection(listeners, fd)) {
        close(fd);
        return false;
    }
    listeners->handler->entries->handle(listeners->handler, listener->fd, fd, NULL);
    return true;
}

static bool accept_ready(struct listeners *listeners, const struct pollfd *ready) {
    bool go_on = true;
    for (size_t i = 0; i < listeners->count; i++) {
        if ((ready[i].revents & POLLIN) != 0) {
            go_on = accept_one(listeners, &listeners->all[i]) && go_on;
        }
    }
    return go_on;
}

static void *accept_main(void *user) {
    struct listeners *listeners = user;
    size_t count = listeners->count;
    struct pollfd *waits = calloc(count + 1, sizeof *waits);
    if (waits == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        waits[i] = (struct pollfd){.fd = listeners->all[i].fd, .events = POLLIN};
    }
    struct pollfd *stop = &waits[count];
    *stop = (struct pollfd){.fd = listeners->wake_fd, .events = POLLIN};
    for (;;) {
        if (poll(waits, count + 1, -1) < 0 && errno != EINTR) {
            break;
        }
        if (stop->revents != 0) {
            break;
        }
        if (!accept_ready(listeners, waits)) {
            poll(stop, 1, BACK_OFF_MS);
        }
    }
    free(waits);
    return NULL;
}

enum sp_status listeners_start(struct listeners *listeners, struct sp_error *error) {
    listeners->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (listeners->wake_fd < 0 || pthread_create(&listeners->thread, NULL, accept_main, listeners) != 0) {
        return sp_error_set(error, SP_ERR_IO, "cannot start accepting connections: %s", strerror(errno));
    }
    listeners->running = true;
    return SP_OK;
}

void listeners_stop(struct listeners *listeners) {
    if (listeners->running) {
        eventfd_write(listeners->wake_fd, 1);
        pthread_join(listeners->thread, NULL);
        listeners->running = false;
    }
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->all[i];
        if (listener->fd >= 0) {
            if (listener->unix_path[0] != '\0') {
                unlink(listener->unix_path);
            }
            close(listener->fd);
            listener->fd = -1;
        }
    }
}

void listeners_free(struct listeners *listeners) {
    if (listeners == NULL) {
        return;
    }
    listeners_stop(listeners);
    if (listeners->wake_fd >= 0) {
        close(listeners->wake_fd);
    }
    free(listeners->cookies);
    free(listeners->all);
    free(listeners);
}
