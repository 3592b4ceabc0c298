/* Security events of calls to the admin API: authentication failures, refusals, whatever operators
 * do, and reads of what is known about keys. Changes that a workspace's admins make are in the
 * audit trail and leave no event.
 *
 * Any thread. */
#ifndef SP_SYNC_CALL_EVENT_H
#define SP_SYNC_CALL_EVENT_H

#include <protobuf-c/protobuf-c.h>

#include "admin/method.h"
#include "base/status.h"
#include "observe/events.h"
#include "sync/caller.h"

/* Reports a call that ended with `status`. `caller` was admitted, or refused, before; `request`
 * NULL: it could not be read. Does nothing unless --event-log is given. */
void sp_sync_report_call(const struct sp_admin_method *method, const struct sp_sync_caller *caller,
                         const ProtobufCMessage *request, enum sp_status status);

/* How a method counts in events. Constants; every method has a row. */
struct sp_sync_event_row {
    const char *method;
    enum sp_event_class class_uid;
    enum sp_event_activity activity;
    const char *target; /* kind of what it is about; NULL: nothing of its own */
    bool reads_keys;    /* it tells what is known about keys */
};
const struct sp_sync_event_row *sp_sync_event_row(const struct sp_admin_method *method);

#endif
