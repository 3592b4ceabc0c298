/* Taking over a map that another process enlarged: LMDB allows it only with no transaction open in this process. */
#include <time.h>

#include "store/view.h"

enum { WAIT_STEP_NS = 100 * 1000, WAIT_STEPS = 20 * 1000 };

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

int sp_store_remap(struct sp_store *store) {
    pthread_mutex_lock(&store->turns_lock);
    atomic_store(&store->remapping, true);
    int steps = 0;
    while (any_active(store) && steps < WAIT_STEPS) {
        nanosleep(&(struct timespec){.tv_nsec = WAIT_STEP_NS}, NULL);
        steps++;
    }
    int code = steps < WAIT_STEPS ? mdb_env_set_mapsize(store->env, 0) : MDB_MAP_RESIZED;
    atomic_store(&store->remapping, false);
    pthread_mutex_unlock(&store->turns_lock);
    return code;
}
