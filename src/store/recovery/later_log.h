/* Inside the store: what happened after a backup, from a later change log.
 *
 * Entries are believed only as the continuation of the backup's own chain: the next number each
 * time, and the hash that follows from the hash before. A log of one workspace, of another
 * store, or with a gap is refused. */
#ifndef SP_STORE_RECOVERY_LATER_LOG_H
#define SP_STORE_RECOVERY_LATER_LOG_H

#include "base/arena.h"
#include "sallyport/v1/entities.pb-c.h"
#include "store/records/head.h"

/* The last change of one entity in the log. */
struct sp_later_entity {
    struct sp_bytes key;    /* of the entity */
    struct sp_bytes change; /* sallyport.v1.EntityChange */
    size_t order;
};

struct sp_later_log {
    struct sp_arena arena;
    struct sp_revision base;          /* of the backup */
    struct sp_revision last;          /* of the newest entry; the backup's if the log is empty */
    uint8_t hash[32];                 /* of the entry at `last` */
    uint64_t newest_epoch;            /* met anywhere */
    struct sp_later_entity *entities; /* after settling: one for each entity, in the order of their keys */
    size_t count;
    size_t capacity;
};

/* Begins an empty log after the backup's head. End with sp_later_log_fini. SP_ERR_MEMORY. */
enum sp_status sp_later_log_init(struct sp_later_log *log, const struct sp_head *backup) SP_MUST_USE;
void sp_later_log_fini(struct sp_later_log *log);

/* Reads NDJSON of changes, which must hold an entry after the backup. SP_ERR_IO; SP_ERR_INVALID
 * naming the line; SP_ERR_PRECONDITION: it does not continue the backup. */
enum sp_status sp_later_log_read_file(struct sp_later_log *log, const char *path, struct sp_error *error) SP_MUST_USE;

/* Reads the change log of the store in a folder. As above; statuses of sp_store_open too. */
enum sp_status sp_later_log_read_store(struct sp_later_log *log, const char *path, struct sp_error *error) SP_MUST_USE;

/* Leaves the last change of each entity. */
void sp_later_log_settle(struct sp_later_log *log);

#endif
