#include "rpc/grpc/handover.h"

#include <stdbool.h>

#include <grpc/grpc_security.h>

#define EXTERNAL_NAME "external:sallyport"

/* The C++ object as C sees it: two entries for its destructor before its one method. */
struct fd_handler_entries {
    void (*destroy)(struct fd_handler *handler);
    void (*destroy_and_free)(struct fd_handler *handler);
    void (*handle)(struct fd_handler *handler, int listener_fd, int fd, grpc_byte_buffer *read_already);
};
struct fd_handler {
    const struct fd_handler_entries *entries;
};

static void *copy_pointer(void *pointer) {
    return pointer;
}

static void keep_pointer(void *pointer) {
    (void)pointer;
}

static int compare_pointers(void *a, void *b) {
    return a < b ? -1 : a > b;
}

grpc_arg sp_rpc_handover_channel_arg(struct handover *handover) {
    static const grpc_arg_pointer_vtable entries = {copy_pointer, keep_pointer, compare_pointers};
    static char name[] = EXTERNAL_NAME;
    grpc_arg arg = {.type = GRPC_ARG_POINTER, .key = name};
    arg.value.pointer.p = &handover->handler;
    arg.value.pointer.vtable = &entries;
    return arg;
}

enum sp_status sp_rpc_handover_attach(struct handover *handover, grpc_server *server,
                                      grpc_server_credentials *credentials, struct sp_error *error) {
    grpc_server_add_http2_port(server, EXTERNAL_NAME, credentials);
    if (handover->handler == NULL)
        return sp_error_set(error, SP_ERR_INTERNAL, "this gRPC library (%s) cannot serve accepted sockets",
                            grpc_version_string());
    return SP_OK;
}

void sp_rpc_handover_give(const struct handover *handover, int listener_fd, int fd) {
    handover->handler->entries->handle(handover->handler, listener_fd, fd, NULL);
}
