/* Lists made step by step over a real store, for the tests of decide/list.h. */
#ifndef TESTS_DECIDE_LIST_STEPS_H
#define TESTS_DECIDE_LIST_STEPS_H

#include "decide/list.h"
#include "decide_world.h"
#include "store/lmdb/view.h"
#include "store/records/snapshot.h"

enum { LISTED_MAX = 512, ID_BYTES = 300 };

struct listed {
    char ids[LISTED_MAX][ID_BYTES];
    uint8_t kinds[LISTED_MAX];
    size_t count;
    size_t steps;
    struct sp_list_end end;
};

static inline enum sp_status keep(void *context, struct sp_str id, uint8_t principal_kind) {
    struct listed *listed = context;
    assert_true(listed->count < LISTED_MAX && id.size > 0 && id.size < ID_BYTES);
    memcpy(listed->ids[listed->count], id.data, id.size);
    listed->ids[listed->count][id.size] = '\0';
    listed->kinds[listed->count++] = principal_kind;
    return SP_OK;
}

typedef enum sp_status one_step(struct sp_view *view, const struct sp_query *query, struct sp_list_limits limits,
                                struct sp_list_place *place, struct listed *listed);

static inline enum sp_status step_resources(struct sp_view *view, const struct sp_query *query,
                                            struct sp_list_limits limits, struct sp_list_place *place,
                                            struct listed *listed) {
    return sp_list_resources(view, query, &limits, keep, listed, place, &listed->end);
}

static inline enum sp_status step_principals(struct sp_view *view, const struct sp_query *query,
                                             struct sp_list_limits limits, struct sp_list_place *place,
                                             struct listed *listed) {
    return sp_list_principals(view, query, 0, &limits, keep, listed, place, &listed->end);
}

/* All steps, each from a snapshot of its own; asserts what holds for every list. */
static inline void list_all(struct world *world, one_step *step, const struct sp_query *query,
                            struct sp_list_limits limits, struct listed *ret_listed) {
    struct sp_snapshot *snapshot;
    struct sp_list_place place = {0};
    *ret_listed = (struct listed){0};
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    do {
        size_t before = ret_listed->count;
        assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
        assert_int_equal(step(sp_snapshot_view(snapshot), query, limits, &place, ret_listed), SP_OK);
        sp_snapshot_release(snapshot);
        assert_true(ret_listed->count - before <= limits.results);
        ret_listed->steps++;
        assert_true(ret_listed->steps < 10000);
    } while (!ret_listed->end.complete);
    sp_snapshot_close(snapshot);
    for (size_t i = 1; i < ret_listed->count; i++)
        assert_true(strcmp(ret_listed->ids[i - 1], ret_listed->ids[i]) < 0);
}

static inline void join(const struct listed *listed, char *ret_text, size_t size) {
    size_t at = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < listed->count; i++)
        at += (size_t)snprintf(ret_text + at, size - at, "%s%s", i > 0 ? " " : "", listed->ids[i]);
}

#endif
