#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/slice_buffer.h>
#include <grpc/support/alloc.h>

#include "rpc/internal.h"

enum { MESSAGE_MAX_BYTES = 1024 }; /* of an error: percent-encoded it still fits the 8 KiB that clients accept */

static void on_arrived(struct tag *tag, bool ok);
static void on_done(struct tag *tag, bool ok);
static void on_closed(struct tag *tag, bool ok);

/* ---- life ---- */

struct sp_rpc_call *call_create(struct worker *worker) {
    struct sp_rpc_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->worker = worker;
    call->arrived = (struct tag){on_arrived, call};
    call->done = (struct tag){on_done, call};
    call->closed = (struct tag){on_closed, call};
    call->received = (struct tag){stream_received, call};
    call->sent = (struct tag){stream_sent, call};
    call->woken = (struct tag){stream_woken, call};
    call->reply = grpc_raw_byte_buffer_create(NULL, 0);
    call->merged = grpc_empty_slice();
    call->final_message = grpc_empty_slice();
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    atomic_init(&call->wake_pending, false);
    atomic_init(&call->answered, false);
    return call;
}

void call_free(struct sp_rpc_call *call) {
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    grpc_byte_buffer_destroy(call->reply);
    free(call);
}

static void release_request(struct sp_rpc_call *call) {
    if (call->payload != NULL) {
        grpc_byte_buffer_destroy(call->payload);
        call->payload = NULL;
    }
    grpc_slice_unref(call->merged);
    call->merged = grpc_empty_slice();
    call->request = (struct sp_bytes){NULL, 0};
}

/* What a handler needed, and nothing after it. */
static void release_handling(struct sp_rpc_call *call) {
    release_request(call);
    if (call->scratch != NULL) {
        worker_give_scratch(call->worker, call->scratch);
        call->scratch = NULL;
    }
}

void call_recycle(struct sp_rpc_call *call) {
    bool arrived = call->grpc != NULL;
    release_handling(call);
    if (arrived) {
        grpc_call_unref(call->grpc);
        call->grpc = NULL;
    }
    if (call->method == NULL) {
        grpc_call_details_destroy(&call->details);
        grpc_call_details_init(&call->details);
    }
    grpc_slice_unref(call->final_message);
    call->final_message = grpc_empty_slice();
    call->metadata.count = 0;
    call->cancelled = 0;
    call->watched = call->over = call->finished = false;
    call->retries = 0;
    call->started_ms = 0;
    call->state = NULL;
    call->initial_sent = call->reading = call->sending = false;
    call->finishing = call->last_word = call->status_sent = call->closing = false;
    atomic_store_explicit(&call->answered, false, memory_order_relaxed);
    struct worker *worker = call->worker;
    worker_give_call(worker, call);
    if (arrived)
        worker_call_ended(worker);
}

static void start_batch(grpc_call *grpc, const grpc_op *ops, size_t count, struct tag *tag) {
    /* It is refused only for two operations of a kind at once: answering twice, reading while a read is under way. */
    if (grpc_call_start_batch(grpc, ops, count, tag, NULL) != GRPC_CALL_OK)
        abort();
}

void call_start_batch(struct sp_rpc_call *call, const grpc_op *ops, size_t count, struct tag *tag) {
    start_batch(call->grpc, ops, count, tag);
}

static void set_watch_op(struct sp_rpc_call *call, grpc_op *op) {
    op->op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op->data.recv_close_on_server.cancelled = &call->cancelled;
}

void call_watch(struct sp_rpc_call *call) {
    grpc_op op = {0};
    set_watch_op(call, &op);
    call->watched = true;
    call_start_batch(call, &op, 1, &call->closed);
}

/* ---- answering ---- */

grpc_slice call_message_slice(const char *message) {
    size_t size = strnlen(message, MESSAGE_MAX_BYTES);
    if (message[size] != '\0')
        while (size > 0 && ((unsigned char)message[size] & 0xc0) == 0x80)
            size--;
    return grpc_slice_from_copied_buffer(message, size);
}

/* The one batch that ends a unary call. After it the call may be touched by its worker only. */
static void answer(struct sp_rpc_call *call, enum sp_status status, grpc_slice *message, bool with_reply) {
    grpc_op ops[4];
    size_t count = 0;
    memset(ops, 0, sizeof(ops));
    ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (with_reply) {
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = call->reply;
    }
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = (grpc_status_code)sp_status_to_grpc(status);
    ops[count++].data.send_status_from_server.status_details = message;
    if (!call->watched)
        set_watch_op(call, &ops[count++]);
    if (current_worker == call->worker && call->worker->current == call)
        call->worker->current = NULL;
    grpc_call *grpc = call->grpc;
    atomic_store_explicit(&call->answered, true, memory_order_release);
    start_batch(grpc, ops, count, &call->done);
}

void call_reject(struct sp_rpc_call *call, enum sp_status status, const char *message) {
    grpc_slice slice = call_message_slice(message);
    answer(call, status, &slice, false);
    grpc_slice_unref(slice);
}

void sp_rpc_reply(struct sp_rpc_call *call, struct sp_bytes reply) {
    grpc_slice_buffer *slices = &call->reply->data.raw.slice_buffer;
    grpc_slice_buffer_reset_and_unref(slices);
    grpc_slice slice = grpc_slice_malloc(reply.size);
    if (reply.size > 0)
        memcpy(GRPC_SLICE_START_PTR(slice), reply.data, reply.size);
    grpc_slice_buffer_add(slices, slice);
    answer(call, SP_OK, NULL, true);
}

void sp_rpc_fail(struct sp_rpc_call *call, enum sp_status status, const char *message) {
    if (call->method->about.kind == SP_RPC_STREAM) {
        stream_end(call, status, message);
        return;
    }
    call_reject(call, status == SP_OK ? SP_ERR_INTERNAL : status, message);
}

static bool is_stream(const struct sp_rpc_call *call) {
    return call->method != NULL && call->method->about.kind == SP_RPC_STREAM;
}

/* Both events of a call come on its worker's thread; the last one recycles it. */
static void settle(struct sp_rpc_call *call) {
    if (is_stream(call) && call->watched)
        stream_settle(call);
    else if (call->finished && call->over == call->watched)
        call_recycle(call);
}

static void on_done(struct tag *tag, bool ok) {
    struct sp_rpc_call *call = tag->owner;
    (void)ok;
    (void)atomic_load_explicit(&call->answered, memory_order_acquire);
    call->finished = true;
    settle(call);
}

static void on_closed(struct tag *tag, bool ok) {
    struct sp_rpc_call *call = tag->owner;
    (void)ok;
    call->over = true;
    if (call->timer_at != 0) {
        /* Cancelled while it waited: nobody is left to be answered. */
        worker_remove_timer(call->worker, call);
        call_recycle(call);
        return;
    }
    settle(call);
}

/* ---- arriving ---- */

static bool is_admitted(struct sp_rpc_call *call, struct sp_error *error) {
    const struct sp_rpc_server_options *options = &call->worker->server->options;
    unsigned permit = call->method->about.permit;
    return permit == 0 || options->admit(call, permit, options->user, error) == SP_OK;
}

static void on_arrived(struct tag *tag, bool ok) {
    struct sp_rpc_call *call = tag->owner;
    struct worker *worker = call->worker;
    if (!ok) {
        /* Only shutting down fails a request. It is also how each worker hears of it. */
        call_recycle(call);
        stream_end_all(worker);
        return;
    }
    worker->live++;
    worker_request(worker, call->door, call->method);
    if (call->method == NULL) {
        call_reject(call, SP_ERR_UNIMPLEMENTED, "this server has no such method");
        return;
    }
    struct sp_error error;
    call->scratch = worker_take_scratch(worker);
    if (call->scratch == NULL)
        call_reject(call, SP_ERR_MEMORY, "out of memory");
    else if (!is_admitted(call, &error))
        call_reject(call, error.status, error.message);
    else if (call->method->about.kind == SP_RPC_STREAM)
        stream_arrived(call);
    else
        call_unary_arrived(call);
}

bool call_is_compressed(const grpc_byte_buffer *buffer) {
    return buffer->data.raw.compression != GRPC_COMPRESS_NONE;
}

struct sp_bytes call_read_buffer(grpc_byte_buffer *buffer, grpc_slice *merged) {
    const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
    grpc_byte_buffer_reader reader;
    const grpc_slice *slice = merged;
    if (slices->count == 1) {
        slice = &slices->slices[0];
    } else if (slices->count > 1 && grpc_byte_buffer_reader_init(&reader, buffer)) {
        *merged = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    return (struct sp_bytes){GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

/* The last tick of CLOCK_MONOTONIC: some milliseconds old, and nearly free. */
static int64_t coarse_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool expired(const struct sp_rpc_call *call) {
    return sp_rpc_call_remaining_ms(call) == 0;
}

static void run_handler(struct sp_rpc_call *call) {
    struct worker *worker = call->worker;
    worker->current = call;
    call->method->about.unary(call, call->method->about.user);
    if (worker->current == NULL)
        release_handling(call);
    worker->current = NULL;
}

void call_unary_arrived(struct sp_rpc_call *call) {
    if (expired(call)) {
        call_reject(call, SP_ERR_DEADLINE, "the deadline had passed before the call was handled");
    } else if (call->payload == NULL) {
        call_reject(call, SP_ERR_INVALID, "the call carries no message");
    } else if (call_is_compressed(call->payload)) {
        call_reject(call, SP_ERR_UNIMPLEMENTED, "this server takes no compressed messages");
    } else {
        call->started_ms = coarse_ms();
        call->request = call_read_buffer(call->payload, &call->merged);
        run_handler(call);
    }
}

/* ---- waiting ---- */

void sp_rpc_retry_after(struct sp_rpc_call *call, unsigned delay_ms) {
    if (!call->watched)
        call_watch(call);
    if (!worker_add_timer(call->worker, call, monotonic_ms() + (int64_t)delay_ms))
        call_reject(call, SP_ERR_MEMORY, "out of memory");
}

void call_unary_retry(struct sp_rpc_call *call) {
    call->retries++;
    if (expired(call))
        call_reject(call, SP_ERR_DEADLINE, "the deadline passed while the call waited");
    else
        run_handler(call);
}

/* ---- what a handler asks ---- */

unsigned sp_rpc_call_worker(const struct sp_rpc_call *call) {
    return call->worker->index;
}

struct sp_bytes sp_rpc_call_request(const struct sp_rpc_call *call) {
    return call->request;
}

struct sp_arena *sp_rpc_call_arena(struct sp_rpc_call *call) {
    return &call->scratch->arena;
}

unsigned sp_rpc_call_retries(const struct sp_rpc_call *call) {
    return call->retries;
}

int64_t sp_rpc_call_remaining_ms(const struct sp_rpc_call *call) {
    if (call->deadline.tv_sec == INT64_MAX)
        return INT64_MAX;
    gpr_timespec left = gpr_time_sub(call->deadline, gpr_now(call->deadline.clock_type));
    if (left.tv_sec < 0)
        return 0;
    /* Rounded up, so that what is left of the last millisecond is not "passed". */
    return left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000;
}

size_t sp_rpc_call_metadata_all(const struct sp_rpc_call *call, const char *key, struct sp_str *ret_values,
                                size_t room) {
    size_t count = 0;
    size_t key_size = strlen(key);
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *entry = &call->metadata.metadata[i];
        if (GRPC_SLICE_LENGTH(entry->key) != key_size || memcmp(GRPC_SLICE_START_PTR(entry->key), key, key_size) != 0)
            continue;
        if (count < room) {
            ret_values[count] =
                (struct sp_str){(const char *)GRPC_SLICE_START_PTR(entry->value), GRPC_SLICE_LENGTH(entry->value)};
        }
        count++;
    }
    return count;
}

struct sp_str sp_rpc_call_metadata(const struct sp_rpc_call *call, const char *key, size_t *ret_count) {
    struct sp_str first = {NULL, 0};
    *ret_count = sp_rpc_call_metadata_all(call, key, &first, 1);
    return first;
}

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Undoes percent-encoding in place; what is no valid escape stays. */
static size_t percent_decode(char *text) {
    size_t out = 0;
    for (size_t in = 0; text[in] != '\0'; in++) {
        if (text[in] == '%' && hex_value(text[in + 1]) >= 0 && hex_value(text[in + 2]) >= 0) {
            text[out++] = (char)(hex_value(text[in + 1]) * 16 + hex_value(text[in + 2]));
            in += 2;
        } else {
            text[out++] = text[in];
        }
    }
    text[out] = '\0';
    return out;
}

/* "ipv4:192.0.2.1:5000", "ipv6:[2001:db8::1%eth0]:5000", "unix:/path": the part between the scheme and the port. */
static struct sp_str peer_host(const char *peer) {
    if (strncmp(peer, "unix", 4) == 0)
        return sp_str_from("unix");
    if (strncmp(peer, "ipv4:", 5) == 0)
        return (struct sp_str){peer + 5, strcspn(peer + 5, ":")};
    if (strncmp(peer, "ipv6:[", 6) == 0)
        return (struct sp_str){peer + 6, strcspn(peer + 6, "]%")};
    return (struct sp_str){NULL, 0};
}

struct sp_str sp_rpc_call_peer(struct sp_rpc_call *call) {
    char *peer = grpc_call_get_peer(call->grpc);
    percent_decode(peer);
    struct sp_str host = peer_host(peer);
    char *copy = sp_arena_strdup(sp_rpc_call_arena(call), host);
    gpr_free(peer);
    return (struct sp_str){copy, copy == NULL ? 0 : host.size};
}

int64_t sp_rpc_call_started_ms(const struct sp_rpc_call *call) {
    return call->started_ms;
}
