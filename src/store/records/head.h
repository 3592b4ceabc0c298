/* The sealed head of a store, which every decision reads: where its changes have come to. */
#ifndef SP_STORE_RECORDS_HEAD_H
#define SP_STORE_RECORDS_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "store/records/layout.h"

struct sp_view;

struct sp_revision {
    uint64_t epoch;
    uint64_t number;
};

/* The revision of a view. SP_ERR_CORRUPT: the head is missing or damaged. */
enum sp_status sp_view_revision(struct sp_view *view, struct sp_revision *ret_revision) SP_MUST_USE;

/* The settings version with its epoch. It changes with each commit that touched the schema, the
 * key forms or whether a workspace is enabled: what was derived from these is good for as long
 * as it stays. SP_ERR_CORRUPT. */
enum sp_status sp_view_settings_version(struct sp_view *view, struct sp_revision *ret_version) SP_MUST_USE;

/* When the writer was last in step with the source of truth (scaled mode); 0: never.
 * SP_ERR_CORRUPT. */
enum sp_status sp_view_synced_at(struct sp_view *view, int64_t *ret_synced_at_s) SP_MUST_USE;

/* Whether that was more than `max_s` seconds (0: any time) before `now_s`. A store that follows
 * nothing is never stale. SP_ERR_CORRUPT. */
enum sp_status sp_view_is_stale(struct sp_view *view, int64_t now_s, int64_t max_s, bool *ret_stale) SP_MUST_USE;

/* ---- inside the store ---- */

struct sp_head {
    struct sp_revision revision;
    uint8_t last_hash[32];
    int64_t synced_at_s;
    uint64_t settings_version;
    uint64_t transaction_id; /* LMDB's, of the commit that wrote it; set by sp_write_head */
    int64_t newest_s;        /* the newest time that a commit has seen (store_time.h); never goes back */
    uint8_t entity_set[32];  /* the digest of the set of entities (entity_set.h) */
};

struct sp_kept;
struct sp_places;

/* What is kept with a view: the head that was verified last, and a snapshot's settings
 * (settings_cache.h) and places (places.h). */
struct sp_view_memory {
    bool head_known; /* of transaction head_txn_id */
    size_t head_txn_id;
    struct sp_head head;
    struct sp_kept *kept;     /* NULL: a write */
    struct sp_places *places; /* likewise */
};

/* SP_ERR_CORRUPT: it is missing or damaged, or another transaction wrote it than the one that
 * LMDB shows: then a damaged meta page has brought back an earlier state. */
enum sp_status sp_view_head(struct sp_view *view, struct sp_head *ret_head) SP_MUST_USE;
/* The same, borrowed until the view is used at another revision. */
enum sp_status sp_view_head_in_place(struct sp_view *view, const struct sp_head **ret_head) SP_MUST_USE;

/* Reads the fields and checks nothing. */
struct sp_head sp_head_decode(const uint8_t record[static SP_HEAD_BYTES]);
void sp_head_encode(const struct sp_head *head, uint8_t ret_record[static SP_HEAD_BYTES]);

#endif
