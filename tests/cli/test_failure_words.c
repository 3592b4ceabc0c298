/* What failed calls say, for each release's words of gRPC and each kind of peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/failure_words.h"
#include "texts.h"

#define REFUSED "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:7400: "

static const struct cli_service service = {"sallyportd", "7400", "--server, SALLYPORT_SERVER"};

static struct cli_call make_call(const char *ca, const char *certificate) {
    return (struct cli_call){.asked = &service,
                             .asked_target = "127.0.0.1:7400",
                             .timeout_ms = 30000,
                             .tls = {.ca = ca, .certificate = certificate}};
}

static void a_failed_connection_says_the_cure(void **state) {
    (void)state;
    static const struct {
        const char *message, *ca, *certificate;
        enum cli_peer peer;
        const char *what, *cure;
    } rows[] = {
        {REFUSED "Connection refused", NULL, NULL, CLI_PEER_NONE,
         "cannot connect to 127.0.0.1:7400: Connection refused",
         "Nothing listens there. To call another address, use --server, SALLYPORT_SERVER or a profile."},
        {REFUSED "Failed to connect to remote host: Timeout", NULL, NULL, CLI_PEER_UNKNOWN,
         "cannot connect to 127.0.0.1:7400: Timeout",
         "To call another address, use --server, SALLYPORT_SERVER or a profile."},
        {"DNS resolution failed for x:1: C-ares status", NULL, NULL, CLI_PEER_UNKNOWN,
         "cannot find the host of 127.0.0.1:7400",
         "To call another address, use --server, SALLYPORT_SERVER or a profile."},
        {REFUSED "Socket closed", NULL, NULL, CLI_PEER_TLS, "cannot call 127.0.0.1:7400: it requires TLS",
         "Give the CA of its certificate with --tls-ca FILE."},
        {"Socket closed", NULL, NULL, CLI_PEER_TLS, "cannot call 127.0.0.1:7400: it requires TLS",
         "Give the CA of its certificate with --tls-ca FILE."},
        {REFUSED "Trying to connect an http1.x server", NULL, NULL, CLI_PEER_HTTP,
         "cannot call 127.0.0.1:7400: it speaks HTTP/1.1, not gRPC",
         "sallyportd listens for gRPC on port 7400 unless told otherwise."},
        {REFUSED "Ssl handshake failed: wrong version number", "ca.pem", NULL, CLI_PEER_GRPC,
         "cannot call 127.0.0.1:7400: it does not speak TLS",
         "Leave out --tls-ca, SALLYPORT_TLS_CA or tls_ca of the profile to use plaintext."},
        {REFUSED "Ssl handshake failed: error:0A000086:SSL routines::certificate verify failed", "ca.pem", NULL,
         CLI_PEER_TLS,
         "cannot call 127.0.0.1:7400: none of the CAs signed its certificate, or the certificate has expired",
         "The CAs are those of ca.pem (--tls-ca, SALLYPORT_TLS_CA, or tls_ca in a profile)."},
        {REFUSED "Peer name a is not in peer certificate", "ca.pem", NULL, CLI_PEER_TLS,
         "cannot call 127.0.0.1:7400: its certificate is for a different name",
         "Give a name that the certificate has with --tls-name."},
        {REFUSED "Cannot check peer: missing selected ALPN property.", "ca.pem", NULL, CLI_PEER_TLS,
         "cannot call 127.0.0.1:7400: it speaks TLS, but not gRPC",
         "sallyportd listens for gRPC on port 7400 unless told otherwise."},
        {REFUSED "Socket closed", "ca.pem", NULL, CLI_PEER_TLS,
         "cannot call 127.0.0.1:7400: it ended the connection: it may require a client certificate",
         "Give one with --tls-cert FILE and --tls-key FILE."},
        {"recvmsg:Connection reset by peer", "ca.pem", "me.pem", CLI_PEER_TLS,
         "cannot call 127.0.0.1:7400: it ended the connection: it may not accept the client certificate",
         "me.pem must be signed by one of the server's --tls-client-ca."},
        /* not the connection's fault */
        {"the store has not reached revision 1:9", NULL, NULL, CLI_PEER_UNKNOWN,
         "the store has not reached revision 1:9", ""},
        {"the store is not open yet", NULL, NULL, CLI_PEER_UNKNOWN, "the store is not open yet", ""},
        {"the server is stopping", NULL, NULL, CLI_PEER_UNKNOWN, "the server is stopping", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cli_call call = make_call(rows[i].ca, rows[i].certificate);
        struct sp_error error;
        struct cli_failure failure;
        (void)sp_error_set(&error, SP_ERR_UNAVAILABLE, "%s", rows[i].message);
        sp_cli_explain_failure(&call, &error, rows[i].peer, &failure);
        assert_string_equal(failure.what, rows[i].what);
        assert_string_equal(failure.cure, rows[i].cure);
    }
}

#define NO_SOCKET "failed to connect to all addresses; last error: UNKNOWN: unix:/run/s.sock: "
#define START_OR_CHOOSE                                                                                                \
    "Start sallyportd with --listen unix:/run/s.sock, or name another address with --server, SALLYPORT_SERVER or a "   \
    "profile."

static void a_unix_socket_is_named_with_what_it_lacks(void **state) {
    (void)state;
    static const struct {
        const char *message, *what, *cure;
    } rows[] = {
        {NO_SOCKET "No such file or directory", "cannot connect to unix:/run/s.sock: there is no such socket",
         START_OR_CHOOSE},
        {"No such file or directory", "cannot connect to unix:/run/s.sock: there is no such socket", START_OR_CHOOSE},
        {NO_SOCKET "Connection refused", "cannot connect to unix:/run/s.sock: nothing listens on this socket",
         START_OR_CHOOSE},
        {NO_SOCKET "Permission denied", "cannot connect to unix:/run/s.sock: this user may not use the socket",
         "It needs write permission on the socket, and search permission on the folders above it."},
        {NO_SOCKET "Out of memory", "cannot connect to unix:/run/s.sock: Out of memory",
         "To call another address, use --server, SALLYPORT_SERVER or a profile."},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cli_call call = make_call(NULL, NULL);
        struct sp_error error;
        struct cli_failure failure;
        call.asked_target = "unix:/run/s.sock";
        (void)sp_error_set(&error, SP_ERR_UNAVAILABLE, "%s", rows[i].message);
        assert_true(sp_cli_is_unreachable(&call, &error));
        sp_cli_explain_failure(&call, &error, CLI_PEER_UNKNOWN, &failure);
        assert_string_equal(failure.what, rows[i].what);
        assert_string_equal(failure.cure, rows[i].cure);
    }
}

static void only_what_failed_to_connect_is_worth_a_probe(void **state) {
    (void)state;
    struct cli_call call = make_call(NULL, NULL);
    struct sp_error error;
    (void)sp_error_set(&error, SP_ERR_UNAVAILABLE, REFUSED "Socket closed");
    assert_true(sp_cli_is_unreachable(&call, &error));
    call.asked = NULL;
    assert_false(sp_cli_is_unreachable(&call, &error));
    call.asked = &service;
    (void)sp_error_set(&error, SP_ERR_UNAVAILABLE, "the store has no revision yet");
    assert_false(sp_cli_is_unreachable(&call, &error));
    (void)sp_error_set(&error, SP_ERR_NOT_FOUND, "failed to connect");
    assert_false(sp_cli_is_unreachable(&call, &error));
}

static void another_service_and_a_slow_one_say_what_to_do(void **state) {
    (void)state;
    struct cli_call call = make_call(NULL, NULL);
    struct sp_error error;
    struct cli_failure failure;
    (void)sp_error_set(&error, SP_ERR_UNIMPLEMENTED, "this server has no such method");
    sp_cli_explain_failure(&call, &error, CLI_PEER_UNKNOWN, &failure);
    assert_string_equal(failure.what, "this server has no such method");
    assert_string_equal(failure.cure,
                        "Is 127.0.0.1:7400 the address of sallyportd? It listens on port 7400 unless told "
                        "otherwise (--server, SALLYPORT_SERVER).");
    (void)sp_error_set(&error, SP_ERR_DEADLINE, "Deadline Exceeded");
    sp_cli_explain_failure(&call, &error, CLI_PEER_UNKNOWN, &failure);
    assert_string_equal(failure.cure, "No answer came from 127.0.0.1:7400 within 30 s; --timeout waits longer.");
}

static void the_first_bytes_tell_what_answers(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        enum cli_peer peer;
    } rows[] = {
        {"HTTP/1.1 400 Bad Request", 24, CLI_PEER_HTTP},
        {"\x15\3\1\0\2\2\x46", 7, CLI_PEER_TLS},
        {"\x16\3\3\0\x38\2", 6, CLI_PEER_TLS},
        {"\0\0\x1e\4\0\0\0\0\0\0", 10, CLI_PEER_GRPC},
        {"\0\0\x1e\4", 4, CLI_PEER_UNKNOWN},
        {"SSH-2.0-OpenSSH", 15, CLI_PEER_UNKNOWN},
        {"", 0, CLI_PEER_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(sp_cli_peer_of((const unsigned char *)rows[i].bytes, rows[i].size), rows[i].peer);
}

static void a_key_in_the_place_of_an_address_is_masked(void **state) {
    static const char *const messages[] = {"DNS resolution failed for x:1", REFUSED "Connection refused",
                                           REFUSED "Socket closed"};
    static const char key[] = "sp_Abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH";
    char target[96];
    (void)state;
    snprintf(target, sizeof(target), "%s:7400", key);
    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        struct sp_error error = {0};
        struct cli_failure failure;
        struct cli_call call = make_call(NULL, NULL);
        call.asked_target = target;
        sp_error_set(&error, SP_ERR_UNAVAILABLE, "%s", messages[i]);
        sp_cli_explain_failure(&call, &error, CLI_PEER_NONE, &failure);
        assert_null(strstr(failure.what, key));
        assert_null(strstr(failure.cure, key));
        assert_non_null(strstr(failure.what, "sp_***EFGH"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_connection_says_the_cure),
        cmocka_unit_test(a_unix_socket_is_named_with_what_it_lacks),
        cmocka_unit_test(only_what_failed_to_connect_is_worth_a_probe),
        cmocka_unit_test(another_service_and_a_slow_one_say_what_to_do),
        cmocka_unit_test(the_first_bytes_tell_what_answers),
        cmocka_unit_test(a_key_in_the_place_of_an_address_is_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
