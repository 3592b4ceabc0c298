#include "sync/queue.h"

#include <stdlib.h>
#include <string.h>

#include "sync/workspace_table.h"

enum {
    TURN_BYTES = 4096,         /* what one turn of a workspace is worth */
    JOB_BYTES = 1024,          /* what a job costs beside its request */
    NARROWING_RUN = 8,         /* narrowing jobs in a row while others wait */
    NARROWING_SHARE = 10,      /* a workspace may have one in so many of the extra places */
    NARROWING_BYTES_SHARE = 2, /* narrowing jobs may have one in so many bytes beyond the others */
};

enum lane_kind { ORDINARY, NARROWING, LANES };

/* The jobs of one kind of one workspace. While it has any, it is in the ring of its kind. */
struct lane {
    struct lane *previous, *next;
    struct sp_job *first;
    struct sp_job **end;
    int64_t credit; /* bytes that it may still take in this turn; negative: it took more */
};

struct tenant {
    struct sp_workspace_entry entry; /* first: an entry is its tenant */
    size_t jobs, bytes;
    struct lane lanes[LANES];
};

struct sp_queue {
    struct sp_queue_limits limits;
    struct sp_workspace_table tenants; /* those with jobs */
    struct lane *rings[LANES];         /* whose turn it is */
    size_t jobs, bytes;
    unsigned narrowing_run;
};

enum sp_status sp_queue_create(const struct sp_queue_limits *limits, struct sp_queue **ret_queue) {
    struct sp_queue *queue = calloc(1, sizeof(*queue));
    if (queue == NULL)
        return SP_ERR_MEMORY;
    queue->limits = *limits;
    *ret_queue = queue;
    return SP_OK;
}

void sp_queue_free(struct sp_queue *queue) {
    if (queue != NULL)
        sp_workspace_table_fini(&queue->tenants);
    free(queue);
}

static enum lane_kind lane_kind_of(const struct sp_job *job) {
    return sp_job_narrows(job) ? NARROWING : ORDINARY;
}

static struct tenant *find_tenant(const struct sp_queue *queue, const char *workspace) {
    return (struct tenant *)sp_workspace_table_find(&queue->tenants, workspace);
}

/* ---- the rings ---- */

static void join_ring(struct lane **ring, struct lane *lane) {
    if (*ring == NULL) {
        lane->previous = lane->next = lane;
        *ring = lane;
        return;
    }
    lane->next = *ring;
    lane->previous = (*ring)->previous;
    lane->previous->next = lane;
    lane->next->previous = lane;
}

static void leave_ring(struct lane **ring, struct lane *lane) {
    if (*ring == lane)
        *ring = lane->next == lane ? NULL : lane->next;
    lane->previous->next = lane->next;
    lane->next->previous = lane->previous;
}

/* ---- room ---- */

enum sp_queue_room sp_queue_room_for(const struct sp_queue *queue, const struct sp_job *job) {
    const struct sp_queue_limits *limits = &queue->limits;
    const struct tenant *tenant = find_tenant(queue, job->workspace);
    size_t jobs = tenant == NULL ? 0 : tenant->jobs;
    size_t bytes = tenant == NULL ? 0 : tenant->bytes;
    bool narrows = sp_job_narrows(job);
    size_t more = narrows ? limits->narrowing_jobs : 0;
    size_t more_bytes = narrows ? limits->bytes / NARROWING_BYTES_SHARE : 0;
    size_t more_of_workspace = narrows ? limits->workspace_bytes / NARROWING_BYTES_SHARE : 0;
    if (jobs >= limits->workspace_jobs + more / NARROWING_SHARE ||
        (jobs > 0 && bytes + job->bytes > limits->workspace_bytes + more_of_workspace))
        return SP_QUEUE_WORKSPACE_FULL;
    if (queue->jobs >= limits->jobs + more ||
        (queue->jobs > 0 && queue->bytes + job->bytes > limits->bytes + more_bytes))
        return SP_QUEUE_FULL;
    return SP_QUEUE_HAS_ROOM;
}

size_t sp_queue_length(const struct sp_queue *queue) {
    return queue->jobs;
}

size_t sp_queue_ahead_of(const struct sp_queue *queue, const char *workspace) {
    const struct tenant *tenant = find_tenant(queue, workspace);
    size_t own = tenant == NULL ? 0 : tenant->jobs;
    size_t by_turns = (own + 1) * (queue->tenants.count + (tenant == NULL)) - 1;
    return by_turns < queue->jobs ? by_turns : queue->jobs;
}

/* ---- adding and taking ---- */

static struct tenant *make_tenant(struct sp_queue *queue, const char *workspace) {
    struct tenant *tenant = calloc(1, sizeof(*tenant));
    if (tenant == NULL)
        return NULL;
    memcpy(tenant->entry.id, workspace, strlen(workspace) + 1);
    for (size_t i = 0; i < LANES; i++)
        tenant->lanes[i].end = &tenant->lanes[i].first;
    if (sp_workspace_table_add(&queue->tenants, &tenant->entry) != SP_OK) {
        free(tenant);
        return NULL;
    }
    return tenant;
}

static void count_in(struct sp_queue *queue, struct tenant *tenant, const struct sp_job *job) {
    tenant->jobs++;
    tenant->bytes += job->bytes;
    queue->jobs++;
    queue->bytes += job->bytes;
}

static void count_out(struct sp_queue *queue, struct tenant *tenant, const struct sp_job *job) {
    tenant->jobs--;
    tenant->bytes -= job->bytes;
    queue->jobs--;
    queue->bytes -= job->bytes;
}

enum sp_status sp_queue_add(struct sp_queue *queue, struct sp_job *job) {
    struct tenant *tenant = find_tenant(queue, job->workspace);
    if (tenant == NULL)
        tenant = make_tenant(queue, job->workspace);
    if (tenant == NULL)
        return SP_ERR_MEMORY;
    enum lane_kind kind = lane_kind_of(job);
    struct lane *lane = &tenant->lanes[kind];
    if (lane->first == NULL)
        join_ring(&queue->rings[kind], lane);
    job->next = NULL;
    *lane->end = job;
    lane->end = &job->next;
    count_in(queue, tenant, job);
    return SP_OK;
}

static enum lane_kind choose_lane_kind(struct sp_queue *queue) {
    bool both = queue->rings[NARROWING] != NULL && queue->rings[ORDINARY] != NULL;
    if (both && queue->narrowing_run >= NARROWING_RUN) {
        queue->narrowing_run = 0;
        return ORDINARY;
    }
    if (queue->rings[NARROWING] == NULL)
        return ORDINARY;
    queue->narrowing_run += both;
    return NARROWING;
}

/* The lane whose turn it is and that has not used it up. */
static struct lane *choose_lane(struct lane **ring) {
    while ((*ring)->credit <= 0) {
        (*ring)->credit += TURN_BYTES;
        if ((*ring)->credit > 0)
            break;
        *ring = (*ring)->next;
    }
    return *ring;
}

static void drop_idle_tenant(struct sp_queue *queue, struct tenant *tenant) {
    if (tenant->jobs > 0)
        return;
    sp_workspace_table_remove(&queue->tenants, &tenant->entry);
    free(tenant);
}

static struct sp_job *take_from_ring(struct sp_queue *queue, struct lane **ring, bool alone_too) {
    struct lane *lane = choose_lane(ring);
    struct sp_job *job = lane->first;
    if (job->alone && !alone_too)
        return NULL;
    lane->first = job->next;
    lane->credit -= JOB_BYTES + (int64_t)job->bytes;
    if (lane->credit <= 0)
        *ring = lane->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
        leave_ring(ring, lane);
    }
    struct tenant *tenant = find_tenant(queue, job->workspace);
    count_out(queue, tenant, job);
    drop_idle_tenant(queue, tenant);
    return job;
}

struct sp_job *sp_queue_take(struct sp_queue *queue, bool alone_too) {
    if (queue->jobs == 0)
        return NULL;
    return take_from_ring(queue, &queue->rings[choose_lane_kind(queue)], alone_too);
}

struct sp_job *sp_queue_take_narrowing(struct sp_queue *queue) {
    return queue->rings[NARROWING] == NULL ? NULL : take_from_ring(queue, &queue->rings[NARROWING], true);
}
