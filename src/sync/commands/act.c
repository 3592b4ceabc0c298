#include "sync/commands/act.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/event_log.h"
#include "daemon/options.h"

static const char *event_log_option;
static struct sp_sync_act current_act;

struct sp_option sp_sync_act_row(void) {
    return sp_daemon_event_log_row(&event_log_option, "SALLYPORT_SYNC_EVENT_LOG");
}

enum sp_status sp_sync_act_begin(const struct sp_sync_act *act, struct sp_error *error) {
    const char *path = sp_daemon_event_log_path(event_log_option);
    /* Commands print keys and results on stdout. */
    if (path != NULL && strcmp(path, "-") == 0)
        path = "/dev/stderr";
    enum sp_status status = sp_event_log_open(path, "sallyport-sync", error);
    if (status != SP_OK)
        return status;
    current_act = *act;
    return SP_OK;
}

void sp_sync_act_refine(const struct sp_sync_act *act) {
    current_act = *act;
}

void sp_sync_act_end(enum sp_status failed) {
    char user[32];
    if (current_act.operation == NULL)
        return;
    (void)snprintf(user, sizeof(user), "uid:%u", (unsigned)getuid());
    const struct sp_event event = {
        .class_uid = current_act.class_uid,
        .activity = current_act.activity,
        .status = failed,
        .service = "sallyport-sync",
        .operation = current_act.operation,
        .actor = SP_EVENT_COMMAND,
        .actor_id = sp_str_from(user),
        .target_kind = sp_str_from(current_act.target_kind),
        /* A name that was refused may be anything, even a key that was pasted in the wrong
         * place. */
        .target_id = sp_str_from(failed == SP_OK ? current_act.target_id : NULL),
    };
    sp_event_log_put(&event);
    sp_event_log_close();
    current_act = (struct sp_sync_act){.operation = NULL};
}
