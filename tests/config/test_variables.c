/* Environment variables that no option reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/variables.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct sp_option table[] = {
    {.name = "store", .environment = "SALLYPORTD_STORE"},
    {.name = "key-header", .environment = "SALLYPORTD_KEY_HEADERS"},
    {.name = "listen", .environment = "SALLYPORTD_LISTEN"},
    {.name = "tls-cert", .environment = "SALLYPORTD_TLS_CERT"},
    {.name = "trusted-peers", .environment = "SALLYPORTD_TRUSTED_PEERS"},
    {.name = "trusted-proxies", .environment = "SALLYPORTD_TRUSTED_PROXIES"},
    {.name = "help"},
};

static void one_that_has_no_meaning_is_named_with_the_nearest_that_has(void **state) {
    (void)state;
    static const struct {
        const char *variable, *message; /* NULL: nothing is said */
    } rows[] = {
        {"SALLYPORTD_STORE=/secret", NULL},
        {"SALLYPORTD_KEY_HEADERS=", NULL},
        {"SALLYPORTD_STROE=/secret", "unknown environment variable SALLYPORTD_STROE; did you mean SALLYPORTD_STORE"},
        {"SALLYPORTD_KEY_HEADER=secret",
         "unknown environment variable SALLYPORTD_KEY_HEADER; did you mean SALLYPORTD_KEY_HEADERS"},
        {"SALLYPORTD_TRUSTED_PROXY=10.0.0.1",
         "unknown environment variable SALLYPORTD_TRUSTED_PROXY; did you mean SALLYPORTD_TRUSTED_PROXIES"},
        {"SALLYPORTD_LISTEN_ADDRESS=:7400",
         "unknown environment variable SALLYPORTD_LISTEN_ADDRESS; did you mean SALLYPORTD_LISTEN"},
        {"SALLYPORTD_TLS_CERTIFICATE=a.pem",
         "unknown environment variable SALLYPORTD_TLS_CERTIFICATE; did you mean SALLYPORTD_TLS_CERT"},
        {"SALLYPORTD_SOMETHING_ELSE=secret", "unknown environment variable SALLYPORTD_SOMETHING_ELSE; see --help"},
        {"SALLYPORTD_=secret", "unknown environment variable SALLYPORTD_; see --help"},
        {"SALLYPORTD_STORE2", "unknown environment variable SALLYPORTD_STORE2; did you mean SALLYPORTD_STORE"},
        {"SALLYPORTD=secret", NULL},
        {"SALLYPORT_SYNC_STORE=secret", NULL},
        {"XSALLYPORTD_STROE=secret", NULL},
        {"SALLYPORTD_SERVICE_HOST=10.0.0.1", NULL},
        {"SALLYPORTD_SERVICE_PORT=7400", NULL},
        {"SALLYPORTD_SERVICE_PORT_GRPC=7400", NULL},
        {"SALLYPORTD_PORT=tcp://10.0.0.1:7400", NULL},
        {"SALLYPORTD_PORT_7400_TCP_ADDR=10.0.0.1", NULL},
        {"SALLYPORTD_METRICS_SERVICE_HOST=10.0.0.1", NULL},
        {"SALLYPORTD_METRICS_SERVICE_PORT_HTTP=7405", NULL},
        {"SALLYPORTD_METRICS_PORT_7405_TCP_PROTO=tcp", NULL},
        {"SALLYPORTD_REPORT=x", "unknown environment variable SALLYPORTD_REPORT; see --help"},
        {"SALLYPORTD_REPORT_7=x", "unknown environment variable SALLYPORTD_REPORT_7; see --help"},
        {"SALLYPORTD_KEY=secret", "unknown environment variable SALLYPORTD_KEY; did you mean SALLYPORTD_KEY_HEADERS"},
        {"SALLYPORTD_PORTS=1", "unknown environment variable SALLYPORTD_PORTS; see --help"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[128];
        char *environment[] = {text, NULL};
        struct sp_unknown_variables unknown;
        strcpy(text, rows[i].variable);
        sp_variables_find_unknown(table, COUNT(table), "SALLYPORTD_", NULL, environment, &unknown);
        assert_int_equal(unknown.count, rows[i].message != NULL);
        if (rows[i].message != NULL)
            assert_string_equal(unknown.messages[0], rows[i].message);
    }
}

static void a_long_name_and_many_of_them_are_cut(void **state) {
    (void)state;
    char text[4096] = "SALLYPORTD_";
    char *environment[SP_UNKNOWN_VARIABLES_MAX + 2] = {NULL};
    struct sp_unknown_variables unknown;
    memset(text + 11, 'X', sizeof(text) - 12);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i <= SP_UNKNOWN_VARIABLES_MAX; i++)
        environment[i] = text;
    sp_variables_find_unknown(table, COUNT(table), "SALLYPORTD_", NULL, environment, &unknown);
    assert_int_equal(unknown.count, SP_UNKNOWN_VARIABLES_MAX);
    assert_true(strlen(unknown.messages[0]) < SP_UNKNOWN_VARIABLE_BYTES - 1);
    sp_variables_find_unknown(table, COUNT(table), "SALLYPORTD_", NULL, NULL, &unknown);
    assert_int_equal(unknown.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_has_no_meaning_is_named_with_the_nearest_that_has),
        cmocka_unit_test(a_long_name_and_many_of_them_are_cut),
    };
    return cmocka_run_group_tests_name("variables", tests, NULL, NULL);
}
