/* What the files of the etcd source share. */
#ifndef SP_SOURCE_INTERNAL_H
#define SP_SOURCE_INTERNAL_H

#include <pthread.h>

#include "etcd/etcd.h"
#include "source/source.h"
#include "store/replica/cursor.h"

enum {
    SP_SOURCE_REACHABLE_MS = 3000,
    SP_SOURCE_PAGE_MS = 20000,      /* that etcd may take for a page: it looks at much for each */
    SP_SOURCE_FIRST_PAGE = 2000,    /* records listed at a time, at first */
    SP_SOURCE_TXN_OPERATIONS = 120, /* and the head; etcd takes 128 */
    SP_SOURCE_TXN_BYTES = 1 << 20,  /* of keys and values; etcd takes 1.5 MiB in all */
    SP_SOURCE_CHANGE_PART_BYTES = 1 << 19,
    SP_SOURCE_ID_BYTES = 16,
    SP_SOURCE_NAME_BYTES = 512,
    SP_SOURCE_KEY_TEXT_BYTES = 65,
    SP_SOURCE_ARENA_FIRST_BYTES = 256 * 1024,
    SP_SOURCE_ARENA_BUDGET_BYTES = 1 << 30,
};

struct sp_source {
    struct sp_source_options options;
    struct sp_store *store;
    struct sp_str prefix;
    struct sp_etcd *follow; /* the follower's */
    struct sp_etcd *write;  /* the writer's */
    pthread_t thread;
    bool running;
    bool list_wanted;        /* the follower's own */
    int64_t compare_due_ms;  /* likewise */
    struct sp_arena journal; /* the writer's: what a write did */
    struct sp_arena notes;   /* the writer's: what is sent of it */
    void (*applied)(void *user);
    void *applied_user;
    uint64_t awaited_revision; /* the writer's: of the head that was in the way */
    bool fold_wanted;          /* the writer's */
    int64_t clean_due_ms;      /* the writer's */
    uint64_t cleaned_anchor;   /* the writer's */
    pthread_mutex_t lock;      /* over what follows */
    pthread_cond_t changed;
    bool stopping;
    int64_t in_step_ms;     /* likewise */
    int64_t reached_ms;     /* CLOCK_MONOTONIC; 0: never */
    uint64_t head_revision; /* that the store has */
    uint64_t new_epoch;     /* that the writer should begin; 0: none */
    struct sp_source_state state;
};

/* What a store says that it follows: "etcd:" and the prefix. Endpoints may change. */
enum sp_status sp_source_name(const char *url, char ret_name[static SP_SOURCE_NAME_BYTES],
                              struct sp_error *error) SP_MUST_USE;

/* Says that the store had everything at that time. Any thread. */
void sp_source_in_step(struct sp_source *source, int64_t at_ms);
/* Says that etcd answered just now. Any thread. */
void sp_source_reached(struct sp_source *source);
/* Says which head the store has; wakes who waits for it. Any thread, in any order: the newest counts. */
void sp_source_set_head(struct sp_source *source, uint64_t head_revision);
/* The same where etcd's revisions may have begun anew. */
void sp_source_reset_head(struct sp_source *source, uint64_t head_revision);
void sp_source_set_following(struct sp_source *source, bool following);
bool sp_source_is_stopping(struct sp_source *source);

/* ---- keys (keys.c) ---- */

enum sp_source_place {
    SP_SOURCE_HEAD,
    SP_SOURCE_RECORD, /* of a space */
    SP_SOURCE_OTHER,
};

struct sp_source_key {
    enum sp_source_place place;
    enum sp_replica_space space;
    struct sp_bytes name; /* of the record: as in struct sp_replica_record */
    uint32_t part;        /* of a change */
};

/* All in `arena`; NULL data: out of memory. */
struct sp_bytes sp_source_key_head(const struct sp_source *source, struct sp_arena *arena);
struct sp_bytes sp_source_key_data(const struct sp_source *source, struct sp_arena *arena); /* before all but staged */
struct sp_bytes sp_source_key_space(const struct sp_source *source, enum sp_replica_space space,
                                    struct sp_arena *arena);
struct sp_bytes sp_source_key_record(const struct sp_source *source, enum sp_replica_space space, struct sp_bytes name,
                                     uint32_t part, struct sp_arena *arena);
struct sp_bytes sp_source_key_staged(
    const struct sp_source *source, struct sp_bytes id, const uint32_t *part,
    struct sp_arena *arena); /* id empty: before all staged; part NULL: before its parts */
struct sp_source_key sp_source_key_read(const struct sp_source *source, struct sp_bytes key);

/* The beginning of an entity's key, for messages: it holds ids of tenants, never a secret. Bytes that are no text are dots. */
void sp_source_show_key(struct sp_bytes key, char ret_text[static SP_SOURCE_KEY_TEXT_BYTES]);

/* ---- records (records.c) ---- */

/* A growing list of what came, in an arena. */
struct sp_source_records {
    struct sp_arena *arena;
    struct sp_replica_record *items;
    size_t count;
    size_t capacity;
};

/* Adds what a key and value of etcd mean; the head and foreign keys are nothing to it. A part of a change is joined to the one before,
 * so parts must come in order. SP_ERR_MEMORY. */
enum sp_status sp_source_records_add(struct sp_source_records *records, const struct sp_source_key *key,
                                     struct sp_bytes value, bool deleted) SP_MUST_USE;

/* The operations that a record is in etcd: one, or one for each part of a change. */
struct sp_source_operations {
    struct sp_arena *arena;
    struct sp_etcd_operation *items;
    size_t count;
    size_t capacity;
    size_t bytes;
};
enum sp_status sp_source_operations_add(struct sp_source_operations *operations, const struct sp_source *source,
                                        const struct sp_replica_record *record) SP_MUST_USE;
enum sp_status sp_source_operations_push(struct sp_source_operations *operations,
                                         struct sp_etcd_operation operation) SP_MUST_USE;

/* How many records to ask for next, given what came of asking for `limit`: etcd 3.4 looks at all that is left of a range for
 * each page, so pages are large, but bounded in bytes. */
uint64_t sp_source_next_limit(uint64_t limit, const struct sp_etcd_page *page);
/* And where the answer was too large; 0: it was a single record. */
uint64_t sp_source_smaller_limit(uint64_t limit);

/* ---- the head (records.c) ---- */

/* Unpacks a head. SP_ERR_INVALID. */
enum sp_status sp_source_read_head(struct sp_bytes value, struct sp_arena *arena,
                                   Sallyport__Store__V1__SourceHead **ret_head, struct sp_error *error) SP_MUST_USE;

/* Asks etcd's leader for the head. SP_ERR_NOT_FOUND: there is no store below the prefix. */
struct sp_source_found {
    struct sp_etcd_header header;
    uint64_t head_revision;
    Sallyport__Store__V1__SourceHead *head;
};
enum sp_status sp_source_ask_head(struct sp_source *source, struct sp_etcd *etcd, struct sp_arena *arena,
                                  struct sp_source_found *ret_found, struct sp_error *error) SP_MUST_USE;

/* The cursor of the store, from a snapshot of its own. As sp_view_replica. */
enum sp_status sp_source_read_cursor(struct sp_source *source, struct sp_arena *arena,
                                     struct sp_replica_cursor *ret_cursor,
                                     Sallyport__Store__V1__SourceHead **ret_head) SP_MUST_USE;

/* ---- sending (publish.c) ---- */

/* Sends what the write did, and moves its cursor. Where it fails the write must be aborted. */
enum sp_status sp_source_publish(struct sp_source *source, struct sp_write *write, struct sp_error *error) SP_MUST_USE;
/* SP_ERR_ABORTED where the write's state is not etcd's newest. */
enum sp_status sp_source_confirm(struct sp_source *source, struct sp_write *write, struct sp_error *error) SP_MUST_USE;
/* After the commit of what was published: wakes who waits, and writes a large change to its places. */
void sp_source_published(struct sp_source *source);
/* Removes from etcd the expired idempotency records, changes up to the anchor, parts whose writer died. */
void sp_source_clean(struct sp_source *source, const struct sp_replica_record *expired, size_t count);

/* ---- staged changes (staging.c) ---- */

/* Writes operations to s/ under a new id, which goes to `head`. *ret_last: key and revision of the last part, to be compared. */
enum sp_status sp_source_stage(struct sp_source *source, const struct sp_source_operations *operations,
                               Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                               struct sp_etcd_compare *ret_last, struct sp_error *error) SP_MUST_USE;

/* Removes what was staged and did not take effect. What fails is left to sp_source_clean_staged. */
void sp_source_unstage(struct sp_source *source, const Sallyport__Store__V1__StagedChange *staged,
                       struct sp_arena *arena);

/* Reads the operations of a staged change, as they were at `revision` (0: now). */
enum sp_status sp_source_read_staged(struct sp_source *source, struct sp_etcd *etcd,
                                     const Sallyport__Store__V1__StagedChange *staged, uint64_t revision,
                                     struct sp_arena *arena, struct sp_source_operations *operations,
                                     struct sp_error *error) SP_MUST_USE;

/* Writes a staged change to its places, where the store's head names one. Not while a write is open. */
enum sp_status sp_source_fold(struct sp_source *source, struct sp_error *error) SP_MUST_USE;

void sp_source_clean_staged(struct sp_source *source, struct sp_arena *arena);

/* ---- following (listing.c, apply_events.c, follower.c) ---- */

/* Applies what a watch gave. SP_ERR_ABORTED: list again. */
enum sp_status sp_source_apply(struct sp_source *source, const struct sp_etcd_events *events, struct sp_arena *arena,
                               struct sp_error *error) SP_MUST_USE;

/* Takes over how many entities a write about to be committed leaves out. */
void sp_source_count_unreadable(struct sp_source *source, struct sp_view *view);
void sp_source_report_unreadable(void *context, struct sp_bytes entity_key, const char *why);

void *sp_source_follow(void *source);

#endif
