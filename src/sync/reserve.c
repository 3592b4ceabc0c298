#include "sync/reserve.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/lmdb/room.h"
#include "store/lmdb/store.h"
#include "store/records/snapshot.h"

enum {
    MAP_SHARE = 8,        /* the reserve is no more than one in so many of the map's bytes */
    LAST_SHARE = 4,       /* the last slice of it, as the next */
    ORDINARY_FLOOR = 2,   /* that ordinary changes leave, however much one of them takes */
    NARROWING_FLOOR = 8,  /* and what narrows */
    OPERATORS_SHARE = 16, /* the end of that slice, which is operators' */
    WORKSPACE_SHARE = 16, /* what one workspace may use until there is room again */
    WORKSPACE_BURST = 64, /* and at once */
    KEYS_SHARE = 4,       /* the end of what it may use, which is for disabling its keys */
    WORKSPACE_BYTES_PER_S = 16 * 1024,
    NARROWING_MAX_BYTES = 256 * 1024, /* of one change in the reserve */
    AMPLE_SHARE = 4,                  /* more than the reserve, before it is logged that there is room again */
    AHEAD_SHARE = 4,                  /* how much more is allocated than needed, so that it is needed seldom */
};

struct sp_reserve {
    struct sp_store *store;
    struct sp_snapshot *snapshot; /* NULL until the first measure */
    uint64_t bytes;               /* of the reserve */
    uint64_t allocated_end;       /* of the data file's blocks; 0: not known */
    bool cannot_allocate;         /* the file system has no means to */
    uint64_t room_bytes;          /* measured last, the reserve included; UINT64_MAX: never */
    bool low;                     /* it was logged */
    struct sp_allowance *allowance;
    _Atomic uint64_t ordinary_bytes;
};

static uint64_t min_bytes(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

enum sp_status sp_reserve_create(struct sp_store *store, uint64_t bytes, struct sp_reserve **ret_reserve) {
    struct sp_store_stats stats;
    enum sp_status status = sp_store_stats(store, &stats);
    if (status != SP_OK)
        return status;
    struct sp_reserve *reserve = calloc(1, sizeof(*reserve));
    if (reserve == NULL)
        return SP_ERR_MEMORY;
    reserve->store = store;
    reserve->bytes = min_bytes(bytes, stats.map_size_bytes / MAP_SHARE);
    const struct sp_allowance_limits limits = {.bytes_per_s = bytes > 0 ? WORKSPACE_BYTES_PER_S : 0,
                                               .burst_bytes = reserve->bytes / WORKSPACE_BURST,
                                               .share_bytes = reserve->bytes / WORKSPACE_SHARE};
    reserve->room_bytes = UINT64_MAX;
    atomic_init(&reserve->ordinary_bytes, UINT64_MAX);
    if (sp_allowance_create(&limits, &reserve->allowance) != SP_OK) {
        free(reserve);
        return SP_ERR_MEMORY;
    }
    *ret_reserve = reserve;
    return SP_OK;
}

void sp_reserve_free(struct sp_reserve *reserve) {
    if (reserve == NULL)
        return;
    sp_snapshot_close(reserve->snapshot);
    sp_allowance_free(reserve->allowance);
    free(reserve);
}

/* ---- measuring ---- */

static uint64_t allocated_behind(const struct sp_reserve *reserve, const struct sp_room *room) {
    return reserve->allocated_end > room->end_bytes ? reserve->allocated_end - room->end_bytes : 0;
}

/* The blocks of the reserve, and some more for what is written until the next time. */
static void allocate_reserve(struct sp_reserve *reserve, const struct sp_room *room) {
    uint64_t ahead = min_bytes(reserve->bytes, room->map_bytes);
    uint64_t more = min_bytes(reserve->bytes + reserve->bytes / AHEAD_SHARE, room->map_bytes);
    if (reserve->cannot_allocate || allocated_behind(reserve, room) >= ahead)
        return;
    uint64_t end = room->end_bytes + more;
    enum sp_status status = sp_store_allocate_ahead(reserve->store, end);
    if (status == SP_ERR_EXHAUSTED) {
        end = room->end_bytes + ahead;
        status = sp_store_allocate_ahead(reserve->store, end);
    }
    if (status == SP_OK)
        reserve->allocated_end = end;
    reserve->cannot_allocate = status == SP_ERR_UNIMPLEMENTED;
}

static void note_room(struct sp_reserve *reserve) {
    bool low = reserve->room_bytes <= reserve->bytes && reserve->bytes > 0;
    if (low && !reserve->low)
        sp_log(SP_LOG_ERROR,
               "the store or its volume is full except for a reserve of %" PRIu64
               " bytes: only changes that take access away are accepted until there is room; enlarge the volume, "
               "restart with a larger --map-size, or keep less of the audit trail",
               reserve->bytes);
    bool ample = reserve->room_bytes >= reserve->bytes + reserve->bytes / AMPLE_SHARE;
    if (ample && reserve->low) {
        sp_log(SP_LOG_INFO, "the store has room again: all changes are accepted");
        sp_allowance_renew_shares(reserve->allowance);
    }
    reserve->low = low || (reserve->low && !ample);
}

static enum sp_status measure_room(struct sp_reserve *reserve, struct sp_room *ret_room) {
    if (reserve->snapshot == NULL) {
        enum sp_status status = sp_snapshot_open(reserve->store, &reserve->snapshot);
        if (status != SP_OK)
            return status;
    }
    enum sp_status status = sp_snapshot_acquire(reserve->snapshot);
    if (status != SP_OK)
        return status;
    status = sp_view_room(sp_snapshot_view(reserve->snapshot), ret_room);
    sp_snapshot_release(reserve->snapshot);
    return status;
}

void sp_reserve_measure(struct sp_reserve *reserve) {
    struct sp_room room;
    if (reserve->bytes == 0 || measure_room(reserve, &room) != SP_OK)
        return;
    allocate_reserve(reserve, &room);
    reserve->room_bytes =
        room.free_bytes + min_bytes(room.map_bytes, room.disk_bytes + allocated_behind(reserve, &room));
    atomic_store_explicit(&reserve->ordinary_bytes,
                          reserve->room_bytes > reserve->bytes ? reserve->room_bytes - reserve->bytes : 0,
                          memory_order_relaxed);
    note_room(reserve);
}

uint64_t sp_reserve_room(struct sp_reserve *reserve) {
    return atomic_load_explicit(&reserve->ordinary_bytes, memory_order_relaxed);
}

/* ---- judging ---- */

static bool is_in_reserve(const struct sp_reserve *reserve) {
    return reserve->bytes > 0 && reserve->room_bytes <= reserve->bytes;
}

static bool is_operator_job(const struct sp_job *job) {
    return job->workspace[0] == '\0';
}

/* What the job must leave: operators may take access away to the end. */
static uint64_t find_floor_bytes(const struct sp_reserve *reserve, const struct sp_job *job) {
    if (!is_in_reserve(reserve))
        return reserve->bytes / ORDINARY_FLOOR;
    return is_operator_job(job) && sp_job_narrows(job) ? 0 : reserve->bytes / NARROWING_FLOOR;
}

static enum sp_status refuse_beyond_reserve(const struct sp_job *job, struct sp_error *error) {
    return sp_error_set(
        error, SP_ERR_EXHAUSTED,
        "the store is full except for a reserve%s: ask the operator to enlarge the volume or --map-size",
        sp_job_narrows(job) ? ", whose last part is for disabling keys"
                            : ", which is for changes that only take access away");
}

static bool has_used_up_share(struct sp_reserve *reserve, const struct sp_job *job) {
    bool disables = job->narrowing == SP_ADMIN_DISABLES_KEY;
    uint64_t kept = disables ? 0 : reserve->bytes / WORKSPACE_SHARE / KEYS_SHARE;
    return sp_allowance_share_left(reserve->allowance, job->workspace) <= kept;
}

enum sp_status sp_reserve_check_before(struct sp_reserve *reserve, const struct sp_job *job, int64_t now_ms,
                                       struct sp_error *error) {
    if (!is_in_reserve(reserve))
        return SP_OK;
    if (job->narrowing == SP_ADMIN_WIDENS)
        return refuse_beyond_reserve(job, error);
    bool last = reserve->room_bytes <= reserve->bytes / LAST_SHARE;
    bool may_use_last = job->narrowing == SP_ADMIN_DISABLES_KEY || (is_operator_job(job) && sp_job_narrows(job));
    if (last && !may_use_last)
        return refuse_beyond_reserve(job, error);
    if (is_operator_job(job))
        return SP_OK;
    bool used_up = has_used_up_share(reserve, job);
    if (used_up || reserve->room_bytes <= reserve->bytes / OPERATORS_SHARE)
        return sp_error_set(
            error, SP_ERR_EXHAUSTED,
            "the store is full, and %s of the reserve is used up%s: ask an operator, who can still disable "
            "keys, and can enlarge the volume or --map-size",
            used_up ? "your workspace's share" : "the workspaces' part",
            used_up && job->narrowing != SP_ADMIN_DISABLES_KEY ? ", but for disabling keys" : "");
    int64_t wait_ms = sp_allowance_wait_ms(reserve->allowance, job->workspace, now_ms);
    if (wait_ms > 0)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "the store is full, and workspace %s has used its part of the reserve: retry in %" PRId64
                            " ms",
                            job->workspace, wait_ms);
    return SP_OK;
}

enum sp_status sp_reserve_check_after(struct sp_reserve *reserve, const struct sp_job *job,
                                      const struct sp_write *write, uint64_t job_bytes, struct sp_error *error) {
    uint64_t growth = 0;
    bool inside = is_in_reserve(reserve);
    if (reserve->bytes == 0)
        return SP_OK;
    if (inside && !job->narrowed && !sp_job_narrows(job))
        return refuse_beyond_reserve(job, error);
    if (inside && job_bytes > NARROWING_MAX_BYTES)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "the store is full except for a reserve, in which one change may write at most %d bytes: "
                            "remove access in smaller steps, or disable the keys",
                            NARROWING_MAX_BYTES);
    if (job->narrowing == SP_ADMIN_DISABLES_KEY)
        return SP_OK;
    enum sp_status status = sp_write_most_growth(write, &growth);
    if (status != SP_OK)
        return sp_error_set(error, status, "cannot read the store");
    if (growth <= reserve->room_bytes && reserve->room_bytes - growth >= find_floor_bytes(reserve, job))
        return SP_OK;
    return refuse_beyond_reserve(job, error);
}

void sp_reserve_charge(struct sp_reserve *reserve, const struct sp_job *job, uint64_t bytes, int64_t now_ms) {
    if (is_in_reserve(reserve) && !is_operator_job(job))
        sp_allowance_charge(reserve->allowance, job->workspace, bytes, now_ms);
}
