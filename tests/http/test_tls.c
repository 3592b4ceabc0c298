/* A real server in this process, asked over TLS. */
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/identity.h"
#include "http/server.h"
#include "support/certificates.h"
#include "support/http_client.h"
#include "support/process.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct rig {
    char folder[64];
    char ca[96], other_ca[96], certificate[96], key[96], list[96];
    struct certificate_authority *authority, *other;
    struct sp_http_server *server;
    int port;
    atomic_int good, bad; /* notices */
    atomic_int refused;
    pthread_mutex_t lock; /* over the last refusal */
    char refusal[512];
    uint16_t refused_port;
};

static struct rig rig;

static void say_hello(struct sp_http_exchange *exchange, void *user) {
    (void)user;
    sp_http_reply(exchange, 200, "text/plain", (struct sp_bytes){(const uint8_t *)"hello\n", 6});
}

/* "tls uri:… dns:…" */
static void say_who(struct sp_http_exchange *exchange, void *user) {
    static const char *const kinds[] = {"plain", "tls", "unix"};
    struct sp_identity identity;
    (void)user;
    sp_http_identity(exchange, &identity);
    char *text = sp_arena_alloc(sp_http_arena(exchange), 4096);
    size_t at = (size_t)snprintf(text, 4096, "%s", kinds[identity.kind]);
    for (size_t i = 0; i < identity.uri_count; i++)
        at += (size_t)snprintf(text + at, 4096 - at, " uri:%.*s", SP_STR_ARG(identity.uris[i]));
    for (size_t i = 0; i < identity.dns_count; i++)
        at += (size_t)snprintf(text + at, 4096 - at, " dns:%.*s", SP_STR_ARG(identity.dns[i]));
    sp_http_reply(exchange, 200, "text/plain", (struct sp_bytes){(const uint8_t *)text, at});
}

static const struct sp_http_route routes[] = {
    {.method = "GET", .path = "/who", .handle = say_who, .anyone = true},
    {.method = "GET", .path = "/hello", .handle = say_hello},
    {.method = "GET", .path = "/healthz", .handle = say_hello, .anyone = true},
};

static void count_notice(void *user, bool good, const char *message) {
    struct rig *of = user;
    assert_non_null(message);
    atomic_fetch_add(good ? &of->good : &of->bad, 1);
}

static void note_refusal(void *user, const struct sp_tls_refusal *refusal) {
    struct rig *of = user;
    pthread_mutex_lock(&of->lock);
    snprintf(of->refusal, sizeof(of->refusal), "%s|%s", refusal->reason, refusal->names);
    of->refused_port = refusal->peer.port;
    pthread_mutex_unlock(&of->lock);
    atomic_fetch_add(&of->refused, 1);
}

static void name_file(char ret_path[static 96], const char *name) {
    snprintf(ret_path, 96, "%s/%s", rig.folder, name);
}

static bool with_lists; /* servers read rig.list */

static void start(bool ask_clients) {
    static const char *const none[] = {NULL};
    struct sp_error error = {0};
    static const char *const listen[] = {"127.0.0.1:0"};
    memset(&rig, 0, sizeof(rig));
    pthread_mutex_init(&rig.lock, NULL);
    folder_make(rig.folder);
    name_file(rig.ca, "ca.pem");
    name_file(rig.other_ca, "other.pem");
    name_file(rig.certificate, "server.pem");
    name_file(rig.key, "server.key");
    rig.authority = authority_make("ours");
    rig.other = authority_make("another");
    authority_write(rig.authority, rig.ca);
    authority_write(rig.other, rig.other_ca);
    name_file(rig.list, "crl.pem");
    authority_revoke(rig.authority, none, 10, rig.list);
    authority_sign(rig.authority, "DNS:one.test", 10, rig.certificate, rig.key);
    const struct sp_http_options options = {
        .listen = listen,
        .listen_count = 1,
        .tls = {.certificate = rig.certificate,
                .key = rig.key,
                .ca = ask_clients ? rig.ca : NULL,
                .crl = with_lists ? rig.list : NULL},
        .notice = count_notice,
        .tls_refused = note_refusal,
        .user = &rig,
    };
    if (sp_http_open(&options, routes, COUNT(routes), &rig.server, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sp_http_start(rig.server, &error), SP_OK);
    rig.port = sp_http_port(rig.server, 0);
}

static void stop(void) {
    sp_http_stop(rig.server, 1000);
    sp_http_close(rig.server);
    authority_free(rig.authority);
    authority_free(rig.other);
    folder_remove(rig.folder);
}

/* ---- a client ---- */

struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

/* Expects the server to be `name`; shows the certificate, where one is given. False where the
 * handshake fails. */
static bool client_open(struct client *client, const char *name, const char *priorities, const char *certificate,
                        const char *key) {
    *client = (struct client){.fd = http_connect(rig.port)};
    assert_int_equal(gnutls_certificate_allocate_credentials(&client->credentials), 0);
    assert_int_equal(gnutls_certificate_set_x509_trust_file(client->credentials, rig.ca, GNUTLS_X509_FMT_PEM), 1);
    if (certificate != NULL)
        assert_int_equal(
            gnutls_certificate_set_x509_key_file(client->credentials, certificate, key, GNUTLS_X509_FMT_PEM), 0);
    assert_int_equal(gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT), 0);
    assert_int_equal(gnutls_priority_set_direct(client->session, priorities, NULL), 0);
    assert_int_equal(gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, client->credentials), 0);
    gnutls_session_set_verify_cert(client->session, name, 0);
    gnutls_transport_set_int(client->session, client->fd);
    gnutls_handshake_set_timeout(client->session, 60000);
    int result;
    do
        result = gnutls_handshake(client->session);
    while (result < 0 && gnutls_error_is_fatal(result) == 0);
    return result == 0;
}

static void client_close(struct client *client) {
    gnutls_deinit(client->session);
    gnutls_certificate_free_credentials(client->credentials);
    close(client->fd);
}

/* The status of a GET; 0: closed without one. `ret_body`, where it is given, has room for 4,096
 * bytes. */
static int client_ask(struct client *client, const char *path, char *ret_body) {
    char text[4096];
    size_t used = 0;
    int size = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: one.test\r\n\r\n", path);
    assert_int_equal(gnutls_record_send(client->session, text, (size_t)size), size);
    memset(text, 0, sizeof(text));
    for (;;) {
        ssize_t got = gnutls_record_recv(client->session, text + used, sizeof(text) - 1 - used);
        if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
            continue;
        if (got <= 0)
            return 0;
        used += (size_t)got;
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "content-length: ");
        if (end == NULL || length == NULL || strlen(end + 4) < strtoul(length + strlen("content-length: "), NULL, 10))
            continue;
        if (ret_body != NULL)
            snprintf(ret_body, 4096, "%s", end + 4);
        return (int)strtol(text + strcspn(text, " "), NULL, 10);
    }
}

static int client_get(struct client *client, const char *path) {
    return client_ask(client, path, NULL);
}

static const char modern[] = "NORMAL";

static void speaks_tls_and_nothing_else(void **state) {
    struct client client;
    (void)state;
    start(false);
    assert_true(client_open(&client, "one.test", modern, NULL, NULL));
    assert_int_equal(client_get(&client, "/hello"), 200);
    assert_int_equal(client_get(&client, "/hello"), 200); /* on the same connection */
    client_close(&client);
    assert_true(client_open(&client, "one.test", "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL, NULL));
    assert_int_equal(client_get(&client, "/hello"), 200);
    client_close(&client);
    assert_false(client_open(&client, "one.test", "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", NULL, NULL));
    client_close(&client);
    assert_false(client_open(&client, "two.test", modern, NULL, NULL));
    client_close(&client);
    int plain = http_connect(rig.port);
    http_ask(plain, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(http_is_closed(plain));
    close(plain);
    stop();
}

static void refuses_malformed_headers_with_exactly_one_reply(void **state) {
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: one.test\r\nContent-Length: abc\r\n\r\n";
    struct client client;
    char text[4096];
    size_t used = 0;
    (void)state;
    start(false);
    assert_true(client_open(&client, "one.test", modern, NULL, NULL));
    assert_int_equal(gnutls_record_send(client.session, request, sizeof(request) - 1), sizeof(request) - 1);
    for (;;) {
        ssize_t got = gnutls_record_recv(client.session, text + used, sizeof(text) - 1 - used);
        if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    text[used] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    assert_int_equal(strncmp(text, "HTTP/1.1 400 ", 13), 0);
    assert_non_null(end);
    assert_string_equal(
        end + 4, "{\"code\":\"invalid_argument\",\"message\":\"content-length must be given once, in decimal\"}");
    client_close(&client);
    stop();
}

static void wait_for(const atomic_int *count, int wanted) {
    for (int i = 0; i < 6000 && atomic_load(count) < wanted; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_int_equal(atomic_load(count), wanted);
}

static void takes_over_new_certificates_and_drops_no_connection(void **state) {
    struct client before, after;
    (void)state;
    start(false);
    assert_true(client_open(&before, "one.test", modern, NULL, NULL));
    assert_int_equal(client_get(&before, "/hello"), 200);
    /* More often than the server keeps old ones. */
    for (int i = 1; i <= 3; i++) {
        authority_sign(rig.authority, "DNS:two.test", 10, rig.certificate, rig.key);
        wait_for(&rig.good, i);
        assert_int_equal(client_get(&before, "/hello"), 200);
    }
    assert_true(client_open(&after, "two.test", modern, NULL, NULL));
    assert_int_equal(client_get(&after, "/hello"), 200);
    assert_int_equal(client_get(&before, "/hello"), 200);
    client_close(&before);
    assert_int_equal(client_get(&after, "/hello"), 200);
    client_close(&after);
    stop();
}

static void keeps_its_certificate_where_a_new_one_is_broken(void **state) {
    struct client client;
    (void)state;
    start(false);
    FILE *file = fopen(rig.certificate, "we");
    assert_non_null(file);
    assert_true(fputs("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", file) > 0);
    assert_int_equal(fclose(file), 0);
    wait_for(&rig.bad, 1);
    assert_true(client_open(&client, "one.test", modern, NULL, NULL));
    assert_int_equal(client_get(&client, "/hello"), 200);
    client_close(&client);
    assert_int_equal(rig.good, 0);
    stop();
}

static void asks_clients_for_a_certificate_of_its_ca_but_probes(void **state) {
    static const struct {
        const char *name;
        bool ours;
        int days, hello;
    } rows[] = {
        {"good", true, 10, 200},
        {"expired", true, -1, 401},
        {"foreign", false, 10, 401},
        {NULL, false, 0, 401},
    };
    (void)state;
    start(true);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char certificate[96], key[96];
        struct client client;
        if (rows[i].name != NULL) {
            name_file(certificate, "client.pem");
            name_file(key, "client.key");
            authority_sign(rows[i].ours ? rig.authority : rig.other, "DNS:client.test", rows[i].days, certificate, key);
        }
        bool shows = rows[i].name != NULL;
        if (!client_open(&client, "one.test", modern, shows ? certificate : NULL, shows ? key : NULL))
            fail_msg("%s: no handshake", shows ? rows[i].name : "none");
        assert_int_equal(client_get(&client, "/healthz"), 200);
        int status = client_get(&client, "/hello");
        if (status != rows[i].hello)
            fail_msg("%s: %d", shows ? rows[i].name : "none", status);
        assert_int_equal(client_get(&client, "/nothing"), 404);
        client_close(&client);
    }
    stop();
}

static uint16_t own_port(int fd) {
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void expect_refusal(int count, const char *expected, uint16_t port) {
    wait_for(&rig.refused, count);
    pthread_mutex_lock(&rig.lock);
    if (strncmp(rig.refusal, expected, strlen(expected)) != 0 || rig.refused_port != port)
        fail_msg("\"%s\" from port %u, not \"%s\" from %u", rig.refusal, rig.refused_port, expected, port);
    pthread_mutex_unlock(&rig.lock);
}

/* A client that trusts no CA. */
static uint16_t refuse_with_openssl(int version) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    SSL *ssl = SSL_new(context);
    int fd = http_connect(rig.port);
    uint16_t port = own_port(fd);
    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    assert_int_not_equal(SSL_connect(ssl), 1);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return port;
}

static void a_client_whose_handshake_fails_is_reported_with_the_reason(void **state) {
    static const struct {
        const char *priorities, *name, *expected;
    } rows[] = {
        {"NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", "one.test", "the handshake failed: "},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2", "two.test", "it does not accept this server's certificate: "},
    };
    struct client client;
    int count = 0;
    (void)state;
    start(false);
    close(http_connect(rig.port)); /* a probe */
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        uint16_t port = refuse_with_openssl(version);
        expect_refusal(++count, "it does not accept this server's certificate: unknown CA|", port);
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_false(client_open(&client, rows[i].name, rows[i].priorities, NULL, NULL));
        gnutls_alert_send(client.session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
        uint16_t port = own_port(client.fd);
        client_close(&client);
        expect_refusal(++count, rows[i].expected, port);
    }
    static const char *const sent[][2] = {
        {"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", "it does not speak TLS|"},
        {"\x16\x03\x01\x02", "it closed the connection during the handshake|"},
    };
    for (size_t i = 0; i < COUNT(sent); i++) {
        int plain = http_connect(rig.port);
        uint16_t port = own_port(plain);
        http_ask(plain, sent[i][0]);
        shutdown(plain, SHUT_WR);
        assert_true(http_is_closed(plain));
        close(plain);
        expect_refusal(++count, sent[i][1], port);
    }
    assert_true(client_open(&client, "one.test", modern, NULL, NULL));
    client_close(&client); /* without a request */
    assert_true(client_open(&client, "one.test", modern, NULL, NULL));
    assert_int_equal(client_get(&client, "/hello"), 200);
    client_close(&client);
    stop();
    assert_int_equal(atomic_load(&rig.refused), count);
}

static void a_client_without_an_accepted_certificate_is_reported_once(void **state) {
    static const struct {
        const char *names;
        bool ours;
        int days;
        const char *expected;
    } rows[] = {
        {"URI:spiffe://example.org/gateway,DNS:a.test", true, -1,
         "its certificate is not accepted: certificate has expired|URI:spiffe://example.org/gateway, DNS:a.test"},
        {"DNS:a.test", false, 10, "its certificate is not accepted: unable to get local issuer certificate|DNS:a.test"},
        {NULL, false, 0, "it presented no certificate|"},
    };
    (void)state;
    start(true);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char certificate[96], key[96];
        struct client client;
        bool shows = rows[i].names != NULL;
        name_file(certificate, "client.pem");
        name_file(key, "client.key");
        if (shows)
            authority_sign(rows[i].ours ? rig.authority : rig.other, rows[i].names, rows[i].days, certificate, key);
        assert_true(client_open(&client, "one.test", modern, shows ? certificate : NULL, shows ? key : NULL));
        assert_int_equal(client_get(&client, "/healthz"), 200);
        assert_int_equal(atomic_load(&rig.refused), i);
        assert_int_equal(client_get(&client, "/hello"), 401);
        assert_int_equal(client_get(&client, "/hello"), 401);
        uint16_t port = own_port(client.fd);
        client_close(&client);
        expect_refusal((int)i + 1, rows[i].expected, port);
    }
    stop();
    assert_int_equal(atomic_load(&rig.refused), COUNT(rows));
}

static void tells_who_a_client_has_proven_to_be(void **state) {
    static const struct {
        const char *names;
        bool ours;
        int days;
        const char *who;
    } rows[] = {
        {"URI:spiffe://example.org/gateway,DNS:a.test,DNS:b.test", true, 10,
         "tls uri:spiffe://example.org/gateway dns:a.test dns:b.test"},
        {"DNS:a.test,IP:127.0.0.1,email:x@y.test", true, 10, "tls dns:a.test"},
        {"DNS:a.test", true, -1, "tls"},
        {"DNS:a.test", false, 10, "tls"},
        {NULL, false, 0, "tls"},
    };
    (void)state;
    start(true);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char certificate[96], key[96], who[4096] = "";
        struct client client;
        bool shows = rows[i].names != NULL;
        name_file(certificate, "client.pem");
        name_file(key, "client.key");
        if (shows)
            authority_sign(rows[i].ours ? rig.authority : rig.other, rows[i].names, rows[i].days, certificate, key);
        assert_true(client_open(&client, "one.test", modern, shows ? certificate : NULL, shows ? key : NULL));
        assert_int_equal(client_ask(&client, "/who", who), 200);
        assert_string_equal(who, rows[i].who);
        client_close(&client);
    }
    stop();
}

static void a_revoked_certificate_counts_as_none_on_open_connections_too(void **state) {
    char certificate[96], key[96], who[4096] = "";
    const char *const revoked[] = {certificate, NULL};
    struct client client;
    (void)state;
    with_lists = true;
    start(true);
    with_lists = false;
    name_file(certificate, "client.pem");
    name_file(key, "client.key");
    authority_sign(rig.authority, "DNS:client.test", 10, certificate, key);
    assert_true(client_open(&client, "one.test", modern, certificate, key));
    assert_int_equal(client_get(&client, "/hello"), 200);
    assert_int_equal(client_ask(&client, "/who", who), 200);
    assert_string_equal(who, "tls dns:client.test");
    authority_revoke(rig.authority, revoked, 10, rig.list);
    int status = 200;
    for (int i = 0; i < 100 && status == 200; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000}, NULL);
        status = client_get(&client, "/hello");
    }
    assert_int_equal(status, 401);
    assert_int_equal(client_ask(&client, "/who", who), 200);
    assert_string_equal(who, "tls");
    assert_int_equal(client_get(&client, "/healthz"), 200);
    uint16_t port = own_port(client.fd);
    client_close(&client);
    expect_refusal(1, "its certificate is not accepted: certificate revoked|DNS:client.test", port);
    assert_int_equal(rig.good, 1);
    stop();
}

static void does_not_start_with_files_that_do_not_fit(void **state) {
    static const char *const listen[] = {"127.0.0.1:0"};
    struct sp_http_server *server = NULL;
    struct sp_error error = {0};
    (void)state;
    start(false);
    struct sp_http_options options = {.listen = listen, .listen_count = 1};
    options.tls = (struct sp_tls_files){.certificate = rig.ca, .key = rig.key};
    assert_int_equal(sp_http_open(&options, routes, COUNT(routes), &server, &error), SP_ERR_INVALID);
    assert_true(error.message[0] != '\0');
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_tls_and_nothing_else),
        cmocka_unit_test(refuses_malformed_headers_with_exactly_one_reply),
        cmocka_unit_test(takes_over_new_certificates_and_drops_no_connection),
        cmocka_unit_test(keeps_its_certificate_where_a_new_one_is_broken),
        cmocka_unit_test(asks_clients_for_a_certificate_of_its_ca_but_probes),
        cmocka_unit_test(a_client_whose_handshake_fails_is_reported_with_the_reason),
        cmocka_unit_test(a_client_without_an_accepted_certificate_is_reported_once),
        cmocka_unit_test(tells_who_a_client_has_proven_to_be),
        cmocka_unit_test(a_revoked_certificate_counts_as_none_on_open_connections_too),
        cmocka_unit_test(does_not_start_with_files_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
