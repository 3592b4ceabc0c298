/* Inside the store: the transactions that are open in this process, and taking over a map that
 * another process enlarged, which LMDB allows only while none is. Thread-safe. */
#ifndef SP_STORE_LMDB_TURNS_H
#define SP_STORE_LMDB_TURNS_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Stands for one transaction that may be open in this process. */
struct sp_turn {
    atomic_bool active;
    struct sp_turn *next; /* under sp_turns.lock */
};

struct sp_turns {
    pthread_mutex_t lock; /* held while the list changes and while the map is taken over */
    struct sp_turn *first;
    atomic_bool remapping;
    atomic_uint mapping; /* how many times the map was taken over: what was read before may lie elsewhere */
};

/* False: out of memory. */
bool sp_turns_init(struct sp_turns *turns);
void sp_turns_fini(struct sp_turns *turns);

void sp_turn_join(struct sp_turns *turns, struct sp_turn *turn);
void sp_turn_leave(struct sp_turns *turns, struct sp_turn *turn);

/* Before and after a transaction. Begin waits while the map is being taken over. Inline: every
 * decision takes one. */
void sp_turn_wait(struct sp_turns *turns, struct sp_turn *turn);
static inline void sp_turn_begin(struct sp_turns *turns, struct sp_turn *turn) {
    atomic_store(&turn->active, true);
    if (atomic_load(&turns->remapping))
        sp_turn_wait(turns, turn);
}
static inline void sp_turn_end(struct sp_turn *turn) {
    atomic_store_explicit(&turn->active, false, memory_order_release);
}

/* The number of the mapping; does not change while a turn is active. */
static inline unsigned sp_turns_mapping(struct sp_turns *turns) {
    return atomic_load_explicit(&turns->mapping, memory_order_relaxed);
}

/* Waits until no turn is active (the caller's own must have ended) and maps the file at the size
 * that its meta page gives. An LMDB code: MDB_MAP_RESIZED if a turn did not end within a second,
 * so that a mistake cannot stop the process. */
int sp_turns_remap(struct sp_turns *turns, MDB_env *env);

#endif
