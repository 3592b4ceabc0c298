/* The security event that a command leaves which works on the store itself. One command runs in a
 * process; main thread only. */
#ifndef SP_SYNC_COMMANDS_ACT_H
#define SP_SYNC_COMMANDS_ACT_H

#include "config/options.h"
#include "observe/events.h"

/* What a command does, as its event names it. Constants, or texts that live until it is
 * reported. */
struct sp_sync_act {
    const char *operation; /* NULL: none */
    enum sp_event_class class_uid;
    enum sp_event_activity activity;
    const char *target_kind, *target_id; /* NULL: none */
};

/* The row of --event-log. */
struct sp_option sp_sync_act_row(void);

/* Opens the log of events, before anything is done: what cannot be reported is not begun.
 * SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_sync_act_begin(const struct sp_sync_act *act, struct sp_error *error) SP_MUST_USE;
/* Says more precisely what is done. */
void sp_sync_act_refine(const struct sp_sync_act *act);
/* Reports an act that was begun, and closes the log. `failed` SP_OK: it was done. */
void sp_sync_act_end(enum sp_status failed);

#endif
