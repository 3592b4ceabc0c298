#include "rpc/h2/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "rpc/h2/budget.h"
#include "rpc/h2/bytes.h"
#include "rpc/h2/incomplete.h"
#include "rpc/h2/pool.h"
#include "rpc/h2/ready.h"
#include "rpc/h2/wire.h"
#include "rpc/health.h"

static const char reconnect[] = "the server is stopping: reconnect";
static const char not_begun[] = "the server is stopping: try again, on another connection";
static const char perhaps_done[] =
    "the server stopped before it was done with the call, which may have had its effect: "
    "try again, on another connection";

/* A client that does not read its answers gets no more of them. */
enum { UNREAD_OUTPUT_BYTES = 64 * 1024 };

static const struct call_ops h2_call_ops;

static struct h2_call *call_of(struct sp_rpc_call *base) {
    return (struct h2_call *)base; /* its first member */
}

static const struct h2_call *const_call_of(const struct sp_rpc_call *base) {
    return (const struct h2_call *)base;
}

static bool is_stream(const struct h2_call *call) {
    return call->base.method != NULL && call->base.method->kind == SP_RPC_STREAM;
}

/* Neither side has ended it. */
static bool is_live(const struct h2_call *call) {
    return !call->finishing && !call->gone;
}

/* ---- beginning and ending ---- */

static void link_call(struct h2_call *call) {
    struct h2_connection *connection = call->connection;
    call->previous = NULL;
    call->next = connection->calls;
    if (connection->calls != NULL)
        connection->calls->previous = call;
    connection->calls = call;
}

struct h2_call *sp_rpc_h2_call_begin(struct h2_connection *connection, int32_t stream_id) {
    struct h2_loop *loop = connection->loop;
    struct h2_call *call = sp_rpc_h2_pool_take(loop);
    if (call == NULL)
        return NULL;
    call->base.ops = &h2_call_ops;
    call->base.worker = loop->index;
    call->connection = connection;
    call->stream_id = stream_id;
    link_call(call);
    sp_rpc_h2_incomplete_add(call);
    return call;
}

static void unlink_call(struct h2_call *call) {
    if (call->next != NULL)
        call->next->previous = call->previous;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        call->connection->calls = call->next;
}

/* When nobody holds it any more. */
static void settle_if_over(struct h2_call *call) {
    struct h2_connection *connection = call->connection;
    if (!call->gone || call->queued || call->kept)
        return;
    if (call->opened && !call->closed) {
        call->closed = true;
        if (call->base.method->stream->closed != NULL)
            call->base.method->stream->closed(&call->base, call->base.method->user);
    }
    if (atomic_load(&call->mailed))
        return; /* one wake is still in the mail */
    sp_rpc_timers_unset(&call->loop->call_timers, &call->timer);
    sp_rpc_h2_incomplete_remove(call);
    sp_rpc_h2_budget_release(call);
    unlink_call(call);
    sp_rpc_h2_pool_give(call);
    if (connection->session == NULL && connection->calls == NULL)
        sp_rpc_h2_ready_connection(connection); /* it can be freed */
}

/* Sends the last status, behind the messages that are under way. Does nothing to a call that ends already.
 * The message is copied. */
static void end_call(struct h2_call *call, enum sp_status status, const char *message) {
    if (!is_live(call))
        return;
    call->finishing = true;
    call->reading = false;
    call->final_status = status;
    call->final_message = "";
    size_t size = message == NULL ? 0 : strlen(message) + 1;
    if (size > 1 && sp_rpc_h2_bytes_append(&call->final_text, message, size))
        call->final_message = (const char *)call->final_text.data;
    sp_rpc_h2_incomplete_remove(call);
    sp_rpc_h2_wire_send(call);
}

/* ---- input ---- */

static void drop_input(struct h2_call *call) {
    sp_rpc_h2_bytes_drop(&call->input, call->input.size);
    sp_rpc_h2_wire_consume(call, call->unreturned);
    call->unreturned = 0;
    sp_rpc_h2_budget_release(call);
}

void sp_rpc_h2_call_arrive(struct h2_call *call) {
    call->arrived = true;
    sp_rpc_h2_ready_call(call, H2_EVENT_ARRIVED);
}

/* A unary call has its message when it is handled; what comes behind it is dropped, as the gRPC C core
 * does. */
static bool wants_input(const struct h2_call *call) {
    return is_live(call) && (is_stream(call) || (!call->kept && !call->parked));
}

void sp_rpc_h2_call_input(struct h2_call *call, const uint8_t *bytes, size_t size) {
    if (!wants_input(call)) {
        sp_rpc_h2_wire_consume(call, size);
        return;
    }
    if (!sp_rpc_h2_budget_take(call, size) || !sp_rpc_h2_bytes_append(&call->input, bytes, size)) {
        call->unreturned += size;
        end_call(call, SP_ERR_EXHAUSTED, "too many bytes of requests are under way: try again");
        drop_input(call);
        return;
    }
    call->unreturned += size;
    sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

void sp_rpc_h2_call_half_close(struct h2_call *call) {
    call->half_closed = true;
    sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

void sp_rpc_h2_call_leave(struct h2_call *call) {
    call->gone = true;
    call->parked = false;
    sp_rpc_h2_incomplete_remove(call);
    sp_rpc_h2_ready_call(call, 0);
}

static enum sp_status refuse_size(const struct h2_call *call, size_t size, struct sp_error *error) {
    sp_rpc_bound_count(call->loop->server->options.counts, SP_RPC_BOUND_MESSAGE);
    return sp_error_set(error, SP_ERR_EXHAUSTED, "the message has %zu bytes, and %s takes at most %zu", size,
                        call->base.method->path, (size_t)call->base.method->max_request_bytes);
}

static enum sp_status judge_prefix(struct h2_call *call, size_t *ret_size, struct sp_error *error) {
    const uint8_t *prefix = call->input.data;
    if ((prefix[0] & ~1U) != 0)
        return sp_error_set(error, SP_ERR_INTERNAL, "the message's prefix has flags that gRPC does not know");
    if (prefix[0] == 1 && call->head.is_encoded)
        return sp_error_set(error, SP_ERR_UNIMPLEMENTED,
                            "this server takes no compressed messages: send them without gzip");
    if (prefix[0] == 1)
        return sp_error_set(error, SP_ERR_INTERNAL, "the message is compressed, and the call has no grpc-encoding");
    size_t size = sp_load_be32(prefix + 1);
    if (size > call->base.method->max_request_bytes)
        return refuse_size(call, size, error);
    *ret_size = size;
    return SP_OK;
}

enum input_state { INPUT_NONE, INPUT_MESSAGE, INPUT_REFUSED };

/* The next message, if it is complete. If not, what has come of it is given back to the stream's window, so
 * that the rest can come. */
static enum input_state find_message(struct h2_call *call, struct sp_bytes *ret_message) {
    struct sp_error error;
    size_t size = 0;
    if (call->input.size >= H2_PREFIX_BYTES) {
        if (judge_prefix(call, &size, &error) != SP_OK) {
            end_call(call, error.status, error.message);
            drop_input(call);
            return INPUT_REFUSED;
        }
        if (call->input.size - H2_PREFIX_BYTES >= size) {
            *ret_message = (struct sp_bytes){call->input.data + H2_PREFIX_BYTES, size};
            sp_rpc_h2_incomplete_remove(call);
            return INPUT_MESSAGE;
        }
    }
    sp_rpc_h2_wire_consume(call, call->unreturned);
    call->unreturned = 0;
    if (call->input.size > 0 || !is_stream(call))
        sp_rpc_h2_incomplete_add(call);
    return INPUT_NONE;
}

/* ---- unary calls ---- */

static bool has_passed(const struct h2_call *call) {
    return call->deadline_ms != INT64_MAX && call->deadline_ms <= sp_clock_monotonic_ms();
}

static void release_handling(struct h2_call *call) {
    sp_rpc_h2_pool_release_scratch(call);
    drop_input(call);
}

static void wait_for_deadline(struct h2_call *call) {
    if (call->deadline_ms != INT64_MAX && !sp_rpc_timers_set(&call->loop->call_timers, &call->timer, call->deadline_ms))
        call->deadline_ms = INT64_MAX; /* out of memory: it is answered late rather than never */
}

static void link_kept_call(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    call->previous_kept = NULL;
    call->next_kept = loop->kept;
    if (loop->kept != NULL)
        loop->kept->previous_kept = call;
    loop->kept = call;
    call->listed_kept = true;
}

static void unlink_kept_call(struct h2_call *call) {
    if (!call->listed_kept)
        return;
    call->listed_kept = false;
    if (call->next_kept != NULL)
        call->next_kept->previous_kept = call->previous_kept;
    if (call->previous_kept != NULL)
        call->previous_kept->next_kept = call->next_kept;
    else
        call->loop->kept = call->next_kept;
}

static void run_unary_handler(struct h2_call *call) {
    if (has_passed(call)) {
        end_call(call, SP_ERR_DEADLINE, "the deadline had passed before the call was handled");
        release_handling(call);
        return;
    }
    call->kept = call->running = true;
    atomic_store_explicit(&call->keeping, H2_KEPT, memory_order_relaxed);
    call->base.method->unary(&call->base, call->base.method->user);
    call->running = false;
    if (call->kept) {
        link_kept_call(call);
        wait_for_deadline(call);
    } else if (!call->parked) {
        release_handling(call);
    }
}

static void run_unary_input(struct h2_call *call) {
    struct sp_bytes message;
    switch (find_message(call, &message)) {
    case INPUT_REFUSED:
        break;
    case INPUT_MESSAGE:
        call->base.request = message;
        call->base.started_ms = call->loop->now_ms;
        run_unary_handler(call);
        break;
    case INPUT_NONE:
        if (call->half_closed && call->input.size == 0)
            end_call(call, SP_ERR_INVALID, "the call carries no message");
        else if (call->half_closed)
            end_call(call, SP_ERR_INVALID, "the call ends within its message");
        break;
    }
}

/* On the loop's thread. A late answer is discarded. */
static void settle_answer(struct h2_call *call, enum sp_status status, struct sp_bytes reply, const char *message) {
    call->kept = false;
    unlink_kept_call(call);
    sp_rpc_timers_unset(&call->loop->call_timers, &call->timer);
    if (!is_live(call))
        return;
    if (status != SP_OK) {
        end_call(call, status, message);
    } else if (sp_rpc_h2_bytes_append_message(&call->output, reply)) {
        end_call(call, SP_OK, NULL);
    } else {
        sp_rpc_h2_bytes_drop(&call->output, call->output.size);
        end_call(call, SP_ERR_MEMORY, "out of memory");
    }
}

/* From any thread: only its worker's may touch the call. */
static void mail_answer(struct h2_call *call, enum sp_status status, struct sp_bytes text) {
    if (atomic_exchange(&call->keeping, H2_KEPT_ANSWERED) == H2_KEPT_ALONE) {
        sp_rpc_h2_pool_free_alone(call);
        return;
    }
    call->answer.status = status;
    if (!sp_rpc_h2_bytes_append(&call->answer.bytes, text.data, text.size))
        call->answer.status = SP_ERR_MEMORY;
    sp_rpc_h2_mail_call(call, H2_EVENT_ANSWERED);
}

static void take_mailed_answer(struct h2_call *call) {
    static const uint8_t end[] = {'\0'};
    struct h2_answer *answer = &call->answer;
    if (answer->status == SP_OK) {
        settle_answer(call, SP_OK, (struct sp_bytes){answer->bytes.data, answer->bytes.size}, NULL);
    } else {
        bool terminated = sp_rpc_h2_bytes_append(&answer->bytes, end, sizeof(end));
        settle_answer(call, answer->status, (struct sp_bytes){NULL, 0},
                      terminated ? (const char *)answer->bytes.data : "out of memory");
    }
    sp_rpc_h2_bytes_clear(&answer->bytes, 0);
    release_handling(call);
}

static void answer_unary(struct h2_call *call, enum sp_status status, struct sp_bytes reply, const char *message) {
    if (sp_rpc_h2_current_loop != call->loop) {
        mail_answer(call, status, status == SP_OK ? reply : sp_bytes_of_str(sp_str_from(message)));
        return;
    }
    settle_answer(call, status, reply, message);
    if (!call->running) {
        release_handling(call);
        sp_rpc_h2_ready_call(call, 0);
    }
}

/* A parked call is handled again; one that a handler keeps has waited for too long. */
static void run_unary_due(struct h2_call *call) {
    if (call->kept) {
        end_call(call, SP_ERR_DEADLINE, "the deadline passed before the call was answered");
        return;
    }
    if (!call->parked)
        return;
    call->parked = false;
    call->base.retries++;
    run_unary_handler(call);
}

/* If its handler does not answer meanwhile: then its mail will come. Nothing of the call may be touched once it is
 * the handler's alone, so the loop forgets it before that. */
static void abandon_call(struct h2_call *call) {
    struct h2_connection *connection = call->connection;
    struct h2_loop *loop = call->loop;
    unsigned expected = H2_KEPT;
    sp_rpc_timers_unset(&loop->call_timers, &call->timer);
    sp_rpc_h2_budget_release(call);
    unlink_kept_call(call);
    unlink_call(call);
    if (!atomic_compare_exchange_strong(&call->keeping, &expected, H2_KEPT_ALONE)) {
        link_call(call);
        link_kept_call(call);
        return;
    }
    loop->live_calls--;
    if (connection->session == NULL && connection->calls == NULL)
        sp_rpc_h2_ready_connection(connection);
}

void sp_rpc_h2_call_abandon_kept(struct h2_loop *loop) {
    struct h2_call *next = NULL;
    for (struct h2_call *call = loop->kept; call != NULL; call = next) {
        next = call->next_kept;
        if (call->gone && !call->queued && atomic_load(&call->keeping) == H2_KEPT)
            abandon_call(call);
    }
}

/* ---- streams ---- */

static const struct sp_rpc_stream_ops *ops_of_stream(const struct h2_call *call) {
    return call->base.method->stream;
}

static void run_stream_input(struct h2_call *call) {
    struct sp_bytes message;
    if (!call->reading || call->output.size - call->output_at > UNREAD_OUTPUT_BYTES)
        return;
    switch (find_message(call, &message)) {
    case INPUT_REFUSED:
        return;
    case INPUT_MESSAGE:
        break;
    case INPUT_NONE:
        if (call->half_closed && call->input.size > 0) {
            end_call(call, SP_ERR_INVALID, "the call ends within a message");
        } else if (call->half_closed) {
            call->reading = false;
            if (ops_of_stream(call)->half_closed != NULL)
                ops_of_stream(call)->half_closed(&call->base, call->base.method->user);
        }
        return;
    }
    call->reading = false;
    if (ops_of_stream(call)->received != NULL)
        ops_of_stream(call)->received(&call->base, call->base.method->user, message);
    sp_rpc_h2_bytes_drop(&call->input, H2_PREFIX_BYTES + message.size);
    sp_rpc_h2_budget_release(call);
    if (call->finishing)
        drop_input(call);
    else if (call->unreturned > call->input.size) {
        sp_rpc_h2_wire_consume(call, call->unreturned - call->input.size);
        call->unreturned = call->input.size;
    }
    /* One message a round: others have their turn between two. */
    if (call->input.size > 0 || call->half_closed)
        sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

/* The handler may send one more message, for example that it no longer serves. */
static void run_stream_stop(struct h2_call *call, unsigned events) {
    if ((events & H2_EVENT_WOKEN) != 0 && !call->sending && ops_of_stream(call)->woken != NULL)
        ops_of_stream(call)->woken(&call->base, call->base.method->user);
    end_call(call, SP_ERR_UNAVAILABLE, reconnect);
}

static void run_stream_sent(struct h2_call *call) {
    call->sending = false;
    if (ops_of_stream(call)->sent != NULL)
        ops_of_stream(call)->sent(&call->base, call->base.method->user);
}

static void run_stream_events(struct h2_call *call, unsigned events) {
    if ((events & H2_EVENT_STOPPING) != 0)
        run_stream_stop(call, events);
    if ((events & H2_EVENT_DUE) != 0)
        end_call(call, SP_ERR_UNAVAILABLE, "the stream has reached its maximum age: reconnect");
    if ((events & H2_EVENT_WOKEN) != 0 && is_live(call) && ops_of_stream(call)->woken != NULL)
        ops_of_stream(call)->woken(&call->base, call->base.method->user);
    if ((events & H2_EVENT_SENT) != 0 && is_live(call) && call->sending)
        run_stream_sent(call);
    if ((events & H2_EVENT_INPUT) != 0 && is_live(call))
        run_stream_input(call);
}

/* By up to a tenth earlier, so that streams that began together, when a server started, end apart. */
static int64_t choose_stream_age_ms(unsigned max_age_s) {
    uint8_t dice[2];
    int64_t age_ms = (int64_t)max_age_s * 1000;
    if (sp_random_fill(dice, sizeof(dice)) != SP_OK)
        return age_ms;
    return age_ms - age_ms / 10 * sp_load_be16(dice) / 65536;
}

static bool begin_to_age(struct h2_call *call) {
    unsigned max_age_s = call->loop->server->options.server->max_stream_age_s;
    if (!call->base.method->ages || max_age_s == 0)
        return true;
    return sp_rpc_timers_set(&call->loop->call_timers, &call->timer,
                             call->loop->now_ms + choose_stream_age_ms(max_age_s));
}

static void open_stream(struct h2_call *call) {
    if (!begin_to_age(call)) {
        end_call(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    call->opened = true;
    sp_rpc_h2_incomplete_remove(call); /* a stream may be silent; its messages have a time each */
    if (ops_of_stream(call)->opened != NULL)
        ops_of_stream(call)->opened(&call->base, call->base.method->user);
}

/* ---- arriving ---- */

static int compare_route(const void *key, const void *item) {
    const struct h2_route *route = item;
    return sp_str_compare(*(const struct sp_str *)key, route->path);
}

static const struct sp_rpc_method *find_method(const struct h2_server *server, struct sp_str path) {
    const struct h2_route *route =
        bsearch(&path, server->routes, server->route_count, sizeof(*server->routes), compare_route);
    return route == NULL ? NULL : route->method;
}

static enum sp_status check_revocation(const struct h2_call *call, struct sp_error *error) {
    const struct h2_connection *connection = call->connection;
    struct sp_tls_crl *crl = call->loop->server->options.crl;
    if (crl == NULL || connection->certificate == NULL)
        return SP_OK;
    const char *why = sp_tls_crl_refuse(crl, call->loop->crl_memo, &connection->certificate->chain);
    if (why == NULL)
        return SP_OK;
    return sp_error_set(error, SP_ERR_UNAUTHENTICATED, "the client's certificate is not accepted: %s", why);
}

/* What a call needs before its handler sees it, and before bytes of its request are kept. */
static enum sp_status admit_call(struct h2_call *call, struct sp_error *error) {
    const struct h2_server *server = call->loop->server;
    const struct sp_rpc_server_options *options = server->options.server;
    enum sp_status status = check_revocation(call, error);
    if (status != SP_OK)
        return status;
    if (call->head.list_bytes > H2_MAX_HEAD_BYTES) {
        sp_rpc_bound_count(server->options.counts, SP_RPC_BOUND_HEAD);
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the call's metadata has more than %d bytes", H2_MAX_HEAD_BYTES);
    }
    if (call->head.is_too_large)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "too many bytes of requests are under way: try again");
    if (call->head.is_undecodable)
        return sp_error_set(error, SP_ERR_INTERNAL, "the value of a \"-bin\" metadata field is not base64");
    call->base.method = find_method(server, sp_rpc_h2_head_path(&call->head));
    if (call->base.method == NULL)
        return sp_error_set(error, SP_ERR_UNIMPLEMENTED, "this server has no such method");
    if (!sp_rpc_h2_pool_add_scratch(call))
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    unsigned permit = call->base.method->permit;
    return permit == 0 ? SP_OK : options->admit(&call->base, permit, options->user, error);
}

static void set_deadline(struct h2_call *call) {
    int64_t timeout_ms = call->head.timeout_ms;
    if (timeout_ms < INT64_MAX - call->loop->now_ms)
        call->deadline_ms = call->loop->now_ms + timeout_ms;
}

static void refuse_head(struct h2_call *call, const char *http_status) {
    sp_rpc_h2_wire_refuse(call, http_status);
    drop_input(call);
}

static void run_arrival(struct h2_call *call) {
    struct sp_error error;
    if (!call->head.is_too_large && !call->head.is_post) {
        refuse_head(call, "405");
        return;
    }
    if (!call->head.is_too_large && !call->head.is_grpc) {
        refuse_head(call, "415");
        return;
    }
    set_deadline(call);
    if (admit_call(call, &error) != SP_OK) {
        end_call(call, error.status, error.message);
        release_handling(call);
    } else if (call->loop->ending || (call->loop->draining && is_stream(call))) {
        end_call(call, SP_ERR_UNAVAILABLE, is_stream(call) ? reconnect : not_begun);
        release_handling(call);
    } else if (is_stream(call)) {
        open_stream(call);
    }
}

/* ---- running ---- */

static void run_unary_events(struct h2_call *call, unsigned events) {
    if ((events & H2_EVENT_ANSWERED) != 0)
        take_mailed_answer(call);
    if ((events & H2_EVENT_STOPPING) != 0)
        end_call(call, SP_ERR_UNAVAILABLE, call->kept ? perhaps_done : not_begun);
    if ((events & H2_EVENT_DUE) != 0 && is_live(call))
        run_unary_due(call);
    if ((events & H2_EVENT_INPUT) != 0 && is_live(call) && call->base.method != NULL && wants_input(call))
        run_unary_input(call);
}

void sp_rpc_h2_call_run(struct h2_call *call) {
    unsigned events = call->events;
    call->events = 0;
    if ((events & H2_EVENT_ARRIVED) != 0 && is_live(call))
        run_arrival(call);
    if (is_stream(call) && call->opened)
        run_stream_events(call, events);
    else
        run_unary_events(call, events);
    settle_if_over(call);
}

void sp_rpc_h2_call_expire(struct h2_call *call) {
    sp_rpc_bound_count(call->loop->server->options.counts, SP_RPC_BOUND_INCOMPLETE);
    if (!call->arrived) {
        /* Its header block is not complete, so nothing else can come on its connection. */
        call->connection->broken = true;
        sp_rpc_h2_incomplete_remove(call);
        sp_rpc_h2_ready_connection(call->connection);
        return;
    }
    end_call(call, SP_ERR_DEADLINE, "the request was not complete in time");
    release_handling(call);
}

/* ---- what handlers ask for (rpc/call.h) ---- */

static size_t find_h2_metadata(const struct sp_rpc_call *base, const char *key, struct sp_str *ret_values,
                               size_t room) {
    return sp_rpc_h2_head_find(&const_call_of(base)->head, key, ret_values, room);
}

static struct sp_str name_h2_peer(struct sp_rpc_call *base) {
    const struct sp_str peer = sp_str_from(call_of(base)->connection->peer);
    char *copy = sp_arena_strdup(base->arena, peer);
    return (struct sp_str){copy, copy == NULL ? 0 : peer.size};
}

static void identify_h2_peer(const struct sp_rpc_call *base, struct sp_identity *ret_identity) {
    const struct h2_connection *connection = const_call_of(base)->connection;
    const struct h2_certificate *certificate = connection->certificate;
    *ret_identity =
        (struct sp_identity){.kind = connection->kind, .uid_known = connection->uid_known, .uid = connection->uid};
    if (certificate == NULL || !certificate->certified)
        return;
    ret_identity->certified = true;
    ret_identity->uri_count = certificate->uri_count;
    ret_identity->dns_count = certificate->dns_count;
    memcpy(ret_identity->uris, certificate->uris, sizeof(certificate->uris));
    memcpy(ret_identity->dns, certificate->dns, sizeof(certificate->dns));
}

static int64_t count_h2_remaining_ms(const struct sp_rpc_call *base) {
    int64_t deadline_ms = const_call_of(base)->deadline_ms;
    if (deadline_ms == INT64_MAX)
        return INT64_MAX;
    int64_t left_ms = deadline_ms - sp_clock_monotonic_ms();
    return left_ms < 0 ? 0 : left_ms;
}

static void reply_h2_unary(struct sp_rpc_call *base, struct sp_bytes reply) {
    answer_unary(call_of(base), SP_OK, reply, NULL);
}

static void fail_h2_call(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    if (is_stream(call_of(base)))
        end_call(call_of(base), status, message);
    else
        answer_unary(call_of(base), status == SP_OK ? SP_ERR_INTERNAL : status, (struct sp_bytes){NULL, 0}, message);
}

static void park_h2_unary(struct sp_rpc_call *base, unsigned delay_ms) {
    struct h2_call *call = call_of(base);
    int64_t due_ms = sp_clock_monotonic_ms() + (int64_t)delay_ms;
    call->kept = false;
    call->parked = true;
    if (!sp_rpc_timers_set(&call->loop->call_timers, &call->timer,
                           due_ms < call->deadline_ms ? due_ms : call->deadline_ms)) {
        call->parked = false;
        end_call(call, SP_ERR_MEMORY, "out of memory");
    }
}

static void read_h2_stream(struct sp_rpc_call *base) {
    struct h2_call *call = call_of(base);
    if (!is_live(call))
        return;
    call->reading = true;
    sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

static bool put_message(struct h2_call *call, struct sp_bytes message) {
    if (!is_live(call))
        return false;
    if (!sp_rpc_h2_bytes_append_message(&call->output, message)) {
        end_call(call, SP_ERR_MEMORY, "out of memory");
        return false;
    }
    return true;
}

static void send_h2_message(struct sp_rpc_call *base, struct sp_bytes message) {
    struct h2_call *call = call_of(base);
    if (!put_message(call, message))
        return;
    call->sending = true;
    sp_rpc_h2_wire_send(call);
}

static void send_and_read_h2_stream(struct sp_rpc_call *base, struct sp_bytes message) {
    struct h2_call *call = call_of(base);
    if (!put_message(call, message))
        return;
    sp_rpc_h2_wire_send(call);
    read_h2_stream(base);
}

static void finish_h2_stream(struct sp_rpc_call *base) {
    end_call(call_of(base), SP_OK, NULL);
}

static void wake_h2_stream(struct sp_rpc_call *base) {
    sp_rpc_h2_mail_call(call_of(base), H2_EVENT_WOKEN);
}

static const struct call_ops h2_call_ops = {
    .metadata_all = find_h2_metadata,
    .peer = name_h2_peer,
    .identity = identify_h2_peer,
    .remaining_ms = count_h2_remaining_ms,
    .reply = reply_h2_unary,
    .fail = fail_h2_call,
    .retry_after = park_h2_unary,
    .read = read_h2_stream,
    .send = send_h2_message,
    .send_and_read = send_and_read_h2_stream,
    .finish = finish_h2_stream,
    .wake = wake_h2_stream,
};
