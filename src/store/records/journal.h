/* Inside the store: the notes of a write (replica.h). */
#ifndef SP_STORE_RECORDS_JOURNAL_H
#define SP_STORE_RECORDS_JOURNAL_H

#include "base/arena.h"
#include "store/records/layout.h"
#include "store/replica/replica.h"

struct sp_journal {
    struct sp_arena *arena;
    struct sp_replica_record *records;
    size_t count;
    size_t capacity;
    size_t bytes;
    bool incomplete; /* out of memory */
};

/* Notes a put or delete of a record in one of the three databases of the truth; others are nothing to it. */
void sp_journal_note(struct sp_journal *journal, enum sp_database database, struct sp_bytes key, struct sp_bytes value,
                     bool deleted);

#endif
