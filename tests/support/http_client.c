#include "support/http_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/evidence.h"

enum { LIMIT_MS = 60 * 1000, REPLY_MAX = 4 * 1024 * 1024 };

int http_connect(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

int http_connect_unix(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

void http_send(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        assert_true(sent > 0);
        bytes += sent;
        size -= (size_t)sent;
    }
}

void http_ask(int fd, const char *bytes) {
    evidence_keys_in(bytes);
    http_send(fd, bytes, strlen(bytes));
}

/* 0: closed. */
static size_t receive(int fd, char *into, size_t room) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, LIMIT_MS), 1);
    ssize_t got = recv(fd, into, room, 0);
    return got > 0 ? (size_t)got : 0;
}

static long content_length(const struct http_reply *reply) {
    const char *text = http_reply_header(reply, "Content-Length");
    return text == NULL ? -1 : strtol(text, NULL, 10);
}

/* All but the new key of a reply that issues one ({"secret":"…"}). */
static void keep_body(const char *body, size_t size) {
    static const char member[] = "\"secret\":\"";
    const char *issued = size == 0 ? NULL : memmem(body, size, member, sizeof(member) - 1);
    if (issued == NULL) {
        evidence_said("HTTP body", body, size);
        return;
    }
    const char *key = issued + sizeof(member) - 1;
    const char *end = memchr(key, '"', size - (size_t)(key - body));
    assert_non_null(end);
    char *copy = strndup(key, (size_t)(end - key));
    assert_non_null(copy);
    evidence_key(copy);
    free(copy);
    evidence_said("HTTP body", body, (size_t)(key - body));
    evidence_said("HTTP body", end, size - (size_t)(end - body));
}

/* Appends so many bytes to the body. */
static void append_body(int fd, size_t size, struct http_reply *reply) {
    assert_true(size <= REPLY_MAX - reply->body_size);
    reply->body = realloc(reply->body, reply->body_size + size + 1);
    assert_non_null(reply->body);
    for (size_t done = 0; done < size;) {
        size_t got = receive(fd, reply->body + reply->body_size + done, size - done);
        assert_true(got > 0);
        done += got;
    }
    reply->body_size += size;
    reply->body[reply->body_size] = '\0';
}

static void read_body(int fd, long length, struct http_reply *reply) {
    append_body(fd, length < 0 ? 0 : (size_t)length, reply);
}

static bool is_chunked(const struct http_reply *reply) {
    const char *coding = http_reply_header(reply, "Transfer-Encoding");
    return coding != NULL && strcmp(coding, "chunked") == 0;
}

/* The line that begins a chunk, or ends one. */
static size_t read_chunk_line(int fd) {
    char line[32];
    size_t size = 0;
    do {
        assert_true(size + 1 < sizeof(line));
        assert_int_equal(receive(fd, line + size, 1), 1);
        size++;
    } while (size < 2 || memcmp(line + size - 2, "\r\n", 2) != 0);
    line[size] = '\0';
    return strtoul(line, NULL, 16);
}

static void read_chunks(int fd, struct http_reply *reply) {
    append_body(fd, 0, reply);
    for (size_t size; (size = read_chunk_line(fd)) > 0; (void)read_chunk_line(fd))
        append_body(fd, size, reply);
    (void)read_chunk_line(fd);
}

static void read_reply(int fd, bool head_only, struct http_reply *ret_reply) {
    char *text = calloc(1, REPLY_MAX + 1);
    size_t size = 0;
    char *end = NULL;
    assert_non_null(text);
    *ret_reply = (struct http_reply){0};
    while (end == NULL) {
        size_t got = receive(fd, text + size, 1); /* no byte of the next reply */
        if (got == 0)
            break;
        size += got;
        end = size >= 4 && memcmp(text + size - 4, "\r\n\r\n", 4) == 0 ? text + size : NULL;
    }
    if (end == NULL) {
        free(text);
        return;
    }
    ret_reply->status = (int)strtol(text + strcspn(text, " "), NULL, 10);
    ret_reply->headers = text;
    if (!head_only && is_chunked(ret_reply))
        read_chunks(fd, ret_reply);
    else
        read_body(fd, head_only ? 0 : content_length(ret_reply), ret_reply);
    evidence_said("HTTP headers", ret_reply->headers, strlen(ret_reply->headers));
}

void http_read(int fd, bool head_only, struct http_reply *ret_reply) {
    read_reply(fd, head_only, ret_reply);
    if (ret_reply->status != 0)
        keep_body(ret_reply->body, ret_reply->body_size);
}

void http_read_backup(int fd, struct http_reply *ret_reply) {
    read_reply(fd, false, ret_reply);
}

const char *http_reply_header(const struct http_reply *reply, const char *name) {
    static char value[512];
    for (const char *line = reply->headers; line != NULL && *line != '\0'; line = strstr(line, "\r\n")) {
        line += strspn(line, "\r\n");
        size_t size = strlen(name);
        if (strncasecmp(line, name, size) == 0 && line[size] == ':') {
            line += size + 1;
            line += strspn(line, " ");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\r"), line);
            return value;
        }
    }
    return NULL;
}

void http_reply_fini(struct http_reply *reply) {
    free(reply->headers);
    free(reply->body);
    *reply = (struct http_reply){0};
}

bool http_is_closed(int fd) {
    char dropped[4096];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, LIMIT_MS) == 1)
        if (recv(fd, dropped, sizeof(dropped), 0) <= 0)
            return true;
    return false;
}

void http_get(int port, const char *path, struct http_reply *ret_reply) {
    char request[1024];
    int fd = http_connect(port);
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    http_ask(fd, request);
    http_read(fd, false, ret_reply);
    close(fd);
}
