#include "support/platform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "grpc/health/v1/health.pb-c.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "wire/wire.h"

enum { MAX_KEYS = 512 };

/* A client is bound to a key, so each key that a test acts with has one. */
struct key_client {
    char key[96];
    struct sp_rpc_client *client;
};

static struct key_client clients[MAX_KEYS];
static size_t client_count;

/* A loopback port that was free a moment ago. */
static unsigned free_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

pid_t platform_spawn(const char *program, const char *log_file, const char *const *arguments) {
    const char *folder = getenv("SP_BIN_DIR");
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : ".", program);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* A test that fails leaves no program behind. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
            _exit(126);
        union {
            const char *const *in;
            char *const *out;
        } words = {arguments}; /* execv only reads them */
        execv(path, words.out);
        _exit(127);
    }
    return pid;
}

int platform_wait(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void read_line(const char *path, char *ret_line, size_t size) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(ret_line, (int)size, file));
    fclose(file);
    ret_line[strcspn(ret_line, "\n")] = '\0';
}

static void print_log(const char *path) {
    FILE *file = fopen(path, "r");
    char line[1024];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        print_message("%s", line);
    if (file != NULL)
        fclose(file);
}

static struct sp_rpc_client *open_client(const char *target, const char *key) {
    struct sp_rpc_client *client;
    struct sp_error error = {0};
    struct sp_rpc_client_options options = {
        .target = target, .key = sp_str_from(key), .timeout_ms = 30000, .max_receive_bytes = 64U << 20};
    if (sp_rpc_client_open(&options, &client, &error) != SP_OK)
        fail_msg("%s", error.message);
    return client;
}

/* A message packed, called, and the reply unpacked into the platform's arena. */
static enum sp_status call(struct platform *platform, struct sp_rpc_client *client, const char *path,
                           const void *request, const ProtobufCMessageDescriptor *reply, void *ret_reply,
                           struct sp_error *ret_error) {
    struct sp_bytes packed, received;
    enum sp_status status = sp_wire_pack(request, &platform->arena, &packed);
    if (status == SP_OK)
        status = sp_rpc_client_call(client, path, packed, &platform->arena, &received, ret_error);
    ProtobufCMessage *message;
    if (status == SP_OK)
        status = sp_wire_unpack(reply, received, &platform->arena, &message, ret_error);
    if (status == SP_OK)
        *(ProtobufCMessage **)ret_reply = message;
    return status;
}

void platform_wait_until_serving(struct platform *platform, const char *target, pid_t pid, const char *log_file) {
    struct sp_rpc_client *client = open_client(target, "");
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    for (int tries = 0; tries < 600; tries++) {
        Grpc__Health__V1__HealthCheckResponse *reply;
        struct sp_error error;
        if (call(platform, client, "/grpc.health.v1.Health/Check", &request,
                 &grpc__health__v1__health_check_response__descriptor, &reply, &error) == SP_OK &&
            reply->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING) {
            sp_rpc_client_close(client);
            return;
        }
        if (waitpid(pid, NULL, WNOHANG) == pid)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
    print_log(log_file);
    fail_msg("the program at %s did not begin to serve", target);
}

static void make_store(struct platform *platform, const char *schema_yaml) {
    char key_file[128], schema_file[128], log_file[128];
    snprintf(key_file, sizeof(key_file), "%s/operator.key", platform->folder);
    snprintf(schema_file, sizeof(schema_file), "%s/schema.yaml", platform->folder);
    snprintf(log_file, sizeof(log_file), "%s/init.log", platform->folder);
    const char *arguments[] = {"sallyport-sync", "init",      "--store", platform->store, "--key-file", key_file,
                               "--schema",       schema_file, NULL};
    if (schema_yaml != NULL) {
        FILE *file = fopen(schema_file, "w");
        assert_non_null(file);
        assert_true(fputs(schema_yaml, file) >= 0);
        assert_int_equal(fclose(file), 0);
    } else {
        arguments[6] = NULL;
    }
    int status = platform_wait(platform_spawn("sallyport-sync", log_file, arguments));
    if (status != 0)
        print_log(log_file);
    assert_int_equal(status, 0);
    read_line(key_file, platform->operator_key, sizeof(platform->operator_key));
}

void platform_start_sync(struct platform *platform) {
    char log_file[128];
    snprintf(log_file, sizeof(log_file), "%s/sync.log", platform->folder);
    const char *arguments[] = {"sallyport-sync",       "serve", "--store", platform->store, "--listen",
                               platform->admin_target, NULL};
    platform->sync_pid = platform_spawn("sallyport-sync", log_file, arguments);
    platform_wait_until_serving(platform, platform->admin_target, platform->sync_pid, log_file);
}

void platform_start_server(struct platform *platform) {
    char log_file[128];
    snprintf(log_file, sizeof(log_file), "%s/server.log", platform->folder);
    const char *arguments[] = {"sallyportd", "--store", platform->store, "--listen", platform->server_target, NULL};
    platform->server_pid = platform_spawn("sallyportd", log_file, arguments);
    platform_wait_until_serving(platform, platform->server_target, platform->server_pid, log_file);
}

void platform_start(struct platform *platform, const char *schema_yaml) {
    memset(platform, 0, sizeof(*platform));
    assert_int_equal(sp_arena_init(&platform->arena, 64 * 1024, (size_t)1 << 30), SP_OK);
    snprintf(platform->folder, sizeof(platform->folder), "/tmp/sallyport-test.XXXXXX");
    assert_non_null(mkdtemp(platform->folder));
    snprintf(platform->store, sizeof(platform->store), "%s/store", platform->folder);
    snprintf(platform->admin_target, sizeof(platform->admin_target), "127.0.0.1:%u", free_port());
    snprintf(platform->server_target, sizeof(platform->server_target), "127.0.0.1:%u", free_port());
    make_store(platform, schema_yaml);
    sp_rpc_global_init();
    platform_start_sync(platform);
    platform_start_server(platform);
    platform->check_client = open_client(platform->server_target, "");
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where) {
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void stop_program(pid_t pid, const char *folder, const char *log_name) {
    assert_int_equal(kill(pid, SIGTERM), 0);
    int status = platform_wait(pid);
    if (status != 0) {
        char log_file[128];
        snprintf(log_file, sizeof(log_file), "%s/%s", folder, log_name);
        print_log(log_file);
    }
    assert_int_equal(status, 0);
}

void platform_stop(struct platform *platform) {
    for (size_t i = 0; i < client_count; i++)
        sp_rpc_client_close(clients[i].client);
    client_count = 0;
    sp_rpc_client_close(platform->check_client);
    stop_program(platform->server_pid, platform->folder, "server.log");
    stop_program(platform->sync_pid, platform->folder, "sync.log");
    sp_rpc_global_fini();
    sp_arena_fini(&platform->arena);
    assert_int_equal(nftw(platform->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static struct sp_rpc_client *client_of(struct platform *platform, const char *key) {
    for (size_t i = 0; i < client_count; i++) {
        if (strcmp(clients[i].key, key) == 0)
            return clients[i].client;
    }
    assert_true(client_count < MAX_KEYS);
    struct key_client *made = &clients[client_count++];
    snprintf(made->key, sizeof(made->key), "%s", key);
    made->client = open_client(platform->admin_target, key);
    return made->client;
}

enum sp_status platform_admin_call(struct platform *platform, const char *key, const char *method, const void *request,
                                   void *ret_reply, struct sp_error *ret_error) {
    const ProtobufCMethodDescriptor *found =
        protobuf_c_service_descriptor_get_method_by_name(&sallyport__v1__admin__descriptor, method);
    assert_non_null(found);
    assert_ptr_equal(found->input, ((const ProtobufCMessage *)request)->descriptor);
    char path[96];
    snprintf(path, sizeof(path), "/sallyport.v1.Admin/%s", method);
    return call(platform, client_of(platform, key), path, request, found->output, ret_reply, ret_error);
}

Sallyport__V1__ImportResponse *platform_import(struct platform *platform, Sallyport__V1__ImportRecord **records,
                                               size_t count) {
    Sallyport__V1__ImportRequest request = SALLYPORT__V1__IMPORT_REQUEST__INIT;
    request.records = records;
    request.n_records = count;
    struct sp_bytes packed, received;
    struct sp_rpc_stream *stream;
    struct sp_error error = {0};
    ProtobufCMessage *response = NULL;
    assert_int_equal(sp_wire_pack(&request.base, &platform->arena, &packed), SP_OK);
    struct sp_rpc_client *client = client_of(platform, platform->operator_key);
    enum sp_status status = sp_rpc_stream_open(client, "/sallyport.v1.Admin/Import", &stream, &error);
    assert_int_equal(status, SP_OK);
    if (sp_rpc_stream_send(stream, packed, &error) != SP_OK || sp_rpc_stream_done_sending(stream, &error) != SP_OK ||
        sp_rpc_stream_receive(stream, &platform->arena, &received, &error) != SP_OK ||
        sp_wire_unpack(&sallyport__v1__import_response__descriptor, received, &platform->arena, &response, &error) !=
            SP_OK)
        fail_msg("import: %s", error.message);
    struct sp_bytes none;
    assert_int_equal(sp_rpc_stream_receive(stream, &platform->arena, &none, &error), SP_ERR_OUT_OF_RANGE);
    sp_rpc_stream_close(stream);
    return (Sallyport__V1__ImportResponse *)response;
}

/* protobuf-c's messages hold plain pointers; nothing here writes through them. */
static char *unconst(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {text};
    return cast.out;
}

Sallyport__V1__CheckResponse *platform_check(struct platform *platform, const char *key, const char *ip,
                                             const char *type, const char *resource, const char *action,
                                             const char *workspace) {
    Sallyport__V1__CheckRequest request = SALLYPORT__V1__CHECK_REQUEST__INIT;
    Sallyport__V1__ResourceRef ref = SALLYPORT__V1__RESOURCE_REF__INIT;
    ref.type = unconst(type);
    ref.id = unconst(resource);
    request.credential_case = SALLYPORT__V1__CHECK_REQUEST__CREDENTIAL_API_KEY;
    request.api_key = unconst(key);
    request.ip = unconst(ip);
    request.resource = &ref;
    request.action = unconst(action);
    request.workspace = unconst(workspace);
    Sallyport__V1__CheckResponse *reply = NULL;
    struct sp_error error = {0};
    if (call(platform, platform->check_client, "/sallyport.v1.Authorization/Check", &request,
             &sallyport__v1__check_response__descriptor, &reply, &error) != SP_OK)
        fail_msg("Check: %s: %s", sp_status_name(error.status), error.message);
    return reply;
}

Sallyport__V1__Permissions *platform_permissions(struct platform *platform, bool all, char (*names)[72], size_t count) {
    Sallyport__V1__Permissions *made = sp_arena_calloc(&platform->arena, 1, sizeof(*made));
    assert_non_null(made);
    sallyport__v1__permissions__init(made);
    made->all = all;
    made->names = platform_texts(platform, names, sizeof(*names), all ? 0 : count);
    made->n_names = all ? 0 : count;
    return made;
}

char **platform_texts(struct platform *platform, const void *table, size_t width, size_t count) {
    char **texts = sp_arena_calloc(&platform->arena, count + 1, sizeof(*texts));
    assert_non_null(texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = sp_arena_strdup(&platform->arena, sp_str_from((const char *)table + i * width));
        assert_non_null(texts[i]);
    }
    return texts;
}
