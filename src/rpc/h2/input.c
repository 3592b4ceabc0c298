#include "rpc/h2/input.h"

#include "rpc/h2/incomplete.h"
#include "rpc/h2/life.h"
#include "rpc/h2/wire.h"
#include "rpc/refusals.h"

static enum sp_status refuse_message_size(const struct h2_call *call, size_t size, struct sp_error *error) {
    sp_rpc_bound_count(call->loop->server->options.counts, SP_RPC_BOUND_MESSAGE);
    return sp_error_set(error, SP_ERR_EXHAUSTED, "the message has %zu bytes, and %s takes at most %zu", size,
                        call->base.method->path, (size_t)call->base.method->max_request_bytes);
}

static enum sp_status judge_message_prefix(struct h2_call *call, size_t *ret_size, struct sp_error *error) {
    const uint8_t *prefix = call->input.data;
    if ((prefix[0] & ~1U) != 0)
        return sp_error_set(error, SP_ERR_INTERNAL, "the message's prefix has flags that gRPC does not know");
    if (prefix[0] == 1 && call->head.is_encoded)
        return sp_error_set(error, SP_ERR_UNIMPLEMENTED, "%s", sp_rpc_no_compression);
    if (prefix[0] == 1)
        return sp_error_set(error, SP_ERR_INTERNAL, "the message is compressed, and the call has no grpc-encoding");
    size_t size = sp_load_be32(prefix + 1);
    if (size > call->base.method->max_request_bytes)
        return refuse_message_size(call, size, error);
    *ret_size = size;
    return SP_OK;
}

enum h2_input sp_rpc_h2_input_next(struct h2_call *call, struct sp_bytes *ret_message) {
    struct sp_error error;
    size_t size = 0;
    if (call->input.size >= H2_PREFIX_BYTES) {
        if (judge_message_prefix(call, &size, &error) != SP_OK) {
            sp_rpc_h2_call_end(call, error.status, error.message);
            sp_rpc_h2_call_drop_input(call);
            return H2_INPUT_REFUSED;
        }
        if (call->input.size - H2_PREFIX_BYTES >= size) {
            *ret_message = (struct sp_bytes){call->input.data + H2_PREFIX_BYTES, size};
            sp_rpc_h2_incomplete_remove(call);
            return H2_INPUT_MESSAGE;
        }
    }
    sp_rpc_h2_wire_consume(call, call->unreturned);
    call->unreturned = 0;
    if (call->input.size > 0 || !sp_rpc_h2_call_is_stream(call))
        sp_rpc_h2_incomplete_add(call);
    return H2_INPUT_NONE;
}
