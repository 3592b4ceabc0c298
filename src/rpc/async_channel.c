#include "rpc/async_channel.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>

#include "rpc/channel.h"

enum sp_status sp_rpc_async_connect(struct async_connection *connection, const char *target,
                                    const struct sp_rpc_client_tls *tls, const char *path, struct sp_error *error) {
    grpc_arg args[4] = {
        sp_rpc_channel_integer_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
        sp_rpc_channel_integer_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        sp_rpc_channel_integer_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
    };
    const grpc_channel_args all = {.num_args = 3 + sp_rpc_channel_tls_args(tls, &args[3]), .args = args};
    grpc_channel_credentials *credentials;
    enum sp_status status = sp_rpc_channel_credentials(tls, &credentials, error);
    if (status != SP_OK)
        return status;
    connection->channel = grpc_channel_create(target, credentials, &all);
    grpc_channel_credentials_release(credentials);
    connection->method = grpc_channel_register_call(connection->channel, path, NULL, NULL);
    return SP_OK;
}

grpc_byte_buffer *sp_rpc_async_buffer(struct sp_bytes bytes) {
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)bytes.data, bytes.size);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

struct sp_bytes sp_rpc_async_take(grpc_byte_buffer *buffer, grpc_slice *taken) {
    if (buffer == NULL)
        return (struct sp_bytes){0};
    grpc_byte_buffer_reader reader;
    grpc_slice_unref(*taken);
    *taken = grpc_empty_slice();
    if (grpc_byte_buffer_reader_init(&reader, buffer)) {
        *taken = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    grpc_byte_buffer_destroy(buffer);
    return (struct sp_bytes){GRPC_SLICE_START_PTR(*taken), GRPC_SLICE_LENGTH(*taken)};
}

void sp_rpc_async_destroy_queue(grpc_completion_queue *cq) {
    grpc_completion_queue_shutdown(cq);
    while (grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).type != GRPC_QUEUE_SHUTDOWN)
        ;
    grpc_completion_queue_destroy(cq);
}
