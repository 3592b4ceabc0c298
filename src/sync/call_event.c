#include "sync/call_event.h"

#include <string.h>

#include "admin/methods.h"
#include "daemon/event_log.h"

/* In the order of admin/methods.c, as a test shows. */
static const struct sp_sync_event_row rows[] = {
    {"CreateWorkspace", SP_EVENT_API_ACTIVITY, SP_EVENT_API_CREATE, "workspace", false},
    {"GetWorkspace", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, "workspace", false},
    {"ListWorkspaces", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"UpdateWorkspace", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "workspace", false},
    {"DeleteWorkspace", SP_EVENT_API_ACTIVITY, SP_EVENT_API_DELETE, "workspace", false},
    {"CreateUser", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_CREATE, "principal", false},
    {"CreateServiceAccount", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_CREATE, "principal", false},
    {"GetPrincipal", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, "principal", false},
    {"ListPrincipals", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"UpdatePrincipal", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_OTHER, "principal", false},
    {"DeletePrincipal", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_DELETE, "principal", false},
    {"CreateGroup", SP_EVENT_API_ACTIVITY, SP_EVENT_API_CREATE, "group", false},
    {"GetGroup", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, "group", false},
    {"ListGroups", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"UpdateGroup", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "group", false},
    {"DeleteGroup", SP_EVENT_API_ACTIVITY, SP_EVENT_API_DELETE, "group", false},
    {"AddGroupMembers", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "group", false},
    {"RemoveGroupMembers", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "group", false},
    {"ListGroupMembers", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, "group", false},
    {"RegisterResource", SP_EVENT_API_ACTIVITY, SP_EVENT_API_CREATE, "resource", false},
    {"DeleteResource", SP_EVENT_API_ACTIVITY, SP_EVENT_API_DELETE, "resource", false},
    {"GetResource", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, "resource", false},
    {"ListResources", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"ShareResource", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "resource", false},
    {"UnshareResource", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "resource", false},
    {"UpdateShares", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, NULL, false},
    {"ListShares", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"ExportPolicy", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"ApplyPolicy", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, NULL, false},
    {"CreateApiKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_CREATE, "key", false},
    {"GetApiKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, "key", true},
    {"ListApiKeys", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, true},
    {"UpdateApiKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "key", false},
    {"RotateApiKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_CREATE, "key", false},
    {"DisableApiKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "key", false},
    {"EnableApiKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, "key", false},
    {"DeleteApiKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_DELETE, "key", false},
    {"FindKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, true},
    {"DisableSelf", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, NULL, false},
    {"GetKeyUsage", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, "key", true},
    {"ListServers", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"RetireServer", SP_EVENT_API_ACTIVITY, SP_EVENT_API_DELETE, NULL, false},
    {"ListOperators", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, true},
    {"RevokeOperator", SP_EVENT_ACCOUNT_CHANGE, SP_EVENT_ACCOUNT_DELETE, "operator", false},
    {"GetSchema", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"PutSchema", SP_EVENT_API_ACTIVITY, SP_EVENT_API_UPDATE, NULL, false},
    {"ExplainKey", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, true},
    {"WhoAmI", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"ListChanges", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"WatchChanges", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, false},
    {"Backup", SP_EVENT_API_ACTIVITY, SP_EVENT_API_READ, NULL, true},
    {"Import", SP_EVENT_API_ACTIVITY, SP_EVENT_API_CREATE, NULL, false},
};
_Static_assert(sizeof(rows) / sizeof(*rows) == SP_ADMIN_METHODS, "every method has a row");

const struct sp_sync_event_row *sp_sync_event_row(const struct sp_admin_method *method) {
    return &rows[sp_admin_method_place(method)];
}

/* Failures that say nothing about the caller are for the program's log and for metrics. */
static bool is_refusal(enum sp_status status) {
    switch (sp_status_to_grpc(status)) {
    case 3:  /* INVALID_ARGUMENT */
    case 5:  /* NOT_FOUND */
    case 6:  /* ALREADY_EXISTS */
    case 7:  /* PERMISSION_DENIED */
    case 8:  /* RESOURCE_EXHAUSTED */
    case 9:  /* FAILED_PRECONDITION */
    case 11: /* OUT_OF_RANGE */
    case 16: /* UNAUTHENTICATED */
        return status != SP_ERR_MEMORY;
    default:
        return false;
    }
}

static bool is_call_worth_event(const struct sp_sync_event_row *row, const struct sp_admin_witness *witness,
                                enum sp_status status) {
    if (status != SP_OK)
        return is_refusal(status);
    return witness->who == SP_ADMIN_OPERATOR || row->reads_keys;
}

static const ProtobufCFieldDescriptor *find_request_field(const ProtobufCMessage *message, const char *name,
                                                          ProtobufCType type) {
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    return field != NULL && field->type == type && field->label != PROTOBUF_C_LABEL_REPEATED ? field : NULL;
}

static struct sp_str read_id(const ProtobufCMessage *message, const char *name) {
    const char *text = NULL;
    const ProtobufCFieldDescriptor *field = find_request_field(message, name, PROTOBUF_C_TYPE_STRING);
    if (field != NULL)
        memcpy(&text, (const char *)message + field->offset, sizeof(text));
    return sp_str_from(text);
}

/* What a request is about: its field `id`, or that of the workspace, principal or resource in it;
 * of an operator, its name. */
static struct sp_str find_request_target(const struct sp_sync_event_row *row, const ProtobufCMessage *request) {
    static const char *const parts[] = {"workspace", "principal", "resource"};
    struct sp_str id = read_id(request, strcmp(row->target, "operator") == 0 ? "name" : "id");
    for (size_t i = 0; id.size == 0 && i < sizeof(parts) / sizeof(*parts); i++) {
        const ProtobufCMessage *part = NULL;
        const ProtobufCFieldDescriptor *field = find_request_field(request, parts[i], PROTOBUF_C_TYPE_MESSAGE);
        if (field != NULL)
            memcpy(&part, (const char *)request + field->offset, sizeof(part));
        if (part != NULL)
            id = read_id(part, "id");
    }
    return id;
}

static enum sp_event_actor choose_actor(enum sp_admin_who who) {
    return who == SP_ADMIN_OPERATOR    ? SP_EVENT_OPERATOR
           : who == SP_ADMIN_PRINCIPAL ? SP_EVENT_PRINCIPAL
                                       : SP_EVENT_NOBODY;
}

/* What a refused request names may not exist, and may even be a key that was pasted into the wrong
 * field: an event never repeats it. */
static void describe_target(struct sp_event *event, const struct sp_sync_event_row *row,
                            const ProtobufCMessage *request) {
    if (event->status != SP_OK || row->target == NULL || request == NULL)
        return;
    event->target_kind = sp_str_from(row->target);
    event->target_id = find_request_target(row, request);
}

/* The key was not accepted, so that whatever was called was not begun. */
static void describe_authentication(struct sp_event *event, const struct sp_admin_witness *witness) {
    event->class_uid = SP_EVENT_AUTHENTICATION;
    event->activity = SP_EVENT_LOGON;
    event->status_detail = sp_reason_name(witness->refused);
}

void sp_sync_report_call(const struct sp_admin_method *method, const struct sp_sync_caller *caller,
                         const ProtobufCMessage *request, enum sp_status status) {
    const struct sp_admin_witness *witness = &caller->witness;
    const struct sp_sync_event_row *row = sp_sync_event_row(method);
    if (!sp_event_log_is_open() || !is_call_worth_event(row, witness, status))
        return;
    struct sp_event event = {
        .class_uid = row->class_uid,
        .activity = row->activity,
        .status = status,
        .service = "sallyport.v1.Admin",
        .operation = sp_admin_method_name(method),
        .actor = choose_actor(witness->who),
        .actor_id = sp_str_from(witness->id),
        .actor_workspace = sp_str_from(witness->workspace),
        .key_id = sp_str_from(witness->key_id),
        .address = caller->caller.address,
        .network = sp_event_network(caller->caller.ip),
        .workspace = sp_str_from(witness->about),
        .epoch = witness->revision.epoch,
        .revision = witness->revision.number,
    };
    describe_target(&event, row, request);
    if (witness->refused != SP_REASON_NONE)
        describe_authentication(&event, witness);
    sp_event_log_put(&event);
}
