/* One run of a command: its arguments, and the addresses that it calls. One thread. */
#ifndef SP_CLI_CALL_H
#define SP_CLI_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "rpc/client.h"

/* Exit statuses: allowed or done; denied; an error. */
enum { CLI_OK = 0, CLI_DENIED = 1, CLI_ERROR = 2 };

/* A program that answers calls. */
struct cli_service {
    const char *program, *port; /* "sallyport-sync", and where it listens unless it is told otherwise */
    const char *set_by;         /* what sets its address: "--admin, SALLYPORT_ADMIN" */
};

/* The local value that has the places of the entries of the one repeated field that came from
 * files: an array of texts such as "list.txt, line 7", or null for an entry that was typed. */
#define SP_CLI_PLACES "places"

struct cli_call {
    const struct cli_command *command;
    const struct cli_command *const *tables;  /* all commands there are, ended by NULL */
    json_t *request;                          /* built from the arguments */
    json_t *local;                            /* of CLI_LOCAL arguments, by name */
    const char *output;                       /* "table", "json" or "ndjson" */
    bool wide;                                /* tables have all columns */
    const char *admin_target, *server_target; /* addresses */
    const struct cli_service *asked;          /* the service that was called; NULL: none yet */
    const char *asked_target;                 /* its address */
    unsigned timeout_ms;                      /* for each answer */
    const char *key_file;                     /* NULL: none */
    struct sp_rpc_client_tls tls;             /* of both, unless over a Unix socket */
    uint64_t limit;                           /* of list rows; 0: all */
};

/* A local argument's text, or NULL; whether a local flag is set. */
const char *sp_cli_local(const struct cli_call *call, const char *name);
bool sp_cli_local_flag(const struct cli_call *call, const char *name);

#endif
