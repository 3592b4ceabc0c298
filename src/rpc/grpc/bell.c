#include "rpc/grpc/bell.h"

#include <stdlib.h>

/* A worker's request, which never becomes a call. */
struct waiting {
    struct tag tag;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
};

struct bell {
    grpc_server *grpc;
    grpc_completion_queue *first_cq;
    struct tag rung;
    unsigned count;
    struct waiting waiting[];
};

static void start_bell(struct bell *bell, struct core_server *server) {
    for (unsigned i = 0; i < bell->count; i++)
        grpc_server_register_completion_queue(bell->grpc, server->workers[i].cq, NULL);
    grpc_server_start(bell->grpc);
    for (unsigned i = 0; i < bell->count; i++) {
        struct waiting *waiting = &bell->waiting[i];
        grpc_completion_queue *cq = server->workers[i].cq;
        grpc_call_details_init(&waiting->details);
        grpc_metadata_array_init(&waiting->metadata);
        /* Fails only for a queue that the server does not know. */
        if (grpc_server_request_call(bell->grpc, &waiting->call, &waiting->details, &waiting->metadata, cq, cq,
                                     &waiting->tag) != GRPC_CALL_OK)
            abort();
    }
}

enum sp_status sp_rpc_bell_create(struct core_server *server, enum tag_kind kind, struct bell **ret_bell) {
    struct bell *bell = calloc(1, sizeof(*bell) + server->worker_count * sizeof(bell->waiting[0]));
    if (bell == NULL)
        return SP_ERR_MEMORY;
    bell->count = server->worker_count;
    for (unsigned i = 0; i < bell->count; i++)
        bell->waiting[i].tag = (struct tag){kind, &server->workers[i]};
    bell->rung = (struct tag){TAG_BELL_RUNG, bell};
    bell->first_cq = server->workers[0].cq;
    bell->grpc = grpc_server_create(NULL, NULL);
    start_bell(bell, server);
    *ret_bell = bell;
    return SP_OK;
}

void sp_rpc_bell_ring(struct bell *bell) {
    if (bell != NULL)
        grpc_server_shutdown_and_notify(bell->grpc, bell->first_cq, &bell->rung);
}

void sp_rpc_bell_free(struct bell *bell) {
    if (bell == NULL)
        return;
    grpc_server_destroy(bell->grpc);
    for (unsigned i = 0; i < bell->count; i++) {
        grpc_call_details_destroy(&bell->waiting[i].details);
        grpc_metadata_array_destroy(&bell->waiting[i].metadata);
    }
    free(bell);
}
