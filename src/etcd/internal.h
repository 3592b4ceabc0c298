/* Shared by the bodies of the etcd client: one call with failover, and conversions. */
#ifndef SP_ETCD_INTERNAL_H
#define SP_ETCD_INTERNAL_H

#include <sys/types.h>
#include <time.h>

#include <protobuf-c/protobuf-c.h>

#include "etcd/etcd.h"
#include "etcd/rpc.pb-c.h"
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
    bool allow_unauthenticated;
    bool unauthenticated;                   /* a user was given, and etcd authenticates nobody */
    struct sp_etcd_file_stamp refused_file; /* the password that etcd refused last */
    int64_t refused_until_ms;               /* it is not shown again before */
};

/* Calls a method and unpacks its answer into `arena`. Tries each endpoint at most once, as long
 * as that may help. *ret_repeated (may be NULL): an earlier try went unanswered. */
enum sp_status sp_etcd_call(struct sp_etcd *etcd, const char *path, const ProtobufCMessage *request,
                            const ProtobufCMessageDescriptor *reply, struct sp_arena *arena,
                            ProtobufCMessage **ret_reply, bool *ret_repeated, struct sp_error *error) SP_MUST_USE;

/* The current endpoint's connection, which is made first if there is none, with a token if one
 * is needed. */
enum sp_status sp_etcd_connect(struct sp_etcd *etcd, void **ret_connection, struct sp_error *error) SP_MUST_USE;

/* Whether another endpoint may answer what this one failed with. */
bool sp_etcd_may_help(enum sp_status status);
void sp_etcd_next_endpoint(struct sp_etcd *etcd);

struct sp_etcd_header sp_etcd_header_of(const Etcdserverpb__ResponseHeader *header);
struct sp_etcd_kv sp_etcd_kv_of(const Mvccpb__KeyValue *kv);

#endif
