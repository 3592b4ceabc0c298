#include "handlers.h"

#include <stdlib.h>

#include "answer.h"
#include "connect/call.h"

enum {
    FIRST_BYTES = 8 * 1024,
    BUDGET_BYTES = 16 * 1024 * 1024,
};

static const char out_of_memory[] = "out of memory";

/* ---- one request, one reply ---- */

static void answer_unary(struct sp_rpc_call *call, void *user) {
    const struct conformance_method *method = user;
    struct sp_arena *arena = sp_rpc_call_arena(call);
    struct sp_bytes request = sp_rpc_call_request(call), reply;
    struct sp_error error = {0};
    struct answer answer;
    struct observed observed;
    enum sp_status status = read_answer(method, request, arena, &answer, &error);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, error.message);
        return;
    }
    if (answer.delay_ms > 0 && sp_rpc_call_retries(call) == 0) {
        sp_rpc_retry_after(call, answer.delay_ms);
        return;
    }
    add_answer_metadata(call, &answer);
    if (!observe_call(call, arena, &observed) || !observe_request(&observed, method->request, request)) {
        sp_rpc_fail(call, SP_ERR_EXHAUSTED, out_of_memory);
        return;
    }
    if (answer.error != NULL)
        fail_with_answer(call, &answer, &observed);
    else if (write_answer(answer.data, &observed, arena, &reply) != SP_OK)
        sp_rpc_fail(call, SP_ERR_EXHAUSTED, out_of_memory);
    else
        sp_rpc_reply(call, reply);
}

static void refuse_unary(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_fail(call, SP_ERR_UNIMPLEMENTED, "this method is not implemented, as the suite wants it");
}

/* ---- streams ---- */

/* All requests come first, and then the replies, each after its delay. */
struct conversation {
    struct sp_rpc_call *call;
    struct sp_arena arena;
    struct observed observed;
    struct answer answer;
    size_t sent;
    bool delayed;
    struct connect_task delay;
};

static void wake_conversation(struct connect_task *task) {
    struct conversation *conversation =
        (struct conversation *)(void *)((char *)task - offsetof(struct conversation, delay));
    sp_rpc_wake(conversation->call);
}

/* Whether there is still something to wait for. */
static bool delay_answer(struct conversation *conversation, bool has_delay) {
    struct connect_worker *worker = sp_connect_call_of(conversation->call)->method->service->worker;
    if (conversation->delayed || !has_delay)
        return false;
    conversation->delayed = true;
    conversation->delay.run = wake_conversation;
    return sp_connect_worker_post_after(worker, &conversation->delay, conversation->answer.delay_ms);
}

static void continue_answer(struct sp_rpc_call *call, void *user) {
    const struct conformance_method *method = user;
    struct conversation *conversation = sp_rpc_state(call);
    const struct answer *answer = &conversation->answer;
    struct observed *observed = conversation->sent == 0 ? &conversation->observed : NULL;
    struct sp_bytes reply;
    bool more = conversation->sent < answer->data_count;
    bool has_delay = answer->delay_ms > 0 && (more || (answer->error != NULL && !method->answers_stream));
    if (delay_answer(conversation, has_delay))
        return;
    if (!more && answer->error != NULL)
        fail_with_answer(call, answer, observed);
    else if (!more)
        sp_rpc_finish(call);
    else if (write_answer(&answer->data[conversation->sent], observed, sp_rpc_call_arena(call), &reply) != SP_OK)
        sp_rpc_fail(call, SP_ERR_EXHAUSTED, out_of_memory);
    else {
        conversation->sent++;
        conversation->delayed = false;
        sp_rpc_send(call, reply);
    }
}

static void open_conversation(struct sp_rpc_call *call, void *user) {
    (void)user;
    struct conversation *conversation = calloc(1, sizeof(*conversation));
    if (conversation == NULL) {
        sp_rpc_fail(call, SP_ERR_EXHAUSTED, out_of_memory);
        return;
    }
    conversation->call = call;
    sp_rpc_set_state(call, conversation);
    if (sp_arena_init(&conversation->arena, FIRST_BYTES, BUDGET_BYTES) == SP_OK &&
        observe_call(call, &conversation->arena, &conversation->observed))
        sp_rpc_read(call);
    else
        sp_rpc_fail(call, SP_ERR_EXHAUSTED, out_of_memory);
}

/* The first request has the definition of the answer. */
static void take_request(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    const struct conformance_method *method = user;
    struct conversation *conversation = sp_rpc_state(call);
    struct sp_error error = {0};
    bool first = conversation->observed.info.n_requests == 0;
    if (!observe_request(&conversation->observed, method->request, message)) {
        sp_rpc_fail(call, SP_ERR_EXHAUSTED, out_of_memory);
        return;
    }
    if (first) {
        enum sp_status status = read_answer(method, message, &conversation->arena, &conversation->answer, &error);
        if (status != SP_OK) {
            sp_rpc_fail(call, status, error.message);
            return;
        }
        add_answer_metadata(call, &conversation->answer);
    }
    sp_rpc_read(call);
}

static void answer_requests(struct sp_rpc_call *call, void *user) {
    const struct conformance_method *method = user;
    struct conversation *conversation = sp_rpc_state(call);
    if (method->one_request && conversation->observed.info.n_requests != 1)
        sp_rpc_fail(call, SP_ERR_UNIMPLEMENTED, "this method takes one request");
    else
        continue_answer(call, user);
}

static void close_conversation(struct sp_rpc_call *call, void *user) {
    (void)user;
    struct conversation *conversation = sp_rpc_state(call);
    if (conversation == NULL)
        return;
    sp_connect_worker_unpost(sp_connect_call_of(call)->method->service->worker, &conversation->delay);
    sp_arena_fini(&conversation->arena);
    free(conversation);
}

static const struct sp_rpc_stream_ops conversation_ops = {
    .opened = open_conversation,
    .received = take_request,
    .half_closed = answer_requests,
    .sent = continue_answer,
    .woken = continue_answer,
    .closed = close_conversation,
};

/* ---- the table ---- */

#define SERVICE "/connectrpc.conformance.v1.ConformanceService/"

static struct conformance_method unary = {.request = &connectrpc__conformance__v1__unary_request__descriptor};
static struct conformance_method idempotent = {.request =
                                                   &connectrpc__conformance__v1__idempotent_unary_request__descriptor};
static struct conformance_method client_stream = {.request =
                                                      &connectrpc__conformance__v1__client_stream_request__descriptor};
static struct conformance_method server_stream = {.request =
                                                      &connectrpc__conformance__v1__server_stream_request__descriptor,
                                                  .answers_stream = true,
                                                  .one_request = true};
static struct conformance_method bidi_stream = {
    .request = &connectrpc__conformance__v1__bidi_stream_request__descriptor, .answers_stream = true};

void conformance_methods(unsigned most, struct sp_rpc_method ret_methods[static CONFORMANCE_METHODS]) {
    const struct sp_rpc_method methods[CONFORMANCE_METHODS] = {
        {.path = SERVICE "Unary", .unary = answer_unary, .user = &unary},
        {.path = SERVICE "IdempotentUnary", .unary = answer_unary, .user = &idempotent},
        {.path = SERVICE "Unimplemented", .unary = refuse_unary},
        {.path = SERVICE "ClientStream", .kind = SP_RPC_STREAM, .stream = &conversation_ops, .user = &client_stream},
        {.path = SERVICE "ServerStream", .kind = SP_RPC_STREAM, .stream = &conversation_ops, .user = &server_stream},
        {.path = SERVICE "BidiStream", .kind = SP_RPC_STREAM, .stream = &conversation_ops, .user = &bidi_stream},
    };
    for (size_t i = 0; i < CONFORMANCE_METHODS; i++) {
        ret_methods[i] = methods[i];
        ret_methods[i].max_request_bytes = most;
    }
}
