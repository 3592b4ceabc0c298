/* A rolling update: two real servers are replaced, one after the other, twice each, under load that
 * counts every failed call. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/process.h"

enum { SERVERS = 2, ROUNDS = 2 };

static char folder[64];
static char store[96];

struct server {
    struct process process;
    char name[16];
    int port; /* 0: any, at first; then it keeps the one that it was given */
};

static void start(struct server *server) {
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", server->port);
    const char *arguments[] = {"sallyportd", "--store",       store,   "--listen",
                               listen,       "--http-listen", "none",  "--max-connection-age",
                               "1",          "--drain-ms",    "10000", NULL};
    process_start(&server->process, folder, server->name, arguments);
    process_wait_for(&server->process, "serving the store");
    server->port = process_port(&server->process);
}

static void every_server_is_replaced_under_load_and_no_call_fails(void **state) {
    (void)state;
    struct server servers[SERVERS] = {{.name = "first"}, {.name = "second"}};
    struct process world, load;
    char target[64];
    folder_make(folder);
    snprintf(store, sizeof(store), "%s/store", folder);
    const char *make[] = {"sallyport-bench", "world", "--keys", "500", "--store", store, NULL};
    assert_int_equal(process_run(&world, folder, "world", make), 0);
    for (size_t i = 0; i < SERVERS; i++)
        start(&servers[i]);
    /* A client that knows both addresses, as one does behind a Service. */
    snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d,127.0.0.1:%d", servers[0].port, servers[1].port);
    const char *ask[] = {"sallyport-bench", "run", "--keys", "500", "--target", target, "--in-flight",      "16",
                         "--warmup",        "0",   "-d",     "12",  "-o",       "json", "--wait-for-ready", NULL};
    process_start(&load, folder, "load", ask);
    for (size_t i = 0; i < SERVERS * ROUNDS; i++) {
        struct server *server = &servers[i % SERVERS];
        assert_int_equal(process_end(&server->process, SIGTERM), 0);
        start(server);
    }
    int status = process_wait(&load);
    char *said = process_read(load.out);
    char *calls = strstr(said, "\"calls\":");
    if (status != 0 || calls == NULL || strtol(calls + strlen("\"calls\":"), NULL, 10) < 1000)
        fail_msg("status %d: %s", status, said);
    free(said);
    for (size_t i = 0; i < SERVERS; i++)
        assert_int_equal(process_end(&servers[i].process, SIGTERM), 0);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_server_is_replaced_under_load_and_no_call_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
