#include "usage/gather.h"

#include <stdlib.h>

#include "base/clock.h"

enum { LOOK_AGAIN_US = 20 };

static void free_set(struct sp_usage_set *set) {
    for (size_t i = 0; set != NULL && i < SP_USAGE_SEGMENTS; i++)
        sp_usage_table_fini(&set->tables[i]);
    free(set);
}

static enum sp_status make_set(uint32_t capacity, uint64_t seed, struct sp_usage_set **ret_set) {
    struct sp_usage_set *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < SP_USAGE_SEGMENTS; i++) {
        enum sp_status status = sp_usage_table_init(&set->tables[i], capacity, seed);
        if (status != SP_OK) {
            free_set(set);
            return status;
        }
    }
    *ret_set = set;
    return SP_OK;
}

static enum sp_status make_lanes(struct sp_usage_gather *gather, unsigned lanes, uint32_t capacity, uint64_t seed) {
    gather->lanes = aligned_alloc(_Alignof(struct sp_usage_lane), lanes * sizeof(*gather->lanes));
    if (gather->lanes == NULL)
        return SP_ERR_MEMORY;
    for (; gather->lane_count < lanes; gather->lane_count++) {
        struct sp_usage_set *set = NULL;
        struct sp_usage_lane *lane = &gather->lanes[gather->lane_count];
        enum sp_status status = make_set(capacity, seed, &set);
        if (status != SP_OK)
            return status;
        atomic_init(&lane->busy, false);
        atomic_init(&lane->set, set);
    }
    return make_set(capacity, seed, &gather->spare);
}

enum sp_status sp_usage_gather_init(struct sp_usage_gather *gather, unsigned lanes, uint32_t capacity, uint64_t seed,
                                    void (*filling)(void *user), void *user) {
    struct sp_usage_gather made = {.filling = filling, .user = user};
    enum sp_status status = make_lanes(&made, lanes, capacity, seed);
    if (status != SP_OK) {
        sp_usage_gather_fini(&made);
        return status;
    }
    *gather = made;
    return SP_OK;
}

void sp_usage_gather_fini(struct sp_usage_gather *gather) {
    for (unsigned i = 0; i < gather->lane_count; i++)
        free_set(atomic_load(&gather->lanes[i].set));
    free_set(gather->spare);
    free(gather->lanes);
    *gather = (struct sp_usage_gather){0};
}

/* True if the first table has become full. */
static bool note_in_set(struct sp_usage_set *set, struct sp_str workspace, struct sp_str key_id, const struct sp_ip *ip,
                        enum sp_reason rejected) {
    int64_t at_s = sp_clock_coarse_now_s();
    struct sp_usage_table *table = &set->tables[set->current];
    if (sp_usage_table_note(table, workspace, key_id, at_s, ip, rejected) || set->current + 1 == SP_USAGE_SEGMENTS)
        return false;
    table->lost = false;
    set->current++;
    sp_usage_table_note(table + 1, workspace, key_id, at_s, ip, rejected);
    return set->current == 1;
}

void sp_usage_note(struct sp_usage_gather *gather, unsigned lane_number, struct sp_str workspace, struct sp_str key_id,
                   const struct sp_ip *ip, enum sp_reason rejected) {
    struct sp_usage_lane *lane = &gather->lanes[lane_number];
    atomic_store(&lane->busy, true);
    struct sp_usage_set *set = atomic_load(&lane->set);
    bool filling = note_in_set(set, workspace, key_id, ip, rejected);
    atomic_store_explicit(&lane->busy, false, memory_order_release);
    if (filling && gather->filling != NULL)
        gather->filling(gather->user);
}

static void wait_for_lane(struct sp_usage_lane *lane) {
    while (atomic_load(&lane->busy))
        sp_clock_sleep_us(LOOK_AGAIN_US);
}

static void empty_set(struct sp_usage_set *set, struct sp_usage_table *into) {
    for (unsigned i = 0; i <= set->current; i++) {
        sp_usage_table_merge_all(into, &set->tables[i]);
        sp_usage_table_clear(&set->tables[i]);
    }
    set->current = 0;
}

void sp_usage_collect(struct sp_usage_gather *gather, struct sp_usage_table *into, int64_t *ret_until_s) {
    int64_t until_s = sp_clock_coarse_now_s();
    for (unsigned i = 0; i < gather->lane_count; i++) {
        struct sp_usage_lane *lane = &gather->lanes[i];
        struct sp_usage_set *filled = atomic_exchange(&lane->set, gather->spare);
        wait_for_lane(lane);
        empty_set(filled, into);
        gather->spare = filled;
    }
    *ret_until_s = until_s;
}
