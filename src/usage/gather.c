#include "usage/gather.h"

#include <stdlib.h>
#include <time.h>

enum { LOOK_AGAIN_NS = 20000 };

/* The coarse clock ticks every few milliseconds and costs no more than a read; it is the same for all threads. */
static int64_t now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

static enum sp_status make_table(uint32_t capacity, struct sp_usage_table **ret_table) {
    struct sp_usage_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_usage_table_init(table, capacity);
    if (status == SP_OK)
        *ret_table = table;
    else
        free(table);
    return status;
}

static void free_table(struct sp_usage_table *table) {
    if (table != NULL)
        sp_usage_table_fini(table);
    free(table);
}

enum sp_status sp_usage_gather_init(struct sp_usage_gather *gather, unsigned lanes, uint32_t capacity,
                                    void (*filling)(void *user), void *user) {
    struct sp_usage_gather made = {.filling = filling, .user = user};
    made.lanes = aligned_alloc(_Alignof(struct sp_usage_lane), lanes * sizeof(*made.lanes));
    enum sp_status status = made.lanes == NULL ? SP_ERR_MEMORY : make_table(capacity, &made.spare);
    for (; status == SP_OK && made.lane_count < lanes; made.lane_count++) {
        struct sp_usage_table *table = NULL;
        struct sp_usage_lane *lane = &made.lanes[made.lane_count];
        status = make_table(capacity, &table);
        atomic_init(&lane->busy, false);
        atomic_init(&lane->table, table);
    }
    if (status == SP_OK)
        *gather = made;
    else
        sp_usage_gather_fini(&made);
    return status;
}

void sp_usage_gather_fini(struct sp_usage_gather *gather) {
    for (unsigned i = 0; i < gather->lane_count; i++)
        free_table(atomic_load(&gather->lanes[i].table));
    free_table(gather->spare);
    free(gather->lanes);
    *gather = (struct sp_usage_gather){0};
}

void sp_usage_note(struct sp_usage_gather *gather, unsigned lane_number, struct sp_str workspace, struct sp_str key_id,
                   const struct sp_ip *ip, enum sp_reason rejected) {
    struct sp_usage_lane *lane = &gather->lanes[lane_number];
    atomic_store(&lane->busy, true);
    struct sp_usage_table *table = atomic_load(&lane->table);
    sp_usage_table_note(table, workspace, key_id, now_s(), ip, rejected);
    bool filling = !table->told && sp_usage_table_is_filling(table);
    table->told |= filling;
    atomic_store_explicit(&lane->busy, false, memory_order_release);
    if (filling && gather->filling != NULL)
        gather->filling(gather->user);
}

static void wait_until_idle(struct sp_usage_lane *lane) {
    static const struct timespec pause = {.tv_nsec = LOOK_AGAIN_NS};
    while (atomic_load(&lane->busy))
        nanosleep(&pause, NULL);
}

void sp_usage_collect(struct sp_usage_gather *gather, struct sp_usage_table *into, int64_t *ret_until_s) {
    int64_t until_s = now_s();
    for (unsigned i = 0; i < gather->lane_count; i++) {
        struct sp_usage_lane *lane = &gather->lanes[i];
        struct sp_usage_table *filled = atomic_exchange(&lane->table, gather->spare);
        wait_until_idle(lane);
        sp_usage_table_merge_all(into, filled);
        sp_usage_table_clear(filled);
        gather->spare = filled;
    }
    *ret_until_s = until_s;
}
