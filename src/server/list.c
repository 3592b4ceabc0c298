#include "server/list.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "daemon/admit.h"
#include "decide/list.h"
#include "decide/response.h"
#include "server/bulk.h"
#include "server/min_revision.h"
#include "server/question.h"
#include "store/records/head.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "wire/wire.h"

enum {
    CHUNK_RESULTS = 256,
    CHUNK_LOOKED_AT = 1024, /* so that other calls get their turn if few of many are allowed */
    CHUNK_MAX_MS = 20,      /* likewise, if they take long */
    CHUNK_FIRST_BYTES = 4 * 1024,
    CHUNK_BUDGET_BYTES = 1024 * 1024, /* the results and their packed message */
};

/* A bulk thread makes each message; the stream's events send it. While the stream is busy all of it
 * is that thread's. */
struct listing {
    struct sp_bulk_stream bulk; /* first: it is its listing */
    struct sp_service *service;
    struct sp_rpc_call *call; /* for the stream's events only */
    struct sp_arena request;  /* what the next borrow from */
    struct sp_question question;
    const Sallyport__V1__PrincipalRef *principal; /* of resources: whose, unless a key's */
    uint8_t principal_kind;                       /* of subjects: which */
    bool subjects;
    const Sallyport__V1__Revision *wanted;

    struct sp_list_place place;
    bool started;
    bool sending;
    int64_t deadline_ms; /* CLOCK_MONOTONIC; INT64_MAX: none */
    /* The next message. */
    bool made;
    enum sp_status status;
    struct sp_error error;
    struct sp_bytes bytes; /* empty: the step found nothing */
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
    static const struct sp_list_limits limits = {
        .results = CHUNK_RESULTS, .looked_at = CHUNK_LOOKED_AT, .most_ms = CHUNK_MAX_MS};
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

static enum sp_status fill_chunk(struct listing *listing, unsigned slot) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision;
    sp_arena_reset(&listing->arena);
    listing->count = 0;
    if (sp_clock_monotonic_ms() >= listing->deadline_ms)
        return sp_error_set(&listing->error, SP_ERR_DEADLINE, "the deadline passed within the list");
    enum sp_status status =
        sp_min_revision_acquire(listing->service, slot, listing->wanted, false, &snapshot, &revision, &listing->error);
    if (status != SP_OK)
        return status;
    status = list_step(listing, sp_snapshot_view(snapshot));
    sp_snapshot_release(snapshot);
    if (status != SP_OK)
        sp_service_explain_failure(listing->service, status, &listing->error);
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

static enum sp_status make_message(struct listing *listing, unsigned slot) {
    listing->bytes = (struct sp_bytes){NULL, 0};
    enum sp_status status = fill_chunk(listing, slot);
    if (status != SP_OK || (listing->count == 0 && !listing->end.complete))
        return status;
    status = listing->subjects ? pack_subjects(listing, &listing->bytes) : pack_resources(listing, &listing->bytes);
    if (status != SP_OK)
        sp_service_explain_failure(listing->service, status, &listing->error);
    return status;
}

static void make_message_in_bulk(struct sp_bulk_stream *bulk, unsigned slot) {
    struct listing *listing = (struct listing *)bulk;
    listing->status = make_message(listing, slot);
    listing->made = true;
}

/* ---- the stream ---- */

static void fail_listing(struct listing *listing, enum sp_status status, const char *message) {
    listing->started = false;
    sp_rpc_fail(listing->call, status, message);
}

static void begin_next_message(struct listing *listing) {
    struct sp_error error = {0};
    listing->made = false;
    enum sp_status status = sp_bulk_stream_submit(&listing->bulk, &error);
    if (status != SP_OK)
        fail_listing(listing, status, error.message);
}

/* Sends what was made. A step that found nothing sends nothing, and the next one queues behind what
 * others have asked. */
static void send_made_message(struct listing *listing) {
    if (listing->status != SP_OK) {
        fail_listing(listing, listing->status, listing->error.message);
        return;
    }
    if (listing->bytes.size == 0) {
        begin_next_message(listing);
        return;
    }
    listing->made = false;
    listing->sending = true;
    sp_rpc_send(listing->call, listing->bytes);
    sp_arena_reset(&listing->arena); /* while a slow reader takes its time */
}

static void drop_listing(struct sp_bulk_stream *bulk) {
    struct listing *listing = (struct listing *)bulk;
    sp_arena_wipe(&listing->request);
    sp_arena_fini(&listing->request);
    sp_arena_fini(&listing->arena);
    free(listing);
}

/* NULL: out of memory. */
static struct listing *make_listing(void) {
    struct listing *listing = calloc(1, sizeof(*listing));
    if (listing == NULL)
        return NULL;
    if (sp_arena_init(&listing->arena, CHUNK_FIRST_BYTES, CHUNK_BUDGET_BYTES) != SP_OK)
        goto no_arena;
    if (sp_arena_init(&listing->request, CHUNK_FIRST_BYTES, CHUNK_BUDGET_BYTES) != SP_OK)
        goto no_request;
    listing->bulk.work = make_message_in_bulk;
    listing->bulk.drop = drop_listing;
    return listing;
no_request:
    sp_arena_fini(&listing->arena);
no_arena:
    free(listing);
    return NULL;
}

static void open_listing(struct sp_rpc_call *call, void *user, bool subjects) {
    struct listing *listing = make_listing();
    if (listing == NULL) {
        sp_rpc_fail(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    listing->service = user;
    listing->call = call;
    listing->subjects = subjects;
    sp_bulk_stream_init(&listing->bulk, listing->service->bulk, call);
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
    listing->place.listed = text.size > 0;
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
    return read_after(listing, request->after, SP_PRINCIPAL_ID_MAX_BYTES, error);
}

static enum sp_status read_listing(struct listing *listing, struct sp_bytes message, struct sp_error *error) {
    const ProtobufCMessageDescriptor *descriptor = listing->subjects
                                                       ? &sallyport__v1__list_allowed_subjects_request__descriptor
                                                       : &sallyport__v1__list_allowed_resources_request__descriptor;
    ProtobufCMessage *request = NULL;
    enum sp_status status = sp_wire_unpack(descriptor, message, &listing->request, &request, error);
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
    int64_t remaining_ms = sp_rpc_call_remaining_ms(call);
    listing->deadline_ms = remaining_ms == INT64_MAX ? INT64_MAX : sp_clock_monotonic_ms() + remaining_ms;
    listing->started = true;
    begin_next_message(listing);
}

static void refuse_empty_call(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_INVALID, "the call has no request");
}

static void go_on_after_sending(struct sp_rpc_call *call, void *user) {
    struct listing *listing = sp_rpc_state(call);
    (void)user;
    listing->sending = false;
    if (!listing->started)
        return;
    if (!listing->end.complete) {
        begin_next_message(listing);
        return;
    }
    listing->started = false;
    sp_rpc_finish(listing->call);
}

static void go_on_after_waking(struct sp_rpc_call *call, void *user) {
    struct listing *listing = sp_rpc_state(call);
    (void)user;
    if (sp_bulk_stream_is_idle(&listing->bulk) && listing->started && listing->made && !listing->sending)
        send_made_message(listing);
}

static void free_listing(struct sp_rpc_call *call, void *user) {
    struct listing *listing = sp_rpc_state(call);
    (void)user;
    if (listing != NULL)
        sp_bulk_stream_close(&listing->bulk);
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
