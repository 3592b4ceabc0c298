/* The options of a source: the same for `serve` and for the commands that change or compare a
 * store. */
#ifndef SP_SOURCE_OPTIONS_H
#define SP_SOURCE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/options.h"

struct sp_etcd_transport;

/* Texts are borrowed until the source is closed. */
struct sp_source_options {
    const char *url; /* "etcd://host:port,host:port/prefix/" */
    const char *ca_file, *cert_file, *key_file;
    const char *user;
    const char *password_file;
    bool allow_unauthenticated;                /* with a user: go on although etcd authenticates nobody */
    const char *signing_key_file;              /* signs the heads that are put; NULL: none */
    const char *verify_keys_file;              /* heads must be signed by one of these; NULL: any head will do */
    bool follow_only;                          /* changes are refused here */
    bool accept_rollback;                      /* although heads are signed, take one that is older than the store */
    bool inspect_only;                         /* list whatever is there, for a report; not to be served */
    uint64_t compare_every_s;                  /* between full comparisons; 0: never */
    const struct sp_etcd_transport *transport; /* NULL: gRPC */
};

/* The rows of all these options, for a program's table; returns how many. */
enum { SP_SOURCE_OPTION_ROWS = 12, SP_SOURCE_CONNECTION_ROWS = 7 };
size_t sp_source_option_rows(struct sp_source_options *options,
                             struct sp_option ret_rows[static SP_SOURCE_OPTION_ROWS]);

/* Only the place of the source and how to connect to it. */
size_t sp_source_place_rows(struct sp_source_options *options, struct sp_option ret_rows[static SP_SOURCE_OPTION_ROWS]);
/* The row of --source-signing-key, for commands that change the store. */
struct sp_option sp_source_signing_row(struct sp_source_options *options);
/* Only how to connect to it, and whom to believe. */
size_t sp_source_connection_rows(struct sp_source_options *options,
                                 struct sp_option ret_rows[static SP_SOURCE_CONNECTION_ROWS]);

#endif
