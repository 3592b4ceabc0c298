#include "daemon/refused_caller.h"

#include <stdio.h>

#include "daemon/event_log.h"

enum { SHOWN_NAME_MAX_BYTES = 200 };

/* What the caller has proven to be; empty: nothing. */
static struct sp_str name_caller(const struct sp_caller *caller, char *room, size_t size) {
    struct sp_str name = {NULL, 0};
    if (caller->identity.uri_count > 0) {
        name = caller->identity.uris[0];
    } else if (caller->identity.dns_count > 0) {
        name = caller->identity.dns[0];
    } else if (caller->identity.uid_known) {
        (void)snprintf(room, size, "uid:%u", caller->identity.uid);
        name = sp_str_from(room);
    }
    name.size = name.size > SHOWN_NAME_MAX_BYTES ? SHOWN_NAME_MAX_BYTES : name.size;
    return name;
}

void sp_event_put_refused_caller(const struct sp_caller *caller, enum sp_caller_role wanted, struct sp_str peer,
                                 enum sp_status status) {
    char room[32];
    struct sp_ip ip;
    if (!sp_event_log_is_open())
        return;
    bool known = sp_ip_parse(peer, &ip, NULL) == SP_OK;
    struct sp_str name = name_caller(caller, room, sizeof(room));
    bool unproven = status == SP_ERR_UNAUTHENTICATED;
    const struct sp_event event = {
        .class_uid = unproven ? SP_EVENT_AUTHENTICATION : SP_EVENT_API_ACTIVITY,
        .activity = unproven ? SP_EVENT_LOGON : SP_EVENT_API_READ,
        .status = status,
        .status_detail = "the caller lacks the role",
        .service = "callers",
        .operation = sp_caller_role_name(wanted),
        .actor = name.size > 0 ? SP_EVENT_CALLER : SP_EVENT_NOBODY,
        .actor_id = name,
        .address = peer,
        .network = sp_event_network(known ? &ip : NULL),
    };
    sp_event_log_put(&event);
}
