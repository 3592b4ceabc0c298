/* Security events: who tried or did what, as lines of JSON that other systems can collect.
 *
 * Names and numbers are those of the Open Cybersecurity Schema Framework, OCSF 1.3.0
 * (schema.ocsf.io):
 *
 *   class                 class_uid  activity_id
 *   Account Change             3001  1 create, 2 enable, 5 disable, 6 delete, 99 other
 *   Authentication             3002  1 logon
 *   API Activity               6003  1 create, 2 read, 3 update, 4 delete, 99 other
 *
 * One funnel takes them all. It never waits: lines that find no room are dropped and counted. Each
 * source (a principal, or an address that has proven to be nobody) may cause a burst of events of a
 * class, then one a second; others are suppressed and counted, and the source's next event has
 * their number. Strangers, the principals of workspaces, and who runs Sallyport (operators,
 * callers, commands) have places and room of their own, and a workspace a part of the second: none
 * of them can have the others' events dropped. Never pass a key's text, nor any text of a request
 * that was not found in the store.
 *
 * Any thread. */
#ifndef SP_OBSERVE_EVENTS_H
#define SP_OBSERVE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct sp_events;

enum sp_event_class {
    SP_EVENT_ACCOUNT_CHANGE = 3001,
    SP_EVENT_AUTHENTICATION = 3002,
    SP_EVENT_API_ACTIVITY = 6003,
};

/* Numbers of an activity, which depend on the class. */
enum sp_event_activity {
    SP_EVENT_ACCOUNT_CREATE = 1,
    SP_EVENT_ACCOUNT_ENABLE = 2,
    SP_EVENT_ACCOUNT_DISABLE = 5,
    SP_EVENT_ACCOUNT_DELETE = 6,
    SP_EVENT_LOGON = 1,
    SP_EVENT_API_CREATE = 1,
    SP_EVENT_API_READ = 2,
    SP_EVENT_API_UPDATE = 3,
    SP_EVENT_API_DELETE = 4,
    SP_EVENT_OTHER = 99,
};

enum sp_event_actor {
    SP_EVENT_NOBODY,    /* it has proven nothing */
    SP_EVENT_PRINCIPAL, /* of a workspace */
    SP_EVENT_OPERATOR,
    SP_EVENT_CALLER,  /* a service that asks about keys */
    SP_EVENT_COMMAND, /* whoever may write the store's files */
};

/* Everything is borrowed. Empty texts and zeros are left out. */
struct sp_event {
    enum sp_event_class class_uid;
    unsigned activity;         /* enum sp_event_activity */
    enum sp_status status;     /* SP_OK, or how it failed */
    const char *status_detail; /* a constant of the program, such as a reason's name; NULL: none */
    const char *service;       /* "sallyport.v1.Admin" */
    const char *operation;     /* "CreateApiKey" */
    enum sp_event_actor actor;
    struct sp_str actor_id, actor_workspace, key_id;
    struct sp_str address;   /* of the client */
    struct sp_bytes network; /* what the address counts as when events are suppressed; empty: the address's text */
    struct sp_str workspace; /* that it is about */
    struct sp_str target_kind, target_id;
    struct sp_str request_id;
    uint64_t epoch, revision;
};

/* `path`: a file that is appended to, or "-" for stdout. Both texts must outlive it. SP_ERR_IO,
 * SP_ERR_MEMORY. */
enum sp_status sp_events_open(const char *path, const char *program, struct sp_events **ret_events,
                              struct sp_error *error) SP_MUST_USE;

void sp_events_put(struct sp_events *events, const struct sp_event *event);

/* After the file was renamed. */
void sp_events_reopen(struct sp_events *events);

struct sp_events_stats {
    uint64_t written;
    uint64_t dropped;    /* for lack of room, or because the file cannot be written */
    uint64_t suppressed; /* because their source causes too many */
};
void sp_events_read_stats(const struct sp_events *events, struct sp_events_stats *ret_stats);

/* As sp_ring_log_close. */
void sp_events_close(struct sp_events *events);

#endif
