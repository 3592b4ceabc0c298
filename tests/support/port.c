#include "support/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST_PORT = 10000, END_PORT = 32768, TRIES = 1000 }; /* Linux's net.ipv4.ip_local_port_range begins there */

static bool is_free(int port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool is_bound = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_bound;
}

int free_port(void) {
    for (int i = 0; i < TRIES; i++) {
        int port = FIRST_PORT + (int)arc4random_uniform(END_PORT - FIRST_PORT);
        if (is_free(port))
            return port;
    }
    fail_msg("no free port below %d", END_PORT);
    return 0;
}
