/* Reads and changes of etcd's keys, and the room of its database. Threads as in etcd/client.h. */
#ifndef SP_ETCD_KV_H
#define SP_ETCD_KV_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"
#include "etcd/answer.h"

struct sp_etcd;

/* Statuses of all calls below: SP_ERR_UNAVAILABLE: no endpoint answered, or none has a leader;
 * SP_ERR_PERMISSION: the user lacks permission; SP_ERR_UNAUTHENTICATED: etcd rejected the user and
 * password, or asks for some and none were given; SP_ERR_PRECONDITION: a user was given, and etcd
 * authenticates nobody; SP_ERR_OUT_OF_RANGE: the revision was compacted away; SP_ERR_FUTURE: etcd
 * has not reached it; SP_ERR_EXHAUSTED: etcd's quota, or the answer does not fit in the arena;
 * SP_ERR_INVALID: the request exceeds a limit of etcd. Results are in `arena`. */

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

/* The size of the current endpoint's database, and at which size etcd refuses puts;
 * *ret_quota_bytes 0: it does not tell, as before 3.6. */
enum sp_status sp_etcd_get_room(struct sp_etcd *etcd, uint64_t *ret_size_bytes, uint64_t *ret_quota_bytes,
                                struct sp_error *error) SP_MUST_USE;

#endif
