/* Taking over a map that another process enlarged: LMDB allows it only with no transaction open in this process. */
#include <time.h>

#include "store/lmdb/view.h"

enum { WAIT_STEP_NS = 100 * 1000, WAIT_MOST_MS = 1000 };

void sp_turn_join(struct sp_store *store, struct sp_turn *turn) {
    atomic_init(&turn->active, false);
    pthread_mutex_lock(&store->turns_lock);
    turn->next = store->turns;
    store->turns = turn;
    pthread_mutex_unlock(&store->turns_lock);
}

void sp_turn_leave(struct sp_store *store, struct sp_turn *turn) {
    pthread_mutex_lock(&store->turns_lock);
    struct sp_turn **link = &store->turns;
    while (*link != turn)
        link = &(*link)->next;
    *link = turn->next;
    pthread_mutex_unlock(&store->turns_lock);
}

void sp_turn_wait(struct sp_store *store, struct sp_turn *turn) {
    do {
        atomic_store(&turn->active, false);
        pthread_mutex_lock(&store->turns_lock);
        pthread_mutex_unlock(&store->turns_lock);
        atomic_store(&turn->active, true);
    } while (atomic_load(&store->remapping));
}

static bool any_active(const struct sp_store *store) {
    for (const struct sp_turn *turn = store->turns; turn != NULL; turn = turn->next) {
        if (atomic_load(&turn->active))
            return true;
    }
    return false;
}

static int64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_until_idle(const struct sp_store *store) {
    int64_t until_ms = clock_ms() + WAIT_MOST_MS;
    while (any_active(store)) {
        if (clock_ms() > until_ms)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = WAIT_STEP_NS}, NULL);
    }
    return true;
}

int sp_store_remap(struct sp_store *store) {
    pthread_mutex_lock(&store->turns_lock);
    atomic_store(&store->remapping, true);
    int code = wait_until_idle(store) ? mdb_env_set_mapsize(store->env, 0) : MDB_MAP_RESIZED;
    atomic_store(&store->remapping, false);
    pthread_mutex_unlock(&store->turns_lock);
    return code;
}
