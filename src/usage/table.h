/* Last uses by key, in memory of a fixed size: an open-addressing table made once, in which noting
 * allocates nothing.
 *
 * One thread at a time. What finds no place is not kept, and the table remembers that it lost
 * something: what it holds is then still true, but a key that it lacks may have been used. */
#ifndef SP_USAGE_TABLE_H
#define SP_USAGE_TABLE_H

#include "usage/use.h"

enum {
    SP_USAGE_TEXT_BYTES = 48,    /* for both ids of a key, on average */
    SP_USAGE_MAX_KEYS = 1 << 24, /* of one table */
    SP_USAGE_ID_MAX_BYTES = 64,  /* of a workspace and of a key */
};

/* 64 bytes: one cache line. */
struct sp_usage_entry {
    uint32_t hash;
    uint32_t text_at; /* workspace, then key id, in sp_usage_table.text */
    uint8_t workspace_size;
    uint8_t key_id_size;
    uint8_t reason;
    uint8_t flags; /* which addresses are there */
    uint32_t reserved;
    int64_t accepted_s;
    int64_t rejected_s;
    struct sp_ip accepted_ip;
    struct sp_ip rejected_ip;
};
_Static_assert(sizeof(struct sp_usage_entry) == 64, "a cache line");

struct sp_usage_table {
    struct sp_usage_entry *entries; /* in the order of their first use; their texts likewise */
    uint32_t *slots;                /* place in `entries` and one; 0: empty. At least twice as many as entries */
    char *text;
    uint64_t seed; /* random, one a process, so that nobody can choose ids that collide */
    uint32_t capacity, count;
    uint32_t slot_mask;
    uint32_t text_capacity, text_used;
    bool lost; /* since it was last cleared */
};

/* Makes an empty table for `capacity` keys (1 to SP_USAGE_MAX_KEYS). Memory that is never used is
 * never touched. `seed` is random, and the same for all tables that are merged. SP_ERR_MEMORY. */
enum sp_status sp_usage_table_init(struct sp_usage_table *table, uint32_t capacity, uint64_t seed) SP_MUST_USE;
/* One that is all zero is allowed. */
void sp_usage_table_fini(struct sp_usage_table *table);

/* Forgets everything. */
void sp_usage_table_clear(struct sp_usage_table *table);

/* Notes a use, or a rejection if there is a reason, at a time not before that of earlier notes.
 * `ip` may be NULL. Texts are copied. False if there is no place. */
bool sp_usage_table_note(struct sp_usage_table *table, struct sp_str workspace, struct sp_str key_id, int64_t now_s,
                         const struct sp_ip *ip, enum sp_reason rejected);

/* Merges what is known elsewhere about a key. False if there is no place. */
bool sp_usage_table_merge(struct sp_usage_table *table, struct sp_str workspace, struct sp_str key_id,
                          const struct sp_key_use *use);

/* Merges all of a table of the same seed, and whether it lost something. */
void sp_usage_table_merge_all(struct sp_usage_table *into, const struct sp_usage_table *from);

/* Whether more than half of the room is taken. */
bool sp_usage_table_is_filling(const struct sp_usage_table *table);

/* The entry at a place below `count`. Texts are borrowed until the table changes. */
void sp_usage_table_at(const struct sp_usage_table *table, uint32_t i, struct sp_str *ret_workspace,
                       struct sp_str *ret_key_id, struct sp_key_use *ret_use);

/* Removes the last entry; its texts stay readable until something else is noted. There must be
 * one. */
void sp_usage_table_pop(struct sp_usage_table *table);

#endif
