#include "trial/flips.h"

#include <stdlib.h>

#include "base/array.h"

enum { PLACES_FIRST = 1024, ARENA_FIRST_BYTES = 1 << 16 };
static const size_t arena_budget_bytes = (size_t)4 << 30;

struct sp_trial_flips {
    struct sp_arena arena;
    struct sp_trial_flip_group **groups; /* in the order in which they came */
    size_t count, capacity;
    size_t *places; /* 1 + the index of a group; 0: free */
    size_t room;    /* a power of two */
};

static uint64_t hash_flip_text(uint64_t hash, struct sp_str text) {
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t hash_flip(struct sp_str workspace, struct sp_str principal, struct sp_str type, struct sp_str action,
                          unsigned reasons) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ reasons;
    hash = hash_flip_text(hash_flip_text(hash, workspace), principal);
    return hash_flip_text(hash_flip_text(hash, type), action);
}

static uint64_t hash_flip_group(const struct sp_trial_flip_group *group) {
    return hash_flip(group->workspace, group->principal, group->type, group->action,
                     (unsigned)group->before << 8 | (unsigned)group->after);
}

static bool is_of_group(const struct sp_trial_flip_group *group, const struct sp_trial_replayed *replayed) {
    return group->before == replayed->before && group->after == replayed->after &&
           sp_str_equal(group->principal, replayed->principal) && sp_str_equal(group->action, replayed->action) &&
           sp_str_equal(group->type, replayed->type) && sp_str_equal(group->workspace, replayed->workspace);
}

/* ---- the table ---- */

static enum sp_status grow_flip_places(struct sp_trial_flips *flips) {
    size_t room = flips->room * 2;
    size_t *places = calloc(room, sizeof(*places));
    if (places == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < flips->count; i++) {
        size_t at = hash_flip_group(flips->groups[i]) & (room - 1);
        while (places[at] != 0)
            at = (at + 1) & (room - 1);
        places[at] = i + 1;
    }
    free(flips->places);
    flips->places = places;
    flips->room = room;
    return SP_OK;
}

static bool copy_flip_text(struct sp_trial_flips *flips, struct sp_str text, struct sp_str *ret_copy) {
    const char *copy = sp_arena_strdup(&flips->arena, text);
    *ret_copy = (struct sp_str){copy, text.size};
    return copy != NULL;
}

static enum sp_status add_flip_group(struct sp_trial_flips *flips, const struct sp_trial_replayed *replayed,
                                     struct sp_str line, struct sp_trial_log_place place) {
    struct sp_trial_flip_group **groups =
        sp_array_reserve(flips->groups, flips->count, &flips->capacity, sizeof(*groups));
    if (groups == NULL)
        return SP_ERR_MEMORY;
    flips->groups = groups;
    struct sp_trial_flip_group *group = sp_arena_calloc(&flips->arena, 1, sizeof(*group));
    if (group == NULL || !copy_flip_text(flips, replayed->workspace, &group->workspace) ||
        !copy_flip_text(flips, replayed->principal, &group->principal) ||
        !copy_flip_text(flips, replayed->type, &group->type) ||
        !copy_flip_text(flips, replayed->action, &group->action) || !copy_flip_text(flips, line, &group->example))
        return SP_ERR_MEMORY;
    group->before = replayed->before;
    group->after = replayed->after;
    group->first_s = group->last_s = replayed->time_s;
    group->place = place;
    flips->groups[flips->count++] = group;
    return SP_OK;
}

static struct sp_trial_flip_group *find_flip_group(const struct sp_trial_flips *flips,
                                                   const struct sp_trial_replayed *replayed, size_t *ret_place) {
    size_t at = hash_flip(replayed->workspace, replayed->principal, replayed->type, replayed->action,
                          (unsigned)replayed->before << 8 | (unsigned)replayed->after) &
                (flips->room - 1);
    while (flips->places[at] != 0 && !is_of_group(flips->groups[flips->places[at] - 1], replayed))
        at = (at + 1) & (flips->room - 1);
    *ret_place = at;
    return flips->places[at] == 0 ? NULL : flips->groups[flips->places[at] - 1];
}

enum sp_status sp_trial_flips_add(struct sp_trial_flips *flips, const struct sp_trial_replayed *replayed,
                                  struct sp_str line, struct sp_trial_log_place place) {
    size_t at = 0;
    if (flips->count * 2 >= flips->room && grow_flip_places(flips) != SP_OK)
        return SP_ERR_MEMORY;
    struct sp_trial_flip_group *group = find_flip_group(flips, replayed, &at);
    if (group == NULL) {
        enum sp_status status = add_flip_group(flips, replayed, line, place);
        if (status != SP_OK)
            return status;
        flips->places[at] = flips->count;
        group = flips->groups[flips->count - 1];
    }
    group->count++;
    group->first_s = replayed->time_s < group->first_s ? replayed->time_s : group->first_s;
    group->last_s = replayed->time_s > group->last_s ? replayed->time_s : group->last_s;
    return SP_OK;
}

/* ---- the groups ---- */

static int compare_flip_texts(struct sp_str a, struct sp_str b) {
    return sp_bytes_compare(sp_bytes_of_str(a), sp_bytes_of_str(b));
}

static int compare_flip_groups(const void *left, const void *right) {
    const struct sp_trial_flip_group *a = *(struct sp_trial_flip_group *const *)left;
    const struct sp_trial_flip_group *b = *(struct sp_trial_flip_group *const *)right;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    int order = compare_flip_texts(a->workspace, b->workspace);
    if (order == 0)
        order = compare_flip_texts(a->principal, b->principal);
    if (order == 0)
        order = compare_flip_texts(a->type, b->type);
    if (order == 0)
        order = compare_flip_texts(a->action, b->action);
    if (order == 0)
        order = a->before != b->before ? (int)a->before - (int)b->before : (int)a->after - (int)b->after;
    return order;
}

struct sp_trial_flip_group *const *sp_trial_flips_sort(struct sp_trial_flips *flips, size_t *ret_count) {
    *ret_count = flips->count;
    if (flips->count > 0)
        qsort(flips->groups, flips->count, sizeof(*flips->groups), compare_flip_groups);
    return flips->groups;
}

/* ---- life ---- */

enum sp_status sp_trial_flips_open(struct sp_trial_flips **ret_flips) {
    struct sp_trial_flips *flips = calloc(1, sizeof(*flips));
    if (flips == NULL)
        return SP_ERR_MEMORY;
    flips->room = PLACES_FIRST;
    flips->places = calloc(flips->room, sizeof(*flips->places));
    if (flips->places == NULL || sp_arena_init(&flips->arena, ARENA_FIRST_BYTES, arena_budget_bytes) != SP_OK) {
        sp_trial_flips_close(flips);
        return SP_ERR_MEMORY;
    }
    *ret_flips = flips;
    return SP_OK;
}

void sp_trial_flips_close(struct sp_trial_flips *flips) {
    if (flips == NULL)
        return;
    sp_arena_fini(&flips->arena);
    free(flips->places);
    free(flips->groups);
    free(flips);
}
