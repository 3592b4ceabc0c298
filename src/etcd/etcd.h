/* A client of the parts of etcd's API version 3 that a source of truth needs: ranges, transactions,
 * compaction, watches.
 *
 * With several endpoints, a call goes to the one that answered last, and to the next if that one
 * cannot be reached, has no leader, is a learner, or does not answer in time. All calls require a
 * leader. With a user, the token is fetched when first needed, and again when etcd rejects it or the
 * password file changes. One thread at a time for each sp_etcd; a watch belongs to its sp_etcd's
 * thread. */
#ifndef SP_ETCD_ETCD_H
#define SP_ETCD_ETCD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_ETCD_MAX_ENDPOINTS = 16,
    SP_ETCD_MAX_OPERATIONS = 128,          /* in one transaction: etcd's default */
    SP_ETCD_MAX_REQUEST_BYTES = 3 << 19,   /* 1.5 MiB, likewise */
    SP_ETCD_MAX_RECEIVE_BYTES = 256 << 20, /* in one answer; a page is bounded only by its count */
};

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

/* The endpoint that the next call goes to; valid until then. */
const char *sp_etcd_endpoint(const struct sp_etcd *etcd);

/* Whether a user was given and etcd, when it was asked last, authenticated nobody: then whoever
 * reaches it may write to it. */
bool sp_etcd_is_unauthenticated(const struct sp_etcd *etcd);

/* With a user, asks the current endpoint whether etcd authenticates at all: 3.5 and later take any
 * token while it is off. SP_ERR_PRECONDITION: it is off, and allow_unauthenticated was not given.
 * Nothing else counts as an error: it is told by the next call. */
enum sp_status sp_etcd_check_authentication(struct sp_etcd *etcd, struct sp_error *error) SP_MUST_USE;

/* Part of every answer. */
struct sp_etcd_header {
    uint64_t cluster_id;
    uint64_t revision;
};

struct sp_etcd_kv {
    struct sp_bytes key;
    struct sp_bytes value;
    uint64_t create_revision;
    uint64_t mod_revision;
};

/* Statuses of all calls below: SP_ERR_UNAVAILABLE: no endpoint answered, or none has a leader;
 * SP_ERR_PERMISSION: the user lacks permission; SP_ERR_UNAUTHENTICATED: etcd rejected the user
 * and password, or asks for some and none were given; SP_ERR_PRECONDITION: a user was given, and etcd
 * authenticates nobody; SP_ERR_OUT_OF_RANGE: the revision was compacted away; SP_ERR_FUTURE: etcd has not reached it;
 * SP_ERR_EXHAUSTED: etcd's quota, or the answer does not fit in the arena; SP_ERR_INVALID: the
 * request exceeds a limit of etcd. Results are in `arena`. */

struct sp_etcd_range {
    struct sp_bytes key;
    struct sp_bytes end; /* exclusive; size 0: the key alone */
    uint64_t limit;      /* 0: none */
    uint64_t revision;   /* 0: the newest, by the leader */
    bool keys_only;
};

struct sp_etcd_page {
    struct sp_etcd_header header;
    struct sp_etcd_kv *kvs;
    size_t count;
    bool more;
};

enum sp_status sp_etcd_get(struct sp_etcd *etcd, const struct sp_etcd_range *range, struct sp_arena *arena,
                           struct sp_etcd_page *ret_page, struct sp_error *error) SP_MUST_USE;

/* The end of the range of all keys that begin with `prefix`, in `arena`; NULL data: out of
 * memory. The prefix must not be empty or end in 0xff. */
struct sp_bytes sp_etcd_prefix_end(struct sp_bytes prefix, struct sp_arena *arena);

struct sp_etcd_compare {
    struct sp_bytes key;
    enum { SP_ETCD_MOD_IS, SP_ETCD_CREATE_IS } what; /* create_revision 0: there is no such key */
    uint64_t revision;
};

struct sp_etcd_operation {
    enum { SP_ETCD_PUT, SP_ETCD_DELETE } what;
    struct sp_bytes key;
    struct sp_bytes end; /* of a delete: exclusive; size 0: the key alone */
    struct sp_bytes value;
};

struct sp_etcd_txn {
    const struct sp_etcd_compare *compares;
    size_t compare_count;
    const struct sp_etcd_operation *operations;
    size_t operation_count;
    struct sp_bytes otherwise; /* the key to read if a compare fails; size 0: none */
};

struct sp_etcd_outcome {
    struct sp_etcd_header header; /* if the change was made, its revision is the change's */
    bool made;                    /* every compare held */
    bool found;                   /* not made, and the key to read otherwise exists: */
    struct sp_etcd_kv otherwise;
    bool repeated; /* an earlier try went unanswered, and may be what made the compares fail */
};

enum sp_status sp_etcd_commit(struct sp_etcd *etcd, const struct sp_etcd_txn *txn, struct sp_arena *arena,
                              struct sp_etcd_outcome *ret_outcome, struct sp_error *error) SP_MUST_USE;

/* Discards the history before the revision. */
enum sp_status sp_etcd_compact(struct sp_etcd *etcd, uint64_t revision, struct sp_error *error) SP_MUST_USE;

/* The size of the current endpoint's database, and at which size etcd refuses puts; *ret_quota_bytes 0:
 * it does not tell, as before 3.6. */
enum sp_status sp_etcd_get_room(struct sp_etcd *etcd, uint64_t *ret_size_bytes, uint64_t *ret_quota_bytes,
                                struct sp_error *error) SP_MUST_USE;

/* ---- watching ---- */

struct sp_etcd_watch;

struct sp_etcd_event {
    bool deleted;
    struct sp_etcd_kv kv; /* of a deleted key: key and mod_revision only */
};

/* What arrived together: complete revisions, in order. `count` 0: a sign of life. */
struct sp_etcd_events {
    struct sp_etcd_header header;
    struct sp_etcd_event *events;
    size_t count;
};

/* Watches a range from a revision on, at the endpoint that answered last. Waits for etcd to
 * confirm the watch, for the timeout at most. SP_ERR_OUT_OF_RANGE: the revision was compacted
 * away. */
enum sp_status sp_etcd_watch_open(struct sp_etcd *etcd, struct sp_bytes key, struct sp_bytes end, uint64_t revision,
                                  struct sp_etcd_watch **ret_watch, struct sp_error *error) SP_MUST_USE;

/* The next events, waiting at most `timeout_ms`. SP_ERR_DEADLINE: none came; call again. Any
 * other error: the watch is over; close it. */
enum sp_status sp_etcd_watch_next(struct sp_etcd_watch *watch, unsigned timeout_ms, struct sp_arena *arena,
                                  struct sp_etcd_events *ret_events, struct sp_error *error) SP_MUST_USE;

/* NULL is allowed. */
void sp_etcd_watch_close(struct sp_etcd_watch *watch);

#endif
