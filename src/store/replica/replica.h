/* A store whose truth is elsewhere: what a change puts and deletes, told so that it can be sent there; and what came from there,
 * applied so that the indexes follow.
 *
 * The truth is three spaces of records, byte for byte as LMDB holds them (but that numbers in keys are big-endian), and a
 * head. A store that follows a source refuses to commit entities unless the write also says where in the source that
 * leaves it (sp_replica_move): nothing can change its policy past the source. */
#ifndef SP_STORE_REPLICA_REPLICA_H
#define SP_STORE_REPLICA_REPLICA_H

#include "base/arena.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/store.h"

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

/* Where in the source a store is. */
struct sp_replica_cursor {
    uint64_t cluster_id;
    uint64_t revision;      /* of the source, whose changes were last applied; earlier ones need not be again */
    uint64_t head_revision; /* at which the source's head was last put */
    uint64_t
        resume; /* of the source: nothing that is not here was changed up to it, so that following goes on from there */
};

/* ---- what a store follows ---- */

/* "embedded", or what it was made to follow. Borrowed. SP_ERR_CORRUPT. */
enum sp_status sp_view_source(struct sp_view *view, struct sp_str *ret_source) SP_MUST_USE;
/* Says what the store follows from now on; "embedded" forgets cursor and head too. */
enum sp_status sp_replica_set_source(struct sp_write *write, struct sp_str source) SP_MUST_USE;

/* The cursor, and the head that the source had there, in `arena`. SP_ERR_NOT_FOUND: nothing came from the source yet. */
enum sp_status sp_view_replica(struct sp_view *view, struct sp_arena *arena, struct sp_replica_cursor *ret_cursor,
                               Sallyport__Store__V1__SourceHead **ret_head) SP_MUST_USE;

/* How many entities of the source are left out, because this release cannot read them. SP_ERR_CORRUPT. */
enum sp_status sp_view_unreadable(struct sp_view *view, size_t *ret_count) SP_MUST_USE;

/* Visits the records of a space in the order of their keys, beginning after `after` (size 0: with the first). The visitor's
 * return is as in sp_entity_walk; key and value are borrowed, the key for the visit only. */
typedef enum sp_status sp_replica_visit(void *context, struct sp_bytes key, struct sp_bytes value);
enum sp_status sp_replica_walk(struct sp_view *view, enum sp_replica_space space, struct sp_bytes after,
                               sp_replica_visit *visit, void *context) SP_MUST_USE;

/* ---- telling of a change ---- */

/* From now on the write notes what it puts and deletes, in `arena`, which must outlive it. SP_ERR_MEMORY. */
enum sp_status sp_write_note(struct sp_write *write, struct sp_arena *arena) SP_MUST_USE;

/* How many notes there are so far, and their bytes; one record may have several. */
void sp_write_noted_size(const struct sp_write *write, size_t *ret_count, size_t *ret_bytes);

/* What the write comes to: each record once, in the order of spaces and keys, in the arena. SP_ERR_INTERNAL where
 * the write cannot be committed (sp_write_check), so that nothing of it is sent anywhere; SP_ERR_MEMORY where a note could not be kept: the write
 * must then be aborted. */
enum sp_status sp_write_noted(struct sp_write *write, struct sp_replica_record **ret_records,
                              size_t *ret_count) SP_MUST_USE;

/* The head that a source of this store has, made from its meta: everything but store_id, commit_id and staged, which are
 * taken over from what the source had (the first time: empty). In `arena`. */
enum sp_status sp_replica_make_head(struct sp_write *write, struct sp_arena *arena,
                                    Sallyport__Store__V1__SourceHead **ret_head) SP_MUST_USE;

/* Says where in the source this write leaves the store, without changing anything else. */
enum sp_status sp_replica_move(struct sp_write *write, const struct sp_replica_cursor *cursor,
                               const Sallyport__Store__V1__SourceHead *head) SP_MUST_USE;

/* ---- applying what came ---- */

struct sp_replica_outcome {
    size_t changed;    /* records that were not as the store had them */
    size_t unreadable; /* entities newly left out */
};

/* Applies records of any order; what is there already is left alone. An entity that cannot be read, or that contradicts
 * another one, is left out with all that was derived from it. `chained`: changes must continue the store's chain,
 * and the head moves on with them. `arena` is scratch. `report` (may be NULL) is told of each entity that is left out.
 *
 * SP_ERR_ABORTED: a change does not fit the chain: list the source again. SP_ERR_CORRUPT: the store's indexes are damaged.
 * Wherever it fails the write must be aborted. */
typedef void sp_replica_report(void *context, struct sp_bytes entity_key, const char *why);
enum sp_status sp_replica_apply(struct sp_write *write, struct sp_replica_record *records, size_t count, bool chained,
                                struct sp_arena *arena, sp_replica_report *report, void *context,
                                struct sp_replica_outcome *ret_outcome, struct sp_error *error) SP_MUST_USE;

/* Takes over the source's head: epoch, number, hash, next numbers, key forms, and where in the source the store is now.
 * `chained`: number and hash must be what applying the changes came to (SP_ERR_ABORTED); else they are set, and the anchor with them. */
enum sp_status sp_replica_take_head(struct sp_write *write, const Sallyport__Store__V1__SourceHead *head,
                                    const struct sp_replica_cursor *cursor, bool chained,
                                    struct sp_error *error) SP_MUST_USE;

#endif
