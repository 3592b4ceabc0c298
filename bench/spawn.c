#include "spawn.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "grpc/health/v1/health.pb-c.h"
#include "rpc/client.h"
#include "wire/wire.h"

uint64_t bench_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

pid_t bench_spawn(const char *const *words) {
    /* Any free port, unless the environment names one. */
    (void)setenv("SALLYPORTD_HTTP_LISTEN", "127.0.0.1:0", 0);
    (void)setenv("SALLYPORT_SYNC_HTTP_LISTEN", "127.0.0.1:0", 0);
    (void)setenv("SALLYPORTD_METRICS_LISTEN", "127.0.0.1:0", 0);
    (void)setenv("SALLYPORT_SYNC_METRICS_LISTEN", "127.0.0.1:0", 0);
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        union {
            const char *const *in;
            char *const *out;
        } arguments = {words}; /* execv only reads them */
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
            _exit(126);
        execv(words[0], arguments.out);
        _exit(127);
    }
    return pid;
}

static bool accepts_connections(unsigned port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static bool is_serving(struct sp_rpc_client *client, struct sp_arena *arena) {
    static const struct sp_bytes empty = {NULL, 0}; /* a HealthCheckRequest for the whole server */
    struct sp_bytes reply;
    struct sp_error error;
    ProtobufCMessage *message;
    sp_arena_reset(arena);
    return sp_rpc_client_call(client, "/grpc.health.v1.Health/Check", empty, arena, &reply, &error) == SP_OK &&
           sp_wire_unpack_trusted(&grpc__health__v1__health_check_response__descriptor, reply, arena, &message) ==
               SP_OK &&
           ((const Grpc__Health__V1__HealthCheckResponse *)message)->status ==
               GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

static void exit_without_server(unsigned port) {
    fprintf(stderr, "no server became ready at 127.0.0.1:%u\n", port);
    exit(2);
}

void bench_wait_serving(unsigned port, pid_t pid) {
    uint64_t until = bench_now_ns() + 10000000000U;
    char target[32];
    struct sp_arena arena;
    struct sp_rpc_client *client = NULL;
    struct sp_error error;
    snprintf(target, sizeof(target), "127.0.0.1:%u", port);
    /* gRPC waits a second after a refused connection, so the socket is asked first. */
    while (!accepts_connections(port)) {
        if (bench_now_ns() > until || waitpid(pid, NULL, WNOHANG) == pid)
            exit_without_server(port);
        usleep(500);
    }
    struct sp_rpc_client_options options = {.target = target, .timeout_ms = 1000};
    if (sp_arena_init(&arena, 4096, 65536) != SP_OK || sp_rpc_client_open(&options, &client, &error) != SP_OK)
        exit_without_server(port);
    while (!is_serving(client, &arena)) {
        if (bench_now_ns() > until)
            exit_without_server(port);
        usleep(500);
    }
    sp_rpc_client_close(client);
    sp_arena_fini(&arena);
}

void bench_stop(pid_t pid) {
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

double bench_cpu_s(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
    DIR *tasks = pid > 0 ? opendir(path) : NULL;
    if (tasks == NULL)
        return -1;
    double sum_ns = 0;
    struct dirent *task;
    while ((task = readdir(tasks)) != NULL) {
        char line[128] = "";
        snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/schedstat", (long)pid, task->d_name);
        FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file != NULL && fgets(line, sizeof(line), file) != NULL)
            sum_ns += strtod(line, NULL);
        if (file != NULL)
            fclose(file);
    }
    closedir(tasks);
    return sum_ns / 1e9;
}

uint64_t bench_private_bytes(pid_t pid) {
    char path[64], line[128];
    unsigned long long kib = 0;
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return 0;
    while (kib == 0 && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0)
            kib = strtoull(line + 8, NULL, 10);
    }
    fclose(file);
    return kib * 1024;
}
