#include "rpc/async_client.h"

#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>

#include "rpc/async_channel.h"
#include "rpc/channel.h"

/* What one call needs from its start to its completion. */
struct slot {
    grpc_call *call;
    grpc_metadata_array initial_metadata, trailing_metadata;
    grpc_byte_buffer *reply;
    grpc_status_code code;
    grpc_slice message;
};

struct sp_rpc_async_client {
    grpc_completion_queue *cq;
    struct async_connection *connections;
    unsigned connection_count, next_connection;
    bool wait_for_ready;
    struct slot *slots;
    unsigned slot_count, in_flight;
    grpc_metadata authorization; /* with an empty value: none is sent */
    grpc_slice taken;            /* memory of the reply that the caller reads */
};

static grpc_metadata make_authorization(struct sp_str key) {
    grpc_metadata metadata = {.key = grpc_slice_from_static_string("authorization"), .value = grpc_empty_slice()};
    static const char scheme[] = "Bearer ";
    if (key.size > 0) {
        metadata.value = grpc_slice_malloc(sizeof(scheme) - 1 + key.size);
        memcpy(GRPC_SLICE_START_PTR(metadata.value), scheme, sizeof(scheme) - 1);
        memcpy(GRPC_SLICE_START_PTR(metadata.value) + sizeof(scheme) - 1, key.data, key.size);
    }
    return metadata;
}

enum sp_status sp_rpc_async_open(const struct sp_rpc_async_options *options, struct sp_rpc_async_client **ret_client,
                                 struct sp_error *error) {
    if (options->connections < 1 || options->connections > 1000 || options->slots < 1 || options->slots > 100000)
        return sp_error_set(error, SP_ERR_INVALID, "connections must be 1 to 1,000 and calls in flight 1 to 100,000");
    struct sp_rpc_async_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    client->taken = grpc_empty_slice();
    client->authorization = make_authorization(options->key);
    client->cq = grpc_completion_queue_create_for_next(NULL);
    client->slots = calloc(options->slots, sizeof(*client->slots));
    client->connections = calloc(options->connections, sizeof(*client->connections));
    if (client->slots == NULL || client->connections == NULL) {
        sp_rpc_async_close(client);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    client->slot_count = options->slots;
    client->wait_for_ready = options->wait_for_ready;
    for (; client->connection_count < options->connections; client->connection_count++) {
        enum sp_status status = sp_rpc_async_connect(&client->connections[client->connection_count], options->target,
                                                     &options->tls, options->path, error);
        if (status != SP_OK) {
            sp_rpc_async_close(client);
            return status;
        }
    }
    *ret_client = client;
    return SP_OK;
}

static void end_slot_call(struct sp_rpc_async_client *client, struct slot *slot) {
    grpc_metadata_array_destroy(&slot->initial_metadata);
    grpc_metadata_array_destroy(&slot->trailing_metadata);
    grpc_slice_unref(slot->message);
    grpc_call_unref(slot->call);
    slot->call = NULL;
    client->in_flight--;
}

static void cancel_calls(struct sp_rpc_async_client *client) {
    for (unsigned i = 0; i < client->slot_count; i++)
        if (client->slots[i].call != NULL)
            grpc_call_cancel(client->slots[i].call, NULL);
    struct sp_rpc_completion ignored;
    while (client->in_flight > 0)
        (void)sp_rpc_async_next(client, UINT64_MAX, &ignored);
}

void sp_rpc_async_close(struct sp_rpc_async_client *client) {
    if (client == NULL)
        return;
    cancel_calls(client);
    for (unsigned i = 0; i < client->connection_count; i++)
        grpc_channel_destroy(client->connections[i].channel);
    sp_rpc_async_destroy_queue(client->cq);
    grpc_slice_unref(client->taken);
    if (GRPC_SLICE_LENGTH(client->authorization.value) > 0)
        explicit_bzero(GRPC_SLICE_START_PTR(client->authorization.value),
                       GRPC_SLICE_LENGTH(client->authorization.value));
    grpc_slice_unref(client->authorization.value);
    free(client->slots);
    free(client->connections);
    free(client);
}

void sp_rpc_async_start(struct sp_rpc_async_client *client, unsigned slot_number, struct sp_bytes request) {
    struct slot *slot = &client->slots[slot_number];
    struct async_connection *connection = &client->connections[client->next_connection++ % client->connection_count];
    slot->call = grpc_channel_create_registered_call(connection->channel, NULL, GRPC_PROPAGATE_DEFAULTS, client->cq,
                                                     connection->method, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    grpc_metadata_array_init(&slot->initial_metadata);
    grpc_metadata_array_init(&slot->trailing_metadata);
    slot->message = grpc_empty_slice();
    slot->reply = NULL;
    grpc_byte_buffer *buffer = sp_rpc_async_buffer(request);

    grpc_op ops[6] = {0};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].flags = client->wait_for_ready ? GRPC_INITIAL_METADATA_WAIT_FOR_READY : 0;
    if (GRPC_SLICE_LENGTH(client->authorization.value) > 0) {
        ops[0].data.send_initial_metadata.metadata = &client->authorization;
        ops[0].data.send_initial_metadata.count = 1;
    }
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = buffer;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &slot->initial_metadata;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &slot->reply;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &slot->trailing_metadata;
    ops[5].data.recv_status_on_client.status = &slot->code;
    ops[5].data.recv_status_on_client.status_details = &slot->message;
    /* Only a programmer's error makes the start of a batch fail. */
    if (grpc_call_start_batch(slot->call, ops, 6, slot, NULL) != GRPC_CALL_OK)
        abort();
    grpc_byte_buffer_destroy(buffer);
    client->in_flight++;
}

bool sp_rpc_async_next(struct sp_rpc_async_client *client, uint64_t until_ns,
                       struct sp_rpc_completion *ret_completion) {
    grpc_event event = grpc_completion_queue_next(client->cq, sp_rpc_channel_deadline(until_ns), NULL);
    if (event.type != GRPC_OP_COMPLETE)
        return false;
    struct slot *slot = event.tag;
    *ret_completion = (struct sp_rpc_completion){
        .slot = (unsigned)(slot - client->slots),
        .status = slot->code == GRPC_STATUS_OK ? SP_OK : sp_status_from_grpc((int)slot->code),
        .reply = sp_rpc_async_take(slot->reply, &client->taken),
    };
    end_slot_call(client, slot);
    return true;
}
