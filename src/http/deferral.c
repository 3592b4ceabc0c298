#include "http/deferral.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "http/exchange.h"
#include "http/exchange_state.h"
#include "http/identity.h"

struct deferrals {
    pthread_mutex_t lock; /* guards what follows, and each exchange's `resumed` and `gone` */
    size_t references;    /* the server's, and one for each exchange that was not resumed yet */
    int wake_fd;          /* -1: the server is gone */
    struct sp_http_exchange *resumed;
};

struct deferrals *sp_http_deferrals_create(int wake_fd) {
    struct deferrals *deferrals = calloc(1, sizeof(*deferrals));
    if (deferrals == NULL)
        return NULL;
    pthread_mutex_init(&deferrals->lock, NULL);
    deferrals->references = 1;
    deferrals->wake_fd = wake_fd;
    return deferrals;
}

/* Unlocks, and frees it with the last reference. */
static void leave_deferrals(struct deferrals *deferrals) {
    bool last = --deferrals->references == 0;
    pthread_mutex_unlock(&deferrals->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&deferrals->lock);
    free(deferrals);
}

void sp_http_deferrals_close(struct deferrals *deferrals) {
    if (deferrals == NULL)
        return;
    pthread_mutex_lock(&deferrals->lock);
    deferrals->wake_fd = -1;
    leave_deferrals(deferrals);
}

/* ---- the server's list of deferred exchanges, on its thread ---- */

static void list_deferred(struct sp_http_exchange *exchange) {
    struct exchanges *exchanges = exchange->exchanges;
    exchange->deferred_next = exchanges->deferred;
    if (exchange->deferred_next != NULL)
        exchange->deferred_next->deferred_previous = exchange;
    exchange->deferred_previous = NULL;
    exchanges->deferred = exchange;
}

static void unlist_deferred(struct sp_http_exchange *exchange) {
    if (exchange->deferred_previous != NULL)
        exchange->deferred_previous->deferred_next = exchange->deferred_next;
    else
        exchange->exchanges->deferred = exchange->deferred_next;
    if (exchange->deferred_next != NULL)
        exchange->deferred_next->deferred_previous = exchange->deferred_previous;
}

void sp_http_unsuspend(struct sp_http_exchange *exchange) {
    if (exchange->suspended)
        MHD_resume_connection(exchange->connection);
    exchange->suspended = false;
}

void sp_http_deferrals_wake(struct deferrals *deferrals) {
    pthread_mutex_lock(&deferrals->lock);
    if (deferrals->wake_fd >= 0)
        (void)eventfd_write(deferrals->wake_fd, 1);
    pthread_mutex_unlock(&deferrals->lock);
}

/* ---- deferring ---- */

/* The other thread must not ask libmicrohttpd, which may be gone before it. */
static bool copy_request(struct sp_http_exchange *exchange) {
    size_t count = sp_http_headers(exchange, NULL, 0);
    struct sp_http_field *fields = sp_arena_calloc(&exchange->arena, count + 1, sizeof(*fields));
    if (fields == NULL || sp_http_headers(exchange, fields, count) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        fields[i].name.data = sp_arena_strdup(&exchange->arena, fields[i].name);
        fields[i].value.data = sp_arena_strdup(&exchange->arena, fields[i].value);
        if (fields[i].name.data == NULL || fields[i].value.data == NULL)
            return false;
    }
    sp_http_identity(exchange, &exchange->identity);
    exchange->fields = fields;
    exchange->field_count = count;
    return true;
}

bool sp_http_defer(struct sp_http_exchange *exchange, sp_http_finish *finish, void *state) {
    struct deferrals *deferrals = exchange->exchanges->deferrals;
    if (exchange->replied || exchange->finish != NULL || !copy_request(exchange))
        return false;
    pthread_mutex_lock(&deferrals->lock);
    deferrals->references++;
    pthread_mutex_unlock(&deferrals->lock);
    exchange->deferrals = deferrals;
    exchange->finish = finish;
    exchange->finish_state = state;
    exchange->suspended = true;
    MHD_suspend_connection(exchange->connection);
    list_deferred(exchange);
    return true;
}

bool sp_http_is_wanted(const struct sp_http_exchange *exchange) {
    pthread_mutex_lock(&exchange->deferrals->lock);
    bool wanted = !exchange->gone;
    pthread_mutex_unlock(&exchange->deferrals->lock);
    return wanted;
}

void sp_http_resume(struct sp_http_exchange *exchange) {
    struct deferrals *deferrals = exchange->deferrals;
    pthread_mutex_lock(&deferrals->lock);
    bool gone = exchange->gone;
    if (!gone) {
        exchange->resumed = true;
        exchange->next = deferrals->resumed;
        deferrals->resumed = exchange;
        if (deferrals->wake_fd >= 0)
            (void)eventfd_write(deferrals->wake_fd, 1);
    }
    leave_deferrals(deferrals);
    if (!gone)
        return;
    exchange->finish(exchange, exchange->finish_state, false);
    sp_http_exchange_free(exchange);
}

/* ---- going on ---- */

void sp_http_deferrals_continue(struct exchanges *exchanges) {
    struct deferrals *deferrals = exchanges->deferrals;
    if (exchanges->deferred == NULL)
        return;
    pthread_mutex_lock(&deferrals->lock);
    struct sp_http_exchange *resumed = deferrals->resumed;
    deferrals->resumed = NULL;
    pthread_mutex_unlock(&deferrals->lock);
    for (; resumed != NULL; resumed = resumed->next)
        sp_http_unsuspend(resumed);
}

void sp_http_deferrals_abandon(struct exchanges *exchanges, const struct MHD_Daemon *daemon) {
    sp_http_deferrals_continue(exchanges);
    for (struct sp_http_exchange *at = exchanges->deferred; at != NULL; at = at->deferred_next) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(at->connection, MHD_CONNECTION_INFO_DAEMON);
        if (info != NULL && info->daemon == daemon) {
            at->abandoned = true;
            sp_http_unsuspend(at);
        }
    }
}

bool sp_http_deferral_finish(struct sp_http_exchange *exchange) {
    pthread_mutex_lock(&exchange->deferrals->lock);
    bool resumed = exchange->resumed;
    pthread_mutex_unlock(&exchange->deferrals->lock);
    if (!resumed || exchange->finished)
        return false;
    exchange->finished = true;
    exchange->finish(exchange, exchange->finish_state, true);
    return true;
}

/* Takes it off the list of those that were resumed and not seen yet. Locked. */
static void forget_resumed(struct deferrals *deferrals, const struct sp_http_exchange *exchange) {
    struct sp_http_exchange **at = &deferrals->resumed;
    while (*at != NULL && *at != exchange)
        at = &(*at)->next;
    if (*at != NULL)
        *at = exchange->next;
}

bool sp_http_deferral_end(struct sp_http_exchange *exchange) {
    struct deferrals *deferrals = exchange->exchanges->deferrals;
    if (exchange->finish == NULL)
        return false;
    unlist_deferred(exchange);
    pthread_mutex_lock(&deferrals->lock);
    exchange->gone = true;
    bool resumed = exchange->resumed;
    if (resumed)
        forget_resumed(deferrals, exchange);
    pthread_mutex_unlock(&deferrals->lock);
    if (!resumed)
        return true;
    if (!exchange->finished)
        exchange->finish(exchange, exchange->finish_state, false);
    return false;
}
