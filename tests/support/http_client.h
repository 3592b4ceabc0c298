/* An HTTP client over plain sockets: it sends exactly the bytes it is given, and reads complete
 * replies, in chunks or not. Every helper asserts, so use it only in the test's own thread. */
#ifndef TEST_SUPPORT_HTTP_CLIENT_H
#define TEST_SUPPORT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* A reply; texts are NUL-terminated and freed by http_reply_fini. */
struct http_reply {
    int status; /* 0: the connection was closed without a reply */
    char *headers;
    char *body;
    size_t body_size;
};

/* Connects to loopback, or to a Unix socket. */
int http_connect(int port);
int http_connect_unix(const char *path);

void http_send(int fd, const char *bytes, size_t size);
/* `head_only`: the reply has no body, whatever its content-length. Waits at most a minute. */
void http_ask(int fd, const char *bytes);
void http_read(int fd, bool head_only, struct http_reply *ret_reply);
/* The same of a body that holds stored digests, in which no secrets are searched for. */
void http_read_backup(int fd, struct http_reply *ret_reply);
/* The value of a header in the reply, without surrounding blanks; NULL if absent. Valid until the
 * next call. */
const char *http_reply_header(const struct http_reply *reply, const char *name);
void http_reply_fini(struct http_reply *reply);

/* True if the other side closes within a minute; whatever it sends until then is dropped. */
bool http_is_closed(int fd);

/* A complete GET on a new connection. */
void http_get(int port, const char *path, struct http_reply *ret_reply);

#endif
