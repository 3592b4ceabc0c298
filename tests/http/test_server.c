/* A real server in this process, asked over real sockets. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "http/deferral.h"
#include "http/identity.h"
#include "http/server.h"
#include "support/http_client.h"
#include "support/process.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BODY_MAX = 100000 };

struct rig {
    struct sp_http_server *server;
    int port;
    char folder[64];
    char socket[96];
    atomic_int handled, started, stopped;
    pthread_t thread; /* that handled, or said that it began */
};

static pthread_t rig_thread(void);

static void reply_text(struct sp_http_exchange *exchange, const char *text) {
    sp_http_reply(exchange, 200, "text/plain", (struct sp_bytes){(const uint8_t *)text, strlen(text)});
}

static void say_hello(struct sp_http_exchange *exchange, void *user) {
    struct rig *rig = user;
    atomic_fetch_add(&rig->handled, 1);
    rig->thread = pthread_self();
    reply_text(exchange, "hello\n");
}

/* What a handler sees of its request. */
static void describe(struct sp_http_exchange *exchange, void *user) {
    struct rig *rig = user;
    size_t count = 0;
    struct sp_str value = sp_http_header(exchange, "X-Many", &count);
    atomic_fetch_add(&rig->handled, 1);
    const char *text = sp_arena_printf(sp_http_arena(exchange), "%.*s %.*s [%.*s] %zu %.*s from %.*s",
                                       SP_STR_ARG(sp_http_method(exchange)), SP_STR_ARG(sp_http_path(exchange)),
                                       SP_STR_ARG(sp_http_query(exchange)), count, SP_STR_ARG(value),
                                       SP_STR_ARG(sp_http_peer(exchange)));
    sp_http_add_header(exchange, "X-Good", sp_str_from("fine"));
    sp_http_add_header(exchange, "X-Evil", sp_str_from("one\r\nSet-Cookie: two"));
    reply_text(exchange, text);
}

static void echo(struct sp_http_exchange *exchange, void *user) {
    struct rig *rig = user;
    atomic_fetch_add(&rig->handled, 1);
    sp_http_reply(exchange, 200, "application/octet-stream", sp_http_body(exchange));
}

static void say_nothing(struct sp_http_exchange *exchange, void *user) {
    (void)exchange;
    (void)user;
}

/* ---- replies that come later ---- */

/* What a handler leaves to another thread, which waits until the test lets it go on. */
struct later {
    struct sp_http_exchange *exchange;
    pthread_t thread;
    char said[160];
};

static atomic_int later_began, later_may_go_on, later_replied, later_dropped;

static void *work_later(void *user) {
    struct later *later = user;
    size_t many = 0, none = 0;
    struct sp_identity identity;
    atomic_fetch_add(&later_began, 1);
    while (atomic_load(&later_may_go_on) == 0)
        usleep(1000);
    struct sp_str header = sp_http_header(later->exchange, "X-MANY", &many);
    (void)sp_http_header(later->exchange, "x-none", &none);
    sp_http_identity(later->exchange, &identity);
    snprintf(later->said, sizeof(later->said), "%.*s%.*s %zu %.*s %zu %d", SP_STR_ARG(sp_http_method(later->exchange)),
             SP_STR_ARG(sp_http_path(later->exchange)), many, SP_STR_ARG(header), none, identity.kind == SP_PEER_PLAIN);
    sp_http_add_header(later->exchange, "X-Later", sp_str_from("yes"));
    sp_http_resume(later->exchange);
    return NULL;
}

static void finish_later(struct sp_http_exchange *exchange, void *state, bool may_reply) {
    struct later *later = state;
    pthread_detach(later->thread);
    if (may_reply) {
        atomic_fetch_add(&later_replied, pthread_equal(rig_thread(), pthread_self()) ? 1 : 100);
        const char *text = sp_arena_printf(sp_http_arena(exchange), "%s %zu", later->said, sp_http_body(exchange).size);
        reply_text(exchange, text);
    } else {
        atomic_fetch_add(&later_dropped, 1);
    }
    free(later);
}

static void defer(struct sp_http_exchange *exchange, void *user) {
    struct later *later = calloc(1, sizeof(*later));
    (void)user;
    if (later == NULL || !sp_http_defer(exchange, finish_later, later)) {
        free(later);
        sp_http_fail(exchange, 503, "no memory");
        return;
    }
    later->exchange = exchange;
    pthread_create(&later->thread, NULL, work_later, later);
}

static void started(void *user) {
    struct rig *rig = user;
    rig->thread = pthread_self();
    atomic_fetch_add(&rig->started, 1);
}

static void stopping(void *user) {
    struct rig *rig = user;
    atomic_fetch_add(&rig->stopped, pthread_equal(rig->thread, pthread_self()) ? 1 : 100);
}

static struct rig rig;

static pthread_t rig_thread(void) {
    return rig.thread;
}

static const struct sp_http_route routes[] = {
    {.method = "GET", .path = "/later", .handle = defer, .user = &rig},
    {.method = "POST", .path = "/later", .handle = defer, .user = &rig},
    {.method = "GET", .path = "/hello", .handle = say_hello, .user = &rig},
    {.method = "GET", .path = "/describe", .handle = describe, .user = &rig},
    {.method = "POST", .path = "/describe", .handle = describe, .user = &rig},
    {.method = "POST", .path = "/echo", .handle = echo, .user = &rig},
    {.method = "GET", .path = "/silent", .handle = say_nothing, .user = &rig},
};

static const char *const host_names[] = {"pdp.test"};

static void start(unsigned timeout_s, unsigned max_connections) {
    struct sp_error error = {0};
    char local[128];
    memset(&rig, 0, sizeof(rig));
    folder_make(rig.folder);
    snprintf(rig.socket, sizeof(rig.socket), "%s/socket", rig.folder);
    snprintf(local, sizeof(local), "unix:%s", rig.socket);
    const char *listen[] = {"127.0.0.1:0", local};
    const struct sp_http_options options = {
        .listen = listen,
        .listen_count = COUNT(listen),
        .timeout_s = timeout_s,
        .max_connections = max_connections,
        .max_body_bytes = BODY_MAX,
        .host_names = host_names,
        .host_name_count = COUNT(host_names),
        .thread_started = started,
        .thread_stopping = stopping,
        .user = &rig,
    };
    if (sp_http_open(&options, routes, COUNT(routes), &rig.server, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sp_http_start(rig.server, &error), SP_OK);
    rig.port = sp_http_port(rig.server, 0);
}

static int set_up(void **state) {
    (void)state;
    start(10, 16);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_http_stop(rig.server, 1000);
    sp_http_close(rig.server);
    folder_remove(rig.folder);
    return 0;
}

static void assert_error(const struct http_reply *reply, int status, const char *code) {
    assert_int_equal(reply->status, status);
    assert_string_equal(http_reply_header(reply, "Content-Type"), "application/json");
    json_t *body = json_loads(reply->body, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(body);
    assert_string_equal(json_string_value(json_object_get(body, "code")), code);
    assert_true(json_string_length(json_object_get(body, "message")) > 0);
    json_decref(body);
}

static void answers_two_requests_on_one_connection(void **state) {
    struct http_reply reply;
    (void)state;
    int fd = http_connect(rig.port);
    for (int i = 0; i < 2; i++) {
        http_ask(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
        http_read(fd, false, &reply);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "hello\n");
        assert_string_equal(http_reply_header(&reply, "Cache-Control"), "no-store");
        http_reply_fini(&reply);
    }
    close(fd);
    assert_int_equal(rig.handled, 2);
}

static void answers_head_with_the_headers_of_get_and_no_body(void **state) {
    struct http_reply reply;
    (void)state;
    int fd = http_connect(rig.port);
    http_ask(fd, "HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    http_read(fd, true, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(http_reply_header(&reply, "Content-Length"), "6");
    http_reply_fini(&reply);
    http_read(fd, false, &reply); /* begins where the other's headers end */
    assert_string_equal(reply.body, "hello\n");
    http_reply_fini(&reply);
    close(fd);
}

static void serves_nothing_at_other_spellings_of_a_path(void **state) {
    static const char *const paths[] = {"/",
                                        "/hello/",
                                        "//hello",
                                        "/./hello",
                                        "/x/../hello",
                                        "/%68ello",
                                        "/Hello",
                                        "/hello;a",
                                        "/hello%00",
                                        "/hello%3Fx",
                                        "/hell",
                                        "/hello/x",
                                        "*",
                                        "hello",
                                        "/hello+",
                                        "ftp://localhost/hello",
                                        "http:/hello",
                                        "http://localhost//hello",
                                        "http://localhost",
                                        "localhost:80"};
    struct http_reply reply;
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        http_get(rig.port, paths[i], &reply);
        if (reply.status != 404)
            fail_msg("%s: %d", paths[i], reply.status);
        assert_error(&reply, 404, "not_found");
        http_reply_fini(&reply);
    }
    assert_int_equal(rig.handled, 0);
}

/* RFC 9112 section 3.2.2: what a client sends to a proxy, every server must take. */
static void serves_targets_in_absolute_form(void **state) {
    static const struct {
        const char *target, *host;
        int status;
        const char *body;
    } rows[] = {
        {"http://localhost/describe?a=b", "localhost", 200, "GET /describe [a=b] 0  from 127.0.0.1"},
        {"HTTP://127.0.0.1:7402/describe", "localhost", 200, "GET /describe [] 0  from 127.0.0.1"},
        {"https://pdp.test/describe?", "localhost", 200, "GET /describe [] 0  from 127.0.0.1"},
        {"http://localhost?a=b", "localhost", 404, NULL},
        {"http://evil.test/describe", "localhost", 400, NULL},
        {"http://localhost/describe", "evil.test", 400, NULL},
        {"http://localhost@evil.test/describe", "localhost", 400, NULL},
        {"http:///describe", "localhost", 400, NULL},
    };
    struct http_reply reply;
    char request[256];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = http_connect(rig.port);
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].target, rows[i].host);
        http_ask(fd, request);
        http_read(fd, false, &reply);
        if (reply.status != rows[i].status || (rows[i].body != NULL && strcmp(reply.body, rows[i].body) != 0))
            fail_msg("%s: %d %s", rows[i].target, reply.status, reply.body);
        http_reply_fini(&reply);
        close(fd);
    }
}

static void blanks_around_a_header_are_no_part_of_it(void **state) {
    static const char *const rows[] = {"X-Many:value", "X-Many: value", "X-Many: value ", "X-Many:\t value \t "};
    struct http_reply reply;
    char request[256];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = http_connect(rig.port);
        snprintf(request, sizeof(request), "GET /describe HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", rows[i]);
        http_ask(fd, request);
        http_read(fd, false, &reply);
        assert_string_equal(reply.body, "GET /describe [] 1 value from 127.0.0.1");
        http_reply_fini(&reply);
        close(fd);
    }
}

/* For Connect's clients, who would take "not_found" for an answer. */
static void a_post_to_a_path_with_nothing_is_unimplemented(void **state) {
    struct http_reply reply;
    (void)state;
    int fd = http_connect(rig.port);
    http_ask(fd, "POST /hell HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    http_read(fd, false, &reply);
    assert_error(&reply, 404, "unimplemented");
    http_reply_fini(&reply);
    close(fd);
}

static void names_the_methods_that_a_path_takes(void **state) {
    static const struct {
        const char *method, *path, *allow;
    } rows[] = {
        {"POST", "/hello", "GET, HEAD"},    {"DELETE", "/describe", "GET, HEAD, POST"},
        {"GET", "/echo", "POST"},           {"HEAD", "/echo", "POST"},
        {"OPTIONS", "/hello", "GET, HEAD"}, {"TRACE", "/hello", "GET, HEAD"},
        {"get", "/hello", "GET, HEAD"},     {"BREW", "/hello", "GET, HEAD"},
    };
    struct http_reply reply;
    char request[256];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = http_connect(rig.port);
        snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
                 rows[i].method, rows[i].path);
        http_ask(fd, request);
        http_read(fd, strcmp(rows[i].method, "HEAD") == 0, &reply);
        assert_int_equal(reply.status, 405);
        assert_string_equal(http_reply_header(&reply, "Allow"), rows[i].allow);
        if (strcmp(rows[i].method, "HEAD") != 0)
            assert_error(&reply, 405, "unknown");
        http_reply_fini(&reply);
        close(fd);
    }
    assert_int_equal(rig.handled, 0);
}

static void shows_a_handler_its_request(void **state) {
    struct http_reply reply;
    (void)state;
    int fd = http_connect(rig.port);
    http_ask(fd, "GET /describe?a=%20b&c HTTP/1.1\r\nHost: localhost\r\nx-mAny: first\r\nX-Many: second\r\n\r\n");
    http_read(fd, false, &reply);
    assert_string_equal(reply.body, "GET /describe [a=%20b&c] 2 first from 127.0.0.1");
    assert_string_equal(http_reply_header(&reply, "X-Good"), "fine");
    assert_null(http_reply_header(&reply, "X-Evil"));
    assert_null(http_reply_header(&reply, "Set-Cookie"));
    http_reply_fini(&reply);
    close(fd);
    fd = http_connect_unix(rig.socket);
    http_ask(fd, "GET /describe HTTP/1.1\r\nHost: localhost\r\n\r\n");
    http_read(fd, false, &reply);
    assert_string_equal(reply.body, "GET /describe [] 0  from unix");
    http_reply_fini(&reply);
    close(fd);
}

static void gives_a_handler_the_whole_body_however_it_came(void **state) {
    char *body = malloc(BODY_MAX + 1);
    char head[128];
    struct http_reply reply;
    (void)state;
    for (size_t i = 0; i < BODY_MAX; i++)
        body[i] = (char)('a' + i % 26);
    body[BODY_MAX] = '\0';
    int fd = http_connect(rig.port);
    snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", BODY_MAX);
    http_ask(fd, head);
    http_ask(fd, body);
    http_read(fd, false, &reply);
    assert_int_equal(reply.body_size, BODY_MAX);
    assert_string_equal(reply.body, body);
    http_reply_fini(&reply);
    http_ask(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    http_ask(fd, "2\r\nde\r\n0\r\n\r\n");
    http_read(fd, false, &reply);
    assert_string_equal(reply.body, "abcde");
    http_reply_fini(&reply);
    http_ask(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    http_read(fd, false, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_size, 0);
    http_reply_fini(&reply);
    close(fd);
    free(body);
}

static void refuses_a_body_that_is_too_large(void **state) {
    char head[128];
    struct http_reply reply;
    (void)state;
    int fd = http_connect(rig.port);
    snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", BODY_MAX + 1);
    http_ask(fd, head);
    http_read(fd, false, &reply); /* before a byte of it has come */
    assert_error(&reply, 413, "resource_exhausted");
    http_reply_fini(&reply);
    assert_true(http_is_closed(fd));
    close(fd);

    char piece[1100];
    size_t size = (size_t)snprintf(piece, sizeof(piece), "400\r\n%01024d\r\n", 0);
    fd = http_connect(rig.port);
    http_ask(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < BODY_MAX / 1024 + 1; i++)
        http_send(fd, piece, size);
    http_ask(fd, "0\r\n\r\n");
    http_read(fd, false, &reply);
    assert_error(&reply, 413, "resource_exhausted");
    http_reply_fini(&reply);
    close(fd);
    assert_int_equal(rig.handled, 0);
}

/* What comes behind the headers is a request to this server only if an intermediary counted another
 * length. */
static void refuses_what_could_be_read_in_two_ways(void **state) {
    static const char *const rows[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Content-Length: 0\r\nContent-Length: 41\r\n",
        "Content-Length: 41\r\nContent-Length: 41\r\n",
        "Content-Length: 0, 41\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x0\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length : 41\r\n",
        "Content-Length\t: 41\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X Y: 1\r\n",
        "Bad(name): 1\r\n",
        "no colon\r\n",
        "Host: b\r\n",
    };
    struct http_reply reply;
    char request[512];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = http_connect(rig.port);
        snprintf(
            request, sizeof(request),
            "POST /echo HTTP/1.1\r\nHost: localhost\r\n%s\r\n0\r\n\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
            rows[i]);
        http_ask(fd, request);
        http_read(fd, false, &reply);
        if (reply.status != 400 && reply.status != 413)
            fail_msg("%s: %d", rows[i], reply.status);
        http_reply_fini(&reply);
        assert_true(http_is_closed(fd));
        close(fd);
    }
    assert_int_equal(rig.handled, 0);
}

/* A complete reply, and nothing behind it until the connection is closed. */
static int read_only_reply(int fd, char ret_text[static 4096]) {
    size_t used = 0;
    ssize_t got;
    while ((got = recv(fd, ret_text + used, 4095 - used, 0)) > 0)
        used += (size_t)got;
    ret_text[used] = '\0';
    const char *end = strstr(ret_text, "\r\n\r\n");
    const char *length = strcasestr(ret_text, "content-length: ");
    if (got < 0 || end == NULL || length == NULL)
        return 0;
    assert_int_equal(strlen(end + 4), strtoul(length + strlen("content-length: "), NULL, 10));
    return (int)strtol(ret_text + strcspn(ret_text, " "), NULL, 10);
}

static void refuses_malformed_headers_with_exactly_one_reply(void **state) {
    static const char *const rows[] = {
        "Host: localhost\r\nContent-Length: abc\r\n",
        "Host: localhost\r\nContent-Length: 1x\r\n",
        "Host: localhost\r\nContent-Length: -1\r\n",
        "Host: localhost\r\nContent-Length:\r\n",
        "Host: localhost\r\nContent-Length: 99999999999999999999\r\n",
        "X: no host\r\n",
        "Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char request[512], text[4096];
        int other = http_connect(rig.port); /* its headers have not come either */
        http_ask(other, "GET /hello HTTP/1.1\r\nHost: localhost\r\n");
        int fd = http_connect(rig.port);
        snprintf(request, sizeof(request), "GET /hello HTTP/1.1\r\n%s\r\n", rows[i]);
        http_ask(fd, request);
        if (read_only_reply(fd, text) != 400)
            fail_msg("row %zu: %s", i, text);
        assert_non_null(strstr(text, "{\"code\":\"invalid_argument\""));
        close(fd);
        struct http_reply reply;
        http_ask(other, "\r\n");
        http_read(other, false, &reply);
        assert_int_equal(reply.status, 200);
        http_reply_fini(&reply);
        close(other);
    }
    assert_int_equal(rig.handled, COUNT(rows));
}

static void refuses_headers_that_hide_something(void **state) {
#define ROW(text)                                                                                                      \
    { text, sizeof(text) - 1 }
    static const struct {
        const char *text;
        size_t size;
    } rows[] = {
        ROW("X: a\rb\r\n"),
        ROW("X: a\rX-Many: b\r\n"),
        ROW("X: a\r\r\n"),
        ROW("X: a\0b\r\n"),
        ROW("X: a\0b\r\nX-Many: c\r\n"),
        ROW("X: a\0\r\n"),
        ROW("X: \0\0\0\r\n"),
        ROW("X: a\001b\r\n"),
        ROW("X: a\177b\r\n"),
        ROW("X: a\n"),
        ROW("X: a\nX-Many: b\r\n"),
        ROW("X: a\r\n folded\r\n"),
        ROW("X: a\r\n\tfolded\r\nX-Many: b\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_reply reply;
        int fd = http_connect(rig.port);
        http_ask(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n");
        http_send(fd, rows[i].text, rows[i].size);
        http_ask(fd, "\r\n");
        http_read(fd, false, &reply);
        if (reply.status != 400)
            fail_msg("row %zu: %d", i, reply.status);
        http_reply_fini(&reply);
        assert_true(http_is_closed(fd));
        close(fd);
    }
    assert_int_equal(rig.handled, 0);
}

/* However the bytes arrive, and however long they are. */
static void takes_every_header_that_is_well_formed(void **state) {
    static const char *const rows[] = {
        "",
        "X:\r\n",
        "X: \r\n",
        "X:a\r\n",
        "X: \t a b\tc  \r\n",
        "X: \xc3\xa9\r\nY: b\r\n",
        "Cookie: a=b; c=d\r\nX: a\r\nX: b\r\n",
    };
    char request[16 * 1024];
    struct http_reply reply;
    (void)state;
    for (size_t i = 0; i < COUNT(rows) + 2; i++) {
        int fd = http_connect(rig.port);
        if (i < COUNT(rows))
            snprintf(request, sizeof(request), "GET /hello HTTP/1.1\r\nHost: localhost\r\n%s\r\n", rows[i]);
        else
            snprintf(request, sizeof(request),
                     "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: %07000d\r\nY: %07000d\r\n\r\n", 0, 0);
        for (const char *at = request; *at != '\0';) {
            size_t size = i > COUNT(rows)    ? strnlen(at, 777)
                          : i == COUNT(rows) ? strlen(at)
                          : i % 2 == 0       ? strlen(at)
                                             : 1;
            http_send(fd, at, size);
            at += size;
        }
        http_read(fd, false, &reply);
        if (reply.status != 200)
            fail_msg("row %zu: %d %s", i, reply.status, reply.body);
        http_reply_fini(&reply);
        close(fd);
    }
}

static void a_loopback_port_answers_only_to_its_own_names(void **state) {
    static const struct {
        const char *host; /* NULL: none, of HTTP/1.0 */
        int status;
    } rows[] = {
        {"localhost", 200},
        {"localhost:80", 200},
        {"LocalHost", 200},
        {"127.0.0.1", 200},
        {"127.8.9.10:1", 200},
        {"[::1]:7402", 200},
        {"app.localhost", 200},
        {"pdp.test", 200},
        {"PDP.test:443", 200},
        {NULL, 200},
        {"evil.test", 400},
        {"localhost.evil.test", 400},
        {"127.0.0.1.evil.test", 400},
        {"evil.test:80", 400},
        {"", 400},
        {"pdp.test.evil.test", 400},
    };
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: %s\r\n\r\n";
    char text[256];
    struct http_reply reply;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = http_connect(rig.port);
        if (rows[i].host == NULL)
            snprintf(text, sizeof(text), "GET /hello HTTP/1.0\r\n\r\n");
        else
            snprintf(text, sizeof(text), request, rows[i].host);
        http_ask(fd, text);
        http_read(fd, false, &reply);
        if (reply.status != rows[i].status)
            fail_msg("%s: %d", rows[i].host, reply.status);
        http_reply_fini(&reply);
        close(fd);
        /* No page of a browser reaches a Unix socket. */
        fd = http_connect_unix(rig.socket);
        http_ask(fd, text);
        http_read(fd, false, &reply);
        assert_int_equal(reply.status, 200);
        http_reply_fini(&reply);
        close(fd);
    }
}

static void refuses_requests_that_are_no_http(void **state) {
    static const char *const rows[] = {
        "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /hello HTTP/1.1\r\n\r\n", /* no host */
        "GET /hel lo HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /hello HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET /hello\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = http_connect(rig.port);
        http_ask(fd, rows[i]);
        assert_true(http_is_closed(fd));
        close(fd);
    }
    assert_int_equal(rig.handled, 0);
}

static void refuses_headers_without_end(void **state) {
    char request[64 * 1024];
    (void)state;
    int fd = http_connect(rig.port);
    snprintf(request, sizeof(request), "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Long: %060000d", 0);
    http_ask(fd, request);
    assert_true(http_is_closed(fd));
    close(fd);
    assert_int_equal(rig.handled, 0);
}

static void answers_for_a_handler_that_does_not(void **state) {
    struct http_reply reply;
    (void)state;
    http_get(rig.port, "/silent", &reply);
    assert_error(&reply, 500, "internal");
    http_reply_fini(&reply);
}

static void ends_a_client_that_sends_nothing(void **state) {
    (void)state;
    start(1, 16);
    int silent = http_connect(rig.port);
    int halfway = http_connect(rig.port);
    http_ask(halfway, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
    assert_true(http_is_closed(silent));
    assert_true(http_is_closed(halfway));
    close(silent);
    close(halfway);
    tear_down(NULL);
}

/* Each byte begins the time without progress anew, but not that of the whole request. */
static void ends_a_client_that_sends_byte_by_byte(void **state) {
    struct http_reply reply;
    (void)state;
    start(1, 16);
    int fd = http_connect(rig.port);
    http_ask(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    bool closed = false;
    for (int i = 0; i < 600 && !closed; i++) {
        struct timespec pause = {.tv_nsec = 100 * 1000000};
        char byte;
        nanosleep(&pause, NULL); /* is the slow client */
        closed = send(fd, "x", 1, MSG_NOSIGNAL) < 0 || recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
    }
    assert_true(closed);
    close(fd);
    http_get(rig.port, "/hello", &reply); /* others are served */
    assert_int_equal(reply.status, 200);
    http_reply_fini(&reply);
    tear_down(NULL);
}

/* A connection from an address of the loopback network. */
static int connect_from(uint32_t host) {
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)rig.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void assert_served(int fd) {
    struct http_reply reply;
    http_ask(fd, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    http_read(fd, false, &reply);
    assert_int_equal(reply.status, 200);
    http_reply_fini(&reply);
}

static void the_connection_that_has_waited_longest_makes_room(void **state) {
    int fds[5];
    (void)state;
    start(10, 4);
    for (uint32_t i = 0; i < 4; i++) {
        fds[i] = connect_from(INADDR_LOOPBACK + i % 2);
        assert_served(fds[i]);
    }
    assert_int_equal(sp_http_connections(rig.server), 4);
    assert_served(fds[0]); /* now the second has waited longest */
    fds[4] = connect_from(INADDR_LOOPBACK + 2);
    assert_served(fds[4]);
    assert_true(http_is_closed(fds[1]));
    assert_served(fds[0]);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    tear_down(NULL);
}

static void one_address_has_half_of_the_connections(void **state) {
    int fds[3];
    (void)state;
    start(10, 4);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = connect_from(INADDR_LOOPBACK + 1);
        assert_served(fds[i]);
    }
    assert_true(http_is_closed(fds[0]));
    int other = connect_from(INADDR_LOOPBACK);
    assert_served(other);
    assert_served(fds[1]);
    assert_served(fds[2]);
    close(other);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    tear_down(NULL);
}

static void unfinished_requests_keep_no_probe_out(void **state) {
    int fds[24];
    (void)state;
    start(10, 8);
    for (uint32_t i = 0; i < COUNT(fds); i++) {
        fds[i] = connect_from(INADDR_LOOPBACK + 1 + i);
        http_ask(fds[i], "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Unfinished: ");
    }
    for (int i = 0; i < 10; i++) {
        int probe = connect_from(INADDR_LOOPBACK);
        assert_served(probe);
        close(probe);
    }
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    tear_down(NULL);
}

static void its_heart_beats_while_it_is_idle(void **state) {
    (void)state;
    uint64_t before = sp_heartbeat_read(sp_http_heartbeat(rig.server));
    for (int i = 0; i < 6000 && sp_heartbeat_read(sp_http_heartbeat(rig.server)) < before + 2; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_true(sp_heartbeat_read(sp_http_heartbeat(rig.server)) >= before + 2);
}

static void listens_beyond_loopback_only_when_told(void **state) {
    static const char *const anywhere[] = {"0.0.0.0:0"};
    static const char *const nonsense[] = {"localhost"};
    struct sp_http_options options = {.listen = anywhere, .listen_count = 1};
    struct sp_http_server *server = NULL;
    struct sp_error error = {0};
    (void)state;
    assert_int_equal(sp_http_open(&options, routes, COUNT(routes), &server, &error), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "--insecure"));
    options.insecure = true;
    assert_int_equal(sp_http_open(&options, routes, COUNT(routes), &server, &error), SP_OK);
    assert_true(sp_http_port(server, 0) > 0);
    sp_http_close(server);
    options.listen = nonsense;
    assert_int_equal(sp_http_open(&options, routes, COUNT(routes), &server, &error), SP_ERR_INVALID);
}

static void runs_everything_on_one_thread_and_ends_idle_connections_when_it_stops(void **state) {
    struct http_reply reply;
    (void)state;
    start(10, 16);
    int idle = http_connect(rig.port);
    http_ask(idle, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    http_read(idle, false, &reply);
    http_reply_fini(&reply);
    sp_http_stop(rig.server, 10000);
    assert_int_equal(rig.started, 1);
    assert_int_equal(rig.stopped, 1); /* on the thread that handled */
    assert_true(http_is_closed(idle));
    close(idle);
    sp_http_close(rig.server);
    assert_int_equal(access(rig.socket, F_OK), -1);
    folder_remove(rig.folder);
}

static void reset_later(void) {
    atomic_store(&later_began, 0);
    atomic_store(&later_may_go_on, 0);
    atomic_store(&later_replied, 0);
    atomic_store(&later_dropped, 0);
}

static void wait_for_count(atomic_int *count, int wanted) {
    for (int i = 0; i < 10000 && atomic_load(count) < wanted; i++)
        usleep(1000);
    assert_int_equal(atomic_load(count), wanted);
}

static void a_deferred_reply_comes_later_and_others_are_answered_meanwhile(void **state) {
    enum { DEFERRED = 5 };
    struct http_reply reply;
    int fds[DEFERRED];
    (void)state;
    reset_later();
    for (int i = 0; i < DEFERRED; i++) {
        fds[i] = http_connect(rig.port);
        http_ask(fds[i], "POST /later HTTP/1.1\r\nHost: localhost\r\nX-Many: a\r\nX-Many: b\r\nContent-Length: "
                         "3\r\n\r\nabc");
    }
    wait_for_count(&later_began, DEFERRED);
    for (int i = 0; i < 20; i++) {
        http_get(rig.port, "/hello", &reply);
        assert_int_equal(reply.status, 200);
        http_reply_fini(&reply);
    }
    assert_int_equal(atomic_load(&later_replied), 0);
    atomic_store(&later_may_go_on, 1);
    for (int i = 0; i < DEFERRED; i++) {
        http_read(fds[i], false, &reply);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "POST/later 2 a 0 1 3");
        assert_string_equal(http_reply_header(&reply, "X-Later"), "yes");
        http_reply_fini(&reply);
        /* The connection goes on. */
        http_ask(fds[i], "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
        http_read(fds[i], false, &reply);
        assert_int_equal(reply.status, 200);
        http_reply_fini(&reply);
        close(fds[i]);
    }
    assert_int_equal(atomic_load(&later_replied), DEFERRED);
    assert_int_equal(atomic_load(&later_dropped), 0);
}

static void a_client_that_left_a_deferred_reply_disturbs_nobody(void **state) {
    struct http_reply reply;
    (void)state;
    reset_later();
    int fd = http_connect(rig.port);
    http_ask(fd, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for_count(&later_began, 1);
    close(fd);
    http_get(rig.port, "/hello", &reply);
    assert_int_equal(reply.status, 200);
    http_reply_fini(&reply);
    atomic_store(&later_may_go_on, 1);
    for (int i = 0; i < 10000 && atomic_load(&later_replied) + atomic_load(&later_dropped) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&later_replied) + atomic_load(&later_dropped), 1);
    http_get(rig.port, "/hello", &reply);
    assert_int_equal(reply.status, 200);
    http_reply_fini(&reply);
}

static void a_server_that_stops_does_not_wait_for_what_was_deferred(void **state) {
    (void)state;
    reset_later();
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = http_connect(rig.port);
        http_ask(fds[i], "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    wait_for_count(&later_began, 3);
    sp_http_stop(rig.server, 10);
    sp_http_close(rig.server);
    rig.server = NULL;
    assert_true(http_is_closed(fds[0]));
    assert_int_equal(atomic_load(&later_replied), 0);
    atomic_store(&later_may_go_on, 1);
    wait_for_count(&later_dropped, 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    folder_remove(rig.folder);
}

static void a_server_that_stops_sends_what_is_ready_within_its_grace(void **state) {
    struct http_reply reply;
    (void)state;
    reset_later();
    int fd = http_connect(rig.port);
    http_ask(fd, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for_count(&later_began, 1);
    atomic_store(&later_may_go_on, 1);
    sp_http_stop(rig.server, 10000);
    http_read(fd, false, &reply);
    assert_int_equal(reply.status, 200);
    http_reply_fini(&reply);
    close(fd);
    assert_int_equal(atomic_load(&later_replied), 1);
}

int main(void) {
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(answers_two_requests_on_one_connection),
        WITH_SERVER(answers_head_with_the_headers_of_get_and_no_body),
        WITH_SERVER(serves_nothing_at_other_spellings_of_a_path),
        WITH_SERVER(serves_targets_in_absolute_form),
        WITH_SERVER(blanks_around_a_header_are_no_part_of_it),
        WITH_SERVER(names_the_methods_that_a_path_takes),
        WITH_SERVER(a_post_to_a_path_with_nothing_is_unimplemented),
        WITH_SERVER(shows_a_handler_its_request),
        WITH_SERVER(gives_a_handler_the_whole_body_however_it_came),
        WITH_SERVER(refuses_a_body_that_is_too_large),
        WITH_SERVER(refuses_what_could_be_read_in_two_ways),
        WITH_SERVER(refuses_malformed_headers_with_exactly_one_reply),
        WITH_SERVER(refuses_headers_that_hide_something),
        WITH_SERVER(takes_every_header_that_is_well_formed),
        WITH_SERVER(a_loopback_port_answers_only_to_its_own_names),
        WITH_SERVER(refuses_requests_that_are_no_http),
        WITH_SERVER(refuses_headers_without_end),
        WITH_SERVER(answers_for_a_handler_that_does_not),
        WITH_SERVER(a_deferred_reply_comes_later_and_others_are_answered_meanwhile),
        WITH_SERVER(a_client_that_left_a_deferred_reply_disturbs_nobody),
        WITH_SERVER(a_server_that_stops_sends_what_is_ready_within_its_grace),
        cmocka_unit_test_setup(a_server_that_stops_does_not_wait_for_what_was_deferred, set_up),
        cmocka_unit_test(ends_a_client_that_sends_nothing),
        cmocka_unit_test(ends_a_client_that_sends_byte_by_byte),
        WITH_SERVER(its_heart_beats_while_it_is_idle),
        cmocka_unit_test(the_connection_that_has_waited_longest_makes_room),
        cmocka_unit_test(one_address_has_half_of_the_connections),
        cmocka_unit_test(unfinished_requests_keep_no_probe_out),
        cmocka_unit_test(listens_beyond_loopback_only_when_told),
        cmocka_unit_test(runs_everything_on_one_thread_and_ends_idle_connections_when_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
