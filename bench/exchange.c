#include "exchange.h"

#include <stdio.h>
#include <string.h>

#include "admin_calls.h"
#include "gateway.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "wire/wire.h"

struct maker {
    const struct load_options *options;
    struct traffic *traffic;
    struct sp_arena *arena;
};

const char *exchange_path(const struct load_options *options) {
    if (options->admin_call != NULL)
        return options->admin_call->path;
    if (options->gateway)
        return "/envoy.service.auth.v3.Authorization/Check";
    if (options->streams > 0)
        return "/sallyport.v1.Authorization/CheckStream";
    return options->batch > 1 ? "/sallyport.v1.Authorization/CheckBatch" : "/sallyport.v1.Authorization/Check";
}

static uint64_t next_key(struct maker *maker) {
    return maker->options->first_key + traffic_next_key(maker->traffic);
}

static enum world_outcome next_outcome(struct maker *maker) {
    const unsigned *weights = maker->options->weights;
    unsigned total = 0;
    for (unsigned i = 0; i < WORLD_OUTCOMES; i++)
        total += weights[i];
    unsigned at = (unsigned)(world_random(&maker->traffic->random) % total);
    unsigned outcome = 0;
    while (at >= weights[outcome])
        at -= weights[outcome++];
    return (enum world_outcome)outcome;
}

/* protobuf-c's messages hold plain pointers, and packing only reads. */
static char *cast_away_const(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text};
    return cast.out;
}

struct packed_question {
    struct world_question question;
    Sallyport__V1__ResourceRef ref;
};

static void next_question(struct maker *maker, uint64_t key, enum world_outcome outcome,
                          struct packed_question *ret_packed) {
    world_ask(&maker->options->world, outcome, key, world_random(&maker->traffic->random), &ret_packed->question);
    sallyport__v1__resource_ref__init(&ret_packed->ref);
    ret_packed->ref.type = cast_away_const("voice");
    ret_packed->ref.id = ret_packed->question.voice;
}

static struct sp_bytes make_check(struct maker *maker, struct expectation *expectation) {
    struct packed_question packed;
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    next_question(maker, next_key(maker), next_outcome(maker), &packed);
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = packed.question.key;
    request.ip = packed.question.ip;
    request.resource = &packed.ref;
    request.action = cast_away_const(packed.question.action);
    expectation->count = 1;
    expectation->reasons[0] = (uint8_t)packed.question.expected;
    struct sp_bytes bytes;
    return sp_wire_pack(&request.base, maker->arena, &bytes) == SP_OK ? bytes : (struct sp_bytes){0};
}

static struct sp_bytes make_gateway(struct maker *maker, struct expectation *expectation) {
    struct packed_question packed;
    next_question(maker, next_key(maker), next_outcome(maker), &packed);
    expectation->count = 1;
    expectation->reasons[0] = (uint8_t)packed.question.expected;
    return gateway_make(&packed.question, maker->options->gateway_headers, maker->arena);
}

/* False when out of memory. */
static bool fill_batch(struct maker *maker, struct expectation *expectation,
                       Sallyport__V1__CheckBatchRequest *request) {
    const struct load_options *options = maker->options;
    struct packed_question *packed = sp_arena_calloc(maker->arena, options->batch, sizeof(*packed));
    Sallyport__V1__CheckItem *items = sp_arena_calloc(maker->arena, options->batch, sizeof(*items));
    request->items = sp_arena_calloc(maker->arena, options->batch, sizeof(*request->items));
    if (packed == NULL || items == NULL || request->items == NULL)
        return false;
    uint64_t key = next_key(maker);
    enum world_outcome outcome = next_outcome(maker);
    for (unsigned i = 0; i < options->batch; i++) {
        if (!options->one_credential && i > 0) {
            key = next_key(maker);
            outcome = next_outcome(maker);
        }
        next_question(maker, key, outcome, &packed[i]);
        sallyport__v1__check_item__init(&items[i]);
        items[i].ip = packed[i].question.ip;
        items[i].resource = &packed[i].ref;
        items[i].action = cast_away_const(packed[i].question.action);
        if (!options->one_credential) {
            items[i].credential_case = SALLYPORT__V1__CHECK_ITEM__CREDENTIAL_API_KEY;
            items[i].api_key = packed[i].question.key;
        }
        request->items[i] = &items[i];
        expectation->reasons[i] = (uint8_t)packed[i].question.expected;
    }
    if (options->one_credential) {
        request->credential_case = SALLYPORT__V1__CHECK_BATCH_REQUEST__CREDENTIAL_API_KEY;
        request->api_key = packed[0].question.key;
    }
    request->n_items = options->batch;
    expectation->count = (uint16_t)options->batch;
    return true;
}

static struct sp_bytes make_batch(struct maker *maker, struct expectation *expectation) {
    Sallyport__V1__CheckBatchRequest request = SALLYPORT__V1__CHECK_BATCH_REQUEST__INIT;
    struct sp_bytes bytes;
    bool good = fill_batch(maker, expectation, &request) && sp_wire_pack(&request.base, maker->arena, &bytes) == SP_OK;
    return good ? bytes : (struct sp_bytes){0};
}

static struct sp_bytes make_message(struct maker *maker, uint64_t correlation, struct expectation *expectation) {
    Sallyport__V1__CheckBatchRequest batch = SALLYPORT__V1__CHECK_BATCH_REQUEST__INIT;
    Sallyport__V1__CheckStreamRequest request = SALLYPORT__V1__CHECK_STREAM_REQUEST__INIT;
    struct sp_bytes bytes;
    request.correlation_id = correlation;
    request.batch = &batch;
    bool good = fill_batch(maker, expectation, &batch) && sp_wire_pack(&request.base, maker->arena, &bytes) == SP_OK;
    return good ? bytes : (struct sp_bytes){0};
}

static struct sp_bytes make_admin_call(struct maker *maker, struct expectation *expectation) {
    uint64_t key = next_key(maker), random = world_random(&maker->traffic->random);
    struct sp_bytes bytes;
    expectation->count = 1;
    return maker->options->admin_call->pack(key, random, maker->arena, &bytes) ? bytes : (struct sp_bytes){0};
}

struct sp_bytes exchange_make(const struct load_options *options, struct traffic *traffic, uint64_t correlation,
                              struct sp_arena *arena, struct expectation *ret_expectation) {
    struct maker maker = {options, traffic, arena};
    if (options->admin_call != NULL)
        return make_admin_call(&maker, ret_expectation);
    if (options->gateway)
        return make_gateway(&maker, ret_expectation);
    if (options->streams > 0)
        return make_message(&maker, correlation, ret_expectation);
    return options->batch > 1 ? make_batch(&maker, ret_expectation) : make_check(&maker, ret_expectation);
}

/* ---- replies ---- */

static unsigned count_wrong_results(const struct expectation *expectation,
                                    const Sallyport__V1__CheckBatchResponse *response) {
    unsigned wrong = 0;
    for (unsigned i = 0; i < expectation->count; i++)
        wrong += response == NULL || i >= response->n_results ||
                 (unsigned)response->results[i]->reason != expectation->reasons[i];
    return wrong;
}

static const ProtobufCMessageDescriptor *find_reply_type(const struct load_options *options) {
    if (options->admin_call != NULL)
        return options->admin_call->reply;
    if (options->streams > 0)
        return &sallyport__v1__check_stream_response__descriptor;
    return options->batch > 1 ? &sallyport__v1__check_batch_response__descriptor
                              : &sallyport__v1__check_response__descriptor;
}

unsigned exchange_count_wrong(const struct load_options *options, const struct expectation *expectation,
                              uint64_t correlation, struct sp_bytes reply, struct sp_arena *arena) {
    ProtobufCMessage *message;
    if (options->gateway)
        return gateway_says(reply, (enum sp_reason)expectation->reasons[0], arena) ? 0 : 1;
    if (sp_wire_unpack_trusted(find_reply_type(options), reply, arena, &message) != SP_OK)
        return expectation->count;
    if (options->admin_call != NULL)
        return options->admin_call->is_right(message) ? 0 : 1;
    if (options->streams > 0) {
        const Sallyport__V1__CheckStreamResponse *response = (const Sallyport__V1__CheckStreamResponse *)message;
        return response->correlation_id == correlation ? count_wrong_results(expectation, response->batch)
                                                       : expectation->count;
    }
    if (options->batch > 1)
        return count_wrong_results(expectation, (const Sallyport__V1__CheckBatchResponse *)message);
    return (unsigned)((const Sallyport__V1__CheckResponse *)message)->reason != expectation->reasons[0];
}
