/* Addresses as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/address.h"
#include "texts.h"

/* 107 bytes */
#define LONGEST_PATH                                                                                                   \
    "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345"

static void an_address_is_a_host_and_a_port(void **state) {
    (void)state;
    static const struct {
        const char *text, *host, *port;
    } rows[] = {
        {"127.0.0.1:7401", "127.0.0.1", "7401"},
        {"sallyport.example:443", "sallyport.example", "443"},
        {"[::1]:7401", "::1", "7401"},
        {"dns:sallyport:7401", "sallyport", "7401"},
        {"dns:///sallyport:7401", "sallyport", "7401"},
        {"ipv4:127.0.0.1:7401", "127.0.0.1", "7401"},
        {"ipv6:[::1]:65535", "::1", "65535"},
        {"unix:/run/sallyport/check.sock", "", ""},
        {"unix:relative.sock", "", ""},
        {"unix:///run/sallyport/check.sock", "", ""},
        {"unix-abstract:sallyport", "", ""},
        {"unix:" LONGEST_PATH, "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cli_address address;
        struct sp_error error = {0};
        if (sp_cli_read_address(rows[i].text, "--admin", "7401", &address, &error) != SP_OK)
            fail_msg("%s: %s", rows[i].text, error.message);
        assert_string_equal(address.host, rows[i].host);
        assert_string_equal(address.port, rows[i].port);
    }
}

static void what_is_no_address_is_refused_with_what_to_write(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"http://127.0.0.1:7401", "'http://127.0.0.1:7401' (--admin) is a URL; write 127.0.0.1:7401"},
        {"http://sync", "'http://sync' (--admin) is a URL; write sync:7401"},
        {"https://sync:443/v1", "'https://sync:443/v1' (--admin) is a URL; write sync:443, and switch TLS on with "
                                "--tls-ca FILE"},
        {"grpc://sync:1?x", "'grpc://sync:1?x' (--admin) is a URL; write sync:1"},
        {"127.0.0.1", "'127.0.0.1' (--admin) has no port; write 127.0.0.1:7401"},
        {"localhost", "'localhost' (--admin) has no port; write localhost:7401"},
        {"::1", "'::1' (--admin) has no port; write [::1]:7401"},
        {"::1:17401", "'::1:17401' (--admin) lacks brackets around the IPv6 address; write [::1]:17401"},
        {"::1:7401", "'::1:7401' (--admin) lacks brackets around the IPv6 address; write [::1]:7401, or "
                     "[::1:7401]:7401 if all of it is the address"},
        {"2001:db8:0:1:2:3:4:5:7400", "'2001:db8:0:1:2:3:4:5:7400' (--admin) lacks brackets around the IPv6 address; "
                                      "write [2001:db8:0:1:2:3:4:5]:7400"},
        {"2001:db8::1", "'2001:db8::1' (--admin) has no port; write [2001:db8::1]:7401"},
        {"[::1]", "'[::1]' (--admin) has no port; write [::1]:7401"},
        {"a:b", "'a:b' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"a:0", "'a:0' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"a:65536", "'a:65536' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"a:99999999999999999999", "'a:99999999999999999999' (--admin) is not an address; write HOST:PORT, such as "
                                   "127.0.0.1:7401"},
        {":7401", "':7401' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"a:", "'a:' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"a:1/", "'a:1/' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"me@a:1", "'me@a:1' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"[]:1", "'[]:1' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
        {"unix:", "'unix:' (--admin) has no socket path of 1 to 107 bytes; write unix:PATH, such as "
                  "unix:/run/sallyport/admin.sock"},
        {"unix:/" LONGEST_PATH, "'unix:/" LONGEST_PATH "' (--admin) has no socket path of 1 to 107 bytes; write "
                                "unix:PATH, such as unix:/run/sallyport/admin.sock"},
        {"", "'' (--admin) is not an address; write HOST:PORT, such as 127.0.0.1:7401"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cli_address address;
        struct sp_error error = {0};
        assert_int_equal(sp_cli_read_address(rows[i].text, "--admin", "7401", &address, &error), SP_ERR_INVALID);
        assert_string_equal(error.message, rows[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_a_host_and_a_port),
        cmocka_unit_test(what_is_no_address_is_refused_with_what_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
