#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 4096 /* PIPE_BUF: what a pipe takes as a whole or not at all */ };

static enum sp_outlet_kind kind_of_fd(int fd) {
    struct stat about;
    if (fstat(fd, &about) != 0)
        return SP_OUTLET_STREAM;
    if (S_ISREG(about.st_mode))
        return SP_OUTLET_FILE;
    return S_ISSOCK(about.st_mode) ? SP_OUTLET_SOCKET : SP_OUTLET_STREAM;
}

/* A new description of the same stream, which does not wait; -1: the kernel gives none. */
static int reopen_without_waiting(int fd) {
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

enum sp_status sp_outlet_open_standard(int standard_fd, struct sp_outlet *ret_outlet) {
    struct sp_outlet outlet = {.fd = -1, .kind = kind_of_fd(standard_fd)};
    if (outlet.kind == SP_OUTLET_STREAM)
        outlet.fd = reopen_without_waiting(standard_fd);
    outlet.may_wait = outlet.kind == SP_OUTLET_STREAM && outlet.fd < 0;
    if (outlet.fd < 0)
        outlet.fd = fcntl(standard_fd, F_DUPFD_CLOEXEC, 3);
    if (outlet.fd < 0)
        return SP_ERR_IO;
    *ret_outlet = outlet;
    return SP_OK;
}

enum sp_status sp_outlet_open_file(const char *path, struct sp_outlet *ret_outlet) {
    const int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, O_WRONLY | flags, 0640);
    if (fd < 0 && errno == ENXIO)
        fd = open(path, O_RDWR | flags, 0640);
    if (fd < 0)
        return SP_ERR_IO;
    *ret_outlet = (struct sp_outlet){.fd = fd, .kind = kind_of_fd(fd)};
    return SP_OK;
}

/* How much of the bytes is written at once: up to the last line that ends within a piece. */
static size_t choose_piece(const char *bytes, size_t size) {
    if (size <= PIECE_BYTES)
        return size;
    const char *last = memrchr(bytes, '\n', PIECE_BYTES);
    return last != NULL ? (size_t)(last - bytes) + 1 : PIECE_BYTES;
}

/* As write(2), with EAGAIN instead of waiting. */
static ssize_t write_piece(const struct sp_outlet *outlet, const char *bytes, size_t size) {
    if (outlet->kind == SP_OUTLET_FILE)
        return write(outlet->fd, bytes, size);
    size_t piece = choose_piece(bytes, size);
    if (outlet->kind == SP_OUTLET_SOCKET)
        return send(outlet->fd, bytes, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (outlet->may_wait && !sp_outlet_wait(outlet, 0)) {
        errno = EAGAIN;
        return -1;
    }
    return write(outlet->fd, bytes, piece);
}

enum sp_status sp_outlet_write(const struct sp_outlet *outlet, const char *bytes, size_t size, size_t *ret_done) {
    size_t done = 0;
    while (done < size) {
        ssize_t wrote = write_piece(outlet, bytes + done, size - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && errno == EAGAIN)
            break;
        if (wrote < 0)
            return SP_ERR_IO;
        done += (size_t)wrote;
    }
    *ret_done = done;
    return SP_OK;
}

bool sp_outlet_wait(const struct sp_outlet *outlet, int timeout_ms) {
    struct pollfd wait = {.fd = outlet->fd, .events = POLLOUT};
    return poll(&wait, 1, timeout_ms) > 0;
}

void sp_outlet_close(struct sp_outlet *outlet) {
    if (outlet->fd >= 0)
        close(outlet->fd);
    outlet->fd = -1;
}
