#include "rpc/h2/socket.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

/* What an operation of OpenSSL that did nothing means. Notes what the socket waits for. */
static enum h2_io note_tls_wait(struct h2_socket *socket, int result) {
    int why = SSL_get_error(socket->ssl, result);
    ERR_clear_error();
    socket->wants_to_write = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? H2_IO_LATER : H2_IO_ENDED;
}

static bool has_chosen_h2(const SSL *ssl) {
    const unsigned char *name = NULL;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    return size == 2 && memcmp(name, "h2", 2) == 0;
}

enum h2_io sp_rpc_h2_socket_shake(struct h2_socket *socket) {
    if (socket->shaken)
        return H2_IO_DONE;
    ERR_clear_error();
    int result = SSL_do_handshake(socket->ssl);
    if (result != 1)
        return note_tls_wait(socket, result);
    socket->wants_to_write = false;
    socket->shaken = has_chosen_h2(socket->ssl);
    return socket->shaken ? H2_IO_DONE : H2_IO_ENDED;
}

static enum h2_io judge_plain_result(ssize_t size, size_t *ret_size) {
    if (size > 0) {
        *ret_size = (size_t)size;
        return H2_IO_DONE;
    }
    return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? H2_IO_LATER : H2_IO_ENDED;
}

static int clamp_to_int(size_t size) {
    return size > INT_MAX ? INT_MAX : (int)size;
}

static enum h2_io note_tls_size(struct h2_socket *socket, int size, size_t *ret_size) {
    if (size <= 0)
        return note_tls_wait(socket, size);
    socket->wants_to_write = false;
    *ret_size = (size_t)size;
    return H2_IO_DONE;
}

enum h2_io sp_rpc_h2_socket_read(struct h2_socket *socket, uint8_t *ret_bytes, size_t room, size_t *ret_size) {
    if (socket->ssl == NULL)
        return judge_plain_result(recv(socket->fd, ret_bytes, room, 0), ret_size);
    ERR_clear_error();
    return note_tls_size(socket, SSL_read(socket->ssl, ret_bytes, clamp_to_int(room)), ret_size);
}

enum h2_io sp_rpc_h2_socket_write(struct h2_socket *socket, const uint8_t *bytes, size_t size, size_t *ret_written) {
    if (socket->ssl == NULL)
        return judge_plain_result(send(socket->fd, bytes, size, MSG_NOSIGNAL), ret_written);
    ERR_clear_error();
    return note_tls_size(socket, SSL_write(socket->ssl, bytes, clamp_to_int(size)), ret_written);
}

void sp_rpc_h2_socket_close(struct h2_socket *socket) {
    if (socket->ssl != NULL) {
        if (socket->shaken)
            SSL_shutdown(socket->ssl);
        SSL_free(socket->ssl);
        ERR_clear_error();
        socket->ssl = NULL;
    }
    /* The accepting thread has a duplicate, and would keep it open. */
    (void)shutdown(socket->fd, SHUT_RDWR);
    close(socket->fd);
    socket->fd = -1;
}
