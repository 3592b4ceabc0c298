/* Both programs under mutual TLS, called by the command line and by the load tool, with
 * certificates that are replaced while they are loaded. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/certificates.h"
#include "support/command.h"
#include "support/http_client.h"
#include "support/metrics_page.h"
#include "support/programs.h"

enum { PATH_BYTES = 128 };

static struct programs programs;
static struct certificate_authority *authority;
static char callers[PATH_BYTES], ca[PATH_BYTES], client_certificate[PATH_BYTES], client_key[PATH_BYTES];

static const char *file(const char *name) {
    static char paths[8][PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_BYTES, "%.60s/%s", programs.folder, name);
    return path;
}

static void sign(const char *names, const char *name) {
    char certificate[PATH_BYTES], key[PATH_BYTES];
    snprintf(certificate, sizeof(certificate), "%.60s/%s.pem", programs.folder, name);
    snprintf(key, sizeof(key), "%.60s/%s.key", programs.folder, name);
    authority_sign(authority, names, 30, certificate, key);
}

static void give_roles(const char *roles) {
    char next[PATH_BYTES + 8];
    snprintf(next, sizeof(next), "%s.next", callers);
    FILE *out = fopen(next, "we");
    assert_non_null(out);
    assert_true(fprintf(out, "uri:spiffe://example.org/tests: %s\n", roles) > 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rename(next, callers), 0);
}

static void start_both(void) {
    const char *sync[] = {
        "sallyport-sync",   "serve",     "--store",          programs.store,    "--listen", "127.0.0.1:0", "--tls-cert",
        file("server.pem"), "--tls-key", file("server.key"), "--tls-client-ca", ca,         NULL};
    const char *server[] = {"sallyportd", "--store",          programs.store, "--listen",         "127.0.0.1:0",
                            "--tls-cert", file("server.pem"), "--tls-key",    file("server.key"), "--tls-client-ca",
                            ca,           "--health-listen",  "127.0.0.1:0",  "--callers",        callers,
                            NULL};
    process_start(&programs.sync, programs.folder, "sync", sync);
    process_start(&programs.server, programs.folder, "server", server);
    snprintf(programs.sync_target, sizeof(programs.sync_target), "127.0.0.1:%d", process_port(&programs.sync));
    snprintf(programs.server_target, sizeof(programs.server_target), "127.0.0.1:%d", process_port(&programs.server));
    process_wait_for(&programs.sync, "serving the store");
    process_wait_for(&programs.server, "serving the store");
}

static int set_up(void **state) {
    (void)state;
    sp_rpc_global_init();
    programs_make_store(&programs, NULL);
    authority = authority_make("test CA");
    snprintf(ca, sizeof(ca), "%s", file("ca.pem"));
    snprintf(client_certificate, sizeof(client_certificate), "%s", file("client.pem"));
    snprintf(client_key, sizeof(client_key), "%s", file("client.key"));
    authority_write(authority, ca);
    sign("DNS:localhost,IP:127.0.0.1", "server");
    sign("URI:spiffe://example.org/tests", "client");
    snprintf(callers, sizeof(callers), "%s", file("callers.yaml"));
    give_roles("check");
    start_both();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    command_forget();
    programs_stop(&programs);
    authority_free(authority);
    sp_rpc_global_fini();
    return 0;
}

/* ---- the command line ---- */

static const struct command *run_cli(const char *tls, const char *rest) {
    char variable[PATH_BYTES + 32];
    snprintf(variable, sizeof(variable), "SALLYPORT_KEY_FILE=%s", file("operator.key"));
    struct command_setting setting = {.variable = variable};
    return command_run(&setting, "sallyport %s --admin %s --server %s %s", rest, programs.sync_target,
                       programs.server_target, tls);
}

static const char *all_tls(void) {
    static char text[4 * PATH_BYTES];
    snprintf(text, sizeof(text), "--tls-ca %s --tls-cert %s --tls-key %s", ca, client_certificate, client_key);
    return text;
}

/* Each mistake of a connection, with the cure in the message. */
static void what_is_wrong_with_a_connection_is_told_with_the_cure(void **state) {
    (void)state;
    struct certificate_authority *other = authority_make("another CA");
    char other_ca[PATH_BYTES], rogue[PATH_BYTES], rogue_key[PATH_BYTES], tls[5 * PATH_BYTES];
    snprintf(other_ca, sizeof(other_ca), "%s", file("other-ca.pem"));
    snprintf(rogue, sizeof(rogue), "%s", file("rogue.pem"));
    snprintf(rogue_key, sizeof(rogue_key), "%s", file("rogue.key"));
    authority_write(other, other_ca);
    authority_sign(other, "URI:spiffe://example.org/tests", 30, rogue, rogue_key);
    authority_free(other);
    const struct command *ran = run_cli("", "workspace list");
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "it requires TLS (UNAVAILABLE)\nGive the CA of its certificate with --tls-ca"));
    snprintf(tls, sizeof(tls), "--tls-ca %s", ca);
    ran = run_cli(tls, "workspace list");
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "it may require a client certificate (UNAVAILABLE)\nGive one with --tls-cert"));
    snprintf(tls, sizeof(tls), "--tls-ca %s --tls-cert %s --tls-key %s", ca, rogue, rogue_key);
    ran = run_cli(tls, "workspace list");
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "it may not accept the client certificate (UNAVAILABLE)"));
    snprintf(tls, sizeof(tls), "--tls-ca %s --tls-cert %s --tls-key %s", other_ca, client_certificate, client_key);
    ran = run_cli(tls, "workspace list");
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "none of the CAs signed its certificate"));
    snprintf(tls, sizeof(tls), "%s --tls-name elsewhere.example", all_tls());
    ran = run_cli(tls, "workspace list");
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "its certificate is for a different name (UNAVAILABLE)"));
}

static void the_command_line_speaks_mutual_tls_with_both(void **state) {
    (void)state;
    const struct command *ran = run_cli(all_tls(), "workspace create --id acme --name Acme --seats 5");
    if (ran->status != 0)
        fail_msg("%s", ran->err);
    ran = run_cli(all_tls(), "check --key-file /dev/null --ip 203.0.113.7 --resource voice/x --action use");
    assert_non_null(strstr(ran->err, "must be a key"));
}

static void without_a_certificate_nobody_gets_in(void **state) {
    char only_ca[PATH_BYTES + 16];
    (void)state;
    snprintf(only_ca, sizeof(only_ca), "--tls-ca %s", ca);
    assert_int_equal(run_cli(only_ca, "whoami")->status, 2);
    assert_int_equal(run_cli("", "whoami")->status, 2);
    const struct command *ran = run_cli("--tls-cert x.pem --tls-key x.key", "whoami");
    assert_int_equal(ran->status, 2);
    assert_non_null(strstr(ran->err, "needs the CA"));
}

static void the_health_port_needs_no_certificate(void **state) {
    char target[64];
    (void)state;
    snprintf(target, sizeof(target), "127.0.0.1:%d", process_port_of(&programs.server, "answering health probes on "));
    programs_wait_for_health(target, true);
    struct caller caller;
    assert_true(caller_open(&caller, target, ""));
    assert_int_equal(caller_call(&caller, "Authorization/Check", "{}"), SP_ERR_UNIMPLEMENTED);
    caller_close(&caller);
}

/* Each with the reason, which is a new one of this address, so that it is logged at once. */
static void a_client_that_tls_refuses_is_logged_on_the_grpc_and_the_http_port(void **state) {
    struct process *const processes[] = {&programs.server, &programs.sync};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = http_connect(http_port(processes[i]));
        http_ask(fd, "\x16\x03\x01"); /* of a record that never comes whole */
        shutdown(fd, SHUT_WR);
        assert_true(http_is_closed(fd));
        close(fd);
        process_wait_for(processes[i], "\"reason\":\"it closed the connection during the handshake\"");
        assert_int_equal(run_cli("", "whoami")->status, 2);
        process_wait_for(&programs.sync, "\"reason\":\"it does not speak TLS\"");
    }
}

/* ---- roles ---- */

static bool says(const struct command *ran, const char *text) {
    return strstr(ran->err, text) != NULL;
}

static void a_role_is_needed_and_is_given_without_a_restart(void **state) {
    struct command_setting setting = {.input = "sp_nothing\n"};
    (void)state;
    const struct command *ran = command_run(&setting,
                                            "sallyport check --key-file - --ip 203.0.113.7 --resource voice/x "
                                            "--action use --server %s %s",
                                            programs.server_target, all_tls());
    if (ran->status != 1)
        fail_msg("%s", ran->err);
    for (int i = 0; i < 100; i++) {
        ran = command_run(&setting,
                          "sallyport explain --key-file - --ip 203.0.113.7 --resource voice/x --action use "
                          "--server %s %s",
                          programs.server_target, all_tls());
        if (i == 0) {
            assert_int_equal(ran->status, 2);
            assert_true(says(ran, "\"explain\": grant it to uri:spiffe://example.org/tests"));
            give_roles("check, explain");
        }
        if (ran->status != 2)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000}, NULL);
    }
    if (ran->status != 1)
        fail_msg("%s", ran->err);
    process_wait_for(&programs.server, "the callers file has changed");
}

/* ---- rotation under load ---- */

/* A new connection to each of the programs. */
static void connect_anew(void) {
    struct command_setting setting = {.input = "sp_nothing\n"};
    assert_int_equal(run_cli(all_tls(), "whoami")->status, 0);
    const struct command *ran =
        command_run(&setting, "sallyport check --key-file - --resource voice/x --action use --server %s %s",
                    programs.server_target, all_tls());
    if (ran->status != 1)
        fail_msg("%s", ran->err);
}

/* Each handshake of a new connection may meet the files at any point of their replacement. */
static void a_certificate_is_rotated_under_load_without_a_failed_call(void **state) {
    (void)state;
    struct process load;
    const char *arguments[] = {"sallyport-bench",
                               "run",
                               "--target",
                               programs.server_target,
                               "--unverified",
                               "--keys",
                               "1000",
                               "--rate",
                               "2000",
                               "--warmup",
                               "0",
                               "--duration",
                               "4",
                               "--tls-ca",
                               ca,
                               "--tls-cert",
                               client_certificate,
                               "--tls-key",
                               client_key,
                               "-o",
                               "json",
                               NULL};
    process_start(&load, programs.folder, "load", arguments);
    for (int round = 0; round < 3; round++) {
        char next[32];
        snprintf(next, sizeof(next), "next-%d", round);
        sign("DNS:localhost,IP:127.0.0.1", next);
        char from[2][PATH_BYTES + 32];
        snprintf(from[0], sizeof(from[0]), "%.60s/%s.pem", programs.folder, next);
        snprintf(from[1], sizeof(from[1]), "%.60s/%s.key", programs.folder, next);
        assert_int_equal(rename(from[0], file("server.pem")), 0);
        connect_anew();
        assert_int_equal(rename(from[1], file("server.key")), 0);
        nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100 * 1000000}, NULL);
        connect_anew();
    }
    assert_int_equal(process_wait(&load), 0);
    char *result = process_read(load.out);
    json_t *json = json_loads(result, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "errors")), 0);
    assert_true(json_integer_value(json_object_get(json, "calls")) > 1000);
    json_decref(json);
    free(result);
    process_wait_for(&programs.sync, "new connections use the new certificate");
    process_wait_for(&programs.server, "new connections use the new certificate");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_a_connection_is_told_with_the_cure),
        cmocka_unit_test(the_command_line_speaks_mutual_tls_with_both),
        cmocka_unit_test(without_a_certificate_nobody_gets_in),
        cmocka_unit_test(the_health_port_needs_no_certificate),
        cmocka_unit_test(a_client_that_tls_refuses_is_logged_on_the_grpc_and_the_http_port),
        cmocka_unit_test(a_role_is_needed_and_is_given_without_a_restart),
        cmocka_unit_test(a_certificate_is_rotated_under_load_without_a_failed_call),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
