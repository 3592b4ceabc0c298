/* Inside src/etcd: a client, its endpoints and what it knows of their tokens. */
#ifndef SP_ETCD_CLIENT_STATE_H
#define SP_ETCD_CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "etcd/limits.h"
#include "etcd/transport.h"

enum { SP_ETCD_ENDPOINT_BYTES = 256 };

/* Which password file it was; all zeros: none. */
struct sp_etcd_file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

struct sp_etcd_server {
    char target[SP_ETCD_ENDPOINT_BYTES];
    void *connection; /* the transport's; NULL until it is first needed */
    enum {
        SP_ETCD_NO_TOKEN,
        SP_ETCD_TOKEN,          /* in the connection's metadata */
        SP_ETCD_TOKEN_NEEDLESS, /* etcd authenticates nobody, and that is allowed */
    } token;
    struct sp_etcd_file_stamp token_file; /* from which the token came */
};

struct sp_etcd {
    const struct sp_etcd_transport *transport;
    struct sp_etcd_server endpoints[SP_ETCD_MAX_ENDPOINTS];
    size_t endpoint_count;
    size_t current;
    char *ca_file, *cert_file, *key_file;
    char *user;
    char *password_file;
    unsigned timeout_ms;
    unsigned opened_timeout_ms;
    unsigned patience_ms;
    bool allow_unauthenticated;
    bool unauthenticated;                   /* a user was given, and etcd authenticates nobody */
    struct sp_etcd_file_stamp refused_file; /* the password that etcd refused last */
    int64_t refused_until_ms;               /* it is not shown again before */
};

#endif
