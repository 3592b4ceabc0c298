#include "support/scripted_etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "etcd/client.h"
#include "etcd/kv.h"
#include "etcd/rpc.pb-c.h"
#include "wire/wire.h"

enum { LOOK_EVERY_MS = 2 };

struct scripted_change {
    uint64_t revision;
    uint64_t create_revision;
    struct sp_bytes key, value; /* owned */
    bool deleted;
};

struct stream {
    struct scripted_etcd *etcd;
    struct sp_bytes key, end; /* owned */
    uint64_t next;            /* revision */
    bool asked, confirmed;
    size_t sent; /* events of `next`'s answer that went in fragments */
};

/* ---- bytes ---- */

static struct sp_bytes own(struct sp_bytes bytes) {
    uint8_t *copy = malloc(bytes.size + 1);
    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return (struct sp_bytes){copy, bytes.size};
}

static void disown(struct sp_bytes bytes) {
    free((void *)(uintptr_t)bytes.data);
}

static int compare_keys(struct sp_bytes a, struct sp_bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    if (order != 0 || a.size == b.size)
        return order;
    return a.size < b.size ? -1 : 1;
}

static bool is_within(struct sp_bytes key, struct sp_bytes from, struct sp_bytes end) {
    if (end.size == 0)
        return compare_keys(key, from) == 0;
    return compare_keys(key, from) >= 0 && compare_keys(key, end) < 0;
}

static struct sp_bytes bytes_of(ProtobufCBinaryData data) {
    return (struct sp_bytes){data.data, data.len};
}

static ProtobufCBinaryData binary_of(struct sp_bytes bytes) {
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

static void *scratch(struct sp_arena *arena, size_t count, size_t size) {
    void *memory = sp_arena_calloc(arena, count + 1, size);
    assert_non_null(memory);
    return memory;
}

static struct sp_bytes pack(const ProtobufCMessage *message, struct sp_arena *arena) {
    struct sp_bytes packed;
    assert_int_equal(sp_wire_pack(message, arena, &packed), SP_OK);
    return packed;
}

static const ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *type, struct sp_bytes bytes,
                                      struct sp_arena *arena) {
    ProtobufCMessage *message = NULL;
    assert_int_equal(sp_wire_unpack(type, bytes, arena, &message, NULL), SP_OK);
    return message;
}

/* ---- the state ---- */

static void forget_from(struct scripted_etcd *etcd, size_t count) {
    for (size_t i = count; i < etcd->change_count; i++) {
        disown(etcd->changes[i].key);
        disown(etcd->changes[i].value);
    }
    etcd->change_count = count;
}

static const struct scripted_change *find_newest(const struct scripted_etcd *etcd, struct sp_bytes key,
                                                 uint64_t revision) {
    for (size_t i = etcd->change_count; i > 0; i--) {
        const struct scripted_change *change = &etcd->changes[i - 1];
        if (change->revision <= revision && compare_keys(change->key, key) == 0)
            return change->deleted ? NULL : change;
    }
    return NULL;
}

static void add_change(struct scripted_etcd *etcd, struct sp_bytes key, struct sp_bytes value, bool deleted,
                       uint64_t revision) {
    const struct scripted_change *before = find_newest(etcd, key, revision);
    uint64_t create_revision = before != NULL ? before->create_revision : revision;
    if (etcd->change_count == etcd->change_capacity) {
        etcd->change_capacity = etcd->change_capacity * 2 + 64;
        etcd->changes = realloc(etcd->changes, etcd->change_capacity * sizeof(*etcd->changes));
        assert_non_null(etcd->changes);
    }
    etcd->changes[etcd->change_count++] =
        (struct scripted_change){revision, create_revision, own(key), own(value), deleted};
}

static int compare_changes(const void *a, const void *b) {
    const struct scripted_change *const *left = a, *const *right = b;
    return compare_keys((*left)->key, (*right)->key);
}

/* The keys of a range that existed at a revision, in order. */
static const struct scripted_change **collect(const struct scripted_etcd *etcd, struct sp_bytes key,
                                              struct sp_bytes end, uint64_t revision, struct sp_arena *arena,
                                              size_t *ret_count) {
    const struct scripted_change **found = scratch(arena, etcd->change_count, sizeof(*found));
    size_t count = 0;
    for (size_t i = 0; i < etcd->change_count; i++) {
        const struct scripted_change *change = &etcd->changes[i];
        if (is_within(change->key, key, end) && find_newest(etcd, change->key, revision) == change)
            found[count++] = change;
    }
    qsort(found, count, sizeof(*found), compare_changes);
    *ret_count = count;
    return found;
}

/* ---- messages ---- */

static Etcdserverpb__ResponseHeader *make_header(const struct scripted_etcd *etcd, uint64_t revision,
                                                 struct sp_arena *arena) {
    Etcdserverpb__ResponseHeader *header = scratch(arena, 1, sizeof(*header));
    etcdserverpb__response_header__init(header);
    header->cluster_id = etcd->cluster_id;
    header->revision = (int64_t)revision;
    return header;
}

static Mvccpb__KeyValue *make_kv(const struct scripted_change *change, struct sp_arena *arena) {
    Mvccpb__KeyValue *kv = scratch(arena, 1, sizeof(*kv));
    mvccpb__key_value__init(kv);
    kv->key = binary_of(change->key);
    kv->mod_revision = (int64_t)change->revision;
    if (change->deleted)
        return kv;
    kv->value = binary_of(change->value);
    kv->create_revision = (int64_t)change->create_revision;
    return kv;
}

static void fill_range(const struct scripted_etcd *etcd, const Etcdserverpb__RangeRequest *request, uint64_t revision,
                       struct sp_arena *arena, Etcdserverpb__RangeResponse *response) {
    size_t count = 0;
    const struct scripted_change **found =
        collect(etcd, bytes_of(request->key), bytes_of(request->range_end), revision, arena, &count);
    size_t most = request->limit > 0 ? (size_t)request->limit : count;
    if (etcd->page_max > 0 && most > etcd->page_max && request->range_end.len > 0)
        most = etcd->page_max;
    response->n_kvs = count < most ? count : most;
    response->more = count > most;
    response->kvs = scratch(arena, response->n_kvs, sizeof(void *));
    for (size_t i = 0; i < response->n_kvs; i++)
        response->kvs[i] = make_kv(found[i], arena);
}

static enum sp_status answer_range(struct scripted_etcd *etcd, struct sp_bytes bytes, struct sp_arena *arena,
                                   struct sp_bytes *ret_reply, struct sp_error *error) {
    const Etcdserverpb__RangeRequest *request =
        (const Etcdserverpb__RangeRequest *)unpack(&etcdserverpb__range_request__descriptor, bytes, arena);
    Etcdserverpb__RangeResponse response = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    uint64_t newest = etcd->stale_revision > 0 ? etcd->stale_revision : etcd->revision;
    uint64_t revision = request->revision > 0 ? (uint64_t)request->revision : newest;
    etcd->ranges++;
    if (revision < etcd->compacted)
        return sp_error_set(error, SP_ERR_OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
    if (revision > etcd->revision)
        return sp_error_set(error, SP_ERR_OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision");
    fill_range(etcd, request, revision, arena, &response);
    if (etcd->exhausted_above > 0 && response.n_kvs > etcd->exhausted_above)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "received message larger than max");
    response.header = make_header(etcd, newest, arena);
    *ret_reply = pack(&response.base, arena);
    return SP_OK;
}

static bool holds(const struct scripted_etcd *etcd, const Etcdserverpb__Compare *compare) {
    const struct scripted_change *change = find_newest(etcd, bytes_of(compare->key), etcd->revision);
    assert_int_equal(compare->result, ETCDSERVERPB__COMPARE__COMPARE_RESULT__EQUAL);
    if (compare->target == ETCDSERVERPB__COMPARE__COMPARE_TARGET__CREATE)
        return compare->create_revision == (change == NULL ? 0 : (int64_t)change->create_revision);
    assert_int_equal(compare->target, ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD);
    return compare->mod_revision == (change == NULL ? 0 : (int64_t)change->revision);
}

static void run_operation(struct scripted_etcd *etcd, const Etcdserverpb__RequestOp *operation, uint64_t revision,
                          struct sp_arena *arena) {
    size_t count = 0;
    if (operation->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT) {
        add_change(etcd, bytes_of(operation->request_put->key), bytes_of(operation->request_put->value), false,
                   revision);
        return;
    }
    assert_int_equal(operation->request_case, ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE);
    const Etcdserverpb__DeleteRangeRequest *remove = operation->request_delete_range;
    const struct scripted_change **found =
        collect(etcd, bytes_of(remove->key), bytes_of(remove->range_end), etcd->revision, arena, &count);
    struct sp_bytes *keys = scratch(arena, count, sizeof(*keys));
    for (size_t i = 0; i < count; i++)
        keys[i] = found[i]->key; /* adding moves what `found` points to, not the keys */
    for (size_t i = 0; i < count; i++)
        add_change(etcd, keys[i], (struct sp_bytes){NULL, 0}, true, revision);
}

static bool run_transaction(struct scripted_etcd *etcd, const Etcdserverpb__TxnRequest *request,
                            struct sp_arena *arena) {
    size_t before = etcd->change_count;
    for (size_t i = 0; i < request->n_compare; i++)
        if (!holds(etcd, request->compare[i]))
            return false;
    for (size_t i = 0; i < request->n_success; i++)
        run_operation(etcd, request->success[i], etcd->revision + 1, arena);
    if (etcd->change_count > before)
        etcd->revision++;
    return true;
}

static enum sp_status answer_transaction(struct scripted_etcd *etcd, struct sp_bytes bytes, struct sp_arena *arena,
                                         struct sp_bytes *ret_reply, struct sp_error *error) {
    const Etcdserverpb__TxnRequest *request =
        (const Etcdserverpb__TxnRequest *)unpack(&etcdserverpb__txn_request__descriptor, bytes, arena);
    Etcdserverpb__TxnResponse response = ETCDSERVERPB__TXN_RESPONSE__INIT;
    Etcdserverpb__ResponseOp operation = ETCDSERVERPB__RESPONSE_OP__INIT;
    Etcdserverpb__ResponseOp *operations[] = {&operation};
    Etcdserverpb__RangeResponse range = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    etcd->transactions++;
    if (request->n_success > (etcd->max_operations > 0 ? etcd->max_operations : SP_ETCD_MAX_OPERATIONS)) {
        etcd->refused_transactions++;
        return sp_error_set(error, SP_ERR_INVALID, "etcdserver: too many operations in txn request");
    }
    if (etcd->max_bytes > 0 && bytes.size > etcd->max_bytes)
        return sp_error_set(error, SP_ERR_INVALID, "etcdserver: request is too large");
    if (etcd->read_only)
        return sp_error_set(error, SP_ERR_PERMISSION, "etcdserver: permission denied");
    if (etcd->lost_transactions > 0) {
        etcd->lost_transactions--;
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "connection reset");
    }
    response.succeeded = run_transaction(etcd, request, arena);
    if (!response.succeeded && request->n_failure > 0) {
        fill_range(etcd, request->failure[0]->request_range, etcd->revision, arena, &range);
        operation.response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE;
        operation.response_range = &range;
        response.responses = operations;
        response.n_responses = 1;
    }
    if (etcd->lost_replies > 0) {
        etcd->lost_replies--;
        return sp_error_set(error, SP_ERR_UNAVAILABLE, "connection reset");
    }
    response.header = make_header(etcd, etcd->revision, arena);
    *ret_reply = pack(&response.base, arena);
    return SP_OK;
}

static enum sp_status answer_status(struct scripted_etcd *etcd, struct sp_arena *arena, struct sp_bytes *ret_reply) {
    Etcdserverpb__StatusResponse response = ETCDSERVERPB__STATUS_RESPONSE__INIT;
    response.header = make_header(etcd, etcd->revision, arena);
    response.dbsize = (int64_t)etcd->size_bytes;
    response.dbsizequota = (int64_t)etcd->quota_bytes;
    *ret_reply = pack(&response.base, arena);
    return SP_OK;
}

/* ---- watches ---- */

static struct sp_bytes make_created(const struct scripted_etcd *etcd, struct sp_arena *arena) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    response.header = make_header(etcd, etcd->revision, arena);
    response.created = 1;
    return pack(&response.base, arena);
}

static struct sp_bytes make_compacted(const struct scripted_etcd *etcd, struct sp_arena *arena) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    response.header = make_header(etcd, etcd->revision, arena);
    response.canceled = 1;
    response.compact_revision = (int64_t)etcd->compacted;
    return pack(&response.base, arena);
}

static bool make_events(struct stream *stream, struct sp_arena *arena, struct sp_bytes *ret_message) {
    struct scripted_etcd *etcd = stream->etcd;
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    response.events = scratch(arena, etcd->change_count, sizeof(void *));
    size_t skipped = 0;
    for (size_t i = 0; i < etcd->change_count; i++) {
        const struct scripted_change *change = &etcd->changes[i];
        if (change->revision < stream->next || !is_within(change->key, stream->key, stream->end) ||
            skipped++ < stream->sent)
            continue;
        if (etcd->fragment_events > 0 && response.n_events == etcd->fragment_events) {
            response.fragment = 1;
            break;
        }
        Mvccpb__Event *event = scratch(arena, 1, sizeof(*event));
        mvccpb__event__init(event);
        event->type = change->deleted ? MVCCPB__EVENT__EVENT_TYPE__DELETE : MVCCPB__EVENT__EVENT_TYPE__PUT;
        event->kv = make_kv(change, arena);
        response.events[response.n_events++] = event;
    }
    if (response.n_events == 0)
        return false;
    if (stream->sent > 0 && !response.fragment && etcd->lose_last_fragment)
        return false;
    stream->sent = response.fragment ? stream->sent + response.n_events : 0;
    if (!response.fragment)
        stream->next = etcd->revision + 1;
    response.header = make_header(etcd, etcd->revision, arena);
    *ret_message = pack(&response.base, arena);
    return true;
}

static bool make_message(struct stream *stream, struct sp_arena *arena, struct sp_bytes *ret_message) {
    const struct scripted_etcd *etcd = stream->etcd;
    if (!stream->asked || etcd->silent_watches)
        return false;
    if (!stream->confirmed) {
        stream->confirmed = true;
        *ret_message = make_created(etcd, arena);
        return true;
    }
    if (stream->next < etcd->compacted) {
        *ret_message = make_compacted(etcd, arena);
        return true;
    }
    return make_events(stream, arena, ret_message);
}

/* ---- the transport ---- */

static enum sp_status open_connection(void *context, const struct sp_rpc_client_options *options, void **ret_connection,
                                      struct sp_error *error) {
    (void)options;
    (void)error;
    *ret_connection = context;
    return SP_OK;
}

static void close_connection(void *connection) {
    (void)connection;
}

static enum sp_status set_metadata(void *connection, const char *name, struct sp_str value, struct sp_error *error) {
    (void)connection;
    (void)value;
    (void)error;
    assert_string_equal(name, "hasleader");
    return SP_OK;
}

static bool connect_now(void *connection, unsigned timeout_ms) {
    struct scripted_etcd *etcd = connection;
    (void)timeout_ms;
    pthread_mutex_lock(&etcd->lock);
    bool reachable = !etcd->unreachable;
    pthread_mutex_unlock(&etcd->lock);
    return reachable;
}

static enum sp_status call(void *connection, unsigned timeout_ms, const char *path, struct sp_bytes request,
                           struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error) {
    struct scripted_etcd *etcd = connection;
    bool is_transaction = strcmp(path, "/etcdserverpb.KV/Txn") == 0;
    void (*before)(void *context) = etcd->before_transaction;
    (void)timeout_ms;
    if (strcmp(path, "/etcdserverpb.Maintenance/Status") == 0)
        return answer_status(etcd, arena, ret_reply);
    assert_true(is_transaction || strcmp(path, "/etcdserverpb.KV/Range") == 0);
    if (is_transaction && before != NULL) {
        etcd->before_transaction = NULL;
        before(etcd->context);
    }
    pthread_mutex_lock(&etcd->lock);
    enum sp_status status = is_transaction ? answer_transaction(etcd, request, arena, ret_reply, error)
                                           : answer_range(etcd, request, arena, ret_reply, error);
    pthread_mutex_unlock(&etcd->lock);
    void (*after)(void *context) = etcd->after_range;
    if (!is_transaction && after != NULL) {
        etcd->after_range = NULL;
        after(etcd->context);
    }
    return status;
}

static enum sp_status open_stream(void *connection, const char *path, void **ret_stream, struct sp_error *error) {
    struct stream *stream = calloc(1, sizeof(*stream));
    (void)error;
    assert_non_null(stream);
    assert_string_equal(path, "/etcdserverpb.Watch/Watch");
    stream->etcd = connection;
    stream->etcd->watches++;
    *ret_stream = stream;
    return SP_OK;
}

static enum sp_status send_to_stream(void *user, struct sp_bytes message, struct sp_error *error) {
    struct stream *stream = user;
    struct sp_arena arena;
    (void)error;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    const Etcdserverpb__WatchRequest *request =
        (const Etcdserverpb__WatchRequest *)unpack(&etcdserverpb__watch_request__descriptor, message, &arena);
    assert_int_equal(request->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST);
    const Etcdserverpb__WatchCreateRequest *create = request->create_request;
    assert_true(create->fragment);
    stream->key = own(bytes_of(create->key));
    stream->end = own(bytes_of(create->range_end));
    stream->next = (uint64_t)create->start_revision - stream->etcd->rewind;
    stream->asked = true;
    sp_arena_fini(&arena);
    return SP_OK;
}

static enum sp_status receive_from_stream(void *user, unsigned timeout_ms, struct sp_arena *arena,
                                          struct sp_bytes *ret_message, struct sp_error *error) {
    struct stream *stream = user;
    int64_t until_ms = sp_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        pthread_mutex_lock(&stream->etcd->lock);
        bool unreachable = stream->etcd->unreachable;
        bool came = !unreachable && make_message(stream, arena, ret_message);
        pthread_mutex_unlock(&stream->etcd->lock);
        if (unreachable)
            return sp_error_set(error, SP_ERR_UNAVAILABLE, "connection reset");
        if (came)
            return SP_OK;
        if (sp_clock_monotonic_ms() >= until_ms)
            return sp_error_set(error, SP_ERR_DEADLINE, "nothing came");
        sp_clock_sleep_ms(LOOK_EVERY_MS);
    }
}

static void close_stream(void *user) {
    struct stream *stream = user;
    disown(stream->key);
    disown(stream->end);
    free(stream);
}

/* ---- for tests ---- */

void scripted_etcd_init(struct scripted_etcd *etcd) {
    *etcd = (struct scripted_etcd){
        .transport = {.open = open_connection,
                      .close = close_connection,
                      .set_metadata = set_metadata,
                      .connect = connect_now,
                      .call = call,
                      .open_stream = open_stream,
                      .send = send_to_stream,
                      .receive = receive_from_stream,
                      .close_stream = close_stream,
                      .context = etcd},
        .revision = 1,
        .cluster_id = 77,
    };
    pthread_mutex_init(&etcd->lock, NULL);
}

void scripted_etcd_fini(struct scripted_etcd *etcd) {
    forget_from(etcd, 0);
    free(etcd->changes);
    pthread_mutex_destroy(&etcd->lock);
}

void scripted_etcd_set_cluster(struct scripted_etcd *etcd, uint64_t cluster_id) {
    pthread_mutex_lock(&etcd->lock);
    etcd->cluster_id = cluster_id;
    pthread_mutex_unlock(&etcd->lock);
}

void scripted_etcd_restore(struct scripted_etcd *etcd, uint64_t revision) {
    size_t count = 0;
    pthread_mutex_lock(&etcd->lock);
    while (count < etcd->change_count && etcd->changes[count].revision <= revision)
        count++;
    forget_from(etcd, count);
    etcd->revision = revision;
    pthread_mutex_unlock(&etcd->lock);
}

void scripted_etcd_compact(struct scripted_etcd *etcd) {
    pthread_mutex_lock(&etcd->lock);
    etcd->compacted = etcd->revision;
    pthread_mutex_unlock(&etcd->lock);
}

uint64_t scripted_etcd_set(struct scripted_etcd *etcd, struct sp_bytes key, const struct sp_bytes *value) {
    pthread_mutex_lock(&etcd->lock);
    add_change(etcd, key, value == NULL ? (struct sp_bytes){NULL, 0} : *value, value == NULL, ++etcd->revision);
    pthread_mutex_unlock(&etcd->lock);
    return etcd->revision;
}

struct sp_bytes scripted_etcd_get(struct scripted_etcd *etcd, struct sp_bytes key) {
    pthread_mutex_lock(&etcd->lock);
    const struct scripted_change *change = find_newest(etcd, key, etcd->revision);
    pthread_mutex_unlock(&etcd->lock);
    return change == NULL ? (struct sp_bytes){NULL, 0} : change->value;
}

size_t scripted_etcd_count(struct scripted_etcd *etcd, const char *prefix) {
    struct sp_bytes from = {(const uint8_t *)prefix, strlen(prefix)};
    struct sp_arena arena;
    size_t count = 0;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 24), SP_OK);
    pthread_mutex_lock(&etcd->lock);
    (void)collect(etcd, from, sp_etcd_prefix_end(from, &arena), etcd->revision, &arena, &count);
    pthread_mutex_unlock(&etcd->lock);
    sp_arena_fini(&arena);
    return count;
}

struct sp_etcd *scripted_etcd_client(struct scripted_etcd *etcd) {
    struct sp_etcd *client = NULL;
    struct sp_error error = {0};
    const struct sp_etcd_options options = {.endpoints = SP_STR_LITERAL("script:1"), .transport = &etcd->transport};
    if (sp_etcd_open(&options, &client, &error) != SP_OK)
        fail_msg("%s", error.message);
    return client;
}
