/* Reports over mutual TLS: only a caller with the role `report` is heard. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/certificates.h"
#include "support/programs.h"

enum { SERVERS = 2, POLLS = 3000, POLL_NS = 20000000, PATH_BYTES = 160 };

static struct programs programs;
static struct process servers[SERVERS];

static const char *path(const char *name) {
    static char paths[16][PATH_BYTES];
    static size_t next;
    char *made = paths[next++ % 16];
    snprintf(made, PATH_BYTES, "%s/%s", programs.folder, name);
    return made;
}

static void make_files(void) {
    struct certificate_authority *authority = authority_make("Test CA");
    authority_write(authority, path("ca.pem"));
    authority_sign(authority, "IP:127.0.0.1", 1, path("sync.pem"), path("sync.key"));
    authority_sign(authority, "URI:spiffe://example.org/sallyportd", 1, path("alpha.pem"), path("alpha.key"));
    authority_sign(authority, "URI:spiffe://example.org/gateway", 1, path("beta.pem"), path("beta.key"));
    authority_free(authority);
    FILE *file = fopen(path("callers.yaml"), "we");
    assert_non_null(file);
    assert_true(fputs("uri:spiffe://example.org/sallyportd: report\n"
                      "uri:spiffe://example.org/gateway: check, explain, list\n",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The operator calls over a socket, which has no TLS. */
static void start_sync(void) {
    snprintf(programs.sync_target, sizeof(programs.sync_target), "unix:%s", path("sync.sock"));
    const char *arguments[] = {"sallyport-sync",
                               "serve",
                               "--store",
                               programs.store,
                               "--listen",
                               "127.0.0.1:0",
                               "--listen",
                               programs.sync_target,
                               "--tls-cert",
                               path("sync.pem"),
                               "--tls-key",
                               path("sync.key"),
                               "--tls-client-ca",
                               path("ca.pem"),
                               "--callers",
                               path("callers.yaml"),
                               NULL};
    process_start(&programs.sync, programs.folder, "sync", arguments);
    (void)process_port(&programs.sync);
    programs_wait_for_health(programs.sync_target, true);
    assert_true(caller_open(&programs.operator_caller, programs.sync_target, programs.operator_key));
}

static void start_server(size_t i, const char *name) {
    char report_to[64], certificate[32], key[32];
    snprintf(report_to, sizeof(report_to), "127.0.0.1:%d", process_port(&programs.sync));
    snprintf(certificate, sizeof(certificate), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    const char *arguments[] = {"sallyportd",
                               "--store",
                               programs.store,
                               "--listen",
                               "127.0.0.1:0",
                               "--report-to",
                               report_to,
                               "--server-id",
                               name,
                               "--report-interval",
                               "1",
                               "--report-tls-ca",
                               path("ca.pem"),
                               "--report-tls-cert",
                               path(certificate),
                               "--report-tls-key",
                               path(key),
                               NULL};
    process_start(&servers[i], programs.folder, name, arguments);
}

static size_t listed(void) {
    operator_ok(&programs, "Admin/ListServers", "{}");
    return json_array_size(caller_at(&programs.operator_caller, "servers"));
}

static void only_a_caller_with_the_role_is_heard(void **state) {
    (void)state;
    start_server(1, "beta");
    process_wait_for(&servers[1], "cannot be reported to");
    char *said = process_read(servers[1].err);
    assert_non_null(strstr(said, "the role \\\"report\\\": grant it to uri:spiffe://example.org/gateway"));
    free(said);
    assert_int_equal(listed(), 0);
    start_server(0, "alpha");
    for (int i = 0; i < POLLS && listed() == 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    assert_int_equal(listed(), 1);
    assert_string_equal(caller_text(&programs.operator_caller, "servers.0.id"), "alpha");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_caller_with_the_role_is_heard),
    };
    sp_rpc_global_init();
    programs_make_store(&programs, NULL);
    make_files();
    start_sync();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < SERVERS; i++)
        failed += process_end(&servers[i], SIGTERM) != 0;
    programs_stop(&programs);
    sp_rpc_global_fini();
    return failed != 0;
}
