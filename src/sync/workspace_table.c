#include "sync/workspace_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

/* FNV-1a. Operators choose the ids, so nobody chooses collisions to slow others down. */
static size_t hash_workspace_id(const char *id) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *id != '\0'; id++)
        hash = (hash ^ (uint8_t)*id) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

static struct sp_workspace_entry **find_table_bucket(const struct sp_workspace_table *table, const char *id) {
    return &table->buckets[hash_workspace_id(id) & (table->room - 1)];
}

void sp_workspace_table_fini(struct sp_workspace_table *table) {
    free(table->buckets);
    *table = (struct sp_workspace_table){0};
}

struct sp_workspace_entry *sp_workspace_table_find(const struct sp_workspace_table *table, const char *id) {
    if (table->room == 0)
        return NULL;
    struct sp_workspace_entry *entry = *find_table_bucket(table, id);
    while (entry != NULL && strcmp(entry->id, id) != 0)
        entry = entry->next;
    return entry;
}

static enum sp_status grow_workspace_table(struct sp_workspace_table *table) {
    struct sp_workspace_table grown = {.room = table->room == 0 ? FIRST_ROOM : table->room * 2, .count = table->count};
    grown.buckets = calloc(grown.room, sizeof(*grown.buckets));
    if (grown.buckets == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < table->room; i++) {
        while (table->buckets[i] != NULL) {
            struct sp_workspace_entry *entry = table->buckets[i];
            struct sp_workspace_entry **bucket = find_table_bucket(&grown, entry->id);
            table->buckets[i] = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(table->buckets);
    *table = grown;
    return SP_OK;
}

enum sp_status sp_workspace_table_add(struct sp_workspace_table *table, struct sp_workspace_entry *entry) {
    if (table->count >= table->room && grow_workspace_table(table) != SP_OK)
        return SP_ERR_MEMORY;
    struct sp_workspace_entry **bucket = find_table_bucket(table, entry->id);
    entry->next = *bucket;
    *bucket = entry;
    table->count++;
    return SP_OK;
}

void sp_workspace_table_remove(struct sp_workspace_table *table, struct sp_workspace_entry *entry) {
    struct sp_workspace_entry **link = find_table_bucket(table, entry->id);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    table->count--;
}

void sp_workspace_table_sweep(struct sp_workspace_table *table,
                              bool (*drops)(void *context, struct sp_workspace_entry *entry), void *context) {
    for (size_t i = 0; i < table->room; i++) {
        struct sp_workspace_entry **link = &table->buckets[i];
        while (*link != NULL) {
            struct sp_workspace_entry *entry = *link;
            struct sp_workspace_entry *after = entry->next;
            if (drops(context, entry)) {
                *link = after;
                table->count--;
            } else {
                link = &entry->next;
            }
        }
    }
}
