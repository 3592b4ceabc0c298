/* How long a durable change takes until a decision server answers from it: UpdateWorkspace, then a Check with the revision
 * that the reply gave. Beside it, what an fdatasync of a page costs in the same folder. One JSON object.
 *
 * Usage: commit BIN_DIR WORK_DIR PORT (which uses PORT and PORT + 1) */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "histogram.h"
#include "rpc/client.h"
#include "sallyport/v1/admin.pb-c.h"
#include "spawn.h"
#include "wire/wire.h"
#include "world_records.h"

enum { CHANGES = 500, SYNCS = 300 };

struct clients {
    struct sp_rpc_client *admin, *server;
    struct sp_arena arena;
    struct world_question question;
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "commit: %s\n", what);
    exit(2);
}

static void measure_sync(const char *folder, struct histogram *histogram) {
    char path[512], page[4096];
    memset(page, 1, sizeof(page));
    snprintf(path, sizeof(path), "%s/sync-probe", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        fail("no file to sync");
    for (int i = 0; i < SYNCS; i++) {
        uint64_t began = bench_now_ns();
        if (pwrite(fd, page, sizeof(page), (i % 64) * (off_t)sizeof(page)) != (ssize_t)sizeof(page) ||
            fdatasync(fd) != 0)
            fail("sync failed");
        histogram_add(histogram, bench_now_ns() - began);
    }
    close(fd);
    unlink(path);
}

static ProtobufCMessage *call(struct clients *clients, struct sp_rpc_client *client, const char *path,
                              const ProtobufCMessage *request, const ProtobufCMessageDescriptor *descriptor) {
    struct sp_bytes packed, reply;
    struct sp_error error = {0};
    ProtobufCMessage *message;
    if (sp_wire_pack(request, &clients->arena, &packed) != SP_OK ||
        sp_rpc_client_call(client, path, packed, &clients->arena, &reply, &error) != SP_OK ||
        sp_wire_unpack_trusted(descriptor, reply, &clients->arena, &message) != SP_OK)
        fail(error.message[0] != '\0' ? error.message : "out of memory");
    return message;
}

static char *plain(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text}; /* packing only reads */
    return cast.out;
}

static Sallyport__V1__Revision *change(struct clients *clients, int i) {
    char name[32];
    char *mask[] = {plain("name")};
    Sallyport__V1__Workspace workspace = SALLYPORT__V1__WORKSPACE__INIT;
    Sallyport__V1__UpdateWorkspaceRequest request = SALLYPORT__V1__UPDATE_WORKSPACE_REQUEST__INIT;
    snprintf(name, sizeof(name), "Change %d", i);
    workspace.id = plain("ws_0");
    workspace.name = name;
    request.workspace = &workspace;
    request.update_mask = mask;
    request.n_update_mask = 1;
    const Sallyport__V1__WorkspaceResponse *reply =
        (const Sallyport__V1__WorkspaceResponse *)call(clients, clients->admin, "/sallyport.v1.Admin/UpdateWorkspace",
                                                       &request.base, &sallyport__v1__workspace_response__descriptor);
    return reply->revision;
}

static void see(struct clients *clients, Sallyport__V1__Revision *revision) {
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = plain("voice");
    ref.id = clients->question.voice;
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = clients->question.key;
    request.ip = clients->question.ip;
    request.resource = &ref;
    request.action = plain(clients->question.action);
    request.min_revision = revision;
    const Sallyport__V1__CheckResponse *reply =
        (const Sallyport__V1__CheckResponse *)call(clients, clients->server, "/sallyport.v1.Authorization/Check",
                                                   &request.base, &sallyport__v1__check_response__descriptor);
    if ((unsigned)reply->reason != (unsigned)clients->question.expected)
        fail("a wrong answer");
}

static struct sp_rpc_client *connect_to(unsigned port, const char *key) {
    char target[32];
    struct sp_rpc_client *client;
    struct sp_error error;
    snprintf(target, sizeof(target), "127.0.0.1:%u", port);
    struct sp_rpc_client_options options = {.target = target, .key = sp_str_from(key)};
    if (sp_rpc_client_open(&options, &client, &error) != SP_OK)
        fail(error.message);
    return client;
}

static void read_key(const char *path, char key[128]) {
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(key, 128, file) == NULL)
        fail("no operator key");
    fclose(file);
    key[strcspn(key, "\n")] = '\0';
}

int main(int argc, char **argv) {
    static struct histogram syncs, changes;
    if (argc != 4)
        fail("usage: commit BIN_DIR WORK_DIR PORT");
    unsigned port = (unsigned)strtoul(argv[3], NULL, 10);
    char store[512], key_file[512], sync_program[512], server_program[512], key[128], listen[2][32];
    snprintf(store, sizeof(store), "%s/commit-store", argv[2]);
    snprintf(key_file, sizeof(key_file), "%s/commit-operator.key", argv[2]);
    snprintf(sync_program, sizeof(sync_program), "%s/sallyport-sync", argv[1]);
    snprintf(server_program, sizeof(server_program), "%s/sallyportd", argv[1]);
    for (unsigned i = 0; i < 2; i++)
        snprintf(listen[i], sizeof(listen[i]), "127.0.0.1:%u", port + i);
    struct world world = {.seed = 1, .keys = 1000};
    struct sp_error error;
    double seconds;
    if (world_write_store(&world, store, key_file, true, NULL, &seconds, &error) != SP_OK)
        fail(error.message);
    read_key(key_file, key);
    measure_sync(argv[2], &syncs);

    sp_rpc_global_init();
    pid_t sync =
        bench_spawn((const char *const[]){sync_program, "serve", "--store", store, "--listen", listen[0], NULL});
    pid_t server = bench_spawn((const char *const[]){server_program, "--store", store, "--listen", listen[1], NULL});
    bench_wait_serving(port, sync);
    bench_wait_serving(port + 1, server);
    struct clients clients = {.admin = connect_to(port, key), .server = connect_to(port + 1, "")};
    if (sp_arena_init(&clients.arena, 1 << 16, 1 << 22) != SP_OK)
        fail("out of memory");
    world_ask(&world, WORLD_ALLOWED, 80, 1, &clients.question);
    for (int i = 0; i < CHANGES; i++) {
        sp_arena_reset(&clients.arena);
        uint64_t began = bench_now_ns();
        see(&clients, change(&clients, i));
        histogram_add(&changes, bench_now_ns() - began);
    }
    sp_rpc_client_close(clients.admin);
    sp_rpc_client_close(clients.server);
    bench_stop(server);
    bench_stop(sync);
    sp_rpc_global_fini();
    sp_arena_fini(&clients.arena);

    double sync_ms = (double)histogram_percentile(&syncs, 50) / 1e6,
           p99_ms = (double)histogram_percentile(&changes, 99) / 1e6;
    double goal_ms = 3 * sync_ms + 2;
    printf("{\"fdatasync_p50_ms\":%.3f,\"fdatasync_p99_ms\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"goal_ms\":%.3f,"
           "\"ratio\":%.3f}\n",
           sync_ms, (double)histogram_percentile(&syncs, 99) / 1e6, (double)histogram_percentile(&changes, 50) / 1e6,
           p99_ms, goal_ms, p99_ms / goal_ms);
    return 0;
}
