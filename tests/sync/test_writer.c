/* The one writer over a real store: shared commits, and who pays for a failure. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/change.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/next_number.h"
#include "store/records/snapshot.h"
#include "store/records/store_time.h"
#include "store/recovery/verify.h"
#include "support/store_world.h"
#include "sync/writer.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum {
    NOW_S = 1700000000,
    BATCH_MS = 60000, /* however slow this machine is: only what a job asks for or does ends a batch */
};

/* ---- waiting ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
};

static void gate_init(struct gate *gate) {
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->count = 0;
}

static void gate_add(struct gate *gate) {
    pthread_mutex_lock(&gate->lock);
    gate->count++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* False after a minute. */
static bool gate_wait(struct gate *gate, int count) {
    struct timespec until;
    int result = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&gate->lock);
    while (gate->count < count && result == 0)
        result = pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
    bool reached = gate->count >= count;
    pthread_mutex_unlock(&gate->lock);
    return reached;
}

/* ---- jobs that make a workspace ---- */

struct rig {
    struct world world;
    struct sp_writer *writer;
    struct gate done;
    struct gate hold; /* a job with `waits` goes on when it is open */
    atomic_int commits;
};

struct make_job {
    struct sp_job job;
    struct rig *rig;
    uint64_t number;
    size_t name_bytes;
    bool waits;
    bool fails_clean;         /* before it writes */
    int64_t works_ms;         /* of its thread's time, before anything else */
    bool fails_dirty;         /* after it wrote: it deletes what is not there */
    struct make_job *submits; /* another job, when it is applied for the second time */
    int applied;
    int order; /* of being told */
    enum sp_status status;
    uint64_t revision;
};

static enum sp_status add_changes(const struct make_job *make, struct sp_changeset *set, struct sp_arena *arena,
                                  uint64_t number) {
    Sallyport__V1__Workspace workspace = SALLYPORT__V1__WORKSPACE__INIT;
    Sallyport__Store__V1__StoredWorkspace stored = SALLYPORT__STORE__V1__STORED_WORKSPACE__INIT;
    struct sp_entity_key key;
    char *id = sp_arena_printf(arena, "made%llu", (unsigned long long)make->number);
    char *name = sp_arena_calloc(arena, make->name_bytes + 1, 1);
    if (id == NULL || name == NULL)
        return SP_ERR_MEMORY;
    memset(name, 'x', make->name_bytes);
    workspace.id = id;
    workspace.name = name;
    workspace.plan = SALLYPORT__V1__PLAN__PLAN_FREE;
    stored.workspace = &workspace;
    stored.number = number;
    enum sp_status status = sp_entity_key_make(SP_KIND_WORKSPACE, sp_str_from(id), NULL, 0, &key);
    if (status == SP_OK)
        status = sp_changeset_put(set, &key, &stored.base);
    if (status == SP_OK && make->fails_dirty) {
        status = sp_entity_key_make(SP_KIND_WORKSPACE, SP_STR_LITERAL("missing"), NULL, 0, &key);
        if (status == SP_OK)
            status = sp_changeset_delete(set, &key, NOW_S);
    }
    return status;
}

static enum sp_status apply(struct sp_job *job, struct sp_write *write, struct sp_arena *scratch,
                            struct sp_error *error) {
    struct make_job *make = (struct make_job *)job;
    Sallyport__V1__Change head = SALLYPORT__V1__CHANGE__INIT;
    struct sp_revision revision;
    uint64_t number = 0;
    make->applied++;
    if (make->waits && make->applied == 1 && !gate_wait(&make->rig->hold, 1))
        return SP_ERR_INTERNAL;
    if (make->submits != NULL && make->applied == 2 &&
        sp_writer_submit(make->rig->writer, &make->submits->job, error) != SP_OK)
        return SP_ERR_INTERNAL;
    for (int64_t until_ms = sp_clock_thread_ms() + make->works_ms; sp_clock_thread_ms() < until_ms;) {
    }
    if (make->fails_clean)
        return sp_error_set(error, SP_ERR_PRECONDITION, "refused");
    head.time = NOW_S;
    struct sp_changeset *set = sp_changeset_new(scratch, &head);
    enum sp_status status = set == NULL ? SP_ERR_MEMORY : sp_write_next_workspace(write, &number);
    if (status == SP_OK)
        status = add_changes(make, set, scratch, number);
    if (status == SP_OK)
        status = sp_changeset_apply(write, set, &revision, error);
    if (status == SP_OK)
        make->revision = revision.number;
    return status;
}

static void done(struct sp_job *job, enum sp_status status, const struct sp_error *error) {
    struct make_job *make = (struct make_job *)job;
    (void)error;
    make->status = status;
    make->order = make->rig->done.count;
    gate_add(&make->rig->done);
}

static void committed(void *user) {
    struct rig *rig = user;
    atomic_fetch_add(&rig->commits, 1);
}

static size_t rig_waiting(struct rig *rig) {
    struct sp_writer_stats stats;
    sp_writer_get_stats(rig->writer, &stats);
    return stats.waiting;
}

static void rig_start_with(struct rig *rig, uint64_t map_size_bytes, int64_t keep_changes_s,
                           struct sp_allowance_limits allowance) {
    struct sp_error error = {0};
    gate_init(&rig->done);
    gate_init(&rig->hold);
    atomic_init(&rig->commits, 0);
    world_init_with_map(&rig->world, map_size_bytes);
    const struct sp_writer_options options = {.store = rig->world.store,
                                              .keep_changes_s = keep_changes_s,
                                              .committed = committed,
                                              .user = rig,
                                              .allowance = allowance,
                                              .batch_ms = BATCH_MS};
    assert_int_equal(sp_writer_start(&options, &rig->writer, &error), SP_OK);
}

static void rig_start(struct rig *rig, uint64_t map_size_bytes, int64_t keep_changes_s) {
    rig_start_with(rig, map_size_bytes, keep_changes_s, (struct sp_allowance_limits){0, 0, 0});
}

static void rig_stop(struct rig *rig) {
    sp_writer_stop(rig->writer);
    sp_writer_free(rig->writer);
    world_fini(&rig->world);
}

static void prepare(struct rig *rig, struct make_job *make, uint64_t number) {
    make->job.apply = apply;
    make->job.done = done;
    make->rig = rig;
    make->number = number;
    make->status = SP_ERR_INTERNAL;
}

static void submit(struct rig *rig, struct make_job *make, uint64_t number) {
    struct sp_error error = {0};
    prepare(rig, make, number);
    assert_int_equal(sp_writer_submit(rig->writer, &make->job, &error), SP_OK);
}

/* All wait behind the first, so that they meet in one batch. */
static void submit_together(struct rig *rig, struct make_job *first, struct make_job *jobs, size_t count) {
    first->waits = true;
    submit(rig, first, 1000000);
    for (size_t i = 0; i < count; i++)
        submit(rig, &jobs[i], i);
    gate_add(&rig->hold);
    assert_true(gate_wait(&rig->done, (int)count + 1));
}

static bool exists(struct rig *rig, uint64_t number) {
    struct sp_snapshot *snapshot;
    struct sp_entity_key key;
    char id[32];
    bool there = false;
    snprintf(id, sizeof(id), "made%llu", (unsigned long long)number);
    assert_int_equal(sp_entity_key_make(SP_KIND_WORKSPACE, sp_str_from(id), NULL, 0, &key), SP_OK);
    assert_int_equal(sp_snapshot_open(rig->world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_entity_exists(sp_snapshot_view(snapshot), &key, &there), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return there;
}

static void assert_whole(struct rig *rig) {
    struct sp_error error = {0};
    if (sp_store_verify(rig->world.store, NULL, NULL, NULL, &error) != SP_OK)
        fail_msg("%s", error.message);
}

/* ---- cases ---- */

static void jobs_that_wait_together_share_a_commit(void **state) {
    (void)state;
    enum { JOBS = 500 };
    static struct make_job first, jobs[JOBS];
    static struct rig rig;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    submit_together(&rig, &first, jobs, JOBS);
    sp_writer_stop(rig.writer);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].status, SP_OK);
        assert_int_equal(jobs[i].applied, 1);
        assert_true(exists(&rig, i));
    }
    /* The first job may have begun before the others came. Another is the look for deleted
     * workspaces. */
    assert_in_range(atomic_load(&rig.commits), 1, 3);
    assert_whole(&rig);
    rig_stop(&rig);
}

static void each_job_gets_a_revision_of_its_own_in_order(void **state) {
    (void)state;
    enum { JOBS = 20 };
    static struct make_job first, jobs[JOBS];
    static struct rig rig;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    submit_together(&rig, &first, jobs, JOBS);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].revision, first.revision + 1 + i);
        assert_int_equal(jobs[i].order, 1 + i);
    }
    rig_stop(&rig);
}

static void a_refused_job_does_not_hurt_the_others(void **state) {
    (void)state;
    static struct make_job first, jobs[3];
    static struct rig rig;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    jobs[1].fails_clean = true;
    submit_together(&rig, &first, jobs, 3);
    assert_int_equal(jobs[0].status, SP_OK);
    assert_int_equal(jobs[1].status, SP_ERR_PRECONDITION);
    assert_int_equal(jobs[2].status, SP_OK);
    assert_int_equal(jobs[0].applied, 1);
    assert_int_equal(jobs[2].revision, jobs[0].revision + 1);
    rig_stop(&rig);
}

static void a_job_that_fails_after_writing_is_left_out_and_the_others_applied_again(void **state) {
    (void)state;
    static struct make_job first, jobs[5];
    static struct rig rig;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    jobs[2].fails_dirty = true;
    submit_together(&rig, &first, jobs, 5);
    for (size_t i = 0; i < COUNT(jobs); i++) {
        assert_int_equal(jobs[i].status == SP_OK, i != 2);
        assert_int_equal(exists(&rig, i), i != 2);
    }
    assert_int_equal(jobs[4].revision, first.revision + 4);
    assert_whole(&rig);
    rig_stop(&rig);
}

static void many_jobs_that_fail_after_writing_cost_the_others_nothing(void **state) {
    (void)state;
    enum { JOBS = 60 };
    static struct make_job first, jobs[JOBS];
    static struct rig rig;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    for (size_t i = 0; i < JOBS; i++)
        jobs[i].fails_dirty = i % 3 == 0;
    submit_together(&rig, &first, jobs, JOBS);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].status == SP_OK, i % 3 != 0);
        assert_int_equal(exists(&rig, i), i % 3 != 0);
        assert_in_range(jobs[i].applied, 1, 6);
    }
    assert_whole(&rig);
    rig_stop(&rig);
}

static void only_the_job_that_does_not_fit_is_told_that_the_map_is_full(void **state) {
    (void)state;
    static struct make_job first, jobs[5], later;
    static struct rig rig;
    rig_start(&rig, (uint64_t)4 << 20, 0);
    jobs[1].name_bytes = (size_t)8 << 20;
    submit_together(&rig, &first, jobs, 5);
    for (size_t i = 0; i < COUNT(jobs); i++) {
        assert_int_equal(jobs[i].status, i == 1 ? SP_ERR_EXHAUSTED : SP_OK);
        assert_int_equal(exists(&rig, i), i != 1);
    }
    submit(&rig, &later, 77);
    assert_true(gate_wait(&rig.done, 7));
    assert_int_equal(later.status, SP_OK);
    assert_whole(&rig);
    rig_stop(&rig);
}

static void a_key_is_disabled_before_the_rest_of_jobs_that_are_tried_alone(void **state) {
    (void)state;
    static struct make_job first, jobs[5], disable;
    static struct rig rig;
    rig_start(&rig, (uint64_t)4 << 20, 0);
    jobs[1].name_bytes = (size_t)8 << 20; /* fits into no map: each job of the batch is tried alone */
    jobs[4].job.narrowing = SP_ADMIN_DISABLES_KEY;
    prepare(&rig, &disable, 77);
    disable.job.narrowing = SP_ADMIN_DISABLES_KEY;
    jobs[0].submits = &disable;
    submit_together(&rig, &first, jobs, 5);
    assert_true(gate_wait(&rig.done, 7));
    static struct make_job *const expected[] = {&jobs[4], &first, &jobs[0], &disable, &jobs[1], &jobs[2], &jobs[3]};
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(expected[i]->order, i);
        assert_int_equal(expected[i]->status, expected[i] == &jobs[1] ? SP_ERR_EXHAUSTED : SP_OK);
    }
    assert_whole(&rig);
    rig_stop(&rig);
}

static void a_job_that_wants_to_be_alone_is_committed_alone(void **state) {
    (void)state;
    static struct make_job first, jobs[3];
    static struct rig rig;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    jobs[1].job.alone = true;
    jobs[1].fails_dirty = true;
    submit_together(&rig, &first, jobs, 3);
    assert_int_equal(jobs[0].applied, 1);
    assert_int_equal(jobs[1].applied, 1);
    assert_int_equal(jobs[2].applied, 1);
    assert_int_not_equal(jobs[1].status, SP_OK);
    assert_int_equal(jobs[0].order, 1);
    assert_int_equal(jobs[1].order, 2);
    assert_int_equal(jobs[2].order, 3);
    rig_stop(&rig);
}

static enum sp_status submit_for(struct rig *rig, struct make_job *make, uint64_t number, const char *workspace,
                                 struct sp_error *error) {
    *error = (struct sp_error){0};
    make->job.apply = apply;
    make->job.done = done;
    make->rig = rig;
    make->number = number;
    snprintf(make->job.workspace, sizeof(make->job.workspace), "%s", workspace);
    return sp_writer_submit(rig->writer, &make->job, error);
}

static void a_workspace_that_fills_its_places_is_told_when_to_come_again(void **state) {
    (void)state;
    enum { PLACES = 1000 };
    static struct make_job first, jobs[PLACES], more, other, narrowing;
    static struct rig rig;
    struct sp_error error = {0};
    struct sp_writer_stats stats;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    first.waits = true;
    submit(&rig, &first, 1000000);
    while (rig_waiting(&rig) > 0)
        sched_yield();
    for (size_t i = 0; i < PLACES; i++)
        assert_int_equal(submit_for(&rig, &jobs[i], i, "noisy", &error), SP_OK);
    assert_int_equal(submit_for(&rig, &more, 2000, "noisy", &error), SP_ERR_EXHAUSTED);
    assert_non_null(strstr(error.message, "noisy"));
    assert_non_null(strstr(error.message, "retry in "));
    assert_int_equal(submit_for(&rig, &other, 2001, "quiet", &error), SP_OK);
    narrowing.job.narrowing = SP_ADMIN_NARROWS;
    assert_int_equal(submit_for(&rig, &narrowing, 2002, "noisy", &error), SP_OK);
    gate_add(&rig.hold);
    assert_true(gate_wait(&rig.done, PLACES + 3));
    /* Both come in the first turns. */
    assert_in_range(other.revision, first.revision + 1, first.revision + 10);
    assert_int_equal(narrowing.revision, first.revision + 1);
    sp_writer_get_stats(rig.writer, &stats);
    assert_int_equal(stats.refused[SP_WRITER_WORKSPACE_QUEUE_FULL], 1);
    rig_stop(&rig);
}

static void a_workspace_that_wrote_more_than_its_allowance_waits_and_the_others_do_not(void **state) {
    (void)state;
    static struct make_job large, again, other, operators, narrowing;
    static struct rig rig;
    struct sp_error error = {0};
    struct sp_writer_stats stats;
    rig_start_with(&rig, (uint64_t)1 << 30, 0, (struct sp_allowance_limits){100, 2000, 0});
    large.name_bytes = 100000;
    assert_int_equal(submit_for(&rig, &large, 1, "noisy", &error), SP_OK);
    assert_true(gate_wait(&rig.done, 1));
    assert_int_equal(submit_for(&rig, &again, 2, "noisy", &error), SP_ERR_EXHAUSTED);
    assert_non_null(strstr(error.message, "retry in "));
    assert_int_equal(submit_for(&rig, &other, 3, "quiet", &error), SP_OK);
    assert_int_equal(submit_for(&rig, &operators, 4, "", &error), SP_OK);
    narrowing.job.narrowing = SP_ADMIN_NARROWS;
    assert_int_equal(submit_for(&rig, &narrowing, 5, "noisy", &error), SP_OK);
    assert_true(gate_wait(&rig.done, 4));
    assert_int_equal(large.status, SP_OK);
    assert_int_equal(other.status, SP_OK);
    assert_int_equal(operators.status, SP_OK);
    assert_int_equal(narrowing.status, SP_OK);
    sp_writer_get_stats(rig.writer, &stats);
    assert_int_equal(stats.refused[SP_WRITER_WORKSPACE_ALLOWANCE], 1);
    rig_stop(&rig);
}

static void a_refused_change_costs_what_it_wrote(void **state) {
    (void)state;
    static struct make_job refused, again, other;
    static struct rig rig;
    struct sp_error error = {0};
    rig_start_with(&rig, (uint64_t)1 << 30, 0, (struct sp_allowance_limits){100, 20000, 0});
    refused.name_bytes = 100000;
    refused.fails_dirty = true;
    assert_int_equal(submit_for(&rig, &refused, 1, "noisy", &error), SP_OK);
    assert_true(gate_wait(&rig.done, 1));
    assert_int_not_equal(refused.status, SP_OK);
    assert_int_equal(submit_for(&rig, &again, 2, "noisy", &error), SP_ERR_EXHAUSTED);
    assert_int_equal(submit_for(&rig, &other, 3, "quiet", &error), SP_OK);
    assert_true(gate_wait(&rig.done, 2));
    rig_stop(&rig);
}

/* Whether it is made or refused, and although it wrote next to nothing. */
static void a_change_costs_the_time_that_it_took_the_writer(void **state) {
    (void)state;
    static struct make_job jobs[2], again[2], other;
    static struct rig rig;
    struct sp_error error = {0};
    static const char *const workspaces[] = {"noisy", "refused"};
    rig_start_with(&rig, (uint64_t)1 << 30, 0, (struct sp_allowance_limits){100, 100000, 0});
    for (int i = 0; i < 2; i++) {
        jobs[i].works_ms = 60;
        jobs[i].fails_clean = i == 1;
        assert_int_equal(submit_for(&rig, &jobs[i], (uint64_t)i, workspaces[i], &error), SP_OK);
        assert_true(gate_wait(&rig.done, i + 1));
        assert_int_equal(jobs[i].status, i == 1 ? SP_ERR_PRECONDITION : SP_OK);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(submit_for(&rig, &again[i], 10, workspaces[i], &error), SP_ERR_EXHAUSTED);
    assert_int_equal(submit_for(&rig, &other, 11, "quiet", &error), SP_OK);
    assert_true(gate_wait(&rig.done, 3));
    assert_int_equal(other.status, SP_OK);
    rig_stop(&rig);
}

static void what_was_queued_before_the_allowance_was_used_up_waits_too(void **state) {
    (void)state;
    static struct make_job first, large, jobs[5];
    static struct rig rig;
    struct sp_error error = {0};
    rig_start_with(&rig, (uint64_t)1 << 30, 0, (struct sp_allowance_limits){100, 2000, 0});
    first.waits = true;
    submit(&rig, &first, 1000000);
    while (rig_waiting(&rig) > 0)
        sched_yield();
    large.name_bytes = 100000;
    large.job.alone = true;
    assert_int_equal(submit_for(&rig, &large, 100, "noisy", &error), SP_OK);
    for (size_t i = 0; i < COUNT(jobs); i++)
        assert_int_equal(submit_for(&rig, &jobs[i], i, "noisy", &error), SP_OK);
    gate_add(&rig.hold);
    assert_true(gate_wait(&rig.done, 7));
    assert_int_equal(large.status, SP_OK);
    for (size_t i = 0; i < COUNT(jobs); i++) {
        assert_int_equal(jobs[i].status, SP_ERR_EXHAUSTED);
        assert_false(exists(&rig, i));
    }
    rig_stop(&rig);
}

static void stopping_finishes_what_waits_and_refuses_what_comes(void **state) {
    (void)state;
    enum { JOBS = 50 };
    static struct make_job first, jobs[JOBS], late;
    static struct rig rig;
    struct sp_error error = {0};
    rig_start(&rig, (uint64_t)1 << 30, 0);
    first.waits = true;
    submit(&rig, &first, 1000000);
    for (size_t i = 0; i < JOBS; i++)
        submit(&rig, &jobs[i], i);
    gate_add(&rig.hold);
    sp_writer_stop(rig.writer);
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].status, SP_OK);
    late.job.apply = apply;
    late.job.done = done;
    assert_int_equal(sp_writer_submit(rig.writer, &late.job, &error), SP_ERR_UNAVAILABLE);
    rig_stop(&rig);
}

static enum sp_status count_change(void *context, const Sallyport__V1__Change *change) {
    (void)change;
    (*(size_t *)context)++;
    return SP_OK;
}

static void accept_clock(struct rig *rig) {
    struct sp_write *write;
    struct sp_error error = {0};
    assert_int_equal(sp_write_begin(rig->world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_accept_time(write, sp_clock_now_s()), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

/* Entries of 2023, and a writer that keeps them for an hour. */
static void tidy_old_changes(struct rig *rig, bool accept) {
    static struct make_job before, after;
    struct sp_error error = {0};
    rig_start(rig, (uint64_t)1 << 30, 0);
    submit(rig, &before, 1);
    sp_writer_stop(rig->writer);
    sp_writer_free(rig->writer);
    if (accept)
        accept_clock(rig);
    const struct sp_writer_options options = {.store = rig->world.store, .keep_changes_s = 3600};
    assert_int_equal(sp_writer_start(&options, &rig->writer, &error), SP_OK);
    submit(rig, &after, 2);
    /* A writer tidies after its first batch, before it ends. */
    sp_writer_stop(rig->writer);
    assert_int_equal(after.status, SP_OK);
}

static void a_clock_that_is_ahead_of_the_store_erases_no_changes(void **state) {
    (void)state;
    static struct rig rig;
    struct sp_snapshot *snapshot;
    size_t kept = 0;
    tidy_old_changes(&rig, false);
    assert_int_equal(sp_snapshot_open(rig.world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), 1, &rig.world.arena, count_change, &kept), SP_OK);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    assert_int_equal(kept, 3);
    rig_stop(&rig);
}

static void old_changes_are_trimmed_and_the_chain_stays_whole(void **state) {
    (void)state;
    static struct rig rig;
    struct sp_snapshot *snapshot;
    size_t kept = 0;
    tidy_old_changes(&rig, true);
    assert_int_equal(sp_snapshot_open(rig.world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), 0, &rig.world.arena, count_change, &kept), SP_OK);
    assert_int_equal(sp_change_walk(sp_snapshot_view(snapshot), 1, &rig.world.arena, count_change, &kept),
                     SP_ERR_OUT_OF_RANGE);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    assert_in_range(kept, 0, 2);
    assert_whole(&rig);
    rig_stop(&rig);
}

static size_t count_waiting(const struct rig *rig) {
    struct sp_writer_stats stats;
    sp_writer_get_stats(rig->writer, &stats);
    return stats.waiting;
}

static bool beats_again(const struct rig *rig, int tries) {
    uint64_t before = sp_heartbeat_read(sp_writer_heartbeat(rig->writer));
    for (int i = 0; i < tries && sp_heartbeat_read(sp_writer_heartbeat(rig->writer)) == before; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    return sp_heartbeat_read(sp_writer_heartbeat(rig->writer)) != before;
}

static void its_heart_beats_while_it_is_idle_and_not_while_a_job_holds_it_up(void **state) {
    (void)state;
    static struct make_job job;
    static struct rig rig;
    rig_start(&rig, (uint64_t)1 << 30, 0);
    assert_true(beats_again(&rig, 6000));
    assert_true(beats_again(&rig, 6000));
    job.waits = true;
    submit(&rig, &job, 1);
    for (int i = 0; i < 6000 && count_waiting(&rig) > 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    (void)beats_again(&rig, 50); /* on the way into the job */
    assert_false(beats_again(&rig, 250));
    gate_add(&rig.hold);
    assert_true(beats_again(&rig, 6000));
    assert_true(gate_wait(&rig.done, 1));
    rig_stop(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_that_wait_together_share_a_commit),
        cmocka_unit_test(each_job_gets_a_revision_of_its_own_in_order),
        cmocka_unit_test(a_refused_job_does_not_hurt_the_others),
        cmocka_unit_test(a_job_that_fails_after_writing_is_left_out_and_the_others_applied_again),
        cmocka_unit_test(many_jobs_that_fail_after_writing_cost_the_others_nothing),
        cmocka_unit_test(only_the_job_that_does_not_fit_is_told_that_the_map_is_full),
        cmocka_unit_test(a_key_is_disabled_before_the_rest_of_jobs_that_are_tried_alone),
        cmocka_unit_test(a_job_that_wants_to_be_alone_is_committed_alone),
        cmocka_unit_test(a_workspace_that_fills_its_places_is_told_when_to_come_again),
        cmocka_unit_test(a_workspace_that_wrote_more_than_its_allowance_waits_and_the_others_do_not),
        cmocka_unit_test(a_refused_change_costs_what_it_wrote),
        cmocka_unit_test(a_change_costs_the_time_that_it_took_the_writer),
        cmocka_unit_test(what_was_queued_before_the_allowance_was_used_up_waits_too),
        cmocka_unit_test(stopping_finishes_what_waits_and_refuses_what_comes),
        cmocka_unit_test(a_clock_that_is_ahead_of_the_store_erases_no_changes),
        cmocka_unit_test(its_heart_beats_while_it_is_idle_and_not_while_a_job_holds_it_up),
        cmocka_unit_test(old_changes_are_trimmed_and_the_chain_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
