/* TLS on real connections: who gets in, who they are said to be, and certificates that change below
 * a running server. */
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "rig.h"
#include "support/certificates.h"
#include "support/process.h"

/* Says who calls: "tls uri=… dns=…", "unix uid", "plain". */
static void tell_identity(struct sp_rpc_call *call, void *user) {
    static const char *const kinds[] = {"plain", "tls", "unix"};
    struct sp_identity identity;
    char text[512];
    (void)user;
    sp_rpc_call_identity(call, &identity);
    int size = snprintf(text, sizeof(text), "%s", kinds[identity.kind]);
    if (identity.uid_known) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, " %u", identity.uid);
    }
    for (size_t i = 0; i < identity.uri_count; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, " uri=%.*s", SP_STR_ARG(identity.uris[i]));
    }
    for (size_t i = 0; i < identity.dns_count; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, " dns=%.*s", SP_STR_ARG(identity.dns[i]));
    }
    sp_rpc_reply(call, (struct sp_bytes){(const uint8_t *)text, (size_t)size});
}

static const struct sp_rpc_method methods[] = {{.path = "/test.Test/Who", .unary = tell_identity}};

static char folder[64];
static struct certificate_authority *authority, *stranger;

static const char *path_of(const char *name) {
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void sign(const struct certificate_authority *by, const char *names, int days, const char *name) {
    char certificate[128], key[128];
    snprintf(certificate, sizeof(certificate), "%s/%s.pem", folder, name);
    snprintf(key, sizeof(key), "%s/%s.key", folder, name);
    authority_sign(by, names, days, certificate, key);
}

static int set_up_files(void **state) {
    (void)state;
    folder_make(folder);
    authority = authority_make("test CA");
    stranger = authority_make("another CA");
    authority_write(authority, path_of("ca.pem"));
    authority_write(stranger, path_of("stranger-ca.pem"));
    sign(authority, "DNS:localhost,IP:127.0.0.1", 30, "server");
    sign(authority, "URI:spiffe://example.org/gateway,DNS:gateway.example.org", 30, "gateway");
    sign(authority, "DNS:one.example.org,DNS:two.example.org", 30, "two");
    sign(authority, "DNS:old.example.org", -2, "expired");
    sign(stranger, "URI:spiffe://example.org/gateway", 30, "stranger");
    return 0;
}

static int tear_down_files(void **state) {
    (void)state;
    authority_free(authority);
    authority_free(stranger);
    folder_remove(folder);
    return 0;
}

/* ---- a server and its clients ---- */

static atomic_int good_notices, bad_notices;
static bool with_lists; /* servers read crl.pem */

static void notice(void *user, bool good, const char *message) {
    (void)user;
    (void)message;
    atomic_fetch_add(good ? &good_notices : &bad_notices, 1);
}

static struct {
    pthread_mutex_t lock;
    char text[1024]; /* "reason|names" */
    struct sp_peer peer;
} last_refusal = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct gate refusals = GATE_INIT;

static void note_refusal(void *user, const struct sp_tls_refusal *refusal) {
    (void)user;
    pthread_mutex_lock(&last_refusal.lock);
    snprintf(last_refusal.text, sizeof(last_refusal.text), "%s|%s", refusal->reason, refusal->names);
    last_refusal.peer = refusal->peer;
    pthread_mutex_unlock(&last_refusal.lock);
    gate_add(&refusals, 1);
}

static void start(struct rig *rig, bool mutual, const char *listen) {
    const char *const all[] = {listen};
    static const char *const health[] = {"127.0.0.1:0"};
    uint32_t own = getuid();
    struct sp_rpc_server_options options = {
        .engine = rig_engine(),
        .listen = all,
        .listen_count = 1,
        .health_listen = health,
        .health_listen_count = 1,
        .workers = 2,
        .tls = {.certificate = path_of("server.pem"),
                .key = path_of("server.key"),
                .ca = mutual ? path_of("ca.pem") : NULL,
                .crl = with_lists ? path_of("crl.pem") : NULL},
        .notice = notice,
        .tls_refused = note_refusal,
        .unix_uids = &own,
        .unix_uid_count = 1,
    };
    memset(rig, 0, sizeof(*rig));
    atomic_store(&good_notices, 0);
    atomic_store(&bad_notices, 0);
    assert_int_equal(sp_arena_init(&rig->arena, 4096, 1 << 20), SP_OK);
    if (sp_rpc_server_open(&options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &rig->server, &rig->error) !=
        SP_OK) {
        fail_msg("%s", rig->error.message);
    }
    assert_int_equal(sp_rpc_server_start(rig->server, &rig->error), SP_OK);
    snprintf(rig->target, sizeof(rig->target), "127.0.0.1:%d", sp_rpc_server_port(rig->server, 0));
}

/* Asks who it is; "" with the rig's error where it does not get in. */
static const char *who(struct rig *rig, const struct sp_rpc_client_tls *tls) {
    static char answer[512];
    struct sp_rpc_client *client;
    struct sp_bytes reply;
    struct sp_rpc_client_options options = {.target = rig->target, .timeout_ms = 10000, .tls = *tls};
    answer[0] = '\0';
    if (sp_rpc_client_open(&options, &client, &rig->error) != SP_OK) {
        return answer;
    }
    if (sp_rpc_client_call(client, "/test.Test/Who", bytes_of("x"), &rig->arena, &reply, &rig->error) == SP_OK) {
        snprintf(answer, sizeof(answer), "%.*s", (int)reply.size, (const char *)reply.data);
    }
    sp_rpc_client_close(client);
    return answer;
}

static struct sp_rpc_client_tls with(const char *ca, const char *name) {
    static char certificate[128], key[128], authority_file[128];
    struct sp_rpc_client_tls tls = {.ca = authority_file};
    snprintf(authority_file, sizeof(authority_file), "%s/%s", folder, ca);
    if (name != NULL) {
        snprintf(certificate, sizeof(certificate), "%s/%s.pem", folder, name);
        snprintf(key, sizeof(key), "%s/%s.key", folder, name);
        tls.certificate = certificate;
        tls.key = key;
    }
    return tls;
}

static void serves_clients_that_believe_its_ca(void **state) {
    struct rig rig;
    (void)state;
    start(&rig, false, "127.0.0.1:0");
    struct sp_rpc_client_tls tls = with("ca.pem", NULL);
    assert_string_equal(who(&rig, &tls), "tls");
    tls = with("stranger-ca.pem", NULL);
    assert_string_equal(who(&rig, &tls), "");
    assert_int_equal(rig.error.status, SP_ERR_UNAVAILABLE);
    tls = (struct sp_rpc_client_tls){.ca = NULL};
    assert_string_equal(who(&rig, &tls), "");
    rig_stop(&rig);
}

static void clients_refuse_a_server_of_another_name(void **state) {
    struct rig rig;
    (void)state;
    start(&rig, false, "127.0.0.1:0");
    struct sp_rpc_client_tls tls = with("ca.pem", NULL);
    tls.server_name = "elsewhere.example.org";
    assert_string_equal(who(&rig, &tls), "");
    tls.server_name = "localhost";
    assert_string_equal(who(&rig, &tls), "tls");
    rig_stop(&rig);
}

static void names_come_from_verified_client_certificates_only(void **state) {
    static const struct {
        const char *certificate, *expected;
    } rows[] = {
        {"gateway", "tls uri=spiffe://example.org/gateway dns=gateway.example.org"},
        {"two", "tls dns=one.example.org dns=two.example.org"},
        {"expired", ""},
        {"stranger", ""},
        {NULL, ""},
    };
    struct rig rig;
    (void)state;
    start(&rig, true, "127.0.0.1:0");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_rpc_client_tls tls = with("ca.pem", rows[i].certificate);
        /* A client does not offer an expired one of its own accord; read past that check. */
        if (rows[i].certificate != NULL && strcmp(rows[i].certificate, "expired") == 0) {
            assert_string_equal(who(&rig, &tls), "");
            assert_non_null(strstr(rig.error.message, "has expired"));
            continue;
        }
        assert_string_equal(who(&rig, &tls), rows[i].expected);
    }
    rig_stop(&rig);
}

static enum sp_status ask_again(struct rig *rig, struct sp_rpc_client *client, const char *method) {
    struct sp_bytes reply;
    return sp_rpc_client_call(client, method, bytes_of("x"), &rig->arena, &reply, &rig->error);
}

static void a_revoked_certificate_is_refused_on_open_connections_too(void **state) {
    static const char *const none[] = {NULL};
    const char *const revoked[] = {path_of("gateway.pem"), NULL};
    struct sp_rpc_client *gateway = NULL, *two = NULL;
    struct rig rig;
    (void)state;
    authority_revoke(authority, none, 30, path_of("crl.pem"));
    with_lists = true;
    start(&rig, true, "127.0.0.1:0");
    with_lists = false;
    struct sp_rpc_client_options options = {
        .target = rig.target, .timeout_ms = 10000, .tls = with("ca.pem", "gateway")};
    assert_int_equal(sp_rpc_client_open(&options, &gateway, &rig.error), SP_OK);
    assert_int_equal(ask_again(&rig, gateway, "/test.Test/Who"), SP_OK);
    options.tls = with("ca.pem", "two");
    assert_int_equal(sp_rpc_client_open(&options, &two, &rig.error), SP_OK);
    assert_int_equal(ask_again(&rig, two, "/test.Test/Who"), SP_OK);
    authority_revoke(authority, revoked, 30, path_of("crl.pem"));
    enum sp_status status = SP_OK;
    for (int i = 0; i < 100 && status == SP_OK; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000}, NULL);
        status = ask_again(&rig, gateway, "/test.Test/Who");
    }
    assert_int_equal(status, SP_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(rig.error.message, "certificate revoked"));
    /* Whatever it asks, on this connection or another. */
    assert_int_equal(ask_again(&rig, gateway, "/test.Test/Nothing"), SP_ERR_UNAUTHENTICATED);
    assert_int_equal(ask_again(&rig, gateway, "/grpc.health.v1.Health/Check"), SP_ERR_UNAUTHENTICATED);
    struct sp_rpc_client_tls tls = with("ca.pem", "gateway");
    assert_string_equal(who(&rig, &tls), "");
    assert_int_equal(rig.error.status, SP_ERR_UNAUTHENTICATED);
    assert_int_equal(ask_again(&rig, two, "/test.Test/Who"), SP_OK);
    assert_int_equal(good_notices, 1);
    sp_rpc_client_close(gateway);
    sp_rpc_client_close(two);
    rig_stop(&rig);
}

/* Whatever the certificate, which our own client would not offer. `version` 0: without TLS. */
static void shake_hands(const struct rig *rig, const char *name, const char *ca, int version, uint16_t *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    char bytes[256];
    address.sin_port = htons((uint16_t)sp_rpc_server_port(rig->server, 0));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_max_proto_version(context, version);
    assert_int_equal(SSL_CTX_load_verify_locations(context, path_of(ca), NULL), 1);
    if (name != NULL) {
        snprintf(bytes, sizeof(bytes), "%s/%s.pem", folder, name);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(context, bytes), 1);
        snprintf(bytes, sizeof(bytes), "%s/%s.key", folder, name);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(context, bytes, SSL_FILETYPE_PEM), 1);
    }
    static const char plaintext[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2", 3);
    if (version == 0)
        assert_true(send(fd, plaintext, sizeof(plaintext) - 1, MSG_NOSIGNAL) > 0);
    if (version != 0 && SSL_connect(ssl) == 1)
        (void)SSL_read(ssl, bytes, sizeof(bytes)); /* TLS 1.3 tells a client only now */
    SSL_free(ssl);
    SSL_CTX_free(context);
    if (version == 0)
        (void)recv(fd, bytes, sizeof(bytes), 0);
    close(fd);
}

static void a_refused_client_is_reported_with_its_address_the_reason_and_its_names(void **state) {
    static const struct {
        const char *certificate, *ca;
        int version;
        const char *expected;
    } rows[] = {
        {"stranger", "ca.pem", TLS1_3_VERSION,
         "its certificate is not accepted: unable to get local issuer certificate|URI:spiffe://example.org/gateway"},
        {"expired", "ca.pem", TLS1_3_VERSION,
         "its certificate is not accepted: certificate has expired|DNS:old.example.org"},
        {"expired", "ca.pem", TLS1_2_VERSION,
         "its certificate is not accepted: certificate has expired|DNS:old.example.org"},
        {NULL, "ca.pem", TLS1_3_VERSION, "it presented no certificate|"},
        {NULL, "ca.pem", TLS1_2_VERSION, "it presented no certificate|"},
        {"gateway", "stranger-ca.pem", TLS1_3_VERSION, "it does not accept this server's certificate: unknown CA|"},
        {"gateway", "stranger-ca.pem", TLS1_2_VERSION, "it does not accept this server's certificate: unknown CA|"},
        {NULL, "ca.pem", 0, "it does not speak TLS|"},
    };
    struct rig rig;
    uint64_t counts[SP_RPC_BOUND_COUNT];
    (void)state;
    refusals.count = 0;
    start(&rig, true, "127.0.0.1:0");
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint16_t port = 0;
        shake_hands(&rig, rows[i].certificate, rows[i].ca, rows[i].version, &port);
        assert_true(gate_wait(&refusals, (int)i + 1));
        pthread_mutex_lock(&last_refusal.lock);
        assert_string_equal(last_refusal.text, rows[i].expected);
        char peer[SP_PEER_TEXT_BYTES], expected_peer[64];
        sp_peer_write(&last_refusal.peer, peer);
        pthread_mutex_unlock(&last_refusal.lock);
        snprintf(expected_peer, sizeof(expected_peer), "127.0.0.1:%u", port);
        assert_string_equal(peer, expected_peer);
    }
    struct sp_rpc_client_tls tls = with("ca.pem", "gateway");
    assert_string_not_equal(who(&rig, &tls), "");
    (void)sp_rpc_server_bounds(rig.server, counts);
    assert_int_equal(counts[SP_RPC_BOUND_TLS], COUNT(rows));
    rig_stop(&rig);
    assert_int_equal(gate_count(&refusals), COUNT(rows)); /* the good client's connection was none */
}

static void a_certificate_that_was_not_asked_for_names_nobody(void **state) {
    struct rig rig;
    (void)state;
    start(&rig, false, "127.0.0.1:0");
    struct sp_rpc_client_tls tls = with("ca.pem", "gateway");
    assert_string_equal(who(&rig, &tls), "tls");
    rig_stop(&rig);
}

static void unix_sockets_stay_plaintext_and_tell_the_user(void **state) {
    struct rig rig;
    char address[64], expected[32];
    (void)state;
    snprintf(address, sizeof(address), "unix:%.40s/socket", folder);
    start(&rig, true, address);
    snprintf(rig.target, sizeof(rig.target), "%s", address);
    snprintf(expected, sizeof(expected), "unix %u", getuid());
    struct sp_rpc_client_tls tls = {.ca = NULL};
    assert_string_equal(who(&rig, &tls), expected);
    rig_stop(&rig);
}

static void the_health_listener_answers_nothing_else(void **state) {
    struct rig rig;
    struct sp_bytes reply;
    struct sp_rpc_client *client;
    (void)state;
    start(&rig, true, "127.0.0.1:0");
    snprintf(rig.target, sizeof(rig.target), "127.0.0.1:%d", sp_rpc_server_port(rig.server, 1));
    struct sp_rpc_client_options options = {.target = rig.target};
    assert_int_equal(sp_rpc_client_open(&options, &client, &rig.error), SP_OK);
    assert_int_equal(sp_rpc_client_call(client, "/grpc.health.v1.Health/Check", (struct sp_bytes){NULL, 0}, &rig.arena,
                                        &reply, &rig.error),
                     SP_OK);
    assert_int_equal(sp_rpc_client_call(client, "/test.Test/Who", bytes_of("x"), &rig.arena, &reply, &rig.error),
                     SP_ERR_UNIMPLEMENTED);
    sp_rpc_client_close(client);
    rig_stop(&rig);
}

/* ---- versions ---- */

static bool handshakes_with(int port, int version) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)port);
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    static const unsigned char alpn[] = {2, 'h', '2'};
    SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, fd);
    bool good = SSL_connect(tls) == 1;
    SSL_free(tls);
    SSL_CTX_free(context);
    close(fd);
    return good;
}

static void speaks_tls_1_2_and_1_3_and_nothing_older(void **state) {
    struct rig rig;
    (void)state;
    start(&rig, false, "127.0.0.1:0");
    int port = sp_rpc_server_port(rig.server, 0);
    assert_true(handshakes_with(port, TLS1_3_VERSION));
    assert_true(handshakes_with(port, TLS1_2_VERSION));
    assert_false(handshakes_with(port, TLS1_1_VERSION));
    assert_false(handshakes_with(port, TLS1_VERSION));
    rig_stop(&rig);
}

/* ---- files that change ---- */

static void replace(const char *from, const char *to) {
    assert_int_equal(rename(path_of(from), path_of(to)), 0);
}

/* New connections until the notice has come; each of them must be served. */
static void connect_until(struct rig *rig, const struct sp_rpc_client_tls *tls, atomic_int *notices) {
    for (int i = 0; i < 400 && atomic_load(notices) == 0; i++) {
        assert_string_equal(who(rig, tls), "tls");
        sp_clock_sleep_ms(20);
    }
    assert_true(atomic_load(notices) > 0);
}

static void a_new_pair_is_taken_over_and_a_broken_one_is_not(void **state) {
    struct rig rig;
    (void)state;
    sign(authority, "DNS:localhost,IP:127.0.0.1", 30, "server");
    start(&rig, false, "127.0.0.1:0");
    struct sp_rpc_client_tls tls = with("ca.pem", NULL);
    struct sp_rpc_client_tls later = tls;
    assert_string_equal(who(&rig, &tls), "tls");

    /* The old key beside a new certificate: what is read between two renames. It lasts, and so is
     * told. */
    sign(authority, "DNS:renamed.example.org", 30, "next");
    replace("next.pem", "server.pem");
    connect_until(&rig, &tls, &bad_notices);
    assert_int_equal(atomic_load(&good_notices), 0);

    replace("next.key", "server.key");
    later.server_name = "renamed.example.org";
    for (int i = 0; i < 400 && atomic_load(&good_notices) == 0; i++) {
        (void)who(&rig, &later);
        sp_clock_sleep_ms(20);
    }
    assert_int_equal(atomic_load(&good_notices), 1);
    assert_string_equal(who(&rig, &later), "tls");

    atomic_store(&bad_notices, 0);
    file_write(path_of("server.pem"), "-----BEGIN CERTIFICATE-----\nno\n");
    connect_until(&rig, &later, &bad_notices);
    assert_int_equal(unlink(path_of("server.pem")), 0);
    assert_string_equal(who(&rig, &later), "tls");
    rig_stop(&rig);
    sign(authority, "DNS:localhost,IP:127.0.0.1", 30, "server");
}

static void refuses_to_start_with_files_that_do_not_fit(void **state) {
    static const struct {
        const char *certificate, *key, *ca, *says;
    } rows[] = {
        {"server.pem", "gateway.key", NULL, "is not the key of the certificate"},
        {"nothing.pem", "server.key", NULL, "No such file"},
        {"server.key", "server.key", NULL, "contains no readable certificate"},
        {"server.pem", "server.pem", NULL, "contains no private key"},
        {"expired.pem", "expired.key", NULL, "has expired"},
        {"server.pem", "server.key", "server.key", "contains no readable certificate"},
        {"server.pem", NULL, NULL, "must be given together"},
        {NULL, NULL, "ca.pem", "requires a server certificate"},
    };
    static const char *const loopback[] = {"127.0.0.1:0"};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_rpc_server *server;
        struct sp_error error;
        struct sp_rpc_server_options options = {
            .engine = rig_engine(), .listen = loopback, .listen_count = 1, .workers = 1};
        options.tls.certificate = rows[i].certificate == NULL ? NULL : path_of(rows[i].certificate);
        options.tls.key = rows[i].key == NULL ? NULL : path_of(rows[i].key);
        options.tls.ca = rows[i].ca == NULL ? NULL : path_of(rows[i].ca);
        assert_int_equal(
            sp_rpc_server_open(&options, methods, COUNT(methods), (struct sp_bytes){NULL, 0}, &server, &error),
            SP_ERR_INVALID);
        if (strstr(error.message, rows[i].says) == NULL) {
            fail_msg("row %zu: \"%s\"", i, error.message);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_clients_that_believe_its_ca),
        cmocka_unit_test(clients_refuse_a_server_of_another_name),
        cmocka_unit_test(names_come_from_verified_client_certificates_only),
        cmocka_unit_test(a_revoked_certificate_is_refused_on_open_connections_too),
        cmocka_unit_test(a_refused_client_is_reported_with_its_address_the_reason_and_its_names),
        cmocka_unit_test(a_certificate_that_was_not_asked_for_names_nobody),
        cmocka_unit_test(unix_sockets_stay_plaintext_and_tell_the_user),
        cmocka_unit_test(the_health_listener_answers_nothing_else),
        cmocka_unit_test(speaks_tls_1_2_and_1_3_and_nothing_older),
        cmocka_unit_test(a_new_pair_is_taken_over_and_a_broken_one_is_not),
        cmocka_unit_test(refuses_to_start_with_files_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, set_up_files, tear_down_files) == 0 ? 0 : 1;
}
