#include "server/list.h"

#include <stdlib.h>

#include "base/text.h"
#include "daemon/admit.h"
#include "decide/list.h"
#include "decide/response.h"
#include "server/min_revision.h"
#include "server/question.h"
#include "store/records/head.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "wire/wire.h"

enum {
    CHUNK_RESULTS = 256,
    CHUNK_LOOKED_AT = 1024, /* so that other calls get their turn if few of many are allowed */
    CHUNK_FIRST_BYTES = 4 * 1024,
    CHUNK_BUDGET_BYTES = 1024 * 1024, /* the results and their packed message */
};

struct listing {
    struct sp_service *service;
    struct sp_rpc_call *call;
    /* Of the request, which stays in the call's arena. */
    struct sp_question question;
    const Sallyport__V1__PrincipalRef *principal; /* of resources: whose, unless a key's */
    uint8_t principal_kind;                       /* of subjects: which */
    bool subjects;
    const Sallyport__V1__Revision *wanted;

    struct sp_list_place place;
    bool started;
    bool sending;
    /* The next message. */
    struct sp_arena arena;
    struct sp_list_end end;
    size_t count;
    char *ids[CHUNK_RESULTS];
    uint8_t kinds[CHUNK_RESULTS];
};

/* ---- one message ---- */

static enum sp_status take_result(void *context, struct sp_str id, uint8_t principal_kind) {
    struct listing *listing = context;
    char *copy = sp_arena_strdup(&listing->arena, id);
    if (copy == NULL || listing->count == CHUNK_RESULTS)
        return SP_ERR_MEMORY;
    listing->ids[listing->count] = copy;
    listing->kinds[listing->count++] = principal_kind;
    return SP_OK;
}

static enum sp_status list_step(struct listing *listing, struct sp_view *view) {
    static const struct sp_list_limits limits = {CHUNK_RESULTS, CHUNK_LOOKED_AT};
    struct sp_query query = listing->question.query;
    struct sp_key key;
    enum sp_status status = sp_service_complete(listing->service, view, &query);
    if (status != SP_OK)
        return status;
    if (listing->subjects)
        return sp_list_principals(view, &query, listing->principal_kind, &limits, take_result, listing, &listing->place,
                                  &listing->end);
    if (listing->principal != NULL) {
        /* At each step: it may have been deleted meanwhile. */
        status = sp_principal_key(view, sp_str_from(listing->principal->workspace), sp_str_from(listing->principal->id),
                                  0, &key);
        if (status != SP_OK)
            return status;
        query.credential_kind = SP_CREDENTIAL_KNOWN;
        query.known_key = &key;
    }
    return sp_list_resources(view, &query, &limits, take_result, listing, &listing->place, &listing->end);
}

static enum sp_status fill_chunk(struct listing *listing, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision;
    sp_arena_reset(&listing->arena);
    listing->count = 0;
    if (sp_rpc_call_remaining_ms(listing->call) == 0)
        return sp_error_set(error, SP_ERR_DEADLINE, "the deadline passed within the list");
    enum sp_status status = sp_min_revision_acquire(listing->service, sp_rpc_call_worker(listing->call),
                                                    listing->wanted, false, &snapshot, &revision, error);
    if (status != SP_OK)
        return status;
    status = list_step(listing, sp_snapshot_view(snapshot));
    sp_snapshot_release(snapshot);
    if (status != SP_OK)
        sp_service_explain_failure(listing->service, status, error);
    return status;
}

static enum sp_status pack_resources(struct listing *listing, struct sp_bytes *ret_bytes) {
    Sallyport__V1__ListAllowedResourcesResponse response = SALLYPORT__V1__LIST_ALLOWED_RESOURCES_RESPONSE__INIT;
    Sallyport__V1__Revision at = sp_response_revision(listing->end.revision);
    response.ids = listing->ids;
    response.n_ids = listing->count;
    response.revision = &at;
    response.complete = listing->end.complete;
    if (listing->end.complete) {
        response.reason = (Sallyport__V1__Reason)listing->end.reason;
        response.more_than_listed = listing->end.more_than_listed;
    }
    return sp_wire_pack(&response.base, &listing->arena, ret_bytes);
}

static enum sp_status pack_subjects(struct listing *listing, struct sp_bytes *ret_bytes) {
    Sallyport__V1__ListAllowedSubjectsResponse response = SALLYPORT__V1__LIST_ALLOWED_SUBJECTS_RESPONSE__INIT;
    Sallyport__V1__Revision at = sp_response_revision(listing->end.revision);
    Sallyport__V1__ListedSubject *subjects = sp_arena_calloc(&listing->arena, listing->count, sizeof(*subjects));
    response.subjects = sp_arena_calloc(&listing->arena, listing->count, sizeof(Sallyport__V1__ListedSubject *));
    if (subjects == NULL || response.subjects == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < listing->count; i++) {
        sallyport__v1__listed_subject__init(&subjects[i]);
        subjects[i].principal = listing->ids[i];
        subjects[i].kind = (Sallyport__V1__PrincipalKind)listing->kinds[i];
        response.subjects[i] = &subjects[i];
    }
    response.n_subjects = listing->count;
    response.revision = &at;
    response.complete = listing->end.complete;
    if (listing->end.complete)
        response.reason = (Sallyport__V1__Reason)listing->end.reason;
    return sp_wire_pack(&response.base, &listing->arena, ret_bytes);
}

/* ---- the stream ---- */

static void fail_listing(struct listing *listing, enum sp_status status, const char *message) {
    listing->started = false;
    sp_rpc_fail(listing->call, status, message);
}

/* Sends the next message. A step that found nothing sends nothing and lets other calls go first. */
static void send_next_message(struct listing *listing) {
    struct sp_error error = {0};
    struct sp_bytes bytes;
    if (!listing->started || listing->sending)
        return;
    if (listing->end.complete) {
        listing->started = false;
        sp_rpc_finish(listing->call);
        return;
    }
    enum sp_status status = fill_chunk(listing, &error);
    if (status != SP_OK) {
        fail_listing(listing, status, error.message);
        return;
    }
    if (listing->count == 0 && !listing->end.complete) {
        sp_rpc_wake(listing->call);
        return;
    }
    status = listing->subjects ? pack_subjects(listing, &bytes) : pack_resources(listing, &bytes);
    if (status != SP_OK) {
        sp_service_explain_failure(listing->service, status, &error);
        fail_listing(listing, status, error.message);
        return;
    }
    listing->sending = true;
    sp_rpc_send(listing->call, bytes);
    sp_arena_reset(&listing->arena); /* while a slow reader takes its time */
}

static void open_listing(struct sp_rpc_call *call, void *user, bool subjects) {
    struct listing *listing = calloc(1, sizeof(*listing));
    if (listing == NULL || sp_arena_init(&listing->arena, CHUNK_FIRST_BYTES, CHUNK_BUDGET_BYTES) != SP_OK) {
        free(listing);
        sp_rpc_fail(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    listing->service = user;
    listing->call = call;
    listing->subjects = subjects;
    sp_rpc_set_state(call, listing);
    sp_rpc_read(call);
}

static void open_resource_listing(struct sp_rpc_call *call, void *user) {
    open_listing(call, user, false);
}

static void open_subject_listing(struct sp_rpc_call *call, void *user) {
    open_listing(call, user, true);
}

static enum sp_status read_after(struct listing *listing, const char *after, size_t most, struct sp_error *error) {
    struct sp_str text = sp_str_from(after);
    if (text.size > most)
        return sp_error_set(error, SP_ERR_INVALID, "after: is longer than %zu bytes", most);
    if (text.size > 0)
        memcpy(listing->place.after, text.data, text.size);
    listing->place.size = text.size;
    return SP_OK;
}

static enum sp_status read_resources_request(struct listing *listing, const ProtobufCMessage *message,
                                             struct sp_error *error) {
    const Sallyport__V1__ListAllowedResourcesRequest *request =
        (const Sallyport__V1__ListAllowedResourcesRequest *)message;
    listing->wanted = request->min_revision;
    enum sp_status status = sp_question_from_list_resources(request, &listing->question, &listing->principal, error);
    if (status != SP_OK)
        return status;
    if (listing->principal != NULL) {
        status = sp_admit_call(listing->service->callers, listing->call, SP_CALLER_SUBJECTS, error);
        if (status != SP_OK)
            return status;
    }
    return read_after(listing, request->after, SP_RESOURCE_ID_MAX_BYTES, error);
}

static enum sp_status read_subjects_request(struct listing *listing, const ProtobufCMessage *message,
                                            struct sp_error *error) {
    const Sallyport__V1__ListAllowedSubjectsRequest *request =
        (const Sallyport__V1__ListAllowedSubjectsRequest *)message;
    listing->wanted = request->min_revision;
    listing->principal_kind = (uint8_t)request->kind;
    enum sp_status status = sp_question_from_list_subjects(request, &listing->question, error);
    if (status != SP_OK)
        return status;
    return read_after(listing, request->after, SP_ID_MAX_BYTES, error);
}

static enum sp_status read_listing(struct listing *listing, struct sp_bytes message, struct sp_error *error) {
    const ProtobufCMessageDescriptor *descriptor = listing->subjects
                                                       ? &sallyport__v1__list_allowed_subjects_request__descriptor
                                                       : &sallyport__v1__list_allowed_resources_request__descriptor;
    ProtobufCMessage *request = NULL;
    enum sp_status status = sp_wire_unpack(descriptor, message, sp_rpc_call_arena(listing->call), &request, error);
    if (status != SP_OK)
        return status;
    return listing->subjects ? read_subjects_request(listing, request, error)
                             : read_resources_request(listing, request, error);
}

static void start_listing(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct listing *listing = sp_rpc_state(call);
    struct sp_error error = {0};
    (void)user;
    enum sp_status status = read_listing(listing, message, &error);
    if (status != SP_OK) {
        fail_listing(listing, status, error.message);
        return;
    }
    listing->started = true;
    send_next_message(listing);
}

static void refuse_empty_call(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_INVALID, "the call has no request");
}

static void go_on_after_sending(struct sp_rpc_call *call, void *user) {
    struct listing *listing = sp_rpc_state(call);
    (void)user;
    listing->sending = false;
    send_next_message(listing);
}

static void go_on_after_waking(struct sp_rpc_call *call, void *user) {
    (void)user;
    send_next_message(sp_rpc_state(call));
}

static void free_listing(struct sp_rpc_call *call, void *user) {
    struct listing *listing = sp_rpc_state(call);
    (void)user;
    if (listing != NULL)
        sp_arena_fini(&listing->arena);
    free(listing);
}

const struct sp_rpc_stream_ops sp_list_resources_stream = {
    .opened = open_resource_listing,
    .received = start_listing,
    .half_closed = refuse_empty_call,
    .sent = go_on_after_sending,
    .woken = go_on_after_waking,
    .closed = free_listing,
};

const struct sp_rpc_stream_ops sp_list_subjects_stream = {
    .opened = open_subject_listing,
    .received = start_listing,
    .half_closed = refuse_empty_call,
    .sent = go_on_after_sending,
    .woken = go_on_after_waking,
    .closed = free_listing,
};
