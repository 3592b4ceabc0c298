/* What both threads know of the source. */
#include "base/clock.h"
#include "source/internal.h"

void sp_source_reached(struct sp_source *source) {
    pthread_mutex_lock(&source->lock);
    source->reached_ms = sp_clock_monotonic_ms();
    pthread_mutex_unlock(&source->lock);
}

void sp_source_in_step(struct sp_source *source, int64_t at_ms) {
    pthread_mutex_lock(&source->lock);
    source->in_step_ms = at_ms;
    pthread_mutex_unlock(&source->lock);
}

void sp_source_set_head(struct sp_source *source, uint64_t head_revision) {
    pthread_mutex_lock(&source->lock);
    if (source->head_revision < head_revision)
        source->head_revision = head_revision;
    source->state.filled = true;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

void sp_source_reset_head(struct sp_source *source, uint64_t head_revision) {
    pthread_mutex_lock(&source->lock);
    source->head_revision = head_revision;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

void sp_source_set_following(struct sp_source *source, bool following) {
    pthread_mutex_lock(&source->lock);
    source->state.following = following;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

bool sp_source_is_stopping(struct sp_source *source) {
    pthread_mutex_lock(&source->lock);
    bool stopping = source->stopping;
    pthread_mutex_unlock(&source->lock);
    return stopping;
}

void sp_source_get_state(struct sp_source *source, struct sp_source_state *ret_state) {
    pthread_mutex_lock(&source->lock);
    *ret_state = source->state;
    ret_state->age_ms = source->in_step_ms == 0 ? -1 : sp_clock_monotonic_ms() - source->in_step_ms;
    ret_state->reachable =
        source->reached_ms != 0 && sp_clock_monotonic_ms() - source->reached_ms <= SP_SOURCE_REACHABLE_MS;
    pthread_mutex_unlock(&source->lock);
}
