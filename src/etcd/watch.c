/* Each watch is one stream. Answers that etcd split into fragments are joined. */
#include "etcd/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etcd/call.h"
#include "etcd/client.h"
#include "etcd/client_state.h"
#include "etcd/decode.h"
#include "etcd/failure.h"
#include "etcd/token.h"
#include "wire/wire.h"

enum { ARENA_FIRST_BYTES = 1024, ARENA_BUDGET_BYTES = 1 << 20, MAX_FRAGMENTS = 4096 };

struct sp_etcd_watch {
    struct sp_etcd *etcd;
    void *stream;                                  /* the transport's; NULL until it is open */
    const Etcdserverpb__WatchResponse **fragments; /* of the answer that is being received */
    size_t fragment_count;
};

/* Moves on to another endpoint, or token, if that may help the next watch. */
static enum sp_status give_up_watch(const struct sp_etcd_watch *watch, enum sp_status status, struct sp_error *error) {
    bool has_another_token = status == SP_ERR_UNAUTHENTICATED && sp_etcd_drop_token(watch->etcd);
    if (sp_etcd_may_help(status) || (status == SP_ERR_UNAUTHENTICATED && !has_another_token))
        sp_etcd_next_endpoint(watch->etcd);
    if (error != NULL)
        error->status = status;
    return status;
}

static enum sp_status send_create_request(struct sp_etcd_watch *watch, struct sp_bytes key, struct sp_bytes end,
                                          uint64_t revision, struct sp_arena *arena, struct sp_error *error) {
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    struct sp_bytes packed;
    create.key = sp_wire_field(key);
    create.range_end = sp_wire_field(end);
    create.start_revision = (int64_t)revision;
    create.progress_notify = 1;
    create.fragment = 1;
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    request.create_request = &create;
    enum sp_status status = sp_wire_pack(&request.base, arena, &packed);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    return watch->etcd->transport->send(watch->stream, packed, error);
}

static enum sp_status receive_response(struct sp_etcd_watch *watch, unsigned timeout_ms, struct sp_arena *arena,
                                       const Etcdserverpb__WatchResponse **ret_answer, struct sp_error *error) {
    struct sp_bytes bytes;
    ProtobufCMessage *message = NULL;
    enum sp_status status = watch->etcd->transport->receive(watch->stream, timeout_ms, arena, &bytes, error);
    if (status == SP_STREAM_END)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd ended the watch");
    if (status != SP_OK)
        return error == NULL ? status : sp_etcd_read_failure(status, error->message);
    status = sp_wire_unpack(&etcdserverpb__watch_response__descriptor, bytes, arena, &message, error);
    if (status != SP_OK)
        return status;
    const Etcdserverpb__WatchResponse *answer = (const Etcdserverpb__WatchResponse *)message;
    if (answer->compact_revision > 0)
        return sp_error_set(error, SP_ERR_OUT_OF_RANGE, "etcd has compacted its history up to revision %lld",
                            (long long)answer->compact_revision);
    if (answer->canceled)
        return sp_error_set(error, sp_etcd_read_failure(SP_ERR_UNAVAILABLE, answer->cancel_reason),
                            "etcd cancelled the watch: %s", answer->cancel_reason);
    *ret_answer = answer;
    return SP_OK;
}

/* etcd confirms the watch before it sends anything else. */
static enum sp_status await_created(struct sp_etcd_watch *watch, struct sp_arena *arena, struct sp_error *error) {
    const Etcdserverpb__WatchResponse *answer = NULL;
    enum sp_status status = receive_response(watch, watch->etcd->timeout_ms, arena, &answer, error);
    if (status == SP_ERR_DEADLINE)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd (%s) did not confirm a watch in time",
                            sp_etcd_endpoint(watch->etcd));
    if (status != SP_OK)
        return status;
    assert(answer != NULL);
    if (!answer->created)
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd did not create the watch");
    return SP_OK;
}

static enum sp_status create_watch(struct sp_etcd_watch *watch, struct sp_bytes key, struct sp_bytes end,
                                   uint64_t revision, struct sp_error *error) {
    void *connection = NULL;
    struct sp_arena arena;
    enum sp_status status = sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_etcd_connect(watch->etcd, &connection, error);
    if (status != SP_OK)
        goto out;
    status = watch->etcd->transport->open_stream(connection, "/etcdserverpb.Watch/Watch", &watch->stream, error);
    if (status != SP_OK)
        goto out;
    status = send_create_request(watch, key, end, revision, &arena, error);
    if (status != SP_OK)
        goto out;
    status = await_created(watch, &arena, error);
out:
    sp_arena_fini(&arena);
    if (status != SP_OK)
        return give_up_watch(watch, status, error);
    return SP_OK;
}

enum sp_status sp_etcd_watch_open(struct sp_etcd *etcd, struct sp_bytes key, struct sp_bytes end, uint64_t revision,
                                  struct sp_etcd_watch **ret_watch, struct sp_error *error) {
    struct sp_etcd_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    watch->etcd = etcd;
    watch->fragments = calloc(MAX_FRAGMENTS, sizeof(void *));
    enum sp_status status = watch->fragments == NULL ? sp_error_set(error, SP_ERR_MEMORY, "out of memory")
                                                     : create_watch(watch, key, end, revision, error);
    if (status != SP_OK) {
        sp_etcd_watch_close(watch);
        return status;
    }
    *ret_watch = watch;
    return SP_OK;
}

void sp_etcd_watch_close(struct sp_etcd_watch *watch) {
    if (watch == NULL)
        return;
    if (watch->stream != NULL)
        watch->etcd->transport->close_stream(watch->stream);
    free(watch->fragments);
    free(watch);
}

static enum sp_status join_fragments(struct sp_etcd_watch *watch, struct sp_arena *arena,
                                     struct sp_etcd_events *ret_events, struct sp_error *error) {
    size_t count = 0;
    for (size_t i = 0; i < watch->fragment_count; i++)
        count += watch->fragments[i]->n_events;
    struct sp_etcd_event *events = sp_arena_calloc(arena, count + 1, sizeof(*events));
    if (events == NULL)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "%zu etcd events exceed their memory budget", count);
    struct sp_etcd_events all = {.events = events};
    for (size_t i = 0; i < watch->fragment_count; i++) {
        const Etcdserverpb__WatchResponse *answer = watch->fragments[i];
        all.header = sp_etcd_header_of(answer->header);
        for (size_t j = 0; j < answer->n_events; j++) {
            const Mvccpb__Event *event = answer->events[j];
            if (event->kv == NULL)
                continue;
            events[all.count++] =
                (struct sp_etcd_event){event->type == MVCCPB__EVENT__EVENT_TYPE__DELETE, sp_etcd_kv_of(event->kv)};
        }
    }
    *ret_events = all;
    return SP_OK;
}

/* Fragments follow each other closely, and the arena is the caller's: all must be received here. */
enum sp_status sp_etcd_watch_next(struct sp_etcd_watch *watch, unsigned timeout_ms, struct sp_arena *arena,
                                  struct sp_etcd_events *ret_events, struct sp_error *error) {
    const Etcdserverpb__WatchResponse *answer = NULL;
    watch->fragment_count = 0;
    do {
        unsigned wait_ms = watch->fragment_count == 0 ? timeout_ms : watch->etcd->timeout_ms;
        enum sp_status status = receive_response(watch, wait_ms, arena, &answer, error);
        if (status == SP_ERR_DEADLINE && watch->fragment_count == 0)
            return status;
        if (status == SP_ERR_DEADLINE)
            status = sp_error_set(error, SP_ERR_UNAVAILABLE, "etcd sent only part of an answer");
        if (status == SP_OK && watch->fragment_count == MAX_FRAGMENTS)
            status = sp_error_set(error, SP_ERR_EXHAUSTED, "etcd split an answer into more than %d fragments",
                                  MAX_FRAGMENTS);
        if (status != SP_OK)
            return give_up_watch(watch, status, error);
        assert(answer != NULL);
        watch->fragments[watch->fragment_count++] = answer;
    } while (answer->fragment);
    return join_fragments(watch, arena, ret_events, error);
}
