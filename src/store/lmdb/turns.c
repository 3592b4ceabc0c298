#include "store/lmdb/turns.h"

#include "base/clock.h"

enum { WAIT_STEP_US = 100, WAIT_MOST_MS = 1000 };

bool sp_turns_init(struct sp_turns *turns) {
    turns->first = NULL;
    atomic_init(&turns->remapping, false);
    atomic_init(&turns->mapping, 0);
    return pthread_mutex_init(&turns->lock, NULL) == 0;
}

void sp_turns_fini(struct sp_turns *turns) {
    pthread_mutex_destroy(&turns->lock);
}

void sp_turn_join(struct sp_turns *turns, struct sp_turn *turn) {
    atomic_init(&turn->active, false);
    pthread_mutex_lock(&turns->lock);
    turn->next = turns->first;
    turns->first = turn;
    pthread_mutex_unlock(&turns->lock);
}

void sp_turn_leave(struct sp_turns *turns, struct sp_turn *turn) {
    pthread_mutex_lock(&turns->lock);
    struct sp_turn **link = &turns->first;
    while (*link != turn)
        link = &(*link)->next;
    *link = turn->next;
    pthread_mutex_unlock(&turns->lock);
}

void sp_turn_wait(struct sp_turns *turns, struct sp_turn *turn) {
    do {
        atomic_store(&turn->active, false);
        pthread_mutex_lock(&turns->lock);
        pthread_mutex_unlock(&turns->lock);
        atomic_store(&turn->active, true);
    } while (atomic_load(&turns->remapping));
}

static bool is_any_turn_active(const struct sp_turns *turns) {
    for (const struct sp_turn *turn = turns->first; turn != NULL; turn = turn->next)
        if (atomic_load(&turn->active))
            return true;
    return false;
}

static bool wait_for_idle_turns(const struct sp_turns *turns) {
    int64_t until_ms = sp_clock_monotonic_ms() + WAIT_MOST_MS;
    while (is_any_turn_active(turns)) {
        if (sp_clock_monotonic_ms() > until_ms)
            return false;
        sp_clock_sleep_us(WAIT_STEP_US);
    }
    return true;
}

int sp_turns_remap(struct sp_turns *turns, MDB_env *env) {
    pthread_mutex_lock(&turns->lock);
    atomic_store(&turns->remapping, true);
    int code = wait_for_idle_turns(turns) ? mdb_env_set_mapsize(env, 0) : MDB_MAP_RESIZED;
    atomic_fetch_add(&turns->mapping, 1);
    atomic_store(&turns->remapping, false);
    pthread_mutex_unlock(&turns->lock);
    return code;
}
