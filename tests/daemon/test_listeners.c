/* What a program's options make of its listeners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/listeners.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void only_tcp_without_a_certificate_is_plaintext(void **state) {
    static const struct {
        struct sp_option_texts listen;
        const char *certificate;
        bool plaintext;
    } rows[] = {
        {{{"127.0.0.1:0"}, 1}, NULL, true},
        {{{"127.0.0.1:0"}, 1}, "cert.pem", false},
        {{{"unix:/run/x.sock"}, 1}, NULL, false},
        {{{"unix:/run/x.sock", "[::1]:0"}, 2}, NULL, true},
        {{{"unix:/run/x.sock", "[::1]:0"}, 2}, "cert.pem", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct sp_daemon_options options = {.listen = rows[i].listen,
                                                  .tls = {.certificate = rows[i].certificate}};
        if (sp_listeners_are_plaintext(&options) != rows[i].plaintext)
            fail_msg("row %zu", i);
    }
}

static void the_servers_get_every_option_of_their_listeners(void **state) {
    const struct sp_daemon_options options = {
        .listen = {{"127.0.0.1:1"}, 1},
        .http_listen = {{"127.0.0.1:2", "unix:/run/http.sock"}, 2},
        .health_listen = {{"0.0.0.0:3"}, 1},
        .insecure = true,
        .tls = {"cert.pem", "key.pem", "ca.pem", "crl.pem"},
        .max_connections = 12,
    };
    uint32_t uids[SP_CALLERS_MAX_UIDS];
    struct sp_callers *callers;
    struct sp_error error;
    (void)state;
    assert_int_equal(sp_callers_open(&(struct sp_callers_options){.insecure = true}, &callers, &error), SP_OK);
    const struct sp_rpc_server_options rpc = sp_listeners_rpc_options(&options, callers, uids);
    assert_ptr_equal(rpc.listen, options.listen.values);
    assert_int_equal(rpc.listen_count, 1);
    assert_ptr_equal(rpc.health_listen, options.health_listen.values);
    assert_int_equal(rpc.health_listen_count, 1);
    assert_true(rpc.insecure);
    assert_string_equal(rpc.tls.ca, "ca.pem");
    assert_non_null(rpc.notice);
    assert_non_null(rpc.tls_refused);
    assert_int_equal(rpc.limits.max_connections, 12);
    assert_ptr_equal(rpc.unix_uids, uids);
    assert_int_equal(rpc.unix_uid_count, geteuid() == 0 ? 1 : 2);
    const struct sp_http_options http = sp_listeners_http_options(&options, &options.http_listen);
    assert_non_null(http.tls_refused);
    assert_ptr_equal(http.listen, options.http_listen.values);
    assert_int_equal(http.listen_count, 2);
    assert_true(http.insecure);
    assert_string_equal(http.tls.certificate, "cert.pem");
    assert_non_null(http.notice);
    sp_callers_close(callers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_tcp_without_a_certificate_is_plaintext),
        cmocka_unit_test(the_servers_get_every_option_of_their_listeners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
