/* A client that writes HTTP/2 frames by itself, since gRPC's would send none that are wrong,
 * unfinished or too many. */
#ifndef SP_TESTS_RPC_FRAMES_H
#define SP_TESTS_RPC_FRAMES_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "rpc/rig.h"

enum {
    DATA = 0,
    HEADERS = 1,
    PRIORITY = 2,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8,
    CONTINUATION = 9,

    END_STREAM = 1,
    ACK = 1,
    END_HEADERS = 4,
    PADDED = 8,

    NO_ERROR = 0,
    REFUSED_STREAM = 7,
    CANCEL = 8,
    CALM_DOWN = 11,

    FRAME_HEAD_BYTES = 9,
};

struct frame {
    uint8_t type, flags;
    uint32_t stream_id, size;
    uint8_t payload[16 * 1024];
};

static inline void put_frame(int fd, uint8_t type, uint8_t flags, uint32_t stream_id, const void *payload,
                             size_t size) {
    uint8_t bytes[FRAME_HEAD_BYTES + 16 * 1024] = {(uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, type,
                                                   flags};
    sp_store_be32(bytes + 5, stream_id);
    if (size > 0)
        memcpy(bytes + FRAME_HEAD_BYTES, payload, size);
    (void)send(fd, bytes, FRAME_HEAD_BYTES + size, MSG_NOSIGNAL); /* the server may have had enough */
}

static inline int connect_h2_from(const struct rig *rig, uint32_t host) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)sp_rpc_server_port(rig->server, 0)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    assert_int_equal(send(fd, preface, sizeof(preface) - 1, MSG_NOSIGNAL), sizeof(preface) - 1);
    put_frame(fd, SETTINGS, 0, 0, NULL, 0);
    return fd;
}

static inline int connect_h2(const struct rig *rig) {
    return connect_h2_from(rig, INADDR_LOOPBACK);
}

static inline bool read_all(int fd, uint8_t *bytes, size_t size) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (size_t got = 0; got < size;) {
        if (poll(&wait, 1, 10000) <= 0)
            fail_msg("the server says nothing for ten seconds");
        ssize_t now = recv(fd, bytes + got, size - got, 0);
        if (now <= 0)
            return false;
        got += (size_t)now;
    }
    return true;
}

/* False when the server has closed the connection. */
static inline bool next_frame(int fd, struct frame *ret_frame) {
    uint8_t head[FRAME_HEAD_BYTES];
    if (!read_all(fd, head, sizeof(head)))
        return false;
    ret_frame->size = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    ret_frame->type = head[3];
    ret_frame->flags = head[4];
    ret_frame->stream_id = sp_load_be32(head + 5);
    assert_true(ret_frame->size <= sizeof(ret_frame->payload));
    return read_all(fd, ret_frame->payload, ret_frame->size);
}

/* Reads until there is one of that type; false when the server closes the connection before. */
static inline bool await_frame(int fd, uint8_t type, struct frame *ret_frame) {
    while (next_frame(fd, ret_frame))
        if (ret_frame->type == type && (type != PING || ret_frame->flags == ACK))
            return true;
    return false;
}

/* Everything that was sent before has been looked at when it is answered. */
static inline bool is_served(int fd) {
    static struct frame frame;
    put_frame(fd, PING, 0, 0, "12345678", 8);
    return await_frame(fd, PING, &frame);
}

static inline uint32_t goaway_code(int fd) {
    static struct frame frame;
    if (!await_frame(fd, GOAWAY, &frame))
        fail_msg("the server closes the connection without a reason");
    return sp_load_be32(frame.payload + 4);
}

/* A field whose name HPACK does not know, never indexed. At most 126 bytes each. */
static inline size_t put_field(uint8_t *block, const char *name, const char *value) {
    size_t name_size = strlen(name), value_size = strlen(value), size = 0;
    block[size++] = 0x10;
    block[size++] = (uint8_t)name_size;
    memcpy(block + size, name, name_size);
    size += name_size;
    block[size++] = (uint8_t)value_size;
    memcpy(block + size, value, value_size);
    return size + value_size;
}

static inline size_t put_request_head(uint8_t *block, const char *path) {
    static const uint8_t post_over_http[] = {0x83, 0x86};
    memcpy(block, post_over_http, sizeof(post_over_http));
    size_t size = sizeof(post_over_http);
    size += put_field(block + size, ":path", path);
    size += put_field(block + size, ":authority", "test");
    size += put_field(block + size, "content-type", "application/grpc");
    return size + put_field(block + size, "te", "trailers");
}

static inline void begin_call(int fd, uint32_t stream_id, const char *path) {
    uint8_t block[512];
    put_frame(fd, HEADERS, END_HEADERS, stream_id, block, put_request_head(block, path));
}

static inline void begin_call_with(int fd, uint32_t stream_id, const char *path, const char *name, const char *value) {
    uint8_t block[1024];
    size_t size = put_request_head(block, path);
    size += put_field(block + size, name, value);
    put_frame(fd, HEADERS, END_HEADERS, stream_id, block, size);
}

static inline void end_call_with_message(int fd, uint32_t stream_id) {
    put_frame(fd, DATA, END_STREAM, stream_id, "\0\0\0\0\3abc", 8);
}

#endif
