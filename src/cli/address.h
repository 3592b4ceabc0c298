/* The addresses that calls go to, as people write them. Pure. */
#ifndef SP_CLI_ADDRESS_H
#define SP_CLI_ADDRESS_H

#include "base/status.h"

/* Where the programs listen unless they are told otherwise. */
#define SP_CLI_ADMIN_PORT "7401"
#define SP_CLI_SERVER_PORT "7400"

struct cli_address {
    char host[256], port[16];
};

/* "host:port" or "[::1]:port", with dns:, ipv4: or ipv6: before it, or a Unix socket
 * ("unix:/run/x.sock"), for which the host is empty. `names` says what sets the address, such as
 * "--admin, SALLYPORT_ADMIN"; `usual_port` is suggested if there is none. SP_ERR_INVALID says what
 * to write instead. */
enum sp_status sp_cli_read_address(const char *text, const char *names, const char *usual_port,
                                   struct cli_address *ret_address, struct sp_error *error) SP_MUST_USE;

#endif
