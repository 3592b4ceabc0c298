/* Those who watch: which calls to wake after a commit, and how many may watch at a time. Any
 * thread, except where noted. */
#ifndef SP_SYNC_WATCH_LIST_H
#define SP_SYNC_WATCH_LIST_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/text.h"
#include "rpc/server.h"

/* Part of a watch. Its fields are the list's. */
struct sp_watch_entry {
    struct sp_rpc_call *call;
    struct sp_watch_entry *previous, *next;
    bool admitted;
    char workspace[SP_ID_MAX_BYTES + 1]; /* that it was admitted to; empty: all */
};

struct sp_watch_list {
    atomic_uint_fast64_t wakes;
    pthread_mutex_t lock;
    struct sp_watch_entry *first;
};

void sp_watch_list_init(struct sp_watch_list *list);
/* The list must be empty. */
void sp_watch_list_fini(struct sp_watch_list *list);

/* From now on the call is woken. An added entry must be removed before the call is over. */
void sp_watch_list_add(struct sp_watch_list *list, struct sp_watch_entry *entry, struct sp_rpc_call *call);
void sp_watch_list_remove(struct sp_watch_list *list, struct sp_watch_entry *entry);

/* Gives an added entry whose caller was authorized one of the places, once. SP_ERR_EXHAUSTED:
 * all of them, or all that one workspace can have, are taken. *ret_first: it had none before. */
enum sp_status sp_watch_list_admit(struct sp_watch_list *list, struct sp_watch_entry *entry, struct sp_str workspace,
                                   bool *ret_first, struct sp_error *error) SP_MUST_USE;

/* How many were admitted. */
size_t sp_watch_list_count(struct sp_watch_list *list);

/* How often all were woken: if it has not changed since before a page was read, the page was the
 * last. */
uint64_t sp_watch_list_wakes(const struct sp_watch_list *list);

/* Wakes every call. Takes the list as void * for sp_writer_options and sp_source_start. */
void sp_watch_list_wake(void *list);

#endif
