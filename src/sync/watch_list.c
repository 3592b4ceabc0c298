#include "sync/watch_list.h"

#include <string.h>

enum {
    MAX_WATCHES = 1000,
    MAX_WATCHES_OF_WORKSPACE = 100, /* so that no tenant keeps the others from watching */
};

void sp_watch_list_init(struct sp_watch_list *list) {
    list->first = NULL;
    atomic_init(&list->wakes, 0);
    pthread_mutex_init(&list->lock, NULL);
}

void sp_watch_list_fini(struct sp_watch_list *list) {
    pthread_mutex_destroy(&list->lock);
}

void sp_watch_list_add(struct sp_watch_list *list, struct sp_watch_entry *entry, struct sp_rpc_call *call) {
    pthread_mutex_lock(&list->lock);
    *entry = (struct sp_watch_entry){.call = call, .next = list->first};
    if (list->first != NULL)
        list->first->previous = entry;
    list->first = entry;
    pthread_mutex_unlock(&list->lock);
}

void sp_watch_list_remove(struct sp_watch_list *list, struct sp_watch_entry *entry) {
    pthread_mutex_lock(&list->lock);
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        list->first = entry->next;
    pthread_mutex_unlock(&list->lock);
}

/* With the lock held. */
static enum sp_status take_watch_place(const struct sp_watch_list *list, struct sp_watch_entry *entry,
                                       struct sp_str workspace, struct sp_error *error) {
    size_t all = 0;
    size_t of_workspace = 0;
    for (const struct sp_watch_entry *other = list->first; other != NULL; other = other->next) {
        all += other->admitted;
        of_workspace += other->admitted && sp_str_equal(sp_str_from(other->workspace), workspace);
    }
    if (all >= MAX_WATCHES || of_workspace >= MAX_WATCHES_OF_WORKSPACE)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "too many watches: %zu are open, %zu of them on this workspace; the limits are %d and %d",
                            all, of_workspace, MAX_WATCHES, MAX_WATCHES_OF_WORKSPACE);
    entry->admitted = true;
    if (workspace.size > 0)
        memcpy(entry->workspace, workspace.data, workspace.size);
    return SP_OK;
}

enum sp_status sp_watch_list_admit(struct sp_watch_list *list, struct sp_watch_entry *entry, struct sp_str workspace,
                                   bool *ret_first, struct sp_error *error) {
    if (workspace.size > SP_ID_MAX_BYTES)
        return sp_error_set(error, SP_ERR_CORRUPT, "the workspace's id is damaged");
    pthread_mutex_lock(&list->lock);
    bool first = !entry->admitted;
    enum sp_status status = first ? take_watch_place(list, entry, workspace, error) : SP_OK;
    pthread_mutex_unlock(&list->lock);
    if (status != SP_OK)
        return status;
    *ret_first = first;
    return SP_OK;
}

size_t sp_watch_list_count(struct sp_watch_list *list) {
    size_t count = 0;
    pthread_mutex_lock(&list->lock);
    for (const struct sp_watch_entry *entry = list->first; entry != NULL; entry = entry->next)
        count += entry->admitted;
    pthread_mutex_unlock(&list->lock);
    return count;
}

uint64_t sp_watch_list_wakes(const struct sp_watch_list *list) {
    return atomic_load(&list->wakes);
}

void sp_watch_list_wake(void *user) {
    struct sp_watch_list *list = user;
    atomic_fetch_add(&list->wakes, 1);
    pthread_mutex_lock(&list->lock);
    for (struct sp_watch_entry *entry = list->first; entry != NULL; entry = entry->next)
        sp_rpc_wake(entry->call);
    pthread_mutex_unlock(&list->lock);
}
