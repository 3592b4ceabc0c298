#include "observe/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/text_out.h"
#include "observe/event_limits.h"
#include "observe/line_log.h"
#include "observe/process.h"
#include "observe/ring_log.h"

/* severity_id, status_id and type_id of a user, in OCSF's numbers. */
enum { INFORMATIONAL = 1, LOW = 2, MEDIUM = 3 };
enum { SUCCESS = 1, FAILURE = 2 };
enum { TYPE_UNKNOWN = 0, TYPE_USER = 1, TYPE_ADMIN = 2, TYPE_SYSTEM = 3, TYPE_OTHER = 99 };

#define OCSF_VERSION "1.3.0"

/* Who cannot take each other's places and room, however many they are. */
enum part { STRANGERS, TENANTS, OPERATORS, PARTS };

struct sp_events {
    const char *program;
    struct sp_line_log *log;
    atomic_ullong suppressed;
    pthread_mutex_t lock; /* over the limits; held for a look-up */
    struct sp_event_limits limits[PARTS];
};

/* ---- a line ---- */

static void put_member(struct sp_text_out *out, const char *name, struct sp_str text) {
    if (text.size > 0)
        sp_json_text(out, name, text);
}

static const char *name_class(enum sp_event_class class_uid) {
    switch (class_uid) {
    case SP_EVENT_ACCOUNT_CHANGE:
        return "Account Change";
    case SP_EVENT_AUTHENTICATION:
        return "Authentication";
    case SP_EVENT_API_ACTIVITY:
        return "API Activity";
    }
    return "";
}

static const char *name_activity(const struct sp_event *event) {
    static const char *const account[] = {[1] = "Create", [2] = "Enable", [5] = "Disable", [6] = "Delete"};
    static const char *const api[] = {[1] = "Create", [2] = "Read", [3] = "Update", [4] = "Delete"};
    const char *name = NULL;
    if (event->class_uid == SP_EVENT_AUTHENTICATION)
        name = event->activity == SP_EVENT_LOGON ? "Logon" : NULL;
    else if (event->class_uid == SP_EVENT_ACCOUNT_CHANGE)
        name = event->activity < sizeof(account) / sizeof(*account) ? account[event->activity] : NULL;
    else
        name = event->activity < sizeof(api) / sizeof(*api) ? api[event->activity] : NULL;
    return name == NULL ? "Other" : name;
}

static unsigned choose_severity(const struct sp_event *event) {
    if (event->status == SP_OK)
        return INFORMATIONAL;
    return event->class_uid == SP_EVENT_AUTHENTICATION ? MEDIUM : LOW;
}

static void put_classes(struct sp_text_out *out, const struct sp_event *event, const struct timespec *now) {
    bool failed = event->status != SP_OK;
    sp_json_number(out, "time", (uint64_t)now->tv_sec * 1000 + (uint64_t)now->tv_nsec / 1000000);
    sp_json_number(out, "category_uid", event->class_uid / 1000);
    sp_json_number(out, "class_uid", event->class_uid);
    sp_json_text(out, "class_name", sp_str_from(name_class(event->class_uid)));
    sp_json_number(out, "activity_id", event->activity);
    sp_json_text(out, "activity_name", sp_str_from(name_activity(event)));
    sp_json_number(out, "type_uid", (uint64_t)event->class_uid * 100 + event->activity);
    sp_json_number(out, "severity_id", choose_severity(event));
    sp_json_number(out, "status_id", failed ? FAILURE : SUCCESS);
    sp_json_text(out, "status", failed ? SP_STR_LITERAL("Failure") : SP_STR_LITERAL("Success"));
    if (failed)
        sp_json_text(out, "status_code", sp_str_from(sp_status_name(event->status)));
    if (event->status_detail != NULL)
        sp_json_text(out, "status_detail", sp_str_from(event->status_detail));
}

static void put_metadata(struct sp_text_out *out, const struct sp_events *events) {
    sp_json_open_member(out, "metadata");
    sp_json_text(out, "version", SP_STR_LITERAL(OCSF_VERSION));
    sp_json_open_member(out, "product");
    sp_json_text(out, "name", sp_str_from(events->program));
    sp_json_text(out, "vendor_name", SP_STR_LITERAL("Sallyport"));
    sp_json_text(out, "version", sp_str_from(sp_version()));
    sp_json_close(out);
    sp_json_close(out);
}

static void put_user(struct sp_text_out *out, const struct sp_event *event) {
    static const unsigned types[] = {[SP_EVENT_NOBODY] = TYPE_UNKNOWN,
                                     [SP_EVENT_PRINCIPAL] = TYPE_USER,
                                     [SP_EVENT_OPERATOR] = TYPE_ADMIN,
                                     [SP_EVENT_CALLER] = TYPE_OTHER,
                                     [SP_EVENT_COMMAND] = TYPE_SYSTEM};
    static const char *const names[] = {[SP_EVENT_NOBODY] = "unknown",
                                        [SP_EVENT_PRINCIPAL] = "principal",
                                        [SP_EVENT_OPERATOR] = "operator",
                                        [SP_EVENT_CALLER] = "caller",
                                        [SP_EVENT_COMMAND] = "command"};
    sp_json_open_member(out, "user");
    sp_json_number(out, "type_id", types[event->actor]);
    sp_json_text(out, "type", sp_str_from(names[event->actor]));
    put_member(out, "uid", event->actor_id);
    put_member(out, "domain", event->actor_workspace);
    put_member(out, "credential_uid", event->key_id);
    sp_json_close(out);
}

/* Authentication is about the user that was not let in; an account change about the account. */
static void put_who(struct sp_text_out *out, const struct sp_event *event) {
    if (event->class_uid == SP_EVENT_AUTHENTICATION) {
        put_user(out, event);
    } else {
        sp_json_open_member(out, "actor");
        put_user(out, event);
        sp_json_close(out);
    }
    if (event->class_uid == SP_EVENT_ACCOUNT_CHANGE) {
        sp_json_open_member(out, "user");
        put_member(out, "type", event->target_kind);
        put_member(out, "uid", event->target_id);
        put_member(out, "domain", event->workspace);
        sp_json_close(out);
    }
    if (event->address.size > 0) {
        sp_json_open_member(out, "src_endpoint");
        sp_json_text(out, "ip", event->address);
        sp_json_close(out);
    }
}

static void put_api(struct sp_text_out *out, const struct sp_event *event) {
    sp_json_open_member(out, "service");
    sp_json_text(out, "name", sp_str_from(event->service));
    sp_json_close(out);
    sp_json_open_member(out, "api");
    sp_json_text(out, "operation", sp_str_from(event->operation));
    if (event->request_id.size > 0) {
        sp_json_open_member(out, "request");
        sp_json_text(out, "uid", event->request_id);
        sp_json_close(out);
    }
    sp_json_open_member(out, "response");
    sp_json_number(out, "code", (uint64_t)sp_status_to_grpc(event->status));
    sp_json_close(out);
    sp_json_close(out);
}

/* What OCSF has no place for. */
static void put_unmapped(struct sp_text_out *out, const struct sp_event *event, uint32_t suppressed) {
    sp_json_open_member(out, "unmapped");
    put_member(out, "workspace", event->workspace);
    if (event->class_uid == SP_EVENT_API_ACTIVITY) {
        put_member(out, "target_kind", event->target_kind);
        put_member(out, "target_id", event->target_id);
    }
    if (event->revision > 0) {
        sp_json_number(out, "epoch", event->epoch);
        sp_json_number(out, "revision", event->revision);
    }
    if (suppressed > 0)
        sp_json_number(out, "suppressed", suppressed);
    sp_json_close(out);
}

static void write_event(struct sp_events *events, enum part part, const struct sp_event *event, uint32_t suppressed) {
    char line[SP_RING_LOG_LINE_BYTES];
    struct sp_text_out out;
    const struct timespec now = sp_clock_now();
    sp_text_out_init(&out, line, sizeof(line) - 1);
    sp_json_open(&out);
    put_classes(&out, event, &now);
    sp_json_number(&out, "count", (uint64_t)suppressed + 1);
    put_metadata(&out, events);
    put_who(&out, event);
    put_api(&out, event);
    put_unmapped(&out, event, suppressed);
    sp_json_close(&out);
    out.room++;
    sp_text_put(&out, SP_STR_LITERAL("\n"));
    /* Every text has a limit, and all of them together fit. */
    if (!out.full)
        sp_line_log_put(events->log, part, line, out.used);
}

/* ---- the funnel ---- */

static enum part find_part(enum sp_event_actor actor) {
    if (actor == SP_EVENT_NOBODY)
        return STRANGERS;
    return actor == SP_EVENT_PRINCIPAL ? TENANTS : OPERATORS;
}

/* A source is a principal, an operator or a caller by name, and otherwise an address. A workspace
 * owns those of its principals. */
static uint64_t find_source(const struct sp_event_limits *limits, const struct sp_event *event) {
    struct sp_bytes bytes = event->network, owner = {0};
    if (event->actor_id.size > 0)
        bytes = sp_bytes_of_str(event->actor_id);
    else if (bytes.size == 0)
        bytes = sp_bytes_of_str(event->address);
    if (event->actor_id.size > 0)
        owner = sp_bytes_of_str(event->actor_workspace);
    return sp_event_limits_source(limits, event->class_uid, bytes, owner);
}

void sp_events_put(struct sp_events *events, const struct sp_event *event) {
    uint32_t suppressed = 0;
    enum part part = find_part(event->actor);
    struct sp_event_limits *limits = &events->limits[part];
    uint64_t source = find_source(limits, event);
    pthread_mutex_lock(&events->lock);
    bool admitted = sp_event_limits_admit(limits, source, sp_clock_monotonic_ms(), &suppressed);
    pthread_mutex_unlock(&events->lock);
    if (admitted)
        write_event(events, part, event, suppressed);
    else
        atomic_fetch_add(&events->suppressed, 1);
}

/* ---- life ---- */

enum sp_status sp_events_open(const char *path, const char *program, struct sp_events **ret_events,
                              struct sp_error *error) {
    struct sp_events *events = calloc(1, sizeof(*events));
    if (events == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    events->program = program;
    pthread_mutex_init(&events->lock, NULL);
    enum sp_status status = SP_OK;
    for (unsigned part = 0; part < PARTS && status == SP_OK; part++)
        status = sp_event_limits_init(&events->limits[part]);
    if (status == SP_OK)
        status = sp_line_log_open(path, PARTS, &events->log, error);
    else
        sp_error_set(error, status, "cannot get random bytes from the kernel");
    if (status != SP_OK) {
        sp_events_close(events);
        return status;
    }
    *ret_events = events;
    return SP_OK;
}

void sp_events_reopen(struct sp_events *events) {
    sp_line_log_reopen(events->log);
}

void sp_events_read_stats(const struct sp_events *events, struct sp_events_stats *ret_stats) {
    *ret_stats = (struct sp_events_stats){.written = sp_line_log_written(events->log),
                                          .dropped = sp_line_log_dropped(events->log),
                                          .suppressed = atomic_load(&events->suppressed)};
}

void sp_events_close(struct sp_events *events) {
    if (events == NULL)
        return;
    sp_line_log_close(events->log);
    pthread_mutex_destroy(&events->lock);
    free(events);
}
