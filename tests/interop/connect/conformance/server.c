/* The server that Connect's conformance suite asks: src/connect on src/http, with the suite's own
 * service behind it. Reads from standard input what to serve, writes to standard output where it
 * does, and serves until SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "connect/connect.h"
#include "connectrpc/conformance/v1/conformance.pb-c.h"
#include "handlers.h"
#include "http/server.h"
#include "wire/wire.h"

enum {
    HEAD_BYTES = 4, /* of a message between the suite and this process: its length, big-endian */
    MAX_MESSAGE_BYTES = 1024 * 1024,
    FIRST_BYTES = 8 * 1024,
    BUDGET_BYTES = 4 * 1024 * 1024,
    NO_LIMIT_BYTES = 1024 * 1024, /* of messages: as many as a body may have */
    GRACE_MS = 1000,
};

/* What an Any may hold: requests and details. */
static const ProtobufCMessageDescriptor *const any_messages[] = {
    &connectrpc__conformance__v1__unary_request__descriptor,
    &connectrpc__conformance__v1__idempotent_unary_request__descriptor,
    &connectrpc__conformance__v1__client_stream_request__descriptor,
    &connectrpc__conformance__v1__server_stream_request__descriptor,
    &connectrpc__conformance__v1__bidi_stream_request__descriptor,
    &connectrpc__conformance__v1__header__descriptor,
    &connectrpc__conformance__v1__conformance_payload__request_info__descriptor,
};

static const struct sp_any_types any_types = {any_messages, sizeof(any_messages) / sizeof(*any_messages)};

static void fail(const char *what, const struct sp_error *error) {
    (void)fprintf(stderr, "conformance server: %s%s%s\n", what, error == NULL ? "" : ": ",
                  error == NULL ? "" : error->message);
    exit(EXIT_FAILURE);
}

/* ---- standard input and output ---- */

static Connectrpc__Conformance__V1__ServerCompatRequest *read_order(struct sp_arena *arena) {
    uint8_t head[HEAD_BYTES];
    ProtobufCMessage *message = NULL;
    struct sp_error error = {0};
    if (fread(head, 1, sizeof(head), stdin) != sizeof(head) || sp_load_be32(head) > MAX_MESSAGE_BYTES)
        fail("cannot read the request", NULL);
    size_t size = sp_load_be32(head);
    uint8_t *bytes = sp_arena_alloc(arena, size + 1);
    if (bytes == NULL || fread(bytes, 1, size, stdin) != size)
        fail("cannot read the request", NULL);
    if (sp_wire_unpack(&connectrpc__conformance__v1__server_compat_request__descriptor, (struct sp_bytes){bytes, size},
                       arena, &message, &error) != SP_OK)
        fail("cannot read the request", &error);
    return (Connectrpc__Conformance__V1__ServerCompatRequest *)message;
}

static void write_place(int port, ProtobufCBinaryData certificate, struct sp_arena *arena) {
    static char host[] = "127.0.0.1";
    uint8_t head[HEAD_BYTES];
    struct sp_bytes bytes;
    Connectrpc__Conformance__V1__ServerCompatResponse place = CONNECTRPC__CONFORMANCE__V1__SERVER_COMPAT_RESPONSE__INIT;
    place.host = host;
    place.port = (uint32_t)port;
    place.pem_cert = certificate;
    if (sp_wire_pack(&place.base, arena, &bytes) != SP_OK)
        fail("out of memory", NULL);
    sp_store_be32(head, (uint32_t)bytes.size);
    if (fwrite(head, 1, sizeof(head), stdout) != sizeof(head) ||
        fwrite(bytes.data, 1, bytes.size, stdout) != bytes.size || fflush(stdout) != 0)
        fail("cannot write the response", NULL);
}

/* ---- certificates, which come as texts and are taken as files ---- */

static const char *write_file(const char *folder, const char *name, ProtobufCBinaryData text, struct sp_arena *arena) {
    char *path = sp_arena_printf(arena, "%s/%s", folder, name);
    FILE *file = path == NULL ? NULL : fopen(path, "wb");
    if (file == NULL || fwrite(text.data, 1, text.len, file) != text.len || fclose(file) != 0)
        fail("cannot write a certificate", NULL);
    return path;
}

static void write_certificates(const Connectrpc__Conformance__V1__ServerCompatRequest *order, const char *folder,
                               struct sp_arena *arena, struct sp_tls_files *ret_files) {
    if (!order->use_tls)
        return;
    if (order->server_creds == NULL)
        fail("TLS without a certificate", NULL);
    ret_files->certificate = write_file(folder, "certificate.pem", order->server_creds->cert, arena);
    ret_files->key = write_file(folder, "key.pem", order->server_creds->key, arena);
    if (order->client_tls_cert.len > 0)
        ret_files->ca = write_file(folder, "ca.pem", order->client_tls_cert, arena);
}

static void remove_certificates(const struct sp_tls_files *files, const char *folder) {
    const char *const paths[] = {files->certificate, files->key, files->ca};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        if (paths[i] != NULL)
            (void)unlink(paths[i]);
    (void)rmdir(folder);
}

/* ---- serving ---- */

static void await_end(const sigset_t *ends) {
    int signal_number = 0;
    (void)sigwait(ends, &signal_number);
}

static void serve(const Connectrpc__Conformance__V1__ServerCompatRequest *order, const struct sp_tls_files *files,
                  struct sp_arena *arena, const sigset_t *ends) {
    static const char *const loopback[] = {"127.0.0.1:0"};
    static const ProtobufCServiceDescriptor *const services[] = {
        &connectrpc__conformance__v1__conformance_service__descriptor};
    struct sp_rpc_method methods[CONFORMANCE_METHODS];
    const struct sp_http_route *routes;
    struct sp_connect *connect = NULL;
    struct sp_http_server *http = NULL;
    struct sp_error error = {0};
    conformance_methods(order->message_receive_limit == 0 ? NO_LIMIT_BYTES : order->message_receive_limit, methods);
    const struct sp_connect_options options = {.methods = methods,
                                               .method_count = CONFORMANCE_METHODS,
                                               .services = services,
                                               .service_count = 1,
                                               .any_types = &any_types};
    const struct sp_http_options http_options = {.listen = loopback, .listen_count = 1, .tls = *files};
    if (sp_connect_start(&options, &connect, &error) != SP_OK)
        fail("cannot start", &error);
    size_t count = sp_connect_routes(connect, &routes);
    if (sp_http_open(&http_options, routes, count, &http, &error) != SP_OK || sp_http_start(http, &error) != SP_OK)
        fail("cannot serve", &error);
    write_place(sp_http_port(http, 0), order->use_tls ? order->server_creds->cert : (ProtobufCBinaryData){0}, arena);
    await_end(ends);
    sp_connect_leave(connect);
    sp_http_stop(http, GRACE_MS);
    sp_http_close(http);
    sp_connect_stop(connect);
    sp_connect_free(connect);
}

int main(void) {
    char folder[] = "/tmp/conformance.XXXXXX";
    sigset_t ends;
    struct sp_arena arena;
    struct sp_tls_files files = {0};
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &ends, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        sp_arena_init(&arena, FIRST_BYTES, BUDGET_BYTES) != SP_OK || mkdtemp(folder) == NULL)
        fail("cannot start", NULL);
    const Connectrpc__Conformance__V1__ServerCompatRequest *order = read_order(&arena);
    write_certificates(order, folder, &arena, &files);
    serve(order, &files, &arena, &ends);
    remove_certificates(&files, folder);
    sp_arena_fini(&arena);
    return EXIT_SUCCESS;
}
