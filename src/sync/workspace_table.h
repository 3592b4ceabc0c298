/* A table of what is known of workspaces for a while, by id. Entries are parts of structures that
 * the table's owner allocates and frees. Not thread-safe. */
#ifndef SP_SYNC_WORKSPACE_TABLE_H
#define SP_SYNC_WORKSPACE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct sp_workspace_entry {
    struct sp_workspace_entry *next; /* the table's */
    char id[SP_ID_MAX_BYTES + 1];    /* set before it is added */
};

/* Zeroed: empty. */
struct sp_workspace_table {
    struct sp_workspace_entry **buckets;
    size_t room; /* a power of two, or 0 */
    size_t count;
};

/* Frees the table, not the entries. */
void sp_workspace_table_fini(struct sp_workspace_table *table);

/* NULL: none has the id. */
struct sp_workspace_entry *sp_workspace_table_find(const struct sp_workspace_table *table, const char *id);

/* Adds an entry whose id the table does not have. SP_ERR_MEMORY. */
enum sp_status sp_workspace_table_add(struct sp_workspace_table *table, struct sp_workspace_entry *entry) SP_MUST_USE;

/* Takes out an entry that the table has. */
void sp_workspace_table_remove(struct sp_workspace_table *table, struct sp_workspace_entry *entry);

/* Visits every entry, in no order, and takes out those for which `drops` returns true; it may free
 * them. */
void sp_workspace_table_sweep(struct sp_workspace_table *table,
                              bool (*drops)(void *context, struct sp_workspace_entry *entry), void *context);

#endif
