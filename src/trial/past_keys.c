#include "trial/past_keys.h"

#include <stdlib.h>

#include "decide/lookup.h"

enum { PLACES_FIRST = 1024, ARENA_FIRST_BYTES = 1 << 16, SCRATCH_BUDGET_BYTES = 16 << 20 };
static const size_t arena_budget_bytes = (size_t)16 << 30;

struct past_key_entry {
    struct sp_str workspace, id;
    struct sp_trial_past_key key;
};

/* With the hash, so that others' entries are not read in vain. */
struct past_key_place {
    uint64_t hash;
    struct past_key_entry *entry; /* NULL: free */
};

struct sp_trial_past_keys {
    struct sp_view *views[SP_TRIAL_STATES];
    struct sp_arena arena, scratch;
    struct past_key_place *places;
    size_t room; /* a power of two */
    size_t count;
    struct past_key_entry *last; /* the one that was asked for last */
};

static uint64_t hash_past_text(uint64_t hash, struct sp_str text) {
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

static bool is_past_key(const struct past_key_entry *entry, struct sp_str workspace, struct sp_str id) {
    return sp_str_equal(entry->id, id) && sp_str_equal(entry->workspace, workspace);
}

/* The key's place, or the free one that it will have. */
static struct past_key_place *find_past_place(const struct sp_trial_past_keys *keys, uint64_t hash,
                                              struct sp_str workspace, struct sp_str id) {
    size_t at = hash & (keys->room - 1);
    while (keys->places[at].entry != NULL &&
           (keys->places[at].hash != hash || !is_past_key(keys->places[at].entry, workspace, id)))
        at = (at + 1) & (keys->room - 1);
    return &keys->places[at];
}

static enum sp_status grow_past_places(struct sp_trial_past_keys *keys) {
    struct sp_trial_past_keys larger = *keys;
    larger.room = keys->room * 2;
    larger.places = calloc(larger.room, sizeof(*larger.places));
    if (larger.places == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < keys->room; i++) {
        const struct past_key_place *place = &keys->places[i];
        if (place->entry != NULL)
            *find_past_place(&larger, place->hash, place->entry->workspace, place->entry->id) = *place;
    }
    free(keys->places);
    keys->places = larger.places;
    keys->room = larger.room;
    return SP_OK;
}

static enum sp_status look_up_past_key(struct sp_trial_past_keys *keys, struct past_key_entry *entry) {
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++) {
        sp_arena_reset(&keys->scratch);
        enum sp_status status =
            sp_find_key_by_id(keys->views[state], entry->workspace, entry->id, &keys->scratch, &entry->key.keys[state]);
        if (status != SP_OK && status != SP_ERR_NOT_FOUND)
            return status;
        entry->key.found[state] = status == SP_OK;
    }
    return SP_OK;
}

static enum sp_status add_past_key(struct sp_trial_past_keys *keys, uint64_t hash, struct sp_str workspace,
                                   struct sp_str id, struct past_key_entry **ret_entry) {
    if (keys->count * 2 >= keys->room && grow_past_places(keys) != SP_OK)
        return SP_ERR_MEMORY;
    struct past_key_entry *entry = sp_arena_calloc(&keys->arena, 1, sizeof(*entry));
    const char *workspace_copy = sp_arena_strdup(&keys->arena, workspace);
    const char *id_copy = sp_arena_strdup(&keys->arena, id);
    if (entry == NULL || workspace_copy == NULL || id_copy == NULL)
        return SP_ERR_MEMORY;
    entry->workspace = (struct sp_str){workspace_copy, workspace.size};
    entry->id = (struct sp_str){id_copy, id.size};
    enum sp_status status = look_up_past_key(keys, entry);
    if (status != SP_OK)
        return status;
    *find_past_place(keys, hash, workspace, id) = (struct past_key_place){hash, entry};
    keys->count++;
    *ret_entry = entry;
    return SP_OK;
}

enum sp_status sp_trial_past_keys_find(struct sp_trial_past_keys *keys, struct sp_str workspace, struct sp_str id,
                                       const struct sp_trial_past_key **ret_key) {
    if (keys->last == NULL || !is_past_key(keys->last, workspace, id)) {
        uint64_t hash = hash_past_text(hash_past_text(UINT64_C(0xcbf29ce484222325), workspace), id);
        struct past_key_entry *entry = find_past_place(keys, hash, workspace, id)->entry;
        enum sp_status status = entry != NULL ? SP_OK : add_past_key(keys, hash, workspace, id, &entry);
        if (status != SP_OK)
            return status;
        keys->last = entry;
    }
    *ret_key = &keys->last->key;
    return SP_OK;
}

enum sp_status sp_trial_past_keys_open(struct sp_view *const views[static SP_TRIAL_STATES],
                                       struct sp_trial_past_keys **ret_keys) {
    struct sp_trial_past_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return SP_ERR_MEMORY;
    memcpy(keys->views, views, sizeof(keys->views));
    keys->room = PLACES_FIRST;
    keys->places = calloc(keys->room, sizeof(*keys->places));
    if (keys->places == NULL || sp_arena_init(&keys->arena, ARENA_FIRST_BYTES, arena_budget_bytes) != SP_OK ||
        sp_arena_init(&keys->scratch, ARENA_FIRST_BYTES, SCRATCH_BUDGET_BYTES) != SP_OK) {
        sp_trial_past_keys_close(keys);
        return SP_ERR_MEMORY;
    }
    *ret_keys = keys;
    return SP_OK;
}

void sp_trial_past_keys_close(struct sp_trial_past_keys *keys) {
    if (keys == NULL)
        return;
    free(keys->places);
    sp_arena_fini(&keys->arena);
    sp_arena_fini(&keys->scratch);
    free(keys);
}
