#include "base/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == SP_LISTEN_PATH_BYTES, "sun_path");

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

/* ---- reading addresses ---- */

static bool parse_port(const char *text, uint16_t *ret_port) {
    char *end;
    errno = 0;
    unsigned long port = strtoul(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_host(const char *host, bool v6, uint16_t port, struct bind_address *ret) {
    bool valid;
    if (v6) {
        ret->to.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        ret->size = sizeof(ret->to.v6);
        valid = inet_pton(AF_INET6, host, &ret->to.v6.sin6_addr) == 1;
        ret->loopback = valid && IN6_IS_ADDR_LOOPBACK(&ret->to.v6.sin6_addr);
    } else {
        ret->to.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        ret->size = sizeof(ret->to.v4);
        valid = inet_pton(AF_INET, host, &ret->to.v4.sin_addr) == 1;
        ret->loopback = valid && (ntohl(ret->to.v4.sin_addr.s_addr) >> 24) == 127;
    }
    return valid;
}

static bool parse_tcp(const char *text, struct bind_address *ret) {
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    const char *colon = strrchr(text, ':');
    bool v6 = text[0] == '[';
    if (colon == NULL || !parse_port(colon + 1, &port) || (v6 && (colon == text + 1 || colon[-1] != ']')))
        return false;
    const char *from = v6 ? text + 1 : text;
    size_t size = (size_t)(colon - from) - (v6 ? 1 : 0);
    if (size >= sizeof(host))
        return false;
    memcpy(host, from, size);
    host[size] = '\0';
    return parse_host(host, v6, port, ret);
}

static bool parse_unix(const char *path, struct bind_address *ret) {
    size_t size = strlen(path);
    ret->to.local = (struct sockaddr_un){.sun_family = AF_UNIX};
    ret->size = sizeof(ret->to.local);
    ret->loopback = true;
    if (size == 0 || size >= sizeof(ret->to.local.sun_path))
        return false;
    memcpy(ret->to.local.sun_path, path, size);
    return true;
}

static enum sp_status parse_address(const char *text, bool anywhere, struct bind_address *ret, struct sp_error *error) {
    memset(ret, 0, sizeof(*ret));
    bool valid = strncmp(text, "unix:", 5) == 0 ? parse_unix(text + 5, ret) : parse_tcp(text, ret);
    if (!valid)
        return sp_error_set(
            error, SP_ERR_INVALID,
            "invalid listen address \"%s\": use an address such as \"127.0.0.1:7400\", \"[::1]:7400\" or "
            "\"unix:/run/sallyport.sock\" (the path at most %zu bytes)",
            text, sizeof(ret->to.local.sun_path) - 1);
    if (!ret->loopback && !anywhere)
        return sp_error_set(error, SP_ERR_INVALID,
                            "listen address \"%s\" is not a loopback address, and plaintext would expose keys on the "
                            "network; configure TLS, listen on 127.0.0.1, or allow it with --insecure",
                            text);
    return SP_OK;
}

/* ---- binding ---- */

/* A socket file that nobody accepts on any more is left over from a process that died. */
static void remove_stale_socket(const struct bind_address *address) {
    struct stat about;
    const char *path = address->to.local.sun_path;
    if (lstat(path, &about) != 0 || !S_ISSOCK(about.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, &address->to.any, address->size) != 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

/* Before listen(2): the window scale that a connection announces follows from the buffer. */
static bool limit_receive_buffer(int fd, int bytes) {
    return bytes == 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0;
}

static int open_socket(const struct bind_address *address, int receive_buffer_bytes) {
    int fd = socket(address->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    bool ready = limit_receive_buffer(fd, receive_buffer_bytes);
    /* Accepted sockets inherit NODELAY. */
    if (ready && address->to.any.sa_family != AF_UNIX)
        ready = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
    if (ready && address->to.any.sa_family == AF_INET6)
        ready = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0;
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
    address.size = sizeof(address.to);
    if (getsockname(fd, &address.to.any, &address.size) != 0)
        return 0;
    switch (address.to.any.sa_family) {
    case AF_INET:
        return ntohs(address.to.v4.sin_port);
    case AF_INET6:
        return ntohs(address.to.v6.sin6_port);
    default:
        return 0;
    }
}

enum sp_status sp_listen_open(const char *text, bool anywhere, int receive_buffer_bytes, struct sp_listen *ret_listen,
                              struct sp_error *error) {
    struct bind_address address;
    enum sp_status status = parse_address(text, anywhere, &address, error);
    if (status != SP_OK)
        return status;
    bool local = address.to.any.sa_family == AF_UNIX;
    if (local)
        remove_stale_socket(&address);
    int fd = open_socket(&address, receive_buffer_bytes);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot listen on \"%s\": %s", text, strerror(errno));
    *ret_listen = (struct sp_listen){.fd = fd, .port = bound_port(fd), .loopback = address.loopback};
    if (local)
        memcpy(ret_listen->unix_path, address.to.local.sun_path, sizeof(ret_listen->unix_path));
    return SP_OK;
}

void sp_listen_close(struct sp_listen *listen) {
    if (listen->fd < 0)
        return;
    if (listen->unix_path[0] != '\0')
        unlink(listen->unix_path);
    close(listen->fd);
    listen->fd = -1;
}
