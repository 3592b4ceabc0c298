/* A client of the parts of etcd's API version 3 that a source of truth needs: ranges, transactions,
 * compaction, watches.
 *
 * With several endpoints, a call goes to the one that answered last, and to the next if that one
 * cannot be reached, has no leader, is a learner, or does not answer in time. All calls require a
 * leader. With a user, the token is fetched when first needed, and again when etcd rejects it or
 * the password file changes. One thread at a time for each sp_etcd; a watch belongs to its
 * sp_etcd's thread. */
#ifndef SP_ETCD_CLIENT_H
#define SP_ETCD_CLIENT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"
#include "etcd/limits.h"

struct sp_etcd;
struct sp_etcd_transport;

/* Texts are copied. */
struct sp_etcd_options {
    struct sp_str endpoints; /* "host:port,host:port" */
    const char *ca_file;     /* PEM: TLS, accepting servers signed by this CA; NULL: plaintext */
    const char *cert_file;   /* the client certificate, with its key; NULL: none */
    const char *key_file;
    const char *user;                          /* NULL: no authentication */
    const char *password_file;                 /* its first line; read again for each token, and when it changes */
    bool allow_unauthenticated;                /* with a user: go on although etcd authenticates nobody */
    unsigned timeout_ms;                       /* of one try; 0: 2,000 */
    unsigned patience_ms;                      /* for which a call goes round the endpoints; 0: once round */
    const struct sp_etcd_transport *transport; /* etcd/transport.h, borrowed; NULL: gRPC */
};

/* Connects lazily. SP_ERR_INVALID: malformed endpoint, or options that do not fit together. TLS
 * files are read with each new connection; the first call returns SP_ERR_INVALID if one of them
 * is unusable. */
enum sp_status sp_etcd_open(const struct sp_etcd_options *options, struct sp_etcd **ret_etcd,
                            struct sp_error *error) SP_MUST_USE;
/* Close every watch first. NULL is allowed. */
void sp_etcd_close(struct sp_etcd *etcd);

/* The time limit of one try from now on; 0: as opened. */
void sp_etcd_set_timeout(struct sp_etcd *etcd, unsigned timeout_ms);

/* For how long a call goes round the endpoints from now on, until one answers; 0: once. */
void sp_etcd_set_patience(struct sp_etcd *etcd, unsigned patience_ms);

/* The endpoint that the next call goes to; valid until then. */
const char *sp_etcd_endpoint(const struct sp_etcd *etcd);

#endif
