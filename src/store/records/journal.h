/* The records of a store as its source of truth has them, and the notes that a write takes of
 * those it changes.
 *
 * The truth is three spaces of records, byte for byte as LMDB holds them, except that numbers in
 * keys are big-endian. */
#ifndef SP_STORE_RECORDS_JOURNAL_H
#define SP_STORE_RECORDS_JOURNAL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "store/lmdb/databases.h"

enum sp_replica_space {
    SP_REPLICA_ENTITY,  /* entity key → Stored* */
    SP_REPLICA_CHANGE,  /* number (8) → Change with its hash */
    SP_REPLICA_REQUEST, /* SHA-256 (32) → StoredRequest */
    SP_REPLICA_SPACES,
};

struct sp_replica_record {
    enum sp_replica_space space;
    struct sp_bytes key;
    struct sp_bytes value;
    bool deleted;
};

/* By space and key. */
int sp_replica_record_compare(const struct sp_replica_record *a, const struct sp_replica_record *b);

/* ---- inside the store ---- */

/* Zeroed but for the arena, which must outlive it. */
struct sp_journal {
    struct sp_arena *arena;
    struct sp_replica_record *records;
    size_t count;
    size_t capacity;
    size_t bytes;    /* of keys and values */
    bool incomplete; /* out of memory */
};

/* Notes a put or delete of a record in one of the three spaces; other databases are passed over.
 * `incomplete` is set if it cannot. */
void sp_journal_note(struct sp_journal *journal, enum sp_database database, struct sp_bytes key, struct sp_bytes value,
                     bool deleted);

/* The last note of each record, in the order of sp_replica_record_compare, in the arena.
 * SP_ERR_MEMORY, also if the journal is incomplete. */
enum sp_status sp_journal_collect(const struct sp_journal *journal, struct sp_replica_record **ret_records,
                                  size_t *ret_count) SP_MUST_USE;

#endif
