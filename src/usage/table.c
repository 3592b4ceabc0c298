#include "usage/table.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
    HAS_ACCEPTED_IP = 1,
    HAS_REJECTED_IP = 2,
    SLOT_AHEAD = 16,  /* how many entries ahead a merge fetches slots into the cache, */
    ENTRY_AHEAD = 10, /* then the entries that the slots lead to, */
    TEXT_AHEAD = 5,   /* then their texts */
};

/* ---- life ---- */

static uint32_t choose_slot_count(uint32_t capacity) {
    uint32_t slots = 16;
    while (slots < 2 * capacity)
        slots *= 2;
    return slots;
}

enum sp_status sp_usage_table_init(struct sp_usage_table *table, uint32_t capacity, uint64_t seed) {
    assert(capacity > 0 && capacity <= SP_USAGE_MAX_KEYS);
    struct sp_usage_table made = {.capacity = capacity, .slot_mask = choose_slot_count(capacity) - 1, .seed = seed};
    /* Even a table for a single key has room for the longest ids. */
    made.text_capacity = capacity * SP_USAGE_TEXT_BYTES + 2 * SP_USAGE_ID_MAX_BYTES;
    made.entries = calloc(capacity, sizeof(*made.entries));
    made.slots = calloc((size_t)made.slot_mask + 1, sizeof(*made.slots));
    made.text = calloc(made.text_capacity, 1);
    if (made.entries == NULL || made.slots == NULL || made.text == NULL) {
        sp_usage_table_fini(&made);
        return SP_ERR_MEMORY;
    }
    *table = made;
    return SP_OK;
}

void sp_usage_table_fini(struct sp_usage_table *table) {
    free(table->entries);
    free(table->slots);
    free(table->text);
    *table = (struct sp_usage_table){0};
}

void sp_usage_table_clear(struct sp_usage_table *table) {
    if (table->count > 0)
        memset(table->slots, 0, ((size_t)table->slot_mask + 1) * sizeof(*table->slots));
    table->count = 0;
    table->text_used = 0;
    table->lost = false;
}

/* ---- finding ---- */

static uint32_t hash_key_name(const struct sp_usage_table *table, struct sp_str workspace, struct sp_str key_id) {
    uint64_t hash = XXH3_64bits_withSeed(workspace.data, workspace.size, table->seed);
    return (uint32_t)XXH3_64bits_withSeed(key_id.data, key_id.size, hash);
}

static bool is_entry_of(const struct sp_usage_table *table, const struct sp_usage_entry *entry, struct sp_str workspace,
                        struct sp_str key_id) {
    const char *text = table->text + entry->text_at;
    return entry->workspace_size == workspace.size && entry->key_id_size == key_id.size &&
           memcmp(text + workspace.size, key_id.data, key_id.size) == 0 &&
           memcmp(text, workspace.data, workspace.size) == 0;
}

static bool has_entry_room(const struct sp_usage_table *table, struct sp_str workspace, struct sp_str key_id) {
    return table->count < table->capacity && workspace.size + key_id.size <= table->text_capacity - table->text_used;
}

static struct sp_usage_entry *add_entry(struct sp_usage_table *table, uint32_t slot, uint32_t hash,
                                        struct sp_str workspace, struct sp_str key_id) {
    struct sp_usage_entry *entry = &table->entries[table->count++];
    char *text = table->text + table->text_used;
    *entry = (struct sp_usage_entry){
        .hash = hash,
        .text_at = table->text_used,
        .workspace_size = (uint8_t)workspace.size,
        .key_id_size = (uint8_t)key_id.size,
    };
    memcpy(text, workspace.data, workspace.size);
    memcpy(text + workspace.size, key_id.data, key_id.size);
    table->text_used += (uint32_t)(workspace.size + key_id.size);
    table->slots[slot] = table->count;
    return entry;
}

/* The key's entry, made if there is none; NULL if there is no room. */
static struct sp_usage_entry *find_hashed_entry(struct sp_usage_table *table, struct sp_str workspace,
                                                struct sp_str key_id, uint32_t hash) {
    uint32_t slot = hash & table->slot_mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & table->slot_mask) {
        struct sp_usage_entry *entry = &table->entries[table->slots[slot] - 1];
        if (entry->hash == hash && is_entry_of(table, entry, workspace, key_id))
            return entry;
    }
    if (has_entry_room(table, workspace, key_id))
        return add_entry(table, slot, hash, workspace, key_id);
    table->lost = true;
    return NULL;
}

static struct sp_usage_entry *find_usage_entry(struct sp_usage_table *table, struct sp_str workspace,
                                               struct sp_str key_id) {
    if (workspace.size > 0 && key_id.size > 0 && workspace.size <= SP_USAGE_ID_MAX_BYTES &&
        key_id.size <= SP_USAGE_ID_MAX_BYTES)
        return find_hashed_entry(table, workspace, key_id, hash_key_name(table, workspace, key_id));
    table->lost = true;
    return NULL;
}

/* ---- writing ---- */

static void set_ip(struct sp_usage_entry *entry, uint8_t flag, struct sp_ip *place, const struct sp_ip *ip) {
    if (ip != NULL) {
        *place = *ip;
        entry->flags |= flag;
    } else {
        entry->flags &= (uint8_t)~flag;
    }
}

static void set_accepted(struct sp_usage_entry *entry, int64_t at_s, const struct sp_ip *ip) {
    entry->accepted_s = at_s;
    set_ip(entry, HAS_ACCEPTED_IP, &entry->accepted_ip, ip);
}

static void set_rejected(struct sp_usage_entry *entry, int64_t at_s, const struct sp_ip *ip, enum sp_reason reason) {
    entry->rejected_s = at_s;
    entry->reason = (uint8_t)reason;
    set_ip(entry, HAS_REJECTED_IP, &entry->rejected_ip, ip);
}

bool sp_usage_table_note(struct sp_usage_table *table, struct sp_str workspace, struct sp_str key_id, int64_t now_s,
                         const struct sp_ip *ip, enum sp_reason rejected) {
    struct sp_usage_entry *entry = find_usage_entry(table, workspace, key_id);
    if (entry == NULL)
        return false;
    if (rejected == SP_REASON_NONE)
        set_accepted(entry, now_s, ip);
    else
        set_rejected(entry, now_s, ip, rejected);
    return true;
}

static void merge_entry(struct sp_usage_entry *entry, const struct sp_key_use *use) {
    if (use->accepted.at_s > entry->accepted_s)
        set_accepted(entry, use->accepted.at_s, use->accepted.has_ip ? &use->accepted.ip : NULL);
    if (use->rejected.at_s > entry->rejected_s)
        set_rejected(entry, use->rejected.at_s, use->rejected.has_ip ? &use->rejected.ip : NULL, use->reason);
}

bool sp_usage_table_merge(struct sp_usage_table *table, struct sp_str workspace, struct sp_str key_id,
                          const struct sp_key_use *use) {
    struct sp_usage_entry *entry = find_usage_entry(table, workspace, key_id);
    if (entry != NULL)
        merge_entry(entry, use);
    return entry != NULL;
}

/* Most of a large table is not in the cache, and keys are scattered over it: what the next ones
 * need is fetched ahead. */
static void fetch_ahead(const struct sp_usage_table *into, const struct sp_usage_table *from, uint32_t i) {
    if (i + SLOT_AHEAD < from->count)
        __builtin_prefetch(&into->slots[from->entries[i + SLOT_AHEAD].hash & into->slot_mask]);
    if (i + ENTRY_AHEAD >= from->count)
        return;
    uint32_t place = into->slots[from->entries[i + ENTRY_AHEAD].hash & into->slot_mask];
    if (place != 0)
        __builtin_prefetch(&into->entries[place - 1]);
    place = into->slots[from->entries[i + TEXT_AHEAD].hash & into->slot_mask];
    if (place != 0)
        __builtin_prefetch(into->text + into->entries[place - 1].text_at);
}

void sp_usage_table_merge_all(struct sp_usage_table *into, const struct sp_usage_table *from) {
    assert(into->seed == from->seed);
    for (uint32_t i = 0; i < from->count; i++) {
        struct sp_str workspace;
        struct sp_str key_id;
        struct sp_key_use use;
        fetch_ahead(into, from, i);
        sp_usage_table_at(from, i, &workspace, &key_id, &use);
        struct sp_usage_entry *entry = find_hashed_entry(into, workspace, key_id, from->entries[i].hash);
        if (entry != NULL)
            merge_entry(entry, &use);
    }
    into->lost |= from->lost;
}

/* ---- reading ---- */

bool sp_usage_table_is_filling(const struct sp_usage_table *table) {
    return table->count > table->capacity / 2 || table->text_used > table->text_capacity / 2;
}

void sp_usage_table_at(const struct sp_usage_table *table, uint32_t i, struct sp_str *ret_workspace,
                       struct sp_str *ret_key_id, struct sp_key_use *ret_use) {
    const struct sp_usage_entry *entry = &table->entries[i];
    const char *text = table->text + entry->text_at;
    *ret_workspace = (struct sp_str){text, entry->workspace_size};
    *ret_key_id = (struct sp_str){text + entry->workspace_size, entry->key_id_size};
    *ret_use = (struct sp_key_use){
        .accepted = {entry->accepted_s, (entry->flags & HAS_ACCEPTED_IP) != 0, entry->accepted_ip},
        .rejected = {entry->rejected_s, (entry->flags & HAS_REJECTED_IP) != 0, entry->rejected_ip},
        .reason = (enum sp_reason)entry->reason,
    };
}

/* Closes the gap at `slot`: an entry behind it moves there unless its own place lies after the
 * gap. */
static void empty_slot(struct sp_usage_table *table, uint32_t slot) {
    uint32_t mask = table->slot_mask;
    for (uint32_t next = (slot + 1) & mask; table->slots[next] != 0; next = (next + 1) & mask) {
        uint32_t home = table->entries[table->slots[next] - 1].hash & mask;
        if (((next - home) & mask) >= ((next - slot) & mask)) {
            table->slots[slot] = table->slots[next];
            slot = next;
        }
    }
    table->slots[slot] = 0;
}

void sp_usage_table_pop(struct sp_usage_table *table) {
    assert(table->count > 0);
    const struct sp_usage_entry *entry = &table->entries[table->count - 1];
    uint32_t slot = entry->hash & table->slot_mask;
    while (table->slots[slot] != table->count)
        slot = (slot + 1) & table->slot_mask;
    empty_slot(table, slot);
    table->text_used = entry->text_at;
    table->count--;
}
